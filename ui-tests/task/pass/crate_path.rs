//! A crate that renames or re-exports millrun says where it is.
#![deny(warnings)]

pub extern crate millrun as run;

mod facade {
    pub use run as engine;
}

#[run::task(crate = run)]
pub fn renamed(x: u32) -> u32 {
    x
}

#[facade::engine::task(crate = crate::facade::engine, retries = 1, timeout = "1s")]
pub async fn reexported(x: &str) -> usize {
    x.len()
}

#[facade::engine::flow(crate = facade::engine)]
pub fn flow(x: u32) {
    let _ = x;
}

fn main() {
    drop(renamed(1));
    drop(flow(1));
}

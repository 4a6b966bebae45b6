#![deny(warnings)]

use millrun::prelude::*;


#[task]
fn save(x: u64) {
    let _ = x;
}

#[flow]
fn etl() {
    save(1);
    save.submit(2);
    save.map([3, 4]);
}

fn main() {
    etl();
}

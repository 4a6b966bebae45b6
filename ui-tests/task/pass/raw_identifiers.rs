//! Raw identifiers lose their `r#` wherever they are shown.
#![deny(warnings)]

use millrun::prelude::*;

#[task(task_run_name = "{type} of {match:?}")]
pub fn r#move(r#type: String, r#match: &u8) -> String {
    let _ = r#match;
    r#type
}

#[flow(flow_run_name = "{type}")]
pub fn r#loop(r#type: String) {
    drop(r#move(r#type, &1));
}

fn main() {
    drop(r#loop("x".into()));
}

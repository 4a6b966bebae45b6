use std::borrow::Cow;

use millrun::prelude::*;


#[flow]
fn text(month: &str) {
    let _ = month;
}

#[flow]
async fn nested(months: Vec<&str>) {
    drop(months);
}

#[flow]
fn lifetime(month: Cow<'_, str>) {
    drop(month);
}

fn main() {
    drop(text("x"));
}

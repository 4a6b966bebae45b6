use millrun::prelude::*;

#[flow]
fn etl(month: String) {
    drop(month);
}

fn main() {
    drop(etl.with_name("monthly")("x".to_owned()));
}

use millrun::prelude::*;

fn etl(month: String) -> usize {
    month.len()
}

#[task]
fn fetch() -> u32 {
    1
}

fn main() {
    drop(etl.start("x"));
    drop(fetch.start());
    drop(etl.with_retries(3));
}

use millrun::prelude::*;

struct Page;

#[flow]
fn etl(page: Page) {
    drop(page);
}

fn main() {
    drop(etl.with_retries(3).start(Page));
    drop(etl(Page).with_retries(3));
}

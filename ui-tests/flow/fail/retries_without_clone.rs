use millrun::prelude::*;


struct Page;

#[flow(retries = 1)]
fn etl(page: Page) {
    drop(page);
}

fn main() {}

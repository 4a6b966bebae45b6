use millrun::prelude::*;


struct Page;

#[task]
fn read(page: Page) {
    drop(page);
}

fn main() {
    drop(read.with_retries(3).submit(Page));
}

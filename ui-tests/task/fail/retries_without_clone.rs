use millrun::prelude::*;


struct Page;

#[task(retries = 1)]
fn owned(count: u32, page: Page) -> u32 {
    drop(page);
    count
}

// What is borrowed needs nothing.
#[task(retries = 1)]
fn borrowed(page: &Page) {
    let _ = page;
}

fn main() {
    drop(borrowed(&Page));
    drop(owned(1, Page));
}

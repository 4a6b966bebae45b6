use millrun::prelude::*;


struct Page;

#[task]
fn fetch() -> Page {
    Page
}

#[task]
fn read(page: Page) {
    drop(page);
}

fn main() {
    let page = fetch.submit();
    drop(read.submit(&page));
}

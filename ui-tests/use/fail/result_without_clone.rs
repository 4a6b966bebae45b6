use millrun::prelude::*;

struct Page;

#[task]
async fn fetch() -> Page {
    Page
}

async fn awaited() {
    let _ = fetch.submit().await;
}

fn main() {
    let _ = fetch.submit().result();
    let _ = awaited();
}

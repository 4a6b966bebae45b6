use millrun::prelude::*;

struct Page;

#[task(persist_result)]
fn fetch(url: String) -> Result<Page, std::io::Error> {
    let _ = url;
    Ok(Page)
}

fn main() {}

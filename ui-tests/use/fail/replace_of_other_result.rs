use millrun::prelude::*;

#[task]
fn fetch(url: String) -> u64 {
    url.len() as u64
}

#[task]
fn fake_fetch(url: String) -> String {
    url
}

#[flow]
fn etl() -> Result<u64, FlowError> {
    Ok(fetch.submit("a").result()?)
}

fn main() {
    drop(etl().replace(fetch, fake_fetch).result());
}

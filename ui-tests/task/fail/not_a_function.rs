use millrun::prelude::*;


#[task]
struct Fetch {
    url: String,
}

#[task]
const URL: &str = "x";

#[task(retires = 3)]
mod tasks {}

trait Fetching {
    #[task]
    fn fetch(url: String) -> String;
}

fn main() {
    drop(Fetch { url: URL.into() }.url);
}

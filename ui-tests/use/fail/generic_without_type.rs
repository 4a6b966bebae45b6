use millrun::prelude::*;


#[task]
fn parse<T: std::str::FromStr + Send + Sync + 'static>(text: String) -> Option<T> {
    text.parse().ok()
}

fn main() {
    drop(parse.submit("1"));
}

use millrun::prelude::*;

fn key_of(url: &str) -> String {
    url.to_owned()
}

fn key_of_two(url: &str, n: &u32) -> Option<String> {
    Some(format!("{url}{n}"))
}

#[task(cache_key = key_of)]
fn without_option(url: String) {
    drop(url);
}

#[task(cache_key = key_of_two)]
fn of_one(url: String) {
    drop(url);
}

fn main() {}

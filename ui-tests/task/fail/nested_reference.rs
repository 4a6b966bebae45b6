use millrun::prelude::*;


#[task]
fn option(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

#[task]
fn slice(texts: &[&str]) -> usize {
    texts.len()
}

#[task]
fn tuple(pair: (u32, &Vec<u8>)) -> u32 {
    pair.0
}

#[task]
fn twice(text: &&str) -> usize {
    text.len()
}

fn main() {
    drop(option(None));
    drop(slice(&["x"]));
}

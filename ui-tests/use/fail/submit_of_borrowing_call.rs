use millrun::prelude::*;


#[task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    let text = String::from("x");
    drop(length(&text).submit());
}

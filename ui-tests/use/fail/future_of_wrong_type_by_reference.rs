use millrun::prelude::*;

#[task]
fn number() -> u64 {
    1
}

#[task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    let number = number.submit();
    drop(length.submit(&number));
}

use millrun::prelude::*;


#[task]
fn push(values: &mut Vec<u32>, value: u32) {
    values.push(value);
}

#[task]
fn fill(text: &mut str) {
    text.make_ascii_lowercase();
}

fn main() {
    drop(push(&mut vec![], 1));
}

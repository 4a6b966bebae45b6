use millrun::prelude::*;


#[task]
fn show(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn main() {
    drop(show(1));
}

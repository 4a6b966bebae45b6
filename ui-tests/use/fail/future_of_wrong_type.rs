use millrun::prelude::*;

#[task]
fn square(x: u64) -> u64 {
    x * x
}


#[task]
fn name() -> String {
    "x".into()
}

fn main() {
    let name = name.submit();
    drop(square.submit(&name));
}

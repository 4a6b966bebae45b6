use millrun::prelude::*;

#[task(plan_value = 3)]
fn read(path: String) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

#[task(plan_value)]
fn valueless() -> u32 {
    1
}

#[flow(plan_value = 3)]
fn planned() -> u32 {
    1
}

fn main() {}

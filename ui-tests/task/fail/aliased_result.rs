use millrun::prelude::*;


type Fallible<T> = Result<T, TaskError>;

#[task]
fn fetch(url: String) -> Fallible<String> {
    Ok(url)
}

fn main() {
    drop(fetch("x".into()));
}

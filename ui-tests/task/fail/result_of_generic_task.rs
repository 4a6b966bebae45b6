use millrun::prelude::*;

#[task(persist_result, cache_policy = TaskSource)]
fn same<T: Send + Sync + 'static>(value: T) -> T {
    value
}

fn main() {}

use millrun::prelude::*;

struct Page;

#[flow(persist_result)]
fn fetch() -> Result<Page, FlowError> {
    Ok(Page)
}

#[flow(persist_result = false, result_serializer = json, cache_policy = Inputs)]
fn kept_or_not() {}

fn main() {}

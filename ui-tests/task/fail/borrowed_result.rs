use millrun::prelude::*;


use std::borrow::Cow;

#[task]
fn first(text: &str) -> &str {
    &text[..1]
}

#[task]
fn inside<'a>(texts: &'a [String]) -> Result<Vec<&'a str>, TaskError> {
    Ok(texts.iter().map(String::as_str).collect())
}

#[task]
fn lifetime(text: &str) -> Cow<'_, str> {
    text.into()
}

fn main() {
    drop(first("x"));
    drop(lifetime("x"));
}

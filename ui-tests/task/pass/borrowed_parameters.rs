//! Parameters that borrow, in all the ways in which they may.
#![deny(warnings)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::path::Path;

use millrun::prelude::*;

#[task]
pub fn one(text: &str) -> usize {
    text.len()
}

#[task]
pub async fn several(text: &str, numbers: &[u64], path: &Path, map: &HashMap<String, u32>) -> usize {
    text.len() + numbers.len() + map.len() + path.as_os_str().len()
}

#[task]
pub fn named<'a, 'b: 'a>(left: &'a str, right: &'b str) -> String {
    let longer: &'a str = if left.len() > right.len() { left } else { right };
    longer.to_owned()
}

#[task]
pub fn mixed(mut count: u64, text: &str, label: &'static str) -> String {
    count += 1;
    format!("{text}{label}{count}")
}

#[task]
pub fn in_a_type(text: Cow<'_, str>) -> String {
    text.into_owned()
}

#[task]
pub fn object(value: &(dyn Debug + Send + Sync)) -> String {
    format!("{value:?}")
}

#[task]
pub fn function(f: fn(&str) -> usize, g: Box<dyn Fn(&str) -> &str + Send>) -> usize {
    f(g("x"))
}

#[task]
pub async fn recursive(text: &str, n: u32) -> Result<usize, TaskError> {
    if n == 0 {
        return Ok(text.len());
    }
    let submitted = recursive.submit("x", n - 1);
    Ok(recursive(text, n - 1).await? + submitted.await?)
}

fn main() {
    let text = String::from("x");
    drop(one(&text));
    drop(several(&text, &[1], Path::new("x"), &HashMap::new()));
    drop(named(&text, "y"));
    drop(mixed(1, &text, "y"));
    drop(in_a_type(Cow::Borrowed(&text)));
    drop(object(&1));
    drop(function(str::len, Box::new(|x| x)));
    drop(recursive(&text, 1));
}

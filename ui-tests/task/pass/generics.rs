//! Type and const parameters, whatever they are called.
#![deny(warnings)]

use std::fmt::{Debug, Display};

use millrun::prelude::*;

#[task]
pub fn show<V: Debug + Send + 'static>(value: V) -> String {
    format!("{value:?}")
}

#[task(retries = 1)]
pub fn parse<Row>(text: String) -> Result<Row, Row::Err>
where
    Row: std::str::FromStr + Send + Sync + 'static,
    Row::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
}

#[task]
pub fn first<const N: usize, T: Clone + Send + Sync + 'static>(values: &[T; N]) -> Option<T> {
    values.first().cloned()
}

#[task(task_run_name = "{value}")]
pub async fn borrowed<T>(value: &T, times: usize) -> usize
where
    T: Display + Send + Sync + 'static,
{
    value.to_string().len() * times
}

#[task(retries = 2)]
pub fn ours<P, K, F, A, E, M>(p: P, k: K, f: F, a: A, e: E, m: M) -> u8
where
    P: Clone + Send + 'static,
    K: Clone + Send + 'static,
    F: Clone + Send + 'static,
    A: Clone + Send + 'static,
    E: Clone + Send + 'static,
    M: Clone + Send + 'static,
{
    let _ = (p, k, f, a, e, m);
    0
}

fn main() {
    drop(show(1));
    drop(parse::<u8>("1".into()));
    drop(first(&[1, 2]));
    drop(borrowed(&1, 1));
    drop(ours(1, 2, 3, 4, 5, 6));
}

//! What a task may return.
#![deny(warnings)]

use std::fmt;

use millrun::prelude::*;

#[task]
pub fn nothing() {}

#[task]
pub async fn unit() -> () {}

#[task]
pub fn tuple() -> (u32, Vec<String>) {
    (1, vec![])
}

#[task]
pub fn plain_result() -> Result<u32, String> {
    Ok(1)
}

#[task]
pub fn result_of_a_module() -> std::io::Result<Vec<u8>> {
    Ok(vec![])
}

#[task]
pub fn result_without_arguments() -> fmt::Result {
    Ok(())
}

#[task]
pub fn boxed_error() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    Ok("1".parse()?)
}

pub struct Mine;

#[task]
pub fn own_type() -> Mine {
    Mine
}

#[task]
pub fn option() -> Option<&'static str> {
    None
}

#[task(retries = 1)]
#[allow(clippy::too_many_arguments)]
pub fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l
}

#[task(retries = 1)]
pub fn one(a: u8) -> u8 {
    a
}

fn main() {}

#![allow(unused_variables)]

use millrun::prelude::*;

#[task(cache_key = "rows/{ulr}")]
fn misspelt(url: &str) {}

#[task(result_storage_key = "{flow}/{dat:%Y}.json")]
fn unknown(url: &str) {}

#[task(cache_key = "{date:%Y-%Q1}/{today:%!}")]
fn of_wrong_time() {}

#[task(cache_key = "/rows/{url}")]
fn of_a_root(url: &str) {}

#[task(result_storage_key = "{parameters}")]
fn of_all(url: &str) {}

#[task(result_storage_key = "{date}/{url}")]
fn named_like_a_known_name(date: String, url: &str) {}

#[task(cache_key = 3)]
fn of_a_number() {}

fn main() {}

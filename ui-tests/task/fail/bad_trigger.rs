use millrun::prelude::*;


#[task(trigger = all_finnished)]
fn near() {}

#[task(trigger = some_failed)]
fn without_amounts() {}

#[task(trigger = all_failed(1..))]
fn with_amounts() {}

#[task(trigger = some_failed(2))]
fn no_range() {}

#[task(trigger = some_failed(..))]
fn no_end() {}

#[task(trigger = some_failed(3..1))]
fn empty() {}

#[task(trigger = some_successful(0.5..=1.5))]
fn share() {}

#[task(trigger = 3)]
fn number() {}

fn main() {}

//! Every trigger.
#![deny(warnings)]

use millrun::prelude::*;

#[task(trigger = all_successful)]
pub fn all_successful() {}

#[task(trigger = all_failed)]
pub fn all_failed() {}

#[task(trigger = any_successful)]
pub fn any_successful() {}

#[task(trigger = any_failed)]
pub fn any_failed() {}

#[task(trigger = all_finished)]
pub fn all_finished(outcome: Result<String, TaskError>) {
    drop(outcome);
}

#[task(trigger = always_run)]
pub fn always_run() {}

#[task(trigger = not_all_skipped)]
pub fn not_all_skipped() {}

#[task(trigger = some_failed(2..))]
pub fn some_failed() {}

#[task(trigger = some_successful(..0.5))]
pub fn some_successful() {}

#[task(trigger = some_successful(1..=0.5))]
pub fn mixed_amounts() {}

#[task(trigger = two_of_three)]
pub fn custom() {}

#[task(trigger = self::two_of_three)]
pub fn custom_by_path() {}

fn two_of_three(_: &[Upstream]) -> Decision {
    Decision::Run
}

fn main() {}

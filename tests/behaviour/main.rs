//! What tasks and flows do, through the public interface.
#![allow(clippy::needless_pass_by_value, reason = "tasks own what they are given")]
#![allow(clippy::unused_async, reason = "tests of async tasks that need not wait for anything")]

mod auto_traits;
mod borrowed;
mod calls;
mod cancelling;
mod configured;
mod containers;
mod context;
mod flows;
mod futures;
mod gate;
mod ids;
mod inference;
mod lists;
mod map_failures;
mod map_futures;
mod map_window;
mod mapping;
mod outcomes;
mod reports;
mod single_threaded;
mod states;
mod tags;
mod upstream_failure;
mod values;
mod waiting;
mod zero_copy;

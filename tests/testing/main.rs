//! What stands for tasks in tests of flows.

#![allow(clippy::unused_async, reason = "async tasks that have nothing to await are tested too")]

mod debugging;
mod kit;
mod lives;
mod mocks;
mod nothing_kept;
mod plans;

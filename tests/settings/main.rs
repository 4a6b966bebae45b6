//! What belongs to a process: its settings, its engine, its logs. Each test has a process of its own.

#![allow(clippy::needless_pass_by_value, reason = "tasks take what they are given by value")]

mod alone;

mod file;
mod installing;
mod logs;
mod precedence;
mod results;
mod variables;

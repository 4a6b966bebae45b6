//! The job behind `cargo run --release --example flights`: three CSV files in, a denormalized table and a report out.
//!
//! Start with [`flow`]: it holds the tasks and the flow that joins them. Every other module is plain Rust that knows
//! nothing of Millrun: what is read ([`csv_file`], [`flight`], [`airport`], [`airline`]), what is made of it
//! ([`denormalize`], [`delay`], [`report`]), and where it is written ([`working_folder`]).

pub mod airline;
pub mod airport;
pub mod arguments;
pub mod csv_file;
pub mod delay;
pub mod denormalize;
pub mod error;
pub mod flight;
pub mod flow;
pub mod report;
pub mod working_folder;

//! Runners, built in and from outside of the crate, put through the conformance suite and their own rules.

mod conformance;
#[path = "../behaviour/gate.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod gate;
mod let_go;
mod lifecycle;
mod line;
mod outside;
mod rayon_pool;
mod runtimes;

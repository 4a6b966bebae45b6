//! Owners: the engines whose runs are under way.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An engine with a store, in a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its id, another for each engine.
    pub id: Uuid,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When the process began, as the system counts it: another process of that number has another.
    pub started: u64,
    /// Until when it is taken to be alive.
    pub lease: SystemTime,
}

//! What tests count and list: calls of bodies and hooks, and the names of a run's states.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use millrun::prelude::*;

/// A count of calls. Clones are the same count.
#[derive(Clone, Default)]
pub(crate) struct Calls(pub(crate) Arc<AtomicU32>);

impl Calls {
    /// Counts a call; gives its number, from 1.
    pub(crate) fn add(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A list of what happened, in order. Clones are the same list.
#[derive(Clone, Default)]
pub(crate) struct Notes(pub(crate) Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The names of states, in order.
pub(crate) fn names(states: &[State]) -> Vec<String> {
    states.iter().map(|state| state.name.to_string()).collect()
}

/// An engine whose clock the test moves.
pub(crate) fn timed_engine() -> (Engine, Clock) {
    let clock = Clock::manual();
    (Engine::builder().clock(clock.clone()).build(), clock)
}

/// An error of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oops(pub(crate) u32);

impl std::fmt::Display for Oops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl std::error::Error for Oops {}

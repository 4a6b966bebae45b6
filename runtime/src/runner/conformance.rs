//! The suite that every task runner has to pass.
//!
//! ```
//! use millrun::prelude::*;
//! use millrun::runner::conformance;
//!
//! # fn main() {
//! conformance::check(|| ThreadPoolTaskRunner::new(2));
//! # }
//! ```
//!
//! Each [`Property`] is one thing that the engine relies on, checked with runners that are made for it: once in a row by
//! [`check`], or one by one, from [`PROPERTIES`] or by the functions of this module. A property that does not hold panics; one
//! that hangs panics after a minute, which leaves its threads behind.
//!
//! Nothing here waits for a time to pass, so a runner passes or it does not.

mod execution;
mod gate;
mod lifecycle;
mod nesting;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::TaskRunner;
use crate::engine::Engine;
use crate::error::panic_message;

pub use execution::{
    every_run_executes_once_and_ends, failed_runs_are_executed_again, maps_keep_their_order,
    no_run_begins_before_its_upstreams_have_ended, panics_never_take_the_runner_down,
    runs_are_told_who_they_are, values_and_errors_come_back,
};
pub use lifecycle::{
    cancelled_runs_never_begin, dropped_runs_are_cancelled, executing_async_runs_can_be_cancelled,
    names_itself, refuses_a_second_start, refuses_work_before_start, shutdown_cancels_what_has_not_begun,
    shutdown_lets_what_executes_end,
};
pub use nesting::{
    long_chains_end, runs_may_wait_for_runs_that_are_not_ready, runs_may_wait_for_their_own_runs,
    runs_nest_deep, single_threaded_runtimes_are_served,
};

/// Makes the runners that are checked, each for one engine.
pub type NewRunner = dyn Fn() -> Arc<dyn TaskRunner> + Send + Sync;

/// How long a property may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// One thing that the engine relies on.
#[derive(Clone, Copy)]
pub struct Property {
    name: &'static str,
    holds: fn(&NewRunner),
}

impl Property {
    /// What it says, as a sentence in `snake_case`: the name of the function in this module.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Checks it, with runners made by `new_runner`.
    ///
    /// # Panics
    /// Panics if it does not hold, or hangs.
    pub fn check<R: TaskRunner + 'static>(&self, new_runner: impl Fn() -> R + Send + Sync + 'static) {
        let (done, ended) = mpsc::channel();
        let holds = self.holds;
        let checking = std::thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            let new_runner = move || -> Arc<dyn TaskRunner> { Arc::new(new_runner()) };
            let _ = done.send(catch_unwind(AssertUnwindSafe(|| holds(&new_runner))));
        });
        assert!(checking.is_ok(), "no thread could be started to check `{}`", self.name);
        match ended.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => panic!("`{}` does not hold: {}", self.name, said(&*panic)),
            Err(mpsc::RecvTimeoutError::Timeout | mpsc::RecvTimeoutError::Disconnected) => {
                panic!("`{}` hangs: it has not ended within {} s", self.name, PATIENCE.as_secs())
            }
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    panic_message(panic)
}

impl std::fmt::Debug for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Property").field(&self.name).finish()
    }
}

macro_rules! properties {
    ($($name:ident,)*) => {
        /// All of them.
        pub const PROPERTIES: &[Property] = &[$(Property { name: stringify!($name), holds: $name },)*];
    };
}

properties! {
    names_itself,
    refuses_work_before_start,
    refuses_a_second_start,
    every_run_executes_once_and_ends,
    values_and_errors_come_back,
    panics_never_take_the_runner_down,
    failed_runs_are_executed_again,
    no_run_begins_before_its_upstreams_have_ended,
    maps_keep_their_order,
    runs_are_told_who_they_are,
    runs_may_wait_for_their_own_runs,
    runs_may_wait_for_runs_that_are_not_ready,
    runs_nest_deep,
    long_chains_end,
    single_threaded_runtimes_are_served,
    cancelled_runs_never_begin,
    executing_async_runs_can_be_cancelled,
    dropped_runs_are_cancelled,
    shutdown_cancels_what_has_not_begun,
    shutdown_lets_what_executes_end,
}

/// Checks all properties, with runners made by `new_runner`.
///
/// # Panics
/// Panics at the first that does not hold, or hangs: says which, and what was found.
pub fn check<R: TaskRunner + 'static>(new_runner: impl Fn() -> R + Send + Sync + 'static) {
    let new_runner = Arc::new(new_runner);
    for property in PROPERTIES {
        let new_runner = new_runner.clone();
        property.check(move || new_runner());
    }
}

/// An engine on that runner, which no settings of the environment touch.
fn engine_on(runner: Arc<dyn TaskRunner>) -> Engine {
    Engine::builder().task_runner(runner).default_retries(0).build()
}

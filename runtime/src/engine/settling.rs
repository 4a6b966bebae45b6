//! Between the verdict about a run and its end: recorded first, where it is recorded, then settled.

use std::sync::Arc;

use super::attempt::cancelled;
use super::finish::{end_settled, name_of};
use super::signal;
use crate::body::{Erased, Outcome};
use crate::clock::Nanos;
use crate::error::TaskError;
use crate::panic::drop_caught;
use crate::run::{Run, Slot, Stop, state_of};
use crate::state::StateName;

/// A run of which it is known how it ends: it is settled, and ends, when this is dropped.
pub(super) struct Settling {
    pub(super) run: Arc<Run>,
    /// There until it is settled.
    pub(super) outcome: Option<Outcome>,
    pub(super) said: Option<&'static str>,
    pub(super) causes: Vec<Arc<Run>>,
    /// The name of its state if it ends well.
    pub(super) success: StateName,
    pub(super) stop: Stop,
    /// When, where that was recorded.
    pub(super) settled: Option<Nanos>,
    /// Its hooks are called.
    pub(super) is_told: bool,
}

impl Settling {
    pub(super) fn value(&self) -> Option<&Erased> {
        self.outcome.as_ref()?.as_ref().ok()
    }

    pub(super) fn error(&self) -> Option<&TaskError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    /// The name of the state that it is to end in.
    pub(super) fn name(&self) -> StateName {
        self.error().map_or(self.success, state_of)
    }

    /// The message of its state, if it ends well.
    pub(super) fn said(&self) -> Option<&'static str> {
        self.said.filter(|_| self.value().is_some())
    }

    /// It ends like this since that time, which is recorded.
    pub(super) fn at(&mut self, time: Nanos) {
        self.settled = Some(time);
    }

    /// It ends with that error.
    pub(super) fn instead(&mut self, error: TaskError) {
        let error = error.of_run(self.run.id(), || self.run.name());
        drop_caught(self.outcome.replace(Err(error)));
    }

    /// Settles it, and ends it after its hooks.
    pub(super) fn settle(self) {
        drop(self);
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let run = &self.run;
        let said = self.said();
        let mut left = self.outcome.take();
        let now = self.settled.unwrap_or_else(|| run.scope.engine.clock().nanos());
        let mut name = StateName::Completed;
        let before = run.cell.settle(|inner| {
            let outcome = match left.take() {
                // Marked between these two moments, and not recorded yet.
                outcome
                    if inner.stop == Stop::Crash && self.stop != Stop::Crash && self.settled.is_none() =>
                {
                    left = outcome;
                    Err(signal::crashed())
                }
                Some(outcome) => outcome,
                None => Err(cancelled()),
            };
            name = name_of(&outcome, self.success);
            inner.enter(name, now, said, None);
            match outcome {
                Ok(value) => Slot::Value(value),
                Err(error) => Slot::Error(error),
            }
        });
        if left.is_some() {
            drop_caught(left);
        }
        drop_caught(before);
        end_settled(run, name, std::mem::take(&mut self.causes), self.is_told);
    }
}

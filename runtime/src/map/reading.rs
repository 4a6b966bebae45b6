//! What can be read of a map: its runs, how they ended, and who still can read them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::MapGroup;
use crate::body::{Erased, Outcome};
use crate::error::TaskError;
use crate::future::Reader;
use crate::input::Node;
use crate::panic::drop_each_caught;
use crate::run::Run;

impl MapGroup {
    pub(crate) fn name(&self) -> String {
        let task = self.task_name();
        if self.ordinal == 0 { task } else { format!("{task}-{}", self.ordinal) }
    }

    /// The name of its task, which its options may have changed.
    pub(crate) fn task_name(&self) -> String {
        let own = self.options.as_ref().and_then(|options| options.name.as_deref());
        own.unwrap_or(self.spec.name).to_owned()
    }

    /// How many runs have been made.
    pub(crate) fn made(&self) -> usize {
        self.inner.lock().runs.len()
    }

    /// Whether the run of the element has been made.
    pub(crate) fn has(&self, element: usize) -> bool {
        let inner = self.inner.lock();
        element < inner.runs.len() || inner.length.is_some_and(|length| element >= length)
    }

    /// What has to end before the length is known, or before the last runs can be made.
    pub(crate) fn awaited(&self) -> Vec<Node> {
        let inner = self.inner.lock();
        let upstream = inner.upstream.iter().cloned().map(Node::Map);
        inner.awaited.iter().cloned().chain(upstream).collect()
    }

    /// Why awaiting all fails, as far as is known.
    pub(crate) fn first_error(&self) -> Option<TaskError> {
        if let Some(unknown) = self.unknown() {
            return Some(unknown);
        }
        let inner = self.inner.lock();
        if let Some(failure) = &inner.failure {
            return Some(failure.clone());
        }
        // In input order among those that have ended.
        if inner.done && inner.failed.is_some() {
            return inner.runs.iter().find_map(|run| run.error());
        }
        inner.failed.and_then(|failed| inner.runs.get(failed)).and_then(|run| run.error())
    }

    /// All its runs count as seen, those to come too.
    pub(crate) fn mark_seen(&self) {
        let mut inner = self.inner.lock();
        inner.seen = true;
        if inner.done && inner.failed.is_none() && inner.failure.is_none() {
            // There is nothing to be seen.
            return;
        }
        for run in &inner.runs {
            run.mark_seen();
        }
    }

    /// The runs that were made and have not ended.
    pub(crate) fn open_runs(&self) -> Vec<Arc<Run>> {
        let inner = self.inner.lock();
        if inner.done {
            return Vec::new();
        }
        inner.runs.iter().filter(|run| !run.has_ended()).cloned().collect()
    }

    /// The runs made so far: all of them, once the map is done.
    pub(crate) fn runs(&self) -> Vec<Arc<Run>> {
        self.inner.lock().runs.clone()
    }

    /// The run of an element, where it has been made.
    pub(crate) fn run(&self, element: usize) -> Option<Arc<Run>> {
        let inner = self.inner.lock();
        if inner.failure.is_some() { None } else { inner.runs.get(element).cloned() }
    }

    /// A reader of an element. The only handle of a map hands its own over: who takes the result then has it alone.
    pub(crate) fn reader(self: &Arc<Self>, element: usize, last_use: bool) -> Option<Reader> {
        let run = self.run(element)?;
        if last_use && self.handles.load(Ordering::Acquire) == 1 {
            let mut inner = self.inner.lock();
            if inner.handed_over <= element {
                // Those before it were read while there were other handles.
                let before = inner.runs[inner.handed_over..element].to_vec();
                inner.handed_over = element + 1;
                drop(inner);
                for run in before {
                    run.remove_reader();
                }
                return Some(Reader::counted(run));
            }
        }
        Some(Reader::of(&run))
    }

    /// What the runs gave, which have all ended; moved out of those that nobody else reads, on the last use of the handle.
    pub(crate) fn outcomes(&self, last_use: bool) -> Vec<Outcome> {
        let mut inner = self.inner.lock();
        if inner.failure.is_some() {
            return Vec::new();
        }
        let mut handed_over = inner.runs.len();
        if last_use && self.handles.load(Ordering::Acquire) == 1 {
            handed_over = std::mem::replace(&mut inner.handed_over, handed_over);
        }
        let outcome = |(n, run): (usize, &Arc<Run>)| {
            if n < handed_over {
                return run.outcome();
            }
            let outcome = run.take_outcome();
            run.remove_reader();
            outcome
        };
        let mut outcomes = Vec::with_capacity(inner.runs.len());
        outcomes.extend(inner.runs.iter().enumerate().filter_map(outcome));
        outcomes
    }

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// With the last handle go the results that nobody else reads.
    pub(crate) fn remove_handle(&self) {
        // Under the lock, so that a run is either listed here or made with nobody to read it.
        let inner = self.inner.lock();
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            let unread = inner.runs.get(inner.handed_over..).unwrap_or_default();
            let mut freed: Vec<Erased> = Vec::with_capacity(unread.len());
            freed.extend(unread.iter().filter_map(|run| run.leave()));
            drop(inner);
            drop_each_caught(freed);
        }
    }
}

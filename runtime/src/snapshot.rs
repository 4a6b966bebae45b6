//! Flow runs in slices: the states and results of a flow run as plain data, to be shipped to the process that goes on with it.
//!
//! A flow that takes longer than its process may live, as a function of a cloud provider does, is executed in slices. Each begins with
//! the [`Snapshot`] of the one before, executes a few task runs, and gives the next snapshot:
//!
//! ```
//! use millrun::prelude::*;
//! use millrun::snapshot::Snapshot;
//!
//! #[task] fn count(text: &str) -> usize { text.len() }
//! #[task] fn double(n: usize) -> usize { 2 * n }
//!
//! #[flow] fn measure(text: String) -> Result<usize, FlowError> { Ok(double.submit(count.submit(text)).result()?) }
//!
//! let slice = measure("four".into()).stop_after(1).report_blocking();
//! assert!(slice.state().is_cancelled());
//! let json = serde_json::to_string(&slice.snapshot()).unwrap();
//!
//! // In the next process.
//! let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
//! assert_eq!(snapshot.pending().collect::<Vec<_>>(), ["double"]);
//! let slice = measure("four".into()).with_snapshot(snapshot).stop_after(1).report_blocking();
//! assert_eq!(slice.value(), Some(&8));
//! assert!(slice.snapshot().is_done());
//! ```
//!
//! # What a run is called
//!
//! By its slug: the name of its task, `fetch`; from the second run of a task by the same body on a number too, `fetch-1`. The runs of
//! a map are `fetch[0]`, `fetch[1]`, those of the second one `fetch-1[0]`. What a task or a child flow begins stands below it:
//! `load/fetch[3]`. Numbers are counted for each body that submits by itself, so timing does not change them. In names `%`, `/` and `[`
//! are written `%25`, `%2F`, `%5B`, and one that ends in `-1` or the like has a number from the first run on.
//!
//! # What is not executed again
//!
//! The body of the flow is executed in each slice, and what it begins is looked for in the snapshot. A run that has ended there ends
//! the same at once, whether it completed, failed or was skipped: its value goes downstream, triggers see its state, hooks are not
//! called. So it is with a child flow run; one that has not ended goes on, its body being executed again. A run that takes something
//! else than it did then is executed again: another value, or the result of a run that takes something else itself. Where an input cannot
//! be serialised that is not looked at.
//!
//! A result has to be serialisable, as for [`resume`](crate::Engine::resume). A run whose result is not is PENDING again, with a
//! message that says why, and is executed in each slice. Results longer than 64 KiB lie in the engine's
//! [result store](crate::EngineBuilder::results), where one was given, and the snapshot refers to them; else all of them stand in it.
//!
//! # What a slice ends with
//!
//! [`stop_after`](crate::ConfigureFlow::stop_after) counts the task runs that begin to execute: of submits, maps and calls, at any
//! depth; not what is taken from the snapshot or found in a cache, and not what an earlier slice had begun. From the moment on at which
//! it is reached nothing begins any more, whatever its trigger; what is under way ends, further attempts included. What was not executed
//! ends CANCELLED, which is no failure: no hook is called. The flow run then ends CANCELLED too, whatever its body made of that.
//!
//! A task or a child flow run inside of which something was left is itself PENDING in the snapshot, and begins again in the next
//! slice; a transaction is rolled back, and begins again as a whole. Neither counts there, so each slice gets further than the one
//! before.

mod read;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::context::TaskRun;
use crate::state::State;

/// The newest format that is read, and the one that is written.
const VERSION: u32 = 1;

/// How far the runs of a flow run are, and what they gave; see the [module](self).
///
/// Its JSON has a `version`, the `flow`, and `tasks`, which are `{"task": {"slug": .., "key": ..}, "state": {..}, "result": ..}` with
/// the field names of Prefect's states. Read is also a list of `{"task": {"slug": "task1"}, "state": {"type": "Success", "message":
/// ".."}}` with the classes of states of Prefect 1. There an entry without a `"result"` stands for a task that gives `()`, or for one
/// that failed or was skipped: a run of another task that is said to have succeeded, and not with what, fails, as does a flow run that
/// ends without having begun what the list names. `Mapped` stands for the map, whose runs have entries of their own, and counts as
/// pending.
///
/// Of bad JSON, of a newer version, of a slug that stands there twice the reader gives an error. A snapshot of another flow, of another
/// version of the flow, or of a run with other arguments fails the flow run that it is given to; the source of the flow may differ.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(crate) flow: Option<FlowPart>,
    pub(crate) runs: Vec<Arc<Entry>>,
}

/// What is known of the flow run itself; nothing where a list was read.
#[derive(Clone)]
pub(crate) struct FlowPart {
    pub(crate) key: String,
    pub(crate) version: Option<String>,
    /// A hash of the arguments, where they can be serialised.
    pub(crate) inputs: Option<u128>,
    pub(crate) state: State,
}

/// A run.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) slug: Arc<str>,
    /// Of its task or flow; none where a list was read.
    pub(crate) key: Option<String>,
    pub(crate) state: State,
    /// How many attempts have begun.
    pub(crate) run_count: u32,
    /// A hash of what it takes, and of its slug.
    pub(crate) inputs: Option<u128>,
    pub(crate) result: Saved,
}

/// What a run gave.
#[derive(Clone, Default)]
pub(crate) enum Saved {
    /// Nothing, as it has not completed; or nothing is said.
    #[default]
    None,
    Inline(Box<RawValue>),
    /// Under that key in the result store.
    Stored(String),
    /// It is not there, for that reason.
    Lost(String),
}

/// What is said of a slice, as [`ConfigureFlow`](crate::ConfigureFlow) says it.
#[derive(Clone, Default)]
pub(crate) struct SliceOptions {
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) after: Option<usize>,
    pub(crate) time: Option<Duration>,
    pub(crate) when: Option<Arc<dyn Fn(&TaskRun) -> bool + Send + Sync>>,
}

impl Snapshot {
    /// Of a flow run that has not begun. Given to a flow, it has the results kept of all runs, as a report alone does not.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state in which the flow run ended; none of what was read as a list, and of a new one.
    pub fn flow_state(&self) -> Option<&State> {
        self.flow.as_ref().map(|flow| &flow.state)
    }

    /// The state of a run: final, or PENDING where it is to be executed.
    pub fn state(&self, slug: &str) -> Option<&State> {
        self.states().find(|(of, _)| *of == slug).map(|(_, state)| state)
    }

    /// All runs and their states.
    pub fn states(&self) -> impl Iterator<Item = (&str, &State)> {
        self.runs.iter().map(|entry| (&*entry.slug, &entry.state))
    }

    /// The runs that are left to be executed, as far as it is known that there are such.
    pub fn pending(&self) -> impl Iterator<Item = &str> {
        self.states().filter(|(_, state)| !state.is_final()).map(|(slug, _)| slug)
    }

    /// Whether the flow run has ended, well or not, and nothing is left for another slice.
    pub fn is_done(&self) -> bool {
        self.flow_state().is_some_and(State::is_final) && self.pending().next().is_none()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.states().map(|(slug, state)| (slug, state.to_string()))).finish()
    }
}

#[derive(Serialize)]
struct Written<'s> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<WrittenFlow<'s>>,
    tasks: Vec<WrittenRun<'s>>,
}

#[derive(Serialize)]
struct WrittenFlow<'s> {
    key: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<String>,
    state: &'s State,
}

#[derive(Serialize)]
struct WrittenRun<'s> {
    task: WrittenTask<'s>,
    state: &'s State,
    #[serde(skip_serializing_if = "is_zero")]
    run_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'s RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<&'s str>,
}

#[derive(Serialize)]
struct WrittenTask<'s> {
    slug: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'s str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let flow = self.flow.as_ref().map(|flow| WrittenFlow {
            key: &flow.key,
            version: flow.version.as_deref(),
            inputs: flow.inputs.map(hex),
            state: &flow.state,
        });
        Written { version: VERSION, flow, tasks: self.runs.iter().map(|entry| entry.written()).collect() }
            .serialize(serializer)
    }
}

impl Entry {
    fn written(&self) -> WrittenRun<'_> {
        let (mut result, mut stored, mut lost) = (None, None, None);
        match &self.result {
            Saved::None => {}
            Saved::Inline(json) => result = Some(&**json),
            Saved::Stored(key) => stored = Some(&**key),
            Saved::Lost(why) => lost = Some(&**why),
        }
        WrittenRun {
            task: WrittenTask { slug: &self.slug, key: self.key.as_deref() },
            state: &self.state,
            run_count: self.run_count,
            inputs: self.inputs.map(hex),
            result,
            stored,
            lost,
        }
    }
}

//! What tests of flows need: an engine whose time stands still, that executes one run at a time, and that can be asked what has happened.
//!
//! What stands for tasks is said at the call of a flow: [`mock`](crate::ConfigureFlow::mock), [`mock_state`](crate::ConfigureFlow::mock_state),
//! [`mock_with`](crate::ConfigureFlow::mock_with), [`replace`](crate::ConfigureFlow::replace).
//!
//! ```
//! use millrun::prelude::*;
//! use millrun::testing::TestEngine;
//!
//! #[task] fn fetch(url: String) -> Result<String, String> { Err(format!("no net for {url}")) }
//! #[task] fn length(page: &str) -> usize { page.len() }
//! #[flow]
//! fn total(urls: Vec<String>) -> Result<usize, FlowError> {
//!     Ok(length.map(fetch.map(urls)).result()?.into_iter().sum())
//! }
//!
//! let engine = TestEngine::new();
//! let call = total(vec!["a".into(), "b".into()]).mock_with(fetch, |(url,)| url.repeat(3));
//! assert_eq!(engine.run_blocking(call).unwrap(), 6);
//!
//! assert_eq!(engine.calls(length), 2);
//! assert_eq!(engine.arguments(fetch)[1]["url"], "b");
//! assert_eq!(engine.events()[..2], ["total Pending", "total Running"]);
//! ```

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::body::{Of, Task};
use crate::bounds::MockedTask;
use crate::clock::Clock;
use crate::engine::{Engine, EngineBuilder};
use crate::options::IntoDuration;
use crate::result::ResultStore;
use crate::runner::SequentialTaskRunner;
use crate::state::{State, StateType};
use crate::store::{Event, Kind, MemoryRunStore, RunRecord};

/// An [`Engine`] for tests: the same each time.
///
/// Its [clock](Clock::manual) stands still until it is [moved](Self::advance), it executes one run at a time, in order of submission, and
/// keeps results and records in memory. It can be asked what has happened in it, from any thread, also while runs are under way.
pub struct TestEngine {
    engine: Engine,
    store: Arc<MemoryRunStore>,
}

impl TestEngine {
    /// One as described above.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// One that differs in something: in its limits, its runner, where results are kept. Not in where runs are recorded.
    ///
    /// ```
    /// use millrun::testing::TestEngine;
    ///
    /// let engine = TestEngine::with(|builder| builder.concurrency_limit("db", 1));
    /// ```
    pub fn with(change: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        let store = Arc::new(MemoryRunStore::with_events());
        let builder = Engine::builder()
            .clock(Clock::manual())
            .task_runner(SequentialTaskRunner::new())
            .results(ResultStore::memory())
            .record_parameters(true);
        Self { engine: change(builder).run_store(store.clone()).build(), store }
    }

    /// Moves the clock: what waits for a time until then goes on. A `Duration`, or a string such as `"1h"`.
    ///
    /// [`Clock::wait_for_timers`] tells when somebody waits.
    ///
    /// # Panics
    /// Panics on a string that is not a duration, and where the engine's clock is not a manual one.
    #[track_caller]
    pub fn advance(&self, duration: impl IntoDuration) {
        self.engine.clock().advance(duration.into_duration());
    }

    /// How many executions of a task have begun: each attempt of each run counts, also of one that is mocked; what was found in the cache
    /// does not. Those of a task that [replaces](crate::ConfigureFlow::replace) another are that task's own.
    #[expect(clippy::needless_pass_by_value, reason = "a task is named by its function, which has no size")]
    pub fn calls<F, P, K>(&self, task: F) -> usize
    where
        F: MockedTask<P, K>,
        K: Task + 'static,
    {
        let _ = task;
        let key = Of::<K>::SPEC.key();
        let is_call = |event: &&RunEvent| event.key == key && event.state.is_running();
        self.events().iter().filter(is_call).count()
    }

    /// The arguments of the runs of a task that were executed, by parameter, in the order in which they began; `null` stands for one that
    /// cannot be written as JSON.
    #[expect(clippy::needless_pass_by_value, reason = "a task is named by its function, which has no size")]
    pub fn arguments<F, P, K>(&self, task: F) -> Vec<Map<String, Value>>
    where
        F: MockedTask<P, K>,
        K: Task + 'static,
    {
        let _ = task;
        let key = Of::<K>::SPEC.key();
        self.look(|runs, states| {
            let mut ids: Vec<Uuid> = Vec::new();
            let begun = states.iter().filter(|(_, state)| state.state_type == StateType::Running);
            for (id, _) in begun.filter(|(id, _)| runs[id].key == key) {
                if !ids.contains(id) {
                    ids.push(*id);
                }
            }
            ids.iter().map(|id| runs[id].parameters.clone().unwrap_or_default()).collect()
        })
    }

    /// All states that runs have entered, in order.
    pub fn events(&self) -> Vec<RunEvent> {
        self.look(|runs, states| {
            let event = |(id, state): &(Uuid, State)| {
                let run = &runs[id];
                let name = match run.kind {
                    Kind::Task => &run.name,
                    Kind::Flow => &run.function,
                };
                RunEvent { name: name.clone(), key: run.key.clone(), state: state.clone() }
            };
            states.iter().map(event).collect()
        })
    }

    /// Looks at the records of all runs, and at the states that they have entered, in order.
    fn look<T>(&self, look: impl FnOnce(&HashMap<Uuid, RunRecord>, &[(Uuid, State)]) -> T) -> T {
        // Memory does not fail.
        let _ = self.engine.flush_blocking();
        let mut runs = HashMap::new();
        let mut states = Vec::new();
        self.store.look_at_events(|events| {
            for event in events {
                match event {
                    Event::Created(record) => {
                        states.push((record.id, record.state.clone()));
                        runs.insert(record.id, RunRecord::clone(record));
                    }
                    Event::Prepared { run, name, parameters, .. } => {
                        if let Some(record) = runs.get_mut(run) {
                            record.name = name.clone().unwrap_or_else(|| record.name.clone());
                            record.parameters = parameters.clone().or_else(|| record.parameters.take());
                        }
                    }
                    Event::Entered { run, state, .. } if runs.contains_key(run) => {
                        states.push((*run, state.clone()));
                    }
                    _ => {}
                }
            }
        });
        look(&runs, &states)
    }
}

impl Default for TestEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl fmt::Debug for TestEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestEngine").finish_non_exhaustive()
    }
}

/// A run has entered a state. Displays as `fetch-0 Running`, and is equal to that text.
#[derive(Clone)]
#[non_exhaustive]
pub struct RunEvent {
    /// The name of the task run in the end; of a flow run, whose own name is random, that of the flow.
    pub name: String,
    /// The key of the task or the flow: `etl::fetch`.
    pub key: String,
    /// The state.
    pub state: State,
}

impl fmt::Display for RunEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.state.name)
    }
}

/// As it displays, so that a list of what has happened can be read.
impl fmt::Debug for RunEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialEq<str> for RunEvent {
    fn eq(&self, text: &str) -> bool {
        text.rsplit_once(' ') == Some((&self.name, self.state.name.as_str()))
    }
}

impl PartialEq<&str> for RunEvent {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

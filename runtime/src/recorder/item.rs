//! What has happened, as the engine tells it, and as the store is told it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::clock::Nanos;
use crate::context::own_tags;
use crate::error::TaskError;
use crate::input::{Edge, EdgeList, Node};
use crate::panic;
use crate::result::{Draft, ResultStore};
use crate::run::{Recorded, Run, state_message};
use crate::state::{State, StateDetails, StateName};
use crate::store::{Event, Kind, Outcome, RunRecord, TransactionRecord, UpstreamRecord};

/// Something that has happened. Making plain data of it is the writer's work.
pub(crate) enum Item {
    /// A run was made, which waits for these.
    Created(Arc<Run>, EdgeList),
    /// What a run takes is known, and its name.
    Prepared(Arc<Run>),
    /// What a run is recognised by.
    Identified(Arc<Run>, u128),
    /// A run waited for a map, whose runs are all there.
    Upstream(Arc<Run>, Edge),
    /// A run entered a state, of which nothing else is to be said: when, and how many attempts had begun.
    Began(Arc<Run>, StateName, Nanos, u32),
    /// A run entered a state.
    Entered(Box<Entered>),
    #[cfg(feature = "logging")]
    Logged(Box<crate::store::LogRecord>),
    Transaction(Box<TransactionRecord>),
}

/// A state that a run has entered, or is about to end in.
pub(crate) struct Entered {
    pub(crate) run: Arc<Run>,
    pub(crate) name: StateName,
    pub(crate) at: Nanos,
    pub(crate) run_count: u32,
    pub(crate) message: Option<Arc<str>>,
    pub(crate) error: Option<TaskError>,
    pub(crate) scheduled: Option<Nanos>,
    pub(crate) outcome: Option<Outcome>,
    /// What it gave, to be written to the result store first.
    pub(crate) large: Option<Box<Large>>,
}

/// A result that is too long for the ledger.
pub(crate) struct Large {
    pub(crate) store: ResultStore,
    pub(crate) draft: Draft,
}

impl Large {
    /// Writes it: where it lies, or nothing where it could not be.
    fn put(self, label: &str) -> Option<Outcome> {
        let key = self.draft.key().to_owned();
        match self.store.put_blocking(self.draft) {
            Ok(()) => Some(Outcome::Stored(key)),
            Err(error) => {
                log!(warn, "{label} - its result is not recorded: {error}");
                None
            }
        }
    }
}

fn time(nanos: Nanos) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn id_of(run: &Run) -> Uuid {
    Uuid::from_u128(run.id())
}

fn kind_of(run: &Run) -> Kind {
    if run.spec.is_flow { Kind::Flow } else { Kind::Task }
}

fn state(run: Uuid, name: StateName, at: Nanos) -> State {
    let details = StateDetails { run_id: Some(run), scheduled_time: None };
    State { timestamp: time(at), details, ..State::unplaced(name, None) }
}

impl Item {
    /// Tells the store's events.
    pub(super) fn translate(&mut self, owner: Uuid, events: &mut Vec<Event>) {
        match self {
            Self::Created(run, edges) => {
                events.push(Event::Created(Box::new(record(run, owner))));
                for edge in edges.iter().filter(|edge| matches!(edge.node, Node::Run(_))) {
                    upstreams(run, edge, events);
                }
            }
            Self::Prepared(run) => {
                events.push(Event::Prepared {
                    run: id_of(run),
                    kind: kind_of(run),
                    name: Some(run.name()),
                    parameters: run.parameters(),
                    identity: None,
                });
            }
            Self::Identified(run, identity) => events.push(Event::Prepared {
                run: id_of(run),
                kind: kind_of(run),
                name: None,
                parameters: None,
                identity: Some(Uuid::from_u128(*identity)),
            }),
            Self::Upstream(run, edge) => upstreams(run, edge, events),
            Self::Began(run, name, at, run_count) => {
                let id = id_of(run);
                let (kind, state) = (kind_of(run), state(id, *name, *at));
                events.push(Event::Entered { run: id, kind, state, run_count: *run_count, outcome: None });
            }
            Self::Entered(entered) => events.push(entered.event()),
            #[cfg(feature = "logging")]
            Self::Logged(log) => events.push(Event::Logged((**log).clone())),
            Self::Transaction(transaction) => events.push(Event::Transaction((**transaction).clone())),
        }
    }
}

impl Entered {
    /// One of which nothing else is said.
    pub(crate) fn new(run: Arc<Run>, name: StateName, at: Nanos, run_count: u32) -> Self {
        Self {
            run,
            name,
            at,
            run_count,
            message: None,
            error: None,
            scheduled: None,
            outcome: None,
            large: None,
        }
    }

    fn event(&mut self) -> Event {
        if let Some(large) = self.large.take() {
            self.outcome = large.put(&self.run.name());
            if self.outcome.is_none() {
                self.run.cell.lock().log.extra().recorded = Recorded::ButResult;
            }
        }
        let id = id_of(&self.run);
        let mut state = state(id, self.name, self.at);
        state.message = match (&self.message, &self.error) {
            (Some(message), _) => Some(message.to_string()),
            // What lies behind the error is the user's, and says itself what it is.
            (None, Some(error)) => Some(
                panic::catch(|| state_message(self.run.spec, error))
                    .unwrap_or_else(|panic| format!("what its error says panicked: {}", panic.message)),
            ),
            (None, None) => None,
        };
        state.details.scheduled_time = self.scheduled.map(time);
        Event::Entered {
            run: id,
            kind: kind_of(&self.run),
            state,
            run_count: self.run_count,
            outcome: self.outcome.take(),
        }
    }
}

/// What is recorded of a run as it is made.
pub(super) fn record(run: &Run, owner: Uuid) -> RunRecord {
    let id = id_of(run);
    let (created, index, identity) = {
        let inner = run.cell.lock();
        let identity = inner.log.extra.as_ref().and_then(|extra| extra.identity);
        (inner.log.created(), inner.index, identity)
    };
    let tree = &run.scope.tree;
    let version = run.with_options(|options| options.and_then(|options| options.version.clone()));
    RunRecord {
        id,
        kind: kind_of(run),
        key: run.spec.key(),
        function: run.task_name(),
        version: version.as_deref().or(run.spec.version).map(str::to_owned),
        name: run.name(),
        tags: own_tags(run).iter().map(ToString::to_string).collect(),
        parameters: None,
        parent: run.scope.parent.as_ref().map(|parent| id_of(parent)),
        flow_run: tree.is_flow().then(|| Uuid::from_u128(tree.prefix())),
        root: tree.root().map_or(id, Uuid::from_u128),
        map_index: run.is_of_map().then_some(index),
        identity: identity.filter(|_| tree.is_flow()).map(Uuid::from_u128),
        transaction: run.scope.transaction.as_ref().map(|transaction| transaction.root().id()),
        owner: Some(owner),
        created: time(created),
        run_count: 0,
        state: state(id, StateName::Pending, created),
    }
}

/// The runs that an edge stands for, as many at once as have ids in a row.
fn upstreams(run: &Run, edge: &Edge, events: &mut Vec<Event>) {
    let parameter = edge.need.parameter().and_then(|n| run.spec.parameters.get(n));
    let mut row: Option<(u128, u32)> = None;
    let mut push = |first: u128, count| {
        events.push(Event::Upstream(UpstreamRecord {
            run: id_of(run),
            parameter: parameter.map(|parameter| (*parameter).to_owned()),
            upstream: Uuid::from_u128(first),
            count,
        }));
    };
    for upstream in edge.node.runs() {
        let id = upstream.id();
        match &mut row {
            Some((first, count)) if *first + u128::from(*count) == id => *count += 1,
            _ => {
                if let Some((first, count)) = row.replace((id, 1)) {
                    push(first, count);
                }
            }
        }
    }
    if let Some((first, count)) = row {
        push(first, count);
    }
}

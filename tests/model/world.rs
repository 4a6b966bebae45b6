//! What is noted while a plan is carried out: which runs were begun, with what, and what their bodies met with.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use millrun::prelude::*;

use crate::plan::{Flow, Look, Map, Plan, Run};

/// What every run gives: a number of its own. It shows when it is left behind.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) number: u64,
    _alive: Arc<()>,
}

/// The error of a body, with a number of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Oops(pub(crate) u64);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl Error for Oops {}

/// The payload of a panic that is part of a plan.
pub(crate) struct Boom;

/// The number of a record.
pub(crate) type Number = usize;

/// A run: a record and, for one of a map, its place there.
pub(crate) type RunOf = (Number, usize);

/// How a run depends on another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Need {
    Value,
    Outcome,
    End,
    AllowedFailure,
}

/// What is passed to a run, or waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    Number(u64),
    Run(RunOf),
    /// An element of a list that a run gives.
    Item(Number, usize),
    /// All runs of a map.
    Map(Number),
}

pub(crate) type Before = (Source, Need);

/// Where the elements of a map come from.
#[derive(Clone, Debug)]
pub(crate) enum Elements {
    Given(Vec<Before>),
    List { run: Number, length: usize },
    Map { map: Number, need: Need },
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Run(Arc<Run>),
    /// A list to map over.
    List,
    Map(Arc<Map>, Elements),
    Flow(Arc<Flow>),
    /// Held at a gate.
    Held,
    HeldMap(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) enum Cancelled {
    No,
    /// It may have ended before.
    Perhaps,
    Surely,
}

/// What was begun: a run, or a map.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) what: What,
    /// Which attempt of which run has begun it.
    pub(crate) parent: Option<(RunOf, usize)>,
    /// In order of the parameters; of a map, what all its runs have in common.
    pub(crate) before: Vec<Before>,
    pub(crate) cancelled: Cancelled,
    pub(crate) is_call: bool,
    /// Somebody has waited for its end.
    pub(crate) awaited: bool,
    /// Passed to another run, on whose behalf it goes on.
    pub(crate) is_argument: bool,
    pub(crate) id: Option<String>,
    pub(crate) handle: Option<Handle>,
    /// A call, as its body knows it.
    pub(crate) call: Option<Called>,
    /// By the place in the map; of a run, 0.
    pub(crate) attempts: BTreeMap<usize, Vec<Attempt>>,
}

/// The run of a call, of which there is no future.
#[derive(Clone, Debug)]
pub(crate) enum Called {
    Task(TaskRun),
    Flow(FlowRunInfo),
}

#[derive(Clone)]
pub(crate) enum Handle {
    Run(TaskFuture<Token>),
    List(TaskFuture<Vec<Token>>),
    Map(TaskFutures<Token>),
    Flow(FlowFuture<Token>),
}

impl Handle {
    /// Blocks until it has ended, which is not seen.
    pub(crate) fn wait(&self) {
        match self {
            Self::Run(future) => future.wait(),
            Self::List(future) => future.wait(),
            Self::Map(futures) => futures.wait(),
            Self::Flow(future) => future.wait(),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(future) => future.fmt(f),
            Self::List(future) => future.fmt(f),
            Self::Map(futures) => futures.fmt(f),
            Self::Flow(future) => future.fmt(f),
        }
    }
}

/// What an execution of a body met with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) inputs: Vec<Result<u64, ErrorKind>>,
    pub(crate) looks: Vec<Looked>,
    /// How it ended by itself; not at all if it was dropped.
    pub(crate) produced: Option<Produced>,
    pub(crate) references: Vec<Number>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Produced {
    Value(u64),
    Error(u64),
    Skip,
    /// The error of another run, which was of that kind.
    PassedOn(ErrorKind),
    Panic,
}

#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) at: Number,
    pub(crate) how: Look,
    pub(crate) got: Got,
}

/// What a look has shown: of an error its kind, and the number in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    Nothing,
    Outcome(Shown),
    /// Of all runs of a map.
    Outcomes(Vec<Shown>),
    /// The results of all runs of a map, or the first error.
    All(Result<Vec<u64>, ErrorKind>),
}

pub(crate) type Shown = Result<u64, (ErrorKind, Option<u64>)>;

#[derive(Default)]
struct Executing {
    bodies: usize,
    /// Those that hold a slot of the limit.
    limited: usize,
    most_limited: usize,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    alive: Arc<()>,
    next: AtomicU64,
    ticks: AtomicU64,
    records: Mutex<Vec<Record>>,
    executing: Mutex<Executing>,
    idle: Condvar,
    /// The flow run, where it is to be cancelled.
    pub(crate) flow: Mutex<Option<FlowFuture<Token>>>,
    /// Breaches of the rules that were noted on the way.
    breaches: Mutex<Vec<String>>,
    pub(crate) checks: AtomicUsize,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            plan,
            alive: Arc::default(),
            next: AtomicU64::new(1),
            ticks: AtomicU64::new(0),
            records: Mutex::default(),
            executing: Mutex::default(),
            idle: Condvar::new(),
            flow: Mutex::default(),
            breaches: Mutex::default(),
            checks: AtomicUsize::new(0),
        })
    }

    /// A number greater than all before it. There is room for a list's elements behind it.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst) << 8
    }

    pub(crate) fn token(&self, number: u64) -> Token {
        Token { number, _alive: self.alive.clone() }
    }

    /// How many bodies, results and the like are there.
    pub(crate) fn left_behind(&self) -> usize {
        Arc::strong_count(&self.alive) - 1
    }

    /// An attempt has begun or ended; the flow run may be cancelled by that.
    fn tick(&self) {
        if self.ticks.fetch_add(1, Ordering::SeqCst) + 1 == self.plan.cancel_after.unwrap_or(u64::MAX) {
            let flow = self.flow.lock().unwrap().clone();
            if let Some(flow) = flow {
                flow.cancel();
            }
        }
    }

    /// Whether the time to cancel the flow run has come.
    pub(crate) fn is_due(&self) -> bool {
        self.plan.cancel_after.is_some_and(|due| self.ticks.load(Ordering::SeqCst) >= due)
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap()
    }

    pub(crate) fn add(&self, what: What, parent: Option<(RunOf, usize)>, before: Vec<Before>) -> Number {
        let mut records = self.records();
        for (source, need) in &before {
            if let (Source::Run((of, _)), Need::Value | Need::Outcome) = (source, need) {
                records[*of].is_argument = true;
            }
        }
        records.push(Record {
            what,
            parent,
            before,
            cancelled: Cancelled::No,
            is_call: false,
            awaited: false,
            is_argument: false,
            id: None,
            handle: None,
            call: None,
            attempts: BTreeMap::new(),
        });
        records.len() - 1
    }

    /// Notes the handle of what was begun; it is kept if the plan, or a child flow, asks for it.
    pub(crate) fn begun(&self, number: Number, handle: &Handle) {
        let keep = self.plan.keep || self.is_in_child_flow(number);
        let mut records = self.records();
        let record = &mut records[number];
        record.id = match handle {
            Handle::Run(future) => Some(future.id().to_string()),
            Handle::List(future) => Some(future.id().to_string()),
            Handle::Flow(future) => Some(future.id().to_string()),
            Handle::Map(_) => None,
        };
        if keep {
            record.handle = Some(handle.clone());
        }
    }

    /// Whether a report of the outermost flow run does not tell of it.
    pub(crate) fn is_in_child_flow(&self, number: Number) -> bool {
        let records = self.records();
        let mut next = records[number].parent;
        while let Some(((above, _), _)) = next {
            next = records[above].parent;
            if matches!(records[above].what, What::Flow(_)) {
                return next.is_some();
            }
        }
        false
    }

    pub(crate) fn request_cancel(&self, number: Number, cancelled: Cancelled) {
        let record = &mut self.records()[number];
        if record.cancelled < cancelled {
            record.cancelled = cancelled;
        }
    }

    pub(crate) fn breach(&self, what: String) {
        self.breaches.lock().unwrap().push(what);
    }

    pub(crate) fn breaches(&self) -> Vec<String> {
        self.breaches.lock().unwrap().clone()
    }

    pub(crate) fn most_limited(&self) -> usize {
        self.executing.lock().unwrap().most_limited
    }

    /// Waits until the bodies that were given up on have returned too.
    pub(crate) fn wait_until_idle(&self) {
        let executing = self.executing.lock().unwrap();
        drop(self.idle.wait_while(executing, |executing| executing.bodies > 0).unwrap());
    }

    /// Whether the run, or one above it, has a slot of the limit; `false` too if that one is not limited itself.
    fn is_limited_first(&self, number: Number) -> bool {
        let records = self.records();
        let limited = |record: &Record| match &record.what {
            What::Run(run) => run.limited,
            What::Map(map, _) => map.each.limited,
            _ => false,
        };
        if !limited(&records[number]) {
            return false;
        }
        let mut next = records[number].parent;
        while let Some(((above, _), _)) = next {
            if limited(&records[above]) {
                return false;
            }
            next = records[above].parent;
        }
        true
    }

    /// What a body notes first.
    pub(crate) fn begin(self: &Arc<Self>, of: RunOf, inputs: Vec<Result<u64, ErrorKind>>) -> Playing {
        let limited = self.is_limited_first(of.0);
        {
            let mut executing = self.executing.lock().unwrap();
            executing.bodies += 1;
            executing.limited += usize::from(limited);
            executing.most_limited = executing.most_limited.max(executing.limited);
        }
        let begun = self.next();
        let attempt = {
            let mut records = self.records();
            let attempts = records[of.0].attempts.entry(of.1).or_default();
            attempts.push(Attempt { begun, inputs, ..Attempt::default() });
            attempts.len() - 1
        };
        self.tick();
        Playing { world: self.clone(), of, attempt, limited }
    }
}

/// A body that is executing; whatever becomes of it, it is noted when that is over.
pub(crate) struct Playing {
    pub(crate) world: Arc<World>,
    pub(crate) of: RunOf,
    pub(crate) attempt: usize,
    limited: bool,
}

impl Playing {
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Attempt) -> T) -> T {
        let mut records = self.world.records();
        let attempts = records[self.of.0].attempts.entry(self.of.1).or_default();
        note(&mut attempts[self.attempt])
    }

    pub(crate) fn parent(&self) -> (RunOf, usize) {
        (self.of, self.attempt)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let now = self.world.next();
        self.note(|attempt| attempt.ended = now);
        {
            let mut executing = self.world.executing.lock().unwrap();
            executing.bodies -= 1;
            executing.limited -= usize::from(self.limited);
        }
        self.world.idle.notify_all();
        self.world.tick();
    }
}

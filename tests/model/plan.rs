//! Plans: what a case does, as plain data that proptest makes and shrinks.
//!
//! Whatever a plan names it names by a number, taken modulo what there is: every plan is one that can be carried out, and stays
//! one as it shrinks.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;

/// A case: a flow run on an engine.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) runner: Runner,
    pub(crate) workers: usize,
    /// The workers of the runtime that the flow is called on; 0: it is called from no runtime.
    pub(crate) runtime: usize,
    /// How many limited runs may execute at once.
    pub(crate) limit: usize,
    /// All futures are kept until the end; otherwise a report tells of the runs, and results go with their last reader.
    pub(crate) keep: bool,
    /// Cancels the flow run when so many attempts have begun or ended. Implies `keep`.
    pub(crate) cancel_after: Option<u64>,
    pub(crate) flow: Flow,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Runner {
    Sequential,
    Concurrent,
    ThreadPool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Async,
    Sync,
    Blocking,
}

/// A flow run.
#[derive(Clone, PartialEq)]
pub(crate) struct Flow {
    pub(crate) is_async: bool,
    pub(crate) retries: u8,
    /// Called, rather than started.
    pub(crate) called: bool,
    /// Its argument is what another run gives.
    pub(crate) takes: Option<u8>,
    pub(crate) body: Body,
    /// Named by `reference_tasks`, where there are any.
    pub(crate) references: Vec<u8>,
}

/// What a body does: steps, and how it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Body {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum End {
    #[default]
    Ok,
    Err,
    Panic,
    Skip,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Submit(Run),
    /// A run that the body executes itself, and looks at.
    Call(Run),
    Map(Map),
    Flow(Flow),
    Look {
        at: u8,
        how: Look,
        /// A failure is the body's own.
        propagate: bool,
    },
    /// All task runs begun so far, as they end.
    AsCompleted,
    /// Cancels what may have begun, or ended, or not.
    Cancel(u8),
    /// Something that is held at a gate until it has been cancelled; only in the bodies of flows that no task has begun.
    Hold(Hold),
}

/// How a body looks at a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Look {
    /// `.await`, `.result()`
    Take,
    /// `.result()`, in async bodies too.
    Block,
    /// `.shared()`
    Share,
    /// `.finished()`, `.outcomes()`
    Finish,
    /// With a timeout that is never over; of a map, its futures one by one.
    Timed,
    /// `wait(..)`, which is no look.
    Wait,
    /// `.wait()`, which is none either.
    WaitAlone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Hold {
    /// A run that is executing.
    Executing(Kind),
    /// A run that waits for one that is executing.
    Waiting(Kind),
    /// A map of so many, the first of which are executing.
    Map(u8),
}

#[derive(Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) kind: Kind,
    pub(crate) takes: Takes,
    pub(crate) waits_for: Vec<u8>,
    pub(crate) allows: Vec<u8>,
    pub(crate) trigger: Rule,
    pub(crate) skips_with_upstream: bool,
    /// So many attempts fail before one does what the body says.
    pub(crate) fails: u8,
    pub(crate) retries: u8,
    pub(crate) delayed: bool,
    pub(crate) limited: bool,
    pub(crate) body: Body,
}

/// What is passed to a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Takes {
    Nothing,
    Value {
        of: u8,
        /// The future itself is passed, and not a reference.
        given: bool,
    },
    Borrowed(u8),
    Outcome(u8),
    /// A value, a borrowed one, and an outcome.
    Mixed(u8, u8, u8),
    /// Lists of values, borrowed values, and outcomes.
    Lists(Vec<u8>, Vec<u8>, Vec<u8>),
    /// The results of a map, in one of these three ways.
    Map(u8, u8),
}

/// When a run may start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    AllSuccessful,
    AllFailed,
    AnySuccessful,
    AnyFailed,
    AllFinished,
    AlwaysRun,
    NotAllSkipped,
    /// From so many to so many failed.
    Failed(u8, u8),
    /// At least so many quarters were successful.
    SuccessfulShare(u8),
    /// A function: it runs where the number of failed ones is even, skips where there is one, else fails.
    Even,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    pub(crate) over: Over,
    pub(crate) each: Run,
    /// How the elements' bodies end, in turn; `each` says it where this is empty.
    pub(crate) ends: Vec<End>,
    pub(crate) chunk: Option<u8>,
    /// Passed to each run whole.
    pub(crate) unmapped: Option<u8>,
}

/// What is mapped over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Over {
    Numbers(u8),
    Futures(Vec<u8>),
    /// A list of so many that a run gives, or does not.
    List(u8, End),
    /// The elements of another map: values, borrowed, or outcomes.
    Map(u8, u8),
}

impl Run {
    /// A run with nothing about it.
    pub(crate) fn plain() -> Self {
        Self {
            kind: Kind::Async,
            takes: Takes::Nothing,
            waits_for: Vec::new(),
            allows: Vec::new(),
            trigger: Rule::AllSuccessful,
            skips_with_upstream: true,
            fails: 0,
            retries: 0,
            delayed: false,
            limited: false,
            body: Body::default(),
        }
    }
}

impl Flow {
    /// A flow with nothing about it.
    pub(crate) fn plain() -> Self {
        Self {
            is_async: true,
            retries: 0,
            called: false,
            takes: None,
            body: Body::default(),
            references: Vec::new(),
        }
    }
}

/// Writes the fields that differ from those of something plain, much as a test would.
macro_rules! debug_unlike_plain {
    ($type:ident: $($field:ident)*) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let plain = Self::plain();
                f.write_str(concat!(stringify!($type), " { "))?;
                $(if self.$field != plain.$field {
                    write!(f, concat!(stringify!($field), ": {:?}, "), self.$field)?;
                })*
                f.write_str(concat!("..", stringify!($type), "::plain() }"))
            }
        }
    };
}

debug_unlike_plain!(Run: kind takes waits_for allows trigger skips_with_upstream fails retries delayed limited body);
debug_unlike_plain!(Flow: is_async retries called takes body references);

impl fmt::Debug for Plan {
    /// In a line, however it is asked for: pretty ones are longer than a screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runner, workers, runtime, limit, keep, cancel_after, flow } = self;
        write!(
            f,
            "Plan {{ runner: {runner:?}, workers: {workers}, runtime: {runtime}, limit: {limit}, keep: {keep}, \
             cancel_after: {cancel_after:?}, flow: {flow:?} }}"
        )
    }
}

fn kind() -> BoxedStrategy<Kind> {
    prop_oneof![Just(Kind::Async), Just(Kind::Sync), Just(Kind::Blocking)].boxed()
}

fn end() -> BoxedStrategy<End> {
    prop_oneof![8 => Just(End::Ok), 2 => Just(End::Err), 1 => Just(End::Panic), 1 => Just(End::Skip)].boxed()
}

fn rule() -> BoxedStrategy<Rule> {
    prop_oneof![
        8 => Just(Rule::AllSuccessful),
        1 => Just(Rule::AllFailed),
        1 => Just(Rule::AnySuccessful),
        1 => Just(Rule::AnyFailed),
        2 => Just(Rule::AllFinished),
        1 => Just(Rule::AlwaysRun),
        1 => Just(Rule::NotAllSkipped),
        1 => (0..3_u8, 0..4_u8).prop_map(|(from, to)| Rule::Failed(from, to)),
        1 => (0..=4_u8).prop_map(Rule::SuccessfulShare),
        1 => Just(Rule::Even),
    ]
    .boxed()
}

/// Mostly none.
fn few() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<u8>(), 1..3)].boxed()
}

fn takes() -> BoxedStrategy<Takes> {
    prop_oneof![
        2 => Just(Takes::Nothing),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(of, given)| Takes::Value { of, given }),
        2 => any::<u8>().prop_map(Takes::Borrowed),
        2 => any::<u8>().prop_map(Takes::Outcome),
        1 => any::<(u8, u8, u8)>().prop_map(|(a, b, c)| Takes::Mixed(a, b, c)),
        1 => (vec(any::<u8>(), 0..4), few(), few()).prop_map(|(a, b, c)| Takes::Lists(a, b, c)),
        2 => (any::<u8>(), 0..3_u8).prop_map(|(of, how)| Takes::Map(of, how)),
    ]
    .boxed()
}

fn run(depth: u32) -> BoxedStrategy<Run> {
    let attempts = prop_oneof![
        4 => Just((0, 0, false)),
        1 => (0..3_u8, 0..3_u8, any::<bool>()),
    ];
    (
        (kind(), takes(), few(), few()),
        (rule(), prop::bool::weighted(0.8), attempts, prop::bool::weighted(0.1)),
        nested(depth),
    )
        .prop_map(|((kind, takes, waits_for, allows), (trigger, skips, attempts, limited), body)| Run {
            kind,
            takes,
            waits_for,
            allows,
            trigger,
            skips_with_upstream: skips,
            fails: attempts.0,
            retries: attempts.1,
            delayed: attempts.2,
            limited,
            body,
        })
        .boxed()
}

/// The body of a task: mostly one that begins nothing.
fn nested(depth: u32) -> BoxedStrategy<Body> {
    let simple = end().prop_map(|end| Body { steps: Vec::new(), end });
    if depth == 0 {
        return simple.boxed();
    }
    prop_oneof![3 => simple, 1 => body(depth - 1, 4)].boxed()
}

fn map(depth: u32) -> BoxedStrategy<Map> {
    let over = prop_oneof![
        3 => (0..7_u8).prop_map(Over::Numbers),
        1 => vec(any::<u8>(), 0..4).prop_map(Over::Futures),
        1 => ((0..5_u8), end()).prop_map(|(length, end)| Over::List(length, end)),
        3 => (any::<u8>(), 0..3_u8).prop_map(|(of, how)| Over::Map(of, how)),
    ];
    (
        over,
        run(depth.min(1)),
        prop_oneof![1 => Just(Vec::new()), 1 => vec(end(), 1..4)],
        prop::option::weighted(0.3, 1..4_u8),
        prop::option::weighted(0.2, any::<u8>()),
    )
        .prop_map(|(over, each, ends, chunk, unmapped)| Map { over, each, ends, chunk, unmapped })
        .boxed()
}

fn look() -> BoxedStrategy<Look> {
    prop_oneof![
        3 => Just(Look::Take),
        1 => Just(Look::Block),
        1 => Just(Look::Share),
        1 => Just(Look::Finish),
        1 => Just(Look::Timed),
        1 => Just(Look::Wait),
        1 => Just(Look::WaitAlone),
    ]
    .boxed()
}

fn hold() -> BoxedStrategy<Hold> {
    prop_oneof![
        kind().prop_map(Hold::Executing),
        kind().prop_map(Hold::Waiting),
        (1..5_u8).prop_map(Hold::Map),
    ]
    .boxed()
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let flat = prop_oneof![
        10 => run(depth).prop_map(Step::Submit).boxed(),
        1 => run(depth).prop_map(Step::Call).boxed(),
        3 => map(depth).prop_map(Step::Map).boxed(),
        8 => (any::<u8>(), look(), prop::bool::weighted(0.2))
            .prop_map(|(at, how, propagate)| Step::Look { at, how, propagate })
            .boxed(),
        1 => Just(Step::AsCompleted),
        1 => any::<u8>().prop_map(Step::Cancel),
        1 => hold().prop_map(Step::Hold),
    ];
    if depth == 0 {
        return flat.boxed();
    }
    prop_oneof![20 => flat, 1 => flow(depth - 1, 5).prop_map(Step::Flow)].boxed()
}

fn body(depth: u32, steps: usize) -> BoxedStrategy<Body> {
    (vec(step(depth), 0..steps), end()).prop_map(|(steps, end)| Body { steps, end }).boxed()
}

fn flow(depth: u32, steps: usize) -> BoxedStrategy<Flow> {
    (
        (any::<bool>(), prop_oneof![4 => Just(0), 1 => Just(1_u8)], prop::bool::weighted(0.3)),
        prop::option::weighted(0.3, any::<u8>()),
        body(depth, steps),
        prop_oneof![4 => Just(Vec::new()), 1 => vec(any::<u8>(), 1..3)],
    )
        .prop_map(|((is_async, retries, called), takes, body, references)| Flow {
            is_async,
            retries,
            called,
            takes,
            body,
            references,
        })
        .boxed()
}

/// Any plan.
pub(crate) fn plan() -> BoxedStrategy<Plan> {
    let runner = prop_oneof![Just(Runner::Sequential), Just(Runner::Concurrent), Just(Runner::ThreadPool)];
    (
        (runner, 1..=4_usize, 0..=2_usize, 1..=2_usize),
        any::<bool>(),
        prop::option::weighted(0.15, 0..30_u64),
        flow(2, 12),
    )
        .prop_map(|((runner, workers, runtime, limit), keep, cancel_after, flow)| Plan {
            runner,
            workers,
            runtime,
            limit,
            keep: keep || cancel_after.is_some(),
            cancel_after,
            flow,
        })
        .boxed()
}

//! Plans: what a case does, as plain data that proptest makes and shrinks.

use millrun::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A case: a flow run on an engine of its own.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) is_async: bool,
    pub(super) is_sequential: bool,
    /// There are records under these keys before.
    pub(super) records: Vec<String>,
    pub(super) body: Body,
}

/// What a body does: steps, and how it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum End {
    #[default]
    Ok,
    Err,
    Panic,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) what: What,
    /// An error is not the body's own.
    pub(super) is_handled: bool,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Task(Task),
    Group(Group),
    Flow(Flow),
    /// Commits the innermost group of the body, where there is one.
    Commit,
    /// Rolls it back.
    Rollback,
    /// The outermost flow run is cancelled now, if all bodies around are async; others could only be given up on.
    Cancel,
}

#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) is_async: bool,
    pub(super) begun: Begun,
    pub(super) key: Option<String>,
    pub(super) retries: u32,
    /// So many attempts fail where their body ends well.
    pub(super) fails: u32,
    pub(super) on_commit: Vec<Hook>,
    pub(super) on_rollback: Vec<Hook>,
    pub(super) body: Body,
}

/// How a task run is begun, and what the body sees of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Begun {
    /// Executed in the body, which sees its result.
    Called,
    Submitted,
    /// Submitted, and waited for without a look at its result.
    Waited,
    /// As the last of a group's runs, it is the group's to wait for; otherwise as `Waited`.
    Left,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Hook {
    pub(super) is_async: bool,
    pub(super) end: End,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) mode: Option<CommitMode>,
    pub(super) key: Option<String>,
    pub(super) overwrite: bool,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) is_async: bool,
    pub(super) body: Body,
}

/// All keys: those of task runs, and those of groups.
pub(super) const KEYS: [&str; 4] = ["task/0", "task/1", "group/0", "group/1"];

/// One of these keys, or mostly none.
fn key(keys: &'static [&'static str]) -> BoxedStrategy<Option<String>> {
    prop::option::weighted(0.3, prop::sample::select(keys).prop_map(str::to_owned)).boxed()
}

fn end() -> BoxedStrategy<End> {
    prop_oneof![12 => Just(End::Ok), 2 => Just(End::Err), 1 => Just(End::Panic)].boxed()
}

fn hooks(least: usize) -> BoxedStrategy<Vec<Hook>> {
    let hook = (any::<bool>(), end()).prop_map(|(is_async, end)| Hook { is_async, end });
    vec(hook, least..3).boxed()
}

fn body(depth: u32, most: usize) -> BoxedStrategy<Body> {
    (vec(step(depth), 0..=most), end()).prop_map(|(steps, end)| Body { steps, end }).boxed()
}

/// The body of a task run: mostly one that begins nothing.
fn nested(depth: u32) -> BoxedStrategy<Body> {
    let simple = end().prop_map(|end| Body { steps: Vec::new(), end });
    if depth == 0 { simple.boxed() } else { prop_oneof![2 => simple, 1 => body(depth - 1, 3)].boxed() }
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let what = if depth == 0 {
        prop_oneof![
            12 => task(0).prop_map(What::Task),
            1 => Just(What::Commit),
            1 => Just(What::Rollback),
            1 => Just(What::Cancel),
        ]
        .boxed()
    } else {
        prop_oneof![
            10 => task(depth).prop_map(What::Task),
            10 => group(depth).prop_map(What::Group),
            3 => flow(depth).prop_map(What::Flow),
            1 => Just(What::Commit),
            1 => Just(What::Rollback),
            1 => Just(What::Cancel),
        ]
        .boxed()
    };
    (what, any::<bool>()).prop_map(|(what, is_handled)| Step { what, is_handled }).boxed()
}

fn task(depth: u32) -> BoxedStrategy<Task> {
    let begun = prop_oneof![
        3 => Just(Begun::Called),
        3 => Just(Begun::Submitted),
        1 => Just(Begun::Waited),
        2 => Just(Begun::Left),
    ];
    let attempts = prop_oneof![4 => Just((0, 0)), 1 => (0..2_u32, 0..3_u32)];
    // With a hook each: a run that has nothing to commit and is in no transaction has none of its own.
    (any::<bool>(), begun, key(&KEYS[..2]), attempts, hooks(0), hooks(1), nested(depth))
        .prop_map(|(is_async, begun, key, (retries, fails), on_commit, on_rollback, body)| Task {
            is_async,
            begun,
            key,
            retries,
            fails,
            on_commit,
            on_rollback,
            body,
        })
        .boxed()
}

fn group(depth: u32) -> BoxedStrategy<Group> {
    let mode = prop_oneof![
        4 => Just(None),
        1 => Just(Some(CommitMode::Lazy)),
        1 => Just(Some(CommitMode::Eager)),
        1 => Just(Some(CommitMode::Off)),
    ];
    (mode, key(&KEYS[2..]), prop::bool::weighted(0.2), body(depth - 1, 4))
        .prop_map(|(mode, key, overwrite, body)| {
            // Without a key there is nothing to overwrite.
            let overwrite = overwrite && key.is_some();
            Group { mode, key, overwrite, body }
        })
        .boxed()
}

fn flow(depth: u32) -> BoxedStrategy<Flow> {
    (any::<bool>(), body(depth - 1, 3)).prop_map(|(is_async, body)| Flow { is_async, body }).boxed()
}

pub(super) fn plan() -> BoxedStrategy<Plan> {
    let records = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::sample::subsequence(KEYS.map(str::to_owned).to_vec(), 1..3),
    ];
    (prop::bool::weighted(0.7), any::<bool>(), records, body(3, 4))
        .prop_map(|(is_async, is_sequential, records, body)| Plan { is_async, is_sequential, records, body })
        .boxed()
}

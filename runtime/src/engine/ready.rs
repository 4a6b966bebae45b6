//! Ready runs: admitted one after another, never one inside another, and handed to the runner.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::execution::Execution;
use super::finish::Ended;
use super::standstill::address;
use super::{admission, attempt, finish, slots, unlist};
use crate::context::Scope;
use crate::error::{ErrorKind, TaskError};
use crate::map::MapGroup;
use crate::panic::{self, drop_caught};
use crate::run::Run;
use crate::runner::runtime::RuntimeHandle;
use crate::runner::worker;
use crate::spec::Kind;

/// What a thread has to do before it goes on, found while it did something of the kind: never one inside of the other, as
/// what follows from what has no bound.
#[derive(Default)]
struct Turn {
    /// Runs to admit, and those to hand over.
    waiting: VecDeque<Arc<Run>>,
    admitted: VecDeque<Arc<Run>>,
    /// Maps that are to be told of the end of something.
    told: VecDeque<(Arc<MapGroup>, Option<(Arc<Run>, bool)>)>,
}

impl Turn {
    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.admitted.is_empty() && self.told.is_empty()
    }

    /// Gives back the room that a long turn took.
    fn shrink(&mut self) {
        shrink(&mut self.waiting);
        shrink(&mut self.admitted);
        shrink(&mut self.told);
    }
}

/// Gives back the room of a queue that is empty, unless it is little.
pub(crate) fn shrink<T>(queue: &mut VecDeque<T>) {
    const KEPT: usize = 1024;
    if queue.is_empty() && queue.capacity() > KEPT {
        *queue = VecDeque::new();
    }
}

/// What a thread is at.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a flag for each, as one may go on in the course of another"
)]
#[derive(Clone, Copy)]
struct Flags {
    admitting: bool,
    telling: bool,
    /// The runs become ready because the run that the thread has executed has ended.
    finishing: bool,
    /// The thread executes a body, which may end other runs: what becomes ready by that cannot go next on this thread.
    in_body: bool,
    /// The runs become ready because the body on this thread submits them.
    submitting: bool,
    /// There is something in the thread's turn.
    queued: bool,
}

impl Flags {
    const NONE: Self = Self {
        admitting: false,
        telling: false,
        finishing: false,
        in_body: false,
        submitting: false,
        queued: false,
    };
}

thread_local! {
    static FLAGS: Cell<Flags> = const { Cell::new(Flags::NONE) };
    static TURN: RefCell<Turn> = RefCell::new(Turn::default());
    /// The turns before those of the bodies on the stack of this thread, where there is something in them.
    static BENEATH: RefCell<Vec<Turn>> = const { RefCell::new(Vec::new()) };
    /// The runs whose bodies are on the stack of this thread, by address.
    static BODIES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// The runs whose bodies are on the stack of this thread, by [address](super::standstill::address).
pub(super) fn bodies_here() -> Vec<usize> {
    BODIES.with(|bodies| bodies.borrow().clone())
}

/// Whether this thread executes a body.
pub(super) fn is_in_body() -> bool {
    FLAGS.get().in_body
}

/// A thread that executes a body begins a turn of its own: what the body submits is not left for later.
pub(super) struct BodyTurn {
    /// Those of the turn before.
    flags: Flags,
}

impl BodyTurn {
    #[inline]
    pub(super) fn begin(run: &Run) -> Self {
        Self::begin_at(address(run))
    }

    /// As [`begin`](Self::begin), of the run with that [address].
    #[inline]
    pub(super) fn begin_at(run: usize) -> Self {
        // Fails only while the thread is being torn down, where nothing of ours runs any more.
        let _ = BODIES.try_with(|bodies| bodies.borrow_mut().push(run));
        let flags = FLAGS.replace(Flags { in_body: true, ..Flags::NONE });
        if flags.queued {
            let _ = TURN.try_with(|turn| BENEATH.with(|beneath| beneath.borrow_mut().push(turn.take())));
        }
        Self { flags }
    }
}

impl Drop for BodyTurn {
    fn drop(&mut self) {
        FLAGS.set(self.flags);
        let _ = BODIES.try_with(|bodies| bodies.borrow_mut().pop());
        if self.flags.queued {
            let before = BENEATH.try_with(|beneath| beneath.borrow_mut().pop());
            let before = before.ok().flatten().unwrap_or_default();
            let _ = TURN.try_with(|turn| *turn.borrow_mut() = before);
        }
    }
}

/// Leaves something for later in this thread's turn.
fn queue(push: impl FnOnce(&mut Turn)) {
    FLAGS.set(Flags { queued: true, ..FLAGS.get() });
    TURN.with(|turn| push(&mut turn.borrow_mut()));
}

/// Takes something of what was left for later.
fn unqueue<T>(take: impl FnOnce(&mut Turn) -> Option<T>) -> Option<T> {
    if !FLAGS.get().queued {
        return None;
    }
    TURN.with(|turn| {
        let turn = &mut *turn.borrow_mut();
        let taken = take(turn);
        if turn.is_over() {
            turn.shrink();
            FLAGS.set(Flags { queued: false, ..FLAGS.get() });
        }
        taken
    })
}

/// A thread that is about to wait does before what it had left for later: what it waits for may follow from that.
pub(super) fn catch_up() {
    let beneath = BENEATH.try_with(|beneath| {
        beneath.borrow_mut().iter_mut().map(std::mem::take).filter(|turn| !turn.is_over()).collect::<Vec<_>>()
    });
    for turn in beneath.unwrap_or_default() {
        turn.admitted.into_iter().for_each(hand_over);
        turn.waiting.into_iter().for_each(ready);
        for (map, ended) in turn.told {
            notify(&map, ended.as_ref().map(|(run, has_value)| Ended { run, has_value: *has_value }));
        }
    }
}

/// Why runs become ready on this thread, until this is dropped.
pub(crate) struct ReadyBecause {
    /// What it was before.
    finishing: bool,
    submitting: bool,
}

impl ReadyBecause {
    #[inline]
    fn begin(finishing: bool, submitting: bool) -> Self {
        let before = FLAGS.get();
        FLAGS.set(Flags { finishing, submitting, ..before });
        Self { finishing: before.finishing, submitting: before.submitting }
    }

    /// They are submitted here.
    #[inline]
    pub(crate) fn submitted() -> Self {
        Self::begin(false, true)
    }

    /// Another has ended.
    #[inline]
    pub(super) fn end() -> Self {
        Self::begin(!FLAGS.get().in_body, false)
    }

    /// The window of a map has moved on: they do not go before others.
    pub(crate) fn window() -> Self {
        Self::begin(false, false)
    }
}

impl Drop for ReadyBecause {
    #[inline]
    fn drop(&mut self) {
        FLAGS.set(Flags { finishing: self.finishing, submitting: self.submitting, ..FLAGS.get() });
    }
}

/// Whether runs become ready because they are submitted here: nobody but who submits them waits for this thread to go on.
pub(crate) fn is_submitting() -> bool {
    FLAGS.get().submitting
}

/// Tells a map that one of its runs, or something before them, has ended; now, or once it has been told what it is being told.
pub(super) fn notify(map: &Arc<MapGroup>, ended: Option<Ended<'_>>) {
    if FLAGS.get().telling {
        let ended = ended.map(|Ended { run, has_value }| (run.clone(), has_value));
        return queue(|turn| turn.told.push_back((map.clone(), ended)));
    }
    FLAGS.set(Flags { telling: true, ..FLAGS.get() });
    map.notified(ended);
    while let Some((map, ended)) = unqueue(|turn| turn.told.pop_front()) {
        map.notified(ended.as_ref().map(|(run, has_value)| Ended { run, has_value: *has_value }));
    }
    FLAGS.set(Flags { telling: false, ..FLAGS.get() });
}

/// A run's upstreams have ended: it is admitted and handed to its runner, or ends unexecuted.
pub(super) fn ready(run: Arc<Run>) {
    in_turn(run, false);
}

/// Whether the run may be claimed from now on; else it has ended, waits for slots, or was cancelled.
fn admit(run: &Arc<Run>) -> bool {
    admission::admit(run) && slots::acquire(run) && run.cell.make_ready()
}

/// A run is to be executed once more.
pub(super) fn retry(run: Arc<Run>) {
    if slots::acquire(&run) {
        dispatch(run);
    }
}

/// A run that has been admitted has its slots too.
pub(super) fn dispatch(run: Arc<Run>) {
    if run.cell.make_ready() {
        hand_over(run);
    }
}

/// Hands a run to its runner that may be claimed already.
pub(super) fn hand_over(run: Arc<Run>) {
    in_turn(run, true);
}

/// Does it now, and then what was found on the way; or leaves it to the frame below that is at it.
fn in_turn(run: Arc<Run>, is_admitted: bool) {
    if FLAGS.get().admitting {
        return queue(|turn| {
            let queue = if is_admitted { &mut turn.admitted } else { &mut turn.waiting };
            queue.push_back(run);
        });
    }
    FLAGS.set(Flags { admitting: true, ..FLAGS.get() });
    let admitted = if is_admitted || admit(&run) { Some(run) } else { None };
    finish_turn(admitted);
}

/// Does `action`, which begins runs, and then has them go on, all of them in one turn.
pub(crate) fn in_one_turn(action: impl FnOnce()) {
    if FLAGS.get().admitting {
        return action();
    }
    FLAGS.set(Flags { admitting: true, ..FLAGS.get() });
    action();
    finish_turn(None);
}

/// Goes on with a run that is admitted, and with what is found on the way, until nothing is left.
fn finish_turn(mut admitted: Option<Arc<Run>>) {
    loop {
        // All are admitted before the first is handed over, so that whoever executes one of them may execute another that
        // it waits for.
        while let Some(run) = unqueue(|turn| turn.waiting.pop_front()) {
            if admit(&run) {
                queue(|turn| turn.admitted.push_back(run));
            }
        }
        let Some(run) = admitted.take().or_else(|| unqueue(|turn| turn.admitted.pop_front())) else { break };
        let follow_up = FLAGS.get().finishing;
        if follow_up && run.scope.runner.goes_next_here(run.spec.kind) {
            worker::keep_follow_up(ReadyRun { run, follow_up, offered: false });
            continue;
        }
        let runner = run.scope.runner.clone();
        let ready = ReadyRun { run, follow_up, offered: false };
        // The runner may be the user's.
        let submitted = panic::catch_in_between(|| {
            if FLAGS.get().queued && runner.takes_many() {
                return runner.submit_all(with_those_like(ready));
            }
            runner.submit(ready)
        });
        match submitted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log!(error, "a run is cancelled: {error}"),
            Err(panic) => log!(error, "the task runner panicked: {}", panic.message),
        }
    }
    FLAGS.set(Flags { admitting: false, ..FLAGS.get() });
}

/// A run, and those next in this thread's turn that go to the same runner in the same way.
fn with_those_like(first: ReadyRun) -> Vec<ReadyRun> {
    let follow_up = first.follow_up;
    let mut runs = Vec::new();
    unqueue(|turn| {
        let is_alike = |run: &&Arc<Run>| {
            Arc::ptr_eq(&run.scope, &first.run.scope) && run.spec.kind == first.run.spec.kind
        };
        let count = turn.admitted.iter().take_while(is_alike).count();
        runs.reserve_exact(count + 1);
        runs.push(first);
        runs.extend(turn.admitted.drain(..count).map(|run| ReadyRun { run, follow_up, offered: false }));
        Some(())
    });
    runs
}

/// A task run that may be executed now.
///
/// Whoever executes it needs nothing else: it never panics, and reports its end itself. It may have been executed by
/// somebody else meanwhile, a thread that waits for it, or have been cancelled: then executing it does nothing. Dropped
/// without being executed, it is cancelled.
pub struct ReadyRun {
    run: Arc<Run>,
    follow_up: bool,
    /// Dropping it cancels nothing: it was offered to be executed here, and still stands where it was submitted before; or it
    /// was executed, by somebody else perhaps, and the run may await another attempt.
    offered: bool,
}

impl ReadyRun {
    /// A run that a thread waits for, to be offered to its runner.
    pub(super) fn offered(run: Arc<Run>) -> Self {
        Self { run, follow_up: false, offered: true }
    }

    /// How it is to be executed.
    pub fn kind(&self) -> Kind {
        self.run.spec.kind
    }

    /// The key of its task.
    pub fn task_key(&self) -> String {
        self.run.spec.key()
    }

    /// The run, as hooks see it.
    pub fn task_run(&self) -> crate::TaskRun {
        crate::TaskRun(self.run.clone())
    }

    /// Its inputs by parameter, as JSON; `None` for one whose type cannot be written as such.
    ///
    /// There are none for a run that somebody else executes, or that was cancelled. A panic while they are written crashes
    /// the run.
    pub fn inputs(&self) -> Vec<(&'static str, Option<serde_json::Value>)> {
        attempt::inputs(&self.run)
    }

    /// Whether it has become ready because of the end of the run that this thread has just executed: it may go next.
    pub fn is_follow_up(&self) -> bool {
        self.follow_up
    }

    pub(crate) fn handle(&self) -> &RuntimeHandle {
        &self.run.scope.handle
    }

    /// What it was submitted in.
    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.run.scope
    }

    /// Executes it, on the task that polls what this gives.
    pub fn execute(mut self) -> Execution {
        let body = self.claim(|run| run.cell.claim());
        Execution::new(self, body)
    }

    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Takes the body, unless somebody else has it; nobody has one any more of a runner that was shut down.
    pub(super) fn claim<T>(&mut self, claim: impl FnOnce(&Arc<Run>) -> Option<T>) -> Option<T> {
        if self.run.scope.runner.is_shut_down() {
            return None;
        }
        self.offered = true;
        unlist::goes_on_in(&self.run.scope);
        claim(&self.run)
    }

    /// Executes it, on this thread: for sync kinds. An async one is driven to its end.
    pub fn execute_blocking(mut self) {
        if self.kind() == Kind::Async {
            let handle = self.handle().get();
            let _entered = handle.enter();
            return super::wait::block_on_future(self.execute());
        }
        if let Some(claimed) = self.claim(attempt::claim) {
            attempt::execute_blocking(&self.run, claimed);
        }
    }
}

impl Drop for ReadyRun {
    fn drop(&mut self) {
        if self.offered {
            return;
        }
        // Only where it is ready: a run that awaits another attempt stands nowhere.
        if let Some(body) = self.run.cell.claim() {
            drop_caught(body);
            let error = TaskError::new(
                ErrorKind::Cancelled,
                "the task runner was shut down before the run had started",
            );
            finish::finish(&self.run, Err(error), Vec::new());
        }
    }
}

impl fmt::Debug for ReadyRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadyRun({:?})", self.run)
    }
}

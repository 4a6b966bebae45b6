//! Waiting for runs: in async code through wakers, in sync code by parking the thread.
//!
//! A thread that waits lends its place on the runner. If the run it waits for is ready and nobody has started it, the
//! thread executes that run itself; it never executes anything else meanwhile.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::ready::{self, ReadyRun};
use super::standstill::{self, Blocked, Wanted, advise_to_await};
use super::{awaited, plan};
use crate::body::Outcome;
use crate::context::{Scope, scope_here};
use crate::input::{Edge, Node};
use crate::map::MapGroup;
use crate::run::{Run, Stage};
use crate::runner::{threads, worker};
use crate::spec::Kind;

/// How deep runs are executed by threads that wait for them, one on the stack of another.
const DEPTH: u32 = 64;

thread_local! {
    static EXECUTING: Cell<u32> = const { Cell::new(0) };
}

/// Whether the run has ended; else the task is woken when it has.
pub(crate) fn poll_ended(run: &Arc<Run>, cx: &Context<'_>) -> Poll<()> {
    if run.subscribe_waker(cx.waker()) {
        awaited::note_run(run);
        Poll::Pending
    } else if plan::withholds(run, cx.waker()) {
        Poll::Pending
    } else {
        Poll::Ready(())
    }
}

/// The outcome of an ended run, which counts as seen.
pub(crate) fn seen(run: &Run) -> Outcome {
    run.see().unwrap_or_else(|| Err(super::attempt::cancelled()))
}

/// Ready when the run has ended.
pub(crate) struct Ended(Arc<Run>);

impl Ended {
    pub(crate) fn of(run: &Arc<Run>) -> Self {
        Self(run.clone())
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_ended(&self.0, cx)
    }
}

/// Ready when all runs of a map have ended, or one has failed.
pub(crate) struct Settled(Arc<MapGroup>);

impl Settled {
    pub(crate) fn of(group: &Arc<MapGroup>) -> Self {
        Self(group.clone())
    }
}

impl Future for Settled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.poll_settled(cx.waker()) {
            return Poll::Ready(());
        }
        awaited::note_map(&self.0);
        Poll::Pending
    }
}

/// Ready when all runs of a map have ended.
pub(crate) struct Done(Arc<MapGroup>);

impl Done {
    pub(crate) fn of(group: &Arc<MapGroup>) -> Self {
        group.touch();
        Self(group.clone())
    }
}

impl Future for Done {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.poll_done(cx.waker()) {
            return Poll::Ready(());
        }
        awaited::note_map(&self.0);
        Poll::Pending
    }
}

/// Waits until all of these have ended.
pub(crate) async fn all_ended(edges: &[Edge]) {
    for edge in edges {
        ended(&edge.node).await;
    }
}

/// Waits until all of these have ended.
pub(super) async fn each_ended(nodes: &[Node]) {
    for node in nodes {
        ended(node).await;
    }
}

async fn ended(node: &Node) {
    match node {
        Node::Run(run) => Ended::of(run).await,
        Node::Map(group) => Done::of(group).await,
    }
}

/// Ready when the length of a map is known.
pub(crate) struct Opened(Arc<MapGroup>);

impl Opened {
    pub(crate) fn of(group: &Arc<MapGroup>) -> Self {
        Self(group.clone())
    }
}

impl Future for Opened {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.poll_opened(cx.waker()) {
            return Poll::Ready(());
        }
        awaited::note_map(&self.0);
        Poll::Pending
    }
}

/// Ready when all runs of a map have been made.
pub(crate) struct Made(Arc<MapGroup>);

impl Made {
    pub(crate) fn of(group: &Arc<MapGroup>) -> Self {
        Self(group.clone())
    }
}

impl Future for Made {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.poll_made(cx.waker()) {
            return Poll::Ready(());
        }
        awaited::note_map(&self.0);
        Poll::Pending
    }
}

/// Blocks until the run has ended, or the time is over; says whether it has ended.
#[track_caller]
pub(crate) fn block_on(run: &Arc<Run>, timeout: Option<Duration>) -> bool {
    if run.has_ended() {
        plan::asked(run);
        return true;
    }
    if timeout.is_none() && is_ready(run) && execute_here(run) && run.has_ended() {
        return true;
    }
    if timeout == Some(Duration::ZERO) {
        return false;
    }
    let wanted = || Wanted::All(vec![Node::Run(run.clone())]);
    match timeout {
        None => {
            block_for(wanted, Ended::of(run));
            true
        }
        Some(timeout) => {
            check_may_wait(wanted);
            let clock = run.scope.engine.clock().clone();
            let over = Arc::new(AtomicBool::new(false));
            let mut timer = None;
            let mut ended = Ended::of(run);
            let has_ended = block_on_unchecked(std::future::poll_fn(|cx| {
                if Pin::new(&mut ended).poll(cx).is_ready() {
                    return Poll::Ready(true);
                }
                if over.load(Ordering::SeqCst) {
                    return Poll::Ready(false);
                }
                timer.get_or_insert_with(|| {
                    let (over, waker) = (over.clone(), cx.waker().clone());
                    clock.after(timeout, move || {
                        over.store(true, Ordering::SeqCst);
                        waker.wake();
                    })
                });
                Poll::Pending
            }));
            if let Some(timer) = timer {
                clock.cancel(timer);
            }
            has_ended
        }
    }
}

/// Blocks until all runs of the map have ended.
#[track_caller]
pub(crate) fn block_on_map(group: &Arc<MapGroup>) {
    if group.is_planned() {
        return group.asked();
    }
    block_for(|| Wanted::All(vec![Node::Map(group.clone())]), Done::of(group));
}

/// Blocks until all runs of the map have ended, or one has failed.
#[track_caller]
pub(crate) fn block_on_settled(group: &Arc<MapGroup>) {
    if group.is_planned() {
        return group.asked();
    }
    block_for(|| Wanted::All(vec![Node::Map(group.clone())]), Settled::of(group));
}

/// Whether the run could be executed by whoever waits for it.
fn is_ready(run: &Run) -> bool {
    run.spec.kind != Kind::Async && !run.spec.is_flow && run.cell.lock().stage == Stage::Ready
}

/// Offers the run's runner to execute it on this thread.
fn execute_here(run: &Arc<Run>) -> bool {
    let depth = EXECUTING.get();
    if depth >= DEPTH || on_single_threaded_runtime() {
        return false;
    }
    EXECUTING.set(depth + 1);
    let runner = run.scope.runner.clone();
    let offered = || runner.execute_here(ReadyRun::offered(run.clone()));
    let executed = beside_runtime(offered);
    EXECUTING.set(depth);
    executed
}

/// How deep this thread is in executing runs, one on the stack of another.
pub(crate) fn deeper<T>(action: impl FnOnce() -> T) -> Result<T, ()> {
    let depth = EXECUTING.get();
    if depth >= DEPTH {
        return Err(());
    }
    EXECUTING.set(depth + 1);
    let done = action();
    EXECUTING.set(depth);
    Ok(done)
}

fn flavor_here() -> Option<RuntimeFlavor> {
    if threads::is_ours() {
        return None;
    }
    Handle::try_current().ok().map(|handle| handle.runtime_flavor())
}

fn on_single_threaded_runtime() -> bool {
    standstill::runtime_here().is_some()
}

/// Does what blocks this thread; where it is one of a runtime, what waits for it goes on on others.
pub(super) fn beside_runtime<T>(action: impl FnOnce() -> T) -> T {
    if on_worker_of_runtime() { tokio::task::block_in_place(action) } else { action() }
}

fn on_worker_of_runtime() -> bool {
    flavor_here() == Some(RuntimeFlavor::MultiThread)
}

/// Panics where an async body of the scope here cannot be driven: on the thread that it needs to make progress.
#[track_caller]
pub(crate) fn check_may_drive() {
    if let Some(runtime) = standstill::runtime_here()
        && scope_here().handle.id() == Some(runtime)
        && standstill::drives_it()
    {
        advise_to_await();
    }
}

/// Panics where waiting for what is wanted would wait for this very thread.
#[track_caller]
pub(crate) fn check_may_wait(wanted: impl FnOnce() -> Wanted) {
    if let Some(runtime) = standstill::runtime_here()
        && standstill::needs(&wanted(), runtime)
        && standstill::drives_it()
    {
        advise_to_await();
    }
}

/// Blocks for a future that is ready once what is wanted has ended.
///
/// # Panics
/// Panics where that needs this very thread, also where it turns out to later on.
#[track_caller]
pub(crate) fn block_for<F: Future>(wanted: impl FnOnce() -> Wanted, future: F) -> F::Output {
    block_unless_stuck(wanted, future).unwrap_or_else(|| advise_to_await())
}

/// As [`block_for`]; `None` where it would panic.
pub(super) fn block_unless_stuck<F: Future>(wanted: impl FnOnce() -> Wanted, future: F) -> Option<F::Output> {
    let Some(blocked) = Blocked::list(wanted) else { return Some(block_on_unchecked(future)) };
    let mut future = pin!(future);
    let output = block_on_unchecked(std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if blocked.is_stuck(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    }));
    drop(blocked);
    output
}

/// Blocks for what a body has left open that was executed on this thread; `false` if that needs this very thread.
pub(super) fn block_for_open(scope: &Arc<Scope>) -> bool {
    while standstill::runtime_here().is_some() {
        let nodes = scope.open_nodes();
        if nodes.is_empty() {
            break;
        }
        if block_unless_stuck(|| Wanted::All(nodes.clone()), each_ended(&nodes)).is_none() {
            return false;
        }
    }
    true
}

/// As [`block_on_future`], for one that is ready at once as a rule: then nobody takes over what this thread does.
pub(crate) fn block_on_ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => block_on_future(future),
    }
}

/// Blocks for a future that needs nothing of this thread.
pub(crate) fn block_on_future<F: Future>(future: F) -> F::Output {
    block_on_unchecked(future)
}

fn block_on_unchecked<F: Future>(future: F) -> F::Output {
    beside_runtime(|| awaited::aside(|| park_on(future)))
}

struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Parks this thread until the future is ready; its place on the runner goes to others meanwhile.
fn park_on<F: Future>(future: F) -> F::Output {
    let parked = Arc::new(Parked { thread: std::thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(parked.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut lent = None;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            drop(lent);
            return output;
        }
        if lent.is_none() {
            ready::catch_up();
            lent = worker::lend();
        }
        while !parked.woken.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }
}

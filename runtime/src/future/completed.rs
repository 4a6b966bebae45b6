//! Waiting for several runs: for all of them up to a time, or for each as it ends.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_core::Stream;

use super::TaskFuture;
use crate::engine::{Engine, Wanted, awaited, plan, wait as waiting};
use crate::input::{Dependencies, Edges, Node};
use crate::run::Run;
use crate::state::State;

/// A task run or a flow run that was waited for.
#[derive(Clone)]
pub struct AwaitedRun(Arc<Run>);

impl AwaitedRun {
    /// Its id.
    pub fn id(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.0.id())
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// The state it is in; does not count as seen.
    pub fn state(&self) -> State {
        self.0.state()
    }
}

impl fmt::Debug for AwaitedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The runs that were waited for: those that have ended, and those that have not.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Waited {
    /// Those that have ended, in the order in which they were named.
    pub done: Vec<AwaitedRun>,
    /// Those that have not.
    pub not_done: Vec<AwaitedRun>,
}

/// Waits until all of these have ended, or the timeout, if there is one, is over. Never fails, and does not count as seen.
///
/// A timeout of zero still tells what has ended already. Of a map all runs are told, for which those are begun that have not
/// been; of one that waits for the list to map over, the run that gives the list.
///
/// ```
/// # #[tokio::main] async fn main() {
/// use millrun::prelude::*;
/// use std::time::Duration;
///
/// #[task] async fn one() -> u32 { 1 }
///
/// let (a, b) = (one.submit(), one.submit());
/// let waited = wait((&a, &b), Duration::from_secs(10)).await;
/// assert_eq!((waited.done.len(), waited.not_done.len()), (2, 0));
/// # }
/// ```
pub async fn wait(dependencies: impl Dependencies, timeout: impl Into<Option<Duration>>) -> Waited {
    let nodes = nodes_of(&dependencies);
    let timeout = timeout.into();
    drop(dependencies);
    let clock = Engine::ambient().clock().clone();
    let over = Arc::new(AtomicBool::new(timeout == Some(Duration::ZERO)));
    let mut timer = None;
    let mut next = 0;
    std::future::poll_fn(|cx| {
        while next < nodes.len() {
            let pending = match &nodes[next] {
                Node::Run(run) => waiting::poll_ended(run, cx).is_pending(),
                Node::Map(group) => Pin::new(&mut waiting::Done::of(group)).poll(cx).is_pending(),
            };
            if pending {
                break;
            }
            next += 1;
        }
        if next == nodes.len() || over.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if let (Some(timeout), None) = (timeout, timer) {
            let (over, waker) = (over.clone(), cx.waker().clone());
            timer = Some(clock.after(timeout, move || {
                over.store(true, Ordering::SeqCst);
                waker.wake();
            }));
        }
        Poll::Pending
    })
    .await;
    if let Some(timer) = timer {
        clock.cancel(timer);
    }
    let mut waited = Waited::default();
    let mut open: Vec<Node> = nodes.into_iter().rev().collect();
    while let Some(node) = open.pop() {
        if let Node::Map(group) = &node {
            if group.length().is_none() {
                // Nobody knows its runs yet: what they wait for stands for them.
                open.extend(group.awaited());
                continue;
            }
            group.make_all();
            waiting::Made::of(group).await;
        }
        for run in node.runs() {
            let list = if run.has_ended() { &mut waited.done } else { &mut waited.not_done };
            list.push(AwaitedRun(run));
        }
    }
    waited
}

/// Blocks as [`wait`](wait()) awaits.
///
/// # Panics
/// Panics on the thread of a single-threaded tokio runtime that the runs themselves need: await there.
#[track_caller]
pub fn wait_blocking(dependencies: impl Dependencies, timeout: impl Into<Option<Duration>>) -> Waited {
    let timeout = timeout.into();
    let nodes = nodes_of(&dependencies);
    let all = || Wanted::All(nodes);
    let waited = wait(dependencies, timeout);
    let Some(timeout) = timeout else { return waiting::block_for(all, waited) };
    if !timeout.is_zero() {
        waiting::check_may_wait(all);
    }
    waiting::block_on_future(waited)
}

fn nodes_of(dependencies: &impl Dependencies) -> Vec<Node> {
    let mut edges = Edges::default();
    dependencies.add_to(&mut edges);
    edges.list.into_iter().map(|edge| edge.node).collect()
}

/// The futures as their runs end, the first to end first; each counts as seen when it is given out.
///
/// A [`Stream`] in async code; in sync code an iterator through [`blocking`](AsCompleted::blocking).
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn double(x: u32) -> u32 { 2 * x }
///
/// let futures: Vec<_> = (0..3).map(|x| double.submit(x)).collect();
/// let mut values: Vec<u32> = as_completed(futures).blocking().map(|future| future.result().unwrap()).collect();
/// values.sort();
/// assert_eq!(values, [0, 2, 4]);
/// ```
pub fn as_completed<T>(futures: impl IntoIterator<Item = TaskFuture<T>>) -> AsCompleted<T> {
    let futures: Vec<TaskFuture<T>> = futures.into_iter().collect();
    let ended = Arc::new(Mutex::new(Ended::default()));
    // Those that have ended already go first, in the order in which they did.
    let mut before = Vec::new();
    for (n, future) in futures.iter().enumerate() {
        let waker = Waker::from(Arc::new(Notify { n, ended: ended.clone() }));
        if !future.run().subscribe_waker(&waker) {
            before.push((future.run().ended_at(), n));
        }
    }
    before.sort_unstable();
    {
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, n) in before.into_iter().rev() {
            ended.numbers.push_front(n);
        }
    }
    AsCompleted { left: futures.len(), futures: futures.into_iter().map(Some).collect(), ended }
}

#[derive(Default)]
struct Ended {
    numbers: VecDeque<usize>,
    waker: Option<Waker>,
}

struct Notify {
    n: usize,
    ended: Arc<Mutex<Ended>>,
}

impl Wake for Notify {
    fn wake(self: Arc<Self>) {
        let waker = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.numbers.push_back(self.n);
            ended.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Futures in the order in which their runs end; made by [`as_completed`].
#[must_use = "a stream does nothing until it is polled"]
pub struct AsCompleted<T> {
    futures: Vec<Option<TaskFuture<T>>>,
    left: usize,
    ended: Arc<Mutex<Ended>>,
}

impl<T> AsCompleted<T> {
    /// The same as an iterator that blocks for the next.
    ///
    /// The iterator panics on the thread of a single-threaded tokio runtime that the runs themselves need: use the stream
    /// there.
    pub fn blocking(self) -> Blocking<T> {
        Blocking(self)
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<TaskFuture<T>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(n) = ended.numbers.pop_front() {
            if let Some(future) = self.futures[n].take() {
                self.left -= 1;
                if plan::withholds(future.run(), cx.waker()) {
                    return Poll::Pending;
                }
                future.run().mark_seen();
                return Poll::Ready(Some(future));
            }
        }
        ended.waker = Some(cx.waker().clone());
        drop(ended);
        // One is enough: whichever ends first has this polled.
        if let Some(open) = self.futures.iter().flatten().find(|future| !future.run().has_ended()) {
            awaited::note_run(open.run());
        }
        Poll::Pending
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = TaskFuture<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TaskFuture<T>>> {
        self.get_mut().poll(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

/// Blocks for each future in turn; made by [`AsCompleted::blocking`].
#[must_use = "an iterator does nothing until it is asked for items"]
#[derive(Debug)]
pub struct Blocking<T>(AsCompleted<T>);

impl<T> Iterator for Blocking<T> {
    type Item = TaskFuture<T>;

    fn next(&mut self) -> Option<TaskFuture<T>> {
        let left = self.0.futures.iter().flatten();
        let wanted = Wanted::One(left.map(|future| Node::Run(future.run().clone())).collect());
        waiting::block_for(|| wanted, std::future::poll_fn(|cx| self.0.poll(cx)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

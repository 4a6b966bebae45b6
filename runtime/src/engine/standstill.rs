//! Threads that block while what they wait for needs one of them: the thread of a single-threaded runtime, which drives nothing
//! meanwhile.
//!
//! What a sync body blocks for is known once it does. So all are listed that block where a single-threaded runtime is near, and
//! whoever joins them looks whether the thread of such a runtime waits, over however many others, for what it would have to
//! drive itself. That thread is told, and panics with the advice to await.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};

use tokio::runtime::{Handle, Id, RuntimeFlavor};

use super::ready;
use crate::context::current_run;
use crate::input::Node;
use crate::panic;
use crate::run::{Run, Slot};
use crate::runner::threads;
use crate::spec::Kind;

/// What a thread waits for.
pub(crate) enum Wanted {
    /// All of these.
    All(Vec<Node>),
    /// One of them, whichever ends first.
    One(Vec<Node>),
}

/// A thread that blocks; no more once this is dropped.
pub(super) struct Blocked(Arc<Entry>);

struct Entry {
    wanted: Wanted,
    /// The runtime that this thread drives, if it is not one that only has its context.
    runtime: Option<Id>,
    /// The runs whose bodies are on this thread's stack, by address.
    runs: Vec<usize>,
    stuck: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

#[derive(Default)]
struct List {
    /// Those that may drive a runtime.
    drivers: Vec<Arc<Entry>>,
    by_run: HashMap<usize, Vec<Arc<Entry>>>,
}

fn list() -> MutexGuard<'static, List> {
    static LIST: OnceLock<Mutex<List>> = OnceLock::new();
    LIST.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// The single-threaded runtime here, if nothing is known of this thread but that it is in its context.
pub(super) fn runtime_here() -> Option<Id> {
    if threads::is_ours() {
        return None;
    }
    let handle = Handle::try_current().ok()?;
    (handle.runtime_flavor() == RuntimeFlavor::CurrentThread).then(|| handle.id())
}

/// Whether this thread, which is in the context of a single-threaded runtime, is the one that drives it, and none of its
/// blocking pool. Nothing but a panic of tokio tells.
pub(super) fn drives_it() -> bool {
    panic::quietly(|| tokio::task::block_in_place(|| {})).is_err()
}

impl Blocked {
    /// Lists this thread, if a single-threaded runtime may have to do with what it waits for.
    pub(super) fn list(wanted: impl FnOnce() -> Wanted) -> Option<Self> {
        let runtime = runtime_here();
        let is_body_of_one =
            || current_run().is_some_and(|run| run.scope.handle.is_single_threaded() && !run.has_ended());
        if runtime.is_none() && !(ready::is_in_body() && is_body_of_one()) {
            return None;
        }
        let entry = Arc::new(Entry {
            wanted: wanted(),
            runtime,
            runs: ready::bodies_here(),
            stuck: AtomicBool::new(false),
            waker: Mutex::default(),
        });
        let mut list = list();
        if runtime.is_some() {
            list.drivers.push(entry.clone());
        }
        for run in &entry.runs {
            list.by_run.entry(*run).or_default().push(entry.clone());
        }
        let wakers = list.find_stuck();
        drop(list);
        wakers.into_iter().for_each(Waker::wake);
        Some(Self(entry))
    }

    /// Whether this thread waits for itself; else the task is woken when it is found to.
    pub(super) fn is_stuck(&self, cx: &Context<'_>) -> bool {
        let entry = &self.0;
        if entry.runtime.is_none() {
            return false;
        }
        *entry.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // After the waker is there: whoever finds out finds it, or is found here to have done so.
        if !entry.stuck.load(Ordering::SeqCst) {
            return false;
        }
        let drives_it = drives_it();
        if !drives_it {
            list().drivers.retain(|other| !Arc::ptr_eq(other, entry));
            entry.stuck.store(false, Ordering::SeqCst);
        }
        drives_it
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let mut list = list();
        list.drivers.retain(|other| !Arc::ptr_eq(other, &self.0));
        for run in &self.0.runs {
            if let Some(entries) = list.by_run.get_mut(run) {
                entries.retain(|other| !Arc::ptr_eq(other, &self.0));
                if entries.is_empty() {
                    list.by_run.remove(run);
                }
            }
        }
    }
}

impl List {
    /// Marks those that wait for themselves; gives their wakers.
    fn find_stuck(&self) -> Vec<Waker> {
        let is_stuck = |entry: &&Arc<Entry>| {
            entry.runtime.is_some_and(|runtime| self.needs(&entry.wanted, runtime, &mut HashSet::new()))
        };
        let told = |entry: &Arc<Entry>| {
            entry.stuck.store(true, Ordering::SeqCst);
            entry.waker.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        self.drivers.iter().filter(is_stuck).filter_map(told).collect()
    }

    /// Whether what is wanted needs the runtime to go on.
    fn needs(&self, wanted: &Wanted, runtime: Id, seen: &mut HashSet<usize>) -> bool {
        match wanted {
            Wanted::All(nodes) => self.one_needs(nodes.clone(), runtime, seen),
            Wanted::One(nodes) => {
                !nodes.is_empty()
                    && nodes.iter().all(|node| self.one_needs(vec![node.clone()], runtime, &mut seen.clone()))
            }
        }
    }

    /// Whether one of these, or of those that they wait for, needs the runtime to go on.
    fn one_needs(&self, mut open: Vec<Node>, runtime: Id, seen: &mut HashSet<usize>) -> bool {
        while let Some(node) = open.pop() {
            let place = match &node {
                Node::Run(run) => address(run),
                Node::Map(group) => Arc::as_ptr(group) as usize,
            };
            if !seen.insert(place) {
                continue;
            }
            match node {
                Node::Run(run) => {
                    if run.has_ended() {
                        continue;
                    }
                    let on_tokio = run.spec.kind == Kind::Async || run.spec.is_flow;
                    if on_tokio && run.scope.handle.id() == Some(runtime) {
                        return true;
                    }
                    if let Slot::Body(body) = &mut run.cell.lock().slot {
                        open.extend(body.upstreams().edges.iter().map(|edge| edge.node.clone()));
                    }
                    for entry in self.by_run.get(&place).into_iter().flatten() {
                        match &entry.wanted {
                            Wanted::All(nodes) => open.extend(nodes.iter().cloned()),
                            one if self.needs(one, runtime, seen) => return true,
                            Wanted::One(_) => {}
                        }
                    }
                }
                Node::Map(group) => {
                    if group.is_done() {
                        continue;
                    }
                    if group.spec.kind == Kind::Async && group.scope.handle.id() == Some(runtime) {
                        return true;
                    }
                    open.extend(group.runs().into_iter().map(Node::Run));
                    open.extend(group.awaited());
                }
            }
        }
        false
    }
}

/// Whether one of these, or of those that they wait for, needs the runtime to go on.
pub(super) fn needs(wanted: &Wanted, runtime: Id) -> bool {
    list().needs(wanted, runtime, &mut HashSet::new())
}

/// What tells a run from others while it executes.
pub(super) fn address(run: &Run) -> usize {
    std::ptr::from_ref(run) as usize
}

#[track_caller]
pub(super) fn advise_to_await() -> ! {
    panic!(
        "blocking here would wait for ever: what is waited for executes on the thread of this single-threaded tokio runtime; \
         use `.await` instead, or a multi-threaded runtime"
    )
}

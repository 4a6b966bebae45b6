//! A map: one run per element, made in a window so that a million elements have bounded work in flight.

mod making;
mod planned;
mod reading;

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::task::Waker;

use tracing::Span;

use crate::context::Scope;
use crate::ended_count::EndedCount;
use crate::engine::{self, Ended, ReadyBecause, admission, plan, watch};
use crate::error::{ErrorKind, TaskError};
use crate::input::{EdgeList, Node};
use crate::mock;
use crate::options::{Effective, Options};
use crate::panic::drop_caught;
use crate::run::{By, Downstream, Run, RunWaiter, Waiter};
use crate::runner::threads;
use crate::spec::{Kind, Spec};
use crate::sync::{Apart, Mutex};

pub(crate) use making::Rows;

/// How many runs of a map are open at once.
const WINDOW: usize = 1024;
/// How many are begun before anybody has touched the map's futures: what is set by `.chunked(n)` holds for the others.
const FIRST_WINDOW: usize = 8;

pub(crate) struct MapGroup {
    pub(crate) spec: &'static Spec,
    pub(crate) scope: Arc<Scope>,
    pub(crate) ordinal: u32,
    options: Option<Arc<Options>>,
    /// The span in which it was begun, where that is not its scope's.
    span: Option<Span>,
    /// Handles that can read the results.
    handles: AtomicU32,
    ended: Apart<EndedCount>,
    inner: Apart<Mutex<Inner>>,
}

struct Inner {
    /// Taken out by whoever makes runs.
    rows: Option<Box<dyn Rows>>,
    /// What has to end before the length is known, and how much of it has not.
    awaited: Vec<Node>,
    remaining: usize,
    /// The maps whose elements this one is made of, and those made of its elements, while there are runs to make.
    upstream: Vec<Arc<MapGroup>>,
    followers: Vec<Weak<MapGroup>>,
    length: Option<usize>,
    runs: Vec<Arc<Run>>,
    /// The number of the first run, where ids were set aside for all.
    first_number: u32,
    /// So many of the first runs are not read through the map any more.
    handed_over: usize,
    /// The last of the runs that were made has ended: the one after it has nobody to follow.
    last_has_ended: bool,
    failed: Option<usize>,
    window: usize,
    chunk: usize,
    /// How many runs there were when it was first said how many are executed in a row: from there on they are, and it is known
    /// which have ended.
    chunked_from: Option<usize>,
    cancelled: Option<By>,
    /// Why there are no runs at all.
    failure: Option<TaskError>,
    seen: bool,
    done: bool,
    waiters: Vec<RunWaiter>,
    /// Who waits for the length, or for the last run to be made.
    openers: Vec<RunWaiter>,
}

impl Inner {
    /// The window of a map that somebody looks at: with chunks, one for each core.
    fn full_window(&self) -> usize {
        if self.chunk == 1 {
            return WINDOW;
        }
        self.chunk.saturating_mul(threads::cores()).max(WINDOW)
    }

    /// How many runs may be begun now that so many have ended.
    fn room(&self, ended: usize) -> usize {
        match self.length {
            _ if self.failure.is_some() => 0,
            Some(length) if self.cancelled.is_some() => length - self.runs.len(),
            Some(length) => {
                (length - self.runs.len()).min(self.window.saturating_sub(self.runs.len() - ended))
            }
            None => 0,
        }
    }

    /// How many have ended when there are runs to make: many at a time, and not one for each that ends.
    fn wants_more_at(&self, kind: Kind) -> usize {
        if self.cancelled.is_some() || self.window < WINDOW {
            return 0;
        }
        // Of those that compute only a few are executed at once; of those that wait as many as there may be.
        let refill = if kind == Kind::Sync { self.window / 2 } else { making::BATCH };
        (self.runs.len() + refill).saturating_sub(self.window)
    }

    /// How many have ended when somebody has to look at the map.
    fn mark(&self, kind: Kind) -> usize {
        match self.length {
            // The first opens the window; and in a chunk it is to be known of each whether it has ended.
            _ if self.window < WINDOW || self.chunked_from.is_some() => 0,
            // All are made, or somebody is at it, who looks at it afterwards.
            Some(length) if self.rows.is_none() => length,
            _ => self.wants_more_at(kind),
        }
    }

    /// The run that was to be executed after one that has ended, in a chunk.
    fn after(&mut self, run: &Run) -> Option<Arc<Run>> {
        self.chunked_from?;
        let place = run.cell.lock().index as usize + 1;
        self.last_has_ended |= place == self.runs.len();
        self.runs.get(place).filter(|next| next.follows()).cloned()
    }

    /// Whether that is all of them.
    fn is_done(&self, ended: usize) -> bool {
        self.length.is_some_and(|length| ended >= length)
    }

    fn all_made(&self) -> bool {
        self.failure.is_some() || self.length == Some(self.runs.len())
    }
}

impl MapGroup {
    /// Begins a map; with one handle, for the caller.
    pub(crate) fn start(
        spec: &'static Spec,
        scope: Arc<Scope>,
        options: Option<Arc<Options>>,
        rows: Box<dyn Rows>,
    ) -> Arc<Self> {
        let (spec, options, rows) = match mock::of(&scope, spec, || rows.output()) {
            Some(stand_in) => (stand_in.spec(), stand_in.options(options), stand_in.rows(rows)),
            None => (spec, options, rows),
        };
        let awaits = rows.awaits();
        let edges = if scope.tree.keeps_records() { rows.edges() } else { EdgeList::new() };
        // Of those that are only planned, runs are made where they have values, or where they are asked for one by one.
        let window = match (&scope.tree.plan, rows.has_plan_value()) {
            (None, _) => FIRST_WINDOW,
            (Some(_), true) => usize::MAX,
            (Some(_), false) => 0,
        };
        let ordinal = scope.tree.enroll_map(spec);
        let span = engine::span::span_here(&scope);
        watch::mapped(&scope.tree, spec, options.as_deref());
        let group = Arc::new(Self {
            spec,
            scope,
            ordinal,
            options,
            span,
            handles: AtomicU32::new(1),
            ended: Apart::default(),
            inner: Apart(Mutex::new(Inner {
                rows: Some(rows),
                remaining: awaits.len() + 1,
                awaited: awaits.clone(),
                upstream: Vec::new(),
                followers: Vec::new(),
                length: None,
                runs: Vec::new(),
                first_number: 0,
                handed_over: 0,
                last_has_ended: false,
                failed: None,
                window,
                chunk: 1,
                chunked_from: None,
                cancelled: None,
                failure: None,
                seen: false,
                done: false,
                waiters: Vec::new(),
                openers: Vec::new(),
            })),
        });
        if !group.is_planned() {
            group.scope.register_map(&group);
        }
        group.scope.tree.record_map(&group, &edges);
        group.scope.note_begun(|| Node::Map(group.clone()));
        for node in awaits {
            let waiter = Waiter::Downstream(Downstream::Map(group.clone()));
            let subscribed = match node {
                // Nobody knows the list of one that is only planned.
                Node::Run(run) if group.is_planned() && !plan::has_value(&run) => Ok(()),
                Node::Run(run) => run.cell.subscribe(waiter),
                // Its elements are awaited one by one.
                Node::Map(before) => before.subscribe_opened(waiter),
            };
            if subscribed.is_err() {
                group.inner.lock().remaining -= 1;
            }
        }
        let because = ReadyBecause::submitted();
        group.upstream_ended();
        drop(because);
        if group.scope.is_cancelled() {
            group.cancel(By::Outer);
        }
        group
    }

    pub(crate) fn length(&self) -> Option<usize> {
        self.inner.lock().length
    }

    pub(crate) fn failure(&self) -> Option<TaskError> {
        self.inner.lock().failure.clone()
    }

    /// One of those ended that have to before the length is known.
    fn upstream_ended(self: &Arc<Self>) {
        let mut inner = self.inner.lock();
        inner.remaining -= 1;
        if inner.remaining > 0 {
            return;
        }
        let Some(mut rows) = inner.rows.take() else { return };
        drop(inner);
        match rows.open() {
            Ok(length) => {
                let count = u32::try_from(length).unwrap_or(u32::MAX);
                let mut inner = self.inner.lock();
                inner.first_number = self.scope.tree.enroll_elements(count);
                watch::made(&self.scope.tree, self.spec, self.options.as_deref(), count.into());
                inner.length = Some(length);
                // At most what a few pages hold: a longer list grows as its runs are made.
                inner.runs.reserve_exact(length.min(1 << 20));
                let upstream = rows.follows();
                inner.upstream.clone_from(&upstream);
                inner.rows = Some(rows);
                inner.awaited = Vec::new();
                let openers = std::mem::take(&mut inner.openers);
                drop(inner);
                for group in upstream {
                    group.inner.lock().followers.push(Arc::downgrade(self));
                }
                wake_all(openers);
                self.make_runs();
                self.finish_if_done();
            }
            Err(error) => self.fail(&error),
        }
    }

    /// There will be no runs: the lengths differ, or the list to map over is not there.
    fn fail(self: &Arc<Self>, error: &TaskError) {
        let effective = Effective { spec: self.spec, options: self.options.as_deref() };
        let skips = effective.skip_on_upstream_skip() && !effective.trigger().ignores_skips();
        let awaited = std::mem::take(&mut self.inner.lock().awaited);
        let left = engine::slice::left_list(&self.scope, &awaited);
        let failure = match (error.run_name(), error.kind()) {
            _ if left.is_some() => error.clone(),
            // Nothing before it failed: it was cancelled, or the lengths differ.
            (None, _) => error.clone(),
            (_, ErrorKind::Skipped) if skips => TaskError::new(ErrorKind::Skipped, admission::SKIPPED),
            (Some(run), _) => TaskError::trigger_failed(
                format!(
                    "the list that '{}' was to be mapped over is not there: '{run}' {}: {error}",
                    self.spec.name,
                    admission::ended_how(error),
                ),
                Some(error),
            ),
        };
        let causes = admission::failed(&awaited);
        // It stands for the runs that there are not, in the flow's account.
        let stand_in =
            engine::ended_run(self.spec, &self.scope, self.options.clone(), failure.clone(), causes);
        if left.is_some()
            && let Some(slice) = &self.scope.tree.slice
        {
            slice.leave(&stand_in);
        }
        let mut inner = self.inner.lock();
        inner.length = Some(0);
        inner.failure = Some(stand_in.error().unwrap_or(failure));
        if inner.seen {
            stand_in.mark_seen();
        }
        inner.runs = vec![stand_in];
        self.ended.add();
        let openers = std::mem::take(&mut inner.openers);
        drop(inner);
        wake_all(openers);
        self.finish_if_done();
    }

    /// One of the runs, or of what is awaited before them, has ended.
    pub(crate) fn notified(self: &Arc<Self>, ended: Option<Ended<'_>>) {
        // Where there is a mark, nothing is awaited but runs.
        let is_counted = ended.is_some_and(|ended| ended.has_value) && self.ended.has_mark();
        if is_counted && !self.ended.add() {
            return;
        }
        let mut inner = self.inner.lock();
        let Some(Ended { run, has_value }) = ended.filter(|_| inner.length.is_some()) else {
            drop(inner);
            return self.upstream_ended();
        };
        if !is_counted {
            self.ended.add();
        }
        let ended = self.ended();
        inner.window = inner.window.max(inner.full_window());
        let mut wakers = Vec::new();
        if inner.failed.is_none() && !has_value {
            inner.failed = Some(run.cell.lock().index as usize);
            inner.waiters.retain(|waiter| match waiter {
                Waiter::Waker(waker) => {
                    wakers.push(waker.clone());
                    false
                }
                Waiter::Downstream(_) => true,
            });
        }
        let next = inner.after(run);
        let wants_more = inner.rows.is_some() && ended >= inner.wants_more_at(self.spec.kind);
        let is_done = inner.is_done(ended);
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        if let Some(next) = next {
            engine::may_follow(&next);
        }
        if wants_more {
            // What is made of the element that has ended goes before the elements that are begun in its place.
            let _because = ReadyBecause::window();
            self.make_runs();
        }
        if is_done || wants_more {
            self.finish_if_done();
        }
    }

    /// How many runs have ended.
    fn ended(&self) -> usize {
        usize::try_from(self.ended.get()).unwrap_or(usize::MAX)
    }

    /// Has those whose runs end look at the map when there is something to do; after whatever changes when that is.
    fn set_mark(&self, inner: &Inner) {
        self.ended.set_mark(inner.mark(self.spec.kind) as u64);
    }

    fn finish_if_done(self: &Arc<Self>) {
        let mut inner = self.inner.lock();
        if inner.done || !inner.is_done(self.ended()) {
            return;
        }
        inner.done = true;
        let waiters = std::mem::take(&mut inner.waiters);
        drop(inner);
        wake_all(waiters);
        self.scope.tree.closed();
    }

    /// Begins what has not begun for want of anybody who looks at the map.
    pub(crate) fn touch(self: &Arc<Self>) {
        if self.is_planned() {
            return;
        }
        let mut inner = self.inner.lock();
        if inner.window < WINDOW {
            inner.window = inner.full_window();
            self.set_mark(&inner);
            if inner.length.is_some() {
                drop(inner);
                self.make_runs();
            }
        }
    }

    /// Makes all runs, whatever the window, as soon as what they are made of is there.
    pub(crate) fn make_all(self: &Arc<Self>) {
        let mut groups = vec![self.clone()];
        while let Some(group) = groups.pop() {
            let mut inner = group.inner.lock();
            inner.window = usize::MAX;
            group.set_mark(&inner);
            groups.extend(inner.upstream.iter().cloned());
            let opened = inner.length.is_some();
            drop(inner);
            if opened {
                group.make_runs();
            }
        }
    }

    pub(crate) fn set_chunk(&self, chunk: usize) {
        let mut inner = self.inner.lock();
        inner.chunk = chunk.max(1);
        let made = inner.runs.len();
        inner.chunked_from.get_or_insert(made);
        self.set_mark(&inner);
        if inner.window >= WINDOW {
            inner.window = inner.window.max(inner.full_window());
        }
    }

    pub(crate) fn cancel(self: &Arc<Self>, by: By) {
        if self.is_planned() {
            return;
        }
        let mut inner = self.inner.lock();
        let by = *inner.cancelled.get_or_insert(by);
        self.set_mark(&inner);
        if inner.length.is_none() {
            // Nobody knows yet how many runs there would have been; whoever is finding out makes cancelled ones.
            if let Some(rows) = inner.rows.take() {
                drop(inner);
                drop_caught(rows);
                self.fail(&TaskError::new(ErrorKind::Cancelled, "the run was cancelled"));
            }
            return;
        }
        let runs = inner.runs.clone();
        drop(inner);
        for run in runs {
            engine::cancel(&run, by);
        }
        self.make_runs();
    }

    pub(crate) fn is_done(&self) -> bool {
        self.inner.lock().done
    }

    /// Adds a waiter for the end; gives it back if there is nothing left to wait for.
    pub(crate) fn subscribe(&self, waiter: RunWaiter) -> Result<(), RunWaiter> {
        let mut inner = self.inner.lock();
        if inner.done {
            return Err(waiter);
        }
        inner.waiters.push(waiter);
        Ok(())
    }

    /// Whether the map is done, or one of its runs has failed; else the waker is woken when that is so.
    pub(crate) fn poll_settled(self: &Arc<Self>, waker: &Waker) -> bool {
        if let Some(is_withheld) = self.withholds(waker, Inner::has_values) {
            return !is_withheld;
        }
        let mut inner = self.inner.lock();
        if inner.done || inner.failed.is_some() || inner.failure.is_some() {
            return true;
        }
        add_waker(&mut inner.waiters, waker);
        false
    }

    /// Whether the map is done; else the waker is woken when it is.
    pub(crate) fn poll_done(self: &Arc<Self>, waker: &Waker) -> bool {
        if let Some(is_withheld) = self.withholds(waker, Inner::has_values) {
            return !is_withheld;
        }
        let mut inner = self.inner.lock();
        if inner.done {
            return true;
        }
        add_waker(&mut inner.waiters, waker);
        false
    }

    /// Whether the length is known; else the waker is woken when something has changed.
    pub(crate) fn poll_opened(self: &Arc<Self>, waker: &Waker) -> bool {
        if let Some(is_withheld) = self.withholds(waker, |inner| inner.length.is_some()) {
            return !is_withheld;
        }
        let mut inner = self.inner.lock();
        if inner.length.is_some() {
            return true;
        }
        add_waker(&mut inner.openers, waker);
        false
    }

    /// Whether all runs have been made; else the waker is woken when something has changed.
    pub(crate) fn poll_made(self: &Arc<Self>, waker: &Waker) -> bool {
        if let Some(is_withheld) = self.withholds(waker, Inner::all_made) {
            return !is_withheld;
        }
        let mut inner = self.inner.lock();
        if inner.all_made() {
            return true;
        }
        add_waker(&mut inner.openers, waker);
        false
    }

    /// Adds a waiter for the length; gives it back if that is known.
    fn subscribe_opened(self: &Arc<Self>, waiter: RunWaiter) -> Result<(), RunWaiter> {
        self.touch();
        let mut inner = self.inner.lock();
        if inner.length.is_some() {
            return Err(waiter);
        }
        inner.openers.push(waiter);
        Ok(())
    }
}

/// Adds a waker, unless the same was added last.
fn add_waker(waiters: &mut Vec<RunWaiter>, waker: &Waker) {
    let known = |waiter: &RunWaiter| matches!(waiter, Waiter::Waker(known) if known.will_wake(waker));
    if !waiters.last().is_some_and(known) {
        waiters.push(Waiter::Waker(waker.clone()));
    }
}

fn wake_all(waiters: Vec<RunWaiter>) {
    for waiter in waiters {
        engine::wake(waiter, None);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a map has fewer than 2^32 elements: there is no memory for more"
)]
fn index(element: usize) -> u32 {
    element as u32
}

/// Adds a downstream to whatever it waits for; `Err` if that has ended.
pub(crate) fn subscribe(node: &Node, downstream: Downstream) -> Result<(), RunWaiter> {
    let waiter = Waiter::Downstream(downstream);
    match node {
        Node::Run(run) => run.cell.subscribe(waiter),
        Node::Map(group) => {
            group.touch();
            group.subscribe(waiter)
        }
    }
}

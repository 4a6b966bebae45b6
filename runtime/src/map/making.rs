//! The making of a map's runs: up to its window, as far as what they are made of is there.

use std::any::TypeId;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::{Inner, MapGroup, index, wake_all};
use crate::body::BoxBody;
use crate::clock::Nanos;
use crate::engine;
use crate::error::{ErrorKind, TaskError};
use crate::input::{EdgeList, Node};
use crate::panic::{self, drop_caught};
use crate::run::{Downstream, NewRun, Run, Waiter};
use crate::sync::MutexGuard;

/// So many runs are made at once, at most: few enough for what holds them to be little.
pub(super) const BATCH: usize = 32;

/// Makes the bodies of a map's runs, in order.
pub(crate) trait Rows: Send {
    /// What has to end before the length is known.
    fn awaits(&self) -> Vec<Node>;
    /// The length, once that has ended.
    fn open(&mut self) -> Result<usize, TaskError>;
    /// All that these rows are made of.
    fn edges(&self) -> EdgeList;
    /// The type of what each run gives.
    fn output(&self) -> TypeId;
    /// Whether runs have values where they are only planned.
    fn has_plan_value(&self) -> bool;
    /// The maps whose elements these rows are made of.
    fn follows(&self) -> Vec<Arc<MapGroup>>;
    /// Whether all that the row is made of is there.
    fn has(&self, row: usize) -> bool;
    fn next(&mut self) -> Option<(BoxBody, EdgeList)>;
}

impl MapGroup {
    /// Makes runs up to the window, here and in the maps made of this one's elements.
    pub(super) fn make_runs(self: &Arc<Self>) {
        if !self.make_some() {
            return;
        }
        let mut groups = self.followers();
        while let Some(group) = groups.pop() {
            if group.make_some() {
                groups.extend(group.followers());
            }
        }
    }

    fn followers(&self) -> Vec<Arc<Self>> {
        self.inner.lock().followers.iter().filter_map(Weak::upgrade).collect()
    }

    /// Makes as many runs as there is room for; whether it has made any. One thread at a time takes the rows, makes a few runs of them,
    /// begins these, and puts the rows back: another may go on then.
    fn make_some(self: &Arc<Self>) -> bool {
        let (mut any, mut left) = (false, 0);
        loop {
            let mut inner = self.inner.lock();
            if inner.all_made() {
                self.close_rows(inner);
                return any;
            }
            let ended = self.ended();
            let room = inner.room(ended);
            if left == 0 {
                // What has ended meanwhile has made room; who reaches the mark makes the next runs.
                if any && ended < inner.mark(self.spec.kind) {
                    return any;
                }
                left = room;
            }
            let (row, count) = (inner.runs.len(), left.min(room).min(BATCH));
            let is_next = |rows: &mut Box<dyn Rows>| count > 0 && rows.has(row);
            let Some(rows) = inner.rows.take_if(is_next) else { return any };
            self.set_mark(&inner);
            self.make_batch(rows, count, inner);
            left -= count;
            any = true;
        }
    }

    /// All runs are made: drops what they were made of, and tells those who wait for that.
    fn close_rows(&self, mut inner: MutexGuard<'_, Inner>) {
        let (openers, upstream) = (std::mem::take(&mut inner.openers), std::mem::take(&mut inner.upstream));
        let rows = inner.rows.take();
        self.set_mark(&inner);
        drop(inner);
        drop_caught((rows, upstream));
        wake_all(openers);
    }

    /// Makes the runs of the next rows, at most so many, and begins them.
    fn make_batch(self: &Arc<Self>, mut rows: Box<dyn Rows>, count: usize, inner: MutexGuard<'_, Inner>) {
        let first = inner.runs.len();
        let (first_number, chunk, chunked_from) = (inner.first_number, inner.chunk, inner.chunked_from);
        drop(inner);

        let created = self.scope.engine.clock().nanos();
        let mut batch = Vec::with_capacity(count);
        // Of those that there are any of: most runs wait for nothing.
        let mut upstream = Vec::new();
        let mut broken = None;
        for row in first..first + count {
            if row > first && !rows.has(row) {
                break;
            }
            let (mut body, edges) = match next(&mut *rows) {
                Ok(next) => next,
                Err(message) => {
                    broken = Some(message);
                    break;
                }
            };
            let follows = chunked_from.is_some_and(|from| row > from) && !row.is_multiple_of(chunk);
            let upstreams = edges.len() + usize::from(follows);
            if upstreams > 0 {
                body.upstreams().begin(upstreams);
            }
            let place = (index(row), first_number.wrapping_add(index(row)));
            let run = self.new_run(place, created, (upstreams > 0, follows), body);
            if !edges.is_empty() {
                upstream.push((batch.len(), edges));
            }
            batch.push(run);
        }

        let mut inner = self.inner.lock();
        inner.runs.extend(batch.iter().cloned());
        // Told before there was anybody to be told.
        let mut ended = u32::from(!batch.is_empty() && std::mem::take(&mut inner.last_has_ended));
        if inner.seen {
            for run in &batch {
                run.mark_seen();
            }
        }
        let cancelled = inner.cancelled;
        let unread = self.handles.load(Ordering::Acquire) == 0;
        drop(inner);
        engine::in_one_turn(|| {
            let mut upstream = upstream.into_iter().peekable();
            for (n, run) in batch.into_iter().enumerate() {
                let edges =
                    upstream.next_if(|(of, _)| *of == n).map_or_else(EdgeList::new, |(_, edges)| edges);
                let ended = std::mem::take(&mut ended) * u32::from(run.follows());
                if unread {
                    run.remove_reader();
                }
                if let Some(by) = cancelled {
                    engine::begin_cancelled(&run, by);
                } else {
                    engine::begin(run, edges, ended);
                }
            }
        });
        if let Some(message) = broken {
            self.break_off(&message);
        }
        engine::record::throttle(&self.scope.engine);
        let mut inner = self.inner.lock();
        inner.rows = Some(rows);
        self.set_mark(&inner);
    }

    fn new_run(
        self: &Arc<Self>,
        (index, number): (u32, u32),
        created: Nanos,
        (waits, follows): (bool, bool),
        body: BoxBody,
    ) -> Arc<Run> {
        let new = NewRun {
            spec: self.spec,
            scope: self.scope.clone(),
            created,
            number,
            ordinal: self.ordinal,
            index,
            readers: 1,
            options: self.options.clone(),
            waits,
            follows,
            waiter: Some(Waiter::Downstream(Downstream::Map(self.clone()))),
            span: self.span.clone(),
        };
        Run::new(new, Some(body))
    }

    /// Ends a map in the midst of making its runs: a crashed one stands for those that are missing.
    fn break_off(self: &Arc<Self>, message: &str) {
        let error = TaskError::new(ErrorKind::Crashed, message);
        let stand_in = engine::ended_run(self.spec, &self.scope, self.options.clone(), error, Vec::new());
        let mut inner = self.inner.lock();
        if inner.seen {
            stand_in.mark_seen();
        }
        let missing = inner.length.unwrap_or_default() - inner.runs.len();
        self.scope.tree.strike_elements(missing);
        let struck = i64::try_from(missing).unwrap_or(i64::MAX);
        engine::watch::made(&self.scope.tree, self.spec, self.options.as_deref(), -struck);
        let at = inner.runs.len();
        inner.failed.get_or_insert(at);
        inner.runs.push(stand_in);
        inner.length = Some(inner.runs.len());
        self.ended.add();
        self.set_mark(&inner);
        drop(inner);
        self.finish_if_done();
    }
}

/// The body of the next row. A user's `Clone` may panic, of what is `unmapped`.
fn next(rows: &mut dyn Rows) -> Result<(BoxBody, EdgeList), String> {
    match panic::catch(|| rows.next()) {
        Ok(Some(next)) => Ok(next),
        Ok(None) => Err("an element is gone: this is a bug in millrun".to_owned()),
        Err(panic) => Err(format!("copying an argument panicked: {}", panic.message)),
    }
}

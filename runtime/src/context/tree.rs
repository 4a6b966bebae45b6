//! What all runs of a flow run share, however deep they are nested: counters, failures, and who waits for the last to end.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use super::Scope;
use super::records::Records;
use crate::body::Erased;
use crate::cache::FlowResults;
use crate::ended_count::EndedCount;
use crate::engine::plan::Planning;
use crate::engine::resume::Priors;
use crate::engine::slice::Slice;
use crate::id;
use crate::input::{Edge, Node};
use crate::map::MapGroup;
use crate::mock::Mocks;
#[cfg(feature = "progress")]
use crate::progress::Watched;
use crate::run::Run;
use crate::spec::Spec;
use crate::sync::{Apart, Mutex};

pub(crate) struct Tree {
    /// The flow run's id; the task runs' ids begin with it. In halves, as it may become that of an earlier run.
    prefix: [AtomicU64; 2],
    /// The id of the outermost flow run, where that is another one.
    outermost: Option<u128>,
    /// The flow run; none for runs outside of a flow.
    flow: OnceLock<Weak<Run>>,
    pub(crate) shared: Apart<Mutex<Shared>>,
    /// How many have ended of those that were [begun](Shared::begun). Who begins one does not hold up those whose runs end.
    ended: Apart<EndedCount>,
    /// Every run, where a report or a graph is asked for, until it is taken.
    records: Option<Mutex<Option<Records>>>,
    pub(crate) today: Option<Arc<str>>,
    /// What is recorded of the outermost flow run, where that is resumed.
    priors: OnceLock<Arc<Priors>>,
    /// What the flow says about the results of the runs inside, if it says anything.
    pub(crate) results: Option<Arc<FlowResults>>,
    /// What is said of the flow's plan, where it is only planned.
    pub(crate) plan: Option<Arc<Planning>>,
    /// What is counted of its runs, where they are watched.
    #[cfg(feature = "progress")]
    watched: OnceLock<Arc<Watched>>,
    /// What is executed in place of tasks, where anything is.
    pub(crate) mocks: Option<Arc<Mocks>>,
    /// What is executed of the outermost flow run, where that is executed in slices.
    pub(crate) slice: Option<Arc<Slice>>,
}

#[derive(Default)]
pub(crate) struct Shared {
    numbers: u32,
    total: usize,
    /// How many there have been: runs, except those of maps, maps, and what else is [held](Tree::hold).
    begun: u64,
    ordinals: HashMap<(usize, bool), u32, BuildHasherDefault<SpreadHasher>>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) references: Option<Vec<Node>>,
    /// What the body gave, which a report shows even if the flow run failed.
    pub(crate) value: Option<Erased>,
    idle: Vec<Waker>,
    /// How often each call was made, where runs are recorded: by half of its hash, as there is one for each run. Two that share it
    /// are numbered together, which still tells them apart.
    calls: HashMap<u64, u32, BuildHasherDefault<SpreadHasher>>,
    /// By call, what child flow runs have given whose results are kept.
    kept: HashMap<u128, Kept>,
    /// The runs of an earlier process that have been taken over.
    taken: HashSet<u128>,
}

/// The results of the child flow runs that one call has begun.
#[derive(Default)]
struct Kept {
    keys: Vec<String>,
    /// How often the call was made in this attempt.
    asked: usize,
}

impl Shared {
    /// Counts the runs, or the maps, of a task.
    #[inline]
    fn next_ordinal(&mut self, spec: &'static Spec, of_map: bool) -> u32 {
        let key = (std::ptr::from_ref(spec) as usize, of_map);
        let next = self.ordinals.entry(key).or_insert(0);
        let ordinal = *next;
        *next += 1;
        ordinal
    }
}

/// Something that failed, and that the body may see or not.
#[derive(Clone)]
pub(crate) struct Failure {
    pub(crate) run: Arc<Run>,
    /// The failures that kept the run from being executed.
    pub(crate) causes: Vec<Arc<Run>>,
}

impl Failure {
    /// Those that nobody has seen. Who sees a run that was not executed sees why.
    pub(crate) fn unseen(failures: &[Self]) -> impl Iterator<Item = &Self> {
        let index: HashMap<*const Run, usize> =
            failures.iter().enumerate().map(|(n, failure)| (Arc::as_ptr(&failure.run), n)).collect();
        let mut seen: Vec<bool> = failures.iter().map(|failure| failure.run.is_seen()).collect();
        let mut open: Vec<usize> = (0..seen.len()).filter(|n| seen[*n]).collect();
        while let Some(n) = open.pop() {
            for cause in &failures[n].causes {
                if let Some(&cause) = index.get(&Arc::as_ptr(cause))
                    && !seen[cause]
                {
                    seen[cause] = true;
                    open.push(cause);
                }
            }
        }
        failures.iter().zip(seen).filter(|(_, seen)| !seen).map(|(failure, _)| failure)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
const fn halves(id: u128) -> [u64; 2] {
    [(id >> 64) as u64, id as u64]
}

/// Hashes what is known to be a pointer and a flag, or a hash: their bits, spread by a multiplication.
#[derive(Default)]
struct SpreadHasher(u64);

impl Hasher for SpreadHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

impl Tree {
    pub(crate) fn new(
        outermost: Option<u128>,
        today: Option<Arc<str>>,
        results: Option<Arc<FlowResults>>,
        keeps_records: bool,
    ) -> Self {
        Self {
            prefix: halves(id::new_prefix()).map(AtomicU64::new),
            outermost,
            flow: OnceLock::new(),
            shared: Apart::default(),
            ended: Apart(EndedCount::with_mark(EndedCount::NOBODY)),
            records: keeps_records.then(|| Mutex::new(Some(Records::default()))),
            today,
            priors: OnceLock::new(),
            results,
            plan: None,
            #[cfg(feature = "progress")]
            watched: OnceLock::new(),
            mocks: None,
            slice: None,
        }
    }

    /// The same, whose runs are executed in a slice.
    pub(crate) fn in_slice(self, slice: Option<Arc<Slice>>) -> Self {
        Self { slice, ..self }
    }

    /// That of a flow that is only planned.
    pub(crate) fn of_plan(today: Option<Arc<str>>, plan: Arc<Planning>) -> Self {
        Self { plan: Some(plan), ..Self::new(None, today, None, true) }
    }

    /// With what is executed in place of tasks.
    pub(crate) fn with_mocks(self, mocks: Option<Arc<Mocks>>) -> Self {
        Self { mocks, ..self }
    }

    pub(crate) fn prefix(&self) -> u128 {
        let [high, low] = [0, 1].map(|half: usize| u128::from(self.prefix[half].load(Ordering::Relaxed)));
        high << 64 | low
    }

    /// Makes it that of an earlier flow run, whose task runs have numbers up to `free`.
    pub(crate) fn adopt(&self, prefix: u128, free: u32) {
        for (half, value) in self.prefix.iter().zip(halves(prefix)) {
            half.store(value, Ordering::Relaxed);
        }
        self.shared.lock().numbers = free;
    }

    /// What is recorded of the outermost flow run, where that is resumed.
    pub(crate) fn priors(&self) -> Option<&Arc<Priors>> {
        self.priors.get()
    }

    pub(crate) fn set_priors(&self, priors: Arc<Priors>) {
        let _ = self.priors.set(priors);
    }

    /// Counts the calls of a task with the same inputs by the same run.
    pub(crate) fn next_call(&self, call: u128) -> u32 {
        let mut shared = self.shared.lock();
        let next = shared.calls.entry(halves(call)[1]).or_insert(0);
        let ordinal = *next;
        *next += 1;
        ordinal
    }

    /// Notes under which key the result lies of a child flow run that this call has begun.
    pub(crate) fn keep_result(&self, call: u128, key: String) {
        self.shared.lock().kept.entry(call).or_default().keys.push(key);
    }

    /// Under which key the result lies of the next child flow run that this call has begun in an earlier attempt.
    pub(crate) fn next_kept(&self, call: u128) -> Option<String> {
        let mut shared = self.shared.lock();
        let kept = shared.kept.entry(call).or_default();
        kept.asked += 1;
        kept.keys.get(kept.asked - 1).cloned()
    }

    /// Takes a run of an earlier process over, once.
    pub(crate) fn take(&self, id: u128) -> bool {
        self.shared.lock().taken.insert(id)
    }

    /// Whether it is that of a flow run in another one.
    pub(crate) fn is_inside(&self) -> bool {
        self.outermost.is_some()
    }

    /// The id of the outermost flow run that its runs are in, if they are in one.
    pub(crate) fn root(&self) -> Option<u128> {
        self.outermost.or_else(|| self.is_flow().then(|| self.prefix()))
    }

    pub(crate) fn belongs_to(&self, flow: &Arc<Run>) {
        let _ = self.flow.set(Arc::downgrade(flow));
    }

    pub(crate) fn is_flow(&self) -> bool {
        self.flow.get().is_some()
    }

    pub(crate) fn flow_run(&self) -> Option<Arc<Run>> {
        self.flow.get().and_then(Weak::upgrade)
    }

    pub(crate) fn keeps_records(&self) -> bool {
        self.records.as_ref().is_some_and(|records| records.lock().is_some())
    }

    /// What is counted of its runs, where they are watched.
    #[cfg(feature = "progress")]
    pub(crate) fn watched(&self) -> Option<&Arc<Watched>> {
        self.watched.get()
    }

    #[cfg(feature = "progress")]
    pub(crate) fn set_watched(&self, watched: Arc<Watched>) {
        let _ = self.watched.set(watched);
    }

    /// Counts a run of a task that begins to exist: its number among all, and among those of its task.
    #[inline]
    pub(crate) fn enroll(&self, spec: &'static Spec) -> (u32, u32) {
        let mut shared = self.shared.lock();
        shared.begun += 1;
        shared.total += 1;
        let number = shared.numbers;
        shared.numbers += 1;
        (number, shared.next_ordinal(spec, false))
    }

    /// Counts a map of a task that begins to exist; it is open until it is [closed](Self::closed).
    pub(crate) fn enroll_map(&self, spec: &'static Spec) -> u32 {
        let mut shared = self.shared.lock();
        shared.begun += 1;
        shared.next_ordinal(spec, true)
    }

    /// Sets numbers aside for the runs of a map: the first of them.
    pub(crate) fn enroll_elements(&self, count: u32) -> u32 {
        let mut shared = self.shared.lock();
        shared.total += count as usize;
        let number = shared.numbers;
        shared.numbers = number.wrapping_add(count);
        number
    }

    /// So many of a map's elements will have no runs.
    pub(crate) fn strike_elements(&self, count: usize) {
        let mut shared = self.shared.lock();
        shared.total = shared.total.saturating_sub(count);
    }

    /// Keeps a run, which waits for these, where a report or a graph is asked for.
    #[inline]
    pub(crate) fn record(&self, run: &Arc<Run>, edges: &[Edge]) {
        if let Some(slice) = &self.slice {
            slice.call(run);
        }
        self.keep(|records| records.add(Node::Run(run.clone()), edges));
    }

    /// Keeps a map, and what it is made of.
    pub(crate) fn record_map(&self, map: &Arc<MapGroup>, edges: &[Edge]) {
        if let Some(slice) = &self.slice {
            slice.call_map(map);
        }
        self.keep(|records| records.add(Node::Map(map.clone()), edges));
    }

    #[inline]
    fn keep(&self, add: impl FnOnce(&mut Records)) {
        if let Some(records) = &self.records
            && let Some(records) = &mut *records.lock()
        {
            add(records);
        }
    }

    /// Notes that a run has failed.
    pub(crate) fn failed(&self, failure: Failure) {
        if self.is_flow() {
            self.shared.lock().failures.push(failure);
        }
    }

    /// Notes something else that has to end before the flow run can, and is [closed](Self::closed) like a run.
    pub(crate) fn hold(&self) {
        self.shared.lock().begun += 1;
    }

    /// Notes the end of a run, or of a map.
    #[inline]
    pub(crate) fn closed(&self) {
        if !self.ended.add() {
            return;
        }
        let mut shared = self.shared.lock();
        if self.is_over(&shared) {
            let idle = std::mem::take(&mut shared.idle);
            self.ended.set_mark(EndedCount::NOBODY);
            drop(shared);
            idle.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether all that was begun has ended; else the next one that could be the last looks at it.
    fn is_over(&self, shared: &Shared) -> bool {
        self.ended.set_mark(shared.begun);
        self.ended.get() == shared.begun
    }

    /// Whether no run is open; else the waker is woken when that is so.
    pub(crate) fn is_idle(&self, waker: &Waker) -> bool {
        let mut shared = self.shared.lock();
        if !shared.idle.iter().any(|known| known.will_wake(waker)) {
            shared.idle.push(waker.clone());
        }
        self.is_over(&shared)
    }

    /// How many runs there are, and those of them that failed without being seen.
    pub(crate) fn unseen_failures(&self) -> (usize, Vec<Arc<Run>>) {
        let shared = self.shared.lock();
        let unseen = Failure::unseen(&shared.failures).map(|failure| failure.run.clone()).collect();
        (shared.total, unseen)
    }

    /// Forgets what a flow run's attempt has left.
    pub(crate) fn clear(&self) {
        let mut shared = self.shared.lock();
        let failures = std::mem::take(&mut shared.failures);
        let references = shared.references.take();
        shared.total = 0;
        shared.kept.values_mut().for_each(|kept| kept.asked = 0);
        drop(shared);
        drop((failures, references));
    }

    /// What was kept; nothing is from now on.
    pub(super) fn take_records(&self) -> Records {
        self.records.as_ref().and_then(|records| records.lock().take()).unwrap_or_default()
    }

    /// What is kept so far.
    pub(super) fn copy_records(&self) -> Records {
        self.records.as_ref().and_then(|records| records.lock().clone()).unwrap_or_default()
    }
}

/// Open runs, each in a place that it knows.
pub(crate) struct Slab {
    places: Vec<Place>,
    /// The place that was given up last.
    free: u32,
    count: u32,
    /// Scopes made of the one that this belongs to.
    pub(crate) also: Vec<Weak<Scope>>,
    /// Maps begun here.
    pub(crate) maps: Vec<Weak<MapGroup>>,
}

enum Place {
    Taken(Arc<Run>),
    /// Given up after that one.
    Free(u32),
}

impl Default for Slab {
    fn default() -> Self {
        Self { places: Vec::new(), free: Self::NONE, count: 0, also: Vec::new(), maps: Vec::new() }
    }
}

impl Slab {
    /// So many places are kept when no run is open.
    const KEPT: usize = 64;
    const NONE: u32 = u32::MAX;

    #[expect(clippy::cast_possible_truncation, reason = "there is no memory for 2^32 open runs")]
    #[inline]
    pub(crate) fn insert(&mut self, run: Arc<Run>) -> u32 {
        self.count += 1;
        let place = self.free;
        let Some(free) = self.places.get_mut(place as usize) else {
            self.places.push(Place::Taken(run));
            return (self.places.len() - 1) as u32;
        };
        if let Place::Free(next) = std::mem::replace(free, Place::Taken(run)) {
            self.free = next;
        }
        place
    }

    /// Whether there is no run in it, and there has been nothing else.
    pub(crate) fn is_idle(&self) -> bool {
        self.count == 0 && self.also.is_empty() && self.maps.is_empty()
    }

    #[inline]
    pub(crate) fn remove(&mut self, place: u32) -> Option<Arc<Run>> {
        let taken = self.places.get_mut(place as usize).filter(|taken| matches!(taken, Place::Taken(_)))?;
        let Place::Taken(run) = std::mem::replace(taken, Place::Free(self.free)) else { return None };
        self.free = place;
        self.count -= 1;
        if self.count == 0 {
            self.free = Self::NONE;
            if self.places.capacity() > Self::KEPT { self.places = Vec::new() } else { self.places.clear() }
        }
        Some(run)
    }

    pub(crate) fn runs(&self) -> Vec<Arc<Run>> {
        let run = |place: &Place| match place {
            Place::Taken(run) => Some(run.clone()),
            Place::Free(_) => None,
        };
        self.places.iter().filter_map(run).collect()
    }
}

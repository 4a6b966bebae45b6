//! What is counted of the runs of a flow run while they run: in pages that one thread alone writes, so that counting costs neither a
//! lock nor an atomic exchange.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::clock::Nanos;
use crate::options::Options;
use crate::run::Run;
use crate::spec::Spec;
use crate::state::StateName;

/// So many tasks are counted one by one: a power of two, which costs the least to look for.
const TASKS: usize = 128;
/// The line that stands for all others.
const OTHERS: usize = TASKS;
const LINES: usize = TASKS + 1;
/// So many threads have pages of their own; the others share the last one.
const PAGES: usize = SHARED + 1;
const SHARED: usize = LAST as usize;
const LAST: u8 = 63;

/// What one thread has counted of one task.
#[derive(Default)]
struct Tally {
    made: AtomicU64,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// What few runs do.
#[derive(Clone, Copy)]
pub(crate) enum Rare {
    Failed,
    Cancelled,
    Skipped,
    Cached,
    /// Ended and was never begun.
    Unbegun,
    Retried,
    /// A map was begun.
    Mapped,
}

const RARE: usize = Rare::Mapped as usize + 1;

/// A task under one of its names.
struct Line {
    spec: &'static Spec,
    /// That of its options.
    name: Option<Arc<str>>,
    /// Its place among the others.
    order: usize,
    since: Nanos,
    rare: [AtomicU64; RARE],
}

impl Line {
    fn is(&self, spec: &'static Spec, name: Option<&str>) -> bool {
        std::ptr::eq(self.spec, spec) && self.name.as_deref() == name
    }
}

type Page = Box<[Tally; LINES]>;

/// All that is counted of a flow run and those inside of it.
pub(crate) struct Counts {
    /// A table with open addresses.
    lines: Box<[OnceLock<Line>; LINES]>,
    pages: Box<[OnceLock<Page>; PAGES]>,
    known: AtomicUsize,
    clock: crate::Clock,
}

/// What is known of a task at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskCount {
    pub(crate) name: String,
    /// It stands for all tasks that have no line of their own.
    pub(crate) is_rest: bool,
    pub(crate) since: Nanos,
    pub(crate) made: u64,
    pub(crate) running: u64,
    pub(crate) ended: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) skipped: u64,
    pub(crate) cached: u64,
    pub(crate) retried: u64,
    pub(crate) is_mapped: bool,
}

impl Counts {
    pub(crate) fn new(clock: crate::Clock) -> Self {
        Self {
            lines: Box::new([const { OnceLock::new() }; LINES]),
            pages: Box::new([const { OnceLock::new() }; PAGES]),
            known: AtomicUsize::new(0),
            clock,
        }
    }

    /// Runs of a task will be, or, if `count` is negative, will not be.
    pub(crate) fn made(&self, spec: &'static Spec, options: Option<&Options>, count: i64) {
        let line = self.line(spec, options.and_then(|options| options.name.as_ref()));
        self.count(line, |tally| &tally.made, count);
    }

    /// A map of a task is begun.
    pub(crate) fn mapped(&self, spec: &'static Spec, options: Option<&Options>) {
        let line = self.line(spec, options.and_then(|options| options.name.as_ref()));
        self.note(line, Rare::Mapped);
    }

    /// The first attempt at a run begins.
    pub(crate) fn begun(&self, run: &Run) {
        self.count(self.line_of(run), |tally| &tally.begun, 1);
    }

    /// A further attempt at a run begins.
    pub(crate) fn retried(&self, run: &Run) {
        self.note(self.line_of(run), Rare::Retried);
    }

    /// A run has ended. A plain one that has completed was begun, and nothing more is to be said of it.
    pub(crate) fn ended(&self, run: &Run, name: StateName) {
        let line = self.line_of(run);
        if name != StateName::Completed || !run.is_plain() {
            if run.cell.lock().log.attempts() == 0 {
                self.note(line, Rare::Unbegun);
            }
            match name {
                StateName::Skipped => self.note(line, Rare::Skipped),
                StateName::Cached => self.note(line, Rare::Cached),
                StateName::Cancelled => self.note(line, Rare::Cancelled),
                StateName::Failed | StateName::TimedOut | StateName::TriggerFailed | StateName::Crashed => {
                    self.note(line, Rare::Failed);
                }
                _ => {}
            }
        }
        self.count(line, |tally| &tally.ended, 1);
    }

    #[inline]
    fn line_of(&self, run: &Run) -> usize {
        if run.has_options() {
            let options = run.options();
            return self.line(run.spec, options.as_ref().and_then(|options| options.name.as_ref()));
        }
        self.line(run.spec, None)
    }

    /// The number of a task's line, which there is from now on.
    #[inline]
    fn line(&self, spec: &'static Spec, name: Option<&Arc<str>>) -> usize {
        let first = place_of(spec);
        match self.lines[first].get() {
            // As good as always.
            Some(line) if name.is_none() && line.name.is_none() && std::ptr::eq(line.spec, spec) => first,
            _ => self.find_line(first, spec, name),
        }
    }

    #[cold]
    fn find_line(&self, first: usize, spec: &'static Spec, name: Option<&Arc<str>>) -> usize {
        let name = name.map(|name| &**name);
        for step in 0..TASKS {
            let place = (first + place_of_name(name) + step) % TASKS;
            let line = self.lines[place].get_or_init(|| self.new_line(spec, name.map(Arc::from)));
            if line.is(spec, name) {
                return place;
            }
        }
        self.lines[OTHERS].get_or_init(|| self.new_line(spec, None));
        OTHERS
    }

    fn new_line(&self, spec: &'static Spec, name: Option<Arc<str>>) -> Line {
        let order = self.known.fetch_add(1, Ordering::Relaxed);
        Line { spec, name, order, since: self.clock.monotonic(), rare: Default::default() }
    }

    fn note(&self, line: usize, what: Rare) {
        if let Some(line) = self.lines[line].get() {
            line.rare[what as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    #[inline]
    fn count(&self, line: usize, of: impl FnOnce(&Tally) -> &AtomicU64, count: i64) {
        let page = page_here();
        let tallies = self.pages[page].get_or_init(|| Box::new(std::array::from_fn(|_| Tally::default())));
        let number = of(&tallies[line]);
        let count = count.cast_unsigned();
        if page == SHARED {
            number.fetch_add(count, Ordering::Relaxed);
        } else {
            // Nobody else writes here.
            number.store(number.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
        }
    }

    /// What is counted so far, in the order in which the tasks were first heard of.
    pub(crate) fn read(&self) -> Vec<TaskCount> {
        let mut lines: Vec<(usize, &Line)> =
            self.lines.iter().enumerate().filter_map(|(n, line)| Some((n, line.get()?))).collect();
        lines.sort_by_key(|(_, line)| line.order);
        lines.into_iter().map(|(n, line)| self.read_line(n, line)).collect()
    }

    fn read_line(&self, n: usize, line: &Line) -> TaskCount {
        let sum = |of: fn(&Tally) -> &AtomicU64| {
            let each = self.pages.iter().filter_map(OnceLock::get);
            each.fold(0_u64, |sum, page| sum.wrapping_add(of(&page[n]).load(Ordering::Relaxed)))
        };
        let rare = |what: Rare| line.rare[what as usize].load(Ordering::Relaxed);
        // What ends is counted after what has begun: read the other way round, no more has ended than there is.
        let ended = sum(|tally| &tally.ended);
        let begun = sum(|tally| &tally.begun) + rare(Rare::Unbegun);
        TaskCount {
            name: line.name.as_deref().unwrap_or(line.spec.name).to_owned(),
            is_rest: n == OTHERS,
            since: line.since,
            made: sum(|tally| &tally.made).max(ended),
            running: begun.saturating_sub(ended),
            ended,
            failed: rare(Rare::Failed),
            cancelled: rare(Rare::Cancelled),
            skipped: rare(Rare::Skipped),
            cached: rare(Rare::Cached),
            retried: rare(Rare::Retried),
            is_mapped: rare(Rare::Mapped) > 0,
        }
    }
}

/// Where a task's line is looked for first.
fn place_of(spec: &'static Spec) -> usize {
    ((std::ptr::from_ref(spec) as usize as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as usize
}

/// How far from there that of one of its names is.
fn place_of_name(name: Option<&str>) -> usize {
    let Some(name) = name else { return 0 };
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    (hasher.finish() >> 57) as usize
}

const NOT_ASKED: u8 = u8::MAX;

thread_local! {
    /// The page that this thread writes.
    static PAGE: Cell<u8> = const { Cell::new(NOT_ASKED) };
    static LENT: RefCell<Option<Lent>> = const { RefCell::new(None) };
}

/// The pages that no living thread writes, and how many were ever given out.
static FREE: Mutex<(Vec<u8>, u8)> = Mutex::new((Vec::new(), 0));

/// A page that is given back when its thread ends.
struct Lent(u8);

impl Drop for Lent {
    fn drop(&mut self) {
        // What the thread still counts goes to the page that all may write.
        PAGE.set(LAST);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
    }
}

#[inline]
fn page_here() -> usize {
    match PAGE.get() {
        NOT_ASKED => lend(),
        page => usize::from(page),
    }
}

#[cold]
fn lend() -> usize {
    let page = {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        match free.0.pop() {
            Some(page) => page,
            None if usize::from(free.1) < SHARED => {
                free.1 += 1;
                free.1 - 1
            }
            None => LAST,
        }
    };
    PAGE.set(page);
    if usize::from(page) != SHARED {
        let lent = Lent(page);
        // Fails where the thread is being torn down, and gives it back at once.
        let _ = LENT.try_with(|place| *place.borrow_mut() = Some(lent));
    }
    usize::from(PAGE.get())
}

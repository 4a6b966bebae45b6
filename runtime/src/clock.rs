//! Time: what it is now, and what is to happen later. The only place that reads a clock.
//!
//! A [`Clock`] is the system's, or one that a test moves by hand. Timers are entries of one ordered map, served by one
//! thread: what waits for a time holds neither a thread nor a task of its own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch.
pub(crate) type Nanos = u64;

/// A time of 1970 or later as it is kept.
pub(crate) fn nanos_of(time: SystemTime) -> Nanos {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
}

type Action = Box<dyn FnOnce() + Send>;
type Key = (Nanos, u64);

/// Where an engine takes the time from.
///
/// [`Clock::system`] is the default. [`Clock::manual`] stands still until a test moves it, and with it every retry
/// delay, timeout and rate limit of the engine it is given to.
///
/// ```
/// use millrun::{Clock, Engine};
/// use std::time::Duration;
///
/// let clock = Clock::manual();
/// let engine = Engine::builder().clock(clock.clone()).build();
/// clock.advance(Duration::from_secs(3600));
/// # drop(engine);
/// ```
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    manual: bool,
    /// The instant from which a system clock counts.
    epoch: Instant,
    timers: Mutex<Timers>,
    /// Signalled when a timer is added, and when a manual clock is moved.
    changed: Condvar,
}

#[derive(Default)]
struct Timers {
    /// The time of a manual clock.
    now: Nanos,
    next: u64,
    pending: BTreeMap<Key, Action>,
    served: bool,
}

/// A timer that has been set. Dropping it does not cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey(Key);

thread_local! {
    static FIRING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread does what has fallen due, on which other timers may have to wait: no body is executed on it.
pub(crate) fn is_firing() -> bool {
    FIRING.get()
}

fn fire(action: Action) {
    let before = FIRING.replace(true);
    action();
    FIRING.set(before);
}

#[inline]
fn nanos(duration: Duration) -> Nanos {
    let whole = duration.as_secs().checked_mul(1_000_000_000);
    whole.and_then(|whole| whole.checked_add(duration.subsec_nanos().into())).unwrap_or(Nanos::MAX / 4)
}

impl Clock {
    /// The system's clock.
    #[expect(clippy::disallowed_methods, reason = "the clock is what reads the time")]
    pub fn system() -> Self {
        static SYSTEM: OnceLock<Clock> = OnceLock::new();
        SYSTEM
            .get_or_init(|| {
                Clock(Arc::new(Inner {
                    manual: false,
                    epoch: Instant::now(),
                    timers: Mutex::default(),
                    changed: Condvar::new(),
                }))
            })
            .clone()
    }

    /// A clock that stands still until [`advance`](Self::advance) moves it. It starts at 2020-01-01T00:00:00Z.
    #[expect(clippy::disallowed_methods, reason = "the clock is what reads the time")]
    pub fn manual() -> Self {
        Clock(Arc::new(Inner {
            manual: true,
            epoch: Instant::now(),
            timers: Mutex::new(Timers { now: 1_577_836_800_000_000_000, ..Timers::default() }),
            changed: Condvar::new(),
        }))
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are handles of one clock.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The time now, in UTC.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.nanos())
    }

    #[inline]
    #[expect(clippy::disallowed_methods, reason = "the clock is what reads the time")]
    pub(crate) fn nanos(&self) -> Nanos {
        if self.0.manual {
            return self.timers().now;
        }
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos)
    }

    pub(crate) fn is_manual(&self) -> bool {
        self.0.manual
    }

    /// The time by which timers go: it never jumps.
    pub(crate) fn monotonic(&self) -> Nanos {
        if self.0.manual { self.timers().now } else { nanos(self.0.epoch.elapsed()) }
    }

    /// Does `action` once `delay` has passed, on the timer's thread or that of whoever moves the clock: it must be short.
    pub(crate) fn after(&self, delay: Duration, action: impl FnOnce() + Send + 'static) -> TimerKey {
        let at = self.monotonic().saturating_add(nanos(delay));
        let mut timers = self.timers();
        let key = (at, timers.next);
        timers.next += 1;
        timers.pending.insert(key, Box::new(action));
        if !self.0.manual && !timers.served {
            timers.served = true;
            let clock = self.clone();
            let spawned =
                std::thread::Builder::new().name("millrun-timer".into()).spawn(move || clock.serve());
            if let Err(error) = spawned {
                timers.served = false;
                log!(error, "failed to start the timer's thread: {error}");
            }
        }
        drop(timers);
        self.0.changed.notify_all();
        TimerKey(key)
    }

    /// Takes a timer back. Its action may be under way already.
    pub(crate) fn cancel(&self, key: TimerKey) {
        let action = self.timers().pending.remove(&key.0);
        drop(action);
    }

    fn serve(&self) {
        let mut timers = self.timers();
        loop {
            let now = self.monotonic();
            match timers.pending.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let action = first.remove();
                    drop(timers);
                    fire(action);
                    timers = self.timers();
                }
                Some(first) => {
                    let wait = Duration::from_nanos(first.key().0 - now);
                    timers =
                        self.0.changed.wait_timeout(timers, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
                None => timers = self.0.changed.wait(timers).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Moves a manual clock by `duration`; what falls due happens in order, on this thread, before it returns: runs are handed to
    /// their runners, which execute them elsewhere.
    ///
    /// # Panics
    /// Panics on the system's clock, which nobody moves.
    pub fn advance(&self, duration: Duration) {
        assert!(self.0.manual, "only a clock made by `Clock::manual()` can be moved");
        let until = self.timers().now.saturating_add(nanos(duration));
        loop {
            let mut timers = self.timers();
            let action = match timers.pending.first_entry() {
                Some(first) if first.key().0 <= until => {
                    let ((at, _), action) = first.remove_entry();
                    timers.now = timers.now.max(at);
                    Some(action)
                }
                _ => {
                    timers.now = timers.now.max(until);
                    None
                }
            };
            drop(timers);
            match action {
                Some(action) => fire(action),
                None => break,
            }
        }
        self.0.changed.notify_all();
    }

    /// How many timers are set and not yet due: delays, timeouts and rate limits that runs wait for.
    pub fn pending_timers(&self) -> usize {
        self.timers().pending.len()
    }

    /// Blocks until at least `count` timers are set, so that a test can move the clock knowing who waits for it.
    pub fn wait_for_timers(&self, count: usize) {
        let mut timers = self.timers();
        while timers.pending.len() < count {
            timers = self.0.changed.wait(timers).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.manual { "Clock::manual()" } else { "Clock::system()" })
    }
}

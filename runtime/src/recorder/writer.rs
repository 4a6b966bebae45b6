//! The one who writes: batches into the store, and while that fails, into the spool.
//!
//! Nothing overtakes what could not be written. From the first failure on, whatever happens goes behind it into the spool; once the
//! store answers again it gets all of that, in order, and only then what comes later.

use std::sync::Arc;
use std::time::Duration;

use super::guarded;
use super::lease::Keeper;
use super::queue::{Queue, Taken};
use super::spool::{Spool, Spools};
use crate::clock::{Clock, Nanos, TimerKey};
use crate::store::{Durability, Event, RunStore, StoreError};

/// The pauses between attempts grow from the first to the second of these.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

pub(super) struct Writer {
    pub(super) store: Arc<dyn RunStore>,
    pub(super) durability: Durability,
    /// So long a run waits for its record where it has to be in the store.
    pub(super) patience: Duration,
    pub(super) clock: Clock,
    pub(super) queue: Arc<Queue>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) spools: Option<Spools>,
}

/// The store fails.
struct Outage {
    since: Nanos,
    attempts: u32,
    spool: Option<Spool>,
    /// It was said that there is no spool to be had.
    is_said: bool,
    timer: Option<TimerKey>,
}

/// What is not in the store yet.
#[derive(Default)]
struct Backlog {
    /// What is not in the spool either.
    events: Vec<Event>,
    /// How many items have been taken with these.
    until: u64,
    outage: Option<Outage>,
}

impl Writer {
    /// Writes whatever comes, until the queue is closed.
    pub(super) fn run(self) {
        let mut backlog = Backlog::default();
        let owner = self.keeper.owner().id;
        while let Some(taken) = self.queue.take(backlog.outage.is_some() && !backlog.events.is_empty()) {
            let Taken { mut items, until, attempt, is_retry, is_lost } = taken;
            for item in &mut items {
                item.translate(owner, &mut backlog.events);
            }
            backlog.until = until;
            if is_lost {
                backlog.refuse(&"its runs were given up");
            } else if backlog.outage.is_none() {
                self.write(&mut backlog, attempt);
            } else {
                self.keep(&mut backlog);
                if is_retry {
                    self.try_again(&mut backlog, attempt);
                }
            }
            self.queue.give_back(items);
        }
        if backlog.outage.is_some() {
            self.end(backlog);
        }
    }

    fn write(&self, backlog: &mut Backlog, attempt: u64) {
        // Not all that happens is an event.
        let written = match &backlog.events[..] {
            [] => Ok(()),
            events => guarded(|| self.store.write(events, self.durability)),
        };
        match written {
            Ok(()) => {
                backlog.events.clear();
                self.queue.written(backlog.until);
            }
            Err(error) => {
                log!(warn, "{}: {error}; it is tried again until it works", self.store.name());
                self.failed(backlog, attempt, error);
            }
        }
    }

    /// Tries to bring the store up to date.
    fn try_again(&self, backlog: &mut Backlog, attempt: u64) {
        match self.catch_up(backlog) {
            Ok(()) => {
                backlog.outage = None;
                self.queue.written(backlog.until);
                log!(info, "{}: it works again, and nothing is missing in it", self.store.name());
            }
            Err(error) if error.is_gone() => {
                backlog.refuse(&error);
                self.keeper.lost(error);
            }
            Err(error) => {
                log!(debug, "{}: {error}", self.store.name());
                self.failed(backlog, attempt, error);
            }
        }
    }

    fn catch_up(&self, backlog: &mut Backlog) -> Result<(), StoreError> {
        if let Some(timer) = backlog.outage.as_mut().and_then(|outage| outage.timer.take()) {
            self.clock.cancel(timer);
        }
        // Others may have taken this engine for dead meanwhile, and have gone on with its runs.
        self.keeper.renew()?;
        if let Some(spool) = backlog.outage.as_mut().and_then(|outage| outage.spool.as_mut()) {
            guarded(|| write_spool(spool, &*self.store))?;
        }
        if !backlog.events.is_empty() {
            guarded(|| self.store.write(&backlog.events, self.durability))?;
            backlog.events.clear();
        }
        if let Some(spool) = backlog.outage.as_mut().and_then(|outage| outage.spool.take()) {
            spool.remove();
        }
        Ok(())
    }

    /// The store fails: what there is, and what comes, is kept until a later attempt.
    fn failed(&self, backlog: &mut Backlog, attempt: u64, error: StoreError) {
        let now = self.clock.monotonic();
        let outage = backlog.outage.get_or_insert(Outage {
            since: now,
            attempts: 0,
            spool: None,
            is_said: false,
            timer: None,
        });
        let waited = Duration::from_nanos(now.saturating_sub(outage.since));
        let left = self.patience.checked_sub(waited).filter(|left| !left.is_zero());
        let is_out = self.durability == Durability::Strict && (left.is_none() || !error.is_temporary());
        let mut pause = PAUSES.0.saturating_mul(1 << outage.attempts.min(10)).min(PAUSES.1);
        if self.durability == Durability::Strict && !is_out {
            pause = left.map_or(pause, |left| pause.min(left));
        }
        outage.attempts += 1;
        self.keep(backlog);
        self.queue.failed(attempt, error, is_out);
        let queue = Arc::downgrade(&self.queue);
        let retry = move || {
            if let Some(queue) = queue.upgrade() {
                queue.retry();
            }
        };
        if let Some(outage) = &mut backlog.outage {
            outage.timer = Some(self.clock.after(pause, retry));
        }
    }

    /// Puts into the spool what is not in the store. Where that fails as well it stays in memory, and nothing more is taken.
    fn keep(&self, backlog: &mut Backlog) {
        let (Some(outage), Some(spools)) = (&mut backlog.outage, &self.spools) else { return };
        let kept = match &mut outage.spool {
            _ if backlog.events.is_empty() => Ok(()),
            Some(spool) => spool.append(&backlog.events),
            None => spools.create(&self.keeper.owner()).and_then(|mut spool| {
                let kept = spool.append(&backlog.events);
                outage.spool = Some(spool);
                kept
            }),
        };
        match kept {
            Ok(()) => {
                backlog.events.clear();
                self.queue.kept(backlog.until);
            }
            Err(error) if !outage.is_said => {
                outage.is_said = true;
                log!(
                    warn,
                    "nothing can be kept in {spools:?}: {error}; who makes runs has to wait for the run store"
                );
            }
            Err(_) => {}
        }
    }

    /// There will be nothing any more, and the store fails.
    fn end(&self, mut backlog: Backlog) {
        if let Err(error) = self.catch_up(&mut backlog) {
            let name = self.store.name();
            if error.is_gone() {
                return backlog.refuse(&error);
            }
            let unkept = backlog.events.len();
            if unkept > 0 {
                log!(error, "{name}: {error}; {unkept} events are not recorded");
            }
            if let Some(spool) = backlog.outage.and_then(|outage| outage.spool) {
                let path = spool.path().display();
                log!(
                    warn,
                    "{name}: {error}; whoever opens it next on this machine finds the rest in `{path}`"
                );
            }
        } else {
            self.queue.written(backlog.until);
        }
    }
}

impl Backlog {
    fn refuse(&mut self, why: &dyn std::fmt::Display) {
        self.events.clear();
        if let Some(spool) = self.outage.take().and_then(|outage| outage.spool) {
            spool.refuse(why);
        }
    }
}

/// Writes what lies in a spool.
pub(super) fn write_spool(spool: &mut Spool, store: &dyn RunStore) -> Result<(), StoreError> {
    loop {
        let (events, until) = spool.next().map_err(|error| {
            let said = format!("the spool `{}` cannot be read: {error}", spool.path().display());
            let is_wrong = error.kind() == std::io::ErrorKind::InvalidData;
            if is_wrong { StoreError::new(said) } else { StoreError::temporary(said) }
        })?;
        if events.is_empty() {
            return Ok(());
        }
        // It is gone from the spool then.
        store.write(&events, Durability::Strict)?;
        spool.advance(until);
    }
}

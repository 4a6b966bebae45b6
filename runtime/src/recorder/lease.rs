//! Leases: how others know that an engine is alive, and how it finds those that are not.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::abandoned;
use super::guarded;
use super::queue::Queue;
use super::spool::Spools;
use crate::clock::Clock;
use crate::store::{Owner, RunStore, StoreError};

/// So long an owner on another machine is taken to be alive after it was heard of last.
const TERM: Duration = Duration::from_secs(60);
/// How often it is heard of, and looks for others that are dead.
const INTERVAL: Duration = Duration::from_secs(15);
/// So often it has renewed its own lease in a row before it judges others by theirs: they may have had no way to the store either.
const IN_TOUCH: u32 = 2;

/// Renewed by a thread of its own, whatever the others are at, until it is dropped.
pub(super) struct Lease {
    keeper: Arc<Keeper>,
    thread: Option<JoinHandle<()>>,
}

pub(super) struct Keeper {
    store: Arc<dyn RunStore>,
    clock: Clock,
    spools: Option<Spools>,
    /// What happens to its runs.
    queue: Arc<Queue>,
    /// As the store knows it.
    owner: Mutex<Owner>,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Lease {
    /// Begins to be an owner. What owners that are dead have left is taken in, and their runs end as CRASHED.
    pub(super) fn take(
        store: Arc<dyn RunStore>,
        clock: Clock,
        spools: Option<Spools>,
        queue: Arc<Queue>,
    ) -> Result<Self, StoreError> {
        let pid = std::process::id();
        let owner = Mutex::new(Owner {
            id: Uuid::new_v4(),
            host: host(),
            pid,
            started: started(pid).unwrap_or(0),
            lease: SystemTime::UNIX_EPOCH,
        });
        let (ended, end) = (Mutex::new(false), Condvar::new());
        let keeper = Arc::new(Keeper { store, clock, spools, queue, owner, ended, end });
        keeper.renew()?;
        keeper.bury_the_dead(false);
        let of_thread = keeper.clone();
        let thread = std::thread::Builder::new()
            .name("millrun-lease".into())
            .spawn(move || of_thread.keep())
            .map_err(|error| StoreError::new("no thread can be started for the lease").with_source(error))?;
        Ok(Self { keeper, thread: Some(thread) })
    }

    pub(super) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *self.keeper.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.keeper.end.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Whoever takes in what it has left behind buries it then.
        if self.keeper.queue.is_behind() {
            return;
        }
        // What is open has been dropped with its engine.
        let now = self.keeper.clock.now();
        if let Err(error) = self.keeper.store.bury(&self.keeper.owner(), "its engine was dropped", now) {
            log!(warn, "{}: {error}", self.keeper.store.name());
        }
    }
}

impl Keeper {
    fn keep(&self) {
        let mut renewed = 0_u32;
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            ended = self
                .end
                .wait_timeout_while(ended, INTERVAL, |ended| !*ended)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if *ended {
                return;
            }
            drop(ended);
            renewed = match self.renew() {
                Ok(()) => renewed.saturating_add(1),
                Err(error) => {
                    log!(warn, "{}: the lease cannot be renewed: {error}", self.store.name());
                    if error.is_gone() {
                        return self.lost(error);
                    }
                    0
                }
            };
            if renewed > 0 {
                self.bury_the_dead(renewed >= IN_TOUCH);
            }
            ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that the engine lives.
    pub(super) fn renew(&self) -> Result<(), StoreError> {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        let renewed = Owner { lease: self.clock.now() + TERM, ..owner.clone() };
        guarded(|| self.store.renew(&renewed))?;
        *owner = renewed;
        Ok(())
    }

    /// The engine was taken for dead: others may have gone on with its runs.
    pub(super) fn lost(&self, error: StoreError) {
        let said =
            format!("{}: {error}; nothing that this engine does is recorded any more", self.store.name());
        if self.queue.lose(error) {
            log!(error, "{said}");
        }
    }

    /// Has the runs of owners that are dead end as CRASHED, once what they have left in spools is in the store. A lease that is over
    /// counts where `leases` says so.
    fn bury_the_dead(&self, leases: bool) {
        if let Some(spools) = &self.spools {
            abandoned::take_in(spools, &self.store, &self.clock);
        }
        let now = self.clock.now();
        let owners = match guarded(|| self.store.owners()) {
            Ok(owners) => owners,
            Err(error) => return log!(warn, "{}: {error}", self.store.name()),
        };
        let own = self.owner();
        for owner in owners.iter().filter(|owner| owner.id != own.id) {
            let Some(reason) = death_of(owner, &own, now, leases) else { continue };
            if self.spools.as_ref().is_some_and(|spools| spools.hold(owner.id)) {
                continue;
            }
            match guarded(|| self.store.bury(owner, &reason, now)) {
                Ok(crashed) => {
                    for run in crashed {
                        log!(warn, "the run {run} is CRASHED: {reason}");
                    }
                }
                Err(error) => log!(warn, "{}: {error}", self.store.name()),
            }
        }
    }
}

/// How it is known that an owner is dead, if it is.
fn death_of(owner: &Owner, own: &Owner, now: SystemTime, leases: bool) -> Option<String> {
    let Owner { host, pid, .. } = owner;
    if *host == own.host && owner.started != 0 && own.started != 0 {
        return (!is_alive(owner)).then(|| format!("its process {pid} on {host} has died"));
    }
    (leases && owner.lease < now)
        .then(|| format!("nothing was heard of its process {pid} on {host} for too long"))
}

/// Whether its process, of this machine, is there.
pub(super) fn is_alive(owner: &Owner) -> bool {
    started(owner.pid) == Some(owner.started)
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME")).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// When a process of this machine began, as the system counts it, if there is one: the 22nd field of `/proc/PID/stat`. Elsewhere than
/// on Linux nobody is told, and leases alone decide.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may hold blanks and brackets.
    let mut rest = stat[stat.rfind(')')? + 1..].split_whitespace();
    // One that has ended, and that nobody has waited for yet, is no more than an entry in a table.
    let state = rest.next()?;
    if matches!(state, "Z" | "X") { None } else { rest.nth(18)?.parse().ok() }
}

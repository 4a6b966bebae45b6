//! Leases: how others know that an engine is alive, and how it finds those that are not.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::clock::Clock;
use crate::store::{Owner, RunStore, StoreError};

/// So long an owner on another machine is taken to be alive after it was heard of last.
const TERM: Duration = Duration::from_secs(60);
/// How often it is heard of, and looks for others that are dead.
const INTERVAL: Duration = Duration::from_secs(15);

/// Renewed by a thread of its own, whatever the others are at, until it is dropped.
pub(super) struct Lease {
    keeper: Arc<Keeper>,
    thread: Option<JoinHandle<()>>,
}

struct Keeper {
    store: Arc<dyn RunStore>,
    clock: Clock,
    /// As the store knows it.
    owner: Mutex<Owner>,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Lease {
    pub(super) fn take(store: Arc<dyn RunStore>, clock: Clock) -> Result<Self, StoreError> {
        let pid = std::process::id();
        let owner = Owner {
            id: Uuid::new_v4(),
            host: host(),
            pid,
            started: started(pid).unwrap_or(0),
            lease: SystemTime::UNIX_EPOCH,
        };
        let owner = Mutex::new(owner);
        let keeper = Keeper { store, clock, owner, ended: Mutex::new(false), end: Condvar::new() };
        let keeper = Arc::new(keeper);
        keeper.renew()?;
        keeper.bury_the_dead();
        let of_thread = keeper.clone();
        let thread = std::thread::Builder::new()
            .name("millrun-lease".into())
            .spawn(move || of_thread.keep())
            .map_err(|error| StoreError::new("no thread can be started for the lease").with_source(error))?;
        Ok(Self { keeper, thread: Some(thread) })
    }

    pub(super) fn owner(&self) -> Uuid {
        self.keeper.owner().id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *self.keeper.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.keeper.end.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
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
            if let Err(error) = self.renew() {
                log!(warn, "{}: the lease cannot be renewed: {error}", self.store.name());
            }
            self.bury_the_dead();
            ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn owner(&self) -> Owner {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew(&self) -> Result<(), StoreError> {
        let renewed = Owner { lease: self.clock.now() + TERM, ..self.owner() };
        self.store.renew(&renewed)?;
        *self.owner.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    /// Has the runs of owners that are dead end as CRASHED.
    fn bury_the_dead(&self) {
        let now = self.clock.now();
        let owners = match self.store.owners() {
            Ok(owners) => owners,
            Err(error) => return log!(warn, "{}: {error}", self.store.name()),
        };
        let own = self.owner();
        for owner in owners.iter().filter(|owner| owner.id != own.id) {
            let Some(reason) = death_of(owner, &own, now) else { continue };
            match self.store.bury(owner, &reason, now) {
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
fn death_of(owner: &Owner, own: &Owner, now: SystemTime) -> Option<String> {
    let Owner { host, pid, .. } = owner;
    if *host == own.host && owner.started != 0 && own.started != 0 {
        let is_alive = started(*pid) == Some(owner.started);
        return (!is_alive).then(|| format!("its process {pid} on {host} has died"));
    }
    (owner.lease < now).then(|| format!("nothing was heard of its process {pid} on {host} for too long"))
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

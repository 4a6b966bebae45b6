//! Threads of our own: for what blocks. Kept for a while after their work, and made anew when none is idle.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

type Work = Box<dyn FnOnce() + Send>;

/// How long an idle thread waits for more.
const KEPT: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Threads {
    shared: Mutex<Shared>,
    work_here: Condvar,
}

#[derive(Default)]
struct Shared {
    work: Vec<Work>,
    idle: usize,
}

thread_local! {
    static OURS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one of ours: no runtime depends on it, so it may block.
pub(crate) fn is_ours() -> bool {
    OURS.get()
}

/// Says that this thread is ours: a rayon worker.
pub(crate) fn mark_ours() {
    OURS.set(true);
}

/// How many threads execute at once on this machine. Asked once: the answer takes longer than a run.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

fn threads() -> &'static Threads {
    static THREADS: OnceLock<Threads> = OnceLock::new();
    THREADS.get_or_init(Threads::default)
}

/// Does `work` on a thread that does nothing else meanwhile.
///
/// Where the system gives no thread, the work is done on this one.
pub(crate) fn spawn(work: impl FnOnce() + Send + 'static) {
    let threads = threads();
    let mut shared = threads.shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.work.push(Box::new(work));
    if shared.work.len() <= shared.idle {
        drop(shared);
        threads.work_here.notify_one();
        return;
    }
    drop(shared);
    let spawned = std::thread::Builder::new().name("millrun-worker".into()).spawn(|| threads.serve());
    if let Err(error) = spawned {
        log!(error, "failed to start a thread: {error}; its work is done by the thread that asked for it");
        let work = threads.shared.lock().unwrap_or_else(PoisonError::into_inner).work.pop();
        if let Some(work) = work {
            work();
        }
    }
}

impl Threads {
    fn serve(&self) {
        mark_ours();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(work) = shared.work.pop() {
                drop(shared);
                work();
                shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            shared.idle += 1;
            let (woken, waited) =
                self.work_here.wait_timeout(shared, KEPT).unwrap_or_else(PoisonError::into_inner);
            shared = woken;
            shared.idle -= 1;
            if waited.timed_out() && shared.work.is_empty() {
                return;
            }
        }
    }
}

//! SIGINT and SIGTERM: the first ends what is open, awaits the hooks, and goes back to the default handler; the second is
//! final.
//!
//! The engines that handle signals share one thread for it. It marks all open runs before it ends the first of them: whatever
//! a marked run was about to end with, it ends as CRASHED. Runs outside of any other do not end for those who wait for them:
//! the program's main thread must not go on, and exit, before the signal has ended the process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::attempt::cancelled;
use super::finish::finish;
use super::{Engine, Inner, wait};
use crate::context::Scope;
use crate::error::{ErrorKind, TaskError};
use crate::run::Run;

/// The engines that are to be told; `None` before the first one asks for it.
static ENGINES: Mutex<Option<Vec<Weak<Inner>>>> = Mutex::new(None);

/// The signal that ends the process.
static RECEIVED: OnceLock<&'static str> = OnceLock::new();

/// How many marked runs have not ended, their hooks included.
static OPEN: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has signals end the runs of this engine, for as long as it is there.
pub(super) fn handle(engine: Weak<Inner>) {
    let mut engines = lock(&ENGINES);
    if let Some(engines) = &mut *engines {
        engines.retain(|engine| engine.strong_count() > 0);
        return engines.push(engine);
    }
    let listening = Signals::new([SIGINT, SIGTERM]).and_then(|signals| {
        std::thread::Builder::new().name("millrun-signals".into()).spawn(move || listen(signals))
    });
    match listening {
        Ok(_) => *engines = Some(vec![engine]),
        Err(error) => log!(error, "failed to listen for signals: {error}"),
    }
}

fn listen(mut signals: Signals) {
    let Some(signal) = signals.forever().next() else { return };
    // The second signal ends the process, whatever the first has us do.
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    let name = RECEIVED.get_or_init(|| if signal == SIGINT { "SIGINT" } else { "SIGTERM" });
    log!(warn, "{name} received: open runs end as CRASHED, then the process ends");
    let engines: Vec<_> = lock(&ENGINES).iter().flatten().filter_map(Weak::upgrade).collect();
    stop(engines.iter().flat_map(|engine| Engine::open_scopes(engine)).collect());
    for recorder in engines.iter().filter_map(|engine| engine.recorder.as_ref()) {
        // What cannot be written is logged by whoever writes.
        let _ = wait::block_on_future(recorder.flush());
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Ends what is open in these scopes, children and their hooks before their parents.
fn stop(scopes: Vec<Arc<Scope>>) {
    let mut levels = mark(scopes);
    while let Some(level) = levels.pop() {
        for Marked { run, driver } in level {
            finish(&run, Err(crashed()), Vec::new());
            // An async body is dropped, where there is time for it.
            if let Some(driver) = driver {
                driver.wake();
            }
        }
        let above = levels.iter().map(Vec::len).sum();
        let mut open = lock(&OPEN);
        while *open > above {
            open = ENDED.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Marked {
    run: Arc<Run>,
    /// Of an async body.
    driver: Option<Waker>,
}

/// Marks the runs that are open in these scopes, then those that they have begun, level by level.
fn mark(mut scopes: Vec<Arc<Scope>>) -> Vec<Vec<Marked>> {
    let mut levels = Vec::new();
    while !scopes.is_empty() {
        let mut level = Vec::new();
        let mut below = Vec::new();
        while let Some(scope) = scopes.pop() {
            // From now on nothing begins in it.
            let open = scope.close();
            scopes.extend(open.scopes);
            for run in open.runs.into_iter().chain(open.maps.iter().flat_map(|map| map.open_runs())) {
                // Under the lock: whoever ends the run counts it after that.
                let mut open = lock(&OPEN);
                let Ok(driver) = run.cell.crash() else { continue };
                *open += 1;
                drop(open);
                below.extend(run.children());
                level.push(Marked { run, driver });
            }
        }
        levels.push(level);
        scopes = below;
    }
    levels
}

/// What a run ends with that is not to begin as all is cancelled around it: because of a signal, if the engine has had one.
pub(super) fn crashed_or_cancelled(engine: &Engine) -> TaskError {
    let is_stopped = RECEIVED.get().is_some() && engine.settings().handle_signals == Some(true);
    if is_stopped { crashed() } else { cancelled() }
}

/// What a run ends with that ends with the process.
pub(super) fn crashed() -> TaskError {
    let signal = RECEIVED.get().copied().unwrap_or("a signal");
    TaskError::new(ErrorKind::Crashed, format!("the process was stopped by {signal}"))
}

/// A marked run has ended, and its hooks have run.
pub(super) fn ended() {
    *lock(&OPEN) -= 1;
    ENDED.notify_all();
}

//! The flow runs that are shown on one terminal, and the thread that draws them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::counts::Counts;
use super::picture::{self, Moment};
use super::terminal::Terminal;
use crate::clock::{Clock, Nanos};
use crate::run::Run;
use crate::state::StateName;

/// So often it is drawn.
const PERIOD: Duration = Duration::from_millis(100);
/// No rate is told of what has taken less than this.
const LEAST: Duration = Duration::from_millis(100);

/// A flow run that is shown.
pub(crate) struct Watched {
    pub(crate) counts: Counts,
    screen: Arc<Screen>,
    clock: Clock,
    since: Nanos,
    flow: String,
    run: Weak<Run>,
    bar: ProgressBar,
    /// By task, how many runs had ended when that changed last, and when that was.
    last: Mutex<Vec<(u64, Nanos)>>,
}

pub(super) struct Screen {
    pub(super) terminal: Terminal,
    multi: MultiProgress,
    /// Never held while something is drawn: timers take it.
    state: Mutex<State>,
    changed: Condvar,
    /// Held while something is drawn.
    drawing: Mutex<()>,
}

#[derive(Default)]
struct State {
    shown: Vec<Arc<Watched>>,
    is_due: bool,
    is_drawn_by_a_thread: bool,
}

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Does `action` while this thread has a terminal for itself: what it prints meanwhile goes there directly.
fn inside<T>(action: impl FnOnce() -> T) -> T {
    struct Leave(bool);
    impl Drop for Leave {
        fn drop(&mut self) {
            IS_INSIDE.set(self.0);
        }
    }
    let _leave = Leave(IS_INSIDE.replace(true));
    action()
}

impl Screen {
    pub(super) fn new(terminal: Terminal) -> Arc<Self> {
        let target = if terminal.is_seen() {
            ProgressDrawTarget::term_like(Box::new(terminal.clone()))
        } else {
            ProgressDrawTarget::hidden()
        };
        let multi = MultiProgress::with_draw_target(target);
        let (state, drawing) = (Mutex::default(), Mutex::default());
        Arc::new(Self { terminal, multi, state, changed: Condvar::new(), drawing })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a flow run until it is [ended](Watched::ended); `None` where nobody would see it.
    pub(super) fn watch(self: &Arc<Self>, run: &Arc<Run>) -> Option<Arc<Watched>> {
        if !self.terminal.is_seen() {
            return None;
        }
        let clock = run.scope.engine.clock().clone();
        let bar = ProgressBar::no_length().with_style(plain_style());
        let watched = Arc::new(Watched {
            counts: Counts::new(clock.clone()),
            screen: self.clone(),
            since: clock.monotonic(),
            clock,
            flow: run.task_name(),
            run: Arc::downgrade(run),
            bar: self.multi.add(bar),
            last: Mutex::default(),
        });
        let mut state = self.state();
        state.shown.push(watched.clone());
        if !state.is_drawn_by_a_thread {
            state.is_drawn_by_a_thread = true;
            let screen = self.clone();
            let spawned =
                std::thread::Builder::new().name("millrun-progress".into()).spawn(move || screen.serve());
            if let Err(error) = spawned {
                state.is_drawn_by_a_thread = false;
                drop(state);
                log!(error, "progress is shown at the end alone: failed to start a thread: {error}");
            }
        }
        Some(watched)
    }

    /// Draws what is shown each time when that is due, until nothing is.
    fn serve(self: Arc<Self>) {
        loop {
            let Some(clock) = self.clock() else { return };
            let screen = Arc::downgrade(&self);
            let timer = clock.after(PERIOD, move || {
                if let Some(screen) = screen.upgrade() {
                    screen.state().is_due = true;
                    screen.changed.notify_all();
                }
            });
            let mut state = self.state();
            while !state.is_due && !state.shown.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.is_due = false;
            drop(state);
            clock.cancel(timer);
            self.redraw();
        }
    }

    /// That of a flow run that is shown; none where the thread that draws has nothing more to do.
    fn clock(&self) -> Option<Clock> {
        let mut state = self.state();
        let clock = state.shown.first().map(|first| first.clock.clone());
        state.is_drawn_by_a_thread = clock.is_some();
        clock
    }

    pub(super) fn redraw(&self) {
        if IS_INSIDE.get() {
            return;
        }
        let shown = self.state().shown.clone();
        for watched in shown {
            watched.draw();
        }
    }

    /// Does `action` while nothing of this is on the terminal.
    pub(super) fn suspend<T>(&self, action: impl FnOnce() -> T) -> T {
        if IS_INSIDE.get() {
            return action();
        }
        if std::thread::panicking() {
            return self.suspend_elsewhere(action);
        }
        // A panic must not go through what is locked meanwhile.
        let caught = AssertUnwindSafe(action);
        let done = inside(|| self.multi.suspend(|| catch_unwind(caught)));
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// As [`suspend`](Self::suspend), on a thread that panics, from which nothing is drawn or taken away: another one does.
    fn suspend_elsewhere<T>(&self, action: impl FnOnce() -> T) -> T {
        let (taken_away, is_taken_away) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel::<()>();
        std::thread::scope(|threads| {
            let suspend = move || {
                inside(|| {
                    self.multi.suspend(|| {
                        drop(taken_away);
                        let _ = is_done.recv();
                    });
                });
            };
            // Without it the picture stands there twice.
            let _ =
                std::thread::Builder::new().name("millrun-progress".into()).spawn_scoped(threads, suspend);
            let _ = is_taken_away.recv();
            let given = inside(action);
            drop(done);
            given
        })
    }
}

/// All that is drawn is our own text.
fn plain_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Watched {
    fn is(&self, shown: &Arc<Self>) -> bool {
        std::ptr::eq(Arc::as_ptr(shown), self)
    }

    fn draw(&self) {
        let text = self.text(None);
        let _drawing = self.screen.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.screen.state().shown.iter().any(|shown| self.is(shown)) {
            inside(|| self.bar.set_message(text));
        }
    }

    /// The flow run has ended: what it has done stays on the terminal, above what is still shown.
    pub(crate) fn ended(&self, name: StateName) {
        let text = self.text(Some(name));
        let _drawing = self.screen.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = self.screen.state();
            state.shown.retain(|shown| !self.is(shown));
            // Those that are left may go by another clock.
            state.is_due = true;
        }
        inside(|| {
            self.screen.multi.remove(&self.bar);
            self.screen.multi.suspend(|| self.screen.terminal.print(&text));
        });
        self.screen.changed.notify_all();
    }

    fn text(&self, ended: Option<StateName>) -> String {
        let now = self.clock.monotonic();
        let tasks = self.counts.read();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.resize(tasks.len(), (0, now));
        let tasks = tasks.into_iter().zip(last.iter_mut()).map(|(task, last)| {
            if task.ended != last.0 {
                *last = (task.ended, now);
            }
            // Of what goes on, until now.
            let until = if task.ended < task.made { now } else { last.1 };
            let took = Duration::from_nanos(until.saturating_sub(task.since));
            let is_told = task.ended > 1 && took >= LEAST;
            #[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
            let rate = is_told.then(|| task.ended as f64 / took.as_secs_f64());
            (task, rate)
        });
        let moment = Moment {
            flow: self.flow.clone(),
            run: self.run.upgrade().map(|run| run.name()).unwrap_or_default(),
            elapsed: Duration::from_nanos(now.saturating_sub(self.since)),
            ended,
            tasks: tasks.collect(),
        };
        drop(last);
        picture::draw(&moment, self.screen.terminal.frame())
    }
}

//! The flow runs that are shown on one terminal, and the thread that draws them.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::counts::Counts;
use super::picture::{self, Moment};
use super::terminal::{Terminal, is_writing};
use crate::clock::{Clock, Nanos};
use crate::run::Run;
use crate::state::StateName;

/// So often it is drawn.
const PERIOD: Duration = Duration::from_millis(100);
/// No rate is told of what has taken less than this.
const LEAST: Duration = Duration::from_millis(100);
/// So long a thread that panics waits for who has the terminal.
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// The screens that this thread has for itself.
    static INSIDE: RefCell<Vec<*const Screen>> = const { RefCell::new(Vec::new()) };
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

    /// Whether this thread has the terminal for itself, or is within a user's writer, from where none can be had.
    fn is_inside(&self) -> bool {
        is_writing() || INSIDE.with_borrow(|inside| inside.contains(&std::ptr::from_ref(self)))
    }

    /// Does `action` while this thread has the terminal for itself: what it prints meanwhile goes there directly.
    fn inside<T>(&self, action: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                INSIDE.with_borrow_mut(Vec::pop);
            }
        }
        INSIDE.with_borrow_mut(|inside| inside.push(std::ptr::from_ref(self)));
        let _leave = Leave;
        action()
    }

    pub(super) fn redraw(&self) {
        if self.is_inside() {
            return;
        }
        let shown = self.state().shown.clone();
        for watched in shown {
            watched.draw();
        }
    }

    /// Does `action` while nothing of this is on the terminal.
    pub(super) fn suspend<T>(self: &Arc<Self>, action: impl FnOnce() -> T) -> T {
        if self.is_inside() {
            return action();
        }
        if std::thread::panicking() {
            return self.suspend_elsewhere(action);
        }
        // A panic must not go through what is locked meanwhile.
        let caught = AssertUnwindSafe(action);
        let done = self.inside(|| self.multi.suspend(|| catch_unwind(caught)));
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// As [`suspend`](Self::suspend), on a thread that panics, from which nothing is drawn or taken away: another one does. Whoever has
    /// the terminal may wait for this very thread, so this one does not wait for long.
    fn suspend_elsewhere<T>(self: &Arc<Self>, action: impl FnOnce() -> T) -> T {
        let (taken_away, is_taken_away) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel::<()>();
        let screen = self.clone();
        let suspend = move || {
            screen.inside(|| {
                screen.multi.suspend(|| {
                    let _ = taken_away.send(());
                    let _ = is_done.recv();
                });
            });
        };
        // Without it, or too late, the picture stands there twice.
        let thread = std::thread::Builder::new().name("millrun-progress".into()).spawn(suspend);
        let is_taken_away = is_taken_away.recv_timeout(PATIENCE).is_ok();
        let given = self.inside(action);
        drop(done);
        if let Some(thread) = thread.ok().filter(|_| is_taken_away) {
            let _ = thread.join();
        }
        given
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
            self.screen.inside(|| self.bar.set_message(text));
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
        self.screen.inside(|| {
            self.screen.multi.remove(&self.bar);
            self.screen.multi.suspend(|| self.screen.terminal.print(&text));
        });
        self.screen.changed.notify_all();
    }

    fn text(&self, ended: Option<StateName>) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = self.counts.read();
        // After what is counted: nothing has ended later.
        let now = self.clock.monotonic();
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

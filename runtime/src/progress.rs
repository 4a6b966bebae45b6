//! Live progress: what a flow run is doing, drawn in the terminal. The feature `progress`.
//!
//! ```no_run
//! use millrun::prelude::*;
//!
//! #[task] fn square(x: u64) -> u64 { x * x }
//! #[flow] fn squares(n: u64) -> Result<Vec<u64>, FlowError> { Ok(square.map(0..n).result()?) }
//!
//! squares(1_000_000).with_progress().result().unwrap();
//! ```
//!
//! ```text
//! ▸ squares 'brave-otter'  running  3.2 s
//!   square  ━━━━━━━━━────────────  461824/1000000  2 running  144320/s
//! ```
//!
//! One line for each task, with how many of its runs have ended and how many there are so far, how many are running, failed, were
//! cancelled, skipped or found in the cache, how often there was another attempt, and how many end in a second; for a task that is mapped
//! a bar as well. Child flows are lines like tasks, and what is inside of them is counted with the others. Where there are more than 12
//! tasks, or more than the terminal has room for, those that have nothing to do are summed up. Between two attempts a run counts as
//! running. What the flow run has done stays on the terminal once it has ended.
//!
//! It is drawn on standard error ten times a second, and not at all where that is no terminal or `TERM` is `dumb`; `NO_COLOR` takes
//! the colours away. What the program itself prints meanwhile is drawn over, except where it goes through
//!
//! - [`logging::init`](crate::logging::init), or [`log_writer`] in a subscriber of your own:
//!   `tracing_subscriber::fmt().with_writer(millrun::progress::log_writer)`,
//! - [`suspend`]: `millrun::progress::suspend(|| println!("half of it is done"))`,
//! - the messages of panics.

mod counts;
mod picture;
mod screen;
mod terminal;

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use screen::Screen;
use terminal::{Terminal, is_writing};

pub(crate) use screen::Watched;

static STDERR: OnceLock<Progress> = OnceLock::new();

use crate::run::Run;

/// A terminal on which flow runs are shown. Clones are the same one.
#[derive(Clone)]
pub struct Progress(Arc<Screen>);

impl Progress {
    /// Standard error: what [`with_progress`](crate::prelude::ConfigureFlow::with_progress) draws on.
    pub fn stderr() -> Self {
        STDERR.get_or_init(|| Self(Screen::new(Terminal::stderr()))).clone()
    }

    /// A terminal of that size behind a writer, such as a connection, or what a test looks at; without colours. It takes the usual escape
    /// sequences. Errors and panics of the writer are ignored, and what it logs to a terminal itself is left out. While it blocks, whoever
    /// logs there waits, and so does the end of a flow run that is shown there.
    pub fn to(writer: impl Write + Send + 'static, columns: u16, rows: u16) -> Self {
        Self(Screen::new(Terminal::given(writer, columns, rows)))
    }

    /// Draws now what is shown, without waiting for the next time.
    pub fn redraw(&self) {
        self.0.redraw();
    }

    /// Does `action`, which may print to this terminal, while nothing is drawn there. It is not to wait for runs: a flow run that is
    /// shown there ends once that is over.
    pub fn suspend<T>(&self, action: impl FnOnce() -> T) -> T {
        self.0.suspend(action)
    }

    /// A writer of lines to this terminal, which stand above what is drawn.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter { progress: self.clone(), line: Vec::new() }
    }

    pub(crate) fn watch(&self, run: &Arc<Run>) -> Option<Arc<Watched>> {
        self.0.watch(run)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({:?})", self.0.terminal)
    }
}

/// Does `action`, which says on standard error that something has panicked.
pub(crate) fn beside<T>(action: impl FnOnce() -> T) -> T {
    match STDERR.get() {
        Some(progress) => progress.suspend(action),
        None => action(),
    }
}

/// Does `action`, which may print, while nothing is drawn on standard error; it is not to wait for runs.
///
/// ```
/// millrun::progress::suspend(|| println!("half of it is done"));
/// ```
pub fn suspend<T>(action: impl FnOnce() -> T) -> T {
    Progress::stderr().suspend(action)
}

/// A writer to standard error whose lines stand above what is drawn there, for a subscriber:
///
/// ```
/// let subscriber = tracing_subscriber::fmt().with_writer(millrun::progress::log_writer).finish();
/// # drop(subscriber);
/// ```
pub fn log_writer() -> LogWriter {
    Progress::stderr().log_writer()
}

/// Writes whole lines above what is drawn: made by [`log_writer`]. A line that is not whole is written when this is dropped.
#[derive(Debug)]
pub struct LogWriter {
    progress: Progress,
    line: Vec<u8>,
}

impl LogWriter {
    fn emit(&mut self) {
        if is_writing() {
            // What is logged from within the writer that is drawn to would wait for itself.
            return self.line.clear();
        }
        let (screen, line) = (&self.progress.0, &self.line);
        screen.suspend(|| screen.terminal.write(line));
        self.line.clear();
    }
}

impl Write for LogWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(text);
        if self.line.ends_with(b"\n") {
            self.emit();
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.line.push(b'\n');
            self.emit();
        }
    }
}

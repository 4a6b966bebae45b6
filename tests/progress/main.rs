//! Live progress: what stands in a terminal while a flow run goes on, and after its end.

mod drawn;
#[path = "../behaviour/gate.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod gate;
mod logs;
mod outcomes;
#[cfg(target_os = "linux")]
mod terminals;

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};

use millrun::progress::Progress;
use millrun::{Clock, Engine, SequentialTaskRunner};

/// A terminal in memory. Clones are the same one.
#[derive(Clone)]
struct Terminal(Arc<(Mutex<vt100::Parser>, Condvar)>);

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        Self(Arc::new((Mutex::new(vt100::Parser::new(rows, columns, 0)), Condvar::new())))
    }

    fn progress(&self) -> Progress {
        let (rows, columns) = self.0.0.lock().unwrap().screen().size();
        Progress::to(self.clone(), columns, rows)
    }

    /// The lines that are on it, up to the last that is not empty.
    fn lines(&self) -> Vec<String> {
        lines_of(self.0.0.lock().unwrap().screen())
    }

    /// Waits until what is on it is like that.
    fn wait_for(&self, is_like: impl Fn(&[String]) -> bool) -> Vec<String> {
        let screen = self.0.0.lock().unwrap();
        let screen = self.0.1.wait_while(screen, |screen| !is_like(&lines_of(screen.screen()))).unwrap();
        lines_of(screen.screen())
    }
}

impl Write for Terminal {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.0.lock().unwrap().process(text);
        self.0.1.notify_all();
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines_of(screen: &vt100::Screen) -> Vec<String> {
    let rows = screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned());
    let mut lines: Vec<String> = rows.collect();
    lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    lines
}

/// An engine whose time a test moves.
fn engine(clock: &Clock) -> Engine {
    Engine::builder().clock(clock.clone()).build()
}

fn one_at_a_time(clock: &Clock) -> Engine {
    Engine::builder().clock(clock.clone()).task_runner(SequentialTaskRunner::new()).build()
}

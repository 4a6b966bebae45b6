//! Where progress is drawn: standard error, or what a user has given. Nothing that goes wrong there is anybody's error.

use std::cell::Cell;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use console::Term;
use indicatif::TermLike;

use super::picture::Frame;
use crate::panic;

type Sink = Box<dyn Write + Send>;

#[derive(Clone)]
pub(super) enum Terminal {
    Stderr(Term),
    Given { sink: Arc<Mutex<Given>>, columns: u16, rows: u16 },
}

/// What a user has given to be written to.
pub(super) struct Given {
    sink: Sink,
    /// What is written at once.
    buffer: Vec<u8>,
}

thread_local! {
    static IS_WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is within a user's writer, from where nothing can be drawn.
pub(super) fn is_writing() -> bool {
    IS_WRITING.get()
}

impl Terminal {
    pub(super) fn stderr() -> Self {
        Self::Stderr(Term::buffered_stderr())
    }

    pub(super) fn given(sink: impl Write + Send + 'static, columns: u16, rows: u16) -> Self {
        let given = Given { sink: Box::new(sink), buffer: Vec::new() };
        Self::Given { sink: Arc::new(Mutex::new(given)), columns, rows }
    }

    /// Whether somebody sees what is drawn.
    pub(super) fn is_seen(&self) -> bool {
        match self {
            Self::Stderr(_) => io::stderr().is_terminal() && !console::is_dumb(),
            Self::Given { .. } => true,
        }
    }

    pub(super) fn frame(&self) -> Frame {
        let has_colours = match self {
            Self::Stderr(term) => term.features().colors_supported(),
            Self::Given { .. } => false,
        };
        Frame { columns: self.width().into(), rows: self.height().into(), has_colours }
    }

    /// Writes lines that are none of ours, where nothing is drawn meanwhile.
    pub(super) fn write(&self, text: &[u8]) {
        match self {
            Self::Stderr(_) => {
                let _ = io::stderr().lock().write_all(text);
            }
            Self::Given { sink, .. } => {
                let mut given = sink.lock().unwrap_or_else(PoisonError::into_inner);
                // It takes a line feed as such, and goes on in the same column.
                for line in text.split_inclusive(|byte| *byte == b'\n') {
                    let end = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
                    given.buffer.extend_from_slice(end.unwrap_or(line));
                    given.buffer.extend_from_slice(if end.is_some() { b"\r\n" } else { b"" });
                }
                given.flush();
            }
        }
    }

    /// Writes lines of our own that stay.
    pub(super) fn print(&self, text: &str) {
        match self {
            Self::Stderr(term) => {
                let _ = term.write_line(text).and_then(|()| Term::flush(term));
            }
            Self::Given { .. } => self.write(format!("{text}\n").as_bytes()),
        }
    }

    /// Does something with the terminal, or writes what does the same. It never fails: whoever draws would panic.
    #[expect(clippy::unnecessary_wraps, reason = "as those whose place it takes")]
    fn act(
        &self,
        act: impl FnOnce(&Term) -> io::Result<()>,
        text: impl FnOnce() -> String,
    ) -> io::Result<()> {
        match self {
            Self::Stderr(term) => {
                let _ = act(term);
            }
            Self::Given { sink, .. } => {
                let mut given = sink.lock().unwrap_or_else(PoisonError::into_inner);
                given.buffer.extend_from_slice(text().as_bytes());
            }
        }
        Ok(())
    }
}

impl Given {
    fn flush(&mut self) {
        let before = IS_WRITING.replace(true);
        let (sink, buffer) = (&mut self.sink, &self.buffer);
        let written = panic::catch_in_between(|| {
            let _ = sink.write_all(buffer).and_then(|()| sink.flush());
        });
        drop(written);
        IS_WRITING.set(before);
        self.buffer.clear();
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        match self {
            Self::Stderr(term) => term.size().1,
            Self::Given { columns, .. } => *columns,
        }
    }

    fn height(&self) -> u16 {
        match self {
            Self::Stderr(term) => term.size().0,
            Self::Given { rows, .. } => *rows,
        }
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.act(|term| term.move_cursor_up(n), || moved(n, 'A'))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.act(|term| term.move_cursor_down(n), || moved(n, 'B'))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.act(|term| term.move_cursor_right(n), || moved(n, 'C'))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.act(|term| term.move_cursor_left(n), || moved(n, 'D'))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.act(|term| term.write_line(text), || format!("{text}\r\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.act(|term| Term::write_str(term, text), || text.to_owned())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.act(Term::clear_line, || "\r\x1b[2K".to_owned())
    }

    fn flush(&self) -> io::Result<()> {
        match self {
            Self::Stderr(term) => {
                let _ = Term::flush(term);
            }
            Self::Given { sink, .. } => sink.lock().unwrap_or_else(PoisonError::into_inner).flush(),
        }
        Ok(())
    }
}

/// Moves the cursor; by 0 would be by 1.
fn moved(n: usize, direction: char) -> String {
    if n == 0 { String::new() } else { format!("\x1b[{n}{direction}") }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stderr(_) => "stderr",
            Self::Given { .. } => "a writer",
        })
    }
}

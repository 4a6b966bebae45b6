//! What can be wrong with an input file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Says what is wrong with an input file, where, and what to do about it.
#[derive(Debug)]
pub struct DataError {
    path: PathBuf,
    line: Option<u64>,
    problem: String,
    help: String,
    source: Option<io::Error>,
}

impl DataError {
    /// Reports a mistake in the file as a whole.
    pub fn in_file(path: &Path, problem: impl Into<String>, help: impl Into<String>) -> Self {
        let (problem, help) = (problem.into(), help.into());
        Self { path: path.to_owned(), line: None, problem, help, source: None }
    }

    /// Reports a mistake on one line, the first being 1.
    pub fn on_line(path: &Path, line: u64, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::in_file(path, problem, help) }
    }

    /// Reports a file that could not be read.
    pub fn unreadable(path: &Path, source: io::Error) -> Self {
        let help = match source.kind() {
            io::ErrorKind::NotFound => {
                "`--data` names the folder that holds `flights.csv`, `airports.csv` and `airlines.csv`"
            }
            _ => "see that it is a file, and that you may read it",
        };
        Self { source: Some(source), ..Self::in_file(path, "cannot be read", help) }
    }

    /// Whether trying again may help: the file could not be had just now, as happens on network drives.
    pub fn is_temporary(&self) -> bool {
        use io::ErrorKind::{Interrupted, ResourceBusy, StaleNetworkFileHandle, TimedOut};
        let kind = self.source.as_ref().map(io::Error::kind);
        kind.is_some_and(|kind| {
            matches!(kind, Interrupted | ResourceBusy | StaleNetworkFileHandle | TimedOut)
        })
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, problem, help, source } = self;
        write!(f, "{}", path.display())?;
        if let Some(line) = line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {problem}")?;
        if let Some(source) = source {
            write!(f, ": {source}")?;
        }
        write!(f, "; {help}")
    }
}

// The source is part of the message, so it is not given a second time as `source()`.
impl Error for DataError {}

//! The file of one execution.

use std::io::{Error, Result};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::row::Row;

/// All rows of one execution, and where they were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When it ended, in UTC.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// Whether it was only to be seen that all can be executed: the figures mean nothing.
    #[serde(default)]
    pub quick: bool,
    /// The rows, in the order of the table.
    pub rows: Vec<Row>,
}

impl Report {
    /// A report of these rows, made here and now.
    pub fn new(rows: Vec<Row>, quick: bool) -> Self {
        let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { date, machine: Machine::here(), quick, rows }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Fails where there is no such file, or where it is none of these; the message names it.
    pub fn read(path: &Path) -> Result<Self> {
        let named = |error: &dyn std::fmt::Display| Error::other(format!("{}: {error}", path.display()));
        let text = std::fs::read(path).map_err(|error| named(&error))?;
        serde_json::from_slice(&text).map_err(|error| named(&error))
    }

    /// Writes the file, and the folders it is in.
    ///
    /// # Errors
    /// Fails where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }
}

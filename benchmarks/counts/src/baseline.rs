//! The counts that are committed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::measure::Counts;

/// By how much a count may grow.
const GROWTH: f64 = 1.05;

#[derive(Serialize, Deserialize)]
pub struct Baseline {
    /// Counts of another compiler are others.
    pub compiler: String,
    /// Why the counts are as they are.
    reason: String,
    pub counts: BTreeMap<String, Counts>,
}

impl Baseline {
    pub fn new(compiler: &str, reason: &str, counts: BTreeMap<String, Counts>) -> Self {
        Self { compiler: compiler.to_owned(), reason: reason.to_owned(), counts }
    }

    pub fn read(file: &Path) -> Result<Self, String> {
        let failed = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let text = std::fs::read(file).map_err(|error| failed(&error))?;
        serde_json::from_slice(&text).map_err(|error| failed(&error))
    }

    /// Where valgrind is missing, the instructions would be lost.
    pub fn write(&self, file: &Path) -> Result<(), String> {
        if self.counts.values().any(|counts| counts.instructions.is_none()) {
            return Err("a baseline needs valgrind, which is not there".to_owned());
        }
        let mut text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        text.push('\n');
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// A count beside its baseline.
pub struct Change {
    pub what: &'static str,
    pub now: f64,
    pub before: f64,
}

impl Change {
    pub fn has_grown(&self) -> bool {
        self.now > self.before * GROWTH
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, before, .. } = self;
        let change = (now / before - 1.0) * 100.0;
        let grown = if self.has_grown() { "  GROWN" } else { "" };
        write!(f, "{now:>12.2} {before:>9.2} {change:>+7.1}%{grown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(now: f64) -> Change {
        Change { what: "instructions", now, before: 4000.0 }
    }

    #[test]
    fn a_count_may_grow_by_five_percent() {
        assert!(!change(3000.0).has_grown());
        assert!(!change(4200.0).has_grown());
        assert!(change(4201.0).has_grown());
        assert!(change(4400.0).to_string().ends_with("+10.0%  GROWN"));
    }
}

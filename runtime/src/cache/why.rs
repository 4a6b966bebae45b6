//! Why a task run was executed, or not: its key, what that is made of, and what was found under it.

use std::fmt;
use std::time::SystemTime;

use super::Key;

/// Whether a task run whose result is to be kept was executed, and why: see [`TaskRun::why`](crate::TaskRun::why).
///
/// Displays as `hit: "tasks/etl.fetch/…" = inputs 5f… + task_source 09…`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Why {
    /// The key under which the result is kept; none if it is not.
    pub key: Option<String>,
    /// What the key is made of: the name of each policy, and its part.
    pub parts: Vec<(String, String)>,
    /// What was found.
    pub outcome: CacheOutcome,
}

/// What was found under the key of a task run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheOutcome {
    /// A record, whose value is the run's result.
    Hit,
    /// No record that is good for it: it was executed.
    Miss(Miss),
    /// It did not look for one, for this reason: it was executed.
    Bypass(String),
}

/// Why there was no record for a task run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Miss {
    /// Nothing was kept under the key, or it was deleted.
    None,
    /// What was kept has expired at that time.
    Expired(SystemTime),
    /// What lies there cannot be read, for this reason.
    Corrupt(String),
    /// The cache was to be refreshed: what may lie there is replaced.
    Refreshed,
}

impl Why {
    pub(crate) fn of(key: Option<Key>, outcome: CacheOutcome) -> Self {
        let (key, parts) = key.map(|key| (key.text, key.parts)).unzip();
        Self { key, parts: parts.unwrap_or_default(), outcome }
    }

    /// Whether a record was found.
    pub fn is_hit(&self) -> bool {
        self.outcome == CacheOutcome::Hit
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcome.fmt(f)?;
        if let Some(key) = &self.key {
            write!(f, ": {key:?}")?;
        }
        for (n, (policy, part)) in self.parts.iter().enumerate() {
            write!(f, " {} {policy} {part}", if n == 0 { "=" } else { "+" })?;
        }
        Ok(())
    }
}

impl fmt::Display for CacheOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit => f.write_str("hit"),
            Self::Miss(Miss::None) => f.write_str("miss (none)"),
            Self::Miss(Miss::Expired(_)) => f.write_str("miss (expired)"),
            Self::Miss(Miss::Corrupt(how)) => write!(f, "miss (corrupt, {how})"),
            Self::Miss(Miss::Refreshed) => f.write_str("miss (refreshed)"),
            Self::Bypass(reason) => write!(f, "bypass ({reason})"),
        }
    }
}

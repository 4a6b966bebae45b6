//! How far a transaction is, and when it commits; pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a transaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
#[repr(u8)]
pub enum TransactionState {
    /// It has not begun.
    #[default]
    Pending,
    /// It has begun.
    Active,
    /// What it holds is ready to be committed; the one that it is in decides.
    Staged,
    /// It was committed.
    Committed,
    /// It was rolled back.
    RolledBack,
}

impl TransactionState {
    /// The table of legal transitions. What was committed is rolled back only with the whole of a commit that failed.
    pub(crate) const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Active)
                | (Self::Active, Self::Staged | Self::Committed | Self::RolledBack)
                | (Self::Staged, Self::Committed | Self::RolledBack)
                | (Self::Committed, Self::RolledBack)
        )
    }

    /// That of such a number.
    pub(super) const fn of(number: u8) -> Self {
        match number {
            0 => Self::Pending,
            1 => Self::Active,
            2 => Self::Staged,
            3 => Self::Committed,
            _ => Self::RolledBack,
        }
    }

    /// Its name: `PENDING`, `ACTIVE`, `STAGED`, `COMMITTED`, `ROLLED_BACK`, as Prefect's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Staged => "STAGED",
            Self::Committed => "COMMITTED",
            Self::RolledBack => "ROLLED_BACK",
        }
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When a transaction commits that is left well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CommitMode {
    /// With the one that it is in; at once where it is in none.
    #[default]
    Lazy,
    /// At once.
    Eager,
    /// With the one that it is in; where it is in none, only if [`commit`](super::Transaction::commit) was called: else it is
    /// rolled back.
    Off,
}

/// What a transaction with a key, or a task run whose result is kept, knows of others with the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IsolationLevel {
    /// It finds what others have committed. Two at a time do the same work, and the last one's record stays.
    #[default]
    ReadCommitted,
    /// It waits until no other is at work under the key, and finds what that has committed. Asks for a lock manager: of the
    /// store, or of the engine.
    Serializable,
}

#[cfg(test)]
mod tests {
    use super::TransactionState::{Active, Committed, Pending, RolledBack, Staged};

    #[test]
    fn the_table_of_transitions() {
        let all = [Pending, Active, Staged, Committed, RolledBack];
        let legal: Vec<_> = all
            .iter()
            .flat_map(|from| all.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        for state in all {
            assert_eq!(super::TransactionState::of(state as u8), state);
        }
        assert_eq!(
            legal,
            [
                (Pending, Active),
                (Active, Staged),
                (Active, Committed),
                (Active, RolledBack),
                (Staged, Committed),
                (Staged, RolledBack),
                (Committed, RolledBack),
            ]
        );
    }
}

//! How enums, times and maps lie in a database. What these numbers mean never changes: databases outlive programs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{Kind, StoreError};
use crate::state::{StateName, StateType};
use crate::transaction::TransactionState;

/// The number of COMPLETED: the type that most runs have, and that no index is needed for.
pub(super) const COMPLETED: i64 = 5;
/// Types with a lower number than this one have not ended.
pub(super) const FIRST_FINAL: i64 = COMPLETED;
/// How far left the number of its type stands in that of a state's name.
pub(super) const TYPE_SHIFT: i64 = 4;

pub(super) const fn kind(kind: Kind) -> i64 {
    match kind {
        Kind::Task => 0,
        Kind::Flow => 1,
    }
}

pub(super) const fn kind_of(number: i64) -> Kind {
    if number == kind(Kind::Flow) { Kind::Flow } else { Kind::Task }
}

pub(super) const fn state_type(state_type: StateType) -> i64 {
    match state_type {
        StateType::Scheduled => 0,
        StateType::Pending => 1,
        StateType::Running => 2,
        StateType::Paused => 3,
        StateType::Cancelling => 4,
        StateType::Completed => COMPLETED,
        StateType::Failed => 6,
        StateType::Crashed => 7,
        StateType::Cancelled => 8,
    }
}

/// The number of its type, and below that its own among those of that type.
pub(super) const fn state_name(name: StateName) -> i64 {
    let own = match name {
        StateName::Scheduled
        | StateName::Pending
        | StateName::Running
        | StateName::Paused
        | StateName::Cancelling
        | StateName::Completed
        | StateName::Failed
        | StateName::Crashed
        | StateName::Cancelled => 0,
        StateName::Late
        | StateName::Retrying
        | StateName::Suspended
        | StateName::Cached
        | StateName::TimedOut => 1,
        StateName::AwaitingRetry | StateName::Skipped | StateName::TriggerFailed => 2,
        StateName::AwaitingConcurrencySlot | StateName::RolledBack => 3,
    };
    state_type(name.state_type()) << TYPE_SHIFT | own
}

pub(super) fn state_name_of(number: i64) -> Result<StateName, StoreError> {
    let found = StateName::ALL.iter().find(|name| state_name(**name) == number);
    found.copied().ok_or_else(|| strange(format_args!("a state of the number {number}")))
}

pub(super) const fn transaction(state: TransactionState) -> i64 {
    match state {
        TransactionState::Pending => 0,
        TransactionState::Active => 1,
        TransactionState::Staged => 2,
        TransactionState::Committed => 3,
        TransactionState::RolledBack => 4,
    }
}

pub(super) fn transaction_of(number: i64) -> Result<TransactionState, StoreError> {
    use TransactionState::{Active, Committed, Pending, RolledBack, Staged};
    let found =
        [Pending, Active, Staged, Committed, RolledBack].into_iter().find(|s| transaction(*s) == number);
    found.ok_or_else(|| strange(format_args!("a transaction of the state {number}")))
}

/// Nanoseconds since the Unix epoch, from the year 1677 to 2262; what lies outside becomes its nearest end.
pub(super) fn time(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

pub(super) fn time_of(nanos: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::new(format!("failed to write as JSON: {error}")).with_source(error))
}

pub(super) fn map_of(json: &str) -> Result<Map<String, Value>, StoreError> {
    serde_json::from_str(json).map_err(|error| strange(format_args!("JSON that is none: {error}")))
}

/// The tags of a run; most have none.
pub(super) fn tags(tags: &[String]) -> Result<Option<String>, StoreError> {
    if tags.is_empty() { Ok(None) } else { json(&tags).map(Some) }
}

pub(super) fn tags_of(json: Option<&str>) -> Result<Vec<String>, StoreError> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(json).map_err(|error| strange(format_args!("tags that are none: {error}")))
}

fn strange(what: impl std::fmt::Display) -> StoreError {
    StoreError::new(format!(
        "the store holds {what}, which this version of Millrun does not know: something else has written to it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lies in databases already: nothing here may ever change, only be added to.
    #[test]
    fn numbers_never_change() {
        let numbers: Vec<(&str, i64)> =
            StateName::ALL.iter().map(|name| (name.as_str(), state_name(*name))).collect();
        let expected = [
            ("Scheduled", 0),
            ("Late", 1),
            ("AwaitingRetry", 2),
            ("AwaitingConcurrencySlot", 3),
            ("Pending", 16),
            ("Running", 32),
            ("Retrying", 33),
            ("Paused", 48),
            ("Suspended", 49),
            ("Cancelling", 64),
            ("Completed", 80),
            ("Cached", 81),
            ("Skipped", 82),
            ("RolledBack", 83),
            ("Failed", 96),
            ("TimedOut", 97),
            ("TriggerFailed", 98),
            ("Crashed", 112),
            ("Cancelled", 128),
        ];
        assert_eq!(numbers, expected);
        assert!(StateType::ALL.iter().all(|t| t.is_final() == (state_type(*t) >= FIRST_FINAL)));
        assert_eq!((kind(Kind::Task), kind(Kind::Flow)), (0, 1));
        assert_eq!(transaction(TransactionState::RolledBack), 4);
    }
}

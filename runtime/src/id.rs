//! Ids of runs: UUIDs that cost nothing until somebody reads them.

use std::fmt;
use std::str::FromStr;

use twox_hash::XxHash3_128;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            pub(crate) const fn from_u128(id: u128) -> Self {
                Self(Uuid::from_u128(id))
            }

            /// The id as a UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The id of a task run: the first half of its flow run's id and a counter, a UUID of version 8.
    TaskRunId
}

id! {
    /// The id of a flow run: a UUID of version 7, so ids sort by time.
    FlowRunId
}

/// A new id for a flow run, or for the task runs that have none.
pub(crate) fn new_prefix() -> u128 {
    Uuid::now_v7().as_u128()
}

/// The id of the `number`th run under `prefix`: the version field says 8, the variant stays, the counter fills the low bits.
pub(crate) fn numbered(prefix: u128, number: u32) -> u128 {
    const VERSION: u128 = 0xF << 76;
    const LOW: u128 = 0xFFFF_FFFF;
    (prefix & !VERSION & !LOW) | (8 << 76) | u128::from(number)
}

/// The id of the `number`th state of a run.
pub(crate) fn of_state(run: u128, number: usize) -> Uuid {
    const VERSION: u128 = 0xF << 76;
    let mixed = run ^ ((number as u128 + 1) << 34);
    Uuid::from_u128((mixed & !VERSION) | (8 << 76))
}

/// What stands for a map in the graph of the flow run with that prefix: the same for the same task and name.
pub(crate) fn of_map(prefix: u128, key: &str, name: &str) -> Uuid {
    let hash = XxHash3_128::oneshot(format!("{key}\0{name}").as_bytes());
    uuid::Builder::from_custom_bytes((prefix ^ hash).to_be_bytes()).into_uuid()
}

/// The ids of all runs of tasks under the prefix of that run: of those in a flow run, however they were begun.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn numbered_like(run: Uuid) -> std::ops::RangeInclusive<Uuid> {
    Uuid::from_u128(numbered(run.as_u128(), 0))..=Uuid::from_u128(numbered(run.as_u128(), u32::MAX))
}

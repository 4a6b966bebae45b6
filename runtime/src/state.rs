//! States of runs: their types and names, and the table of legal transitions. Pure: it knows no other module.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that stands for it, in text and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("unknown {} `{text}`", stringify!($name))),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

words! {
    /// The nine types of states.
    StateType {
        /// To begin at a later time.
        Scheduled = "SCHEDULED",
        /// Waits for what it depends on, or for a worker.
        Pending = "PENDING",
        /// Executes.
        Running = "RUNNING",
        /// Stopped on request, to go on later.
        Paused = "PAUSED",
        /// Is being cancelled.
        Cancelling = "CANCELLING",
        /// Ended well.
        Completed = "COMPLETED",
        /// Ended with an error.
        Failed = "FAILED",
        /// Ended by a panic or with its process.
        Crashed = "CRASHED",
        /// Ended because it was cancelled.
        Cancelled = "CANCELLED",
    }
}

words! {
    /// The names of states: each type's own, and those which say more.
    StateName {
        /// SCHEDULED
        Scheduled = "Scheduled",
        /// SCHEDULED, and its time has passed.
        Late = "Late",
        /// SCHEDULED: waits for the delay before a further attempt.
        AwaitingRetry = "AwaitingRetry",
        /// SCHEDULED: waits for a concurrency limit or a rate limit.
        AwaitingConcurrencySlot = "AwaitingConcurrencySlot",
        /// PENDING
        Pending = "Pending",
        /// RUNNING
        Running = "Running",
        /// RUNNING, a further attempt.
        Retrying = "Retrying",
        /// PAUSED
        Paused = "Paused",
        /// PAUSED, and holds no resources.
        Suspended = "Suspended",
        /// CANCELLING
        Cancelling = "Cancelling",
        /// COMPLETED
        Completed = "Completed",
        /// COMPLETED with a result from the cache.
        Cached = "Cached",
        /// COMPLETED without being executed to its end, by choice.
        Skipped = "Skipped",
        /// COMPLETED, and taken back afterwards.
        RolledBack = "RolledBack",
        /// FAILED
        Failed = "Failed",
        /// FAILED: an attempt took too long.
        TimedOut = "TimedOut",
        /// FAILED without being executed.
        TriggerFailed = "TriggerFailed",
        /// CRASHED
        Crashed = "Crashed",
        /// CANCELLED
        Cancelled = "Cancelled",
    }
}

impl StateType {
    /// Whether a run in such a state has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Crashed | Self::Cancelled)
    }

    /// The types that may follow this one. COMPLETED may also follow itself, as `RolledBack`.
    pub const fn followers(self) -> &'static [StateType] {
        use StateType::{
            Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled,
        };
        match self {
            Scheduled => &[Scheduled, Pending, Running, Cancelling, Completed, Failed, Crashed, Cancelled],
            Pending => {
                &[Scheduled, Pending, Running, Paused, Cancelling, Completed, Failed, Crashed, Cancelled]
            }
            Running => &[Scheduled, Running, Paused, Cancelling, Completed, Failed, Crashed, Cancelled],
            Paused => &[Scheduled, Running, Cancelling, Failed, Crashed, Cancelled],
            Cancelling => &[Failed, Crashed, Cancelled],
            Completed => &[Completed],
            Failed | Crashed | Cancelled => &[],
        }
    }
}

impl StateName {
    /// The type that states of this name have.
    pub const fn state_type(self) -> StateType {
        match self {
            Self::Scheduled | Self::Late | Self::AwaitingRetry | Self::AwaitingConcurrencySlot => {
                StateType::Scheduled
            }
            Self::Pending => StateType::Pending,
            Self::Running | Self::Retrying => StateType::Running,
            Self::Paused | Self::Suspended => StateType::Paused,
            Self::Cancelling => StateType::Cancelling,
            Self::Completed | Self::Cached | Self::Skipped | Self::RolledBack => StateType::Completed,
            Self::Failed | Self::TimedOut | Self::TriggerFailed => StateType::Failed,
            Self::Crashed => StateType::Crashed,
            Self::Cancelled => StateType::Cancelled,
        }
    }

    /// Whether a run may go from a state of this name to one named `next`.
    pub fn may_become(self, next: StateName) -> bool {
        if self.state_type() == StateType::Completed {
            return next == Self::RolledBack && self == Self::Completed;
        }
        next != Self::RolledBack && self.state_type().followers().contains(&next.state_type())
    }
}

/// What a run was in from one moment on.
///
/// Displays as `Completed()`, `Failed('boom')` or `TimedOut('…', type=FAILED)`. Its JSON has the field names of Prefect's:
/// `id`, `type`, `name`, `message`, `timestamp`, `state_details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// Different for each state of each run.
    pub id: Uuid,
    /// One of nine.
    #[serde(rename = "type")]
    pub state_type: StateType,
    /// Says more than the type.
    pub name: StateName,
    /// What happened, where there is something to tell.
    pub message: Option<String>,
    /// When it began. Strictly increasing within a run.
    #[serde(with = "rfc3339")]
    pub timestamp: SystemTime,
    /// What belongs to the state beside its message.
    #[serde(rename = "state_details", default)]
    pub details: StateDetails,
}

/// What belongs to a state beside its message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateDetails {
    /// The task run or flow run that the state is of.
    #[serde(default)]
    pub run_id: Option<Uuid>,
    /// When the next attempt is due, for `AwaitingRetry`.
    #[serde(default, with = "rfc3339::option")]
    pub scheduled_time: Option<SystemTime>,
}

impl State {
    /// A state of that name, beginning now as far as anybody cares: what it becomes part of gives it its time and id.
    pub(crate) fn unplaced(name: StateName, message: Option<String>) -> Self {
        Self {
            id: Uuid::nil(),
            state_type: name.state_type(),
            name,
            message,
            timestamp: UNIX_EPOCH,
            details: StateDetails::default(),
        }
    }

    /// A FAILED state, for `on_state_change` and [`mock_state`](crate::ConfigureFlow::mock_state).
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::unplaced(StateName::Failed, Some(message.to_string()))
    }

    /// A FAILED state named `TimedOut`, for [`mock_state`](crate::ConfigureFlow::mock_state).
    pub fn timed_out(message: impl fmt::Display) -> Self {
        Self::unplaced(StateName::TimedOut, Some(message.to_string()))
    }

    /// A CRASHED state, for [`mock_state`](crate::ConfigureFlow::mock_state).
    pub fn crashed(message: impl fmt::Display) -> Self {
        Self::unplaced(StateName::Crashed, Some(message.to_string()))
    }

    /// A CANCELLED state, for `on_state_change` and [`mock_state`](crate::ConfigureFlow::mock_state).
    pub fn cancelled(message: impl fmt::Display) -> Self {
        Self::unplaced(StateName::Cancelled, Some(message.to_string()))
    }

    /// A COMPLETED state named `Skipped`, for `on_state_change` and [`mock_state`](crate::ConfigureFlow::mock_state).
    pub fn skipped(message: impl fmt::Display) -> Self {
        Self::unplaced(StateName::Skipped, Some(message.to_string()))
    }

    /// Whether the run has ended.
    pub fn is_final(&self) -> bool {
        self.state_type.is_final()
    }

    /// Whether it is COMPLETED.
    pub fn is_completed(&self) -> bool {
        self.state_type == StateType::Completed
    }

    /// Whether it is FAILED.
    pub fn is_failed(&self) -> bool {
        self.state_type == StateType::Failed
    }

    /// Whether it is CRASHED.
    pub fn is_crashed(&self) -> bool {
        self.state_type == StateType::Crashed
    }

    /// Whether it is CANCELLED.
    pub fn is_cancelled(&self) -> bool {
        self.state_type == StateType::Cancelled
    }

    /// Whether it is COMPLETED as `Skipped`.
    pub fn is_skipped(&self) -> bool {
        self.name == StateName::Skipped
    }

    /// Whether it is RUNNING.
    pub fn is_running(&self) -> bool {
        self.state_type == StateType::Running
    }

    /// Whether it is PENDING.
    pub fn is_pending(&self) -> bool {
        self.state_type == StateType::Pending
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        if let Some(message) = &self.message {
            write!(f, "'{message}'")?;
        }
        if !self.name.as_str().eq_ignore_ascii_case(self.state_type.as_str()) {
            let comma = if self.message.is_some() { ", " } else { "" };
            write!(f, "{comma}type={}", self.state_type)?;
        }
        f.write_str(")")
    }
}

/// Times as Prefect writes them: RFC 3339 in UTC.
pub(crate) mod rfc3339 {
    use super::{Deserialize, Deserializer, Duration, Serializer, SystemTime, UNIX_EPOCH};

    fn text(time: SystemTime) -> String {
        jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
    }

    fn parse<E: serde::de::Error>(text: &str) -> Result<SystemTime, E> {
        let time: jiff::Timestamp = text.parse().map_err(E::custom)?;
        let since = Duration::try_from(time.as_duration()).map_err(E::custom)?;
        Ok(UNIX_EPOCH + since)
    }

    pub(crate) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        parse(&String::deserialize(deserializer)?)
    }

    pub(crate) mod option {
        use super::{Deserialize, Deserializer, Serializer, SystemTime, parse, text};

        #[expect(clippy::ref_option, reason = "serde's signature")]
        pub(crate) fn serialize<S: Serializer>(
            time: &Option<SystemTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.serialize_some(&text(*time)),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<SystemTime>, D::Error> {
            Option::<String>::deserialize(deserializer)?.map(|text| parse(&text)).transpose()
        }
    }
}

//! Triggers: whether a run may start, given how the runs before it ended. Pure.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use crate::state::{State, StateType};

/// Decides whether a run is executed once everything it waits for has ended.
///
/// FAILED, CRASHED and CANCELLED count as failed, COMPLETED and Skipped as successful; each run of a map counts by itself.
///
/// Of a flow run that is cancelled nothing begins any more, whatever the trigger: what has to happen then is a hook of the flow,
/// [`on_cancellation`](crate::ConfigureFlow::with_on_cancellation) for one.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Trigger {
    /// None failed. The default.
    AllSuccessful,
    /// All failed.
    AllFailed,
    /// At least one was successful, or there is none.
    AnySuccessful,
    /// At least one failed, or there is none.
    AnyFailed,
    /// Always, once all have ended.
    AllFinished,
    /// Always, even where an upstream was skipped.
    AlwaysRun,
    /// None failed, and not all were skipped.
    NotAllSkipped,
    /// As many failed as the amounts say.
    SomeFailed(Amounts),
    /// As many were successful as the amounts say.
    SomeSuccessful(Amounts),
    /// What the function decides.
    Custom(fn(&[Upstream]) -> Decision),
}

/// A number of upstream runs, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many runs.
    Count(u64),
    /// Such a share of the runs, from 0 to 1.
    Share(f64),
}

impl From<u64> for Amount {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Amount {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

/// A range of [`Amount`]s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amounts {
    from: Bound<Amount>,
    to: Bound<Amount>,
}

impl Amounts {
    /// The range from `from` to `to`.
    pub const fn new(from: Bound<Amount>, to: Bound<Amount>) -> Self {
        Self { from, to }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of runs are far below 2^52")]
    fn contain(&self, some: usize, all: usize) -> bool {
        let amount = |amount: Amount| match amount {
            Amount::Count(count) => count as f64,
            Amount::Share(share) => share * all as f64,
        };
        let some = some as f64;
        let above = match self.from {
            Bound::Included(from) => some >= amount(from),
            Bound::Excluded(from) => some > amount(from),
            Bound::Unbounded => true,
        };
        let below = match self.to {
            Bound::Included(to) => some <= amount(to),
            Bound::Excluded(to) => some < amount(to),
            Bound::Unbounded => true,
        };
        above && below
    }
}

impl Amounts {
    fn of<A: Into<Amount> + Copy>(range: &impl RangeBounds<A>) -> Self {
        let bound = |bound: Bound<&A>| bound.map(|amount| (*amount).into());
        Self { from: bound(range.start_bound()), to: bound(range.end_bound()) }
    }
}

impl Trigger {
    /// `some_failed(1..=3)`, `some_failed(0.5..)`: integers count runs, floats are shares.
    pub fn some_failed<A: Into<Amount> + Copy>(amounts: impl RangeBounds<A>) -> Self {
        Self::SomeFailed(Amounts::of(&amounts))
    }

    /// `some_successful(1..=3)`, `some_successful(0.5..)`: integers count runs, floats are shares.
    pub fn some_successful<A: Into<Amount> + Copy>(amounts: impl RangeBounds<A>) -> Self {
        Self::SomeSuccessful(Amounts::of(&amounts))
    }

    /// The name that stands for it in an attribute.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AllSuccessful => "all_successful",
            Self::AllFailed => "all_failed",
            Self::AnySuccessful => "any_successful",
            Self::AnyFailed => "any_failed",
            Self::AllFinished => "all_finished",
            Self::AlwaysRun => "always_run",
            Self::NotAllSkipped => "not_all_skipped",
            Self::SomeFailed(_) => "some_failed",
            Self::SomeSuccessful(_) => "some_successful",
            Self::Custom(_) => "custom",
        }
    }

    /// Whether an upstream's skip passes this trigger by.
    pub(crate) const fn ignores_skips(&self) -> bool {
        matches!(self, Self::AlwaysRun | Self::NotAllSkipped)
    }

    pub(crate) fn decide(&self, upstreams: &[Upstream]) -> Decision {
        let all = upstreams.len();
        let failed = upstreams.iter().filter(|upstream| upstream.is_failed()).count();
        let skipped = upstreams.iter().filter(|upstream| upstream.state.is_skipped()).count();
        // A skip counts as a success; what takes the failure as a value is not asked of `all_successful`.
        let mattering =
            upstreams.iter().filter(|upstream| upstream.is_failed() && !upstream.failure_allowed).count();
        let met = match self {
            Self::AllSuccessful => mattering == 0,
            Self::AllFailed => failed == all,
            Self::AnySuccessful => failed < all || all == 0,
            Self::AnyFailed => failed > 0 || all == 0,
            Self::AllFinished | Self::AlwaysRun => true,
            Self::NotAllSkipped if skipped == all => {
                return Decision::Skip("All upstreams were skipped".into());
            }
            Self::NotAllSkipped => failed == 0,
            Self::SomeFailed(amounts) => amounts.contain(failed, all),
            Self::SomeSuccessful(amounts) => amounts.contain(all - failed, all),
            Self::Custom(decide) => return decide(upstreams),
        };
        if met { Decision::Run } else { Decision::Fail(self.unmet()) }
    }

    fn unmet(&self) -> String {
        let why = match self {
            Self::AllSuccessful | Self::NotAllSkipped => "some of the upstream tasks failed",
            Self::AllFailed => "some of the upstream tasks succeeded",
            Self::AnySuccessful => "none of the upstream tasks succeeded",
            Self::AnyFailed => "none of the upstream tasks failed",
            Self::SomeFailed(_) => "the number of failed upstream tasks was out of range",
            Self::SomeSuccessful(_) => "the number of successful upstream tasks was out of range",
            Self::AllFinished | Self::AlwaysRun | Self::Custom(_) => "it was not met",
        };
        format!("Trigger was \"{}\" but {why}.", self.as_str())
    }
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SomeFailed(amounts) | Self::SomeSuccessful(amounts) => {
                f.debug_tuple(self.as_str()).field(amounts).finish()
            }
            _ => f.write_str(self.as_str()),
        }
    }
}

/// What a trigger decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The run is executed.
    Run,
    /// The run ends as Skipped, with this message.
    Skip(String),
    /// The run ends as `TriggerFailed`, with this message.
    Fail(String),
}

/// How a run that was waited for has ended, as a trigger sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upstream {
    /// The run's name.
    pub name: String,
    /// Its final state.
    pub state: State,
    /// Whether its failure was allowed: by `allow_failure`, or because it is passed to a `Result` parameter.
    pub failure_allowed: bool,
}

impl Upstream {
    /// Whether it ended FAILED, CRASHED or CANCELLED.
    pub fn is_failed(&self) -> bool {
        matches!(self.state.state_type, StateType::Failed | StateType::Crashed | StateType::Cancelled)
    }
}

//! Options of a task or a flow as its handle's `with_…` methods set them, over those of its attribute.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::CacheOptions;
use crate::duration::parse_duration;
use crate::error::TaskError;
use crate::hook::{AnyHook, AnyStateHook, AnyTransactionHook, Moment, TransactionHook};
use crate::id::FlowRunId;
use crate::input::EdgeList;
use crate::mock::StandIn;
use crate::runner::TaskRunner;
use crate::snapshot::SliceOptions;
use crate::spec::{RetryDelay, Spec};
use crate::trigger::Trigger;

/// How long to wait before each further attempt, as [`with_retry_delay`](crate::prelude::ConfigureTask::with_retry_delay) takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryDelays(Delays);

#[derive(Clone, Debug, PartialEq)]
enum Delays {
    List(Vec<Duration>),
    Exponential { base: Duration, max: Option<Duration> },
}

impl RetryDelays {
    /// `base`, twice that, four times that, …
    pub fn exponential(base: impl IntoDuration) -> Self {
        Self(Delays::Exponential { base: base.into_duration(), max: None })
    }

    /// The same, but no delay longer than `max`.
    pub fn up_to(self, max: impl IntoDuration) -> Self {
        let max = max.into_duration();
        Self(match self.0 {
            Delays::Exponential { base, .. } => Delays::Exponential { base, max: Some(max) },
            Delays::List(list) => Delays::List(list.into_iter().map(|delay| delay.min(max)).collect()),
        })
    }

    /// The delay before the attempt that follows the `failed`th, counted from 0.
    pub(crate) fn after(&self, failed: u32) -> Duration {
        match &self.0 {
            Delays::List(list) => in_list(list, failed),
            Delays::Exponential { base, max } => exponential(*base, *max, failed),
        }
    }
}

fn in_list(list: &[Duration], failed: u32) -> Duration {
    list.get(failed as usize).or(list.last()).copied().unwrap_or_default()
}

fn exponential(base: Duration, max: Option<Duration>, failed: u32) -> Duration {
    let factor = 1_u32.checked_shl(failed).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(max.unwrap_or(Duration::MAX))
}

impl RetryDelay {
    pub(crate) fn after(&self, failed: u32) -> Duration {
        match self {
            Self::List(list) => in_list(list, failed),
            Self::Exponential { base, max } => exponential(*base, *max, failed),
        }
    }
}

/// A length of time: a [`Duration`], or a string such as `"500ms"`, `"1m 30s"`, `"2h"`.
pub trait IntoDuration {
    /// # Panics
    /// Panics on a string that is not a duration: such strings are literals of the program.
    #[track_caller]
    fn into_duration(self) -> Duration;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Duration {
        self
    }
}

impl IntoDuration for &str {
    #[track_caller]
    fn into_duration(self) -> Duration {
        match parse_duration(self) {
            Ok(duration) => duration,
            Err(error) => panic!("{error}"),
        }
    }
}

macro_rules! into_retry_delays {
    ($([$($generics:tt)*] $from:ty: |$value:ident| $list:expr;)*) => {
        $(impl<$($generics)*> From<$from> for RetryDelays {
            #[track_caller]
            fn from($value: $from) -> Self {
                Self(Delays::List($list))
            }
        })*
    };
}

into_retry_delays! {
    [] Duration: |delay| vec![delay];
    [] &str: |delay| vec![delay.into_duration()];
    [D: IntoDuration] Vec<D>: |list| list.into_iter().map(IntoDuration::into_duration).collect();
    [D: IntoDuration, const N: usize] [D; N]: |list| list.into_iter().map(IntoDuration::into_duration).collect();
}

/// What the handle's `with_…` methods have set.
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) description: Option<Arc<str>>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) tags: Option<Arc<[Arc<str>]>>,
    pub(crate) run_name: Option<Arc<str>>,
    pub(crate) retries: Option<u32>,
    pub(crate) retry_delay: Option<RetryDelays>,
    pub(crate) retry_jitter_factor: Option<f64>,
    pub(crate) retry_if: Option<Arc<dyn Fn(&TaskError) -> bool + Send + Sync>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) trigger: Option<Trigger>,
    pub(crate) skip_on_upstream_skip: Option<bool>,
    pub(crate) task_runner: Option<Arc<dyn TaskRunner>>,
    pub(crate) today: Option<Arc<str>>,
    /// Of the flow run that goes on.
    pub(crate) flow_run_id: Option<FlowRunId>,
    /// What is executed in place of tasks, in a flow run.
    pub(crate) mocks: Vec<Arc<StandIn>>,
    /// Whether what its graph is made of is kept.
    pub(crate) keeps_graph: bool,
    /// Where the flow run is shown.
    #[cfg(feature = "progress")]
    pub(crate) progress: Option<crate::progress::Progress>,
    /// Of what the flow run goes on, and how far.
    pub(crate) slice: Option<Box<SliceOptions>>,
    pub(crate) hooks: [Option<Vec<AnyHook>>; Moment::COUNT],
    pub(crate) on_state_change: Option<Vec<AnyStateHook>>,
    pub(crate) on_commit: Option<Vec<AnyTransactionHook>>,
    pub(crate) on_rollback: Option<Vec<AnyTransactionHook>>,
    /// What is said about results, where anything is.
    pub(crate) cache: Option<Box<CacheOptions>>,
    pub(crate) wait_for: EdgeList,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// What holds for a run: its options over its attribute's.
pub(crate) struct Effective<'o> {
    pub(crate) spec: &'static Spec,
    pub(crate) options: Option<&'o Options>,
}

impl<'o> Effective<'o> {
    fn option<T>(&self, read: impl FnOnce(&'o Options) -> Option<T>) -> Option<T> {
        self.options.and_then(read)
    }

    pub(crate) fn retries(&self) -> Option<u32> {
        self.option(|options| options.retries).or(self.spec.retries)
    }

    pub(crate) fn delay_after(&self, failed: u32) -> Option<Duration> {
        self.option(|options| options.retry_delay.as_ref().map(|delay| delay.after(failed)))
            .or_else(|| self.spec.retry_delay.map(|delay| delay.after(failed)))
    }

    pub(crate) fn jitter(&self) -> f64 {
        self.option(|options| options.retry_jitter_factor).or(self.spec.retry_jitter_factor).unwrap_or(0.0)
    }

    pub(crate) fn may_retry(&self, error: &TaskError) -> bool {
        match (self.option(|options| options.retry_if.as_ref()), self.spec.retry_if) {
            (Some(ask), _) => ask(error),
            (None, Some(ask)) => ask(error),
            (None, None) => true,
        }
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.option(|options| options.timeout).or(self.spec.timeout)
    }

    pub(crate) fn trigger(&self) -> Trigger {
        self.option(|options| options.trigger).unwrap_or(self.spec.trigger)
    }

    pub(crate) fn skip_on_upstream_skip(&self) -> bool {
        self.option(|options| options.skip_on_upstream_skip).unwrap_or(self.spec.skip_on_upstream_skip)
    }

    pub(crate) fn hooks(&self, moment: Moment) -> Vec<AnyHook> {
        match self.option(|options| options.hooks[moment as usize].as_ref()) {
            Some(hooks) => hooks.clone(),
            None => self.spec.hooks[moment as usize].iter().copied().map(AnyHook::Named).collect(),
        }
    }

    pub(crate) fn has_hooks(&self, moment: Moment) -> bool {
        match self.option(|options| options.hooks[moment as usize].as_ref()) {
            Some(hooks) => !hooks.is_empty(),
            None => !self.spec.hooks[moment as usize].is_empty(),
        }
    }

    pub(crate) fn has_any_hook(&self) -> bool {
        self.options.is_some_and(|options| options.hooks.iter().flatten().any(|hooks| !hooks.is_empty()))
            || self.spec.hooks.iter().any(|hooks| !hooks.is_empty())
            || self.has_state_hooks()
    }

    pub(crate) fn has_state_hooks(&self) -> bool {
        self.options.is_some_and(|options| options.on_state_change.is_some())
            || !self.spec.on_state_change.is_empty()
    }

    pub(crate) fn state_hooks(&self) -> Vec<AnyStateHook> {
        match self.option(|options| options.on_state_change.as_ref()) {
            Some(hooks) => hooks.clone(),
            None => self.spec.on_state_change.iter().copied().map(AnyStateHook::Named).collect(),
        }
    }

    pub(crate) fn on_commit(&self) -> Vec<AnyTransactionHook> {
        either(self.option(|options| options.on_commit.as_ref()), self.spec.on_commit)
    }

    pub(crate) fn on_rollback(&self) -> Vec<AnyTransactionHook> {
        either(self.option(|options| options.on_rollback.as_ref()), self.spec.on_rollback)
    }

    pub(crate) fn has_transaction_hooks(&self) -> bool {
        !(self.on_commit().is_empty() && self.on_rollback().is_empty())
    }
}

fn either(
    own: Option<&Vec<AnyTransactionHook>>,
    named: &'static [TransactionHook],
) -> Vec<AnyTransactionHook> {
    own.cloned().unwrap_or_else(|| named.iter().copied().map(AnyTransactionHook::Named).collect())
}

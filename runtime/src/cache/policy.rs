//! Policies: what a key is made of, and their algebra.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;

use super::CacheContext;
use crate::error::BoxError;

/// Says one part of the key under which a task run's result is kept: runs of a task for which all parts agree share a record.
///
/// Millrun's are [`Inputs`], [`TaskSource`], [`RunId`] and [`FlowParameters`]; they are joined with `+`, with those of your own
/// too.
///
/// ```
/// use millrun::BoxError;
/// use millrun::cache::{CacheContext, CachePolicy};
/// use millrun::prelude::*;
///
/// /// Another result for each month.
/// struct Month;
///
/// impl CachePolicy for Month {
///     fn name(&self) -> &str {
///         "month"
///     }
///
///     fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, BoxError> {
///         Ok(context.task_run().today().get(..7).map(str::to_owned))
///     }
/// }
///
/// #[task(cache_policy = Inputs + Month)]
/// fn flights(airport: &str) -> u32 { airport.len() as u32 }
/// ```
pub trait CachePolicy: Send + Sync {
    /// What reports call it.
    fn name(&self) -> &str;

    /// Its part of the key, any text; `None` has the run neither look for a record nor keep one that is found again.
    ///
    /// # Errors
    /// It cannot tell: logged, and as good as `None`.
    fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, BoxError>;
}

/// The values of the parameters, except those that are left out: `Inputs - "log"`, `Inputs.exclude("log")`.
///
/// They must be `Serialize`. Two maps with the same entries are the same; a `HashSet`, which has an order of its own in each process,
/// is not to be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs;

/// The task's function, as it is written: another body or signature makes another key. White space, comments and trailing
/// commas do not count, nor does what the function calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskSource;

/// The flow run: its attempts and runs share what they keep, other flow runs do not. Outside of a flow it is the task run
/// itself, which nobody shares anything with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunId;

/// The parameters of the flow run. They must be `Serialize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowParameters;

/// No key: the result is kept where it is asked for, and never found again. Joined with another policy it adds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoCache;

impl Inputs {
    /// All parameters but this one.
    pub fn exclude(self, parameter: impl Into<Cow<'static, str>>) -> Policy {
        Policy::from(self).exclude(parameter)
    }
}

/// Policies joined with `+`; and the parameters that none of them looks at, left out with `-`.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task]
/// fn fetch(url: &str, verbose: bool) -> usize { url.len() + usize::from(verbose) }
///
/// let cached = fetch.with_cache_policy(Inputs + TaskSource - "verbose");
/// ```
#[derive(Clone, Default)]
pub struct Policy {
    pub(super) parts: Vec<Arc<dyn CachePolicy>>,
    pub(super) excluded: Vec<Cow<'static, str>>,
}

impl Policy {
    /// What holds where results are kept and nothing else is said: `Inputs + TaskSource + RunId`.
    pub fn standard() -> Self {
        Inputs + TaskSource + RunId
    }

    /// The same, without a parameter: none of the policies is shown it.
    #[must_use]
    pub fn exclude(mut self, parameter: impl Into<Cow<'static, str>>) -> Self {
        let parameter = parameter.into();
        if !self.excluded.contains(&parameter) {
            self.excluded.push(parameter);
        }
        self
    }
}

impl<P: CachePolicy + 'static> From<P> for Policy {
    fn from(policy: P) -> Self {
        Self { parts: vec![Arc::new(policy)], excluded: Vec::new() }
    }
}

impl From<NoCache> for Policy {
    fn from(_: NoCache) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Policy {
    /// As it would be written: `inputs + task_source - "log"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parts.iter().map(|part| part.name()).collect();
        f.write_str(&if names.is_empty() { "no_cache".into() } else { names.join(" + ") })?;
        self.excluded.iter().try_for_each(|name| write!(f, " - \"{name}\""))
    }
}

/// `+` and `-` for these types.
macro_rules! algebra {
    ($($type:ty),*) => {
        $(
            impl<P: Into<Policy>> Add<P> for $type {
                type Output = Policy;

                fn add(self, other: P) -> Policy {
                    let (mut sum, other) = (Policy::from(self), other.into());
                    sum.parts.extend(other.parts);
                    other.excluded.into_iter().fold(sum, Policy::exclude)
                }
            }

            impl Sub<&'static str> for $type {
                type Output = Policy;

                fn sub(self, parameter: &'static str) -> Policy {
                    Policy::from(self).exclude(parameter)
                }
            }
        )*
    };
}

algebra!(Policy, Inputs, TaskSource, RunId, FlowParameters, NoCache);

impl CachePolicy for Inputs {
    fn name(&self) -> &'static str {
        "inputs"
    }

    fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, BoxError> {
        context.hash_of_inputs().map(Some)
    }
}

impl CachePolicy for TaskSource {
    fn name(&self) -> &'static str {
        "task_source"
    }

    fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, BoxError> {
        Ok(Some(super::digits(context.task().cache.source)))
    }
}

impl CachePolicy for RunId {
    fn name(&self) -> &'static str {
        "run_id"
    }

    fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, BoxError> {
        let id = match context.flow_run() {
            Some(flow_run) => flow_run.id().to_string(),
            None => context.task_run().id().to_string(),
        };
        Ok(Some(id))
    }
}

impl CachePolicy for FlowParameters {
    fn name(&self) -> &'static str {
        "flow_parameters"
    }

    fn part(&self, context: &CacheContext<'_>) -> Result<Option<String>, BoxError> {
        context.hash_of_flow_parameters().map(Some)
    }
}

//! What is known of a task or a flow at compile time.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::cache::{CacheSpec, LazyStore, Named, Policy, known_serializer};
use crate::error::TaskError;
use crate::hook::{Hook, Moment, StateHook, TransactionHook};
use crate::result::ResultType;
use crate::runner::TaskRunner;
use crate::transaction::IsolationLevel;
use crate::trigger::Trigger;

/// How a function is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An `async fn`.
    Async,
    /// A plain `fn`, taken to compute.
    Sync,
    /// A plain `fn` marked `blocking`: it waits for I/O.
    Blocking,
}

/// How long to wait before a further attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryDelay {
    /// One delay after another; the last one repeats.
    List(&'static [Duration]),
    /// `base`, twice that, four times that, … up to `max`.
    Exponential {
        /// The first delay.
        base: Duration,
        /// No delay is longer.
        max: Option<Duration>,
    },
}

/// What is known of a task or a flow at compile time: its name, where it stands, and the options of its attribute.
///
/// Made by `#[task]` and `#[flow]`; found through [`registry`](crate::registry).
#[derive(Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "an option of an attribute is one where it is nothing else"
)]
pub struct Spec {
    pub(crate) is_flow: bool,
    pub(crate) kind: Kind,
    pub(crate) function: &'static str,
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) name: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) version: Option<&'static str>,
    pub(crate) tags: &'static [&'static str],
    pub(crate) parameters: &'static [&'static str],
    pub(crate) retries: Option<u32>,
    pub(crate) retry_delay: Option<RetryDelay>,
    pub(crate) retry_jitter_factor: Option<f64>,
    pub(crate) retry_if: Option<fn(&TaskError) -> bool>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) trigger: Trigger,
    pub(crate) skip_on_upstream_skip: bool,
    pub(crate) task_runner: Option<fn() -> Arc<dyn TaskRunner>>,
    /// The body asks for the parameters by name.
    pub(crate) wants_parameters: bool,
    pub(crate) hooks: [&'static [Hook]; Moment::COUNT],
    pub(crate) on_state_change: &'static [StateHook],
    pub(crate) on_commit: &'static [TransactionHook],
    pub(crate) on_rollback: &'static [TransactionHook],
    /// What is said about results.
    pub(crate) cache: CacheSpec,
    /// Nothing is asked for that has to be looked up while it runs: no retries, timeout or hooks.
    pub(crate) is_plain: bool,
}

/// A [`Spec`] of a task.
pub type TaskSpec = Spec;
/// A [`Spec`] of a flow.
pub type FlowSpec = Spec;

impl Spec {
    /// The function's key: its module's path and its name.
    pub fn key(&self) -> String {
        [self.module, "::", self.function].concat()
    }

    /// The name, by default the function's.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The description, by default the doc comment.
    pub const fn description(&self) -> Option<&'static str> {
        self.description
    }

    /// The version.
    pub const fn version(&self) -> Option<&'static str> {
        self.version
    }

    /// The tags.
    pub const fn tags(&self) -> &'static [&'static str] {
        self.tags
    }

    /// The parameters' names.
    pub const fn parameters(&self) -> &'static [&'static str] {
        self.parameters
    }

    /// How the function is executed.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is a flow.
    pub const fn is_flow(&self) -> bool {
        self.is_flow
    }

    /// Where the function stands: `src/main.rs:12`.
    pub fn location(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// A spec in the making: the const builder that expansions use, one method for each option of an attribute.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct SpecBuilder(pub(crate) Spec);

macro_rules! setters {
    ($plain:literal: $($name:ident: $type:ty => |$value:ident| $field:expr,)*) => {
        $(
            #[doc(hidden)]
            #[must_use]
            pub const fn $name(mut self, $value: $type) -> Self {
                self.0.$name = $field;
                self.0.is_plain = self.0.is_plain && $plain;
                self
            }
        )*
    };
}

/// What is said about results; each asks for them to be kept.
macro_rules! cache_setters {
    ($($name:ident: $type:ty => |$value:ident| $field:expr,)*) => {
        $(
            #[doc(hidden)]
            #[must_use]
            pub const fn $name(mut self, $value: $type) -> Self {
                self.0.cache.$name = $field;
                self.0.cache.persist = Some(true);
                self.0.is_plain = false;
                self
            }
        )*
    };
}

macro_rules! hook_setters {
    ($($name:ident => $moment:ident,)*) => {
        $(
            #[doc(hidden)]
            #[must_use]
            pub const fn $name(mut self, hooks: &'static [Hook]) -> Self {
                self.0.hooks[Moment::$moment as usize] = hooks;
                self.0.is_plain = false;
                self
            }
        )*
    };
}

#[allow(missing_docs)]
impl SpecBuilder {
    #[expect(clippy::too_many_arguments, reason = "each call copies the spec: what all have is told in one")]
    const fn new(
        is_flow: bool,
        kind: Kind,
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        kept: Option<ResultType>,
        source: u128,
    ) -> Self {
        Self(Spec {
            is_flow,
            kind,
            function,
            module,
            file,
            line,
            name: function,
            description: None,
            version: None,
            tags: &[],
            parameters: &[],
            retries: None,
            retry_delay: None,
            retry_jitter_factor: None,
            retry_if: None,
            timeout: None,
            trigger: Trigger::AllSuccessful,
            skip_on_upstream_skip: true,
            task_runner: None,
            wants_parameters: false,
            hooks: [&[]; Moment::COUNT],
            on_state_change: &[],
            on_commit: &[],
            on_rollback: &[],
            cache: CacheSpec::new(kept, source),
            is_plain: !is_flow,
        })
    }

    #[doc(hidden)]
    pub const fn task(
        kind: Kind,
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        kept: Option<ResultType>,
        source: u128,
    ) -> Self {
        Self::new(false, kind, function, module, file, line, kept, source)
    }

    #[doc(hidden)]
    pub const fn flow(
        kind: Kind,
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        kept: Option<ResultType>,
        source: u128,
    ) -> Self {
        Self::new(true, kind, function, module, file, line, kept, source)
    }

    // What runs can do without looking up.
    setters! {
        true:
        name: &'static str => |value| value,
        description: &'static str => |value| Some(value),
        version: &'static str => |value| Some(value),
        tags: &'static [&'static str] => |value| value,
        parameters: &'static [&'static str] => |value| value,
        retry_delay: RetryDelay => |value| Some(value),
        retry_jitter_factor: f64 => |value| Some(value),
        retry_if: fn(&TaskError) -> bool => |value| Some(value),
        trigger: Trigger => |value| value,
        skip_on_upstream_skip: bool => |value| value,
        task_runner: fn() -> Arc<dyn TaskRunner> => |value| Some(value),
    }

    setters! {
        false:
        retries: u32 => |value| Some(value),
        timeout: Duration => |value| Some(value),
        wants_parameters: bool => |value| value,
        on_state_change: &'static [StateHook] => |value| value,
        on_commit: &'static [TransactionHook] => |value| value,
        on_rollback: &'static [TransactionHook] => |value| value,
    }

    /// Whether results are kept.
    #[doc(hidden)]
    #[must_use]
    pub const fn persist_result(mut self, persist: bool) -> Self {
        self.0.cache.persist = Some(persist);
        self.0.is_plain = self.0.is_plain && !persist;
        self
    }

    cache_setters! {
        policy: &'static LazyLock<Policy> => |value| Some(value),
        named: Named => |value| Some(value),
        expiration: Duration => |value| Some(value),
        refresh: bool => |value| value,
        isolation: IsolationLevel => |value| Some(value),
        storage: &'static LazyStore => |value| Some(value),
        serializer: known_serializer::Make => |value| Some(value),
    }

    hook_setters! {
        on_running => Running,
        on_completion => Completion,
        on_failure => Failure,
        on_crashed => Crashed,
        on_cancellation => Cancellation,
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("module", &self.module)
            .field("file", &self.file)
            .field("line", &self.line)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

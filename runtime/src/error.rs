//! What a run can end with other than a value: [`TaskError`], [`FlowError`] and what they say of themselves.
//!
//! This module knows no other module of the crate.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The type into which every error of a user's function converts.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// Why a run ended without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The function returned an error.
    Failed,
    /// An attempt took longer than its `timeout`.
    TimedOut,
    /// The function panicked, or the process was told to stop.
    Crashed,
    /// The run was cancelled.
    Cancelled,
    /// The run was never executed, because its trigger or a parameter could not be satisfied.
    TriggerFailed,
    /// The run skipped itself, or was skipped with its upstream.
    Skipped,
    /// A value was asked for while a flow was only being planned.
    Planning,
}

#[derive(Clone)]
struct RunLabel {
    id: u128,
    name: Arc<str>,
}

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    message: Arc<str>,
    source: Option<Arc<BoxError>>,
    run: Option<RunLabel>,
    /// Who says the message.
    said_by: SaidBy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SaidBy {
    /// The source, if there is one: the message is its.
    Source,
    /// The engine. The source, if there is one, is the reason.
    Engine,
    /// An `on_state_change`, or the engine of one that went wrong. The source is what the run would have ended with.
    Handler,
}

impl Repr {
    fn new(kind: ErrorKind, message: impl Into<Arc<str>>, source: Option<BoxError>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            message: message.into(),
            source: source.map(Arc::new),
            run: None,
            said_by: SaidBy::Source,
        })
    }
}

/// A run that returns the error of another has failed, whatever that other one did.
fn passed_on(error: Arc<Repr>) -> Arc<Repr> {
    if error.run.is_none()
        || matches!(error.kind, ErrorKind::Failed | ErrorKind::Skipped | ErrorKind::Planning)
    {
        return error;
    }
    let message = error.message.clone();
    Repr::new(ErrorKind::Failed, message, Some(Box::new(TaskError(error))))
}

macro_rules! run_error {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<Repr>);

        #[allow(dead_code, reason = "each kind of error uses its share of what both have")]
        impl $name {
            /// An error that says `message`, of kind [`ErrorKind::Failed`].
            pub fn msg(message: impl fmt::Display) -> Self {
                Self(Repr::new(ErrorKind::Failed, message.to_string(), None))
            }

            /// An error of kind [`ErrorKind::Failed`] that says what `error` says, and keeps it: for `map_err`, where `?` does
            /// not convert.
            pub fn other(error: impl Into<BoxError>) -> Self {
                Self::from_user(error.into())
            }

            /// Says why the run ended without a value.
            pub fn kind(&self) -> ErrorKind {
                self.0.kind
            }

            /// Whether the run was skipped.
            pub fn is_skipped(&self) -> bool {
                self.0.kind == ErrorKind::Skipped
            }

            /// Whether the run was cancelled.
            pub fn is_cancelled(&self) -> bool {
                self.0.kind == ErrorKind::Cancelled
            }

            /// Whether an attempt exceeded its timeout.
            pub fn is_timeout(&self) -> bool {
                self.0.kind == ErrorKind::TimedOut
            }

            /// The name of the run that ended so, where one is known.
            pub fn run_name(&self) -> Option<&str> {
                self.0.run.as_ref().map(|run| &*run.name)
            }

            /// The id of the run that ended so, as displayed by `id()` of its future, where one is known.
            pub fn run_id(&self) -> Option<uuid::Uuid> {
                self.0.run.as_ref().map(|run| uuid::Uuid::from_u128(run.id))
            }

            /// The user's error, if the function returned an `E`, or one whose chain of sources holds an `E`.
            pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
                let mut next: Option<&(dyn Error + 'static)> = self.0.source.as_ref().map(|source| &***source as _);
                while let Some(error) = next {
                    let found = error.downcast_ref::<E>().or_else(|| match error.downcast_ref::<TaskError>() {
                        Some(ours) => ours.downcast_ref(),
                        None => error.downcast_ref::<FlowError>().and_then(FlowError::downcast_ref),
                    });
                    if found.is_some() {
                        return found;
                    }
                    next = error.source();
                }
                None
            }

            pub(crate) fn new(kind: ErrorKind, message: impl Into<Arc<str>>) -> Self {
                Self(Repr::new(kind, message, None))
            }

            fn said(by: SaidBy, kind: ErrorKind, message: String, source: Option<Arc<BoxError>>) -> Self {
                Self(Arc::new(Repr { kind, message: message.into(), source, run: None, said_by: by }))
            }

            /// Why a flow run failed although its body did not, and the error of one of the runs that are to blame.
            pub(crate) fn verdict(message: String, cause: Option<&TaskError>) -> Self {
                Self::said(SaidBy::Engine, ErrorKind::Failed, message, cause.map(TaskError::root))
            }

            /// What an `on_state_change` has made of a state, and of the error that would have led to it.
            pub(crate) fn answer(kind: ErrorKind, message: String, error: Option<&TaskError>) -> Self {
                Self::said(SaidBy::Handler, kind, message, error.map(TaskError::as_source))
            }

            /// Why a run was not executed, given the error of one before it that there is to blame.
            pub(crate) fn trigger_failed(message: String, cause: Option<&TaskError>) -> Self {
                Self::said(SaidBy::Engine, ErrorKind::TriggerFailed, message, cause.map(TaskError::root))
            }

            /// What is to blame for a failure. The root of it alone: a chain of failures may be longer than what a stack can
            /// drop.
            fn root(&self) -> Arc<BoxError> {
                match (self.kind(), &self.0.source) {
                    (ErrorKind::TriggerFailed, Some(root)) => root.clone(),
                    _ => Arc::new(Box::new(self.clone())),
                }
            }

            /// Whether the message is the whole of the state's.
            pub(crate) fn is_verdict(&self) -> bool {
                self.0.said_by != SaidBy::Source
            }

            /// Whether it says of which run it is.
            pub(crate) fn is_of_run(&self) -> bool {
                self.0.run.is_some()
            }

            /// Whether it is an `on_state_change` that said so.
            pub(crate) fn is_answer(&self) -> bool {
                self.0.said_by == SaidBy::Handler
            }

            /// The user's error beneath, else this.
            fn as_source(&self) -> Arc<BoxError> {
                match &self.0.source {
                    Some(source) if self.0.said_by == SaidBy::Source => source.clone(),
                    _ => Arc::new(Box::new(self.clone())),
                }
            }

            /// What a user's function returned as its error, which may be one of ours.
            pub(crate) fn from_user(error: BoxError) -> Self {
                let error = match error.downcast::<TaskError>() {
                    Ok(ours) => return Self(passed_on(ours.0)),
                    Err(error) => error,
                };
                let error = match error.downcast::<FlowError>() {
                    Ok(ours) => return Self(passed_on(ours.0)),
                    Err(error) => error,
                };
                Self(Repr::new(ErrorKind::Failed, error.to_string(), Some(error)))
            }

            /// The same error, said of the run `name`, unless it already says of which run it is.
            #[must_use]
            pub(crate) fn of_run(self, id: u128, name: impl FnOnce() -> String) -> Self {
                if self.0.run.is_some() {
                    return self;
                }
                let mut repr = Arc::unwrap_or_clone(self.0);
                repr.run = Some(RunLabel { id, name: name().into() });
                Self(Arc::new(repr))
            }

            /// The message alone.
            pub(crate) fn message(&self) -> &str {
                &self.0.message
            }

            /// The message and those of its sources, each once.
            pub(crate) fn chain(&self) -> String {
                let mut text = self.0.message.to_string();
                let mut next = self.source();
                while let Some(error) = next {
                    let message = error.to_string();
                    if !text.ends_with(&message) {
                        text.push_str(": ");
                        text.push_str(&message);
                    }
                    next = error.source();
                }
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.message)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = f.debug_struct(stringify!($name));
                out.field("kind", &self.0.kind).field("message", &self.0.message);
                if let Some(run) = &self.0.run {
                    out.field("run", &run.name);
                }
                if let Some(source) = self.source() {
                    out.field("source", &source);
                }
                out.finish()
            }
        }

        impl Error for $name {
            /// What lies beneath the user's error, where that itself is what [`Display`](fmt::Display) shows; else the reason: the
            /// error of another run, for one.
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                let source: &BoxError = self.0.source.as_ref()?;
                let is_shown = self.0.said_by == SaidBy::Source && !source.is::<TaskError>();
                if is_shown { source.source() } else { Some(&**source) }
            }
        }

        impl From<MapError> for $name {
            fn from(error: MapError) -> Self {
                Self(Repr::new(ErrorKind::Failed, error.to_string(), Some(Box::new(error))))
            }
        }

        impl From<std::io::Error> for $name {
            fn from(error: std::io::Error) -> Self {
                Self::other(error)
            }
        }

        impl From<ContextError> for $name {
            fn from(error: ContextError) -> Self {
                Self(Repr::new(ErrorKind::Failed, error.to_string(), Some(Box::new(error))))
            }
        }
    };
}

run_error! {
    /// Why a task run ended without a value.
    ///
    /// Cheap to clone. Says its [`kind`](Self::kind) and, where known, which run it is of; keeps the error that the task
    /// returned ([`downcast_ref`](Self::downcast_ref)). Converts into a [`FlowError`] with `?`, and back.
    TaskError
}

run_error! {
    /// Why a flow run ended without a value.
    ///
    /// Cheap to clone. Says its [`kind`](Self::kind) and, where known, which run it is of; keeps the error that the body
    /// returned ([`downcast_ref`](Self::downcast_ref)). Converts into a [`TaskError`] with `?`, and back.
    FlowError
}

impl From<TaskError> for FlowError {
    fn from(error: TaskError) -> Self {
        Self(error.0)
    }
}

impl From<FlowError> for TaskError {
    fn from(error: FlowError) -> Self {
        Self(error.0)
    }
}

impl TaskError {
    /// What a task returns to skip itself: its run ends COMPLETED with the name `Skipped`, and so do the runs that wait for it.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task]
    /// fn only_even(n: u32) -> Result<u32, TaskError> {
    ///     if n % 2 == 0 { Ok(n) } else { Err(TaskError::skip("odd")) }
    /// }
    ///
    /// assert!(only_even(3).result().unwrap_err().is_skipped());
    /// ```
    pub fn skip(reason: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Skipped, reason.to_string())
    }
}

/// What a panic said, as text.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

/// The arguments of a map have different lengths.
///
/// Found by [`TaskError::downcast_ref`] in what awaiting the map gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    pub(crate) task: &'static str,
    pub(crate) lengths: Vec<(&'static str, usize)>,
}

impl MapError {
    /// Each mapped argument's name and length.
    pub fn lengths(&self) -> &[(&'static str, usize)] {
        &self.lengths
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the arguments of `{}.map(..)` have different lengths: ", self.task)?;
        for (n, (name, length)) in self.lengths.iter().enumerate() {
            write!(f, "{}`{name}` has {length}", if n == 0 { "" } else { ", " })?;
        }
        f.write_str("; pass what is the same for each run as `unmapped(..)`")
    }
}

impl Error for MapError {}

/// The context of a run was asked for where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextError {
    pub(crate) wanted: &'static str,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no {} here: ask inside the body or a hook of one; what is spawned by hand takes the context along \
             with `RunContext::current().scope(future)` or `.enter(|| ..)`",
            self.wanted
        )
    }
}

impl Error for ContextError {}

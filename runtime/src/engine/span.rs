//! The spans of attempts, and of runs that end without one, for whoever listens: what they are in, what they tell.
//!
//! Fields that begin with `otel.` are those that the crate `tracing-opentelemetry` knows: the name and the status of an exported span.

use tracing::field::Empty;
use tracing::{Level, Span};

use super::slice;
use crate::body::Outcome;
use crate::context::{Current, Scope, own_tags};
use crate::error::TaskError;
use crate::panic::{self, Panicked};
use crate::run::{Run, state_message, state_of};
use crate::state::{StateName, StateType};

/// The span in which something is submitted, where that is another than its scope's.
#[inline]
pub(crate) fn span_here(scope: &Scope) -> Option<Span> {
    if tracing::enabled!(Level::INFO) { other_span_here(scope) } else { None }
}

fn other_span_here(scope: &Scope) -> Option<Span> {
    // The subscriber is the user's.
    panic::catch_in_between(Span::current)
        .ok()
        .filter(|span| !span.is_none() && span.id() != scope.span().id())
}

/// The span of an attempt: the flow run's own, or, where anybody listens, one of the task run's.
#[inline]
pub(super) fn span_of(run: &Run, current: &Current) -> Span {
    match &current.scope {
        Some(scope) if run.spec.is_flow => scope.span(),
        _ => new_span(run),
    }
}

/// A span for an attempt at a run, in the one in which it was submitted.
#[inline]
pub(super) fn new_span(run: &Run) -> Span {
    if tracing::enabled!(Level::INFO) { attempt_span(run) } else { Span::none() }
}

fn attempt_span(run: &Run) -> Span {
    let id = uuid::Uuid::from_u128(run.id());
    let (given, attempt) = {
        let inner = run.cell.lock();
        (inner.log.extra.as_ref().and_then(|extra| extra.span.clone()), inner.log.attempts())
    };
    let parent = &given.unwrap_or_else(|| run.scope.span());
    let (name, task, tags) = (run.name(), run.task_name(), own_tags(run).join(","));
    let tags = Some(&*tags).filter(|tags| !tags.is_empty());
    macro_rules! span_named {
        ($name:literal, $task:ident) => {
            tracing::info_span!(
                parent: parent,
                $name,
                %id,
                name,
                $task = task,
                tags,
                attempt,
                state = Empty,
                otel.name = task,
                otel.status_code = Empty,
                otel.status_description = Empty,
            )
        };
    }
    let span =
        || if run.spec.is_flow { span_named!("flow_run", flow) } else { span_named!("task_run", task) };
    // The subscriber is the user's.
    panic::catch(span).unwrap_or_else(|_| Span::none())
}

/// Tells how the attempt ended whose span that is; that of a flow run is told [once more is known](end_flow_span).
#[inline]
pub(super) fn end_span(span: &Span, run: &Run, outcome: &Outcome) {
    if !run.spec.is_flow {
        end_flow_span(span, run, outcome.as_ref().err());
    }
}

/// Has a run that ends without an attempt have a span of no length, whose `attempt` is 0. Not one that a slice leaves: it has its
/// span where it is executed.
pub(super) fn ended_unattempted(run: &Run, name: StateName) {
    if !tracing::enabled!(Level::INFO) || run.cell.lock().log.attempts() > 0 || slice::left(run).is_some() {
        return;
    }
    let span = attempt_span(run);
    tell_end(&span, run, name, run.error().as_ref());
    close(span);
}

/// Does a user's `action` in a span. A subscriber that panics as the span is entered or left ends nothing.
#[inline]
pub(super) fn catch_in<T>(span: &Span, action: impl FnOnce() -> T) -> Result<T, Panicked> {
    if span.is_disabled() {
        return panic::catch(action);
    }
    let entered = panic::catch(|| span.enter()).ok();
    let caught = panic::catch(action);
    panic::contain(|| drop(entered));
    caught
}

/// Lets go of a span, of which the subscriber is told.
#[inline]
pub(crate) fn close(span: Span) {
    if !span.is_none() {
        panic::contain(|| drop(span));
    }
}

/// Tells how an attempt ended.
pub(super) fn end_flow_span(span: &Span, run: &Run, error: Option<&TaskError>) {
    tell_end(span, run, error.map_or(StateName::Completed, state_of), error);
}

fn tell_end(span: &Span, run: &Run, name: StateName, error: Option<&TaskError>) {
    if span.is_disabled() {
        return;
    }
    panic::contain(|| {
        span.record("state", tracing::field::display(name));
        if let Some(error) = error
            && matches!(name.state_type(), StateType::Failed | StateType::Crashed)
        {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", state_message(run.spec, error));
        }
    });
}

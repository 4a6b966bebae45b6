//! Whether a run may start once everything it waits for has ended: skip check, trigger, values.

use std::sync::Arc;

use super::attempt::cancelled;
use super::finish::{EndedBefore, finish, finish_as_before};
use super::{resume, slice};
use crate::body::Body;
use crate::error::{ErrorKind, TaskError};
use crate::input::{Edge, EdgeList, Need, Node};
use crate::options::Effective;
use crate::panic::{self, drop_caught};
use crate::run::{Run, Slot};
use crate::trigger::{Decision, Trigger, Upstream};

/// An upstream run, as the one that waits for it needs it.
struct Before {
    run: Arc<Run>,
    need: Need,
}

/// Whether the run is to be executed; otherwise it has ended here.
pub(super) fn admit(run: &Arc<Run>) -> bool {
    let edges = match &mut run.cell.lock().slot {
        Slot::Body(body) => std::mem::take(&mut body.upstreams().edges),
        _ => EdgeList::new(),
    };
    if run.scope.tree.slice.is_some()
        && !run.scope.is_cancelled()
        && ends_by(run, |body| slice::meet(run, body, &edges).transpose())
    {
        return false;
    }
    if edges.is_empty() && run.options().is_none() && matches!(run.spec.trigger, Trigger::AllSuccessful) {
        return !ended_before(run, &edges);
    }
    // Where all is cancelled, the end of one run is no reason for another to fail.
    let checked = if run.scope.is_cancelled() { Err((cancelled(), Vec::new())) } else { check(run, &edges) };
    match checked {
        Ok(()) => {
            see(&edges);
            !ended_before(run, &edges)
        }
        Err((error, causes)) => {
            if let Some(body) = run.cell.withdraw() {
                drop_caught(body);
                finish(run, Err(error), causes);
            }
            false
        }
    }
}

/// Whether a run has ended in an earlier process of its flow run, and so has ended here; or was cancelled meanwhile.
fn ended_before(run: &Arc<Run>, edges: &[Edge]) -> bool {
    if run.scope.engine.recorder().is_none() || !run.scope.tree.is_flow() {
        return false;
    }
    ends_by(run, |body| resume::recognise(run, body, edges).map(Ok))
}

/// Whether a run has ended here by what `ask` says of its body, how it ended before or what it ends with; or was cancelled meanwhile.
fn ends_by(
    run: &Arc<Run>,
    ask: impl FnOnce(&(dyn Body<'static> + 'static)) -> Option<Result<EndedBefore, TaskError>>,
) -> bool {
    // Withdrawn meanwhile, as what recognises it calls the user's code.
    let Some(body) = run.cell.withdraw() else { return true };
    let (body, error) = match ask(&*body) {
        None => match run.cell.give_back(body) {
            Ok(()) => return false,
            Err(body) => (body, cancelled()),
        },
        Some(Ok(before)) => {
            drop_caught(body);
            finish_as_before(run, before);
            return true;
        }
        Some(Err(error)) => (body, error),
    };
    drop_caught(body);
    finish(run, Err(error), Vec::new());
    true
}

/// As [`admit`], for a run that its caller executes.
pub(super) fn check(run: &Arc<Run>, edges: &[Edge]) -> Result<(), (TaskError, Vec<Arc<Run>>)> {
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    let trigger = effective.trigger();
    // The usual case: everything went well, and nothing else was asked for.
    if matches!(trigger, Trigger::AllSuccessful | Trigger::AllFinished | Trigger::AlwaysRun)
        && edges.iter().all(|edge| !has_error(&edge.node))
    {
        return Ok(());
    }

    let before = flatten(edges);
    let upstreams: Vec<Upstream> = before
        .iter()
        .map(|before| Upstream {
            name: before.run.name(),
            state: before.run.state(),
            failure_allowed: matches!(before.need, Need::Outcome(_) | Need::AllowedFailure),
        })
        .collect();

    let skips = effective.skip_on_upstream_skip() && !trigger.ignores_skips();
    let is_skipped = |(before, upstream): (&Before, &Upstream)| {
        upstream.state.is_skipped() && !matches!(before.need, Need::Outcome(_))
    };
    if skips && before.iter().zip(&upstreams).any(is_skipped) {
        return Err((TaskError::new(ErrorKind::Skipped, SKIPPED), Vec::new()));
    }

    let failed = |before: &[Before]| -> Vec<Arc<Run>> {
        before.iter().filter(|before| before.run.error().is_some()).map(|before| before.run.clone()).collect()
    };
    let decided = panic::catch(|| trigger.decide(&upstreams)).map_err(|panic| {
        let message = format!("Unexpected error while checking the trigger: {}", panic.message);
        (TaskError::trigger_failed(message, None), Vec::new())
    })?;
    match decided {
        Decision::Run => {}
        Decision::Skip(message) => return Err((TaskError::new(ErrorKind::Skipped, message), Vec::new())),
        Decision::Fail(message) => {
            let names = named(&upstreams);
            let causes = failed(&before);
            let cause = causes.iter().filter_map(|run| run.error()).find(|error| !error.is_skipped());
            return Err((TaskError::trigger_failed(format!("{message}{names}"), cause.as_ref()), causes));
        }
    }

    let mut lacks = before.iter().filter_map(|before| match before.need {
        Need::Value(parameter) => before.run.error().map(|error| (before, parameter, error)),
        _ => None,
    });
    let Some((first, parameter, error)) = lacks.next() else { return Ok(()) };
    let parameter = run.spec.parameters.get(usize::from(parameter)).copied().unwrap_or("?");
    let message = format!(
        "parameter `{parameter}` needs the result of '{}', which {}; take it as `Result<_, TaskError>` or pass it to \
         `wait_for`",
        first.run.name(),
        ended_how(&error),
    );
    let causes = [first].into_iter().chain(lacks.map(|(before, ..)| before)).map(|before| before.run.clone());
    Err((TaskError::trigger_failed(message, Some(&error)), causes.collect()))
}

/// What a run says that was skipped with the one before it.
pub(crate) const SKIPPED: &str =
    "Upstream task was skipped; if this one was to run all the same, set `skip_on_upstream_skip = false`";

/// How a run ended without a value, in a sentence about it.
pub(crate) fn ended_how(error: &TaskError) -> &'static str {
    match error.kind() {
        ErrorKind::Skipped => "was skipped",
        ErrorKind::Cancelled => "was cancelled",
        ErrorKind::Crashed => "crashed",
        _ => "failed",
    }
}

fn has_error(node: &Node) -> bool {
    match node {
        Node::Run(run) => run.error().is_some(),
        Node::Map(group) => group.first_error().is_some(),
    }
}

/// The runs among these that have not ended well.
pub(crate) fn failed<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> Vec<Arc<Run>> {
    nodes.into_iter().flat_map(Node::runs).filter(|run| run.error().is_some()).collect()
}

fn flatten(edges: &[Edge]) -> Vec<Before> {
    edges
        .iter()
        .flat_map(|edge| edge.node.runs().into_iter().map(|run| Before { run, need: edge.need }))
        .collect()
}

/// The failed upstreams, a few of them by name.
fn named(upstreams: &[Upstream]) -> String {
    const SHOWN: usize = 5;
    let failed: Vec<&str> = upstreams
        .iter()
        .filter(|upstream| upstream.is_failed())
        .map(|upstream| upstream.name.as_str())
        .collect();
    if failed.is_empty() {
        return String::new();
    }
    let more = failed.len().saturating_sub(SHOWN);
    let shown: Vec<String> = failed.iter().take(SHOWN).map(|name| format!("'{name}'")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" Failed: {}{more}", shown.join(", "))
}

/// A run that takes a failure as a value, or allows it, has seen it.
pub(super) fn see(edges: &[Edge]) {
    for edge in edges {
        if matches!(edge.need, Need::Outcome(_) | Need::AllowedFailure) {
            match &edge.node {
                Node::Run(run) => run.mark_seen(),
                Node::Map(group) => group.mark_seen(),
            }
        }
    }
}

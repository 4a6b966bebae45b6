//! What the snapshot says of the runs that are met.

use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::{Slice, slug_of, slugs};
use crate::body::{Body, Outcome};
use crate::engine::resume;
use crate::error::{ErrorKind, TaskError};
use crate::input::Edge;
use crate::run::{Run, error_in};
use crate::snapshot::{Entry, Saved};
use crate::state::{StateName, StateType};
use crate::store;

/// The version of a flow that holds for its run.
pub(super) fn version_of(run: &Run) -> Option<String> {
    let own = run.with_options(|options| options.and_then(|options| options.version.clone()));
    own.as_deref().or(run.spec.version).map(str::to_owned)
}

/// Whether the snapshot is one of this flow, called like this.
///
/// # Errors
/// It is not.
pub(super) fn check(
    slice: &Slice,
    run: &Arc<Run>,
    body: &(dyn Body<'static> + 'static),
) -> Result<(), TaskError> {
    let inputs = resume::form_of(body, &[], &mut |_| None).map(|form| XxHash3_128::oneshot(&form));
    slice.with_met(run, |met| met.inputs = inputs);
    let Some(flow) = slice.snapshot().and_then(|snapshot| snapshot.flow.as_ref()) else { return Ok(()) };
    let (key, version) = (run.spec.key(), version_of(run));
    let refused = if flow.key != key {
        format!("it is one of the flow `{}`, and not of `{key}`", flow.key)
    } else if flow.version != version {
        let named = |version: &Option<String>| match version {
            Some(version) => format!("version \"{version}\""),
            None => "no version".to_owned(),
        };
        format!("it is one of {} of the flow, which has {} now", named(&flow.version), named(&version))
    } else if flow.inputs.zip(inputs).is_some_and(|(before, now)| before != now) {
        "the flow was called with other arguments then".to_owned()
    } else {
        return Ok(());
    };
    Err(TaskError::verdict(format!("the snapshot is of no use here: {refused}"), None))
}

/// Whether all was met that the snapshot names, as far as that matters.
///
/// # Errors
/// Not all of what was named by hand.
pub(super) fn check_met(slice: &Slice, run: &Run) -> Result<(), TaskError> {
    let unmet = unmet(slice).filter(|entry| entry.state.is_final());
    let (named, recorded): (Vec<&Arc<Entry>>, Vec<_>) = unmet.partition(|entry| entry.key.is_none());
    let list = |entries: &[&Arc<Entry>]| {
        let slugs: Vec<String> = entries.iter().map(|entry| format!("`{}`", entry.slug)).collect();
        slugs.join(", ")
    };
    if !recorded.is_empty() {
        let list = list(&recorded);
        log!(warn, "{} - runs of earlier slices were not begun again in this one: {list}", run.label());
    }
    if named.is_empty() {
        return Ok(());
    }
    let message = format!("the snapshot names what the flow has not begun: {}", list(&named));
    Err(TaskError::verdict(message, None))
}

/// What the snapshot names and was not met, but for what is inside of what was taken from it.
pub(super) fn unmet(slice: &Slice) -> impl Iterator<Item = &Arc<Entry>> {
    let entries = slice.snapshot().map_or(&[][..], |snapshot| &snapshot.runs);
    entries.iter().filter(|entry| {
        let met = slice.met.lock();
        let is_inside_of_taken = entry
            .slug
            .match_indices('/')
            .any(|(end, _)| met.get(&entry.slug[..end]).is_some_and(|around| around.is_taken));
        !met.contains_key(&entry.slug) && !is_inside_of_taken
    })
}

pub(super) fn entry<'s>(slice: &'s Slice, slug: &str) -> Option<&'s Arc<Entry>> {
    let place = slice.given.get(slug)?;
    slice.snapshot().and_then(|snapshot| snapshot.runs.get(*place))
}

/// Whether an earlier slice had begun the run: that it begins again is not counted, so that each slice gets further.
pub(super) fn has_begun(slice: &Slice, slug: &str) -> bool {
    entry(slice, slug).is_some_and(|entry| entry.run_count > 0)
}

/// What a run is recognised by, and whether all that it takes is in that. Runs that it takes count by what they are recognised by.
pub(super) fn identity_of<'a>(
    slice: &Slice,
    run: &Run,
    body: &(dyn Body<'a> + 'a),
    edges: &[Edge],
) -> (u128, bool) {
    let slug = slug_of(run);
    let form = resume::form_of(body, edges, &mut |upstream| {
        // Of another flow run, it is not called anything here.
        let is_in_it =
            upstream.scope.tree.slice.as_ref().is_some_and(|own| std::ptr::eq(Arc::as_ptr(own), slice));
        let met = slice.met.lock();
        let met = met.get(&slug_of(upstream)).filter(|_| is_in_it)?;
        met.identity
    });
    let has_inputs = form.is_some() && !slug.is_empty();
    let mut all = form.unwrap_or_default();
    all.extend(run.spec.key().as_bytes());
    all.push(0);
    all.extend(slug.as_bytes());
    (XxHash3_128::oneshot(&all), has_inputs)
}

/// How a run has ended in an earlier slice, where it has and that counts.
pub(super) fn find(
    slice: &Slice,
    run: &Arc<Run>,
    (identity, is_known): (u128, bool),
) -> Option<(Outcome, StateName)> {
    let slug = slug_of(run);
    if slugs::is_hidden(&slug) {
        return None;
    }
    let entry = entry(slice, &slug).filter(|entry| entry.state.is_final())?;
    let again = |problem: &str| log!(warn, "{} - it is executed again: {problem}", run.label());
    if entry.key.as_ref().is_some_and(|key| *key != run.spec.key()) {
        again("the snapshot has it as a run of another task");
        return None;
    }
    if is_known && entry.inputs.is_some_and(|inputs| inputs != identity) {
        again("it takes something else than in an earlier slice");
        return None;
    }
    let name = entry.state.name;
    if entry.state.state_type != StateType::Completed || name == StateName::Skipped {
        return Some((Err(error_of(entry)), name));
    }
    // What was taken back is passed on so; in this slice it has ended well.
    let name = if name == StateName::RolledBack { StateName::Completed } else { name };
    match value_of(entry, run) {
        Ok(outcome) => Some((outcome, name)),
        Err(problem) if entry.key.is_some() => {
            again(&problem);
            None
        }
        Err(problem) => Some((Err(TaskError::verdict(problem, None)), name)),
    }
}

fn value_of(entry: &Entry, run: &Run) -> Result<Outcome, String> {
    let outcome = match &entry.result {
        Saved::Inline(json) => store::Outcome::Inline(json.get().as_bytes().to_vec()),
        Saved::Stored(key) => store::Outcome::Stored(key.clone()),
        Saved::Lost(why) => return Err(why.clone()),
        // Said by somebody who knows nothing of results.
        Saved::None => store::Outcome::Inline(b"null".to_vec()),
    };
    let value = resume::value_of(run, Some(&outcome));
    // `null` may be a value of another type.
    if matches!(entry.result, Saved::None) && !value.as_ref().is_ok_and(|value| value.is::<()>()) {
        return Err(format!(
            "the snapshot says that `{}` has succeeded, and not what it gave: add a `result` to it, or make it `Pending`",
            entry.slug
        ));
    }
    value.map(Ok)
}

/// The error that a run has ended with, as far as its state says it.
fn error_of(entry: &Entry) -> TaskError {
    let name = entry.state.name;
    let message = entry.state.message.as_deref().unwrap_or("it ended like this in an earlier slice");
    let said = ["Task run encountered an exception: ", "Flow run encountered an exception: "];
    match said.iter().find_map(|before| message.strip_prefix(before)) {
        Some(error) if name == StateName::Failed => TaskError::new(ErrorKind::Failed, error),
        _ => error_in(name, message.to_owned()),
    }
}

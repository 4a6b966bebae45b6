//! Child flow runs whose results are kept: a further attempt of the flow run that they are in does not execute them again.

use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::{Wanted, note};
use crate::body::{Body, Erased};
use crate::cache::{CacheOutcome, Why};
use crate::error::TaskError;
use crate::panic;
use crate::run::Run;

/// What a call of a flow whose result is kept is recognised by, in the flow run that it is in: the flow and its arguments. `None` for
/// any other, and where an argument cannot be serialised.
///
/// # Errors
/// The result is to be kept and cannot be.
pub(in crate::engine) fn call_of<'a>(
    run: &Run,
    body: &(dyn Body<'a> + 'a),
) -> Result<Option<u128>, TaskError> {
    let options = run.options();
    let wanted = Wanted::of(run, options.as_deref());
    if !run.scope.tree.is_flow() || wanted.asked()?.is_none() {
        return Ok(None);
    }
    let mut form = Vec::from(run.spec.key());
    let is_written = panic::catch(|| body.form(&mut |_, _| false, &mut form)).unwrap_or(false);
    Ok(is_written.then(|| XxHash3_128::oneshot(&form)))
}

/// What an earlier attempt of the flow run that it is in has kept of a call.
///
/// # Errors
/// The store cannot be read.
pub(in crate::engine) async fn kept_before(run: &Arc<Run>, call: u128) -> Result<Option<Erased>, TaskError> {
    let Some(key) = run.scope.tree.next_kept(call) else { return Ok(None) };
    let options = run.options();
    let wanted = Wanted::of(run, options.as_deref());
    let Some(result) = wanted.asked()?.filter(|_| !wanted.is_refreshed()) else { return Ok(None) };
    let found = async { wanted.store()?.find(&key, result).await };
    let value = found.await.map_err(|error| TaskError::from_user(Box::new(error)))?.ok();
    if value.is_some() {
        note(run, Why { key: Some(key), parts: Vec::new(), outcome: CacheOutcome::Hit });
    }
    Ok(value)
}

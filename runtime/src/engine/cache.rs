//! Results kept and found again: whether there is a record of a run before it is executed.

mod child;
mod kept;
mod wanted;

use std::sync::Arc;

use super::attempt::unless_stopped;
use super::{slice, transaction, wait};
use crate::body::{Body, Erased};
use crate::cache::{CacheOutcome, Key, KeyText, Miss, Why};
use crate::context::Current;
use crate::error::TaskError;
use crate::panic;
use crate::result::{Missing, ResultStoreError, task_key};
use crate::run::Run;
use crate::state::StateName;
use crate::transaction::{Transaction, TransactionState};

pub(super) use child::{call_of, kept_before};
pub(super) use kept::begin_group;
use kept::owner_in;
pub(crate) use kept::{Held, Io, Kept, Record};
pub(super) use wanted::isolation_of;
use wanted::{KeySource, Wanted};

/// A run that looks whether there is a record of it, before its first attempt.
pub(super) struct Lookup {
    run: Arc<Run>,
    transaction: Transaction,
    kept: Arc<Kept>,
    key: Key,
    refresh: bool,
}

/// What a run whose result is to be kept does before its first attempt; nothing, where it is not or does not look.
///
/// # Errors
/// What the run ends with instead.
pub(super) fn begin<'a>(run: &Arc<Run>, body: &(dyn Body<'a> + 'a)) -> Result<Option<Lookup>, TaskError> {
    if run.is_plain() || run.spec.is_flow || run.cell.lock().log.attempts() > 0 {
        return Ok(None);
    }
    let options = run.options();
    let wanted = Wanted::of(run, options.as_deref());
    let Some(result) = wanted.result()? else { return Ok(None) };
    transaction::begin(run)?;

    let version = options.as_ref().and_then(|options| options.version.as_deref()).or(run.spec.version);
    let found = key_of(run, || wanted.source(), version, body);
    let (key, bypass) = match found {
        Ok(Some(key)) => (Some(key), None),
        Ok(None) => (None, Some("there is no key for it".to_owned())),
        Err(error) => {
            log!(warn, "{} - no result is looked for, as its key is not known: {error}", run.label());
            (None, Some(error))
        }
    };
    let store = wanted.store().map_err(|error| TaskError::from_user(Box::new(error)))?;
    let text = key.as_ref().map_or_else(|| key_of_its_own(run), |key| key.text.clone());
    let transaction = transaction::own(run);
    let owner = owner_in(&store, &transaction);
    let kept = Arc::new(Kept { store, key: text, result, owner });
    transaction.keep(kept.clone());
    match (key, bypass) {
        (Some(key), _) => {
            let refresh = wanted.is_refreshed() || slice::begins_again(run);
            Ok(Some(Lookup { run: run.clone(), transaction, kept, key, refresh }))
        }
        (None, bypass) => {
            note(run, Why::of(None, CacheOutcome::Bypass(bypass.unwrap_or_default())));
            Ok(None)
        }
    }
}

/// Looks for a record on this thread: the result with which the run ends, if there is one.
///
/// # Errors
/// What the run ends with instead.
pub(super) fn look_up_blocking<'a>(
    run: &Arc<Run>,
    body: &(dyn Body<'a> + 'a),
) -> Result<Option<Erased>, TaskError> {
    match begin(run, body)? {
        Some(lookup) => wait::block_on_ready(lookup.found(Io::Blocking)),
        None => Ok(None),
    }
}

/// The key of a run, or why it is not known.
fn key_of<'a, 's>(
    run: &Arc<Run>,
    source: impl FnOnce() -> KeySource<'s>,
    version: Option<&str>,
    body: &(dyn Body<'a> + 'a),
) -> Result<Option<Key>, String> {
    let mut current = Current::of_hook(run.clone());
    let _entered = current.enter();
    let key = panic::catch(|| match source() {
        KeySource::Policy(policy) => policy.key(run, version, &body.inputs()),
        KeySource::Given(named, text) => Ok(Some(Key::named(named, text.to_owned()))),
        KeySource::Body(named) => {
            let mut text = KeyText::of(run);
            let is_there = body.write_key(&mut text);
            Ok(text.finish(is_there)?.map(|text| Key::named(named, text)))
        }
    });
    match key {
        Ok(key) => key.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("what makes it panicked: {}", panic.message)),
    }
}

/// The key of what is kept and never found again.
fn key_of_its_own(run: &Run) -> String {
    task_key(&run.spec.key(), &format!("runs/{}", uuid::Uuid::from_u128(run.id())))
}

fn note(run: &Run, why: Why) {
    log!(debug, "{} - cache {why}", run.label());
    run.cell.lock().log.extra().why = Some(Arc::new(why));
}

impl Lookup {
    /// The result of the record that there is, with which the run ends.
    ///
    /// # Errors
    /// What the run ends with instead.
    pub(super) async fn found(self, io: Io) -> Result<Option<Erased>, TaskError> {
        let Self { run, transaction, kept, key, refresh } = self;
        let locked = unless_stopped(&run, kept.lock(&transaction)).await?;
        locked.map_err(TaskError::from_user)?;
        if refresh {
            note(&run, Why::of(Some(key), CacheOutcome::Miss(Miss::Refreshed)));
            return Ok(None);
        }
        let read = match io {
            Io::Async => unless_stopped(&run, kept.store.find(&kept.key, kept.result)).await?,
            Io::Blocking => kept.store.find_blocking(&kept.key, kept.result),
        };
        let read = read.map_err(|error| TaskError::from_user(Box::new(error)))?;
        let (value, outcome) = match read {
            Ok(value) => (Some(value), CacheOutcome::Hit),
            Err(Missing::None) => (None, CacheOutcome::Miss(Miss::None)),
            Err(Missing::Expired(at)) => (None, CacheOutcome::Miss(Miss::Expired(at))),
            Err(other) => (None, CacheOutcome::Miss(Miss::Corrupt(other.to_string()))),
        };
        note(&run, Why::of(Some(key), outcome));
        if value.is_some() {
            transaction.enter(TransactionState::Committed);
            transaction.release();
        }
        Ok(value)
    }
}

/// What a run gave, ready to be written; nothing where it keeps nothing.
///
/// # Errors
/// It cannot be written.
pub(super) fn draft(
    run: &Run,
    transaction: &Transaction,
    value: &Erased,
) -> Result<Option<Box<Record>>, TaskError> {
    let Some(kept) = transaction.kept() else { return Ok(None) };
    let options = run.options();
    let wanted = Wanted::of(run, options.as_deref());
    let version = options.as_ref().and_then(|options| options.version.as_deref()).or(run.spec.version);
    let drafted = kept.record(&**value, wanted.write_options(version));
    drafted.map(Some).map_err(|error| TaskError::from_user(Box::new(error)))
}

/// The name of the state of a run that ends well.
pub(super) fn name_of_success(run: &Run) -> StateName {
    let is_hit = {
        let inner = run.cell.lock();
        inner.log.extra.as_ref().and_then(|extra| extra.why.as_ref()).is_some_and(|why| why.is_hit())
    };
    if is_hit { StateName::Cached } else { StateName::Completed }
}

/// Keeps what a flow run gave, where the flow asks for that: `flows/`, the flow's key, and the run's id. It is there for those who
/// know the run, and, as what this `call` gives, for [further attempts](kept_before) of the flow run that it is in.
///
/// # Errors
/// It cannot be kept.
pub(super) async fn keep_of_flow(run: &Run, value: Erased, call: Option<u128>) -> Result<Erased, TaskError> {
    let options = run.options();
    let wanted = Wanted::of(run, options.as_deref());
    let Some(result) = wanted.asked()? else { return Ok(value) };
    let key = format!("flows/{}/{}", run.spec.key().replace("::", "."), uuid::Uuid::from_u128(run.id()));
    let version = options.as_ref().and_then(|options| options.version.as_deref()).or(run.spec.version);
    let kept = async {
        let store = wanted.store()?;
        store.write_erased(&key, &*value, result, &wanted.write_options(version)).await
    };
    kept.await.map_err(|error: ResultStoreError| TaskError::from_user(Box::new(error)))?;
    if let Some(call) = call {
        run.scope.tree.keep_result(call, key);
    }
    Ok(value)
}

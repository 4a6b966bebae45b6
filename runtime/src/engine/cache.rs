//! Results kept and found again: where a run's record lies, whether there is one, and its writing when the run is committed.

use std::any::Any;
use std::sync::Arc;

use serde_json::Value;

use super::attempt::unless_stopped;
use super::{Engine, awaited, transaction, wait};
use crate::body::{Body, Erased};
use crate::cache::{CacheOptions, CacheOutcome, Key, KeyOption, KeyText, Miss, Named, Policy, Why};
use crate::context::Current;
use crate::error::{BoxError, ErrorKind, TaskError};
use crate::lock::{LockManager, LockRequest};
use crate::panic;
use crate::result::{
    Draft, Missing, Read, ResultStore, ResultStoreError, ResultType, WriteOptions, task_key,
};
use crate::run::Run;
use crate::runner::runtime::RuntimeHandle;
use crate::state::StateName;
use crate::transaction::{IsolationLevel, Transaction, TransactionState};

/// Whether a thread may block for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    Async,
    Blocking,
}

/// What a transaction keeps, and where.
pub(crate) struct Kept {
    store: ResultStore,
    key: String,
    result: ResultType,
    options: WriteOptions,
}

impl Kept {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The record of a value.
    ///
    /// # Errors
    /// The value cannot be written.
    pub(crate) fn record(
        self: &Arc<Self>,
        value: &(dyn Any + Send + Sync),
    ) -> Result<Record, ResultStoreError> {
        let draft = self.store.draft_erased(&self.key, value, self.result, &self.options)?;
        Ok(Record { kept: self.clone(), draft: Some(draft) })
    }

    /// Waits for the lock on the key, for a transaction that is to have it.
    async fn lock(&self, transaction: &Transaction) -> Result<(), BoxError> {
        if transaction.isolation() == IsolationLevel::ReadCommitted {
            return Ok(());
        }
        let Some(locks) = self.store.lock_manager() else {
            return Err(format!(
                "isolation `serializable` needs a lock manager, which {:?} has none of: give it one with \
                 `with_lock_manager`, or the engine with `lock_manager`",
                self.store
            )
            .into());
        };
        let owner = transaction.owner();
        let request = LockRequest::by(owner.clone());
        let mut acquiring = locks.acquire(&self.key, &request);
        std::future::poll_fn(|cx| {
            let polled = acquiring.as_mut().poll(cx);
            if polled.is_pending() {
                awaited::note_other();
            }
            polled
        })
        .await?;
        transaction.hold(Held { locks: locks.clone(), key: self.key.clone(), owner });
        Ok(())
    }
}

/// The lock on a key, given back when this is dropped.
pub(crate) struct Held {
    locks: Arc<dyn LockManager>,
    key: String,
    owner: Arc<str>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let (locks, key, owner) = (self.locks.clone(), std::mem::take(&mut self.key), self.owner.clone());
        let release = async move {
            // Its time may have been over.
            if let Err(error) = locks.release(&key, &owner).await {
                tracing::warn!("a lock was gone before it was given back: {error}");
            }
        };
        transaction::now_or_on(&RuntimeHandle::own(), release);
    }
}

/// A store as an engine uses it: by its clock, and with its locks where it has none.
fn of_engine(engine: &Engine, store: ResultStore) -> ResultStore {
    let store = store.with_clock(engine.clock().clone());
    match engine.lock_manager() {
        Some(locks) if store.lock_manager().is_none() => store.with_lock_manager(locks.clone()),
        _ => store,
    }
}

/// Begins a group with a key: locks it, and looks for its record.
pub(super) async fn begin_group(
    engine: &Engine,
    transaction: &Transaction,
    key: String,
    store: Option<ResultStore>,
    overwrite: bool,
    io: Io,
) -> Result<(), BoxError> {
    let store = of_engine(engine, store.map_or_else(|| engine.results(), Ok)?);
    let options = write_options(WriteOptions::new(), &store, transaction);
    let kept = Arc::new(Kept { store, key, result: ResultType::of::<Value>(), options });
    transaction.keep(kept.clone());
    kept.lock(transaction).await?;
    let is_there = !overwrite
        && match io {
            Io::Async => kept.store.exists(&kept.key).await?,
            Io::Blocking => kept.store.exists_blocking(&kept.key)?,
        };
    if is_there {
        transaction.enter(TransactionState::Committed);
        transaction.release();
    }
    Ok(())
}

/// With the name by which the transaction has locks, where there are any.
fn write_options(options: WriteOptions, store: &ResultStore, transaction: &Transaction) -> WriteOptions {
    match store.lock_manager() {
        Some(_) => options.by_owner(&*transaction.owner()),
        None => options,
    }
}

/// What is said of the isolation of a run.
pub(super) fn isolation_of(run: &Run) -> Option<IsolationLevel> {
    run.with_options(|options| {
        let own = options.and_then(|options| options.cache.as_ref()).and_then(|cache| cache.isolation);
        own.or(run.spec.cache.isolation)
    })
}

/// A record that is to be written when its transaction is committed.
pub(crate) struct Record {
    kept: Arc<Kept>,
    draft: Option<Draft>,
}

impl Record {
    pub(super) async fn write(&mut self, io: Io) -> Result<(), ResultStoreError> {
        let Some(draft) = self.draft.take() else { return Ok(()) };
        match io {
            Io::Async => self.kept.store.put(draft).await,
            Io::Blocking => self.kept.store.put_blocking(draft),
        }
    }

    /// Deletes what was written.
    pub(super) async fn delete(&self, io: Io) {
        let Kept { store, key, options, .. } = &*self.kept;
        let deleted = match io {
            Io::Async => store.delete_by(key, options.owner()).await,
            Io::Blocking => store.delete_by_blocking(key, options.owner()),
        };
        if let Err(error) = deleted {
            tracing::error!("a result stays that was to be deleted as its transaction failed: {error}");
        }
    }
}

/// What the run of a transaction gave, ready to be written; nothing where it keeps nothing.
pub(super) fn draft(transaction: &Transaction, value: &Erased) -> Result<Option<Record>, TaskError> {
    let Some(kept) = transaction.kept() else { return Ok(None) };
    kept.record(&**value).map(Some).map_err(|error| TaskError::from_user(Box::new(error)))
}

/// What is said of a run's results: by its handle, its attribute, and the settings.
struct Wanted<'r> {
    run: &'r Run,
    options: Option<&'r CacheOptions>,
}

impl<'r> Wanted<'r> {
    fn option<T>(&self, read: impl FnOnce(&'r CacheOptions) -> Option<T>) -> Option<T> {
        self.options.and_then(read)
    }

    /// How the result is written, if it is to be kept.
    ///
    /// # Errors
    /// It is to be kept and cannot be.
    fn result(&self) -> Result<Option<ResultType>, TaskError> {
        let spec = &self.run.spec.cache;
        let asked = self.option(CacheOptions::asks).or(spec.persist);
        match (asked, spec.result) {
            (Some(true), None) => {
                let message = format!(
                    "the result of '{}' cannot be kept: its type is not known to be `Serialize` and \
                     `DeserializeOwned`; write `persist_result` into the attribute, which says more",
                    self.run.name()
                );
                Err(TaskError::new(ErrorKind::Failed, message))
            }
            (Some(true), result) => Ok(result),
            (Some(false), _) => Ok(None),
            (None, result) => {
                let by_default = self.run.scope.engine.settings().persist_results_by_default;
                Ok(result.filter(|_| by_default == Some(true)))
            }
        }
    }

    /// Where the key comes from.
    fn source(&self) -> KeySource<'r> {
        let spec = &self.run.spec.cache;
        match self.option(|options| options.key.as_ref()) {
            Some(KeyOption::Policy(policy)) => KeySource::Policy(policy.clone()),
            Some(KeyOption::Named(named, text)) => KeySource::Given(*named, text),
            None => match (spec.named, spec.policy) {
                (Some(named), _) => KeySource::Body(named),
                (None, Some(policy)) => KeySource::Policy(policy()),
                (None, None) => KeySource::Policy(Policy::standard()),
            },
        }
    }

    fn is_refreshed(&self) -> bool {
        let settings = self.run.scope.engine.settings();
        self.option(|options| options.refresh)
            .unwrap_or(self.run.spec.cache.refresh || settings.refresh_cache == Some(true))
    }

    fn store(&self) -> Result<ResultStore, ResultStoreError> {
        let engine = &self.run.scope.engine;
        let spec = &self.run.spec.cache;
        let own = self.option(|options| options.storage.clone());
        let store = match (own, spec.storage) {
            (Some(store), _) => store,
            (None, Some(storage)) => storage.store()?,
            (None, None) => engine.results()?,
        };
        let store = of_engine(engine, store);
        let serializer = self.option(|options| options.serializer.clone());
        let serializer = serializer.or_else(|| spec.serializer.map(|make| make()));
        Ok(match serializer {
            Some(serializer) => store.with_serializer(serializer),
            None => store,
        })
    }

    fn write_options(&self, version: Option<&str>) -> WriteOptions {
        let options = WriteOptions::new().of_task(self.run.spec.key(), version);
        let expiration = self.option(|options| options.expiration).or(self.run.spec.cache.expiration);
        match expiration {
            Some(expiration) => options.expires_in(expiration),
            None => options,
        }
    }
}

/// Where the key of a run comes from.
enum KeySource<'r> {
    Policy(Policy),
    /// A handle has said it.
    Given(Named, &'r str),
    /// The body knows the template, or the function, of the attribute.
    Body(Named),
}

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
    let wanted = Wanted { run, options: options.as_ref().and_then(|options| options.cache.as_deref()) };
    let Some(result) = wanted.result()? else { return Ok(None) };
    transaction::begin(run)?;

    let version = options.as_ref().and_then(|options| options.version.as_deref()).or(run.spec.version);
    let found = key_of(run, || wanted.source(), version, body);
    let (key, bypass) = match found {
        Ok(Some(key)) => (Some(key), None),
        Ok(None) => (None, Some("there is no key for it".to_owned())),
        Err(error) => {
            tracing::warn!("{} - no result is looked for, as its key is not known: {error}", run.label());
            (None, Some(error))
        }
    };
    let store = wanted.store().map_err(|error| TaskError::from_user(Box::new(error)))?;
    let text = key.as_ref().map_or_else(|| key_of_its_own(run), |key| key.text.clone());
    let transaction = transaction::own(run);
    let options = write_options(wanted.write_options(version), &store, &transaction);
    let kept = Arc::new(Kept { store, key: text, result, options });
    transaction.keep(kept.clone());
    match (key, bypass) {
        (Some(key), _) => {
            let refresh = wanted.is_refreshed();
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
    tracing::debug!("{} - cache {why}", run.label());
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
            note(&run, Why::of(Some(&key), CacheOutcome::Miss(Miss::Refreshed)));
            return Ok(None);
        }
        let read = match io {
            Io::Async => unless_stopped(&run, kept.store.read_erased(&kept.key, kept.result)).await?,
            Io::Blocking => kept.store.read_erased_blocking(&kept.key, kept.result),
        };
        let read = read.map_err(|error| TaskError::from_user(Box::new(error)))?;
        let (value, outcome) = match read {
            Read::Found(record) => (Some(record.value), CacheOutcome::Hit),
            Read::Missing(Missing::None) => (None, CacheOutcome::Miss(Miss::None)),
            Read::Missing(Missing::Expired(at)) => (None, CacheOutcome::Miss(Miss::Expired(at))),
            Read::Missing(other) => (None, CacheOutcome::Miss(Miss::Corrupt(other.to_string()))),
        };
        note(&run, Why::of(Some(&key), outcome));
        if value.is_some() {
            transaction.enter(TransactionState::Committed);
            transaction.release();
        }
        Ok(value)
    }
}

/// The name of the state of a run that ends well.
pub(super) fn name_of_success(run: &Run) -> StateName {
    let is_hit = {
        let inner = run.cell.lock();
        inner.log.extra.as_ref().and_then(|extra| extra.why.as_ref()).is_some_and(|why| why.is_hit())
    };
    if is_hit { StateName::Cached } else { StateName::Completed }
}

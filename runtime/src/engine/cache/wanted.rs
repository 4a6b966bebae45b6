//! What is said of a run's results: by its handle, its attribute, its flow, and the settings, in this order.

use std::sync::LazyLock;

use super::kept::of_engine;
use crate::cache::{CacheOptions, FlowResults, KeyOption, Named, Policy};
use crate::error::{ErrorKind, TaskError};
use crate::mock;
use crate::options::Options;
use crate::result::{ResultStore, ResultStoreError, ResultType, WriteOptions};
use crate::run::Run;
use crate::transaction::IsolationLevel;

/// What is said of a run's results: by its handle, its attribute, and the settings.
pub(super) struct Wanted<'r> {
    run: &'r Run,
    options: Option<&'r CacheOptions>,
}

impl<'r> Wanted<'r> {
    pub(super) fn of(run: &'r Run, options: Option<&'r Options>) -> Self {
        Self { run, options: options.and_then(|options| options.cache.as_deref()) }
    }

    fn option<T>(&self, read: impl FnOnce(&'r CacheOptions) -> Option<T>) -> Option<T> {
        self.options.and_then(read)
    }

    /// What the flow says that the run is in.
    fn flow(&self) -> Option<&'r FlowResults> {
        self.run.scope.tree.results.as_deref()
    }

    /// How the result is written, if it is to be kept.
    ///
    /// # Errors
    /// It is to be kept and cannot be.
    pub(super) fn result(&self) -> Result<Option<ResultType>, TaskError> {
        if mock::is_near(self.run) {
            return Ok(None);
        }
        if self.says().is_some() {
            return self.asked();
        }
        let of_flow = self.flow().and_then(|flow| flow.persist);
        let by_default = self.run.scope.engine.settings().persist_results_by_default;
        Ok(self.run.spec.cache.result.filter(|_| of_flow.or(by_default) == Some(true)))
    }

    /// Whether the result is to be kept, by the run's own options.
    fn says(&self) -> Option<bool> {
        self.option(CacheOptions::asks).or(self.run.spec.cache.persist)
    }

    /// How the result is written, if it is to be kept by the run's own options.
    ///
    /// # Errors
    /// It is to be kept and cannot be.
    pub(super) fn asked(&self) -> Result<Option<ResultType>, TaskError> {
        if mock::is_near(self.run) {
            return Ok(None);
        }
        match (self.says(), self.run.spec.cache.result) {
            (Some(true), None) => {
                let message = format!(
                    "the result of '{}' cannot be kept: its type is not known to be `Serialize` and \
                     `DeserializeOwned`; write `persist_result` into the attribute, which says more",
                    self.run.name()
                );
                Err(TaskError::new(ErrorKind::Failed, message))
            }
            (Some(true), result) => Ok(result),
            (_, _) => Ok(None),
        }
    }

    /// Where the key comes from.
    pub(super) fn source(&self) -> KeySource<'r> {
        let spec = &self.run.spec.cache;
        match self.option(|options| options.key.as_ref()) {
            Some(KeyOption::Policy(policy)) => KeySource::Policy(policy.clone()),
            Some(KeyOption::Named(named, text)) => KeySource::Given(*named, text),
            None => match (spec.named, spec.policy) {
                (Some(named), _) => KeySource::Body(named),
                (None, Some(policy)) => KeySource::Policy((**policy).clone()),
                (None, None) => KeySource::Policy(STANDARD.clone()),
            },
        }
    }

    pub(super) fn is_refreshed(&self) -> bool {
        let settings = self.run.scope.engine.settings();
        self.option(|options| options.refresh)
            .unwrap_or(self.run.spec.cache.refresh || settings.refresh_cache == Some(true))
    }

    pub(super) fn store(&self) -> Result<ResultStore, ResultStoreError> {
        let engine = &self.run.scope.engine;
        let spec = &self.run.spec.cache;
        let own = self.option(|options| options.storage.clone());
        let of_flow = self.flow().and_then(|flow| flow.storage.as_ref());
        let store = match (own, spec.storage, of_flow) {
            (Some(store), ..) => store,
            (None, Some(storage), _) => storage.store()?,
            (None, None, Some(storage)) => storage.store()?,
            (None, None, None) => engine.results()?,
        };
        let store = of_engine(engine, store);
        let serializer = self.option(|options| options.serializer.clone());
        let serializer = serializer
            .or_else(|| spec.serializer.map(|make| make()))
            .or_else(|| self.flow().and_then(|flow| flow.serializer.clone()));
        Ok(match serializer {
            Some(serializer) => store.with_serializer(serializer),
            None => store,
        })
    }

    pub(super) fn write_options(&self, version: Option<&str>) -> WriteOptions {
        let options = WriteOptions::new().of_task(self.run.spec.key(), version);
        let expiration = self.option(|options| options.expiration).or(self.run.spec.cache.expiration);
        match expiration {
            Some(expiration) => options.expires_in(expiration),
            None => options,
        }
    }
}

/// What holds where nothing is said.
static STANDARD: LazyLock<Policy> = LazyLock::new(Policy::standard);

/// Where the key of a run comes from.
pub(super) enum KeySource<'r> {
    Policy(Policy),
    /// A handle has said it.
    Given(Named, &'r str),
    /// The body knows the template, or the function, of the attribute.
    Body(Named),
}

/// What is said of the isolation of a run.
pub(in crate::engine) fn isolation_of(run: &Run) -> Option<IsolationLevel> {
    run.with_options(|options| {
        let own = options.and_then(|options| options.cache.as_ref()).and_then(|cache| cache.isolation);
        own.or(run.spec.cache.isolation)
    })
}

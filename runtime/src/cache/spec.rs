//! What an attribute says about results, and the options of handles that do.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use super::{Named, Policy};
use crate::result::{ResultSerializer, ResultStore, ResultStoreError, ResultType};
use crate::transaction::IsolationLevel;

/// What an attribute says about results.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct CacheSpec {
    /// How results are written and read, where they can be.
    pub(crate) result: Option<ResultType>,
    /// The hash of the function's tokens.
    pub(crate) source: u128,
    /// Whether results are kept, where that is said.
    pub(crate) persist: Option<bool>,
    pub(crate) policy: Option<&'static LazyLock<Policy>>,
    /// The body says the key.
    pub(crate) named: Option<Named>,
    pub(crate) expiration: Option<Duration>,
    pub(crate) refresh: bool,
    pub(crate) isolation: Option<IsolationLevel>,
    pub(crate) storage: Option<&'static LazyStore>,
    pub(crate) serializer: Option<fn() -> Arc<dyn ResultSerializer>>,
}

impl CacheSpec {
    pub(crate) const fn new(result: Option<ResultType>, source: u128) -> Self {
        Self {
            result,
            source,
            persist: None,
            policy: None,
            named: None,
            expiration: None,
            refresh: false,
            isolation: None,
            storage: None,
            serializer: None,
        }
    }
}

/// What the handle's `with_…` methods have set about results.
#[derive(Clone, Default)]
#[doc(hidden)]
pub struct CacheOptions {
    pub(crate) persist: Option<bool>,
    pub(crate) key: Option<KeyOption>,
    pub(crate) expiration: Option<Duration>,
    pub(crate) refresh: Option<bool>,
    pub(crate) isolation: Option<IsolationLevel>,
    pub(crate) storage: Option<ResultStore>,
    pub(crate) serializer: Option<Arc<dyn ResultSerializer>>,
}

/// What a handle has said last about the key.
#[derive(Clone)]
pub(crate) enum KeyOption {
    Policy(Policy),
    Named(Named, Arc<str>),
}

impl CacheOptions {
    /// Whether they ask for the result to be kept, as everything said about results does but a `false`.
    pub(crate) fn asks(&self) -> Option<bool> {
        let says = self.key.is_some()
            || self.expiration.is_some()
            || self.refresh.is_some()
            || self.isolation.is_some()
            || self.storage.is_some()
            || self.serializer.is_some();
        self.persist.or(says.then_some(true))
    }
}

/// What an attribute's `result_storage = ..` may be: a [`ResultStore`], or what makes one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a result store",
    label = "not a `ResultStore`",
    note = "such as `ResultStore::memory()`, `ResultStore::directory(\"results\")` or `ResultStore::url(\"s3://bucket/folder\")`"
)]
pub trait IntoResultStore {
    /// The store.
    ///
    /// # Errors
    /// There is none.
    fn into_result_store(self) -> Result<ResultStore, ResultStoreError>;
}

impl IntoResultStore for ResultStore {
    fn into_result_store(self) -> Result<ResultStore, ResultStoreError> {
        Ok(self)
    }
}

impl IntoResultStore for Result<ResultStore, ResultStoreError> {
    fn into_result_store(self) -> Result<ResultStore, ResultStoreError> {
        self
    }
}

/// A store that is made when it is first needed, once in a process.
#[doc(hidden)]
pub struct LazyStore {
    make: fn() -> Result<ResultStore, ResultStoreError>,
    made: OnceLock<ResultStore>,
}

impl LazyStore {
    #[doc(hidden)]
    pub const fn new(make: fn() -> Result<ResultStore, ResultStoreError>) -> Self {
        Self { make, made: OnceLock::new() }
    }

    /// The store; what fails is tried again by the next.
    pub(crate) fn store(&self) -> Result<ResultStore, ResultStoreError> {
        if let Some(made) = self.made.get() {
            return Ok(made.clone());
        }
        let made = (self.make)()?;
        Ok(self.made.get_or_init(|| made).clone())
    }
}

impl fmt::Debug for LazyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyStore").field(&self.made.get()).finish()
    }
}

/// The serializers that an attribute names.
#[doc(hidden)]
pub mod known_serializer {
    use std::sync::Arc;

    use crate::result::{Json, MessagePack, ResultSerializer};

    /// What makes a serializer.
    pub type Make = fn() -> Arc<dyn ResultSerializer>;

    pub const fn json() -> Make {
        || Arc::new(Json)
    }

    pub const fn msgpack() -> Make {
        || Arc::new(MessagePack)
    }

    #[cfg(feature = "zstd")]
    pub const fn json_zstd() -> Make {
        || Arc::new(crate::result::Zstd::new(Json))
    }

    #[cfg(feature = "zstd")]
    pub const fn msgpack_zstd() -> Make {
        || Arc::new(crate::result::Zstd::new(MessagePack))
    }

    #[cfg(not(feature = "zstd"))]
    pub const fn json_zstd() -> Make {
        panic!("`json_zstd` needs the feature `zstd` of millrun")
    }

    #[cfg(not(feature = "zstd"))]
    pub const fn msgpack_zstd() -> Make {
        panic!("`msgpack_zstd` needs the feature `zstd` of millrun")
    }
}

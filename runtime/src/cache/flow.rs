//! What a flow says about the results of the task runs inside.

use std::sync::Arc;

use super::{CacheOptions, CacheSpec, LazyStore};
use crate::result::{ResultSerializer, ResultStore, ResultStoreError};

/// What holds for the task runs inside of a flow that say nothing themselves, however deep they are.
#[derive(Clone, Default)]
pub(crate) struct FlowResults {
    /// Whether their results are kept, where they can be.
    pub(crate) persist: Option<bool>,
    pub(crate) storage: Option<Storage>,
    pub(crate) serializer: Option<Arc<dyn ResultSerializer>>,
}

/// Where results are kept.
#[derive(Clone)]
pub(crate) enum Storage {
    Given(ResultStore),
    Lazy(&'static LazyStore),
}

impl Storage {
    pub(crate) fn store(&self) -> Result<ResultStore, ResultStoreError> {
        match self {
            Self::Given(store) => Ok(store.clone()),
            Self::Lazy(lazy) => lazy.store(),
        }
    }
}

impl FlowResults {
    /// What a flow says, and what the one around it does where it says nothing.
    pub(crate) fn of(
        spec: &CacheSpec,
        options: Option<&CacheOptions>,
        around: Option<&Arc<Self>>,
    ) -> Option<Arc<Self>> {
        let own = Self {
            persist: options.and_then(CacheOptions::asks).or(spec.persist),
            storage: options
                .and_then(|options| options.storage.clone().map(Storage::Given))
                .or_else(|| spec.storage.map(Storage::Lazy)),
            serializer: options
                .and_then(|options| options.serializer.clone())
                .or_else(|| spec.serializer.map(|make| make())),
        };
        if own.persist.is_none() {
            return around.cloned();
        }
        let around = around.map(|around| (**around).clone()).unwrap_or_default();
        Some(Arc::new(Self {
            persist: own.persist,
            storage: own.storage.or(around.storage),
            serializer: own.serializer.or(around.serializer),
        }))
    }
}

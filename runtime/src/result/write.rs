//! Writing: a value becomes a record, and that is put in its place.

use std::any::Any;

use super::error::{Problem, ResultStoreError};
use super::key::shown;
use super::record::{self, Encoded, WriteOptions};
use super::value::{AnyValue, ResultType};
use super::{ResultStore, Shared, name_of};
use crate::lock::LockError;

/// A record that is ready to be put in its place.
pub(crate) struct Draft {
    key: String,
    name: String,
    record: Encoded,
    owner: Option<String>,
}

impl Draft {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// An error if somebody else holds the lock.
pub(super) fn check_holder(
    key: &str,
    owner: Option<&str>,
    holder: Result<Option<String>, LockError>,
) -> Result<(), ResultStoreError> {
    match holder {
        Ok(Some(holder)) if Some(&*holder) != owner => {
            Err(ResultStoreError::locked(key, LockError::held(key, &holder)))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(ResultStoreError::locked(key, error)),
    }
}

impl ResultStore {
    pub(super) fn draft(
        &self,
        key: &str,
        value: AnyValue<'_>,
        type_name: &str,
        options: &WriteOptions,
    ) -> Result<Draft, ResultStoreError> {
        let name = name_of(key)?;
        let Shared { serializer, clock, .. } = &*self.shared;
        let payload = serializer.serialize(value).map_err(|error| {
            let message = format!("a `{type_name}` cannot be written as {}", serializer.name());
            ResultStoreError::because(Problem::Value, message, error)
        })?;
        let record = record::encode(key, clock.nanos(), options, serializer.name(), type_name, payload);
        Ok(Draft { key: key.to_owned(), name, record, owner: options.owner.clone() })
    }

    pub(crate) fn draft_erased(
        &self,
        key: &str,
        value: &(dyn Any + Send + Sync),
        result_type: ResultType,
        options: &WriteOptions,
    ) -> Result<Draft, ResultStoreError> {
        let Some(known) = result_type.value(value) else {
            let message = format!("the value for `{}` is not a `{}`", shown(key), result_type.name());
            return Err(ResultStoreError::new(Problem::Type, message));
        };
        self.draft(key, known, result_type.name(), options)
    }

    pub(super) fn put_drafted(
        &self,
        draft: Result<Draft, ResultStoreError>,
    ) -> impl Future<Output = Result<(), ResultStoreError>> + Send + use<> {
        let this = self.clone();
        async move { this.put(draft?).await }
    }

    pub(crate) async fn put(&self, draft: Draft) -> Result<(), ResultStoreError> {
        let Draft { key, name, record, owner } = draft;
        if let Some(locks) = &self.shared.locks {
            check_holder(&key, owner.as_deref(), locks.holder(&key).await)?;
        }
        self.forgive(&key);
        self.place.put(name, record).await
    }

    pub(crate) fn put_blocking(&self, draft: Draft) -> Result<(), ResultStoreError> {
        let Draft { key, name, record, owner } = draft;
        if let Some(locks) = &self.shared.locks {
            check_holder(&key, owner.as_deref(), locks.holder_blocking(&key))?;
        }
        self.forgive(&key);
        self.place.put_blocking(name, record)
    }
}

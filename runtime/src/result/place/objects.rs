//! Records in whatever the crate `object_store` knows: S3, Google Cloud Storage, Azure Blob Storage.
//!
//! A put is whole or not at all there. All of it happens on Millrun's own runtime: connections that are kept open belong to
//! the runtime that has opened them, and must not end with one that a user makes and drops.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};

use super::{Beginning, Result, Stored, stopped};
use crate::result::error::ResultStoreError;
use crate::result::record::Encoded;
use crate::runner::runtime::RuntimeHandle;

#[derive(Clone)]
pub(in crate::result) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The folder, with a `/` behind it where there is one.
    prefix: Arc<str>,
    location: Arc<str>,
}

impl Objects {
    pub(in crate::result) fn new(store: Arc<dyn ObjectStore>, prefix: String, location: String) -> Self {
        Self { store, prefix: prefix.into(), location: location.into() }
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    pub(super) async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        RuntimeHandle::own().get().spawn(work).await.map_err(stopped)?
    }

    fn cannot(&self, doing: &str, name: &str, error: Error) -> ResultStoreError {
        ResultStoreError::object(doing, format_args!("`{}{name}` in {}", self.prefix, self.location), error)
    }

    /// The name has been made such that every service takes it.
    fn path(&self, name: &str) -> Result<Path> {
        Path::parse(format!("{}{name}", self.prefix)).map_err(|error| self.cannot("find", name, error.into()))
    }

    pub(super) async fn put(&self, name: &str, record: Encoded) -> Result<()> {
        let payload = PutPayload::from_iter([Bytes::from(record.head), Bytes::from(record.payload)]);
        let put = self.store.put(&self.path(name)?, payload).await;
        put.map(drop).map_err(|error| self.cannot("write", name, error))
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Stored>> {
        let path = self.path(name)?;
        let get = async { self.store.get(&path).await?.bytes().await };
        let bytes = present(get.await).map_err(|error| self.cannot("read", name, error))?;
        Ok(bytes.map(Stored::Shared))
    }

    pub(super) async fn beginning(&self, name: &str, most: usize) -> Result<Option<Beginning>> {
        let path = self.path(name)?;
        let get = async {
            let range = Some(GetRange::Bounded(0..most as u64));
            let got = self.store.get_opts(&path, GetOptions { range, ..GetOptions::default() }).await?;
            let length = got.meta.size;
            Ok(Beginning { stored: Stored::Shared(got.bytes().await?), length })
        };
        present(get.await).map_err(|error| self.cannot("read", name, error))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<bool> {
        let path = self.path(name)?;
        // Not every service says whether there was anything.
        let delete = async {
            self.store.head(&path).await?;
            self.store.delete(&path).await
        };
        let deleted = present(delete.await).map_err(|error| self.cannot("delete", name, error))?;
        Ok(deleted.is_some())
    }
}

fn present<T>(found: object_store::Result<T>) -> object_store::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

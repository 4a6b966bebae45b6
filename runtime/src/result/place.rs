//! Places: where records lie. A place knows names and bytes, and neither keys nor what the bytes mean.

mod directory;
mod memory;
#[cfg(feature = "object-store")]
mod objects;
mod url;

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

pub(super) use self::directory::Directory;
pub(super) use self::memory::Memory;
#[cfg(feature = "object-store")]
pub(super) use self::objects::Objects;
use super::error::{Problem, ResultStoreError};
use super::record::Encoded;

type Result<T> = std::result::Result<T, ResultStoreError>;

/// Where records lie.
#[derive(Clone)]
pub(super) enum Place {
    Memory(Arc<Memory>),
    Directory(Arc<Directory>),
    #[cfg(feature = "object-store")]
    Objects(Objects),
}

/// What lies under a name, or the beginning of it.
pub(super) enum Stored {
    /// In two parts, as it was written.
    Parts(Arc<Encoded>),
    Bytes(Vec<u8>),
    #[cfg(feature = "object-store")]
    Shared(bytes::Bytes),
}

impl Stored {
    /// What begins with the head of a record; and the payload, if that does not follow it there.
    pub(super) fn parts(&self) -> (&[u8], Option<&[u8]>) {
        match self {
            Self::Parts(record) => (&record.head, Some(&record.payload)),
            Self::Bytes(bytes) => (bytes, None),
            #[cfg(feature = "object-store")]
            Self::Shared(bytes) => (bytes, None),
        }
    }
}

/// The beginning of what lies under a name.
pub(super) struct Beginning {
    pub(super) stored: Stored,
    /// How long all of it is.
    pub(super) length: u64,
}

/// One of the operations, on a thread where it may block.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(stopped)?,
        Err(_) => work(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over errors")]
fn stopped(error: tokio::task::JoinError) -> ResultStoreError {
    ResultStoreError::new(
        Problem::Other,
        format!("failed to reach the store: the tokio runtime is gone ({error})"),
    )
}

/// Each operation, async and blocking: memory is at hand; files are read and written on a thread that may block, which the
/// caller of a blocking operation is; what lies elsewhere is talked to on Millrun's own runtime.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident / $blocking:ident ($($arg:ident: $type:ty),*) -> $output:ty;)*) => {
        impl Place {
            $(
                $(#[$doc])*
                pub(super) async fn $name(&self, name: String $(, $arg: $type)*) -> Result<$output> {
                    match self {
                        Self::Memory(memory) => Ok(memory.$name(name $(, $arg)*)),
                        Self::Directory(directory) => {
                            let directory = directory.clone();
                            aside(move || directory.$name(&name $(, $arg)*)).await
                        }
                        #[cfg(feature = "object-store")]
                        Self::Objects(objects) => {
                            let this = objects.clone();
                            objects.spawn(async move { this.$name(&name $(, $arg)*).await }).await
                        }
                    }
                }

                $(#[$doc])*
                pub(super) fn $blocking(&self, name: String $(, $arg: $type)*) -> Result<$output> {
                    match self {
                        Self::Memory(memory) => Ok(memory.$name(name $(, $arg)*)),
                        Self::Directory(directory) => directory.$name(&name $(, $arg)*),
                        #[cfg(feature = "object-store")]
                        Self::Objects(_) => crate::engine::wait::block_on_future(self.$name(name $(, $arg)*)),
                    }
                }
            )*
        }
    };
}

operations! {
    /// Puts a record there, whole or not at all, in place of another.
    put / put_blocking(record: Encoded) -> ();
    /// What lies there.
    get / get_blocking() -> Option<Stored>;
    /// At least the first `most` bytes of what lies there, if it is that long.
    beginning / beginning_blocking(most: usize) -> Option<Beginning>;
    /// Removes what lies there: whether anything did.
    delete / delete_blocking() -> bool;
}

impl Place {
    /// The place that a url names.
    pub(super) fn at_url(url: &str) -> Result<Self> {
        url::open(url)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => f.write_str("memory://"),
            Self::Directory(directory) => directory.root().display().fmt(f),
            #[cfg(feature = "object-store")]
            Self::Objects(objects) => f.write_str(objects.location()),
        }
    }
}

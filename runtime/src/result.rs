//! Results that are kept: [`ResultStore`], its serializers and its records.
//!
//! This module owns what a record looks like, where it lies and how its name is made of its key. It knows neither tasks nor
//! transactions: who may write what, and when, is theirs to decide.
//!
//! # Records
//!
//! A record is one file, or one object of a bucket, of two lines and a payload:
//!
//! ```text
//! millrun-result 1 <checksum of the second line>
//! {"key":"…","created":"…","expires":"…","task":"…","task_version":"…","serializer":"json","type":"…","length":2,"checksum":"…"}
//! <the payload, as the serializer has written it: `length` bytes>
//! ```
//!
//! The `1` is the version of this layout. Checksums are XXH3-64, in 16 hexadecimal digits; times are as in RFC 3339. What does
//! not apply (`expires`, `task`, `task_version`) is left out. A damaged record is noticed, and is as good as none.
//!
//! # Keys
//!
//! A key is any text; a `/` in it makes a folder. An error are: an empty key, a `/` at its beginning or end, nothing between two
//! `/`, a segment `.` or `..`, and control characters. What some file system would not take is escaped (`:` is `%3A`), and what
//! is too long is shortened with a hash, so a key may have any length. In a directory, what is a folder for one key (`a/b`)
//! cannot be a record for another (`a`): that is an error, too.
//!
//! # Several writers
//!
//! A write is whole or not at all, and of two at a time one is the last: a reader sees either of them, never a mixture, and who is killed in
//! the middle of a write leaves what was there before. [Locks](crate::lock) keep writers from each other.

mod error;
mod exact;
pub(crate) mod key;
mod place;
mod read;
mod record;
mod serializer;
mod value;
mod write;

use std::any::{Any, type_name};
use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::error::Problem;
use self::place::{Directory, Memory, Place};
use self::write::check_holder;
use crate::body::Erased;
use crate::clock::Clock;
use crate::lock::LockManager;
use crate::settings;

pub use self::error::ResultStoreError;
pub(crate) use self::exact::check_json;
pub use self::key::task_key;
pub use self::record::{Missing, Read, Record, RecordInfo, WriteOptions};
#[cfg(feature = "zstd")]
pub use self::serializer::Zstd;
pub use self::serializer::{Json, MessagePack, ResultSerializer, serializer};
pub use self::value::{AnySlot, AnyValue, ResultType};
pub(crate) use self::write::Draft;

/// How much is read of a record first to find its header.
const BEGINNING: usize = 4096;

/// Where results lie, by key: in memory, in a directory, in a bucket.
///
/// A cheap handle, `Clone`. Whatever is async here has a `_blocking` twin for sync programs, which needs no runtime.
///
/// Each value is written by the store's [serializer](Self::with_serializer), JSON by default; its record says which, so that a
/// store with another one reads it. What is missing, expired or damaged is not an error: [`Read::Missing`] says why there is no
/// value.
///
/// ```
/// use millrun::result::{MessagePack, ResultStore, WriteOptions};
///
/// let folder = std::env::temp_dir().join(format!("millrun-{}", std::process::id()));
/// let store = ResultStore::directory(&folder)?.with_serializer(MessagePack);
///
/// store.write_blocking("flights/2013-01", &vec![842, 5])?;
/// let flights: Option<Vec<u32>> = store.read_blocking("flights/2013-01")?.into_value();
/// assert_eq!(flights, Some(vec![842, 5]));
///
/// store.write_with_blocking("today", &42, &WriteOptions::new().expires_in("1d"))?;
/// assert!(store.exists_blocking("today")?);
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok::<_, millrun::result::ResultStoreError>(())
/// ```
#[derive(Clone)]
pub struct ResultStore {
    place: Place,
    shared: Arc<Shared>,
}

/// What is told to the store when it is made.
#[derive(Clone)]
struct Shared {
    serializer: Arc<dyn ResultSerializer>,
    /// Serializers that records may name beside those of Millrun.
    known: Vec<Arc<dyn ResultSerializer>>,
    locks: Option<Arc<dyn LockManager>>,
    clock: Clock,
    /// The keys whose records have been complained of.
    complained: Arc<Mutex<HashSet<String>>>,
}

impl ResultStore {
    fn at(place: Place) -> Self {
        let shared = Shared {
            serializer: Arc::new(Json),
            known: Vec::new(),
            locks: None,
            clock: Clock::system(),
            complained: Arc::default(),
        };
        Self { place, shared: Arc::new(shared) }
    }

    /// In memory: the records are gone with the last handle.
    pub fn memory() -> Self {
        Self::at(Place::Memory(Arc::new(Memory::default())))
    }

    /// In files below a directory, which is made by the first write. A relative path counts from the working directory now.
    ///
    /// # Errors
    /// The path is empty, or there is a file of that name.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, ResultStoreError> {
        Ok(Self::at(Place::Directory(Arc::new(Directory::at(path.as_ref())?))))
    }

    /// In `$MILLRUN_HOME/storage`, else in `.millrun/storage` of the user's home directory.
    ///
    /// # Errors
    /// There is neither, or [`directory`](Self::directory) does not take it.
    pub fn default_directory() -> Result<Self, ResultStoreError> {
        let Some(home) = settings::home() else {
            return Err(ResultStoreError::new(
                Problem::Place,
                "there is no home directory to keep results in: set `MILLRUN_HOME`, or choose a place with \
                 `ResultStore::directory`",
            ));
        };
        Self::directory(home.join("storage"))
    }

    /// In the place that a url names.
    ///
    /// | url | place | feature | credentials |
    /// |---|---|---|---|
    /// | `memory://` | memory | | |
    /// | `file:///folder` | files below a directory | | |
    /// | `s3://bucket/folder` | Amazon S3 and what speaks like it | `s3` | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, … |
    /// | `gs://bucket/folder` | Google Cloud Storage | `gcs` | `GOOGLE_APPLICATION_CREDENTIALS`, `GOOGLE_SERVICE_ACCOUNT`, … |
    /// | `az://container/folder` | Azure Blob Storage | `azure` | `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, … |
    ///
    /// The variables are those that the builders of the crate `object_store` read from the environment. Nothing is connected to
    /// before the first operation.
    ///
    /// ```
    /// use millrun::result::ResultStore;
    ///
    /// assert!(ResultStore::url("memory://").is_ok());
    /// let error = ResultStore::url("ftp://example.org/results").unwrap_err();
    /// assert!(error.is_invalid_place());
    /// ```
    ///
    /// # Errors
    /// The url is none of these, its feature is not on, or the credentials in the environment cannot be such.
    pub fn url(url: &str) -> Result<Self, ResultStoreError> {
        Place::at_url(url).map(Self::at)
    }

    /// In an object store of the crate `object_store` that was made by hand.
    ///
    /// # Errors
    /// `folder`, where not empty, cannot be a key.
    #[cfg(feature = "object-store")]
    pub fn objects(
        store: Arc<dyn object_store::ObjectStore>,
        folder: &str,
    ) -> Result<Self, ResultStoreError> {
        let prefix = match folder {
            "" => String::new(),
            folder => name_of(folder)? + "/",
        };
        let location = store.to_string();
        Ok(Self::at(Place::Objects(place::Objects::new(store, prefix, location))))
    }

    fn with(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        change(&mut shared);
        Self { shared: Arc::new(shared), ..self }
    }

    /// Writes values with that serializer from now on. Those it had before still read what they wrote.
    pub fn with_serializer(self, serializer: impl ResultSerializer + 'static) -> Self {
        self.with(|shared| {
            let serializer: Arc<dyn ResultSerializer> = Arc::new(serializer);
            shared.known.retain(|known| known.name() != serializer.name());
            shared.known.push(serializer.clone());
            shared.serializer = serializer;
        })
    }

    /// Asks that lock manager before each write and each removal: what another has locked is an error. By default there is none.
    pub fn with_lock_manager(self, locks: impl LockManager + 'static) -> Self {
        self.with(|shared| shared.locks = Some(Arc::new(locks)))
    }

    /// Takes the time from that clock, to say when a record was written and whether it has expired.
    pub fn with_clock(self, clock: Clock) -> Self {
        self.with(|shared| shared.clock = clock)
    }

    /// Takes the time from that clock, as [`with_clock`](Self::with_clock) does, at no cost where it does already.
    pub(crate) fn in_time_of(self, clock: &Clock) -> Self {
        if self.shared.clock.is(clock) { self } else { self.with_clock(clock.clone()) }
    }

    /// Whether a write is on the disk when it is done, so that not even a failure of the machine undoes it. By default the
    /// system writes when it likes: whatever happens to the process, nothing is lost, but a failure of the machine may cost
    /// the last records. Only a directory knows the difference.
    pub fn with_synced_writes(self, synced: bool) -> Self {
        let Place::Directory(directory) = &self.place else { return self };
        let place = Place::Directory(Arc::new(directory.with_synced(synced)));
        Self { place, ..self }
    }

    /// The name of the serializer that values are written with.
    pub fn serializer_name(&self) -> &str {
        self.shared.serializer.name()
    }

    /// The lock manager, if it has one.
    pub fn lock_manager(&self) -> Option<&Arc<dyn LockManager>> {
        self.shared.locks.as_ref()
    }

    /// Writes a value under `key`, in place of what is there. It is serialised at once, and kept when this is awaited.
    ///
    /// # Errors
    /// The key cannot be one, the serializer cannot write the value, another has locked the key, or the place does not take it.
    ///
    /// # Cancel safety
    /// Dropped before its end, the record is written whole or not at all.
    pub fn write<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
    ) -> impl Future<Output = Result<(), ResultStoreError>> + Send + use<T> {
        self.write_with(key, value, &WriteOptions::new())
    }

    /// [`write`](Self::write) for sync programs.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_blocking<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<(), ResultStoreError> {
        self.write_with_blocking(key, value, &WriteOptions::new())
    }

    /// [`write`](Self::write), of a record that says more, or that expires.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_with<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        options: &WriteOptions,
    ) -> impl Future<Output = Result<(), ResultStoreError>> + Send + use<T> {
        self.put_drafted(self.draft(key, AnyValue::of(&value), type_name::<T>(), options))
    }

    /// [`write_with`](Self::write_with) for sync programs.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_with_blocking<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        options: &WriteOptions,
    ) -> Result<(), ResultStoreError> {
        self.put_blocking(self.draft(key, AnyValue::of(&value), type_name::<T>(), options)?)
    }

    /// [`write_with`](Self::write_with), of a value whose type only `result_type` knows.
    ///
    /// # Errors
    /// Those of [`write`](Self::write), and a value that is not of that type.
    pub fn write_erased(
        &self,
        key: &str,
        value: &(dyn Any + Send + Sync),
        result_type: ResultType,
        options: &WriteOptions,
    ) -> impl Future<Output = Result<(), ResultStoreError>> + Send + use<> {
        self.put_drafted(self.draft_erased(key, value, result_type, options))
    }

    /// [`write_erased`](Self::write_erased) for sync programs.
    ///
    /// # Errors
    /// Those of [`write_erased`](Self::write_erased).
    pub fn write_erased_blocking(
        &self,
        key: &str,
        value: &(dyn Any + Send + Sync),
        result_type: ResultType,
        options: &WriteOptions,
    ) -> Result<(), ResultStoreError> {
        self.put_blocking(self.draft_erased(key, value, result_type, options)?)
    }

    /// Reads the value under `key`.
    ///
    /// # Errors
    /// The key cannot be one, the record holds a value of another type, or the place cannot be read.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Read<T>, ResultStoreError> {
        let stored = self.place.get(name_of(key)?).await?;
        self.value(key, stored)
    }

    /// [`read`](Self::read) for sync programs.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_blocking<T: DeserializeOwned>(&self, key: &str) -> Result<Read<T>, ResultStoreError> {
        let stored = self.place.get_blocking(name_of(key)?)?;
        self.value(key, stored)
    }

    /// [`read`](Self::read), of a value whose type only `result_type` knows.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn read_erased(
        &self,
        key: &str,
        result_type: ResultType,
    ) -> Result<Read<Arc<dyn Any + Send + Sync>>, ResultStoreError> {
        let stored = self.place.get(name_of(key)?).await?;
        self.value_erased(key, stored, result_type)
    }

    /// [`read_erased`](Self::read_erased) for sync programs.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_erased_blocking(
        &self,
        key: &str,
        result_type: ResultType,
    ) -> Result<Read<Arc<dyn Any + Send + Sync>>, ResultStoreError> {
        let stored = self.place.get_blocking(name_of(key)?)?;
        self.value_erased(key, stored, result_type)
    }

    /// The value under `key`, without what its record says, or why there is none.
    pub(crate) async fn find(
        &self,
        key: &str,
        result_type: ResultType,
    ) -> Result<Result<Erased, Missing>, ResultStoreError> {
        let stored = self.place.get(name_of(key)?).await?;
        self.value_alone(key, stored, result_type)
    }

    /// [`find`](Self::find) for sync programs.
    pub(crate) fn find_blocking(
        &self,
        key: &str,
        result_type: ResultType,
    ) -> Result<Result<Erased, Missing>, ResultStoreError> {
        let stored = self.place.get_blocking(name_of(key)?)?;
        self.value_alone(key, stored, result_type)
    }

    /// Whether there is a record under `key` that has not expired. Its header alone is read: a payload that is damaged shows
    /// when it is read.
    ///
    /// # Errors
    /// The key cannot be one, or the place cannot be read.
    pub async fn exists(&self, key: &str) -> Result<bool, ResultStoreError> {
        let mut most = BEGINNING;
        loop {
            let Some(beginning) = self.place.beginning(name_of(key)?, most).await? else { return Ok(false) };
            match self.is_good(key, &beginning, most) {
                Some(good) => return Ok(good),
                None => most *= 16,
            }
        }
    }

    /// [`exists`](Self::exists) for sync programs.
    ///
    /// # Errors
    /// Those of [`exists`](Self::exists).
    pub fn exists_blocking(&self, key: &str) -> Result<bool, ResultStoreError> {
        let mut most = BEGINNING;
        loop {
            let Some(beginning) = self.place.beginning_blocking(name_of(key)?, most)? else {
                return Ok(false);
            };
            match self.is_good(key, &beginning, most) {
                Some(good) => return Ok(good),
                None => most *= 16,
            }
        }
    }

    /// Deletes what is under `key`, whatever it is: says whether there was anything.
    ///
    /// # Errors
    /// The key cannot be one, another has locked it, or the place does not let go of it.
    pub async fn delete(&self, key: &str) -> Result<bool, ResultStoreError> {
        self.delete_by(key, None).await
    }

    /// [`delete`](Self::delete) for sync programs.
    ///
    /// # Errors
    /// Those of [`delete`](Self::delete).
    pub fn delete_blocking(&self, key: &str) -> Result<bool, ResultStoreError> {
        self.delete_by_blocking(key, None)
    }

    /// [`delete`](Self::delete), by an owner of locks: what it has locked is not locked for it.
    ///
    /// # Errors
    /// Those of [`delete`](Self::delete).
    pub async fn delete_by(&self, key: &str, owner: Option<&str>) -> Result<bool, ResultStoreError> {
        let name = name_of(key)?;
        if let Some(locks) = &self.shared.locks {
            check_holder(key, owner, locks.holder(key).await)?;
        }
        self.forgive(key);
        self.place.delete(name).await
    }

    /// [`delete_by`](Self::delete_by) for sync programs.
    ///
    /// # Errors
    /// Those of [`delete`](Self::delete).
    pub fn delete_by_blocking(&self, key: &str, owner: Option<&str>) -> Result<bool, ResultStoreError> {
        let name = name_of(key)?;
        if let Some(locks) = &self.shared.locks {
            check_holder(key, owner, locks.holder_blocking(key))?;
        }
        self.forgive(key);
        self.place.delete_blocking(name)
    }
}

fn name_of(key: &str) -> Result<String, ResultStoreError> {
    key::name_of(key).map_err(|problem| ResultStoreError::invalid_key(key, &problem))
}

impl fmt::Debug for ResultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultStore")
            .field("place", &format_args!("{}", self.place))
            .field("serializer", &self.serializer_name())
            .field("locks", &self.shared.locks.is_some())
            .finish()
    }
}

//! Locks on keys: [`LockManager`], and those that Millrun has, [`MemoryLockManager`] for one process and [`FileLockManager`]
//! for all of a machine.
//!
//! A lock belongs to an *owner*, a name that whoever asks chooses: the id of a run, say. An owner may take a lock again that it
//! holds, and has to release it as often. A lock may be held for so long at most, and is free again then.

mod file;
mod memory;
mod turns;

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::wait;
use crate::options::IntoDuration;
use crate::result::key::shown;

pub use self::file::FileLockManager;
pub use self::memory::MemoryLockManager;

/// What the methods of a [`LockManager`] give: a boxed future.
pub type LockFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LockError>> + Send + 'a>>;

/// Who wants a lock, how long it waits for it, and for how long it holds it.
///
/// ```
/// use millrun::lock::LockRequest;
///
/// let request = LockRequest::by("run-1").with_timeout("10s").with_hold("1m");
/// assert_eq!(request.owner(), "run-1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockRequest {
    owner: Arc<str>,
    timeout: Option<Duration>,
    hold: Option<Duration>,
}

impl LockRequest {
    /// For that owner, which waits as long as it takes, and holds the lock until it releases it.
    pub fn by(owner: impl Into<Arc<str>>) -> Self {
        Self { owner: owner.into(), timeout: None, hold: None }
    }

    /// Waits so long at most. With zero, it does not wait at all.
    ///
    /// # Panics
    /// Panics on a string that is not a duration.
    #[must_use]
    #[track_caller]
    pub fn with_timeout(self, timeout: impl IntoDuration) -> Self {
        Self { timeout: Some(timeout.into_duration()), ..self }
    }

    /// Holds it so long at most, from when it has it.
    ///
    /// # Panics
    /// Panics on a string that is not a duration.
    #[must_use]
    #[track_caller]
    pub fn with_hold(self, hold: impl IntoDuration) -> Self {
        Self { hold: Some(hold.into_duration()), ..self }
    }

    /// Who wants it.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// How long it waits; as long as it takes, if that is not said.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// How long it holds the lock; until it releases it, if that is not said.
    pub fn hold(&self) -> Option<Duration> {
        self.hold
    }
}

/// Keeps locks on keys, which are any text.
///
/// ```
/// use millrun::lock::{LockManager, LockRequest, MemoryLockManager};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), millrun::lock::LockError> {
/// let locks = MemoryLockManager::new();
/// locks.acquire("report", &LockRequest::by("one")).await?;
///
/// let error = locks.acquire("report", &LockRequest::by("another").with_timeout("0s")).await.unwrap_err();
/// assert!(error.is_timeout());
/// assert_eq!(error.holder(), Some("one"));
///
/// locks.release("report", "one").await?;
/// assert_eq!(locks.holder("report").await?, None);
/// # Ok(())
/// # }
/// ```
pub trait LockManager: Send + Sync {
    /// Takes the lock on `key`, once it is free or if its owner holds it already. Who waits is served in order.
    ///
    /// An owner that takes it again holds it at least as long as it did, and as long as it asks for now.
    ///
    /// # Errors
    /// The time is over that the request waits ([`LockError::is_timeout`]), or the locks cannot be reached.
    ///
    /// # Cancel safety
    /// Dropped before its turn, it leaves the queue.
    fn acquire<'a>(&'a self, key: &'a str, request: &'a LockRequest) -> LockFuture<'a, ()>;

    /// Gives back what `owner` has taken once.
    ///
    /// # Errors
    /// Another holds the lock, which the error names, or nobody does; or the locks cannot be reached.
    fn release<'a>(&'a self, key: &'a str, owner: &'a str) -> LockFuture<'a, ()>;

    /// The owner that holds the lock now.
    ///
    /// # Errors
    /// The locks cannot be reached.
    fn holder<'a>(&'a self, key: &'a str) -> LockFuture<'a, Option<String>>;

    /// [`acquire`](Self::acquire) for sync programs.
    ///
    /// # Errors
    /// Those of [`acquire`](Self::acquire).
    fn acquire_blocking(&self, key: &str, request: &LockRequest) -> Result<(), LockError> {
        wait::block_on_future(self.acquire(key, request))
    }

    /// [`release`](Self::release) for sync programs.
    ///
    /// # Errors
    /// Those of [`release`](Self::release).
    fn release_blocking(&self, key: &str, owner: &str) -> Result<(), LockError> {
        wait::block_on_future(self.release(key, owner))
    }

    /// [`holder`](Self::holder) for sync programs.
    ///
    /// # Errors
    /// Those of [`holder`](Self::holder).
    fn holder_blocking(&self, key: &str) -> Result<Option<String>, LockError> {
        wait::block_on_future(self.holder(key))
    }
}

impl<L: LockManager + ?Sized> LockManager for Arc<L> {
    fn acquire<'a>(&'a self, key: &'a str, request: &'a LockRequest) -> LockFuture<'a, ()> {
        (**self).acquire(key, request)
    }

    fn release<'a>(&'a self, key: &'a str, owner: &'a str) -> LockFuture<'a, ()> {
        (**self).release(key, owner)
    }

    fn holder<'a>(&'a self, key: &'a str) -> LockFuture<'a, Option<String>> {
        (**self).holder(key)
    }

    fn acquire_blocking(&self, key: &str, request: &LockRequest) -> Result<(), LockError> {
        (**self).acquire_blocking(key, request)
    }

    fn release_blocking(&self, key: &str, owner: &str) -> Result<(), LockError> {
        (**self).release_blocking(key, owner)
    }

    fn holder_blocking(&self, key: &str) -> Result<Option<String>, LockError> {
        (**self).holder_blocking(key)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Timeout,
    Held,
    NotHeld,
    Unreachable,
}

/// Why a lock was not taken or not released.
#[derive(Debug)]
pub struct LockError {
    problem: Problem,
    message: String,
    holder: Option<String>,
    source: Option<io::Error>,
}

impl LockError {
    fn new(problem: Problem, message: String, holder: Option<&str>) -> Self {
        Self { problem, message, holder: holder.map(Into::into), source: None }
    }

    /// The time is over that somebody waits; for lock managers of your own.
    pub fn timeout(key: &str, request: &LockRequest, holder: Option<&str>) -> Self {
        let held = holder.map_or_else(|| "somebody else".into(), |holder| format!("`{holder}`"));
        let waited = request.timeout.unwrap_or_default();
        let message = format!(
            "`{}` did not get the lock on `{}` within {} seconds: {held} holds it",
            request.owner,
            shown(key),
            waited.as_secs_f64()
        );
        Self::new(Problem::Timeout, message, holder)
    }

    /// Another holds the lock; for lock managers of your own.
    pub fn held(key: &str, holder: &str) -> Self {
        Self::new(Problem::Held, format!("`{holder}` holds the lock on `{}`", shown(key)), Some(holder))
    }

    /// Nobody holds the lock that `owner` wants to release; for lock managers of your own.
    pub fn not_held(key: &str, owner: &str) -> Self {
        let message = format!(
            "`{owner}` does not hold the lock on `{}`: it has released it, or the time is over that it asked for",
            shown(key)
        );
        Self::new(Problem::NotHeld, message, None)
    }

    /// The locks cannot be reached; for lock managers of your own.
    pub fn unreachable(doing: impl fmt::Display, source: io::Error) -> Self {
        let message = format!("failed to {doing}: {source}");
        Self { source: Some(source), ..Self::new(Problem::Unreachable, message, None) }
    }

    /// Whether the time was over that the request waits.
    pub fn is_timeout(&self) -> bool {
        self.problem == Problem::Timeout
    }

    /// Whether another holds the lock that was to be released, or is needed.
    pub fn is_held_by_another(&self) -> bool {
        self.problem == Problem::Held
    }

    /// Whether nobody holds the lock that was to be released.
    pub fn is_not_held(&self) -> bool {
        self.problem == Problem::NotHeld
    }

    /// Who holds the lock, where that is known.
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for LockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

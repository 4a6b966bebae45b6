//! Locks within one process.

use std::fmt;

use super::turns::{Turned, Turns, within};
use super::{LockError, LockFuture, LockManager, LockRequest};
use crate::clock::Clock;

/// Locks within one process, in memory. A cheap handle, `Clone`.
///
/// Who waits is served in the order in which it came, at once when the lock is free, and nothing polls.
#[derive(Clone)]
pub struct MemoryLockManager(Turns<()>);

impl MemoryLockManager {
    /// Nothing is locked.
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// The same, by that clock: for tests that move it.
    pub fn with_clock(clock: Clock) -> Self {
        Self(Turns::new(clock))
    }
}

impl Default for MemoryLockManager {
    fn default() -> Self {
        Self::new()
    }
}

impl LockManager for MemoryLockManager {
    fn acquire<'a>(&'a self, key: &'a str, request: &'a LockRequest) -> LockFuture<'a, ()> {
        Box::pin(async move {
            let turn = async {
                if let Turned::First(taking) = self.0.turn(key, request).await {
                    taking.take((), request.hold());
                }
            };
            within(self.0.clock(), request.timeout(), turn)
                .await
                .ok_or_else(|| LockError::timeout(key, request, self.0.holder(key).as_deref()))
        })
    }

    fn release<'a>(&'a self, key: &'a str, owner: &'a str) -> LockFuture<'a, ()> {
        let released = self.0.release(key, owner).unwrap_or_else(|| Err(LockError::not_held(key, owner)));
        Box::pin(std::future::ready(released))
    }

    fn holder<'a>(&'a self, key: &'a str) -> LockFuture<'a, Option<String>> {
        Box::pin(std::future::ready(Ok(self.0.holder(key).map(|holder| holder.to_string()))))
    }
}

impl fmt::Debug for MemoryLockManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryLockManager")
    }
}

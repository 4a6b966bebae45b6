//! Parameters that tasks take by reference, and what lends to them.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A parameter that a task takes by reference: borrowed from the caller, or from what holds it for the run.
///
/// It stands for `&'a T` in the types that a task is made of; users meet it in compile errors only.
pub struct Ref<'a, T: ?Sized>(RefKind<'a, T>);

enum RefKind<'a, T: ?Sized> {
    Borrowed(&'a T),
    Held(Arc<dyn Holds<T> + 'a>),
}

/// Something that lends a `T` for as long as it is held.
pub(super) trait Holds<T: ?Sized>: Send + Sync {
    fn lend(&self) -> &T;
}

impl<T: Send + Sync> Holds<T> for T {
    fn lend(&self) -> &T {
        self
    }
}

impl Holds<str> for String {
    fn lend(&self) -> &str {
        self
    }
}

impl<T: Send + Sync> Holds<[T]> for Vec<T> {
    fn lend(&self) -> &[T] {
        self
    }
}

impl Holds<Path> for PathBuf {
    fn lend(&self) -> &Path {
        self
    }
}

/// Holds what is shared already.
pub(super) struct Shared<T: ?Sized>(pub(super) Arc<T>);

impl<T: ?Sized + Send + Sync> Holds<T> for Shared<T> {
    fn lend(&self) -> &T {
        &self.0
    }
}

impl<'a, T: ?Sized> Ref<'a, T> {
    /// What the caller of a task passes.
    #[doc(hidden)]
    pub const fn borrowed(value: &'a T) -> Self {
        Self(RefKind::Borrowed(value))
    }

    pub(super) fn held(value: Arc<impl Holds<T> + 'a>) -> Self {
        Self(RefKind::Held(value))
    }
}

impl<T: ?Sized> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            RefKind::Borrowed(value) => value,
            RefKind::Held(value) => (**value).lend(),
        }
    }
}

impl<T: ?Sized> Clone for Ref<'_, T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            RefKind::Borrowed(value) => RefKind::Borrowed(value),
            RefKind::Held(value) => RefKind::Held(Arc::clone(value)),
        })
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + Serialize> Serialize for Ref<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

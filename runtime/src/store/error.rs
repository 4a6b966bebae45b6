//! What goes wrong with a run store.

use std::error::Error;
use std::fmt;

use crate::error::BoxError;

/// A run store could not do what was asked of it.
#[derive(Debug)]
pub struct StoreError {
    message: String,
    kind: Kind,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Temporary,
    Gone,
    Other,
}

impl StoreError {
    /// One that trying again does not mend. `message` says what failed, and what to do about it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Other, source: None }
    }

    /// One that may be gone a moment later: a server that cannot be reached, a full disk.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self { kind: Kind::Temporary, ..Self::new(message) }
    }

    /// The owner that asks was taken for dead.
    pub fn gone(message: impl Into<String>) -> Self {
        Self { kind: Kind::Gone, ..Self::new(message) }
    }

    /// With what lies behind it.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Whether trying again may help.
    pub fn is_temporary(&self) -> bool {
        self.kind == Kind::Temporary
    }

    /// Whether the owner that asks was taken for dead.
    pub fn is_gone(&self) -> bool {
        self.kind == Kind::Gone
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

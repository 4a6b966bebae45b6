//! What can go wrong with a record: [`ResultStoreError`].

use std::error::Error;
use std::fmt;
use std::io;

use super::key::shown;
use crate::error::BoxError;
use crate::lock::LockError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Key,
    Place,
    Feature,
    Locked,
    Value,
    Type,
    Full,
    Permission,
    Other,
}

/// Why a result could not be written, read or deleted. That there is no record is no error, but
/// [`Read::Missing`](super::Read::Missing).
#[derive(Debug)]
pub struct ResultStoreError(Box<Repr>);

#[derive(Debug)]
struct Repr {
    problem: Problem,
    message: String,
    source: Option<BoxError>,
}

impl ResultStoreError {
    pub(super) fn new(problem: Problem, message: impl Into<String>) -> Self {
        Self(Box::new(Repr { problem, message: message.into(), source: None }))
    }

    pub(super) fn because(problem: Problem, message: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self(Box::new(Repr { problem, message: message.into(), source: Some(source.into()) }))
    }

    pub(super) fn invalid_key(key: &str, problem: &str) -> Self {
        Self::new(Problem::Key, format!("`{}` cannot be the key of a record: {problem}", shown(key)))
    }

    /// What the system said of `place`, on `doing` ("write", "read") something there.
    pub(super) fn io(doing: &str, place: impl fmt::Display, error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let (problem, advice) = match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => {
                (Problem::Full, ": there is no space left; make some, or choose another place for results")
            }
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => (
                Problem::Permission,
                ": this user may not; grant it the right to, or choose another place for results",
            ),
            Kind::NotADirectory | Kind::IsADirectory => (
                Problem::Key,
                ": what is a folder for one key is a record for another; give one of them another name",
            ),
            _ => (Problem::Other, ""),
        };
        Self::because(problem, format!("failed to {doing} {place}{advice}"), error)
    }

    #[cfg(feature = "object-store")]
    pub(super) fn object(doing: &str, place: impl fmt::Display, error: object_store::Error) -> Self {
        use object_store::Error as Object;
        let (problem, advice) = match &error {
            Object::PermissionDenied { .. } => (Problem::Permission, ": these credentials do not suffice"),
            Object::Unauthenticated { .. } => {
                (Problem::Permission, ": there are no valid credentials; set the variables of the service")
            }
            other => (io_problem(other), ""),
        };
        Self::because(problem, format!("failed to {doing} {place}{advice}"), error)
    }

    pub(super) fn locked(key: &str, error: LockError) -> Self {
        Self::because(Problem::Locked, format!("failed to change `{}`", shown(key)), error)
    }

    fn is(&self, problem: Problem) -> bool {
        self.0.problem == problem
    }

    /// Whether the key cannot be one, or not beside those that there are.
    pub fn is_invalid_key(&self) -> bool {
        self.is(Problem::Key)
    }

    /// Whether the url or the path of the store cannot be one.
    pub fn is_invalid_place(&self) -> bool {
        self.is(Problem::Place)
    }

    /// Whether a feature of this crate is needed, which the message names.
    pub fn is_missing_feature(&self) -> bool {
        self.is(Problem::Feature)
    }

    /// Whether another has locked the record, or the lock manager failed to tell.
    pub fn is_locked(&self) -> bool {
        self.is(Problem::Locked)
    }

    /// Whether the serializer cannot write the value.
    pub fn is_unserializable(&self) -> bool {
        self.is(Problem::Value)
    }

    /// Whether the record holds a value of another type than was asked for.
    pub fn is_wrong_type(&self) -> bool {
        self.is(Problem::Type)
    }

    /// Whether there is no space left.
    pub fn is_full(&self) -> bool {
        self.is(Problem::Full)
    }

    /// Whether the right to do so is missing.
    pub fn is_permission_denied(&self) -> bool {
        self.is(Problem::Permission)
    }

    /// Who holds the lock that is in the way, where that is known.
    pub fn holder(&self) -> Option<&str> {
        self.0.source.as_ref()?.downcast_ref::<LockError>()?.holder()
    }
}

/// What the error of the system beneath is about.
#[cfg(feature = "object-store")]
fn io_problem(error: &(dyn Error + 'static)) -> Problem {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => return Problem::Full,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    return Problem::Permission;
                }
                io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => return Problem::Key,
                _ => {}
            }
        }
        next = error.source();
    }
    Problem::Other
}

impl fmt::Display for ResultStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for ResultStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

//! All tasks and flows of the program, by key: each registers itself where it is compiled in.

use std::error::Error;
use std::fmt;

use crate::spec::{Spec, SpecBuilder};

/// What an expansion registers.
#[doc(hidden)]
pub struct Registered(&'static SpecBuilder);

impl Registered {
    #[doc(hidden)]
    pub const fn new(spec: &'static SpecBuilder) -> Self {
        Self(spec)
    }
}

inventory::collect!(Registered);

fn specs() -> impl Iterator<Item = &'static Spec> {
    inventory::iter::<Registered>().map(|registered| &registered.0.0)
}

/// All tasks of the program, in no particular order.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn double(x: u32) -> u32 { 2 * x }
///
/// assert!(millrun::registry::tasks().any(|spec| spec.name() == "double"));
/// ```
pub fn tasks() -> impl Iterator<Item = &'static Spec> {
    specs().filter(|spec| !spec.is_flow)
}

/// All flows of the program, in no particular order.
pub fn flows() -> impl Iterator<Item = &'static Spec> {
    specs().filter(|spec| spec.is_flow)
}

/// The task or flow with that [key](Spec::key), if there is one.
///
/// # Errors
/// More than one has the key: two functions of one name in one module, inside of other functions.
pub fn find(key: &str) -> Result<Option<&'static Spec>, AmbiguousKey> {
    let mut found = specs().filter(|spec| spec.key() == key);
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => {
            Err(AmbiguousKey { key: key.to_owned(), places: [one.location(), other.location()] })
        }
        (one, _) => Ok(one),
    }
}

/// Two tasks or flows have the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbiguousKey {
    key: String,
    places: [String; 2],
}

impl fmt::Display for AmbiguousKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.places;
        write!(f, "two functions have the key `{}`: {one} and {other}; rename one of them", self.key)
    }
}

impl Error for AmbiguousKey {}

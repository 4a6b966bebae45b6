//! All tasks and flows of the program, by key: each registers itself where it is compiled in.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value};

use crate::body::Flow;
use crate::engine::flow_run::Start;
use crate::flow::start_recorded;
use crate::options::Options;
use crate::spec::{Spec, SpecBuilder};

/// What an expansion registers.
#[doc(hidden)]
pub struct Registered {
    spec: &'static SpecBuilder,
    /// Begins a run of a flow with recorded parameters; or says which of them cannot be read, and why.
    start: Option<StartFn>,
}

/// Begins a run of a flow with recorded parameters; or says which of them cannot be read, and why.
pub(crate) type StartFn = fn(&Map<String, Value>, Options) -> Result<Start, String>;

impl Registered {
    #[doc(hidden)]
    pub const fn new(spec: &'static SpecBuilder) -> Self {
        Self { spec, start: None }
    }

    #[doc(hidden)]
    pub const fn flow<K: Flow<Args: 'static> + 'static>(spec: &'static SpecBuilder) -> Self {
        Self { spec, start: Some(start_recorded::<K>) }
    }
}

inventory::collect!(Registered);

fn registered() -> impl Iterator<Item = &'static Registered> {
    inventory::iter::<Registered>()
}

fn specs() -> impl Iterator<Item = &'static Spec> {
    registered().map(|registered| &registered.spec.0)
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

/// How a run of the flow with that key is begun with recorded parameters.
///
/// # Errors
/// There is none, there are two, or it is generic.
pub(crate) fn start_of(key: &str) -> Result<StartFn, String> {
    match find(key) {
        Err(ambiguous) => Err(ambiguous.to_string()),
        Ok(None) => Err(format!("this program has no flow `{key}`")),
        Ok(Some(spec)) => registered()
            .find(|registered| std::ptr::eq(&raw const registered.spec.0, spec))
            .and_then(|registered| registered.start)
            .ok_or_else(|| format!("`{key}` is no flow that can be begun by its name: it is generic")),
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

//! What is asked of a type where it may be there or not.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{OfJson, ToJson};
use crate::result::{AnyValue, ResultType};

/// Finds out about a type without asking a bound of it: an inherent constant, where its bound holds, goes before that of a
/// trait. Only for types without lifetimes of their own, for which what holds for one holds for all.
#[doc(hidden)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: Clone> Probe<T> {
    /// How to clone a `T`.
    pub const CLONE: Option<fn(&T) -> T> = Some(T::clone);
}

/// What [`Probe`] says of a type that is not `Clone`.
#[doc(hidden)]
pub trait CloneProbe<T> {
    /// It cannot be cloned.
    const CLONE: Option<fn(&T) -> T> = None;
}

impl<T> CloneProbe<T> for Probe<T> {}

impl<T: Serialize> Probe<T> {
    /// How to write a `T`.
    pub const JSON: ToJson<T> = Some(|value| AnyValue::of(value));
}

impl<T> Probe<T> {
    /// It is not asked for.
    pub const NO_JSON: ToJson<T> = None;
    /// Nor whether it can be read.
    pub const NO_OF_JSON: OfJson<T> = None;
}

impl<T: DeserializeOwned> Probe<T> {
    /// How to read a `T`.
    pub const OF_JSON: OfJson<T> = Some(|given| serde_json::from_value(given));
}

/// What [`Probe`] says of a type that is not `Deserialize`.
#[doc(hidden)]
pub trait OfJsonProbe<T> {
    /// It cannot be read.
    const OF_JSON: OfJson<T> = None;
}

impl<T> OfJsonProbe<T> for Probe<T> {}

/// What [`Probe`] says of a type that is not `Serialize`.
#[doc(hidden)]
pub trait JsonProbe<T> {
    /// It cannot be written.
    const JSON: ToJson<T> = None;
}

impl<T> JsonProbe<T> for Probe<T> {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Probe<T> {
    /// How a `T` is kept.
    pub const KEPT: Option<ResultType> = Some(ResultType::of::<T>());
}

/// What [`Probe`] says of a type that cannot be kept.
#[doc(hidden)]
pub trait KeptProbe<T> {
    /// It cannot be written, or not read.
    const KEPT: Option<ResultType> = None;
}

impl<T> KeptProbe<T> for Probe<T> {}

impl<T, E> Probe<Result<T, E>> {
    /// It is a `Result`.
    pub const IS_RESULT: bool = true;
}

/// What [`Probe`] says of a type that is no `Result`.
#[doc(hidden)]
pub trait ResultProbe {
    /// It is not.
    const IS_RESULT: bool = false;
}

impl<T> ResultProbe for Probe<T> {}

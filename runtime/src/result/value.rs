//! Values whose type nobody here knows: as serializers see them, and as the engine holds them.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserializer, Serialize, Serializer};

use super::serializer::{Json, ResultSerializer};
use crate::body::Erased;
use crate::error::BoxError;

/// A value on its way into a record: of whatever type, it can be serialised.
#[derive(Clone, Copy)]
pub struct AnyValue<'a>(&'a dyn erased_serde::Serialize);

impl<'a> AnyValue<'a> {
    /// This one.
    pub fn of<T: Serialize>(value: &'a T) -> Self {
        Self(value)
    }
}

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(self.0, serializer)
    }
}

impl fmt::Debug for AnyValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyValue")
    }
}

/// What takes a value out of a record.
pub(super) trait Fill {
    fn fill(
        &mut self,
        deserializer: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), erased_serde::Error>;

    /// The same from JSON, which most records are: many times as fast as through a deserializer whose type is erased.
    fn fill_json(&mut self, bytes: &[u8]) -> serde_json::Result<()>;
}

impl<T: DeserializeOwned> Fill for Option<T> {
    fn fill(
        &mut self,
        deserializer: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), erased_serde::Error> {
        *self = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    }

    fn fill_json(&mut self, bytes: &[u8]) -> serde_json::Result<()> {
        *self = Some(serde_json::from_slice(bytes)?);
        Ok(())
    }
}

/// A value of a type that only `of` knows.
pub(super) struct ErasedValue {
    pub(super) of: ResultType,
    pub(super) value: Option<Erased>,
}

impl Fill for ErasedValue {
    fn fill(
        &mut self,
        deserializer: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), erased_serde::Error> {
        self.value = Some((self.of.read)(deserializer)?);
        Ok(())
    }

    fn fill_json(&mut self, bytes: &[u8]) -> serde_json::Result<()> {
        self.value = Some((self.of.read_json)(bytes)?);
        Ok(())
    }
}

/// Where a value goes that comes out of a record: of whatever type, it can be deserialised.
pub struct AnySlot<'a>(&'a mut dyn Fill);

impl<'a> AnySlot<'a> {
    pub(super) fn of(fill: &'a mut dyn Fill) -> Self {
        Self(fill)
    }

    /// Deserialises the value.
    ///
    /// # Errors
    /// What `deserializer` holds is not a value of the type that is asked for.
    pub fn fill<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut deserializer = <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
        self.0.fill(&mut deserializer).map_err(D::Error::custom)
    }

    /// Deserialises the value from JSON, all of `bytes`.
    pub(super) fn fill_json(self, bytes: &[u8]) -> serde_json::Result<()> {
        self.0.fill_json(bytes)
    }
}

impl fmt::Debug for AnySlot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnySlot")
    }
}

/// How values of one type are written to records and read from them, for those who do not know the type: four function
/// pointers, `Copy`, and made at compile time.
///
/// ```
/// use millrun::result::{Read, ResultStore, ResultType, WriteOptions};
/// use std::any::Any;
/// use std::sync::Arc;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), millrun::result::ResultStoreError> {
/// const NUMBERS: ResultType = ResultType::of::<Vec<u32>>();
/// let value: Arc<dyn Any + Send + Sync> = Arc::new(vec![1_u32, 2]);
///
/// let store = ResultStore::memory();
/// store.write_erased("numbers", &*value, NUMBERS, &WriteOptions::new()).await?;
/// let Read::Found(record) = store.read_erased("numbers", NUMBERS).await? else { panic!("it is there") };
/// assert_eq!(record.value.downcast_ref::<Vec<u32>>().unwrap(), &[1, 2]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct ResultType {
    name: fn() -> &'static str,
    write: for<'a> fn(&'a (dyn Any + Send + Sync)) -> Option<AnyValue<'a>>,
    read: fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<Erased, erased_serde::Error>,
    read_json: fn(&[u8]) -> serde_json::Result<Erased>,
}

impl ResultType {
    /// How a `T` is.
    pub const fn of<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            name: type_name::<T>,
            write: |value| value.downcast_ref::<T>().map(AnyValue::of),
            read: |deserializer| {
                erased_serde::deserialize::<T>(deserializer).map(|value| Arc::new(value) as Erased)
            },
            read_json: |bytes| serde_json::from_slice::<T>(bytes).map(|value| Arc::new(value) as Erased),
        }
    }

    /// The type's name, as the compiler says it.
    pub fn name(&self) -> &'static str {
        (self.name)()
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// JSON cannot say it.
    pub(crate) fn to_json(self, value: &(dyn Any + Send + Sync)) -> Result<Vec<u8>, BoxError> {
        match self.value(value) {
            Some(value) => Json.serialize(value),
            None => Err(format!("it is no `{}`", self.name()).into()),
        }
    }

    /// A value out of JSON.
    ///
    /// # Errors
    /// It is no value of this type.
    pub(crate) fn of_json(&self, bytes: &[u8]) -> serde_json::Result<Erased> {
        (self.read_json)(bytes)
    }

    /// The value as one that can be serialised, if it is of this type.
    pub(super) fn value<'a>(&self, value: &'a (dyn Any + Send + Sync)) -> Option<AnyValue<'a>> {
        (self.write)(value)
    }
}

impl fmt::Debug for ResultType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResultType").field(&self.name()).finish()
    }
}

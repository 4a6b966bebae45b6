//! Serializers: how a value becomes the bytes of a record.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::ser::Formatter;

use super::exact::{check_json, check_messagepack};
use super::value::{AnySlot, AnyValue};
use crate::error::BoxError;

/// Turns values into bytes, and bytes into values.
///
/// A record says the name of the serializer that has written it, so a store reads what another one wrote: each knows those of
/// this module, and those it was given.
///
/// ```
/// use millrun::BoxError;
/// use millrun::result::{AnySlot, AnyValue, ResultSerializer, ResultStore};
///
/// /// JSON for people.
/// struct PrettyJson;
///
/// impl ResultSerializer for PrettyJson {
///     fn name(&self) -> &str {
///         "pretty_json"
///     }
///
///     fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError> {
///         Ok(serde_json::to_vec_pretty(&value)?)
///     }
///
///     fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError> {
///         let mut deserializer = serde_json::Deserializer::from_slice(bytes);
///         slot.fill(&mut deserializer)?;
///         Ok(deserializer.end()?)
///     }
/// }
///
/// let store = ResultStore::memory().with_serializer(PrettyJson);
/// ```
pub trait ResultSerializer: Send + Sync {
    /// What records call it. Another serializer of the same name must read what this one writes.
    fn name(&self) -> &str;

    /// Writes the value.
    ///
    /// # Errors
    /// The value cannot be written so; the message completes "the value cannot be written as …".
    fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError>;

    /// Reads a value, and all of `bytes`.
    ///
    /// # Errors
    /// These bytes are no value of the type asked for.
    fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError>;
}

impl<S: ResultSerializer + ?Sized> ResultSerializer for Arc<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError> {
        (**self).serialize(value)
    }

    fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError> {
        (**self).deserialize(bytes, slot)
    }
}

/// JSON, `json`: the default, readable by anybody.
///
/// What JSON cannot say is an error of the write: a float that is infinite or not a number, a map whose keys are neither text nor
/// numbers, and a `Some` around nothing (`Some(None)`, `Some(())`). [`MessagePack`] takes the first two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl ResultSerializer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError> {
        let has_null = Cell::new(false);
        let mut bytes = Vec::with_capacity(128);
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Noting(&has_null)))?;
        if has_null.get() {
            check_json(&value)?;
        }
        Ok(bytes)
    }

    fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError> {
        Ok(slot.fill_json(bytes)?)
    }
}

/// Compact JSON, of which is noted whether there is a `null` in it.
struct Noting<'n>(&'n Cell<bool>);

impl Formatter for Noting<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.set(true);
        writer.write_all(b"null")
    }
}

/// MessagePack, `msgpack`: smaller and faster than JSON, and knows bytes and all floats. Fields of structs keep their names.
///
/// What it cannot say is an error of the write: a `Some` around nothing (`Some(None)`, `Some(())`).
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

impl ResultSerializer for MessagePack {
    fn name(&self) -> &'static str {
        "msgpack"
    }

    fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError> {
        let bytes = rmp_serde::to_vec_named(&value)?;
        if bytes.contains(&NIL) {
            check_messagepack(&value)?;
        }
        Ok(bytes)
    }

    fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError> {
        let mut rest = bytes;
        slot.fill(&mut rmp_serde::Deserializer::new(&mut rest))?;
        if rest.is_empty() { Ok(()) } else { Err("there is more after the value".into()) }
    }
}

/// The byte by which MessagePack says that there is nothing; it may say something else as well.
const NIL: u8 = 0xc0;

/// What another serializer writes, compressed with zstd: `json_zstd`, `msgpack_zstd`.
#[cfg(feature = "zstd")]
#[derive(Clone, Debug)]
pub struct Zstd<S> {
    inner: S,
    name: String,
}

#[cfg(feature = "zstd")]
impl<S: ResultSerializer> Zstd<S> {
    /// Compresses what `inner` writes. Its name is that of `inner` with `_zstd` behind it.
    pub fn new(inner: S) -> Self {
        let name = format!("{}_zstd", inner.name());
        Self { inner, name }
    }
}

#[cfg(feature = "zstd")]
impl<S: ResultSerializer> ResultSerializer for Zstd<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError> {
        let bytes = self.inner.serialize(value)?;
        Ok(zstd::bulk::compress(&bytes, zstd::DEFAULT_COMPRESSION_LEVEL)?)
    }

    fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError> {
        self.inner.deserialize(&zstd::stream::decode_all(bytes)?, slot)
    }
}

/// The names of the serializers that Millrun has.
pub(super) const NAMES: [&str; 4] = ["json", "msgpack", "json_zstd", "msgpack_zstd"];

/// The serializer of that name, if it is one of Millrun's and compiled in: `json`, `msgpack`, and with the feature `zstd`
/// `json_zstd` and `msgpack_zstd`.
///
/// ```
/// assert_eq!(millrun::result::serializer("msgpack").unwrap().name(), "msgpack");
/// ```
pub fn serializer(name: &str) -> Option<Arc<dyn ResultSerializer>> {
    Some(match name {
        "json" => Arc::new(Json),
        "msgpack" => Arc::new(MessagePack),
        #[cfg(feature = "zstd")]
        "json_zstd" => Arc::new(Zstd::new(Json)),
        #[cfg(feature = "zstd")]
        "msgpack_zstd" => Arc::new(Zstd::new(MessagePack)),
        _ => return None,
    })
}

//! Reading: what lies in a place becomes a value, or it is said why there is none.

use std::any::type_name;
use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;

use super::ResultStore;
use super::error::{Problem, ResultStoreError};
use super::key::shown;
use super::place::{Beginning, Stored};
use super::record::{Header, Missing, Read, Record, RecordInfo, parse_head, truncated};
use super::serializer::{ResultSerializer, serializer};
use super::value::{AnySlot, ErasedValue, Fill, ResultType};
use crate::body::Erased;

impl ResultStore {
    pub(super) fn value<T: DeserializeOwned>(
        &self,
        key: &str,
        stored: Option<Stored>,
    ) -> Result<Read<T>, ResultStoreError> {
        let mut value = None::<T>;
        let info = self.decode(key, stored, type_name::<T>(), &mut value, info_of)?;
        Ok(match filled(info, value) {
            Ok((info, value)) => Read::Found(Record { value, info }),
            Err(missing) => Read::Missing(missing),
        })
    }

    pub(super) fn value_erased(
        &self,
        key: &str,
        stored: Option<Stored>,
        result_type: ResultType,
    ) -> Result<Read<Erased>, ResultStoreError> {
        let mut erased = ErasedValue { of: result_type, value: None };
        let info = self.decode(key, stored, result_type.name(), &mut erased, info_of)?;
        Ok(match filled(info, erased.value) {
            Ok((info, value)) => Read::Found(Record { value, info }),
            Err(missing) => Read::Missing(missing),
        })
    }

    /// The value alone, or why there is none.
    pub(super) fn value_alone(
        &self,
        key: &str,
        stored: Option<Stored>,
        result_type: ResultType,
    ) -> Result<Result<Erased, Missing>, ResultStoreError> {
        let mut erased = ErasedValue { of: result_type, value: None };
        let read = self.decode(key, stored, result_type.name(), &mut erased, |_| Ok(()))?;
        Ok(filled(read, erased.value).map(|((), value)| value))
    }

    /// Has `fill` take the value out of what lies there; gives what is wanted of the header, or why there is no value.
    fn decode<I>(
        &self,
        key: &str,
        stored: Option<Stored>,
        wanted: &str,
        fill: &mut dyn Fill,
        info: impl FnOnce(&Header<'_>) -> Result<I, Missing>,
    ) -> Result<Result<I, Missing>, ResultStoreError> {
        let Some(stored) = stored else { return Ok(Err(Missing::None)) };
        match self.decode_stored(key, &stored, wanted, fill, info) {
            Ok(info) => Ok(Ok(info)),
            Err(Unread::Missing(missing)) => {
                self.complain(key, &missing);
                Ok(Err(missing))
            }
            Err(Unread::Error(error)) => Err(error),
        }
    }

    fn decode_stored<I>(
        &self,
        key: &str,
        stored: &Stored,
        wanted: &str,
        fill: &mut dyn Fill,
        info: impl FnOnce(&Header<'_>) -> Result<I, Missing>,
    ) -> Result<I, Unread> {
        let (bytes, payload) = stored.parts();
        let (header, start) = parse_head(bytes)?.ok_or_else(truncated)?;
        header.check(key, self.shared.clock.nanos())?;
        let info = info(&header)?;
        let payload = payload.unwrap_or(&bytes[start..]);
        header.check_payload(payload)?;
        let Some(serializer) = self.serializer_of(&header.serializer) else {
            return Err(Missing::UnknownSerializer(header.serializer.into_owned()).into());
        };
        match serializer.deserialize(payload, AnySlot::of(fill)) {
            Ok(()) => Ok(info),
            // The payload is what was written: it is the type that differs.
            Err(error) => {
                Err(Unread::Error(ResultStoreError::because(Problem::Type, header.wrong_type(wanted), error)))
            }
        }
    }

    fn serializer_of(&self, name: &str) -> Option<Arc<dyn ResultSerializer>> {
        let known = self.shared.known.iter().find(|known| known.name() == name);
        known.cloned().or_else(|| serializer(name))
    }

    /// Whether a record that begins so can be read; none if more is needed to know.
    pub(super) fn is_good(&self, key: &str, beginning: &Beginning, most: usize) -> Option<bool> {
        let (bytes, payload) = beginning.stored.parts();
        let complete = payload.is_some() || bytes.len() < most || bytes.len() as u64 >= beginning.length;
        let checked = match parse_head(bytes) {
            Ok(None) if !complete => return None,
            Ok(None) => Err(truncated()),
            Ok(Some((header, start))) => header
                .check_length(beginning.length.saturating_sub(start as u64))
                .and_then(|()| header.check(key, self.shared.clock.nanos()))
                .and_then(|()| match self.serializer_of(&header.serializer) {
                    Some(_) => Ok(()),
                    None => Err(Missing::UnknownSerializer(header.serializer.into_owned())),
                }),
            Err(missing) => Err(missing),
        };
        if let Err(missing) = &checked {
            self.complain(key, missing);
        }
        Some(checked.is_ok())
    }

    fn complained(&self) -> MutexGuard<'_, HashSet<String>> {
        self.shared.complained.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs that a record cannot be read, once until another one is written.
    fn complain(&self, key: &str, missing: &Missing) {
        if !missing.is_unreadable() {
            log!(debug, "result `{}` in {}: {missing}", shown(key), self.place);
        } else if self.complained().insert(key.to_owned()) {
            log!(warn, "result `{}` in {}: {missing}", shown(key), self.place);
        }
    }

    pub(super) fn forgive(&self, key: &str) {
        self.complained().remove(key);
    }
}

/// Why a record gives no value.
enum Unread {
    Missing(Missing),
    Error(ResultStoreError),
}

impl From<Missing> for Unread {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

fn info_of(header: &Header<'_>) -> Result<RecordInfo, Missing> {
    header.info()
}

fn filled<I, T>(info: Result<I, Missing>, value: Option<T>) -> Result<(I, T), Missing> {
    // There is a serializer that reads nothing, and says that all is well.
    let value = |info| value.map(|value| (info, value));
    info.and_then(|info| {
        value(info).ok_or_else(|| Missing::Corrupt("its serializer has read nothing".into()))
    })
}

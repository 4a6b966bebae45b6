//! Records: how a result lies in its place, and what is said of one that was asked for.
//!
//! A record is one file of three parts, whatever the serializer:
//!
//! ```text
//! millrun-result 1 5d1b2c3a4f5e6d7c        the format's version, and the XXH3-64 of the second line without its end
//! {"key":"k","created":"2020-01-01T00:00:00Z","serializer":"json","type":"u32","length":2,"checksum":"…"}
//! 42                                       the payload: `length` bytes, whose XXH3-64 is `checksum`, to the end of the file
//! ```
//!
//! The lines end with one line feed. The header is one line of JSON: `key` in full, `created` and `expires` (left out where it
//! never does) as in RFC 3339, `task` and `task_version` (left out where there is none), `serializer`, `type` (the Rust type's
//! name, which only messages use), `length`, `checksum`. Whoever reads ignores fields that it does not know; what it could not
//! ignore would be another version of the format. So the payload is neither encoded again nor copied, and `cat` shows a record.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, str};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::key::shown;
use super::serializer::NAMES;
use crate::clock::Nanos;
use crate::options::IntoDuration;

/// The version of the format that is written.
pub(super) const FORMAT: u64 = 1;
const MAGIC: &str = "millrun-result";

/// What is written with a value: how long it is good for, what it is the result of, and who writes it.
///
/// ```
/// use millrun::result::WriteOptions;
///
/// let options = WriteOptions::new().expires_in("1d").of_task("etl::fetch", Some("2")).by_owner("run-1");
/// ```
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    pub(super) expires_in: Option<Duration>,
    pub(super) task: Option<String>,
    pub(super) task_version: Option<String>,
    pub(super) owner: Option<String>,
}

impl WriteOptions {
    /// A record that never expires, of no task, written by nobody who holds a lock.
    pub fn new() -> Self {
        Self::default()
    }

    /// After that long the record is as good as none. By default never.
    ///
    /// # Panics
    /// Panics on a string that is not a duration.
    #[must_use]
    #[track_caller]
    pub fn expires_in(self, duration: impl IntoDuration) -> Self {
        Self { expires_in: Some(duration.into_duration()), ..self }
    }

    /// The key and the version of the task whose result this is, for those who look at the record.
    #[must_use]
    pub fn of_task(self, key: impl Into<String>, version: Option<&str>) -> Self {
        Self { task: Some(key.into()), task_version: version.map(Into::into), ..self }
    }

    /// Who writes: what this owner has locked is not locked for it.
    #[must_use]
    pub fn by_owner(self, owner: impl Into<String>) -> Self {
        Self { owner: Some(owner.into()), ..self }
    }
}

/// What a record says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordInfo {
    /// Its key.
    pub key: String,
    /// When it was written.
    pub created: SystemTime,
    /// From when on it is as good as none.
    pub expires: Option<SystemTime>,
    /// The key of the task whose result it is.
    pub task: Option<String>,
    /// The version of that task.
    pub task_version: Option<String>,
    /// The name of the serializer that has written it.
    pub serializer: String,
    /// How many bytes the value takes in it.
    pub length: u64,
}

/// A record that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<T> {
    /// What was kept.
    pub value: T,
    /// What the record says of itself.
    pub info: RecordInfo,
}

/// What reading gives where nothing went wrong.
#[derive(Clone, Debug)]
pub enum Read<T> {
    /// There is a record.
    Found(Record<T>),
    /// There is none that is good for anything.
    Missing(Missing),
}

impl<T> Read<T> {
    /// The value, if there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Found(record) => Some(record.value),
            Self::Missing(_) => None,
        }
    }

    /// Why there is none.
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Self::Found(_) => None,
            Self::Missing(missing) => Some(missing),
        }
    }
}

/// Why there is no record. Whatever the reason, the next write puts one in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Nothing was written, or it was deleted.
    None,
    /// It has expired at that time.
    Expired(SystemTime),
    /// It is damaged, in this way. Logged once for each key.
    Corrupt(String),
    /// It is of that version of the format, which this version of Millrun does not know. Logged once for each key.
    OtherFormat(u64),
    /// A serializer of that name has written it, which the store does not know. Logged once for each key.
    UnknownSerializer(String),
}

impl Missing {
    /// Whether something lies there that cannot be read.
    pub(super) fn is_unreadable(&self) -> bool {
        !matches!(self, Self::None | Self::Expired(_))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no record"),
            Self::Expired(at) => write!(f, "the record has expired at {}", rfc3339(*at)),
            Self::Corrupt(how) => write!(f, "the record is corrupt, {how}; the next result replaces it"),
            Self::OtherFormat(version) => write!(
                f,
                "the record has version {version} of the format, and this version of millrun reads {FORMAT}; the next result \
                 replaces it, unless you go on with the version of millrun that has written it"
            ),
            Self::UnknownSerializer(name) if NAMES.contains(&&**name) => {
                write!(
                    f,
                    "the record was written as `{name}`: enable the feature `zstd` of millrun, or the next result replaces it"
                )
            }
            Self::UnknownSerializer(name) => write!(
                f,
                "the record was written as `{name}`, which this store does not know: give it that serializer with \
                 `with_serializer`, or the next result replaces it"
            ),
        }
    }
}

/// The second line of a record. What is read is borrowed from there where that can be.
#[derive(Serialize, Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    created: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) serializer: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    type_name: Cow<'a, str>,
    length: u64,
    #[serde(borrow)]
    checksum: Cow<'a, str>,
}

/// A record as it is written: what goes before the payload, and the payload.
pub(super) struct Encoded {
    pub(super) head: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// The record of `payload`.
pub(super) fn encode(
    key: &str,
    now: Nanos,
    options: &WriteOptions,
    serializer: &str,
    type_name: &str,
    payload: Vec<u8>,
) -> Encoded {
    let expires = options.expires_in.map(|after| i128::from(now) + after.as_nanos().cast_signed());
    let header = Header {
        key: key.into(),
        created: Timestamp::from_nanosecond(now.into()).unwrap_or_default().to_string().into(),
        // What lies beyond the last time there is never comes.
        expires: expires.and_then(|at| Timestamp::from_nanosecond(at).ok()).map(|at| at.to_string()),
        task: options.task.as_deref().map(Cow::Borrowed),
        task_version: options.task_version.as_deref().map(Cow::Borrowed),
        serializer: serializer.into(),
        type_name: type_name.into(),
        length: payload.len() as u64,
        checksum: checksum(&payload).into(),
    };
    // Text and numbers alone: nothing in it can fail.
    let line = serde_json::to_string(&header).unwrap_or_default();
    let head = format!("{MAGIC} {FORMAT} {}\n{line}\n", checksum(line.as_bytes()));
    Encoded { head: head.into_bytes(), payload }
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", XxHash3_64::oneshot(bytes))
}

/// Whether `sum` is the checksum of these bytes.
fn is_checksum(sum: &str, bytes: &[u8]) -> bool {
    sum.len() == 16 && u64::from_str_radix(sum, 16) == Ok(XxHash3_64::oneshot(bytes))
}

/// What stands before the payload, and where that begins; none if `bytes` is a beginning that ends before it.
pub(super) fn parse_head(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, Missing> {
    let corrupt = |how: &str| Missing::Corrupt(how.to_owned());
    let not_one = || corrupt("it does not begin as records do");
    // The longest first line has 20 digits of a version.
    let Some(first_end) = bytes.iter().take(64).position(|byte| *byte == b'\n') else {
        let begins = bytes.len() < 64 && bytes.iter().zip(MAGIC.as_bytes()).all(|(a, b)| a == b);
        return if begins { Ok(None) } else { Err(not_one()) };
    };
    let first = str::from_utf8(&bytes[..first_end]).map_err(|_| not_one())?;
    let rest = first.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(not_one)?;
    let (version, sum) = rest.split_once(' ').unwrap_or((rest, ""));
    match version.parse() {
        Ok(FORMAT) => {}
        Ok(other) => return Err(Missing::OtherFormat(other)),
        Err(_) => return Err(not_one()),
    }
    let start = first_end + 1;
    let Some(length) = bytes[start..].iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = &bytes[start..start + length];
    if !is_checksum(sum, line) {
        return Err(corrupt("its header is not what was written"));
    }
    let header =
        serde_json::from_slice(line).map_err(|error| corrupt(&format!("its header says {error}")))?;
    Ok(Some((header, start + length + 1)))
}

pub(super) fn truncated() -> Missing {
    Missing::Corrupt("it ends before its payload".into())
}

impl Header<'_> {
    /// Whether a payload of that length is all of it.
    pub(super) fn check_length(&self, length: u64) -> Result<(), Missing> {
        if length == self.length {
            return Ok(());
        }
        Err(Missing::Corrupt(format!("its payload has {length} bytes and should have {}", self.length)))
    }

    pub(super) fn check_payload(&self, payload: &[u8]) -> Result<(), Missing> {
        self.check_length(payload.len() as u64)?;
        if is_checksum(&self.checksum, payload) {
            return Ok(());
        }
        Err(Missing::Corrupt("its payload is not what was written".into()))
    }

    /// Whether the record is that of `key`, and good at the time `now`.
    pub(super) fn check(&self, key: &str, now: Nanos) -> Result<(), Missing> {
        if self.key != key {
            // A file system that takes `A` and `a` for one name, or a copy under another name.
            return Err(Missing::None);
        }
        match self.expires.as_deref().map(parse_time).transpose()? {
            Some(at) if at <= UNIX_EPOCH + Duration::from_nanos(now) => Err(Missing::Expired(at)),
            _ => Ok(()),
        }
    }

    /// What it says.
    pub(super) fn info(&self) -> Result<RecordInfo, Missing> {
        Ok(RecordInfo {
            key: self.key.clone().into_owned(),
            created: parse_time(&self.created)?,
            expires: self.expires.as_deref().map(parse_time).transpose()?,
            task: self.task.clone().map(Cow::into_owned),
            task_version: self.task_version.clone().map(Cow::into_owned),
            serializer: self.serializer.clone().into_owned(),
            length: self.length,
        })
    }

    pub(super) fn wrong_type(&self, wanted: &str) -> String {
        format!(
            "the record `{}` holds a `{}`, which cannot be read as `{wanted}`; take another key, or delete the record",
            shown(&self.key),
            self.type_name
        )
    }
}

fn parse_time(text: &str) -> Result<SystemTime, Missing> {
    let time: Timestamp =
        text.parse().map_err(|_| Missing::Corrupt(format!("`{text}` in its header is no time")))?;
    Ok(time.into())
}

fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "the end of time".into(), |time| time.to_string())
}

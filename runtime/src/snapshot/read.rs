//! Reading snapshots: what this library wrote, and lists with the states of Prefect 1.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Entry, FlowPart, Saved, Snapshot, VERSION};
use crate::state::{State, StateName};

/// Its parts are read once it is known of which version they are.
#[derive(Deserialize)]
struct Read {
    version: u32,
    #[serde(default)]
    flow: Option<Box<RawValue>>,
    #[serde(default)]
    tasks: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct ReadFlow {
    key: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    inputs: Option<String>,
    state: State,
}

#[derive(Deserialize)]
struct ReadRun<S> {
    task: ReadTask,
    state: S,
    #[serde(default)]
    run_count: u32,
    #[serde(default)]
    inputs: Option<String>,
    // Not an `Option`, for which `null` is none: that is what `()` is written as.
    #[serde(default, deserialize_with = "there")]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    stored: Option<String>,
    #[serde(default)]
    lost: Option<String>,
}

#[derive(Deserialize)]
struct ReadTask {
    slug: String,
    #[serde(default)]
    key: Option<String>,
}

/// A state as Prefect 1 serialises it, as far as it is read.
#[derive(Deserialize)]
struct OldState {
    #[serde(rename = "type")]
    class: String,
    #[serde(default)]
    message: Option<String>,
}

fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

fn hash<E: Error>(text: Option<&str>) -> Result<Option<u128>, E> {
    let parse = |text: &str| {
        u128::from_str_radix(text, 16).map_err(|_| E::custom(format_args!("`{text}` is no hash of inputs")))
    };
    text.map(parse).transpose()
}

/// What a state of Prefect 1 is here, by its class.
fn name_of<E: Error>(class: &str) -> Result<StateName, E> {
    Ok(match class {
        "Success" | "Looped" => StateName::Completed,
        "Cached" => StateName::Cached,
        "Skipped" => StateName::Skipped,
        "Failed" | "ValidationFailed" => StateName::Failed,
        "TimedOut" => StateName::TimedOut,
        "TriggerFailed" => StateName::TriggerFailed,
        "Cancelled" => StateName::Cancelled,
        // It was not seen to its end, or there is nothing that it would be the state of.
        "Pending" | "Scheduled" | "Submitted" | "ClientFailed" | "Queued" | "Paused" | "Resume"
        | "Retrying" | "Running" | "Cancelling" | "Mapped" => StateName::Pending,
        _ => {
            return Err(E::custom(format_args!(
                "`{class}` is no class of states of Prefect 1, such as `Success`, `Failed`, `Pending`, `Skipped`"
            )));
        }
    })
}

impl ReadRun<State> {
    fn entry<E: Error>(self) -> Result<Entry, E> {
        let slug = &self.task.slug;
        if self.state.name.state_type() != self.state.state_type {
            let State { name, state_type, .. } = self.state;
            return Err(E::custom(format_args!("`{slug}`: a state named `{name}` is not {state_type}")));
        }
        let result = match (self.result, self.stored, self.lost) {
            (Some(json), None, None) => Saved::Inline(json),
            (None, Some(key), None) => Saved::Stored(key),
            (None, None, Some(why)) => Saved::Lost(why),
            (None, None, None) => Saved::None,
            _ => {
                return Err(E::custom(format_args!(
                    "`{slug}` may have one of `result`, `stored` and `lost`, and has more"
                )));
            }
        };
        Ok(Entry {
            inputs: hash(self.inputs.as_deref())?,
            slug: self.task.slug.into(),
            key: self.task.key,
            state: self.state,
            run_count: self.run_count,
            result,
        })
    }
}

impl ReadRun<OldState> {
    fn entry<E: Error>(self) -> Result<Entry, E> {
        let name = name_of(&self.state.class)?;
        Ok(Entry {
            slug: self.task.slug.into(),
            key: None,
            state: State::unplaced(name, self.state.message),
            run_count: 0,
            inputs: None,
            result: self.result.map_or(Saved::None, Saved::Inline),
        })
    }
}

/// All entries, each slug once.
fn entries<E: Error>(read: impl Iterator<Item = Result<Entry, E>>) -> Result<Vec<Arc<Entry>>, E> {
    let mut slugs = HashSet::new();
    read.map(|entry| {
        let entry = entry?;
        if !slugs.insert(entry.slug.clone()) {
            return Err(E::custom(format_args!("`{}` stands there twice", entry.slug)));
        }
        Ok(Arc::new(entry))
    })
    .collect()
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

fn part<'j, T: Deserialize<'j>, E: Error>(json: &'j RawValue) -> Result<T, E> {
    serde_json::from_str(json.get()).map_err(E::custom)
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Snapshot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot, or a list of tasks with their states")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Snapshot, A::Error> {
        let read = Read::deserialize(MapAccessDeserializer::new(map))?;
        if read.version > VERSION || read.version == 0 {
            return Err(Error::custom(format_args!(
                "the snapshot has version {}, and this program reads up to {VERSION}",
                read.version
            )));
        }
        let flow = read.flow.as_deref().map(part::<ReadFlow, A::Error>).transpose()?.map(|flow| {
            let inputs = hash(flow.inputs.as_deref())?;
            Ok(FlowPart { key: flow.key, version: flow.version, inputs, state: flow.state })
        });
        let tasks = read.tasks.ok_or_else(|| A::Error::missing_field("tasks"))?;
        let tasks: Vec<ReadRun<State>> = part(&tasks)?;
        Ok(Snapshot {
            flow: flow.transpose()?,
            runs: entries(tasks.into_iter().map(ReadRun::<State>::entry))?,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Snapshot, A::Error> {
        let read = Vec::<ReadRun<OldState>>::deserialize(SeqAccessDeserializer::new(seq))?;
        let runs = entries(read.into_iter().map(ReadRun::<OldState>::entry))?;
        Ok(Snapshot { flow: None, runs })
    }
}

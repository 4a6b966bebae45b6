//! Caching: under which key a task run's result is kept, and why a run was executed or not.
//!
//! A result is kept where a task asks for it, by `persist_result` or any other option about results. Its record lies in a
//! [`ResultStore`](crate::ResultStore) under a key that a [`Policy`] makes: [`Inputs`] `+` [`TaskSource`] `+` [`RunId`] where
//! nothing else is said. A run for whose key there is a record is not executed: it ends as COMPLETED, with the name `Cached`.
//!
//! ```
//! use millrun::prelude::*;
//!
//! #[task(cache_policy = Inputs, cache_expiration = "1d")]
//! fn square(x: u64) -> u64 { x * x }
//!
//! let engine = Engine::builder().results(ResultStore::memory()).build();
//! engine.enter(|| {
//!     assert_eq!(square(3).result().unwrap(), 9);
//!     let again = square.submit(3);
//!     again.wait();
//!     assert_eq!(again.state().name, StateName::Cached);
//! });
//! ```
//!
//! `persist_result` on a flow has the results of all task runs inside kept that can be and that say nothing themselves, and its own;
//! its `result_storage` and `result_serializer` hold for them, too.
//!
//! # Keys
//!
//! The key of a policy is `tasks/`, the task's own key, `/`, and a hash of all parts and of the task's `version`: no two tasks
//! share a record. Hashes are the same in each process, on each platform, and in each build; `TaskSource` is one of the function's
//! tokens.
//!
//! Instead, `cache_key` says the key itself, and tasks that say the same key share a record; `result_storage_key` says where the
//! record lies, in words that do for a file's name. Both are templates over the parameters, which know more names:
//!
//! | name | stands for |
//! |---|---|
//! | `{date:%Y-%m-%d}` | the time at which the run begins, in the local time zone; what stands behind the `:` is a time format |
//! | `{today:%Y/%m}`, `{today_nodash}` | the day on which it runs, `2020-01-02`, `20200102`; `with_today` moves it |
//! | `{flow_name}`, `{flow_run_id}` | of the flow run that it is in |
//! | `{task_name}`, `{map_index}` | its own; the index is empty outside of a map |
//! | `{url}`, `{parameters[url]}` | a parameter; what stands behind a `:` is a format of Rust's |
//!
//! A `/` of a template makes a folder; one in a value does not, and is written as `%2F`.
//!
//! # Reports
//!
//! [`TaskRun::why`](crate::TaskRun::why) says the key, what it is made of, and what was found; a flow run's report prints it.
//!
//! This module knows no store: who looks for a record, and who writes one, is the engine.

mod canonical;
mod flow;
mod policy;
mod spec;
mod template;
mod why;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use twox_hash::XxHash3_128;

use crate::context::{FlowRunInfo, TaskRun};
use crate::error::BoxError;
use crate::result::{AnyValue, task_key};
use crate::run::Run;
use crate::spec::Spec;

pub(crate) use flow::FlowResults;
pub use policy::{CachePolicy, FlowParameters, Inputs, NoCache, Policy, RunId, TaskSource};

pub(crate) use spec::KeyOption;
pub use spec::{CacheOptions, CacheSpec, IntoResultStore, LazyStore, known_serializer};
pub use template::{KeyText, Named};
pub use why::{CacheOutcome, Miss, Why};

/// The parameters of a run with their values, `None` for one that cannot be serialised.
pub(crate) type Values<'a> = Vec<(&'static str, Option<AnyValue<'a>>)>;

/// What a [`CachePolicy`] is told of: a task run that is about to begin.
#[derive(Debug)]
pub struct CacheContext<'a> {
    run: &'a Arc<Run>,
    values: &'a Values<'a>,
    excluded: &'a [Cow<'static, str>],
}

impl CacheContext<'_> {
    /// What is known of the task at compile time.
    pub fn task(&self) -> &'static Spec {
        self.run.spec
    }

    /// The task run.
    pub fn task_run(&self) -> TaskRun {
        TaskRun(self.run.clone())
    }

    /// The flow run that it is in, if it is in one.
    pub fn flow_run(&self) -> Option<FlowRunInfo> {
        self.run.scope.tree.flow_run().map(FlowRunInfo)
    }

    /// The parameters by name, as JSON, without those that are left out; `null` for one that cannot be written as such.
    pub fn inputs(&self) -> serde_json::Map<String, Value> {
        let json = |value: Option<AnyValue<'_>>| serde_json::to_value(value).unwrap_or(Value::Null);
        self.included().map(|(name, value)| (name.to_owned(), json(value))).collect()
    }

    fn included(&self) -> impl Iterator<Item = (&'static str, Option<AnyValue<'_>>)> {
        let is_included =
            |name: &'static str| !self.excluded.iter().any(|excluded| excluded.as_ref() == name);
        self.values.iter().filter(move |(name, _)| is_included(name)).map(|(name, value)| (*name, *value))
    }

    fn hash_of_inputs(&self) -> Result<String, BoxError> {
        let mut values: Vec<_> = self.included().collect();
        values.sort_unstable_by_key(|(name, _)| *name);
        let mut form = Vec::with_capacity(2048);
        for (name, value) in values {
            let value =
                value.ok_or_else(|| format!("parameter `{name}` has a type that cannot be serialised"))?;
            canonical::write(&(name, value), &mut form)
                .map_err(|error| format!("parameter `{name}` cannot be serialised: {error}"))?;
        }
        Ok(hex(&form))
    }

    fn hash_of_flow_parameters(&self) -> Result<String, BoxError> {
        let Some(flow_run) = self.flow_run() else { return Ok("no flow".into()) };
        let parameters = flow_run.0.cell.lock().log.extra.as_ref().and_then(|extra| extra.parameters.clone());
        let mut parameters: Vec<_> = parameters.iter().flat_map(|parameters| parameters.iter()).collect();
        if let Some((name, _)) = parameters.iter().find(|(_, value)| value.is_none()) {
            return Err(format!("parameter `{name}` of the flow has a type that cannot be serialised").into());
        }
        parameters.sort_unstable_by_key(|(name, _)| *name);
        hash(&parameters)
    }
}

/// 32 hexadecimal digits for a value, the same everywhere and for ever.
///
/// # Errors
/// That of the value's `Serialize`.
fn hash(value: &impl Serialize) -> Result<String, BoxError> {
    let mut form = Vec::with_capacity(256);
    canonical::write(value, &mut form)?;
    Ok(hex(&form))
}

fn hex(form: &[u8]) -> String {
    digits(XxHash3_128::oneshot(form))
}

/// 32 hexadecimal digits; several times as fast as a format string.
/// Appends the form of a value that is recognised by it; `false` if it has none.
pub(crate) fn write_form(value: &impl Serialize, form: &mut Vec<u8>) -> bool {
    canonical::write(value, form).is_ok()
}

fn digits(number: u128) -> String {
    let nibbles = number.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 })).collect()
}

/// A key, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) parts: Vec<(String, String)>,
}

impl Key {
    /// A key that is said, and not made.
    pub(crate) fn named(named: Named, text: String) -> Self {
        let parts = vec![(named.as_str().to_owned(), text.clone())];
        Self { text, parts }
    }
}

impl Policy {
    /// The key of a run; none if a policy would not have one, or if there is none.
    ///
    /// # Errors
    /// A policy cannot tell.
    pub(crate) fn key(
        &self,
        run: &Arc<Run>,
        version: Option<&str>,
        values: &Values<'_>,
    ) -> Result<Option<Key>, BoxError> {
        let context = CacheContext { run, values, excluded: &self.excluded };
        let mut parts = Vec::with_capacity(self.parts.len() + 1);
        for policy in &self.parts {
            let Some(part) = policy.part(&context)? else { return Ok(None) };
            parts.push((policy.name().to_owned(), part));
        }
        if parts.is_empty() {
            return Ok(None);
        }
        parts.extend(version.map(|version| ("version".to_owned(), version.to_owned())));
        let text = task_key(&run.spec.key(), &hash(&parts)?);
        Ok(Some(Key { text, parts }))
    }
}

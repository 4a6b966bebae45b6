//! The snapshot of a flow run that has ended.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::slugs::{Slugs, is_hidden};
use super::{Slice, given, of, slug_of};
use crate::body::Erased;
use crate::context::Kept;
use crate::engine::record::INLINE;
use crate::engine::wait;
use crate::error::BoxError;
use crate::input::Node;
use crate::panic;
use crate::result::WriteOptions;
use crate::run::{By, Run, Stop};
use crate::snapshot::{Entry, FlowPart, Saved, Snapshot};
use crate::state::{State, StateName, StateType};

/// What a run gave, as the next slice may read it. Calls user code.
pub(super) fn save(run: &Run, value: &Erased) -> Saved {
    let Some(result) = run.spec.cache.result else {
        return Saved::Lost("its result cannot be serialised".to_owned());
    };
    let saved = panic::catch(|| -> Result<Saved, BoxError> {
        let json = result.to_json(&**value)?;
        let engine = &run.scope.engine;
        if json.len() <= INLINE || !engine.has_results() {
            return Ok(Saved::Inline(RawValue::from_string(String::from_utf8(json)?)?));
        }
        let store = engine.results()?;
        let root = run.scope.tree.root().unwrap_or(run.id());
        let key = format!("runs/{}/{}", Uuid::from_u128(root), Uuid::from_u128(run.id()));
        let options = WriteOptions::new().of_task(run.spec.key(), run.spec.version);
        let draft = store.draft_erased(&key, &**value, result, &options)?;
        wait::beside_runtime(|| store.put_blocking(draft))?;
        Ok(Saved::Stored(key))
    });
    let problem: BoxError = match saved {
        Ok(Ok(saved)) => return saved,
        Ok(Err(error)) => error,
        Err(panic) => format!("writing it panicked: {}", panic.message).into(),
    };
    Saved::Lost(format!("its result cannot be kept: {problem}"))
}

/// How far a flow run has come that has ended, and whose runs these are.
pub(crate) fn snapshot(flow_run: &Arc<Run>, kept: &Kept) -> Snapshot {
    let slice = of(flow_run);
    let given = slice.as_ref().and_then(|slice| slice.snapshot());
    if let (Some(slice), Some(given)) = (&slice, given)
        && slice.is_refused.get().is_some()
    {
        return given.clone();
    }
    let state = flow_run.state();
    let drawing = Drawing {
        is_left: slice.as_ref().is_some_and(|slice| slice.is_left(flow_run)),
        is_cut: matches!(state.state_type, StateType::Cancelled | StateType::Crashed)
            || state.name == StateName::TimedOut,
        slice: slice.as_deref(),
    };
    let slugs = if slice.is_some() { None } else { Some(slugs_of(kept)) };
    let slug = |run: &Arc<Run>| match &slugs {
        Some(slugs) => slugs.get(&Arc::as_ptr(run)).cloned().unwrap_or_default(),
        None => slug_of(run),
    };
    let runs = kept.runs().map(|(_, run)| (run, slug(run))).filter(|(_, slug)| !is_hidden(slug));
    let mut runs: Vec<Arc<Entry>> = runs.map(|(run, slug)| drawing.entry(run, slug)).collect();
    if let Some(slice) = &slice {
        let mut more: Vec<Arc<Entry>> = given
            .iter()
            .flat_map(|given| &given.runs)
            .filter(|entry| !slice.met.lock().contains_key(&entry.slug))
            .filter(|entry| entry.state.is_final() || drawing.is_left && entry.run_count > 0)
            .cloned()
            .collect();
        runs.append(&mut more);
    }
    let inputs = slice.as_ref().and_then(|slice| slice.with_met(flow_run, |met| met.inputs));
    let flow = FlowPart { key: flow_run.spec.key(), version: given::version_of(flow_run), inputs, state };
    Snapshot { flow: Some(flow), runs }
}

/// The slugs of the runs of a flow run that was not executed in slices.
fn slugs_of(kept: &Kept) -> HashMap<*const Run, Arc<str>> {
    let mut slugs = Slugs::default();
    let mut found: HashMap<*const Run, Arc<str>> = HashMap::new();
    for record in &kept.0 {
        let parent = |parent: &Option<Arc<Run>>| {
            parent.as_ref().and_then(|parent| found.get(&Arc::as_ptr(parent)).cloned()).unwrap_or_default()
        };
        match &record.node {
            Node::Map(map) => {
                let parent = parent(&map.scope.parent);
                slugs.add_map(map, &parent);
            }
            Node::Run(run) => {
                let stands_in = run.cell.lock().log.extra.as_ref().is_some_and(|extra| extra.slug.is_some());
                if !stands_in {
                    let parent = parent(&run.scope.parent);
                    let slug = slugs.of(run, &parent);
                    found.insert(Arc::as_ptr(run), slug);
                }
            }
        }
    }
    found
}

struct Drawing<'s> {
    slice: Option<&'s Slice>,
    /// Something is left for another slice.
    is_left: bool,
    /// The flow run was ended before its time by something else.
    is_cut: bool,
}

impl Drawing<'_> {
    fn entry(&self, run: &Arc<Run>, slug: Arc<str>) -> Arc<Entry> {
        let (mut inputs, mut result, mut is_left) = (None, Saved::None, false);
        let state = run.state();
        if let Some(slice) = self.slice {
            let mut met = slice.met.lock();
            let met = met.entry(slug.clone()).or_default();
            // It is what it was, or it was ended before anybody could tell.
            if (met.is_taken || met.identity.is_none())
                && let Some(entry) = given::entry(slice, &slug)
            {
                return entry.clone();
            }
            inputs = met.inputs;
            result = met.saved.clone();
            is_left = met.is_left;
        } else if state.is_completed() && state.name != StateName::Skipped {
            let lost = || Saved::Lost("its result was not held by anybody any more".to_owned());
            result = run.peek().map_or_else(lost, |value| save(run, &value));
        }
        let mut run_count = run.cell.lock().log.attempts();
        let why = if is_left {
            run.error().map(|error| error.message().to_owned())
        } else if self.is_cut && is_ended_with_flow_run(run) {
            state.message.clone()
        } else if self.is_left && is_in_halted(run, &state) {
            Some("its transaction begins again as a whole".to_owned())
        } else if let Saved::Lost(why) = &result
            && self.is_left
        {
            Some(format!("it is executed again: {why}"))
        } else {
            None
        };
        let key = Some(run.spec.key());
        let Some(message) = why.or_else(|| is_left.then(String::new)) else {
            return Arc::new(Entry { slug, key, state, run_count, inputs, result });
        };
        // What is left began in an earlier slice, or in this one.
        run_count = run_count
            .max(self.slice.and_then(|slice| given::entry(slice, &slug)).map_or(0, |entry| entry.run_count));
        let pending =
            State::unplaced(StateName::Pending, Some(message).filter(|message| !message.is_empty()));
        let state = State { id: state.id, timestamp: state.timestamp, details: state.details, ..pending };
        Arc::new(Entry { slug, key, state, run_count, inputs: None, result: Saved::None })
    }
}

/// Whether a run was ended because of what became of its flow run.
fn is_ended_with_flow_run(run: &Run) -> bool {
    let inner = run.cell.lock();
    matches!(inner.stop, Stop::Crash | Stop::Cancel(By::Outer | By::Timeout | By::Drop))
        && matches!(inner.state.state_type(), StateType::Cancelled | StateType::Crashed)
}

/// Whether a run is in a transaction that was rolled back as something in it was left; not in one inside of it that was committed
/// before.
fn is_in_halted(run: &Run, state: &State) -> bool {
    if state.name != StateName::RolledBack && state.is_completed() {
        return false;
    }
    let around =
        std::iter::successors(run.scope.transaction.clone(), crate::transaction::Transaction::parent);
    around.take_while(|transaction| !transaction.is_committed()).any(|transaction| transaction.is_halted())
}

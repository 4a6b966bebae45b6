//! Flow runs that go on where their process died: which of their runs are not executed again.
//!
//! A run is recognised by its parent, its task, its inputs, and its number among such calls of its parent. An input that is another
//! run's result counts by what that run is recognised by, and by whether it ended well where a failure is taken as a value. Nothing
//! else is asked of a body: it may submit other runs than the first time, in another order, and these are executed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use twox_hash::XxHash3_128;
use uuid::Uuid;

use super::finish::EndedBefore;
use super::interrupted::Interrupted;
use super::{Engine, flow_run, record, slice, wait};
use crate::body::{Body, Erased, Outcome};
use crate::clock::{Nanos, nanos_of};
use crate::context::{Current, FlowRunInfo, Tree, root_scope};
use crate::error::{ErrorKind, FlowError, TaskError};
use crate::future::{FlowFuture, Reader};
use crate::id::FlowRunId;
use crate::input::{Edge, Need};
use crate::mock;
use crate::options::Options;
use crate::panic;
use crate::recorder::Recorder;
use crate::registry;
use crate::result::Read;
use crate::run::{Recorded, Run};
use crate::state::{StateName, StateType};
use crate::store::{self, Kind, RunQuery, RunRecord, RunStore, StoreError};
use crate::transaction::TransactionState;

/// What is recorded of the runs of an outermost flow run.
pub(crate) struct Priors {
    by_identity: HashMap<u128, Prior>,
    /// The first free number of a task run in each flow run.
    numbers: HashMap<u128, u32>,
}

/// A run of an earlier process.
pub(crate) struct Prior {
    id: Uuid,
    name: StateName,
    message: Option<String>,
    /// When it entered its last state.
    since: std::time::SystemTime,
    outcome: Option<store::Outcome>,
    /// It may be taken for what it gave.
    counts: bool,
}

/// How many records are read at once.
const PAGE: u32 = 5000;

impl Priors {
    /// Reads all that there is; blocks.
    pub(super) fn read(store: &dyn RunStore, root: Uuid) -> Result<Self, StoreError> {
        let transactions = store.transactions(root)?.into_iter();
        let committed: HashSet<Uuid> = transactions
            .filter(|record| record.state == TransactionState::Committed)
            .map(|record| record.id)
            .collect();
        let mut priors = Self { by_identity: HashMap::new(), numbers: HashMap::new() };
        for query in [RunQuery::flow_runs(), RunQuery::task_runs()] {
            query.in_root(root).oldest_first().limit(PAGE).for_each_page(store, |page| {
                page.iter().try_for_each(|record| {
                    let stands = record.transaction.is_none_or(|id| committed.contains(&id));
                    priors.add(store, record, record.state.is_completed() && stands)
                })
            })?;
        }
        Ok(priors)
    }

    fn add(&mut self, store: &dyn RunStore, record: &RunRecord, counts: bool) -> Result<(), StoreError> {
        if record.kind == Kind::Task {
            let flow_run = record.flow_run.unwrap_or_default().as_u128();
            let free = self.numbers.entry(flow_run).or_default();
            *free = (*free).max(number_of(record.id) + 1);
        }
        let Some(identity) = record.identity else { return Ok(()) };
        let name = record.state.name;
        let counts = counts && name != StateName::RolledBack;
        let outcome = if counts { store.outcome(record.id)? } else { None };
        let counts = counts && (outcome.is_some() || name == StateName::Skipped);
        let prior = Prior { counts, ..Prior::of(record, outcome) };
        let known = self.by_identity.get(&identity.as_u128());
        if known.is_none_or(|known| !known.counts) {
            self.by_identity.insert(identity.as_u128(), prior);
        }
        Ok(())
    }

    /// The first number that no task run of that flow run has.
    pub(super) fn free_number(&self, flow_run: u128) -> u32 {
        self.numbers.get(&flow_run).copied().unwrap_or(0)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are the number")]
pub(super) fn number_of(id: Uuid) -> u32 {
    id.as_u128() as u32
}

/// What the run of a flow that was asked for by its id is.
enum Found {
    /// There was none, and is one now.
    New,
    /// One that has not completed goes on, as this engine's, once what was interrupted is rolled back, where that is asked for.
    GoesOn(Prior, Arc<Priors>, Option<Box<Interrupted>>),
    /// It has completed.
    Ended(Prior),
}

/// The flow run that was asked for by its id: how it has ended, if it has.
///
/// # Errors
/// It cannot be had.
pub(super) async fn found(
    run: &Arc<Run>,
    tree: &Tree,
    id: FlowRunId,
) -> Result<Option<EndedBefore>, TaskError> {
    let failed = |message: String| {
        run.cell.lock().log.extra().recorded = Recorded::Elsewhere;
        TaskError::new(ErrorKind::Failed, message)
    };
    if tree.mocks.is_some() {
        return Err(failed(format!(
            "`with_flow_run_id({id})`: tasks are mocked in this flow run, and what it would give is not to be recorded as that of \
             another"
        )));
    }
    if run.scope.tree.is_flow() {
        return Err(failed(format!(
            "`with_flow_run_id({id})`: only an outermost flow run is resumed, and what is inside of it goes on by itself"
        )));
    }
    let Some(recorder) = run.scope.engine.recorder().cloned() else {
        return Err(failed(format!("`with_flow_run_id({id})`: {}", super::NO_STORE)));
    };
    let rolls_back = run.scope.engine.settings().roll_back_interrupted.unwrap_or(false);
    let (of_finding, of_run) = (recorder.clone(), run.clone());
    let finding = move || find(&of_finding, id.as_uuid(), &of_run, rolls_back);
    let found = run.scope.handle.get().spawn_blocking(finding).await;
    match found.unwrap_or_else(|error| Err(error.to_string())).map_err(failed)? {
        Found::New => {
            run.cell.lock().log.extra().recorded = Recorded::All;
            Ok(None)
        }
        Found::GoesOn(prior, priors, interrupted) => {
            tree.adopt(prior.id(), priors.free_number(prior.id()));
            tree.set_priors(priors);
            record::goes_on(run, prior.since());
            if let Some(interrupted) = interrupted {
                interrupted.roll_back(run, &recorder).await;
            }
            Ok(None)
        }
        Found::Ended(prior) => {
            let outcome = prior.outcome(run).map_err(|problem| {
                failed(format!("the flow run {id} has completed, and what it gave is not there: {problem}"))
            })?;
            run.cell.lock().log.extra().recorded = Recorded::Elsewhere;
            Ok(Some(EndedBefore::recorded(outcome, prior.name)))
        }
    }
}

/// Has a flow run go on, of whatever flow, with the parameters that are recorded.
pub(super) async fn by_id(engine: &Engine, id: FlowRunId) -> Result<FlowRunInfo, FlowError> {
    let nothing = || FlowError::msg(super::NO_STORE);
    let recorder = engine.recorder().cloned().ok_or_else(nothing)?;
    let scope = root_scope(engine);
    let found = scope.handle.get().spawn_blocking(move || {
        let store = recorder.store();
        let query = RunQuery::flow_runs().ids([id.as_uuid()]).limit(1);
        let found = store.runs(&query).map_err(|error| format!("{}: {error}", store.name()))?.pop();
        found.ok_or_else(|| format!("{} has no flow run {id}", store.name()))
    });
    let cannot = |problem: String| FlowError::msg(format!("the flow run {id} cannot be resumed: {problem}"));
    let record = found.await.unwrap_or_else(|error| Err(error.to_string())).map_err(cannot)?;
    let start = registry::start_of(&record.key).map_err(cannot)?;
    let options = Options { flow_run_id: Some(id), ..Options::default() };
    let start = start(&record.parameters.unwrap_or_default(), options).map_err(cannot)?;
    let begun = {
        let mut current = Current::in_scope(scope);
        let _entered = current.enter();
        flow_run::make(start).spawn()
    };
    let future = FlowFuture::<()>::from_reader(Reader::counted(begun.0.clone()));
    let state = future.finished().await;
    match begun.0.error() {
        Some(error) if !state.is_completed() => Err(error.into()),
        _ => Ok(FlowRunInfo(begun.0)),
    }
}

/// Looks for a flow run, and makes it this engine's if it is to go on, or new; blocks.
fn find(recorder: &Arc<Recorder>, id: Uuid, run: &Run, rolls_back: bool) -> Result<Found, String> {
    // What this engine knows of it may lie in the spool.
    wait::block_on_future(recorder.flush()).map_err(|error| error.to_string())?;
    let store = recorder.store();
    let failed = |error: StoreError| format!("{}: {error}", store.name());
    let query = RunQuery::flow_runs().ids([id]).limit(1);
    let mut found = store.runs(&query).map_err(failed)?.pop();
    if found.is_none() {
        if recorder.create(run).map_err(failed)? {
            return Ok(Found::New);
        }
        // Another process was faster.
        found = store.runs(&query).map_err(failed)?.pop();
    }
    let Some(record) = found else {
        return Err(format!("the flow run {id} was made and deleted just now"));
    };
    if record.key != run.spec.key() {
        return Err(format!("the flow run {id} is one of `{}`, and not of `{}`", record.key, run.spec.key()));
    }
    if record.flow_run.is_some() {
        return Err(format!(
            "the flow run {id} is a part of another: resume the outermost one, {}",
            record.root
        ));
    }
    if record.state.is_completed() {
        let outcome = store.outcome(id).map_err(failed)?;
        return Ok(Found::Ended(Prior::of(&record, outcome)));
    }
    if !store.claim(id, recorder.owner()).map_err(failed)? {
        let owners = store.owners().map_err(failed)?;
        let owner = owners.iter().find(|owner| Some(owner.id) == record.owner);
        let whose = owner.map_or_else(
            || "another engine".to_owned(),
            |owner| format!("process {} on {}", owner.pid, owner.host),
        );
        return Err(format!("the flow run {id} is being executed by {whose}"));
    }
    // As it is now that nobody else changes it.
    let record = store.runs(&query).map_err(failed)?.pop().unwrap_or(record);
    let interrupted = rolls_back.then(|| Interrupted::read(&**store, id)).transpose().map_err(failed)?;
    let priors = Priors::read(&**store, id).map_err(failed)?;
    Ok(Found::GoesOn(Prior::of(&record, None), Arc::new(priors), interrupted.map(Box::new)))
}

impl Prior {
    fn of(record: &RunRecord, outcome: Option<store::Outcome>) -> Self {
        Self {
            id: record.id,
            name: record.state.name,
            message: record.state.message.clone(),
            since: record.state.timestamp,
            counts: record.state.is_completed(),
            outcome,
        }
    }

    fn id(&self) -> u128 {
        self.id.as_u128()
    }

    /// When it entered its last state.
    fn since(&self) -> Nanos {
        nanos_of(self.since)
    }

    /// What it gave, or why that cannot be had.
    fn outcome(&self, run: &Run) -> Result<Outcome, String> {
        if self.name == StateName::Skipped {
            let message = self.message.clone().unwrap_or_default();
            return Ok(Err(TaskError::new(ErrorKind::Skipped, message)));
        }
        value_of(run, self.outcome.as_ref()).map(Ok)
    }
}

/// The value that is kept of a run of an earlier process, or why that cannot be had. Calls user code.
pub(super) fn value_of(run: &Run, outcome: Option<&store::Outcome>) -> Result<Erased, String> {
    let Some(result) = run.spec.cache.result else {
        return Err(format!("what `{}` gives cannot be read: it is not `Deserialize`", run.spec.name));
    };
    let read = || match outcome {
        Some(store::Outcome::Inline(bytes)) => result.of_json(bytes).map_err(|error| error.to_string()),
        Some(store::Outcome::Stored(key)) => {
            let results = run.scope.engine.results().map_err(|error| error.to_string())?;
            match results.read_erased_blocking(key, result).map_err(|error| error.to_string())? {
                Read::Found(record) => Ok(record.value),
                Read::Missing(missing) => Err(format!("`{key}` in {results:?}: {missing}")),
            }
        }
        None => Err("what it gave is not recorded".to_owned()),
    };
    panic::catch(read).unwrap_or_else(|panic| Err(format!("reading it panicked: {}", panic.message)))
}

/// Recognises a run, whose upstreams have ended: how it ended before, if it did and that counts. Calls user code.
pub(super) fn recognise<'a>(
    run: &Arc<Run>,
    body: &(dyn Body<'a> + 'a),
    edges: &[Edge],
) -> Option<EndedBefore> {
    run.scope.engine.recorder()?;
    let tree = &run.scope.tree;
    if !tree.is_flow() || mock::is_near(run) {
        record::announce(run, edges, None);
        return None;
    }
    let identity = identity_of(run, body, edges);
    let priors = tree.priors();
    if let Some(identity) = identity {
        run.cell.lock().log.extra().identity = Some(identity);
        if let Some(priors) = priors
            && !slice::begins_again(run)
            && let Some(prior) = priors.by_identity.get(&identity)
            && let Some(taken) = take_over(run, priors, prior)
        {
            return match taken {
                Taken::Ended(outcome) => Some(EndedBefore::recorded(outcome, prior.name)),
                Taken::GoesOn => None,
            };
        }
    }
    record::announce(run, edges, identity);
    None
}

/// Records of a run, which ends in that state as something else says than the ledger, what it is recognised by; but for one that ended
/// so in the ledger already, which it is from now on: whether it is. Calls user code.
pub(super) fn identify<'a>(
    run: &Arc<Run>,
    body: &(dyn Body<'a> + 'a),
    edges: &[Edge],
    name: StateName,
) -> bool {
    if run.scope.engine.recorder().is_none() {
        return false;
    }
    let identity = if mock::is_near(run) { None } else { identity_of(run, body, edges) };
    run.cell.lock().log.extra().identity = identity;
    if let Some(priors) = run.scope.tree.priors()
        && let Some(prior) = identity.and_then(|identity| priors.by_identity.get(&identity))
        && prior.name == name
        && run.scope.tree.take(prior.id())
    {
        become_prior(run, priors, prior);
        run.cell.lock().log.extra().recorded = Recorded::Elsewhere;
        return true;
    }
    record::announce(run, edges, identity);
    false
}

/// A run that was taken over from an earlier process.
enum Taken {
    /// It ended then.
    Ended(Outcome),
    /// It is a flow run that did not.
    GoesOn,
}

/// Makes a run the one that it was in an earlier process, if it may be.
fn take_over(run: &Arc<Run>, priors: &Priors, prior: &Prior) -> Option<Taken> {
    let ended = prior.counts.then(|| prior.outcome(run)).and_then(|outcome| {
        outcome.inspect_err(|problem| log!(warn, "{} - it is executed again: {problem}", run.label())).ok()
    });
    // A task run that has to be executed again is another one.
    if (ended.is_none() && !run.spec.is_flow) || !run.scope.tree.take(prior.id()) {
        return None;
    }
    become_prior(run, priors, prior);
    let Some(outcome) = ended else {
        record::goes_on(run, prior.since());
        return Some(Taken::GoesOn);
    };
    run.cell.lock().log.extra().recorded = Recorded::Elsewhere;
    Some(Taken::Ended(outcome))
}

fn become_prior(run: &Run, priors: &Priors, prior: &Prior) {
    match run.tree_inside() {
        Some(tree) => tree.adopt(prior.id(), priors.free_number(prior.id())),
        None => run.number.store(number_of(prior.id), Ordering::Relaxed),
    }
}

/// What a run is recognised by; `None` if that cannot be told, because of an input that cannot be serialised.
fn identity_of<'a>(run: &Arc<Run>, body: &(dyn Body<'a> + 'a), edges: &[Edge]) -> Option<u128> {
    let parent = run.scope.parent.as_ref()?;
    let parent = parent.cell.lock().log.extra.as_ref().and_then(|extra| extra.identity)?;
    let mut form = Vec::with_capacity(128);
    form.extend(parent.to_le_bytes());
    form.extend(run.spec.module.as_bytes());
    form.extend(b"::");
    form.extend(run.spec.function.as_bytes());
    form.push(0);
    write_form(body, edges, &mut form, &mut |run| {
        run.cell.lock().log.extra.as_ref().and_then(|extra| extra.identity)
    })?;
    let call = XxHash3_128::oneshot(&form);
    let ordinal = run.scope.tree.next_call(call);
    let mut numbered = [0; 20];
    numbered[..16].copy_from_slice(&call.to_le_bytes());
    numbered[16..].copy_from_slice(&ordinal.to_le_bytes());
    Some(XxHash3_128::oneshot(&numbered))
}

/// The form of what a body takes, where runs that it takes count by what `identity` says; `None` if something has no form.
pub(super) fn form_of<'a>(
    body: &(dyn Body<'a> + 'a),
    edges: &[Edge],
    identity: &mut dyn FnMut(&Run) -> Option<u128>,
) -> Option<Vec<u8>> {
    let mut form = Vec::new();
    write_form(body, edges, &mut form, identity).map(|()| form)
}

fn write_form<'a>(
    body: &(dyn Body<'a> + 'a),
    edges: &[Edge],
    form: &mut Vec<u8>,
    identity: &mut dyn FnMut(&Run) -> Option<u128>,
) -> Option<()> {
    let mut upstream = |parameter: u8, form: &mut Vec<u8>| {
        let of_parameter =
            |edge: &&Edge| matches!(edge.need, Need::Value(of) | Need::Outcome(of) if of == parameter);
        for edge in edges.iter().filter(of_parameter) {
            for run in edge.node.runs() {
                let Some(identity) = identity(&run) else { return false };
                form.extend(identity.to_le_bytes());
                if matches!(edge.need, Need::Outcome(_)) {
                    form.push(u8::from(run.cell.lock().state.state_type() == StateType::Completed));
                }
            }
        }
        true
    };
    let written = panic::catch(|| body.form(&mut upstream, form));
    written.unwrap_or(false).then_some(())
}

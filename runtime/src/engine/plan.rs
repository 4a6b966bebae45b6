//! Plans: a flow's body is executed, and what it begins is not. Its runs have ended as soon as they are made, with the `plan_value` of
//! their tasks, or with an error of kind Planning. An async body that asks for a value that there is not is left there.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::aside::attempt_on_thread;
use super::attempt;
use super::finish::{Ended, wake};
use super::flow_run::{Start, check_today};
use super::{Engine, submit, wait};
use crate::body::{Body, BoxBody, Outcome, PlanValue};
use crate::context::{Current, Kept, Scope, Tree, own_tags, scope_here};
use crate::error::{ErrorKind, TaskError};
use crate::graph::{Graph, of_plan};
use crate::input::{Edge, Node};
use crate::mock::{self, Mocks};
use crate::name;
use crate::options::Options;
use crate::panic::{self, drop_caught};
use crate::run::{Run, RunSlot, Slot};
use crate::runner::SequentialTaskRunner;
use crate::runner::worker::Seat;
use crate::spec::{Kind, Spec};
use crate::sync::Mutex;

/// A flow that is being planned: what its runs have in common.
pub(crate) struct Planning {
    /// Its body is left where it needs a value; a sync one gets an error there.
    is_async: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the body needs the value of, the first of all.
    needed: Option<Node>,
    /// A `plan_value` that could not be had.
    failed: Option<TaskError>,
    is_over: bool,
    /// Whoever drives an async body.
    driver: Option<Waker>,
    /// Who waits in vain, until it is over.
    waiting: Vec<Waker>,
}

impl Planning {
    fn new(is_async: bool) -> Self {
        Self { is_async, state: Mutex::default() }
    }

    /// Notes that the body needs what only an execution gives. Whether whoever asks is to wait, as the body ends here.
    pub(crate) fn needs(&self, node: impl FnOnce() -> Node, waker: Option<&Waker>) -> bool {
        let mut state = self.state.lock();
        if state.is_over {
            return false;
        }
        state.needed.get_or_insert_with(node);
        let waker = waker.filter(|_| self.is_async);
        if let Some(waker) = waker
            && !state.waiting.iter().any(|known| known.will_wake(waker))
        {
            state.waiting.push(waker.clone());
        }
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        waker.is_some()
    }

    /// Whether the body has needed a value; else its driver is woken when it does.
    fn is_needed(&self, driver: &Waker) -> bool {
        let mut state = self.state.lock();
        state.driver = Some(driver.clone());
        state.needed.is_some()
    }

    /// Nobody waits in vain any more: who has carried a future elsewhere is told that there is nothing to wait for.
    fn end(&self) -> State {
        let ended = std::mem::replace(&mut *self.state.lock(), State { is_over: true, ..State::default() });
        ended.waiting.iter().for_each(Waker::wake_by_ref);
        ended
    }
}

fn planning(run: &Run) -> Option<&Arc<Planning>> {
    run.scope.tree.plan.as_ref()
}

/// Whether somebody who polls for the end of a run waits in vain: the run is only planned, and has no value.
pub(crate) fn withholds(run: &Arc<Run>, waker: &Waker) -> bool {
    planning(run).is_some_and(|plan| !has_value(run) && plan.needs(|| Node::Run(run.clone()), Some(waker)))
}

/// Somebody asks for what a run has given, and does not wait for it.
pub(crate) fn asked(run: &Arc<Run>) {
    if let Some(plan) = planning(run)
        && !has_value(run)
    {
        plan.needs(|| Node::Run(run.clone()), None);
    }
}

pub(crate) fn has_value(run: &Run) -> bool {
    !matches!(run.cell.lock().slot, Slot::Error(_))
}

/// The error of what is only planned.
pub(crate) fn unknown(name: &str) -> TaskError {
    let message = format!(
        "the result of '{name}' is not known where its flow is only planned; give its task a `plan_value`"
    );
    TaskError::new(ErrorKind::Planning, message)
}

/// Has a run that is only planned end, with the value that its task gives to plans.
pub(super) fn begin(run: &Arc<Run>, edges: &[Edge], value: Option<PlanValue>) {
    if let Some(name) = run.options().and_then(|options| options.run_name.clone()) {
        run.cell.lock().log.extra().name = Some(name);
    }
    run.scope.tree.record(run, edges);
    if !run.is_of_map() && !run.spec.is_flow {
        run.scope.note_begun(|| Node::Run(run.clone()));
    }
    let outcome = match value.map(|value| panic::catch(|| value.value())) {
        None => Err(unknown(&run.name()).of_run(run.id(), || run.name())),
        Some(Ok(value)) => Ok(value),
        Some(Err(panic)) => {
            let message =
                format!("the `plan_value` of task '{}' panicked: {}", run.task_name(), panic.message);
            let error = TaskError::new(ErrorKind::Crashed, message);
            if let Some(plan) = planning(run) {
                plan.state.lock().failed.get_or_insert_with(|| error.clone());
            }
            Err(error)
        }
    };
    let has_value = outcome.is_ok();
    let slot: RunSlot = outcome.map_or_else(Slot::Error, Slot::Value);
    let Some((before, waiters)) = run.cell.settle_and_end(|_| slot) else { return };
    drop_caught(before);
    if !run.has_readers() {
        drop_caught(run.cell.free());
    }
    waiters.for_each(|waiter| wake(waiter, Some(Ended { run, has_value })));
}

/// The run of a call that is only planned.
pub(super) fn call<'a>(
    spec: &'static Spec,
    scope: Arc<Scope>,
    options: Option<Arc<Options>>,
    body: &(dyn Body<'a> + 'a),
) -> Arc<Run> {
    let edges = options.as_ref().map(|options| options.wait_for.clone()).unwrap_or_default();
    let run = submit::new_run(spec, scope, options, None);
    begin(&run, &edges, body.plan_value());
    run
}

/// What a call has given that is only planned. Its one reader is the caller.
pub(super) fn given(run: &Arc<Run>) -> Outcome {
    asked(run);
    let given = run.give().unwrap_or_else(|| Err(attempt::cancelled()));
    run.remove_reader();
    given
}

/// What came of planning a flow.
pub(crate) struct Planned {
    pub(crate) graph: Graph,
    pub(crate) is_complete: bool,
}

/// The planning of a flow under way. Dropped before its end, it lets go of all that was begun.
pub(crate) struct Draft {
    run: Arc<Run>,
    tree: Arc<Tree>,
    plan: Arc<Planning>,
    body: BoxBody,
}

impl Draft {
    pub(crate) fn begin(start: Start) -> Self {
        let here = scope_here();
        let engine = here.engine.for_plans();
        let own_today = start.options.as_ref().and_then(|options| options.today.clone());
        let today = own_today.or_else(|| here.tree.today.clone());
        let outside = Arc::new(Tree::new(None, None, None, false));
        let outer = Scope::new(
            engine,
            here.handle.clone(),
            here.runner.clone(),
            outside,
            None,
            here.tags.clone(),
            None,
        );
        let plan = Arc::new(Planning::new(start.spec.kind == Kind::Async));
        let mocks = Mocks::begin(start.options.as_deref(), here.tree.mocks.as_ref());
        let tree = Arc::new(Tree::of_plan(today, plan.clone()).with_mocks(mocks));
        let run = submit::new_run(start.spec, outer, start.options, None);
        {
            let mut inner = run.cell.lock();
            let extra = inner.log.extra();
            extra.flow = Some(tree.clone());
            extra.name = Some(name::readable(tree.prefix()).into());
        }
        tree.belongs_to(&run);
        Self { run, tree, plan, body: start.body }
    }

    /// What goes before the body: it has its name then, and its parameters.
    fn prepare(&mut self) -> Result<(), TaskError> {
        check_today(self.tree.today.as_deref())?;
        mock::check(&self.tree)?;
        attempt::prepare(&self.run, &mut *self.body)
    }

    fn current(&self) -> Current {
        let outer = &self.run.scope;
        let scope = Scope::new(
            outer.engine.clone(),
            outer.handle.clone(),
            outer.runner.clone(),
            self.tree.clone(),
            Some(self.run.clone()),
            own_tags(&self.run),
            None,
        );
        Current::in_scope(scope)
    }

    /// Executes the body up to the first value that it needs: an async one where this is polled, a sync one on a thread of its own.
    pub(crate) async fn live(mut self) -> Result<Planned, TaskError> {
        self.prepare()?;
        let (run, plan, current) = (self.run.clone(), self.plan.clone(), self.current());
        if run.spec.kind != Kind::Async {
            let outcome = attempt_on_thread(&run, &mut self.body, current, Seat::default()).await;
            return self.conclude(Some(outcome));
        }
        let runtime = run.scope.handle.get();
        let outcome = {
            let mut body = Box::pin(attempt::attempt_async(&run, &mut *self.body, current));
            std::future::poll_fn(move |cx: &mut Context<'_>| {
                let _entered = runtime.enter();
                match body.as_mut().poll(cx) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending if plan.is_needed(cx.waker()) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        };
        self.conclude(outcome)
    }

    /// As [`live`](Self::live), blocking this thread, on which a sync body is executed.
    pub(crate) fn live_here(mut self) -> Result<Planned, TaskError> {
        if self.run.spec.kind == Kind::Async {
            return wait::block_on_future(self.live());
        }
        self.prepare()?;
        let current = self.current();
        let outcome = attempt::attempt_here(&self.run, &mut *self.body, current);
        self.conclude(Some(outcome))
    }

    /// What came of it: how the body ended, if it was not left.
    fn conclude(self, outcome: Option<Outcome>) -> Result<Planned, TaskError> {
        let State { needed, failed, .. } = self.plan.end();
        if let Some(failed) = failed {
            return Err(failed);
        }
        // After a value that was needed and not there nothing says much.
        if needed.is_none()
            && let Some(Err(error)) = outcome
        {
            return Err(error);
        }
        let graph = of_plan(&self.run, &Kept::so_far(&self.tree), needed.as_ref());
        Ok(Planned { graph, is_complete: needed.is_none() })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.plan.end();
        for record in Kept::taken(&self.tree).0 {
            if let Node::Map(map) = record.node {
                map.forget();
            }
        }
        self.tree.clear();
    }
}

impl Engine {
    /// One like this that records, limits and keeps nothing.
    fn for_plans(&self) -> Self {
        let inner = &self.0;
        Self(Arc::new(super::Inner {
            clock: inner.clock.clone(),
            settings: inner.settings.clone(),
            limits: crate::limit::Limits::ignored(),
            // The engine's own is shut down with its engine.
            runner: Arc::new(SequentialTaskRunner::new()),
            results: std::sync::OnceLock::from(crate::result::ResultStore::memory()),
            locks: None,
            recorder: None,
            is_plain: true,
            #[cfg(feature = "progress")]
            progress: None,
            is_default: false,
            scopes: std::sync::Mutex::default(),
        }))
    }
}

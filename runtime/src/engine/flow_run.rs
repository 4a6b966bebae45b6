//! The life of a flow run: its body, the end of all that it began, the verdict, and the attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tracing::Span;

use super::aside::attempt_on_thread;
use super::attempt;
use super::cancel::{cancel_children, cancel_scope, cancel_scope_by};
use super::execution::Abandoned;
use super::finish::{EndedBefore, finish_as, finish_as_before, is_skip};
use super::slice::Slice;
use super::{
    admission, cache, plan, record, resume, retry, slice, span, standstill, submit, transaction, wait, watch,
};
use crate::body::{BoxBody, Erased, Outcome};
use crate::cache::FlowResults;
use crate::context::{Current, Scope, Tree, current_run, own_tags, scope_here};
use crate::error::{ErrorKind, TaskError};
use crate::id::FlowRunId;
use crate::input::{EdgeList, Node};
use crate::mock::{self, Mocks};
use crate::name;
use crate::options::Options;
use crate::panic::drop_caught;
use crate::run::{By, Run};
use crate::runner::TaskRunner;
use crate::runner::worker::Seat;
use crate::spec::{Kind, Spec};

/// A flow with its arguments, not yet begun.
pub(crate) struct Start {
    pub(crate) spec: &'static Spec,
    pub(crate) options: Option<Arc<Options>>,
    pub(crate) edges: EdgeList,
    pub(crate) body: BoxBody,
    /// Whether all runs are kept for a report.
    pub(crate) report: bool,
}

/// A flow run that has been made, and what takes it through its life.
pub(crate) struct Begun {
    pub(crate) run: Arc<Run>,
    pub(crate) tree: Arc<Tree>,
    /// None of one that is only planned.
    life: Option<Life>,
}

struct Life {
    run: Arc<Run>,
    tree: Arc<Tree>,
    edges: EdgeList,
    body: BoxBody,
    /// A sync body may be executed on the thread that waits for it. What is to be said if that thread waits for itself.
    here: Option<Arc<AtomicBool>>,
    runner: Option<Arc<dyn TaskRunner>>,
    /// A report shows what the body gave.
    keeps_value: bool,
    /// The failures because of which it is not executed.
    causes: Vec<Arc<Run>>,
    /// What its call is recognised by in the flow run that it is in, if its result is kept.
    call: Option<u128>,
    /// That of the attempt.
    span: Span,
}

/// What is known of a flow run before it is executed.
enum Known {
    Nothing,
    /// It ended like this in an earlier process.
    Ended(EndedBefore),
    /// An earlier attempt of the flow run that it is in has kept what it gave.
    Kept(Erased),
}

/// Makes a flow run, with one reader.
pub(crate) fn make(mut start: Start) -> Begun {
    let outer = scope_here();
    start.edges.extend(outer.branch());
    let own_today = start.options.as_ref().and_then(|options| options.today.clone());
    let said = start.options.as_ref().and_then(|options| options.cache.as_deref());
    let results = FlowResults::of(&start.spec.cache, said, outer.tree.results.as_ref());
    let today = own_today.or_else(|| outer.tree.today.clone());
    let is_asked_for = start.options.as_ref().is_some_and(|options| options.keeps_graph);
    let keeps_records = start.report || is_asked_for || outer.tree.keeps_records();
    let mocks = Mocks::begin(start.options.as_deref(), outer.tree.mocks.as_ref());
    let own_slice = start.options.as_ref().and_then(|options| options.slice.as_deref());
    let slice = outer.tree.slice.clone().or_else(|| own_slice.map(Slice::new));
    let tree = Tree::new(outer.tree.root(), today, results, keeps_records);
    let tree = Arc::new(tree.with_mocks(mocks).in_slice(slice));
    if let Some(priors) = outer.tree.priors() {
        tree.set_priors(priors.clone());
    }
    let asked_for = start.options.as_ref().and_then(|options| options.flow_run_id);
    if let Some(id) = asked_for {
        tree.adopt(id.as_uuid().as_u128(), 0);
    }
    let run = submit::new_run(start.spec, outer.clone(), start.options, None);
    {
        let mut inner = run.cell.lock();
        let extra = inner.log.extra();
        extra.flow = Some(tree.clone());
        extra.name = Some(name::readable(tree.prefix()).into());
        if !outer.tree.is_flow() {
            // What is inside is recognised by what it is inside of.
            extra.identity = Some(tree.prefix());
        }
    }
    tree.belongs_to(&run);
    outer.note_begun(|| Node::Run(run.clone()));
    if outer.tree.plan.is_some() {
        plan::begin(&run, &start.edges, None);
        return Begun { run, tree, life: None };
    }
    watch::begin(&run, &tree);
    outer.tree.record(&run, &start.edges);
    outer.register(&run);
    record::created(&run, &start.edges);
    if outer.is_cancelled() {
        super::cancel(&run, By::Outer);
    }
    let life = Life {
        run: run.clone(),
        tree: tree.clone(),
        edges: start.edges,
        body: start.body,
        here: None,
        runner: None,
        keeps_value: start.report,
        causes: Vec::new(),
        call: None,
        span: Span::none(),
    };
    Begun { run, tree, life: Some(life) }
}

/// Panics where blocking for a run of the flow would wait for this very thread; before there is such a run.
#[track_caller]
pub(crate) fn check_may_block(spec: &Spec) {
    if spec.kind == Kind::Async {
        wait::check_may_drive();
    }
}

impl Begun {
    /// Has the runtime take it through its life.
    pub(crate) fn spawn(self) -> (Arc<Run>, Arc<Tree>) {
        if let Some(life) = self.life {
            let handle = self.run.scope.handle.clone();
            handle.spawn(life.live());
        }
        (self.run, self.tree)
    }

    /// Takes it through its life, a sync body on this thread.
    pub(crate) fn live_here(self) -> (Arc<Run>, Arc<Tree>) {
        if self.run.spec.kind == Kind::Async {
            let begun = self.spawn();
            wait::block_on(&begun.0, None);
            return begun;
        }
        match self.life {
            Some(mut life) => {
                let is_stuck = Arc::new(AtomicBool::new(false));
                life.here = Some(is_stuck.clone());
                let mut living = Box::pin(life.live());
                let has_ended =
                    wait::block_on_future(std::future::poll_fn(|cx| match living.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(true),
                        Poll::Pending if is_stuck.load(Ordering::Relaxed) => Poll::Ready(false),
                        Poll::Pending => Poll::Pending,
                    }));
                if !has_ended {
                    // It goes on once this thread is the runtime's again.
                    self.run.scope.handle.spawn(living);
                    standstill::advise_to_await();
                }
                wait::block_on_future(wait::Ended::of(&self.run));
            }
            None => plan::asked(&self.run),
        }
        (self.run, self.tree)
    }
}

impl Life {
    async fn live(mut self) {
        let abandoned = Abandoned::guard(&self.run);
        let ended = match self.begin().await {
            Ok(Known::Nothing) => self.attempts().await.and_then(|(value, said)| {
                mock::check_met(&self.run)?;
                Ok((value, said, true))
            }),
            Ok(Known::Kept(value)) => Ok((value, None, false)),
            Ok(Known::Ended(before)) => {
                drop_caught(self.body);
                abandoned.disarm();
                return finish_as_before(&self.run, before);
            }
            Err(error) => Err(error),
        };
        self.tree.clear();
        let ended = match &self.tree.slice {
            Some(slice) if !self.tree.is_inside() => slice.end(&self.run, ended),
            _ => ended,
        };
        drop_caught(self.body);
        let left = slice::left(&self.run);
        let (outcome, said) = match ended {
            Ok((value, said, true)) if left.is_none() => {
                (cache::keep_of_flow(&self.run, value, self.call).await, said)
            }
            Ok((value, said, _)) => (Ok(value), said),
            Err(error) => (Err(error), None),
        };
        span::end_flow_span(&self.span, &self.run, left.as_ref().or(outcome.as_ref().err()));
        span::close(self.span);
        abandoned.disarm();
        finish_as(&self.run, outcome, said, self.causes);
    }

    /// Finds out whether it is to be executed.
    async fn begin(&mut self) -> Result<Known, TaskError> {
        let run = self.run.clone();
        if let Some(id) = asked_for(&run)
            && let Some(before) = resume::found(&run, &self.tree, id).await?
        {
            return Ok(Known::Ended(before));
        }
        mock::check(&self.tree)?;
        attempt::unless_stopped(&run, wait::all_ended(&self.edges)).await?;
        if run.scope.is_cancelled() {
            return Err(attempt::cancelled());
        }
        if let Some(before) = self.meet()? {
            return Ok(Known::Ended(before));
        }
        admission::check(&run, &self.edges).map_err(|(error, causes)| {
            self.causes = causes;
            error
        })?;
        admission::see(&self.edges);
        if self.tree.is_inside()
            && let Some(before) = resume::recognise(&run, &*self.body, &self.edges)
        {
            return Ok(Known::Ended(before));
        }
        self.edges.clear();
        transaction::check_around(&run)?;
        check_today(self.tree.today.as_deref())?;
        attempt::prepare(&run, &mut *self.body)?;
        self.call = cache::call_of(&run, &*self.body)?;
        let kept = match self.call {
            Some(call) => cache::kept_before(&run, call).await?,
            None => None,
        };
        Ok(kept.map_or(Known::Nothing, Known::Kept))
    }

    /// What the snapshot says of it, or of whose runs it is, where it is executed in slices.
    fn meet(&mut self) -> Result<Option<EndedBefore>, TaskError> {
        let run = &self.run;
        let Some(own) = &self.tree.slice else { return Ok(None) };
        let is_own = run.with_options(|options| options.is_some_and(|options| options.slice.is_some()));
        if is_own || run.scope.tree.slice.is_none() {
            return own.begin(run, &*self.body).map(|()| None);
        }
        let before = slice::meet(run, &*self.body, &self.edges)?;
        if before.is_none() {
            own.goes_in(run);
        }
        Ok(before)
    }

    async fn attempts(&mut self) -> Result<(Erased, Option<&'static str>), TaskError> {
        let run = self.run.clone();
        loop {
            if let Some(hooks) = attempt::begin(&run)? {
                hooks.await;
            }
            let attempted = self.attempt().await;
            let Err(error) = attempted else { return attempted };
            let Some(delay) = retry::next(&run, self.body.can_repeat(), &error) else { return Err(error) };
            span::end_flow_span(&self.span, &run, Some(&error));
            self.tree.clear();
            attempt::await_retry_over(&run, delay, &error).await?;
        }
    }

    async fn attempt(&mut self) -> Result<(Erased, Option<&'static str>), TaskError> {
        let run = self.run.clone();
        span::close(std::mem::replace(&mut self.span, span::new_span(&run)));
        let span = self.span.clone();
        let scope = span::catch_in(&span, || self.scope()).map_err(|panic| attempt::crashed(&run, &panic));
        span::close(span);
        let scope = scope?;
        let current = Current::in_scope(scope.clone());
        let outcome = match run.spec.kind {
            Kind::Async => attempt::attempt_async(&run, &mut *self.body, current).await,
            _ if self.here.is_some() && attempt::timeout(&run).is_none() => {
                attempt::attempt_here(&run, &mut *self.body, current)
            }
            _ => attempt_on_thread(&run, &mut self.body, current, Seat::default()).await,
        };
        match outcome.as_ref().err().map(TaskError::kind) {
            Some(ErrorKind::TimedOut) => cancel_scope_by(&scope, By::Timeout),
            Some(ErrorKind::Cancelled) => cancel_scope(&scope),
            _ => {}
        }
        if run.is_cancelling() {
            cancel_children(&run);
        }
        if let Some(is_stuck) = &self.here
            && !wait::block_for_open(&scope)
        {
            is_stuck.store(true, Ordering::Relaxed);
        }
        let tree = self.tree.clone();
        idle(&tree).await;
        scope.close_spans();
        self.verdict(outcome)
    }

    /// The scope of what the body begins.
    fn scope(&mut self) -> Arc<Scope> {
        let run = &self.run;
        let options = run.options();
        let own = || {
            let set = options.as_ref().and_then(|options| options.task_runner.clone());
            let runner = set.or_else(|| run.spec.task_runner.map(|make| make()))?;
            if let Err(error) = runner.start() {
                log!(debug, "{error}");
            }
            Some(runner)
        };
        // Built once for the flow run, whatever the number of its attempts.
        let runner =
            self.runner.get_or_insert_with(|| own().unwrap_or_else(|| run.scope.runner.clone())).clone();
        let scope = Scope::new(
            run.scope.engine.clone(),
            run.scope.handle.clone(),
            runner,
            self.tree.clone(),
            Some(run.clone()),
            own_tags(run),
            run.scope.transaction.clone(),
        );
        run.cell.lock().log.extra().children = Some(Arc::downgrade(&scope));
        if run.is_cancelling() {
            cancel_scope(&scope);
        }
        scope
    }

    /// What the flow run ends with, given what its body ended with.
    fn verdict(&self, outcome: Outcome) -> Result<(Erased, Option<&'static str>), TaskError> {
        // The last attempt's, whatever those before it gave.
        let before = {
            let mut shared = self.tree.shared.lock();
            let value = if self.keeps_value { outcome.as_ref().ok().cloned() } else { None };
            std::mem::replace(&mut shared.value, value)
        };
        drop_caught(before);
        if self.run.is_cancelling() {
            return Err(attempt::cancelled());
        }
        let value = outcome?;
        let references = self.tree.shared.lock().references.take();
        if let Some(references) = references {
            let failure = references.iter().find_map(|node| match node {
                Node::Run(run) => failure_of(run),
                Node::Map(group) => group.runs().iter().find_map(|run| failure_of(run)),
            });
            return match failure {
                Some(failure) => {
                    Err(TaskError::verdict("Some reference tasks failed.".into(), Some(&failure)))
                }
                None => Ok((value, Some("All reference tasks succeeded."))),
            };
        }
        let (total, failed) = self.tree.unseen_failures();
        let Some(first) = failed.first() else { return Ok((value, None)) };
        let message = format!("{}/{total} task runs failed.", failed.len());
        Err(TaskError::verdict(message, first.error().as_ref()))
    }
}

/// The id with which a flow run was asked for.
pub(super) fn asked_for(run: &Run) -> Option<FlowRunId> {
    run.with_options(|options| options.and_then(|options| options.flow_run_id))
}

/// Waits until no run is open.
pub(super) async fn idle(tree: &Tree) {
    std::future::poll_fn(|cx| if tree.is_idle(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn failure_of(run: &Run) -> Option<TaskError> {
    run.error().filter(|error| !is_skip(error))
}

pub(super) fn check_today(today: Option<&str>) -> Result<(), TaskError> {
    match today {
        Some(today) if today.parse::<jiff::civil::Date>().is_err() => Err(TaskError::new(
            ErrorKind::Failed,
            format!("`with_today(\"{today}\")`: that is not a date; write it as 2020-01-02"),
        )),
        _ => Ok(()),
    }
}

/// Lets the runs of `references` alone decide the flow run's state.
pub(crate) fn set_references(references: EdgeList) -> bool {
    if !current_run().is_some_and(|run| run.spec.is_flow) {
        return false;
    }
    scope_here().tree.shared.lock().references = Some(references.into_iter().map(|edge| edge.node).collect());
    true
}

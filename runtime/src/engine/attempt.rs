//! Attempts at a run: begun, executed under timeout and `catch_unwind`, and concluded with an end or another attempt.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::Span;

use super::aside::attempt_aside;
use super::deadline::{Deadline, sleep};
use super::finish::finish;
use super::ready::BodyTurn;
use super::span::{catch_in, close, end_span, span_of};
use super::state_log::log_state;
use super::{cache, hook, moment, record, retry, slots, transaction, wait, watch};
use crate::body::{Attempt, Body, BoxBody, BoxFuture, Outcome, Parameters, parameters};
use crate::clock::Nanos;
use crate::context::Current;
use crate::error::{ErrorKind, TaskError};
use crate::hook::Moment;
use crate::options::Effective;
use crate::panic::{self, Panicked, drop_caught};
use crate::run::{Run, RunInner};
use crate::state::StateName;

pub(super) fn crashed(run: &Run, panic: &Panicked) -> TaskError {
    let what = if run.spec.is_flow { "Flow" } else { "Task" };
    TaskError::new(ErrorKind::Crashed, format!("{what} run panicked: {}", panic.message))
}

fn timed_out(run: &Run, timeout: Duration) -> TaskError {
    let what = if run.spec.is_flow { "Flow" } else { "Task" };
    TaskError::new(
        ErrorKind::TimedOut,
        format!("{what} run exceeded timeout of {} second(s)", timeout.as_secs_f64()),
    )
}

pub(super) fn cancelled() -> TaskError {
    TaskError::new(ErrorKind::Cancelled, "the run was cancelled")
}

/// An async body under way: polled in its run's context until it ends, panics, is cancelled, or its time is over.
pub(super) struct Attempting<'a> {
    current: Current,
    span: Span,
    future: Option<BoxFuture<'a, Outcome>>,
    /// It has been polled, and is to ask before it is polled again.
    has_begun: bool,
    deadline: Option<Box<(Deadline, Duration)>>,
}

impl<'a> Attempting<'a> {
    /// Begins an attempt at an async body. `Err` is what came of it, if there is nothing to poll.
    pub(super) fn begin(
        run: &Arc<Run>,
        body: &mut (dyn Body<'a> + 'a),
        mut current: Current,
    ) -> Result<Self, Outcome> {
        let last = is_last(run, body.can_repeat());
        let span = span_of(run, &current);
        let attempt = {
            let _turn = BodyTurn::begin(run);
            let _entered = current.enter();
            catch_in(&span, || body.attempt(last))
        };
        let outcome = match attempt {
            Ok(Attempt::Future(future)) => return Ok(Self::in_span(run, current, future, span)),
            Ok(Attempt::Done(outcome)) => outcome,
            Err(panic) => Err(crashed(run, &panic)),
        };
        end_span(&span, run, &outcome);
        close(span);
        Err(outcome)
    }

    pub(super) fn in_span(run: &Run, current: Current, future: BoxFuture<'a, Outcome>, span: Span) -> Self {
        let timeout = timeout(run);
        let deadline =
            timeout.map(|timeout| Box::new((Deadline::set(run.scope.engine.clock(), timeout), timeout)));
        Self { current, span, future: Some(future), has_begun: false, deadline }
    }

    /// What has been polled once, with what there is left of it.
    fn begun(current: Current, span: Span, future: Option<BoxFuture<'a, Outcome>>) -> Self {
        Self { current, span, future, has_begun: true, deadline: None }
    }

    /// Drops the body, in its context.
    fn drop_body(&mut self) {
        let Some(future) = self.future.take() else { return };
        let _entered = self.current.enter();
        let _ = catch_in(&self.span, || drop_caught(future));
    }

    /// Polls it until it has ended.
    pub(super) async fn ended(mut self, run: &Run) -> Outcome {
        std::future::poll_fn(|cx| self.poll(run, cx)).await
    }

    /// Polls the body of that run, whose attempt it is.
    pub(super) fn poll(&mut self, run: &Run, cx: &mut Context<'_>) -> Poll<Outcome> {
        let polled = self.poll_body(run, cx);
        if let Poll::Ready(outcome) = &polled {
            end_span(&self.span, run, outcome);
        }
        polled
    }

    fn poll_body(&mut self, run: &Run, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.has_begun && !run.cell.drive(cx.waker()) {
            self.drop_body();
            return Poll::Ready(Err(cancelled()));
        }
        let polled = {
            let _turn = BodyTurn::begin(run);
            let _entered = self.current.enter();
            catch_in(&self.span, || {
                let Some(future) = self.future.as_mut() else { return Poll::Ready(Err(cancelled())) };
                let polled = future.as_mut().poll(cx);
                if polled.is_ready() {
                    self.future = None;
                }
                polled
            })
        };
        match polled {
            Ok(Poll::Ready(outcome)) => return Poll::Ready(outcome),
            Err(panic) => {
                self.drop_body();
                return Poll::Ready(Err(crashed(run, &panic)));
            }
            Ok(Poll::Pending) => {}
        }
        if !self.has_begun && !run.cell.drive(cx.waker()) {
            self.drop_body();
            return Poll::Ready(Err(cancelled()));
        }
        self.has_begun = true;
        if let Some((deadline, timeout)) = self.deadline.as_deref()
            && deadline.has_passed(cx)
        {
            let error = timed_out(run, *timeout);
            self.drop_body();
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }
}

impl Drop for Attempting<'_> {
    fn drop(&mut self) {
        self.drop_body();
        close(std::mem::replace(&mut self.span, Span::none()));
    }
}

pub(super) fn timeout(run: &Run) -> Option<Duration> {
    if run.is_plain() {
        return None;
    }
    run.with_options(|options| Effective { spec: run.spec, options }.timeout())
}

/// The body of a run, for whoever executes it alone.
pub(super) struct Claimed {
    pub(super) body: BoxBody,
    /// The run is in RUNNING: it is a plain one, and there was nothing to prepare.
    pub(super) has_begun: bool,
}

/// Takes the body of a run, if it may be executed and nobody has taken it.
pub(super) fn claim(run: &Arc<Run>) -> Option<Claimed> {
    let mut has_begun = false;
    let body = run.cell.claim_and(|inner, body| {
        has_begun = run.is_plain() && !inner.is_to_stop() && body.is_prepared();
        if has_begun {
            run.enter(inner, StateName::Running, beginning(run), None, None);
        }
    })?;
    if has_begun {
        tell_begun(run, StateName::Running);
    }
    Some(Claimed { body, has_begun })
}

/// The time at which a plain run begins.
fn beginning(run: &Run) -> Nanos {
    moment::of_beginning(run.scope.engine.clock(), run.has_waited())
}

/// What happens once, before the first attempt: the upstreams' values are taken, the run gets its name.
pub(super) fn prepare<'a>(run: &Arc<Run>, body: &mut (dyn Body<'a> + 'a)) -> Result<(), TaskError> {
    let is_plain = run.is_plain();
    if is_plain && body.is_prepared() {
        return Ok(());
    }
    if !is_plain && run.cell.lock().log.attempts() > 0 {
        return Ok(());
    }
    let options = run.options();
    if !body.is_prepared() {
        let resolved = panic::catch_in_between(|| body.resolve());
        resolved.unwrap_or_else(|panic| Err(crashed(run, &panic)))?;
    }
    let set = options.as_ref().and_then(|options| options.run_name.clone());
    let name = match set {
        None if !body.is_prepared() => {
            let made = panic::catch(|| body.run_name()).map_err(|panic| crashed(run, &panic))?;
            made.map(Arc::from)
        }
        set => set,
    };
    if let Some(name) = name {
        run.cell.lock().log.extra().name = Some(name);
    }
    if is_plain {
        return Ok(());
    }
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    let recorded = run.spec.is_flow
        || run.spec.wants_parameters
        || effective.has_any_hook()
        || run.scope.engine.settings().record_parameters == Some(true);
    if recorded && !run.spec.parameters.is_empty() {
        let parameters = panic::catch(|| parameters(&*body)).map_err(|panic| crashed(run, &panic))?;
        run.cell.lock().log.extra().parameters = Some(Arc::new(parameters));
    }
    record::prepared(run)
}

/// The inputs of a run that nobody has claimed, for its runner.
pub(super) fn inputs(run: &Arc<Run>) -> Parameters {
    // Claimed meanwhile, as what writes them is the user's.
    let Some(mut body) = run.cell.claim() else { return Vec::new() };
    let inputs = panic::catch(|| body.resolve().map(|()| parameters(&*body)));
    let error = match inputs {
        Ok(Ok(inputs)) => match run.cell.unclaim(body) {
            Ok(()) => return inputs,
            Err(left) => {
                drop_caught(left);
                cancelled()
            }
        },
        Ok(Err(error)) => error,
        Err(panic) => crashed(run, &panic),
    };
    finish(run, Err(error), Vec::new());
    Vec::new()
}

/// Enters RUNNING, or Retrying; `Err` is what the run ends with instead. The future, if there is one, is that of the async
/// `on_running` hooks, to be awaited first.
pub(super) fn begin(run: &Arc<Run>) -> Result<Option<BoxFuture<'static, ()>>, TaskError> {
    if run.is_plain() {
        return enter_attempt(run, 1, beginning(run)).map(|()| None);
    }
    let attempts = run.cell.lock().log.attempts() + 1;
    if attempts == 1 && !run.spec.is_flow {
        transaction::begin(run)?;
        if let Some(slice) = &run.scope.tree.slice {
            slice.may_begin(run)?;
        }
    }
    hook::propose(run, state_of_attempt(attempts), None)?;
    enter_attempt(run, attempts, run.scope.engine.clock().nanos())?;
    Ok(hook::call(run, Moment::Running))
}

/// As [`begin`], for a run that its caller executes: a plain one [has begun](enter_at_once).
pub(super) fn begin_call(run: &Arc<Run>) -> Result<Option<BoxFuture<'static, ()>>, TaskError> {
    if run.is_plain() {
        tell_begun(run, StateName::Running);
        return Ok(None);
    }
    begin(run)
}

/// Has a plain run enter RUNNING as it is made, by its caller, before anybody else knows it.
pub(super) fn enter_at_once(inner: &mut RunInner, is_plain: bool) {
    if is_plain {
        // The least that is later than PENDING.
        inner.enter(StateName::Running, Nanos::MIN, None, None);
    }
}

fn state_of_attempt(number: u32) -> StateName {
    if number == 1 { StateName::Running } else { StateName::Retrying }
}

fn enter_attempt(run: &Arc<Run>, number: u32, now: Nanos) -> Result<(), TaskError> {
    let name = state_of_attempt(number);
    {
        let mut guard = run.cell.lock();
        let inner = &mut *guard;
        if inner.is_to_stop() {
            return Err(cancelled());
        }
        run.enter(inner, name, now, None, None);
        if number > 1 {
            inner.log.extra().attempts = number;
        }
    }
    tell_begun(run, name);
    Ok(())
}

/// Tells those who watch that a run is in RUNNING, or Retrying.
fn tell_begun(run: &Arc<Run>, name: StateName) {
    watch::begun(run, name == StateName::Running);
    log_state(run, name, None);
}

/// Whether the attempt that has begun is the last, whatever it ends with.
pub(super) fn is_last(run: &Run, can_repeat: bool) -> bool {
    if !can_repeat || run.is_plain() {
        return true;
    }
    let options = run.options();
    let effective = Effective { spec: run.spec, options: options.as_deref() };
    let retries = retry::retries(run, &effective, can_repeat);
    retries == 0 || run.cell.lock().log.attempts() > retries
}

/// One attempt at a body, awaited.
pub(super) async fn attempt_async<'a>(
    run: &Arc<Run>,
    body: &mut (dyn Body<'a> + 'a),
    current: Current,
) -> Outcome {
    match Attempting::begin(run, body, current) {
        Ok(attempting) => attempting.ended(run).await,
        Err(outcome) => outcome,
    }
}

/// The one attempt at the body of a plain run, up to where it has to wait: what came of it, or what there is to poll on.
#[inline]
pub(super) fn attempt_plain<'a>(
    run: &Arc<Run>,
    body: &mut (dyn Body<'a> + 'a),
    cx: &mut Context<'_>,
) -> Result<Outcome, Attempting<'a>> {
    let mut current = Current::of(run.clone());
    let span = span_of(run, &current);
    let mut future = None;
    let polled = {
        let _turn = BodyTurn::begin(run);
        let _entered = current.enter();
        catch_in(&span, || match body.attempt(true) {
            Attempt::Done(outcome) => Poll::Ready(outcome),
            Attempt::Future(begun) => {
                let polled = future.insert(begun).as_mut().poll(cx);
                if polled.is_ready() {
                    future = None;
                }
                polled
            }
        })
    };
    let outcome = match polled {
        Ok(Poll::Ready(outcome)) => outcome,
        Ok(Poll::Pending) if run.cell.drive(cx.waker()) => {
            return Err(Attempting::begun(current, span, future));
        }
        Ok(Poll::Pending) => {
            drop(Attempting::begun(current, span.clone(), future));
            Err(cancelled())
        }
        Err(panic) => {
            drop(Attempting::begun(current, span.clone(), future));
            Err(crashed(run, &panic))
        }
    };
    end_span(&span, run, &outcome);
    close(span);
    Ok(outcome)
}

/// As [`attempt_plain`], to its end.
pub(super) async fn attempt_plain_call<'a>(run: &Arc<Run>, body: &mut (dyn Body<'a> + 'a)) -> Outcome {
    let mut waiting = None;
    std::future::poll_fn(|cx| {
        if let Some(attempting) = &mut waiting {
            return Attempting::poll(attempting, run, cx);
        }
        match attempt_plain(run, body, cx) {
            Ok(outcome) => Poll::Ready(outcome),
            Err(attempting) => {
                waiting = Some(attempting);
                Poll::Pending
            }
        }
    })
    .await
}

/// Executes a claimed run on this thread.
pub(super) fn execute_blocking(run: &Arc<Run>, claimed: Claimed) {
    let Claimed { mut body, has_begun } = claimed;
    if has_begun {
        let outcome = attempt_here(run, &mut *body, Current::of(run.clone()));
        return end(run, body, outcome);
    }
    match prepare(run, &mut *body).and_then(|()| cache::look_up_blocking(run, &*body)) {
        Ok(None) => {}
        Ok(Some(value)) => return end(run, body, Ok(value)),
        Err(error) => return end(run, body, Err(error)),
    }
    match begin(run) {
        Ok(None) => {}
        Ok(Some(hooks)) => wait::block_on_future(hooks),
        Err(error) => return end(run, body, Err(error)),
    }
    let outcome = match timeout(run) {
        Some(_) => attempt_aside(run, &mut body),
        None => attempt_here(run, &mut *body, Current::of(run.clone())),
    };
    conclude(run, body, outcome);
}

/// One attempt at a sync body, on this thread.
pub(super) fn attempt_here<'a>(run: &Arc<Run>, body: &mut (dyn Body<'a> + 'a), current: Current) -> Outcome {
    let span = span_of(run, &current);
    let outcome = attempt_in(&span, run, body, current);
    end_span(&span, run, &outcome);
    close(span);
    outcome
}

/// As [`attempt_here`], in a span that somebody else has.
pub(super) fn attempt_in<'a>(
    span: &Span,
    run: &Arc<Run>,
    body: &mut (dyn Body<'a> + 'a),
    mut current: Current,
) -> Outcome {
    let last = is_last(run, body.can_repeat());
    let _turn = BodyTurn::begin(run);
    let _entered = current.enter();
    match catch_in(span, || body.attempt(last)) {
        Ok(Attempt::Done(outcome)) => outcome,
        Ok(Attempt::Future(future)) => wait::block_on_future(future),
        Err(panic) => Err(crashed(run, &panic)),
    }
}

/// One attempt at a sync body, on this thread, whose deadline is checked when the body returns.
pub(super) fn attempt_in_time<'a>(run: &Arc<Run>, body: &mut (dyn Body<'a> + 'a)) -> Outcome {
    let timeout = timeout(run);
    let clock = run.scope.engine.clock();
    let begun = timeout.map(|_| clock.monotonic());
    let last = is_last(run, body.can_repeat());
    let mut current = Current::of(run.clone());
    let span = span_of(run, &current);
    let attempt = {
        let _turn = BodyTurn::begin(run);
        let _entered = current.enter();
        catch_in(&span, || body.attempt(last))
    };
    let outcome = match attempt {
        Ok(Attempt::Done(outcome)) => outcome,
        // An async body called from sync code has its deadline watched over.
        Ok(Attempt::Future(future)) => {
            let runtime = run.scope.handle.get();
            let _entered = runtime.enter();
            return wait::block_on_future(Attempting::in_span(run, current, future, span).ended(run));
        }
        Err(panic) => Err(crashed(run, &panic)),
    };
    let outcome = match (timeout, begun) {
        (Some(timeout), Some(begun)) if Duration::from_nanos(clock.monotonic() - begun) > timeout => {
            Err(timed_out(run, timeout))
        }
        _ => outcome,
    };
    end_span(&span, run, &outcome);
    close(span);
    outcome
}

/// Waits for something on behalf of a run, unless that is cancelled meanwhile.
pub(super) async fn unless_stopped<T>(
    run: &Arc<Run>,
    future: impl Future<Output = T>,
) -> Result<T, TaskError> {
    let mut future = std::pin::pin!(future);
    let waited = std::future::poll_fn(|cx| {
        if run.cell.drive(cx.waker()) {
            future.as_mut().poll(cx).map(Ok)
        } else {
            Poll::Ready(Err(cancelled()))
        }
    })
    .await;
    run.cell.no_driver();
    waited
}

/// An attempt has ended: the run goes on to another, or ends.
pub(super) fn conclude(run: &Arc<Run>, body: BoxBody, outcome: Outcome) {
    if run.is_plain() {
        return end(run, body, outcome);
    }
    slots::release(run);
    if let Err(error) = &outcome
        && let Some(delay) = retry::next(run, body.can_repeat(), error)
    {
        if let Err((body, error)) = again(run, body, delay, error) {
            drop_caught(body);
            finish(run, Err(error), Vec::new());
        }
        return;
    }
    end(run, body, outcome);
}

/// The run ends, whatever attempts remain.
pub(super) fn end(run: &Arc<Run>, body: BoxBody, outcome: Outcome) {
    let outcome = match (outcome, panic::catch(|| drop(body))) {
        (Ok(_), Err(panic)) => Err(crashed(run, &panic)),
        (outcome, _) => outcome,
    };
    finish(run, outcome, Vec::new());
}

/// Gives the body back, to be executed again after the delay. `Err` is what the run ends with instead.
fn again(
    run: &Arc<Run>,
    body: BoxBody,
    delay: Duration,
    error: &TaskError,
) -> Result<(), (BoxBody, TaskError)> {
    let give_back = |body| run.cell.give_back(body).map_err(|body| (body, cancelled()));
    if delay.is_zero() {
        give_back(body)?;
        super::ready::retry(run.clone());
        return Ok(());
    }
    if let Err(answer) = await_retry(run, delay, error) {
        return Err((body, answer));
    }
    give_back(body)?;
    let clock = run.scope.engine.clock();
    let weak = Arc::downgrade(run);
    // Under the lock, so that whoever cancels the run finds the timer, or is found here to have done so.
    let mut inner = run.cell.lock();
    if inner.stage == crate::run::Stage::Open {
        let timer = clock.after(delay, move || {
            if let Some(run) = weak.upgrade() {
                super::ready::retry(run);
            }
        });
        inner.log.extra().timer = Some(timer);
    }
    Ok(())
}

/// Enters `AwaitingRetry`, because of `error`. `Err` is what the run is to end with instead.
fn await_retry(run: &Arc<Run>, delay: Duration, error: &TaskError) -> Result<(), TaskError> {
    hook::propose(run, StateName::AwaitingRetry, Some(error))?;
    let now = run.scope.engine.clock().nanos();
    let due = now.saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
    {
        let mut inner = run.cell.lock();
        // Cancelled or given up on meanwhile: there will be no further attempt.
        if inner.is_to_stop() {
            return Ok(());
        }
        run.enter(&mut inner, StateName::AwaitingRetry, now, None, Some(due));
    }
    log_state(run, StateName::AwaitingRetry, None);
    Ok(())
}

/// Enters `AwaitingRetry`, because of `error`, if there is a delay, and waits until it is over.
pub(super) async fn await_retry_over(
    run: &Arc<Run>,
    delay: Duration,
    error: &TaskError,
) -> Result<(), TaskError> {
    if delay.is_zero() {
        return Ok(());
    }
    await_retry(run, delay, error)?;
    unless_stopped(run, sleep(run.scope.engine.clock(), delay)).await
}

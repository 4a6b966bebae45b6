//! Calls: runs that their caller executes, on its own task or thread. Slots, delays and timeouts are the caller's to wait for.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::cache::{self, Io};
use super::cancel::cancel_children;
use super::finish::{EndedBefore, call_dropped, finish, finish_as_before, finish_call, leave_call};
use super::{admission, attempt, plan, record, resume, retry, slice, slots, submit, wait};
use crate::body::{Body, Outcome};
use crate::context::{Current, Scope, scope_here};
use crate::error::TaskError;
use crate::input::Node;
use crate::mock;
use crate::options::Options;
use crate::run::Run;
use crate::spec::{Kind, Spec};

/// A run that its caller executes, as if it had begun and been claimed; its caller reads the result. A plain one waits for
/// nothing, and is RUNNING as soon as it is there.
fn begin(spec: &'static Spec, scope: Arc<Scope>, options: Option<Arc<Options>>) -> Caller {
    let run = submit::new_call(spec, scope, options, attempt::enter_at_once);
    if run.scope.tree.keeps_records() || run.scope.tree.slice.is_some() {
        let options = run.options();
        run.scope.tree.record(&run, options.as_ref().map_or(&[], |options| &options.wait_for));
    }
    run.scope.register(&run);
    run.scope.note_begun(|| Node::Run(run.clone()));
    record::called(&run);
    Caller { run, is_done: false }
}

/// What is called here: the task, or what stands for it in a test, whose body is `mocked`.
fn called<'b, 'a>(
    spec: &'static Spec,
    options: Option<Arc<Options>>,
    body: &'b mut (dyn Body<'a> + 'a),
    mocked: &'b mut Option<Box<dyn Body<'a> + 'a>>,
) -> (Arc<Scope>, &'static Spec, Option<Arc<Options>>, &'b mut (dyn Body<'a> + 'a)) {
    let scope = scope_here();
    let options = scope.in_branch(options);
    match mock::of(&scope, spec, || body.output()) {
        Some(stand_in) => {
            let body = mocked.insert(stand_in.called(body.take()));
            (scope, stand_in.spec(), stand_in.options(options), &mut **body)
        }
        None => (scope, spec, options, body),
    }
}

/// Executes a call on this task. What most calls have no need of is boxed: the future of each has room for it otherwise.
pub(crate) async fn call_async<'a>(
    spec: &'static Spec,
    options: Option<Arc<Options>>,
    body: &mut (dyn Body<'a> + 'a),
) -> Outcome {
    let mut mocked = None;
    let (scope, spec, options, body) = called(spec, options, body, &mut mocked);
    if scope.tree.plan.is_some() {
        let run = plan::call(spec, scope, options, body);
        wait::Ended::of(&run).await;
        return plan::given(&run);
    }
    let mut guard = begin(spec, scope, options);
    let run = &guard.run;
    if let Some(options) = run.options().filter(|options| !options.wait_for.is_empty()) {
        // Cancelled meanwhile, it is found to be so below.
        let _ = Box::pin(attempt::unless_stopped(run, wait::all_ended(&options.wait_for))).await;
    }
    match admit(run, body) {
        Ok(Some(before)) => finish_as_before(run, before),
        Ok(None) => {
            let ended = attempts(run, body).await;
            if run.is_governed() {
                Box::pin(leave_call(run, ended)).await;
            } else if let Some(given) = guard.end(ended) {
                return given;
            }
        }
        Err((error, causes)) => finish(run, Err(error), causes),
    }
    if !guard.run.has_ended() {
        // Its async hooks are under way.
        wait::Ended::of(&guard.run).await;
    }
    guard.result()
}

/// Attempts at the body, one after another; what the last one gave.
async fn attempts<'a>(run: &Arc<Run>, body: &mut (dyn Body<'a> + 'a)) -> Outcome {
    attempt::prepare(run, body)?;
    if run.is_plain() {
        attempt::begin_call(run)?;
        return attempt::attempt_plain_call(run, body).await;
    }
    loop {
        if !run.scope.engine.limits().is_empty() {
            Box::pin(slots::acquire_async(run)).await?;
        }
        if let Some(lookup) = cache::begin(run, &*body)?
            && let Some(value) = Box::pin(lookup.found(Io::Async)).await?
        {
            return Ok(value);
        }
        if let Some(hooks) = attempt::begin_call(run)? {
            hooks.await;
        }
        let attempted = attempt::attempt_async(run, body, Current::of(run.clone())).await;
        slots::release(run);
        let Err(error) = attempted else { return attempted };
        let Some(delay) = retry::next(run, body.can_repeat(), &error) else { return Err(error) };
        Box::pin(attempt::await_retry_over(run, delay, &error)).await?;
    }
}

/// Executes a call on this thread.
#[track_caller]
pub(crate) fn call_sync<'a>(
    spec: &'static Spec,
    options: Option<Arc<Options>>,
    body: &mut (dyn Body<'a> + 'a),
) -> Outcome {
    let mut mocked = None;
    let (scope, spec, options, body) = called(spec, options, body, &mut mocked);
    if spec.kind == Kind::Async {
        wait::check_may_drive();
    }
    if scope.tree.plan.is_some() {
        return plan::given(&plan::call(spec, scope, options, body));
    }
    let mut guard = begin(spec, scope, options);
    let run = &guard.run;
    // What an async body awaits needs a runtime, also on a thread that has none.
    let runtime = (spec.kind == Kind::Async).then(|| run.scope.handle.get());
    let _entered = runtime.as_ref().map(Handle::enter);
    for edge in run.options().iter().flat_map(|options| &options.wait_for) {
        match &edge.node {
            Node::Run(upstream) => drop(wait::block_on(upstream, None)),
            Node::Map(group) => wait::block_on_map(group),
        }
    }
    match admit(run, body) {
        Ok(Some(before)) => finish_as_before(run, before),
        Ok(None) => {
            let ended = attempts_blocking(run, body);
            if run.is_governed() {
                wait::block_on_ready(leave_call(run, ended));
            } else if let Some(given) = guard.end(ended) {
                return given;
            }
        }
        Err((error, causes)) => finish(run, Err(error), causes),
    }
    if !guard.run.has_ended() {
        wait::block_on_future(wait::Ended::of(&guard.run));
    }
    guard.result()
}

/// As [`attempts`], on this thread.
fn attempts_blocking<'a>(run: &Arc<Run>, body: &mut (dyn Body<'a> + 'a)) -> Outcome {
    attempt::prepare(run, body)?;
    loop {
        if !run.scope.engine.limits().is_empty() {
            wait::block_on_future(slots::acquire_async(run))?;
        }
        if let Some(value) = cache::look_up_blocking(run, &*body)? {
            return Ok(value);
        }
        if let Some(hooks) = attempt::begin_call(run)? {
            wait::block_on_future(hooks);
        }
        let attempted = attempt::attempt_in_time(run, body);
        slots::release(run);
        let Err(error) = attempted else { return attempted };
        let Some(delay) = retry::next(run, body.can_repeat(), &error) else { return Err(error) };
        wait::block_on_future(attempt::await_retry_over(run, delay, &error))?;
    }
}

/// Whether a call may be executed: how it ended in an earlier process, if it did.
fn admit<'a>(
    run: &Arc<Run>,
    body: &(dyn Body<'a> + 'a),
) -> Result<Option<EndedBefore>, (TaskError, Vec<Arc<Run>>)> {
    if run.scope.is_cancelled() {
        return Err((attempt::cancelled(), Vec::new()));
    }
    if run.begins_ready() {
        return Ok(None);
    }
    let options = run.options();
    let edges = options.as_deref().map_or(&[][..], |options| &options.wait_for);
    if let Some(before) = slice::meet(run, body, edges).map_err(|error| (error, Vec::new()))? {
        return Ok(Some(before));
    }
    admission::check(run, edges)?;
    admission::see(edges);
    Ok(resume::recognise(run, body, edges))
}

/// Whoever has made a call: dropped before the end of the run, it cancels that.
struct Caller {
    run: Arc<Run>,
    is_done: bool,
}

impl Caller {
    /// Ends the run; gives its outcome where it has ended at once, and the caller alone has it.
    fn end(&mut self, outcome: Outcome) -> Option<Outcome> {
        let given = finish_call(&self.run, outcome);
        self.is_done = given.is_some();
        given
    }

    /// What the run, which has ended, gave.
    fn result(&mut self) -> Outcome {
        self.is_done = true;
        self.run.give().unwrap_or_else(|| Err(attempt::cancelled()))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if !self.run.has_ended() {
            cancel_children(&self.run);
            finish(&self.run, Err(call_dropped()), Vec::new());
        }
        self.run.remove_reader();
    }
}

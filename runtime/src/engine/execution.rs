//! A run executed on a task: what a runner polls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::attempt::{Attempting, Claimed, attempt_plain, begin, claim, conclude, end, prepare};
use super::cache;
use super::finish::{finish, shut_down};
use super::ready::ReadyRun;
use crate::body::{BoxBody, BoxFuture, Erased};
use crate::context::Current;
use crate::error::TaskError;
use crate::panic::drop_caught;
use crate::run::Run;

/// A run being executed on a task: made by [`ReadyRun::execute`](super::ReadyRun::execute).
///
/// Dropped before its end, as a runtime does that shuts down, it ends the run as CRASHED.
#[must_use = "a future does nothing until it is awaited"]
pub struct Execution {
    ready: ReadyRun,
    stage: Stage,
}

enum Stage {
    Claimed(BoxBody),
    /// It is looked whether its result is there already.
    LookUp(BoxFuture<'static, Result<Option<Erased>, TaskError>>, BoxBody),
    /// The async `on_running` hooks go before the body.
    Hooks(BoxFuture<'static, ()>, BoxBody),
    Attempt(Attempting<'static>, BoxBody),
    Done,
}

impl Execution {
    /// The execution of a run with that body, if it could be claimed.
    pub(super) fn new(ready: ReadyRun, body: Option<BoxBody>) -> Self {
        Self { ready, stage: body.map_or(Stage::Done, Stage::Claimed) }
    }

    fn run(&self) -> &Arc<Run> {
        self.ready.run()
    }

    fn begin(&mut self, body: BoxBody) {
        match begin(self.run()) {
            Ok(None) => self.attempt(body),
            Ok(Some(hooks)) => self.stage = Stage::Hooks(hooks, body),
            Err(error) => end(self.run(), body, Err(error)),
        }
    }

    fn attempt(&mut self, mut body: BoxBody) {
        let run = self.ready.run();
        match Attempting::begin(run, &mut *body, Current::of(run.clone())) {
            Ok(attempting) => self.stage = Stage::Attempt(attempting, body),
            Err(outcome) => conclude(run, body, outcome),
        }
    }
}

impl ReadyRun {
    /// Executes it, on the task that is polled, up to where it has to wait; gives what is left of it then.
    pub(crate) fn execute_here(mut self, cx: &mut Context<'_>) -> Option<Execution> {
        let Claimed { body, has_begun } = self.claim(claim)?;
        if self.run().is_plain() {
            return self.execute_plain(body, has_begun, cx);
        }
        let mut execution = Execution::new(self, Some(body));
        Pin::new(&mut execution).poll(cx).is_pending().then_some(execution)
    }

    /// Next to all runs are plain, and most of these have nothing to wait for: nothing is kept of one from step to step.
    fn execute_plain(self, mut body: BoxBody, has_begun: bool, cx: &mut Context<'_>) -> Option<Execution> {
        let run = self.run();
        if !has_begun && let Err(error) = prepare(run, &mut *body).and_then(|()| begin(run)) {
            end(run, body, Err(error));
            return None;
        }
        match attempt_plain(run, &mut *body, cx) {
            Ok(outcome) => {
                end(run, body, outcome);
                None
            }
            Err(attempting) => Some(Execution { stage: Stage::Attempt(attempting, body), ready: self }),
        }
    }
}

impl Future for Execution {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.stage, Stage::Done) {
                Stage::Claimed(mut body) => {
                    match prepare(this.run(), &mut *body).and_then(|()| cache::begin(this.run(), &*body)) {
                        Ok(None) => this.begin(body),
                        Ok(Some(lookup)) => {
                            this.stage = Stage::LookUp(Box::pin(lookup.found(cache::Io::Async)), body);
                        }
                        Err(error) => end(this.run(), body, Err(error)),
                    }
                }
                Stage::LookUp(mut lookup, body) => match lookup.as_mut().poll(cx) {
                    Poll::Pending => {
                        this.stage = Stage::LookUp(lookup, body);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(None)) => this.begin(body),
                    Poll::Ready(Ok(Some(value))) => end(this.run(), body, Ok(value)),
                    Poll::Ready(Err(error)) => end(this.run(), body, Err(error)),
                },
                Stage::Hooks(mut hooks, body) => {
                    if hooks.as_mut().poll(cx).is_pending() {
                        this.stage = Stage::Hooks(hooks, body);
                        return Poll::Pending;
                    }
                    this.attempt(body);
                }
                Stage::Attempt(mut attempting, body) => match attempting.poll(this.run(), cx) {
                    Poll::Pending => {
                        this.stage = Stage::Attempt(attempting, body);
                        return Poll::Pending;
                    }
                    Poll::Ready(outcome) => {
                        drop(attempting);
                        conclude(this.run(), body, outcome);
                    }
                },
                Stage::Done => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Done) {
            drop_caught(std::mem::replace(&mut self.stage, Stage::Done));
            drop(Abandoned::guard(self.run()));
        }
    }
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Execution({:?})", self.run())
    }
}

/// Ends a run whose driver is dropped before it has ended: its tokio runtime was shut down.
pub(super) struct Abandoned(Option<Arc<Run>>);

impl Abandoned {
    pub(super) fn guard(run: &Arc<Run>) -> Self {
        Self(Some(run.clone()))
    }

    pub(super) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            finish(&run, Err(shut_down()), Vec::new());
        }
    }
}

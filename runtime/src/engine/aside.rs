//! Attempts at sync bodies that have a timeout: each on a thread of its own, which is left alone once the time is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::attempt::{Attempting, attempt_in, crashed, is_last};
use super::span::{close, span_of};
use super::wait;
use crate::body::{BoxBody, Outcome, no_body};
use crate::context::Current;
use crate::panic::{self, drop_caught};
use crate::run::Run;
use crate::runner::threads;
use crate::runner::worker::{self, Seat};

/// One attempt at a sync body with a timeout, on a thread of its own, which is left alone once the time is over.
pub(super) fn attempt_aside(run: &Arc<Run>, body: &mut BoxBody) -> Outcome {
    worker::passing_on(|seat| {
        wait::block_on_future(attempt_on_thread(run, body, Current::of(run.clone()), seat))
    })
}

/// One attempt at a sync body on a thread of its own, for who awaits it.
pub(super) async fn attempt_on_thread(
    run: &Arc<Run>,
    body: &mut BoxBody,
    current: Current,
    seat: Seat,
) -> Outcome {
    let fork = if is_last(run, body.can_repeat()) { Ok(None) } else { panic::catch(|| body.fork()) };
    let fork = fork.map_err(|panic| crashed(run, &panic))?;
    let mut body = fork.unwrap_or_else(|| std::mem::replace(body, no_body()));
    let aside = Aside::default();
    let over = Over::default();
    let (done, of, mut inside) = (aside.clone(), run.clone(), current.clone());
    let span = span_of(run, &current);
    let span_inside = span.clone();
    inside.given_up = Some(over.0.clone());
    threads::spawn(move || {
        let handle = of.scope.handle.clone();
        let _entered = handle.enter();
        let outcome = seat.stand_in(|| attempt_in(&span_inside, &of, &mut *body, inside));
        drop_caught(body);
        close(span_inside);
        done.give(outcome);
    });
    let outcome = std::future::poll_fn(move |cx| aside.take(cx).map_or(Poll::Pending, Poll::Ready));
    let outcome = Attempting::in_span(run, current, Box::pin(outcome), span).ended(run).await;
    drop(over);
    outcome
}

/// An attempt on another thread, which is told when this is dropped that nobody waits for it.
#[derive(Default)]
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Where an attempt on another thread leaves its outcome.
#[derive(Clone, Default)]
struct Aside(Arc<Mutex<(Option<Outcome>, Option<Waker>)>>);

impl Aside {
    fn give(&self, outcome: Outcome) {
        let waker = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.0 = Some(outcome);
            inner.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn take(&self, cx: &Context<'_>) -> Option<Outcome> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1 = Some(cx.waker().clone());
        inner.0.take()
    }
}

//! Deadlines of attempts, and delays.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::{Clock, TimerKey};

/// A deadline: a flag that a timer sets, waking whoever waits.
pub(super) struct Deadline {
    passed: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
    timer: TimerKey,
    clock: Clock,
}

impl Deadline {
    pub(super) fn set(clock: &Clock, timeout: Duration) -> Self {
        let passed = Arc::new(AtomicBool::new(false));
        let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
        let (flag, waiting) = (passed.clone(), waker.clone());
        let timer = clock.after(timeout, move || {
            flag.store(true, Ordering::SeqCst);
            let waker = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        Self { passed, waker, timer, clock: clock.clone() }
    }

    pub(super) fn has_passed(&self, cx: &Context<'_>) -> bool {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        self.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.clock.cancel(self.timer);
    }
}

/// Waits for a time to pass.
pub(super) async fn sleep(clock: &Clock, delay: Duration) {
    let deadline = Deadline::set(clock, delay);
    std::future::poll_fn(|cx| if deadline.has_passed(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
}

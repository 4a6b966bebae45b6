//! A hundred thousand runs beside each other, and one that takes them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrun::prelude::*;

const WIDTH: u64 = 100_000;
const SUM: u64 = WIDTH * (WIDTH - 1) / 2;

#[task]
fn same(x: u64) -> u64 {
    x
}

#[task]
async fn same_async(x: u64) -> u64 {
    x
}

#[task]
fn sum(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

#[test]
fn a_hundred_thousand_runs_are_taken_by_one() {
    for kind in 0..3 {
        let all: Vec<TaskFuture<u64>> = (0..WIDTH)
            .map(|n| match kind {
                0 => same.submit(n),
                1 => same_async.submit(n),
                _ if n % 2 == 0 => same.submit(n),
                _ => same_async.submit(n),
            })
            .collect();
        assert_eq!(sum.submit(&all).result().unwrap(), SUM);
        assert_eq!(sum.submit(all).result().unwrap(), SUM);
    }
}

#[test]
fn a_hundred_thousand_elements_are_taken_by_one() {
    assert_eq!(sum.submit(same.map(0..WIDTH)).result().unwrap(), SUM);
    assert_eq!(sum.submit(same.map(same_async.map(0..WIDTH))).result().unwrap(), SUM);
}

#[test]
fn a_hundred_thousand_runs_wait_for_one() {
    #[task]
    fn length(text: &str) -> u64 {
        text.len() as u64
    }
    let source = {
        #[task]
        fn text() -> String {
            "twelve bytes".into()
        }
        text.submit()
    };
    let all: Vec<_> = (0..WIDTH).map(|_| length.submit(&source)).collect();
    assert_eq!(sum.submit(all).result().unwrap(), 12 * WIDTH);
}

#[cfg(target_os = "linux")]
#[test]
fn runs_that_wait_hold_no_thread() {
    #[task(blocking)]
    fn first(gate: Arc<std::sync::Barrier>) -> u64 {
        gate.wait();
        1
    }
    #[task(blocking)]
    fn after(x: &u64, executed: Arc<AtomicUsize>) -> u64 {
        executed.fetch_add(1, Ordering::SeqCst);
        *x
    }
    let gate = Arc::new(std::sync::Barrier::new(2));
    let executed = Arc::new(AtomicUsize::new(0));
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(2)).build();
    engine.enter(|| {
        let first = first.submit(&gate);
        let before = crate::threads();
        let all: Vec<_> = (0..10_000).map(|_| after.submit(&first, &executed)).collect();
        // Other tests of this target begin threads of their own: some, and not ten thousand.
        assert!(crate::threads() < before + 2000, "{} threads", crate::threads());
        assert_eq!(executed.load(Ordering::SeqCst), 0);
        gate.wait();
        assert_eq!(sum.submit(all).result().unwrap(), 10_000);
    });
}

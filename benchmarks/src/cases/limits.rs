//! What tokio and rayon take for the same by hand. Async sides execute on a worker of the runtime, as an async flow's body does:
//! who awaits on the thread inside of `block_on` is woken across threads each time.

use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

pub(super) async fn plain() -> u64 {
    black_box(1)
}

/// What `future` gives, executed on a worker.
pub(super) fn on_worker<T: Send + 'static>(
    runtime: &Handle,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(async { tokio::spawn(future).await.unwrap() })
}

pub(super) async fn spawned(count: usize) -> Duration {
    let begun = Instant::now();
    let handles: Vec<_> = (0..count).map(|_| tokio::spawn(plain())).collect();
    let mut total = 0;
    for handle in handles {
        total += handle.await.unwrap();
    }
    assert_eq!(total, count as u64);
    begun.elapsed()
}

pub(super) fn scoped(count: usize) -> Duration {
    let begun = Instant::now();
    let mut results = vec![0_u64; count];
    rayon::scope(|scope| {
        for result in &mut results {
            scope.spawn(move |_| *result = black_box(1));
        }
    });
    assert_eq!(results.iter().sum::<u64>(), count as u64);
    begun.elapsed()
}

pub(super) async fn spawned_in_turn(count: usize) -> Duration {
    let begun = Instant::now();
    let mut x = 0;
    for _ in 0..count {
        x = tokio::spawn(async move { black_box(x) + 1 }).await.unwrap();
    }
    assert_eq!(x, count as u64);
    begun.elapsed()
}

/// Each spawns the next.
pub(super) fn scoped_in_turn(count: usize) -> Duration {
    fn next<'a>(scope: &rayon::Scope<'a>, x: u64, left: usize, result: &'a mut u64) {
        if left == 0 {
            *result = x;
        } else {
            scope.spawn(move |scope| next(scope, black_box(x) + 1, left - 1, result));
        }
    }
    let begun = Instant::now();
    let mut result = 0;
    rayon::scope(|scope| next(scope, 0, count, &mut result));
    assert_eq!(result, count as u64);
    begun.elapsed()
}

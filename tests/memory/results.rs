//! Each result is freed once its last reader has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrun::prelude::*;
use tokio::sync::watch;

use crate::alone;

/// How many results there are, and the most that there were.
#[derive(Default)]
struct Count {
    live: AtomicUsize,
    peak: AtomicUsize,
}

type Counter = Arc<Count>;

/// A result that is counted while it lives, copies too.
struct Tracked(Counter);

impl Tracked {
    fn new(counter: &Counter) -> Self {
        let live = counter.live.fetch_add(1, Ordering::SeqCst) + 1;
        counter.peak.fetch_max(live, Ordering::SeqCst);
        Self(counter.clone())
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

fn live(counter: &Counter) -> usize {
    counter.live.load(Ordering::SeqCst)
}

#[task]
fn make(_x: u32, counter: Counter) -> Tracked {
    Tracked::new(&counter)
}

#[task]
async fn make_later(_x: u32, counter: Counter) -> Tracked {
    tokio::task::yield_now().await;
    Tracked::new(&counter)
}

#[task]
fn look(_tracked: &Tracked) -> u32 {
    1
}

#[task]
fn take(tracked: Tracked) -> u32 {
    drop(tracked);
    1
}

#[test]
fn a_result_lives_as_long_as_a_future_of_it() {
    let _alone = alone();
    let counter = Counter::default();
    let future = make.submit(1, &counter);
    future.wait();
    let copy = future.clone();
    assert_eq!(live(&counter), 1);
    drop(future);
    assert_eq!(live(&counter), 1);
    drop(copy);
    assert_eq!(live(&counter), 0);
}

#[test]
fn a_result_nobody_can_read_is_freed_at_once() {
    let _alone = alone();
    #[task]
    async fn make_after(_x: u32, open: watch::Receiver<bool>, counter: Counter) -> Tracked {
        open.clone().wait_for(|open| *open).await.unwrap();
        Tracked::new(&counter)
    }
    #[flow]
    async fn unread(counter: Counter) {
        let (dropped, open) = watch::channel(false);
        drop(make.submit(1, &counter));
        drop(make_after.map(0..30_000, unmapped(open), unmapped(&counter)));
        dropped.send(true).unwrap();
    }
    let counter = Counter::default();
    unread(counter.clone()).result().unwrap();
    assert_eq!(live(&counter), 0);
    let peak = counter.peak.load(Ordering::SeqCst);
    // One for each thread that makes them, and not one for each run.
    assert!(peak < 1000, "{peak} were held at once");
}

#[test]
fn a_result_is_freed_once_the_run_that_takes_it_has_ended() {
    let _alone = alone();
    let counter = Counter::default();
    let looked = look.submit(make.submit(1, &counter));
    let taken = take.submit(make.submit(2, &counter));
    assert_eq!((looked.result().unwrap(), taken.result().unwrap()), (1, 1));
    assert_eq!(live(&counter), 0);
    // Of several readers, the last one frees it.
    let source = make.submit(3, &counter);
    let readers: Vec<_> = (0..4).map(|_| look.submit(&source)).collect();
    drop(source);
    assert!(readers.iter().all(|reader| reader.result().is_ok()));
    assert_eq!(live(&counter), 0);
}

#[test]
fn results_in_between_are_freed_as_they_are_read() {
    const LAST: u32 = 20_000;
    /// Until what the others made is freed, which only who reads them does.
    fn all_are_read(x: u32, counter: &Counter) -> bool {
        x < LAST || live(counter) == 0
    }
    #[task]
    fn make_last(x: u32, counter: Counter) -> Tracked {
        while !all_are_read(x, &counter) {
            std::thread::yield_now();
        }
        Tracked::new(&counter)
    }
    #[task]
    async fn make_last_later(x: u32, counter: Counter) -> Tracked {
        tokio::task::yield_now().await;
        while !all_are_read(x, &counter) {
            tokio::task::yield_now().await;
        }
        Tracked::new(&counter)
    }
    #[flow(task_runner = ThreadPoolTaskRunner::new(2))]
    fn make_and_read(kind: u32, counter: Counter) -> Result<usize, TaskError> {
        let made = if kind.is_multiple_of(2) {
            make_last.map(0..=LAST, unmapped(&counter))
        } else {
            make_last_later.map(0..=LAST, unmapped(&counter))
        };
        let read = if kind < 2 { look.map(made) } else { take.map(made) };
        Ok(read.result()?.len())
    }
    let _alone = alone();
    let counter = Counter::default();
    for kind in 0..4 {
        assert_eq!(make_and_read(kind, counter.clone()).result().unwrap(), LAST as usize + 1);
        assert_eq!(live(&counter), 0, "{kind}");
    }
}

#[test]
fn a_handle_dropped_midway_holds_nothing() {
    let _alone = alone();
    let counter = Counter::default();
    let made = make.map(0..5000, unmapped(&counter));
    let read = look.map(&made);
    drop(made);
    assert_eq!(read.result().unwrap().len(), 5000);
    assert_eq!(live(&counter), 0);
}

#[test]
fn a_handle_that_is_kept_holds_all() {
    let _alone = alone();
    let counter = Counter::default();
    let made = make.map(0..100, unmapped(&counter));
    assert_eq!(look.map(&made).result().unwrap().len(), 100);
    assert_eq!(take.map(&made).result().unwrap().len(), 100);
    assert_eq!(live(&counter), 100);
    let one = made.futures_blocking().swap_remove(7);
    drop(made);
    assert_eq!(live(&counter), 1);
    drop(one);
    assert_eq!(live(&counter), 0);
}

#[test]
fn what_is_given_away_is_the_readers_alone() {
    let _alone = alone();
    let counter = Counter::default();
    let values = futures::executor::block_on(make.map(0..100, unmapped(&counter))).unwrap();
    assert_eq!((values.len(), live(&counter)), (100, 100));
    drop(values);
    assert_eq!(live(&counter), 0);
    let value = make(1, counter.clone()).result().unwrap();
    assert_eq!(live(&counter), 1);
    drop(value);
    assert_eq!(live(&counter), 0);
}

#[test]
fn arguments_are_freed_when_their_run_has_ended() {
    #[task]
    fn failing(_tracked: Tracked) -> Result<u32, String> {
        Err("no".into())
    }
    #[task]
    fn with(_x: u32, _tracked: &Tracked) -> u32 {
        1
    }
    let _alone = alone();
    let counter = Counter::default();
    let failed = failing.submit(Tracked::new(&counter));
    let unexecuted = take.wait_for(&failed).submit(Tracked::new(&counter));
    let mapped = with.map(0..100, unmapped(Tracked::new(&counter)));
    failed.wait();
    unexecuted.wait();
    mapped.wait();
    assert_eq!(live(&counter), 0);
    assert!(unexecuted.state().is_failed());
}

#[test]
fn a_cancelled_run_frees_what_it_was_given() {
    let _alone = alone();
    #[task]
    async fn hangs(_tracked: Tracked) {
        std::future::pending::<()>().await;
    }
    let counter = Counter::default();
    let first = hangs.submit(Tracked::new(&counter));
    let waiting = take.wait_for(&first).submit(Tracked::new(&counter));
    let map = hangs.map((0..3000).map(|_| Tracked::new(&counter)).collect::<Vec<_>>());
    waiting.cancel();
    first.cancel();
    map.cancel();
    waiting.wait();
    first.wait();
    map.wait();
    assert_eq!(live(&counter), 0);
}

#[test]
fn a_report_holds_the_flows_value_and_no_other() {
    let _alone = alone();
    #[flow]
    fn flow(counter: Counter) -> Result<Tracked, TaskError> {
        let _ = make.submit(1, &counter).shared_result()?;
        make.submit(2, &counter).result()
    }
    let counter = Counter::default();
    let run = flow(counter.clone()).report_blocking();
    assert_eq!(run.task_runs().len(), 2);
    assert_eq!(live(&counter), 1);
    drop(run);
    assert_eq!(live(&counter), 0);
}

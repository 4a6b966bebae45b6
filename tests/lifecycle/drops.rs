//! Values of users that panic when they are dropped: the panic is logged, and keeps nobody from ending.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::logs;
use crate::tally::{Calls, Oops, timed_engine};

/// Panics when it is dropped, and not because of another panic.
#[derive(Debug)]
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "{} exploded", self.0);
    }
}

/// Panics only with its last clone.
#[derive(Clone, Debug)]
struct Shared(#[allow(dead_code, reason = "it is there to be dropped")] std::sync::Arc<Bomb>);

fn shared(name: &'static str) -> Shared {
    Shared(std::sync::Arc::new(Bomb(name)))
}

#[task]
fn making(name: &'static str) -> Bomb {
    Bomb(name)
}

#[task]
async fn making_late(name: &'static str, begun: Gate, gate: Gate) -> Bomb {
    begun.open();
    gate.passed().await;
    Bomb(name)
}

#[task]
async fn holding(bomb: Bomb, begun: Gate) {
    begun.open();
    std::future::pending::<()>().await;
    drop(bomb);
}

#[task]
fn reading(bomb: &Bomb) -> &'static str {
    bomb.0
}

#[task]
fn fine() -> u32 {
    1
}

#[track_caller]
fn logged(name: &str) {
    let lines = logs::with(&[&format!("a value panicked while it was dropped: {name} exploded")]);
    assert!(!lines.is_empty() && lines[0].starts_with("ERROR"), "{lines:#?}");
}

#[flow]
async fn with(what: &'static str) -> Result<(), FlowError> {
    match what {
        "a result nobody reads" => drop(making.submit(what)),
        "a result read in place" => {
            let bomb = making.submit(what);
            let read = reading.submit(&bomb);
            drop(bomb);
            // It is dropped with the arguments of the run that reads it, as if it were one of them.
            assert_eq!(read.await.unwrap_err().kind(), ErrorKind::Crashed);
        }
        "what is left in a future" => {
            let begun = Gate::new();
            let future = holding.submit(Bomb(what), &begun);
            begun.passed().await;
            future.cancel();
            assert!(future.await.unwrap_err().is_cancelled());
        }
        _ => unreachable!(),
    }
    Ok(())
}

#[test]
fn panics_of_drops_are_logged_and_the_flow_run_ends() {
    logs::keep();
    for what in ["a result nobody reads", "what is left in a future"] {
        with(what).result().unwrap();
        logged(what);
    }
    with("a result read in place").result().unwrap();
}

#[test]
fn each_result_of_a_map_may_explode() {
    const NAMES: [&str; 3] = ["the first of a map", "the second of a map", "the third of a map"];

    #[flow]
    fn mapped() -> Result<(), FlowError> {
        let bombs = making.map(NAMES);
        bombs.wait();
        drop(bombs);
        Ok(())
    }
    logs::keep();
    mapped().result().unwrap();
    NAMES.into_iter().for_each(logged);
}

#[test]
fn an_argument_that_is_never_taken_may_explode() {
    logs::keep();
    let gate = Gate::new();
    let before = making_late.submit("the one before", Gate::new(), &gate);
    let future = holding.wait_for(&before).submit(Bomb("an argument never taken"), Gate::new());
    future.cancel();
    assert!(future.result().unwrap_err().is_cancelled());
    logged("an argument never taken");
    gate.open();
    before.wait();
    drop(before);
    logged("the one before");
}

#[test]
fn a_result_that_comes_too_late_may_explode() {
    #[task(blocking)]
    fn late(begun: Gate, gate: Gate, done: Gate) -> Bomb {
        begun.open();
        gate.wait();
        let _done = crate::gate::OpenOnDrop(done);
        Bomb("a late result")
    }
    logs::keep();
    let engine = Engine::builder().task_runner(ConcurrentTaskRunner::new().max_workers(1)).build();
    let (begun, gate, done) = (Gate::new(), Gate::new(), Gate::new());
    engine.enter(|| {
        let future = late.submit(&begun, &gate, &done);
        begun.wait();
        future.cancel();
        assert_eq!(future.shared_result().unwrap_err().kind(), ErrorKind::Cancelled);
        gate.open();
        // The place is free again.
        assert_eq!(fine.submit().result().unwrap(), 1);
    });
    while logs::with(&["a late result exploded"]).is_empty() {
        std::thread::yield_now();
    }
    logged("a late result");
}

#[test]
fn what_a_timeout_drops_may_explode() {
    logs::keep();
    let (engine, clock) = timed_engine();
    let begun = Gate::new();
    let future = engine.enter(|| holding.with_timeout("1s").submit(Bomb("a timed out one"), &begun));
    begun.wait();
    clock.wait_for_timers(1);
    clock.advance(Duration::from_secs(1));
    assert!(future.result().unwrap_err().is_timeout());
    logged("a timed out one");
}

#[test]
fn arguments_kept_for_a_retry_may_explode() {
    #[task(retries = 1)]
    async fn retried(_shared: Shared, calls: Calls) -> Result<(), Oops> {
        match calls.add() {
            1 => Ok(()),
            call => Err(Oops(call)),
        }
    }
    // The body has succeeded; the copy that was kept for another attempt is dropped with the run, and crashes it.
    let error = retried.submit(shared("a kept argument"), Calls::default()).result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert_eq!(fine.submit().result().unwrap(), 1);
}

#[test]
fn elements_of_a_map_may_explode() {
    #[flow]
    async fn mapping(names: Vec<&'static str>) -> Result<(), FlowError> {
        let bombs = making.map(names);
        let count = count.wait_for(&bombs);
        drop(bombs);
        Ok(count.submit().await?)
    }
    #[task]
    fn count() {}
    logs::keep();
    mapping(vec!["a mapped one"; 3]).result().unwrap();
    assert_eq!(logs::with(&["a mapped one exploded"]).len(), 3);
}

#[test]
fn a_clone_that_panics_on_another_thread_crashes_the_run() {
    #[derive(Debug)]
    struct NoClone;
    impl Clone for NoClone {
        fn clone(&self) -> Self {
            panic!("no clone")
        }
    }
    #[task(retries = 1, timeout = "10s")]
    fn timed(_value: NoClone) {}
    for error in [timed.submit(NoClone).result().unwrap_err(), timed(NoClone).result().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Crashed);
        assert!(error.to_string().starts_with("Task run panicked: no clone (at "), "{error}");
    }
}

#[test]
fn dropping_a_call_drops_its_body_and_no_more() {
    logs::keep();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let begun = Gate::new();
        let call = std::future::IntoFuture::into_future(holding(Bomb("a dropped call"), begun.clone()));
        let mut call = Box::pin(call);
        assert!(::futures::poll!(&mut call).is_pending());
        assert!(begun.is_open());
        drop(call);
    });
    logged("a dropped call");
}

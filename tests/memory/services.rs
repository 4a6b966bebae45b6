//! A program that goes on for ever: what it has run leaves nothing behind.

use millrun::prelude::*;

use crate::{Growth, alone};

#[task]
fn double(x: u32) -> u32 {
    2 * x
}

#[task]
async fn double_later(x: u32) -> u32 {
    tokio::task::yield_now().await;
    2 * x
}

#[task]
fn failing() -> Result<u32, String> {
    Err("no".into())
}

#[flow]
fn child(x: u32) -> Result<u32, FlowError> {
    Ok(double.submit(x).result()?)
}

#[flow]
fn sync_flow() -> Result<u32, FlowError> {
    let _ = failing.submit().result();
    Ok(double.submit(double_later.submit(1)).result()? + double(2).result()? + child(3).result()?)
}

#[flow]
async fn async_flow() -> Result<u32, FlowError> {
    let mapped = double_later.map(double.map(0..10));
    let _ = failing.submit().await;
    Ok(mapped.await?.len() as u32 + child.start(double.submit(1)).await?)
}

/// Does it over and over, and looks whether it goes on to grow.
fn check(mut action: impl FnMut()) {
    let _alone = alone();
    for _ in 0..100 {
        action();
    }
    let growth = Growth::begin();
    for _ in 0..400 {
        action();
    }
    // What other threads have yet to free of the last few.
    assert!(growth.now() < 24 * 1024, "{} bytes are left by 400 turns", growth.now());
}

#[test]
fn sync_flows_leave_nothing_behind() {
    check(|| assert_eq!(sync_flow().result().unwrap(), 4 + 4 + 6));
}

#[test]
fn async_flows_leave_nothing_behind() {
    check(|| assert_eq!(async_flow().result().unwrap(), 10 + 4));
}

#[test]
fn started_reported_and_cancelled_flows_leave_nothing_behind() {
    #[flow]
    async fn hangs() {
        std::future::pending::<()>().await;
    }
    check(|| {
        assert_eq!(sync_flow().start().result().unwrap(), 14);
        assert!(async_flow().report_blocking().state().is_completed());
        let future = hangs().start();
        future.cancel();
        future.wait();
    });
}

#[test]
fn runs_outside_of_flows_leave_nothing_behind() {
    check(|| {
        assert_eq!(double.submit(double_later.submit(1)).result().unwrap(), 4);
        assert_eq!(double.map(0..3).result().unwrap(), [0, 2, 4]);
        assert_eq!(double(2).result().unwrap(), 4);
        let _ = double_later.submit(1);
    });
}

#[test]
fn tag_scopes_leave_nothing_behind() {
    #[flow]
    fn tagging(turns: u32) -> Result<(), FlowError> {
        for _ in 0..turns {
            tags(["a"]).enter(|| double.submit(1).result())?;
        }
        Ok(())
    }
    check(|| tags(["turn"]).enter(|| assert_eq!(double.submit(1).result().unwrap(), 2)));
    let _alone = alone();
    tagging(10).result().unwrap();
    let growth = Growth::begin();
    tagging(5000).result().unwrap();
    assert!(growth.peak() < 512 * 1024, "{} bytes at most", growth.peak());
}

#[test]
fn engines_leave_nothing_behind() {
    check(|| {
        let engine = Engine::builder().task_runner(SequentialTaskRunner::new()).build();
        assert_eq!(engine.run_blocking(sync_flow()).unwrap(), 14);
    });
}

#[test]
fn transactions_leave_nothing_behind() {
    #[task(on_commit = nothing, on_rollback = nothing)]
    fn undoable(x: u32) -> u32 {
        double(x).result().unwrap()
    }
    fn nothing(_txn: &Transaction) {}
    check(|| {
        let committed = transaction().run_blocking(|_| undoable(1).result());
        assert_eq!(committed.unwrap(), 2);
        let rolled_back = transaction().run_blocking(|_| {
            transaction().run_blocking(|_| undoable.submit(1).result())?;
            let _ = failing.submit();
            Ok::<_, FlowError>(())
        });
        assert!(rolled_back.is_err());
        assert_eq!(undoable.submit(2).result().unwrap(), 4);
        let committed_first = transaction().run_blocking(|txn| {
            txn.commit_blocking()?;
            transaction().run_blocking(|_| undoable(1).result())?;
            Ok::<_, FlowError>(undoable.submit(3).result()?)
        });
        assert_eq!(committed_first.unwrap(), 6);
    });
}

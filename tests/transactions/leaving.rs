//! Leaving a group: what was begun inside is awaited, and whatever goes wrong rolls it back.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use millrun::prelude::*;
use tokio::sync::mpsc;

use crate::{Diary, act, act_later, fails};

#[task]
async fn held(gate: mpsc::Sender<()>) {
    // Until the other end is gone.
    gate.closed().await;
}

#[tokio::test]
async fn runs_begun_inside_are_awaited() {
    let (gate, opener) = mpsc::channel::<()>(1);
    let diary = Diary::new();
    let group = transaction().run(async |_txn| {
        let _ = act.wait_for(held.submit(&gate)).submit("a", &diary);
        let _ = act_later.map(["b".to_owned()], [diary.clone()]);
        diary.note("end of the closure");
        Ok::<_, FlowError>(())
    });
    let opens = async {
        tokio::task::yield_now().await;
        drop(opener);
    };
    let (left, ()) = tokio::join!(group, opens);
    left.unwrap();
    let read = diary.read();
    assert_eq!(read.iter().filter(|line| line.starts_with("commit")).count(), 2, "{read:?}");
    assert_eq!(read[0], "end of the closure");
    assert!(read[1..3].iter().all(|line| line.starts_with("do")), "{read:?}");
}

#[test]
fn a_failure_that_nobody_looked_at_rolls_back() {
    let diary = Diary::new();
    let left = transaction().run_blocking(|_txn| {
        act("a", diary.clone()).result()?;
        let _ = fails.submit("unseen");
        Ok::<_, FlowError>(())
    });
    let error = left.unwrap_err();
    assert!(error.to_string().contains("'fails-"), "{error}");
    assert!(error.to_string().contains("unseen"), "{error}");
    assert!(error.downcast_ref::<TransactionError>().unwrap().is_run());
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

#[test]
fn a_failure_that_was_handled_does_not() {
    let diary = Diary::new();
    transaction()
        .run_blocking(|_txn| {
            act("a", diary.clone()).result()?;
            assert!(fails.submit("seen").result().is_err());
            assert!(fails("called").result().is_err());
            Ok::<_, FlowError>(())
        })
        .unwrap();
    assert_eq!(diary.read(), ["do a", "commit a"]);
}

#[test]
fn a_cancelled_run_that_nobody_looked_at_rolls_back() {
    let (gate, _opener) = mpsc::channel::<()>(1);
    let diary = Diary::new();
    let left = transaction().run_blocking(|_txn| {
        act("a", diary.clone()).result()?;
        held.submit(&gate).cancel();
        Ok::<_, FlowError>(())
    });
    assert!(left.unwrap_err().to_string().contains("cancelled"));
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

#[test]
fn a_panic_rolls_back_and_goes_on() {
    let diary = Diary::new();
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| {
        transaction().run_blocking(|_txn| {
            act("a", diary.clone()).result()?;
            if diary.0 < usize::MAX {
                panic!("boom");
            }
            Ok::<_, FlowError>(())
        })
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "boom");
    assert_eq!(diary.read(), ["do a", "rollback a"]);
    assert_eq!(current_transaction(), None);
}

#[tokio::test]
async fn an_async_panic_rolls_back_and_crashes_the_flow() {
    #[flow]
    async fn panics(diary: Diary) -> Result<(), FlowError> {
        transaction()
            .run(async |_txn| {
                act_later("a".into(), diary.clone()).await?;
                panic!("boom");
                #[expect(unreachable_code, reason = "says what the closure gives")]
                Ok(())
            })
            .await
    }
    let diary = Diary::new();
    assert_eq!(panics(diary.clone()).await.unwrap_err().kind(), ErrorKind::Crashed);
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

#[tokio::test]
async fn cancelling_its_flow_rolls_back() {
    #[flow]
    async fn waits(gate: mpsc::Sender<()>, arrived: mpsc::Sender<()>, diary: Diary) -> Result<(), FlowError> {
        transaction()
            .run(async |_txn| {
                act_later("a".into(), diary.clone()).await?;
                let waiting = held.submit(&gate);
                let _ = arrived.send(()).await;
                waiting.await?;
                Ok(())
            })
            .await
    }
    let (gate, _opener) = mpsc::channel::<()>(1);
    let (arrived, mut arrives) = mpsc::channel(1);
    let diary = Diary::new();
    let run = waits(gate, arrived, diary.clone()).start();
    arrives.recv().await.unwrap();
    run.cancel();
    assert_eq!(run.clone().await.unwrap_err().kind(), ErrorKind::Cancelled);
    // Before the flow run has ended.
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

#[tokio::test]
async fn what_was_done_in_a_call_that_is_dropped_is_rolled_back() {
    #[task]
    async fn calls(diary: Diary) -> Result<(), TaskError> {
        act_later("a".into(), diary).await?;
        std::future::pending().await
    }
    #[flow]
    async fn drops(diary: Diary) {
        let mut call = std::pin::pin!(calls(diary.clone()).into_future());
        while diary.page().lock().unwrap().is_empty() {
            assert!(futures::poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
    }
    let diary = Diary::new();
    let report = drops(diary.clone()).report().await;
    report.result().unwrap();
    assert_eq!(diary.read(), ["do a", "rollback a"]);
    let ends: Vec<_> = report.task_runs().iter().map(|run| run.state().name).collect();
    assert_eq!(ends, [StateName::Cancelled, StateName::RolledBack]);
    let said = report.task_runs()[0].state().message.unwrap();
    assert_eq!(said, "the run was cancelled, as its call was dropped");
}

#[tokio::test]
async fn groups_that_are_cancelled_are_rolled_back_from_the_inside_out() {
    #[flow]
    async fn waits(arrived: mpsc::Sender<()>, diary: Diary) -> Result<(), FlowError> {
        let inner = async |_: Transaction| {
            act_later("b".into(), diary.clone()).await?;
            act_later("c".into(), diary.clone()).await?;
            let _ = arrived.send(()).await;
            std::future::pending().await
        };
        let outer = async |_: Transaction| {
            act("a", diary.clone()).await?;
            transaction().run(inner).await
        };
        transaction().run(outer).await
    }
    let (arrived, mut arrives) = mpsc::channel(1);
    let diary = Diary::new();
    let run = waits(arrived, diary.clone()).start();
    arrives.recv().await.unwrap();
    run.cancel();
    run.finished().await;
    assert_eq!(diary.read(), ["do a", "do b", "do c", "rollback c", "rollback b", "rollback a"]);
}

#[tokio::test]
async fn also_where_one_in_between_was_committed() {
    #[flow]
    async fn waits(arrived: mpsc::Sender<()>, diary: Diary) -> Result<(), FlowError> {
        let inner = async |_: Transaction| {
            act_later("b".into(), diary.clone()).await?;
            let _ = arrived.send(()).await;
            std::future::pending().await
        };
        let between = async |txn: Transaction| {
            txn.commit().await?;
            transaction().run(inner).await
        };
        let outer = async |_: Transaction| {
            act("a", diary.clone()).await?;
            transaction().run(between).await
        };
        transaction().run(outer).await
    }
    let (arrived, mut arrives) = mpsc::channel(1);
    let diary = Diary::new();
    let run = waits(arrived, diary.clone()).start();
    arrives.recv().await.unwrap();
    run.cancel();
    run.finished().await;
    assert_eq!(diary.read(), ["do a", "do b", "rollback b", "rollback a"]);
}

#[tokio::test]
async fn a_rollback_goes_on_where_whoever_awaits_it_is_dropped() {
    let diary = Diary::new();
    let (arrived, mut arrives) = mpsc::unbounded_channel();
    let slow = act.with_on_rollback(move |txn| {
        let (txn, arrived) = (txn.clone(), arrived.clone());
        async move {
            let _ = arrived.send(());
            tokio::task::yield_now().await;
            crate::note(&txn, "slow rollback");
        }
    });
    #[flow]
    async fn drops(group: Arc<Mutex<Option<BoxFuture<'static, ()>>>>) {
        let mut group = group.lock().unwrap().take().unwrap();
        assert!(futures::poll!(&mut group).is_pending());
    }
    let of_group = diary.clone();
    let group = async move {
        let group = transaction().run(async |_| {
            act("a", of_group.clone()).await?;
            slow.call("b", of_group.clone()).await?;
            Err::<(), _>(FlowError::msg("no"))
        });
        group.await.unwrap_err();
    };
    drops(Arc::new(Mutex::new(Some(group.boxed())))).await.unwrap();
    arrives.recv().await.unwrap();
    assert_eq!(diary.read(), ["do a", "do b", "slow rollback b", "rollback a"]);
}

#[tokio::test]
async fn a_group_that_is_dropped_is_rolled_back() {
    let diary = Diary::new();
    {
        let group = transaction().run(async |_txn| {
            act("a", diary.clone()).await?;
            std::future::pending::<()>().await;
            Ok::<_, FlowError>(())
        });
        let mut group = std::pin::pin!(group);
        while futures::poll!(&mut group).is_pending() {
            if diary.page().lock().unwrap().len() == 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

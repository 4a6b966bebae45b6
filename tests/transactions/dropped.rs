//! Commits that are dropped before their end: nobody is told whether it was committed, so it is rolled back.

use std::future::IntoFuture;

use futures::FutureExt;
use futures::future::BoxFuture;
use millrun::prelude::*;
use tokio::sync::mpsc;

use crate::{Diary, about, act, rolled_back};

/// Waits in its `on_commit` for ever, and says when it has got there.
#[task(on_rollback = rolled_back)]
async fn hangs(name: String, diary: Diary) {
    about(&name, &diary);
}

fn arrival() -> (mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<()>) {
    mpsc::unbounded_channel()
}

macro_rules! hanging {
    ($arrived:expr) => {{
        let arrived = $arrived.clone();
        hangs.with_on_commit(move |_| {
            let _ = arrived.send(());
            std::future::pending::<()>()
        })
    }};
}

/// Polls until the hook is under way, then drops.
async fn drop_in_commit<T>(mut future: BoxFuture<'_, T>, mut arrives: mpsc::UnboundedReceiver<()>) {
    tokio::select! {
        biased;
        _ = &mut future => panic!("it hangs"),
        arrived = arrives.recv() => arrived.unwrap(),
    }
}

/// Waits for what a dropped commit still does.
async fn until(diary: &Diary, lines: usize) -> Vec<String> {
    while diary.page().lock().unwrap().len() < lines {
        tokio::task::yield_now().await;
    }
    diary.read()
}

#[tokio::test]
async fn a_group_that_is_dropped_in_its_commit_is_rolled_back() {
    let (diary, (arrived, arrives)) = (Diary::new(), arrival());
    let hangs = hanging!(arrived);
    let mut seen = None;
    let group = transaction().run(async |txn| {
        seen = Some(txn);
        act("a", diary.clone()).await?;
        hangs.call("b".into(), diary.clone()).await?;
        act("c", diary.clone()).await?;
        Ok::<_, FlowError>(())
    });
    drop_in_commit(group.boxed(), arrives).await;
    let expected = ["do a", "do c", "commit a", "rollback c", "rollback b", "rollback a"];
    assert_eq!(until(&diary, expected.len()).await, expected);
    assert!(seen.unwrap().is_rolled_back());
}

#[tokio::test]
async fn a_commit_that_is_dropped_rolls_back_those_that_it_is_in() {
    let (diary, (arrived, arrives)) = (Diary::new(), arrival());
    let hangs = hanging!(arrived);
    let left = transaction()
        .run(async |outer| {
            act("a", diary.clone()).await?;
            let dropped = transaction().run(async |inner| {
                act("b", diary.clone()).await?;
                hangs.call("c".into(), diary.clone()).await?;
                drop_in_commit(inner.commit().boxed(), arrives).await;
                assert!(inner.is_rolled_back());
                Ok::<_, FlowError>(())
            });
            dropped.await?;
            assert!(outer.is_rolled_back());
            act("late", diary.clone()).await?;
            Ok::<_, FlowError>(())
        })
        .await;
    assert!(left.unwrap_err().to_string().contains("rolled back"));
    assert_eq!(diary.read(), ["do a", "do b", "commit b", "rollback c", "rollback b", "rollback a"]);
}

#[tokio::test]
async fn a_group_is_left_once_what_a_dropped_commit_rolls_back_is_rolled_back() {
    let (diary, (arrived, arrives)) = (Diary::new(), arrival());
    let (gate, opener) = mpsc::channel::<()>(1);
    let hangs = hanging!(arrived).with_on_rollback(move |txn| {
        let (txn, gate) = (txn.clone(), gate.clone());
        async move {
            gate.closed().await;
            crate::note(&txn, "rollback");
        }
    });
    let group = async {
        let left = transaction().run(async |txn| {
            hangs.call("a".into(), diary.clone()).await?;
            drop_in_commit(txn.commit().boxed(), arrives).await;
            Ok::<_, FlowError>(())
        });
        left.await.unwrap();
        diary.note("left");
    };
    let opens = async {
        tokio::task::yield_now().await;
        diary.note("open");
        drop(opener);
    };
    tokio::join!(group, opens);
    assert_eq!(diary.read(), ["open", "rollback a", "left"]);
}

#[tokio::test]
async fn a_call_that_is_dropped_in_its_commit_is_rolled_back_and_cancelled() {
    #[flow]
    async fn drops(diary: Diary) {
        let (arrived, arrives) = arrival();
        let hangs = hanging!(arrived);
        drop_in_commit(hangs.call("a".into(), diary).into_future().boxed(), arrives).await;
    }
    let diary = Diary::new();
    let report = drops(diary.clone()).report().await;
    let state = report.task_runs()[0].state();
    assert_eq!(state.name, StateName::Cancelled);
    assert_eq!(state.message.unwrap(), "the run was cancelled, as its call was dropped");
    assert_eq!(diary.read(), ["rollback a"]);
}

#[tokio::test]
async fn a_submitted_run_that_is_in_its_commit_is_not_cancelled_any_more() {
    let diary = Diary::new();
    let ((arrived, mut arrives), (gate, mut opener)) = (arrival(), mpsc::channel::<()>(1));
    let waits = hangs.with_on_commit(move |_| {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        async move {
            let _ = arrived.send(());
            let _ = gate.send(()).await;
            gate.closed().await;
        }
    });
    let run = waits.submit("a", &diary);
    arrives.recv().await.unwrap();
    run.cancel();
    opener.recv().await.unwrap();
    opener.close();
    run.finished().await;
    assert_eq!(run.state().name, StateName::Completed);
    assert!(diary.read().is_empty());
}

#[test]
fn a_run_whose_runtime_is_gone_in_its_commit_is_rolled_back_and_has_crashed() {
    let (diary, (arrived, mut arrives)) = (Diary::new(), arrival());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = {
        let _entered = runtime.enter();
        hanging!(arrived).submit("a", &diary)
    };
    arrives.blocking_recv().unwrap();
    drop(runtime);
    run.wait();
    assert_eq!(run.state().name, StateName::Crashed);
    assert_eq!(diary.read(), ["rollback a"]);
}

#[test]
fn another_rollback_in_the_middle_of_a_commit_is_told_to_who_commits() {
    #[task(on_rollback = rolled_back)]
    async fn outer(
        inside: Diary,
        arrived: mpsc::UnboundedSender<()>,
        handle: mpsc::UnboundedSender<Transaction>,
    ) {
        about("outer", &inside);
        handle.send(current_transaction().unwrap()).unwrap();
        hanging!(arrived).submit("inner", &inside).await.unwrap();
    }
    let (diary, (arrived, mut arrives)) = (Diary::new(), arrival());
    let (handle, mut handles) = mpsc::unbounded_channel();
    let run = outer.submit(&diary, &arrived, &handle);
    let own = handles.blocking_recv().unwrap();
    arrives.blocking_recv().unwrap();
    // It is staged, and what is inside is being committed.
    assert_eq!(own.state(), TransactionState::Staged);
    own.rollback_blocking().unwrap();
    assert_eq!(diary.read(), ["rollback outer"]);
    drop(run);
}

#[test]
fn a_record_whose_writing_is_under_way_is_deleted_when_it_is_written() {
    #[task(cache_key = "dropped", on_rollback = tell)]
    async fn kept(told: String) -> String {
        current_transaction().unwrap().set("told", &told).unwrap();
        told
    }
    fn tell(txn: &Transaction) {
        let path: String = txn.get("told").unwrap().unwrap();
        std::fs::write(path, "deleted").unwrap();
    }
    let folder = std::env::temp_dir().join(format!("millrun-dropped-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = ResultStore::directory(folder.join("store")).unwrap();
    let engine = Engine::builder().results(store).build();
    // One thread writes files, and something else keeps it.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (arrived, arrives) = arrival();
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let marker = folder.join("marker").to_str().unwrap().to_owned();
    let group = engine.scope(async {
        transaction()
            .run(async |_txn| {
                kept(marker.clone()).await?;
                tokio::task::spawn_blocking(move || opened.recv());
                // The same poll goes on to the commit.
                let _ = arrived.send(());
                Ok::<_, FlowError>(())
            })
            .await
    });
    let mut group = group.boxed();
    runtime.block_on(async {
        while arrives.is_empty() {
            assert!(futures::poll!(&mut group).is_pending());
            tokio::task::yield_now().await;
        }
    });
    // Outside of the runtime, so that whatever deletes need not stand behind what writes.
    drop(group);
    open.send(()).unwrap();
    while !std::path::Path::new(&marker).exists() {
        std::thread::yield_now();
    }
    drop(runtime);
    let found = engine.enter(|| kept.submit("another").result().unwrap());
    assert_eq!(found, "another");
    std::fs::remove_dir_all(folder).unwrap();
}

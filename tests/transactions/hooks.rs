//! Hooks of transactions: order, failures, panics.

use millrun::prelude::*;

use crate::{Diary, about, act, committed, rolled_back};

fn refuses(txn: &Transaction) -> Result<(), String> {
    crate::note(txn, "refuse");
    Err("the disk is full".into())
}

fn panics(txn: &Transaction) {
    crate::note(txn, "panic");
    panic!("boom");
}

#[task(on_commit = [committed, refuses, committed], on_rollback = rolled_back)]
fn cannot_commit(name: &str, diary: Diary) {
    about(name, &diary);
}

#[task(on_rollback = [rolled_back, refuses, panics, rolled_back])]
fn hard_to_undo(name: &str, diary: Diary) {
    about(name, &diary);
}

#[test]
fn a_commit_that_fails_rolls_all_back_and_is_returned() {
    let diary = Diary::new();
    let error = transaction()
        .run_blocking(|_outer| {
            act("a", diary.clone()).result()?;
            transaction().run_blocking(|_inner| {
                cannot_commit("b", diary.clone()).result()?;
                Ok::<_, FlowError>(())
            })?;
            act("c", diary.clone()).result()?;
            Ok::<_, FlowError>(())
        })
        .unwrap_err();
    let said = error.to_string();
    assert!(said.contains("`on_commit` 2 of 'cannot_commit-"), "{said}");
    assert!(said.contains("the disk is full"), "{said}");
    assert!(error.downcast_ref::<TransactionError>().unwrap().is_commit());
    // Each hook at most once; those that were committed are rolled back with the others.
    assert_eq!(
        diary.read(),
        ["do a", "do c", "commit a", "commit b", "refuse b", "rollback c", "rollback b", "rollback a"]
    );
}

#[test]
fn a_run_by_itself_whose_commit_fails_has_failed() {
    let diary = Diary::new();
    let run = cannot_commit.submit("b", &diary);
    assert!(run.result().unwrap_err().to_string().contains("the disk is full"));
    assert_eq!(run.state().name, StateName::Failed);
    assert_eq!(diary.read(), ["commit b", "refuse b", "rollback b"]);
}

#[test]
fn every_rollback_hook_runs_and_the_error_tells_of_all() {
    let diary = Diary::new();
    let result = transaction().run_blocking(|txn| {
        act("a", diary.clone()).result()?;
        let hard = hard_to_undo.submit("b", &diary);
        hard.result()?;
        let error = txn.rollback_blocking().unwrap_err();
        assert!(error.is_rollback());
        let said = error.to_string();
        assert!(said.starts_with("2 of 5 rollback hooks failed: "), "{said}");
        assert!(said.contains("`on_rollback` 2 of 'hard_to_undo-0' failed: the disk is full"), "{said}");
        assert!(said.contains("`on_rollback` 3 of 'hard_to_undo-0' failed: boom"), "{said}");
        assert!(said.contains("`on_rollback` of 'act-0' succeeded"), "{said}");
        let state = hard.state();
        assert_eq!(state.name, StateName::RolledBack);
        let said = state.message.unwrap();
        assert!(
            said.starts_with("It may not be undone: `on_rollback` 3 of 'hard_to_undo-0' failed: boom"),
            "{said}"
        );
        assert!(said.ends_with("; `on_rollback` 2 of 'hard_to_undo-0' failed: the disk is full"), "{said}");
        Ok::<_, FlowError>(())
    });
    result.unwrap();
    assert_eq!(diary.read(), ["do a", "rollback b", "panic b", "refuse b", "rollback b", "rollback a"]);
}

#[test]
fn handles_have_hooks_of_their_own() {
    #[task]
    fn plain(diary: Diary) {
        about("plain", &diary);
    }
    let diary = Diary::new();
    let hooked = plain
        .with_on_commit(|txn| crate::note(txn, "first"))
        .with_on_commit(|txn: &Transaction| {
            let txn = txn.clone();
            async move { crate::note(&txn, "second") }
        })
        .with_on_rollback(|txn| crate::note(txn, "undo"));
    hooked.submit(&diary).result().unwrap();
    assert_eq!(diary.read(), ["first plain", "second plain"]);
    // In place of the attribute's.
    act.with_on_commit(|txn| crate::note(txn, "own")).submit("a", &diary).result().unwrap();
    assert_eq!(diary.read(), ["do a", "own a"]);
    let failed = transaction().run_blocking(|_| {
        hooked.submit(&diary).result()?;
        Err::<(), _>(FlowError::msg("no"))
    });
    failed.unwrap_err();
    assert_eq!(diary.read(), ["undo plain"]);
}

#[test]
fn hooks_see_the_run_that_they_are_about() {
    fn tell(_txn: &Transaction) {
        let run = task_run().unwrap();
        assert_eq!(run.name(), "told-0");
        assert_eq!(current_transaction(), None);
    }
    #[task(on_commit = tell)]
    fn told() {}
    #[flow]
    fn tells() -> Result<(), FlowError> {
        transaction().run_blocking(|_| Ok(told().result()?))
    }
    tells().result().unwrap();
}

#[tokio::test]
async fn one_may_block_for_sync_runs_with_async_hooks_on_a_single_threaded_runtime() {
    /// Needs a runtime that makes progress meanwhile.
    async fn needs_a_runtime(txn: &Transaction) {
        tokio::spawn(tokio::task::yield_now()).await.unwrap();
        crate::note(txn, "hook");
    }
    #[task(on_commit = needs_a_runtime, on_rollback = needs_a_runtime)]
    fn acts(diary: Diary) {
        about("a", &diary);
    }
    let diary = Diary::new();
    acts.submit(&diary).result().unwrap();
    acts(diary.clone()).result().unwrap();
    assert_eq!(diary.read(), ["hook a", "hook a"]);
    let done = transaction().run_blocking(|_| acts(diary.clone()).result());
    done.unwrap();
    assert_eq!(diary.read(), ["hook a"]);
    let failed = transaction().run_blocking(|_| {
        acts.submit(&diary).result()?;
        Err::<(), _>(FlowError::msg("no"))
    });
    failed.unwrap_err();
    assert_eq!(diary.read(), ["hook a"]);
}

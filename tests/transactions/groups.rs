//! Groups and groups in groups: who commits when.

use millrun::prelude::*;

use crate::{Diary, act, act_later, fails};

#[test]
fn a_group_is_active_inside_and_committed_after() {
    let inside = transaction()
        .run_blocking(|txn| {
            assert_eq!(txn.state(), TransactionState::Active);
            assert_eq!(current_transaction(), Some(txn.clone()));
            assert_eq!(txn.parent(), None);
            Ok::<_, TransactionError>(txn)
        })
        .unwrap();
    assert_eq!(inside.state(), TransactionState::Committed);
    assert!(inside.is_committed());
    assert_eq!(current_transaction(), None);
}

#[tokio::test]
async fn an_error_rolls_back_and_goes_on() {
    let mut kept = None;
    let kept_inside = &mut kept;
    let error = transaction()
        .run(async move |txn| {
            *kept_inside = Some(txn);
            Err::<(), _>(FlowError::msg("no"))
        })
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no");
    assert_eq!(kept.unwrap().state(), TransactionState::RolledBack);
    assert_eq!(current_transaction(), None);
}

#[test]
fn what_succeeded_is_committed_in_order_when_the_group_ends() {
    #[flow]
    fn both(diary: Diary) -> Result<(), FlowError> {
        transaction().run_blocking(|_txn| {
            act("a", diary.clone()).result()?;
            act.submit("b", &diary).result()?;
            diary.note("end");
            Ok(())
        })
    }
    let diary = Diary::new();
    both(diary.clone()).result().unwrap();
    assert_eq!(diary.read(), ["do a", "do b", "end", "commit a", "commit b"]);
}

#[tokio::test]
async fn what_succeeded_is_rolled_back_in_reverse() {
    #[flow]
    async fn three(diary: Diary) -> Result<(), FlowError> {
        transaction()
            .run(async |_txn| {
                act_later("a".into(), diary.clone()).await?;
                act.submit("b", &diary).await?;
                act_later.submit("c", &diary).await?;
                fails("no").await?;
                Ok(())
            })
            .await
    }
    let diary = Diary::new();
    let report = three(diary.clone()).report().await;
    assert_eq!(report.result().unwrap_err().to_string(), "no");
    assert_eq!(diary.read(), ["do a", "do b", "do c", "rollback c", "rollback b", "rollback a"]);
    let states: Vec<_> = report.task_runs().iter().map(|run| run.state().name).collect();
    assert_eq!(
        states,
        [StateName::RolledBack, StateName::RolledBack, StateName::RolledBack, StateName::Failed]
    );
}

#[test]
fn an_inner_group_leaves_the_decision_to_the_outer_one() {
    let diary = Diary::new();
    let inner = transaction()
        .run_blocking(|outer| {
            let inner = transaction().run_blocking(|inner| {
                assert_eq!(inner.parent(), Some(outer.clone()));
                assert_eq!(current_transaction(), Some(inner.clone()));
                act("a", diary.clone()).result()?;
                Ok::<_, FlowError>(inner)
            })?;
            assert_eq!(current_transaction(), Some(outer));
            assert_eq!(inner.state(), TransactionState::Staged);
            diary.note("inner ended");
            act("b", diary.clone()).result()?;
            Ok::<_, FlowError>(inner)
        })
        .unwrap();
    assert_eq!(inner.state(), TransactionState::Committed);
    assert_eq!(diary.read(), ["do a", "inner ended", "do b", "commit a", "commit b"]);
}

#[test]
fn an_error_in_an_inner_group_rolls_back_the_outer_one_too() {
    #[flow]
    fn late_flow(diary: Diary) {
        diary.note("late flow");
    }
    let diary = Diary::new();
    let outer = transaction()
        .run_blocking(|outer| {
            act("a", diary.clone()).result()?;
            let inner = transaction().run_blocking(|_inner| {
                act("b", diary.clone()).result()?;
                Err::<(), _>(FlowError::msg("no"))
            });
            assert_eq!(inner.unwrap_err().to_string(), "no");
            diary.note("seen");
            // Nothing begins any more.
            let late = act("late", diary.clone()).result().unwrap_err();
            assert_eq!(late.kind(), ErrorKind::Failed);
            assert!(late.to_string().contains("rolled back before it began"), "{late}");
            let late = late_flow(diary.clone()).result().unwrap_err();
            assert_eq!(late.kind(), ErrorKind::Failed);
            assert!(late.to_string().contains("rolled back before it began"), "{late}");
            assert!(
                transaction().run_blocking(|_| Ok::<_, TransactionError>(())).unwrap_err().is_rolled_back()
            );
            Ok::<_, FlowError>(outer)
        })
        .unwrap();
    assert!(outer.is_rolled_back());
    assert_eq!(diary.read(), ["do a", "do b", "rollback b", "rollback a", "seen"]);
}

#[test]
fn an_eager_group_commits_at_its_end_and_what_is_in_it_at_once() {
    let diary = Diary::new();
    let failed = transaction().run_blocking(|_outer| {
        transaction().commit_mode(CommitMode::Eager).run_blocking(|inner| {
            assert_eq!(inner.commit_mode(), CommitMode::Eager);
            act("a", diary.clone()).result()?;
            diary.note("after a");
            Ok::<_, FlowError>(())
        })?;
        act("b", diary.clone()).result()?;
        Err::<(), _>(FlowError::msg("no"))
    });
    failed.unwrap_err();
    // What an eager one has committed stays.
    assert_eq!(diary.read(), ["do a", "commit a", "after a", "do b", "rollback b"]);
}

#[test]
fn a_group_that_is_off_is_rolled_back_unless_it_was_committed() {
    for commits in [false, true] {
        let diary = Diary::new();
        let txn = transaction()
            .commit_mode(CommitMode::Off)
            .run_blocking(|txn| {
                act("a", diary.clone()).result()?;
                if commits {
                    txn.commit_blocking()?;
                    // Once more does nothing.
                    txn.commit_blocking()?;
                    assert!(txn.rollback_blocking().unwrap_err().to_string().contains("committed before"));
                }
                Ok::<_, FlowError>(txn)
            })
            .unwrap();
        assert_eq!(txn.is_committed(), commits);
        assert_eq!(diary.read(), ["do a", if commits { "commit a" } else { "rollback a" }]);
    }
}

#[test]
fn what_is_in_a_group_that_is_off_is_committed_with_it() {
    for commits in [false, true] {
        let diary = Diary::new();
        let inner = transaction()
            .commit_mode(CommitMode::Off)
            .run_blocking(|outer| {
                let inner = transaction().run_blocking(|inner| {
                    assert_eq!(inner.commit_mode(), CommitMode::Off);
                    act("a", diary.clone()).result()?;
                    Ok::<_, FlowError>(inner)
                })?;
                assert_eq!(inner.state(), TransactionState::Staged);
                if commits {
                    outer.commit_blocking()?;
                }
                Ok::<_, FlowError>(inner)
            })
            .unwrap();
        assert_eq!(inner.is_committed(), commits);
        assert_eq!(diary.read(), ["do a", if commits { "commit a" } else { "rollback a" }]);
    }
}

#[tokio::test]
async fn a_group_can_be_rolled_back_by_hand() {
    let diary = Diary::new();
    let txn = transaction()
        .run(async |txn| {
            act_later("a".into(), diary.clone()).await?;
            txn.rollback().await?;
            txn.rollback().await?;
            assert!(txn.commit().await.unwrap_err().is_rolled_back());
            Ok::<_, FlowError>(txn)
        })
        .await
        .unwrap();
    assert!(txn.is_rolled_back());
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

#[tokio::test]
async fn flows_that_are_called_inside_belong_to_it() {
    #[flow]
    async fn child(diary: Diary) -> Result<(), FlowError> {
        act("a", diary).await?;
        Ok(())
    }
    #[flow]
    async fn parent(diary: Diary) -> Result<(), FlowError> {
        transaction()
            .run(async |_txn| {
                child(diary.clone()).await?;
                diary.note("child ended");
                Err(FlowError::msg("no"))
            })
            .await
    }
    let diary = Diary::new();
    parent(diary.clone()).await.unwrap_err();
    assert_eq!(diary.read(), ["do a", "child ended", "rollback a"]);
}

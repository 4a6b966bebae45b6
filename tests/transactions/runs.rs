//! The transactions of task runs.

use millrun::prelude::*;

use crate::{Diary, act, act_later};

#[test]
fn a_run_by_itself_commits_as_it_completes() {
    let diary = Diary::new();
    act("a", diary.clone()).result().unwrap();
    act.submit("b", &diary).result().unwrap();
    act_later.submit("c", &diary).result().unwrap();
    act_later("d".into(), diary.clone()).result().unwrap();
    let expected = ["do a", "commit a", "do b", "commit b", "do c", "commit c", "do d", "commit d"];
    assert_eq!(diary.read(), expected);
}

#[test]
fn a_run_that_fails_has_nothing_to_roll_back_but_what_is_inside() {
    #[task(on_rollback = crate::rolled_back)]
    fn outer(diary: Diary, fails: bool) -> Result<(), TaskError> {
        crate::about("outer", &diary);
        act("inner", diary.clone()).result()?;
        act.submit("submitted", &diary).result()?;
        if fails { Err(TaskError::msg("no")) } else { Ok(()) }
    }
    let diary = Diary::new();
    let failed = outer.submit(&diary, true);
    assert_eq!(failed.result().unwrap_err().to_string(), "no");
    assert_eq!(diary.read(), ["do inner", "do submitted", "rollback submitted", "rollback inner"]);
    outer.submit(&diary, false).result().unwrap();
    assert_eq!(diary.read(), ["do inner", "do submitted", "commit inner", "commit submitted"]);
}

#[test]
fn runs_deep_inside_belong_to_those_around_them() {
    #[task]
    fn nested(depth: u32, diary: Diary) -> Result<(), TaskError> {
        if depth == 0 {
            act("bottom", diary).result()?;
            return Ok(());
        }
        nested.submit(depth - 1, &diary).result()?;
        if depth == 100 { Err(TaskError::msg("no")) } else { Ok(()) }
    }
    let diary = Diary::new();
    nested.submit(100, &diary).result().unwrap_err();
    assert_eq!(diary.read(), ["do bottom", "rollback bottom"]);
    nested.submit(99, &diary).result().unwrap();
    assert_eq!(diary.read(), ["do bottom", "commit bottom"]);
}

#[test]
fn a_failing_attempt_rolls_nothing_back_but_the_last_one_does() {
    #[task]
    fn tries(diary: Diary, succeeds_at: u32) -> Result<(), TaskError> {
        let attempt = task_run().unwrap().run_count();
        act(&attempt.to_string(), diary).result()?;
        if attempt < succeeds_at { Err(TaskError::msg("not yet")) } else { Ok(()) }
    }
    let diary = Diary::new();
    tries.with_retries(1).submit(&diary, 2).result().unwrap();
    assert_eq!(diary.read(), ["do 1", "do 2", "commit 1", "commit 2"]);
    tries.with_retries(1).submit(&diary, 3).result().unwrap_err();
    assert_eq!(diary.read(), ["do 1", "do 2", "rollback 2", "rollback 1"]);
}

#[test]
fn a_panic_rolls_back_what_is_inside() {
    #[task]
    fn panics(diary: Diary) {
        act("a", diary).result().unwrap();
        panic!("boom");
    }
    let diary = Diary::new();
    assert_eq!(panics.submit(&diary).result().unwrap_err().kind(), ErrorKind::Crashed);
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

#[test]
fn a_run_without_a_transaction_shows_none() {
    #[task]
    fn plain() -> bool {
        current_transaction()
            .is_some_and(|txn| txn.state() == TransactionState::Active && txn.parent().is_none())
    }
    // Its own is made when it is asked for.
    assert!(plain().result().unwrap());
    assert!(plain.submit().result().unwrap());
    #[flow]
    fn outside() -> bool {
        current_transaction().is_none()
    }
    assert!(outside().result().unwrap());
}

#[tokio::test]
async fn a_run_that_is_cancelled_between_its_attempts_rolls_back_what_is_inside() {
    #[task(retries = 1, retry_delay = "1h")]
    fn tries(diary: Diary) -> Result<(), TaskError> {
        act("a", diary).result()?;
        Err(TaskError::msg("not yet"))
    }
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let diary = Diary::new();
    engine
        .scope(async {
            let run = tries.submit(&diary);
            clock.wait_for_timers(1);
            run.cancel();
            assert_eq!(run.await.unwrap_err().kind(), ErrorKind::Cancelled);
        })
        .await;
    assert_eq!(diary.read(), ["do a", "rollback a"]);
}

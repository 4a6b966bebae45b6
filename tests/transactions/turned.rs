//! `on_state_change` is asked before anything is staged: what it turns into a failure was never done.

use millrun::prelude::*;

use crate::{Diary, act, act_later};

/// Notes that it was asked, and turns what completed into a failure.
fn turning(diary: &Diary) -> impl Fn(&TaskRun, &State, State) -> State + Send + Sync + 'static {
    let diary = diary.clone();
    move |_, _, new| {
        if new.name != StateName::Completed {
            return new;
        }
        diary.note("ask");
        State::failed("not good enough")
    }
}

#[test]
fn a_run_that_is_turned_into_a_failure_is_neither_committed_nor_rolled_back() {
    let diary = Diary::new();
    let submitted: [&dyn Fn() -> TaskFuture<String>; 2] =
        [&|| act.with_on_state_change(turning(&diary)).submit("a", &diary), &|| {
            act_later.with_on_state_change(turning(&diary)).submit("a", &diary)
        }];
    for submit in submitted {
        let run = submit();
        assert_eq!(run.result().unwrap_err().to_string(), "not good enough");
        assert_eq!(run.state().name, StateName::Failed);
        assert_eq!(diary.read(), ["do a", "ask"]);
    }
    let called = act.with_on_state_change(turning(&diary)).call("a", diary.clone()).result();
    assert_eq!(called.unwrap_err().to_string(), "not good enough");
    assert_eq!(diary.read(), ["do a", "ask"]);
}

#[test]
fn it_is_asked_once_and_before_the_commit() {
    let diary = Diary::new();
    let asked = diary.clone();
    let noting = act.with_on_state_change(move |_, _, new| {
        asked.note(format!("ask {}", new.name));
        new
    });
    noting.submit("a", &diary).result().unwrap();
    assert_eq!(diary.read(), ["ask Running", "do a", "ask Completed", "commit a"]);
}

#[test]
fn what_is_inside_of_it_is_rolled_back() {
    #[task]
    fn outer(diary: Diary) -> Result<(), TaskError> {
        act("inner", diary).result()?;
        Ok(())
    }
    let diary = Diary::new();
    let run = outer.with_on_state_change(turning(&diary)).submit(&diary);
    assert_eq!(run.result().unwrap_err().to_string(), "not good enough");
    assert_eq!(diary.read(), ["do inner", "ask", "rollback inner"]);
}

#[test]
fn its_group_is_rolled_back() {
    let diary = Diary::new();
    let left = transaction().run_blocking(|_| {
        act("a", diary.clone()).result()?;
        act.with_on_state_change(turning(&diary)).call("b", diary.clone()).result()?;
        Ok::<_, FlowError>(())
    });
    assert!(left.unwrap_err().to_string().contains("not good enough"));
    assert_eq!(diary.read(), ["do a", "do b", "ask", "rollback a"]);
}

#[test]
fn it_leaves_no_record() {
    #[task(cache_key = "turned/{x}")]
    fn kept(x: u32) -> u32 {
        x
    }
    let store = ResultStore::memory();
    let engine = Engine::builder().results(store.clone()).build();
    let diary = Diary::new();
    engine.enter(|| {
        kept.with_on_state_change(turning(&diary)).submit(1).result().unwrap_err();
        // It is not found.
        let run = kept.submit(1);
        run.wait();
        assert_eq!(run.state().name, StateName::Completed);
    });
}

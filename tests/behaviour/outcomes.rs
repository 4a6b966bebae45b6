//! Failure as a value: `Result` parameters; and `quote`.

use std::fmt;

use millrun::prelude::*;

use crate::gate::Gate;

#[derive(Debug, PartialEq)]
struct Boom(i32);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "boom {}", self.0)
    }
}

impl std::error::Error for Boom {}

#[task]
fn positive(x: i32) -> Result<i32, Boom> {
    if x > 0 { Ok(x) } else { Err(Boom(x)) }
}

#[task]
fn seen(outcome: Result<i32, TaskError>) -> String {
    match outcome {
        Ok(value) => format!("value {value}"),
        Err(error) => format!("error {:?} {:?}", error.kind(), error.downcast_ref::<Boom>()),
    }
}

#[task]
async fn seen_later(outcome: Result<i32, TaskError>) -> String {
    tokio::task::yield_now().await;
    match outcome {
        Ok(value) => format!("value {value}"),
        Err(error) => format!("error {:?} {:?}", error.kind(), error.downcast_ref::<Boom>()),
    }
}

#[test]
fn a_result_parameter_sees_the_original_error_and_the_run_completes() {
    #[flow]
    fn handled() -> Result<Vec<String>, FlowError> {
        let failed = positive.submit(-1);
        Ok(vec![
            seen.submit(&failed).result()?,
            seen.submit(failed).result()?,
            seen.submit(positive.submit(1)).result()?,
            seen.submit(Ok(5)).result()?,
            seen.submit(Err(TaskError::msg("by hand"))).result()?,
        ])
    }
    let run = handled().report_blocking();
    let failed = "error Failed Some(Boom(-1))";
    assert_eq!(run.result().unwrap(), &[failed, failed, "value 1", "value 5", "error Failed None"]);
    assert!(run.state().is_completed(), "who takes a failure as a value has seen it: {}", run.state());
    assert!(
        run.task_runs()
            .iter()
            .filter(|run| run.name().starts_with("seen"))
            .all(|run| run.state().is_completed())
    );
}

#[tokio::test]
async fn a_result_parameter_of_an_async_task_sees_the_original_error() {
    #[flow]
    async fn handled() -> Result<String, FlowError> {
        Ok(seen_later.submit(positive.submit(-2)).await?)
    }
    assert_eq!(handled().await.unwrap(), "error Failed Some(Boom(-2))");
}

#[task]
fn outcomes(all: Vec<Result<i32, TaskError>>) -> Vec<i32> {
    all.into_iter()
        .map(|outcome| outcome.unwrap_or_else(|error| error.downcast_ref::<Boom>().unwrap().0))
        .collect()
}

#[task]
fn outcomes_slice(all: &[Result<i32, TaskError>]) -> Vec<bool> {
    all.iter().map(Result::is_ok).collect()
}

#[test]
fn a_list_of_results_gives_errors_and_values_in_order() {
    let futures = [positive.submit(-1), positive.submit(2), positive.submit(3)];
    assert_eq!(outcomes.submit(&futures).result().unwrap(), [-1, 2, 3]);
    assert_eq!(outcomes.submit([&futures[2], &futures[0]]).result().unwrap(), [3, -1]);
    assert_eq!(outcomes_slice.submit(&futures[..]).result().unwrap(), [false, true, true]);
    assert_eq!(outcomes.submit(futures.to_vec()).result().unwrap(), [-1, 2, 3]);
    assert_eq!(outcomes_slice.submit(futures).result().unwrap(), [false, true, true]);
    let map = positive.map([4, -5]);
    assert_eq!(outcomes.submit(&map).result().unwrap(), [4, -5]);
    assert_eq!(outcomes_slice.submit(map).result().unwrap(), [true, false]);
}

#[test]
fn a_result_parameter_can_be_mapped_over_runs_that_fail() {
    let seen = seen.map(positive.map([1, -1]));
    assert_eq!(seen.result().unwrap(), ["value 1", "error Failed Some(Boom(-1))"]);
}

#[test]
fn a_result_parameter_takes_the_outcome_of_a_flow() {
    #[flow]
    fn failing() -> Result<i32, Boom> {
        Err(Boom(7))
    }
    let flow = failing().start();
    assert_eq!(seen.submit(&flow).result().unwrap(), "error Failed Some(Boom(7))");
    assert_eq!(seen.submit(flow).result().unwrap(), "error Failed Some(Boom(7))");
}

#[test]
fn a_result_parameter_sees_cancelled_skipped_and_unexecuted_runs_alike() {
    #[task]
    async fn hanging(gate: Gate) -> i32 {
        gate.pass().await;
        1
    }
    #[task]
    fn skipped() -> Result<i32, TaskError> {
        Err(TaskError::skip("not today"))
    }
    #[task]
    fn kind_of(outcome: Result<i32, TaskError>) -> (ErrorKind, bool) {
        let error = outcome.unwrap_err();
        (error.kind(), error.is_skipped())
    }
    #[task]
    fn same(x: i32) -> i32 {
        x
    }
    #[task]
    fn panicking() -> i32 {
        panic!("expected by a test")
    }
    let cancelled = hanging.submit(Gate::new());
    cancelled.cancel();
    assert_eq!(kind_of.submit(cancelled).result().unwrap(), (ErrorKind::Cancelled, false));
    assert_eq!(kind_of.submit(skipped.submit()).result().unwrap(), (ErrorKind::Skipped, true));
    let unexecuted = same.submit(positive.submit(-1));
    assert_eq!(kind_of.submit(unexecuted).result().unwrap(), (ErrorKind::TriggerFailed, false));
    assert_eq!(kind_of.submit(panicking.submit()).result().unwrap(), (ErrorKind::Crashed, false));
}

#[test]
fn a_quoted_future_is_handed_over_unresolved_and_is_no_dependency() {
    #[task]
    async fn hanging(gate: Gate) -> i32 {
        gate.pass().await;
        1
    }
    #[task]
    fn look(future: TaskFuture<i32>, gate: Gate) -> (bool, i32) {
        let was_final = future.state().is_final();
        gate.open();
        (was_final, future.result().unwrap())
    }
    let gate = Gate::new();
    let future = hanging.submit(&gate);
    // It would never start if it waited for what it is given.
    assert_eq!(look.submit(quote(&future), &gate).result().unwrap(), (false, 1));
    assert_eq!(look.submit(quote(future), &gate).result().unwrap(), (true, 1));
}

#[test]
fn a_quoted_future_may_be_borrowed() {
    #[task]
    fn id_of(future: &TaskFuture<i32>) -> String {
        future.id().to_string()
    }
    let future = positive.submit(-1);
    assert_eq!(id_of.submit(quote(&future)).result().unwrap(), future.id().to_string());
    assert_eq!(id_of(&future).result().unwrap(), future.id().to_string());
}

#[test]
fn a_quoted_future_of_a_failed_run_fails_nothing() {
    #[task]
    fn error_of(future: TaskFuture<i32>) -> String {
        future.result().unwrap_err().to_string()
    }
    assert_eq!(error_of.submit(quote(positive.submit(-3))).result().unwrap(), "boom -3");
}

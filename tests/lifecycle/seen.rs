//! Which failures count as seen: each way of looking, and each that is none.

use futures::StreamExt;
use millrun::prelude::*;

use crate::tally::Oops;

#[task]
async fn failing() -> Result<u32, Oops> {
    Err(Oops(1))
}

#[task]
fn failing_on(x: u32) -> Result<u32, Oops> {
    Err(Oops(x))
}

#[task]
fn outcome(x: Result<u32, TaskError>) -> bool {
    x.is_err()
}

#[task]
fn outcomes(xs: Vec<Result<u32, TaskError>>) -> usize {
    xs.len()
}

#[task]
fn after() {}

#[task(trigger = any_failed)]
fn after_failure() {}

#[task]
fn value(_x: u32) {}

const FAILED: &str = "1/1 task runs failed.";

/// Runs a flow whose body is the given one; gives the message of its failure, if it fails.
macro_rules! end_of {
    (async $body:block) => {{
        #[flow]
        async fn looking() {
            $body
        }
        looking().report_blocking().state().message
    }};
    ($body:block) => {{
        #[flow]
        fn looking() {
            $body
        }
        looking().report_blocking().state().message
    }};
}

fn failed(message: &str) -> Option<String> {
    Some(message.into())
}

#[test]
fn awaiting_is_seeing() {
    assert_eq!(
        end_of!(async {
            let _ = failing.submit().await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = (&failing.submit()).await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = failing.submit().shared().await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = failing().await;
        }),
        None
    );
}

#[test]
fn asking_for_the_result_is_seeing() {
    assert_eq!(
        end_of!({
            let _ = failing.submit().result();
        }),
        None
    );
    assert_eq!(
        end_of!({
            let _ = failing.submit().shared_result();
        }),
        None
    );
    assert_eq!(
        end_of!({
            let _ = failing.submit().result_timeout(std::time::Duration::from_secs(3600));
        }),
        None
    );
    assert_eq!(
        end_of!({
            let _ = failing().result();
        }),
        None
    );
}

#[test]
fn outcomes_are_seen() {
    assert_eq!(
        end_of!(async {
            drop(failing_on.map(0..3).outcomes().await);
        }),
        None
    );
    assert_eq!(
        end_of!({
            drop(failing_on.map(0..3).outcomes_blocking());
        }),
        None
    );
}

#[test]
fn awaiting_the_finish_and_a_final_state_are_seeing() {
    assert_eq!(
        end_of!(async {
            failing.submit().finished().await;
        }),
        None
    );
    assert_eq!(
        end_of!({
            let future = failing.submit();
            future.wait();
            assert!(future.state().is_failed());
        }),
        None
    );
}

#[test]
fn a_state_that_is_not_final_is_not_seeing() {
    assert_eq!(
        end_of!({
            let gate = crate::gate::Gate::new();
            let future = waiting_then_failing.submit(gate.clone());
            assert!(!future.state().is_final());
            gate.open();
            future.wait();
        }),
        failed(FAILED)
    );
}

#[task]
async fn waiting_then_failing(gate: crate::gate::Gate) -> Result<(), Oops> {
    gate.passed().await;
    Err(Oops(1))
}

#[test]
fn as_completed_is_seeing() {
    assert_eq!(
        end_of!(async {
            let mut runs = as_completed([failing.submit(), failing.submit()]);
            while let Some(future) = runs.next().await {
                drop(future);
            }
        }),
        None
    );
    assert_eq!(
        end_of!({
            as_completed([failing.submit()]).blocking().for_each(drop);
        }),
        None
    );
}

#[test]
fn a_result_parameter_is_seeing() {
    assert_eq!(
        end_of!(async {
            let _ = outcome.submit(failing.submit());
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = outcomes.submit([failing.submit(), failing.submit()]);
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = outcomes.submit(failing_on.map(0..3));
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = outcome.map(failing_on.map(0..3));
        }),
        None
    );
}

#[test]
fn allow_failure_is_seeing() {
    assert_eq!(
        end_of!(async {
            let _ = after.wait_for(allow_failure(&failing.submit())).submit();
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = after.wait_for(allow_failure(&failing_on.map(0..3))).submit();
        }),
        None
    );
}

#[test]
fn waiting_is_not_seeing() {
    assert_eq!(
        end_of!({
            failing.submit().wait();
        }),
        failed(FAILED)
    );
    assert_eq!(
        end_of!({
            failing.submit().wait_timeout(std::time::Duration::from_secs(3600));
        }),
        failed(FAILED)
    );
    assert_eq!(
        end_of!(async {
            wait([&failing.submit()], None).await;
        }),
        failed(FAILED)
    );
    assert_eq!(
        end_of!({
            drop(wait_blocking([&failing.submit()], None).done[0].state());
        }),
        failed(FAILED)
    );
    assert_eq!(
        end_of!({
            failing_on.map(0..3).wait();
        }),
        failed("3/3 task runs failed.")
    );
}

#[test]
fn looking_at_the_handle_is_not_seeing() {
    assert_eq!(
        end_of!({
            let future = failing.submit();
            future.wait();
            let _ = (future.id(), future.name(), future.states(), future.peek(), format!("{future:?}"));
        }),
        failed(FAILED)
    );
}

#[test]
fn a_trigger_is_not_seeing() {
    assert_eq!(
        end_of!(async {
            let _ = after_failure.wait_for(&failing.submit()).submit();
        }),
        failed("1/2 task runs failed.")
    );
}

#[test]
fn a_plain_wait_for_is_not_seeing() {
    assert_eq!(
        end_of!(async {
            let _ = after.wait_for(&failing.submit()).submit();
        }),
        failed("2/2 task runs failed.")
    );
}

#[test]
fn who_sees_a_trigger_failed_run_sees_its_causes() {
    assert_eq!(
        end_of!(async {
            let _ = after.wait_for(&failing.submit()).submit().await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = value.submit(&failing.submit()).await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = after.wait_for(&failing.submit()).call().await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let first = value.submit(&failing.submit());
            let second = after.wait_for(&first).submit();
            let third = after.wait_for((&second, &failing.submit())).submit();
            let _ = third.await;
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = value.map(failing_on.map(0..3)).await;
        }),
        None
    );
}

#[test]
fn causes_beside_the_one_that_was_seen_are_not() {
    assert_eq!(
        end_of!(async {
            let _ = after.wait_for(&failing.submit()).submit().await;
            let _unseen = failing.submit();
        }),
        failed("1/3 task runs failed.")
    );
}

#[test]
fn who_sees_a_map_over_a_list_that_failed_sees_why() {
    #[task]
    fn listing() -> Result<Vec<u32>, Oops> {
        Err(Oops(1))
    }
    assert_eq!(
        end_of!(async {
            let _ = failing_on.map(&listing.submit()).await;
        }),
        None
    );
}

#[test]
fn who_awaits_a_map_sees_all_its_runs() {
    assert_eq!(
        end_of!(async {
            let _ = failing_on.map(0..3).await;
        }),
        None
    );
    assert_eq!(
        end_of!({
            let _ = failing_on.map(0..3).result();
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = failing_on.map(0..200).shared().await;
        }),
        None
    );
}

#[task]
async fn parent_that_looks() -> bool {
    failing.submit().await.is_err()
}

#[task]
async fn parent_that_does_not_look() {
    let _unseen = failing.submit();
}

#[test]
fn a_task_sees_for_its_flow() {
    assert_eq!(
        end_of!(async {
            let _ = parent_that_looks.submit();
        }),
        None
    );
    assert_eq!(
        end_of!(async {
            let _ = parent_that_does_not_look.submit().await;
        }),
        failed("1/2 task runs failed.")
    );
}

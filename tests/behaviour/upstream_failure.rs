//! What follows a failed run, and what the flow makes of it.

use std::error::Error;
use std::fmt;

use millrun::prelude::*;

use crate::gate::Calls;

#[derive(Debug, PartialEq)]
struct Boom(u32);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "boom {}", self.0)
    }
}

impl Error for Boom {}

#[task]
fn explode(x: u32) -> Result<u32, Boom> {
    Err(Boom(x))
}

#[task]
async fn explode_later(x: u32) -> Result<u32, Boom> {
    tokio::task::yield_now().await;
    Err(Boom(x))
}

#[task]
fn take(_x: u32, calls: Calls) -> u32 {
    calls.add();
    1
}

#[task]
fn after(calls: Calls) -> u32 {
    calls.add();
    1
}

#[test]
fn the_report_of_a_failing_flow_holds_the_error() {
    #[flow]
    fn failing() -> Result<u32, Boom> {
        Err(Boom(1))
    }
    let run = failing().report_blocking();
    assert_eq!(run.state().state_type, StateType::Failed);
    assert_eq!(run.state().message.as_deref(), Some("Flow run encountered an exception: boom 1"));
    let error = run.result().unwrap_err();
    assert_eq!(error.downcast_ref::<Boom>(), Some(&Boom(1)));
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Failed, "boom 1"));
    assert_eq!(run.value(), None);
}

#[tokio::test]
async fn an_error_goes_through_the_flow_with_its_source_and_its_run() {
    #[flow]
    async fn failing() -> Result<u32, FlowError> {
        Ok(explode_later.submit(4).await?)
    }
    let error = failing().await.unwrap_err();
    assert_eq!(error.downcast_ref::<Boom>(), Some(&Boom(4)));
    assert_eq!(error.run_name(), Some("explode_later-0"));
    assert_eq!(error.kind(), ErrorKind::Failed);
}

#[test]
fn a_failure_nobody_looks_at_fails_the_flow_that_keeps_its_value() {
    #[flow]
    fn unlooked(calls: Calls) -> &'static str {
        let _ = explode.submit(1);
        let _ = after.submit(calls);
        "bar"
    }
    let calls = Calls::default();
    let run = unlooked(calls.clone()).report_blocking();
    assert_eq!(run.state().to_string(), "Failed('1/2 task runs failed.')");
    assert_eq!(run.value(), Some(&"bar"));
    assert_eq!(run.result().unwrap_err().to_string(), "1/2 task runs failed.");
    assert_eq!(calls.count(), 1, "every run is awaited");
    assert!(run.task_runs().iter().all(|run| run.state().is_final()));
}

#[tokio::test]
async fn a_failure_nobody_looks_at_fails_an_async_flow_too() {
    #[flow]
    async fn unlooked() -> Result<&'static str, FlowError> {
        let _ = explode_later.submit(1);
        Ok("bar")
    }
    let run = unlooked().report().await;
    assert_eq!(run.state().to_string(), "Failed('1/1 task runs failed.')");
    assert_eq!(run.value(), Some(&"bar"));
    assert_eq!(unlooked().await.unwrap_err().to_string(), "1/1 task runs failed.");
}

#[test]
fn a_run_whose_argument_failed_is_never_executed_and_says_why() {
    let (calls, further) = (Calls::default(), Calls::default());
    let failed = explode.with_task_run_name("the bad one").submit(1);
    let next = take.submit(&failed, &calls);
    let last = take.submit(&next, &further);
    let error = next.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    assert_eq!(
        error.to_string(),
        "Trigger was \"all_successful\" but some of the upstream tasks failed. Failed: 'the bad one'"
    );
    assert_eq!(error.run_name(), Some(next.name().as_str()));
    let state = next.state();
    assert_eq!((state.state_type, state.name), (StateType::Failed, StateName::TriggerFailed));
    assert_eq!(state.message, Some(error.to_string()));
    assert!(last.result().unwrap_err().to_string().contains(&format!("'{}'", next.name())));
    assert_eq!((calls.count(), further.count()), (0, 0));
    let names: Vec<StateName> = next.states().iter().map(|state| state.name).collect();
    assert_eq!(names, [StateName::Pending, StateName::TriggerFailed]);
}

#[tokio::test]
async fn an_async_run_whose_argument_failed_is_never_executed() {
    #[task]
    async fn take_async(_x: u32, calls: Calls) -> u32 {
        calls.add();
        1
    }
    let calls = Calls::default();
    let error = take_async.submit(explode_later.submit(1), &calls).await.unwrap_err();
    assert_eq!((error.kind(), calls.count()), (ErrorKind::TriggerFailed, 0));
}

#[test]
fn waiting_for_a_failed_run_fails_unless_failure_is_allowed() {
    let failed = explode.submit(1);
    let calls = Calls::default();
    let refused = after.wait_for(&failed).submit(&calls);
    assert_eq!(refused.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(calls.count(), 0);
    assert_eq!(after.wait_for(allow_failure(&failed)).submit(&calls).result().unwrap(), 1);
    assert_eq!(calls.count(), 1);
    // The same for one that its caller executes.
    let called = after.wait_for(&failed).call(calls.clone());
    assert_eq!(called.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(after.wait_for(allow_failure((&failed, [&failed]))).call(calls.clone()).result().unwrap(), 1);
    assert_eq!(calls.count(), 2);
}

#[tokio::test]
async fn a_run_waits_for_what_it_is_told_to_wait_for() {
    #[task]
    async fn held(gate: crate::gate::Gate) -> u32 {
        gate.pass().await;
        1
    }
    #[flow]
    async fn held_flow(gate: crate::gate::Gate) {
        gate.pass().await;
    }
    let gates: Vec<crate::gate::Gate> = (0..4).map(|_| crate::gate::Gate::new()).collect();
    let (one, flow) = (held.submit(&gates[0]), held_flow(gates[1].clone()).start());
    let map = held.map([&gates[2], &gates[3]]);
    let calls = Calls::default();
    let waiting = after.wait_for((&one, &flow)).wait_for(&map).submit(&calls);
    for gate in &gates {
        gate.arrived(1).await;
    }
    for gate in &gates {
        assert!(waiting.state().is_pending());
        assert_eq!(calls.count(), 0);
        gate.open();
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.await.unwrap(), 1);
    assert!(one.state().is_completed() && flow.state().is_completed());
    assert_eq!(map.await.unwrap(), [1, 1]);
}

#[tokio::test]
async fn a_call_waits_for_what_it_is_told_to_wait_for() {
    let gate = crate::gate::Gate::new();
    #[task]
    async fn held(gate: crate::gate::Gate) {
        gate.pass().await;
    }
    let first = held.submit(&gate);
    let calls = Calls::default();
    let configured = after.wait_for(&first);
    let mut call = Box::pin(std::future::IntoFuture::into_future(configured.call(calls.clone())));
    gate.arrived(1).await;
    assert!(::futures::poll!(&mut call).is_pending());
    assert_eq!(calls.count(), 0);
    gate.open();
    assert_eq!(call.await.unwrap(), 1);
    assert!(first.state().is_completed());
}

#[test]
fn allowed_failures_of_maps_and_flows_are_allowed_too() {
    #[flow]
    fn failing() -> Result<u32, Boom> {
        Err(Boom(2))
    }
    let calls = Calls::default();
    let (map, flow) = (explode.map([1, 2]), failing().start());
    let both = after.wait_for(allow_failure((&map, &flow))).submit(&calls);
    assert_eq!((both.result().unwrap(), calls.count()), (1, 1));
    assert_eq!(after.wait_for(&map).submit(&calls).result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(after.wait_for(&flow).submit(&calls).result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(calls.count(), 1);
}

#[test]
fn every_error_type_of_a_body_reaches_whoever_looks() {
    #[task]
    fn text() -> Result<u32, String> {
        Err("a text".into())
    }
    #[task]
    fn boxed() -> Result<u32, Box<dyn Error + Send + Sync>> {
        Err(Boom(3).into())
    }
    #[task]
    fn io() -> std::io::Result<u32> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, "not here"))
    }
    #[task]
    fn ours() -> Result<u32, TaskError> {
        Err(TaskError::msg("ours"))
    }
    assert_eq!(text.submit().result().unwrap_err().to_string(), "a text");
    assert_eq!(boxed.submit().result().unwrap_err().downcast_ref::<Boom>(), Some(&Boom(3)));
    let io = io().result().unwrap_err();
    assert_eq!(io.downcast_ref::<std::io::Error>().unwrap().kind(), std::io::ErrorKind::NotFound);
    let ours = ours().result().unwrap_err();
    assert_eq!((ours.to_string().as_str(), ours.kind()), ("ours", ErrorKind::Failed));
}

//! Flows: calls, `start`, `report`, `engine.run`, and what dropping them does.

use std::future::IntoFuture;

use millrun::prelude::*;

use crate::gate::{Calls, Drops, Gate};

#[task]
async fn held(gate: Gate, drops: Drops) -> u32 {
    let _guard = drops.guard();
    gate.pass().await;
    1
}

#[task]
fn number(x: u32) -> u32 {
    x
}

/// Waits, in its body and in a run, until the gate is open.
#[flow]
async fn waits(gate: Gate, drops: Drops) -> Result<u32, FlowError> {
    let _guard = drops.guard();
    Ok(held.submit(&gate, &drops).await?)
}

#[flow]
fn add(x: u32, y: u32) -> u32 {
    x + y
}

#[flow]
async fn add_later(x: u32, y: u32) -> Result<u32, FlowError> {
    Ok(number.submit(x).await? + number(y).await?)
}

async fn until_dropped(drops: &Drops, count: usize) {
    while drops.count() < count {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_sync_flow_is_called_started_and_reported_on_in_sync_code() {
    assert_eq!(add(1, 2).result().unwrap(), 3);
    assert_eq!(add(1, 2).start().result().unwrap(), 3);
    assert_eq!(add.start(1, 2).result().unwrap(), 3);
    assert_eq!(add(1, 2).report_blocking().result().unwrap(), &3);
    assert_eq!(add_later(1, 2).result().unwrap(), 3);
    assert_eq!(add_later(1, 2).start().result().unwrap(), 3);
    assert_eq!(add_later(1, 2).report_blocking().result().unwrap(), &3);
}

#[tokio::test]
async fn flows_are_called_started_and_reported_on_in_async_code() {
    assert_eq!(add_later(1, 2).await.unwrap(), 3);
    assert_eq!(add_later(1, 2).start().await.unwrap(), 3);
    assert_eq!(add_later.start(1, 2).await.unwrap(), 3);
    assert_eq!(add_later(1, 2).report().await.result().unwrap(), &3);
    assert_eq!(add(1, 2).await.unwrap(), 3);
    assert_eq!(add(1, 2).start().await.unwrap(), 3);
    assert_eq!(add(1, 2).report().await.result().unwrap(), &3);
}

#[tokio::test]
async fn a_flow_call_does_nothing_until_it_is_awaited() {
    #[flow]
    async fn counts(calls: Calls) {
        calls.add();
    }
    let calls = Calls::default();
    let call = counts(calls.clone());
    tokio::task::yield_now().await;
    assert_eq!(calls.count(), 0);
    drop(call);
    drop(counts(calls.clone()).into_future());
    assert_eq!(calls.count(), 0);
    counts(calls.clone()).await.unwrap();
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_sync_flow_runs_on_the_thread_that_asks_for_its_result() {
    #[flow]
    fn thread() -> std::thread::ThreadId {
        std::thread::current().id()
    }
    assert_eq!(thread().result().unwrap(), std::thread::current().id());
    assert_eq!(thread().report_blocking().result().unwrap(), &std::thread::current().id());
    assert_ne!(thread().start().result().unwrap(), std::thread::current().id());
}

#[test]
fn starting_takes_futures_as_arguments() {
    #[task]
    async fn number_later(x: u32) -> u32 {
        tokio::task::yield_now().await;
        x
    }
    let one = number.submit(1);
    assert_eq!(add.start(&one, 2).result().unwrap(), 3);
    assert_eq!(add.start(one, number_later.submit(3)).result().unwrap(), 4);
    assert_eq!(add_later.start(add(1, 1).start(), &add.start(1, 2)).result().unwrap(), 5);
    #[flow]
    fn total(numbers: Vec<u32>, named: String) -> String {
        format!("{named}{}", numbers.iter().sum::<u32>())
    }
    assert_eq!(total.start(number.map(0..4), "sum ").result().unwrap(), "sum 6");
    assert_eq!(total.start([number.submit(1), number.submit(2)], "sum ").result().unwrap(), "sum 3");
}

#[test]
fn a_flow_whose_argument_failed_is_not_executed() {
    #[task]
    fn failing() -> Result<u32, String> {
        Err("no".into())
    }
    #[flow]
    fn counts(_x: u32, calls: Calls) {
        calls.add();
    }
    let calls = Calls::default();
    let future = counts.start(failing.submit(), &calls);
    let error = future.result().unwrap_err();
    assert_eq!((error.kind(), calls.count()), (ErrorKind::TriggerFailed, 0));
    assert_eq!(future.state().name, StateName::TriggerFailed);
    let refused = counts.wait_for(failing.submit()).start(1, &calls);
    assert_eq!(refused.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    counts.wait_for(allow_failure(failing.submit())).call(1, calls.clone()).result().unwrap();
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn a_flow_future_tells_id_name_and_states_and_can_be_cancelled() {
    let (gate, drops) = (Gate::new(), Drops::default());
    let future = waits(gate.clone(), drops.clone()).with_flow_run_name("waiting").start();
    gate.arrived(1).await;
    assert!(future.state().is_running());
    assert_eq!(future.name(), "waiting");
    assert_eq!(future.id().as_uuid().get_version_num(), 7);
    future.cancel();
    let state = future.finished().await;
    assert!(state.is_cancelled(), "{state}");
    let error = (&future).await.unwrap_err();
    assert_eq!((error.kind(), error.run_name()), (ErrorKind::Cancelled, Some("waiting")));
    assert_eq!(drops.count(), 2);
    let names: Vec<StateName> = future.states().iter().map(|state| state.name).collect();
    assert_eq!(names, [StateName::Pending, StateName::Running, StateName::Cancelling, StateName::Cancelled]);
}

#[tokio::test]
async fn dropping_the_last_flow_future_cancels_the_run_and_its_runs() {
    let (gate, drops) = (Gate::new(), Drops::default());
    let future = waits(gate.clone(), drops.clone()).start();
    let copy = future.clone();
    gate.arrived(1).await;
    drop(future);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!((drops.count(), copy.state().is_running()), (0, true));
    drop(copy);
    until_dropped(&drops, 2).await;
}

#[tokio::test]
async fn dropping_a_polled_flow_call_or_report_cancels_the_run() {
    let (gate, drops) = (Gate::new(), Drops::default());
    {
        let mut call = std::pin::pin!(waits(gate.clone(), drops.clone()).into_future());
        assert!(::futures::poll!(&mut call).is_pending());
        gate.arrived(1).await;
    }
    until_dropped(&drops, 2).await;
    {
        let mut report = std::pin::pin!(waits(gate.clone(), drops.clone()).report());
        assert!(::futures::poll!(&mut report).is_pending());
        gate.arrived(2).await;
    }
    until_dropped(&drops, 4).await;
    let engine = Engine::builder().build();
    {
        let mut run = std::pin::pin!(engine.run(waits(gate.clone(), drops.clone())));
        assert!(::futures::poll!(&mut run).is_pending());
        gate.arrived(3).await;
    }
    until_dropped(&drops, 6).await;
}

#[tokio::test]
async fn a_flow_passed_as_an_argument_goes_on_without_its_future() {
    let (gate, drops) = (Gate::new(), Drops::default());
    let flow = waits(gate.clone(), drops.clone()).start();
    let next = number.submit(&flow);
    drop(flow);
    gate.arrived(1).await;
    gate.open();
    assert_eq!(next.await.unwrap(), 1);
}

#[test]
fn a_flow_without_a_result_is_allowed_and_panics_are_caught() {
    #[flow]
    fn nothing() {}
    #[flow]
    fn panics() -> u32 {
        panic!("expected by a test")
    }
    nothing().result().unwrap();
    let run = panics().report_blocking();
    assert!(run.state().is_crashed());
    assert_eq!(run.result().unwrap_err().kind(), ErrorKind::Crashed);
    assert!(run.result().unwrap_err().to_string().contains("expected by a test"));
}

#[tokio::test]
async fn the_engine_of_the_call_is_that_of_all_runs_inside() {
    let clock = millrun::Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    #[flow]
    async fn times() -> Result<Vec<std::time::SystemTime>, FlowError> {
        let future = number.submit(1);
        let _ = future.finished().await;
        let inner = add(1, 2).report().await;
        Ok(vec![future.states()[0].timestamp, inner.states()[0].timestamp])
    }
    assert_eq!(engine.run(times()).await.unwrap(), [clock.now(); 2]);
}

#[test]
fn a_flow_may_return_a_future_of_its_own() {
    #[flow]
    fn gives() -> TaskFuture<u32> {
        number.submit(7)
    }
    #[flow]
    async fn gives_later() -> Result<TaskFuture<u32>, FlowError> {
        Ok(number.submit(8))
    }
    assert_eq!(gives().result().unwrap().result().unwrap(), 7);
    assert_eq!(gives_later().result().unwrap().result().unwrap(), 8);
    assert_eq!(gives().start().result().unwrap().result().unwrap(), 7);
}

#[test]
fn what_remembers_a_flow_run_does_not_keep_its_value_from_the_caller() {
    static INFO: std::sync::Mutex<Option<FlowRunInfo>> = std::sync::Mutex::new(None);
    #[derive(Debug, PartialEq)]
    struct Unique(u32);
    #[flow]
    fn remembered() -> Result<Unique, FlowError> {
        *INFO.lock().unwrap() = Some(flow_run()?);
        Ok(Unique(1))
    }
    assert_eq!(remembered().result().unwrap(), Unique(1));
    let info = INFO.lock().unwrap().take().unwrap();
    assert!(info.state().is_completed());
}

#[test]
fn errors_of_tasks_and_flows_convert_into_each_other() {
    let task = TaskError::msg("from a task");
    let flow: FlowError = task.clone().into();
    assert_eq!((flow.to_string(), flow.kind()), (task.to_string(), ErrorKind::Failed));
    let back: TaskError = FlowError::msg("from a flow").into();
    assert_eq!(back.to_string(), "from a flow");
    assert!(TaskError::skip("why").is_skipped());
    let as_error: Box<dyn std::error::Error + Send + Sync> = flow.into();
    assert_eq!(as_error.to_string(), "from a task");
}

#[test]
fn futures_and_flows_are_awaited_on_any_executor() {
    let awaited = async {
        let sum = add_later(1, 2).await.unwrap() + add.start(number.submit(3), 4).await.unwrap();
        sum + number.submit(5).await.unwrap() + number(6).await.unwrap()
    };
    assert_eq!(::futures::executor::block_on(awaited), 3 + 7 + 5 + 6);
    let mapped = async { number.map(number.map(0..3)).await.unwrap() };
    assert_eq!(::futures::executor::block_on(mapped), [0, 1, 2]);
}

//! Runs that end without an attempt have a span all the same.

use std::sync::atomic::{AtomicBool, Ordering};

use millrun::{FlowRunId, MemoryRunStore};

use super::*;

/// What each span tells: where it is and what its name is, its attempt, its state, and its status.
fn told(spans: &[Ended]) -> Vec<String> {
    let told = |span: &Ended| {
        let [attempt, state, status] =
            ["attempt", "state", "otel.status_code"].map(|field| span.says(field).unwrap_or("-"));
        format!("{}/{} {attempt} {state} {status}", span.within.join("/"), span.name())
    };
    spans.iter().map(told).collect()
}

#[task(cache_policy = Inputs)]
fn kept(n: u64) -> u64 {
    n
}

#[task(cache_policy = Inputs)]
async fn kept_later(n: u64) -> u64 {
    n
}

#[flow(flow_run_name = "cached")]
async fn cached() -> Result<(), FlowError> {
    kept.submit(1).await?;
    kept(1).await?;
    kept_later(2).await?;
    let step = info_span!("step", name = "step");
    let found = step.in_scope(|| kept_later.submit(2));
    drop(step);
    found.await?;
    Ok(())
}

#[test]
fn what_is_found_has_a_span() {
    let engine = Engine::builder().results(ResultStore::memory()).build();
    let spans = inside("finds", || engine.run_blocking(cached()).unwrap());
    let expected = [
        "finds/cached 1 Completed -",
        "finds/cached/kept-0 1 Completed -",
        "finds/cached/kept-1 0 Cached -",
        "finds/cached/kept_later-0 1 Completed -",
        "finds/cached/step/kept_later-1 0 Cached -",
        "finds/cached/step - - -",
    ];
    assert_eq!(told(&spans), expected);
}

#[task]
fn breaks() -> Result<u64, String> {
    Err("no luck".into())
}

#[task(trigger = any_failed)]
fn repair() {}

#[flow]
fn inner(n: u64) -> u64 {
    n
}

#[flow(flow_run_name = "not executed")]
async fn not_executed() -> Result<(), FlowError> {
    let (broken, well) = (breaks.submit(), double.submit(2));
    let (lacks, repaired) = (double.submit(&broken), repair.wait_for(&well).submit());
    let mapped = double.map([&broken, &well]);
    let flow = inner.wait_for(&broken).start(1);
    let is_three = case(&well, 3, || fetch.submit(3));
    let hung = hangs.with_timeout(Duration::from_secs(3600)).submit();
    while hung.state().name != StateName::Running {
        tokio::task::yield_now().await;
    }
    let waits = fetch.wait_for(&hung).submit(4);
    waits.cancel();
    for future in [lacks, is_three, waits] {
        let _ = future.finished().await;
    }
    let _ = (repaired.finished().await, mapped.await, flow.await);
    hung.cancel();
    Ok(())
}

#[test]
fn what_is_not_executed_has_a_span() {
    let spans = inside("looks", || drop(not_executed().report_blocking()));
    let (flows, tasks): (Vec<_>, Vec<_>) =
        spans.into_iter().partition(|span| span.says("flow") == Some("inner"));
    let expected = [
        "looks/not executed/breaks-0 1 Failed ERROR",
        "looks/not executed/case(3) 1 Skipped -",
        "looks/not executed/double-0 1 Completed -",
        "looks/not executed/double-1 0 TriggerFailed ERROR",
        "looks/not executed/double[0] 0 TriggerFailed ERROR",
        "looks/not executed/double[1] 1 Completed -",
        "looks/not executed/fetch-0 0 Skipped -",
        "looks/not executed/fetch-1 0 Cancelled -",
        "looks/not executed/hangs-0 1 Cancelled -",
        "looks/not executed 1 Completed -",
        "looks/not executed/repair-0 0 TriggerFailed ERROR",
    ];
    assert_eq!(told(&tasks), expected);
    let [flow] = &flows[..] else { panic!("it has one span: {flows:#?}") };
    assert_eq!(flow.says("state"), Some("TriggerFailed"));
    let said = flow.says("otel.status_description").unwrap();
    assert!(said.ends_with("Failed: 'breaks-0'"), "{said}");
}

static IS_UP: AtomicBool = AtomicBool::new(false);

#[task]
fn asks_a_server(n: u64) -> Result<u64, &'static str> {
    if IS_UP.load(Ordering::SeqCst) { Ok(n) } else { Err("it is down") }
}

#[flow(flow_run_name = "goes on")]
async fn goes_on() -> Result<u64, FlowError> {
    let first = double.submit(1);
    Ok(asks_a_server.submit(first).await?)
}

#[test]
fn what_an_earlier_process_has_executed_has_a_span() {
    let store = Arc::new(MemoryRunStore::new());
    let engine = || Engine::builder().run_store(store.clone()).build();
    let id = FlowRunId::from(uuid::Uuid::now_v7());
    engine().run_blocking(goes_on().with_flow_run_id(id)).unwrap_err();
    IS_UP.store(true, Ordering::SeqCst);
    let spans =
        inside("resumes", || assert_eq!(engine().run_blocking(goes_on().with_flow_run_id(id)).unwrap(), 2));
    let expected = [
        "resumes/goes on/asks_a_server-0 1 Completed -",
        "resumes/goes on/double-0 0 Completed -",
        "resumes/goes on 1 Completed -",
    ];
    assert_eq!(told(&spans), expected);
}

#[flow(flow_run_name = "in slices")]
fn in_slices() -> Result<u64, FlowError> {
    let first = double(1).result()?;
    let second = double(first).result()?;
    Ok(double(second).result()?)
}

#[test]
fn what_a_snapshot_says_has_a_span_and_what_a_slice_leaves_has_none() {
    let slice = in_slices().stop_after(1).report_blocking();
    let spans = inside("slices", || {
        let slice = in_slices().with_snapshot(slice.snapshot()).stop_after(1).report_blocking();
        assert!(slice.state().is_cancelled());
    });
    let expected = [
        "slices/in slices/double-0 0 Completed -",
        "slices/in slices/double-1 1 Completed -",
        "slices/in slices 1 Cancelled -",
    ];
    assert_eq!(told(&spans), expected);
}

#[task(retries = 1)]
async fn asks_later(n: u64) -> u64 {
    n
}

#[flow(flow_run_name = "mocked")]
async fn mocked() -> Result<u64, FlowError> {
    Ok(asks_later.submit(1).await? + asks_later.with_retries(2).call(1).await?)
}

#[test]
fn what_a_mock_stands_for_has_a_span() {
    let spans = inside("mocks", || {
        let given =
            mocked().mock_with(asks_later, |(n,)| info_span!("closure", name = "closure").in_scope(|| n + 1));
        assert_eq!(given.result().unwrap(), 4);
    });
    let expected = [
        "mocks/mocked/asks_later-0 1 Completed -",
        "mocks/mocked/asks_later-1 1 Completed -",
        "mocks/mocked/asks_later-0/closure - - -",
        "mocks/mocked/asks_later-1/closure - - -",
        "mocks/mocked 1 Completed -",
    ];
    assert_eq!(told(&spans), expected);
}

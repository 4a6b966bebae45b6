//! What is recorded, seen through the store.

use super::*;

#[task(tags = ["io"], version = "2", task_run_name = "get {page}")]
async fn fetch(page: u32) -> Result<u32, std::io::Error> {
    Ok(page * 10)
}

#[task]
fn add_up(pages: &[u32], more: u32) -> u32 {
    pages.iter().sum::<u32>() + more
}

#[task(retries = 1)]
fn fails_once(count: Arc<AtomicU32>) -> Result<(), &'static str> {
    if count.fetch_add(1, Ordering::SeqCst) == 0 { Err("not yet") } else { Ok(()) }
}

#[flow(tags = ["nightly"])]
async fn totals(pages: u32) -> Result<u32, FlowError> {
    let all = fetch.map(0..pages);
    let one = fetch.submit(7);
    fails_once.submit(Arc::default()).await?;
    Ok(add_up.submit(&all, &one).await?)
}

#[test]
fn runs_states_edges_and_parameters_are_recorded() {
    let store = Arc::new(MemoryRunStore::new());
    let total = engine(&store).run_blocking(totals(3)).unwrap();
    assert_eq!(total, 100);

    let [flow] = &flow_runs(&store)[..] else { panic!("one flow run is recorded") };
    assert_eq!(flow.key, "ledger::recorded::totals");
    assert_eq!(flow.tags, ["nightly"]);
    assert_eq!(flow.parameters.as_ref().unwrap()["pages"], 3);
    assert_eq!((flow.root, flow.flow_run, flow.parent, flow.owner), (flow.id, None, None, None));
    use StateName::{Completed, Pending, Retrying, Running};
    assert_eq!(names(&store, flow), [Pending, Running, Completed]);

    let runs = task_runs(&store);
    let named =
        |name: &str| runs.iter().find(|run| run.name == name).unwrap_or_else(|| panic!("no run {name}"));
    assert_eq!(runs.len(), 6);
    for run in &runs {
        assert!(run.state.is_completed(), "{run:?}");
        assert_eq!((run.flow_run, run.parent, run.root), (Some(flow.id), Some(flow.id), flow.id));
        let states = store.states(run.id).unwrap();
        assert!(states.is_sorted_by(|one, next| one.timestamp < next.timestamp));
        assert_eq!(states.last(), Some(&run.state));
    }
    let fetched = named("get 7");
    assert_eq!((fetched.function.as_str(), fetched.version.as_deref()), ("fetch", Some("2")));
    assert_eq!(fetched.tags, ["nightly", "io"]);
    assert_eq!(named("get 1").map_index, Some(1));
    let twice = named("fails_once-0");
    assert_eq!(names(&store, twice), [Pending, Running, Retrying, Completed]);
    assert_eq!(twice.run_count, 2);

    let mut upstreams = store.upstreams(named("add_up-0").id).unwrap();
    upstreams.sort_by_key(|upstream| upstream.parameter.clone());
    let told: Vec<_> = upstreams.iter().map(|up| (up.parameter.as_deref(), up.upstream, up.count)).collect();
    assert_eq!(told, [(Some("more"), fetched.id, 1), (Some("pages"), named("get 0").id, 3)]);
}

#[task]
fn fails() -> Result<(), &'static str> {
    Err("no")
}

#[task]
fn skips() -> Result<(), TaskError> {
    Err(TaskError::skip("not today"))
}

#[flow]
fn unlucky() -> Result<(), FlowError> {
    let failed = fails.submit();
    let _ = skips.submit().result();
    let after = fails.wait_for(&failed).submit();
    Ok(after.result()?)
}

#[test]
fn failures_are_recorded_with_their_messages() {
    let store = Arc::new(MemoryRunStore::new());
    engine(&store).run_blocking(unlucky()).unwrap_err();
    let states: Vec<String> = task_runs(&store).iter().map(|run| run.state.to_string()).collect();
    assert_eq!(
        states,
        [
            "Failed('Task run encountered an exception: no')",
            "Skipped('not today', type=COMPLETED)",
            "TriggerFailed('Trigger was \"all_successful\" but some of the upstream tasks failed. Failed: 'fails-0'', \
             type=FAILED)",
        ]
    );
    let [flow] = &flow_runs(&store)[..] else { panic!("one flow run is recorded") };
    assert!(flow.state.is_failed());
}

#[test]
fn task_runs_outside_of_flows_are_recorded() {
    let store = Arc::new(MemoryRunStore::new());
    let engine = engine(&store);
    engine.enter(|| fetch(1).result()).unwrap();
    engine.flush_blocking().unwrap();
    let [run] = &task_runs(&store)[..] else { panic!("one task run is recorded") };
    assert_eq!((run.flow_run, run.root), (None, run.id));
    assert_eq!(store.owners().unwrap().len(), 1);
}

#[flow]
fn long(text: String) -> usize {
    text.len()
}

#[test]
fn parameters_that_are_too_long_are_refused_before_the_body_begins() {
    let store = Arc::new(MemoryRunStore::new());
    let error = engine(&store).run_blocking(long("x".repeat(600 * 1024))).unwrap_err().to_string();
    assert!(
        error.contains("the parameters take 614402 bytes as JSON, 614402 of them `text`, and 524288"),
        "{error}"
    );
    let [flow] = &flow_runs(&store)[..] else { panic!("one flow run is recorded") };
    assert!(flow.state.is_failed());
    assert!(flow.parameters.is_none());
}

#[task]
fn talks() {
    tracing::warn!(rows = 3, "a strange file");
}

#[flow]
fn talkative() -> Result<(), FlowError> {
    tracing::info!("begun");
    Ok(talks().result()?)
}

#[test]
fn what_user_code_logs_is_recorded() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let store = Arc::new(MemoryRunStore::new());
    let subscriber = tracing_subscriber::registry().with(millrun::logging::RunLogs);
    tracing::subscriber::with_default(subscriber, || engine(&store).run_blocking(talkative())).unwrap();
    let flow = &flow_runs(&store)[0];
    let logs = store.logs(&millrun::store::LogQuery::of(flow.id)).unwrap();
    let told: Vec<_> = logs.iter().map(|log| (log.level.as_str(), log.message.as_str())).collect();
    assert_eq!(told, [("INFO", "begun"), ("WARN", "a strange file rows=3")]);
    assert_eq!((logs[0].run, logs[1].run), (flow.id, task_runs(&store)[0].id));
    assert_eq!(logs[1].target, "ledger::recorded");
}

//! The engine for tests.

use std::time::Duration;

use millrun::prelude::*;
use millrun::testing::TestEngine;

#[task(task_run_name = "fetch {url}", retries = 1, retry_delay = "1h")]
fn fetch(url: String) -> Result<u32, String> {
    match task_run().unwrap().run_count() {
        1 if url == "slow" => Err("not yet".into()),
        _ => Ok(url.len() as u32),
    }
}

#[task]
fn sum(sizes: &[u32]) -> u32 {
    sizes.iter().sum()
}

#[flow]
fn total(urls: Vec<String>) -> Result<u32, FlowError> {
    let sizes: Vec<_> = urls.into_iter().map(|url| fetch.submit(url)).collect();
    Ok(sum.submit(&sizes).result()?)
}

fn urls(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|url| (*url).to_owned()).collect()
}

#[test]
fn it_tells_all_that_happened_in_order() {
    for _ in 0..3 {
        let engine = TestEngine::new();
        assert_eq!(engine.run_blocking(total(urls(&["a", "bc"]))).unwrap(), 3);
        let expected = [
            "total Pending",
            "total Running",
            "fetch a Pending",
            "fetch a Running",
            "fetch a Completed",
            "fetch bc Pending",
            "fetch bc Running",
            "fetch bc Completed",
            "sum-0 Pending",
            "sum-0 Running",
            "sum-0 Completed",
            "total Completed",
        ];
        assert_eq!(engine.events(), expected);
        assert_eq!(engine.events()[2].key, "testing::kit::fetch");
        assert!(engine.events()[11].state.is_completed());
    }
}

#[test]
fn it_counts_calls_and_tells_their_arguments() {
    let engine = TestEngine::new();
    assert_eq!((engine.calls(fetch), engine.arguments(fetch).len()), (0, 0));
    engine.run_blocking(total(urls(&["a", "b"]))).unwrap();
    engine.run_blocking(total(urls(&["c"])).mock(fetch, 7)).unwrap();
    engine.run_blocking(total(urls(&["d"])).mock_state(fetch, State::failed("no"))).unwrap_err();
    assert_eq!((engine.calls(fetch), engine.calls(sum)), (4, 2));
    let fetched: Vec<_> = engine.arguments(fetch).iter().map(|given| given["url"].clone()).collect();
    assert_eq!(fetched, ["a", "b", "c", "d"]);
    assert_eq!(engine.arguments(sum)[0]["sizes"], serde_json::json!([1, 1]));
    assert_eq!(TestEngine::new().calls(fetch), 0, "each knows its own runs alone");
}

#[tokio::test]
async fn its_time_is_moved_by_hand() {
    let engine = TestEngine::new();
    let before = engine.clock().now();
    let flow = engine.enter(|| total(urls(&["slow"])).start());
    let waiting = engine.clock().clone();
    tokio::task::spawn_blocking(move || waiting.wait_for_timers(1)).await.unwrap();
    assert!(engine.events().iter().any(|event| *event == "fetch slow AwaitingRetry"));
    engine.advance("59m");
    assert_eq!(engine.calls(fetch), 1);
    engine.advance(Duration::from_secs(60));
    assert_eq!(flow.await.unwrap(), 4);
    assert_eq!((engine.calls(fetch), engine.arguments(fetch).len()), (2, 1));
    assert_eq!(engine.clock().now().duration_since(before).unwrap(), Duration::from_secs(3600));
}

#[test]
fn it_can_differ() {
    #[task]
    fn query() -> Result<(), String> {
        Err("no database".into())
    }
    #[flow]
    fn patient() -> Result<(), FlowError> {
        Ok(query.submit().result()?)
    }
    let engine = TestEngine::with(|builder| builder.default_retries(2));
    engine.run_blocking(patient()).unwrap_err();
    assert_eq!(engine.calls(query), 3);
}

#[test]
fn one_run_at_a_time() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static AT_ONCE: AtomicU32 = AtomicU32::new(0);
    static MOST: AtomicU32 = AtomicU32::new(0);
    #[task]
    async fn busy(_n: u32) {
        MOST.fetch_max(AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
    }
    #[flow]
    fn many() -> Result<Vec<()>, FlowError> {
        Ok(busy.map(0..50).result()?)
    }
    let engine = TestEngine::new();
    engine.run_blocking(many()).unwrap();
    assert_eq!(MOST.load(Ordering::SeqCst), 1);
    let order: Vec<_> = engine.arguments(busy).iter().map(|given| given["_n"].as_u64().unwrap()).collect();
    assert_eq!(order, (0..50).collect::<Vec<u64>>());
}

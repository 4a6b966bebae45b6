//! What a plan leaves alone, and what it leaves behind: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrun::prelude::*;
use millrun::store::RunQuery;
use millrun::{Engine, MemoryRunStore, RunStore};

use crate::names;
use crate::plans::{complete, count, fetch};

#[tokio::test]
async fn what_is_asked_elsewhere_ends_the_plan_as_well() {
    #[flow]
    async fn elsewhere() -> Result<(), FlowError> {
        let one = fetch.submit(1);
        let awaited = tokio::spawn(async move { one.await.map_err(|error| error.kind()) });
        assert_eq!(awaited.await.unwrap(), Err(ErrorKind::Planning));
        unreachable!("the body was dropped where it waited")
    }
    let plan = tokio::time::timeout(Duration::from_secs(30), elsewhere().plan()).await.unwrap().unwrap();
    assert!(!plan.is_complete());
}

#[tokio::test]
async fn a_future_that_outlives_its_plan_gives_an_error() {
    static CARRIED: std::sync::Mutex<Option<TaskFuture<String>>> = std::sync::Mutex::new(None);
    #[flow]
    async fn carried() {
        *CARRIED.lock().unwrap() = Some(fetch.submit(1));
    }
    assert!(carried().plan().await.unwrap().is_complete());
    let one = CARRIED.lock().unwrap().take().unwrap();
    assert_eq!((&one).await.unwrap_err().kind(), ErrorKind::Planning);
    // What takes it is executed outside of the plan, and finds no value.
    assert_eq!(count.submit(&one).await.unwrap_err().kind(), ErrorKind::TriggerFailed);
}

static TOUCHED: AtomicUsize = AtomicUsize::new(0);

fn touch(_run: &TaskRun, _state: &State) {
    TOUCHED.fetch_add(1, Ordering::SeqCst);
}

fn touch_flow(_run: &FlowRunInfo, _state: &State) {
    TOUCHED.fetch_add(1, Ordering::SeqCst);
}

fn undo(_txn: &Transaction) {
    TOUCHED.fetch_add(1, Ordering::SeqCst);
}

#[task(on_running = touch, on_completion = touch, on_failure = touch, on_commit = undo, on_rollback = undo, tags = ["db"], persist_result)]
fn hooked() -> u32 {
    TOUCHED.fetch_add(1, Ordering::SeqCst) as u32
}

#[flow(on_running = touch_flow, on_completion = touch_flow, on_failure = touch_flow, on_crashed = touch_flow)]
async fn with_everything() -> Result<(), FlowError> {
    let _permit = concurrency("db").await?;
    let _other = concurrency("unknown").await?;
    let _ = hooked.submit();
    transaction()
        .key("plans/once")
        .isolation(IsolationLevel::Serializable)
        .run(async |txn| {
            txn.set("key", &1)?;
            let _ = hooked.submit();
            Ok::<_, FlowError>(())
        })
        .await?;
    assert_eq!(flow_run()?.parameters().len(), 0);
    let _ = hooked.submit().await?;
    Ok(())
}

#[tokio::test]
async fn nothing_is_recorded_kept_counted_or_told() {
    let store = Arc::new(MemoryRunStore::new());
    let results = ResultStore::memory();
    let engine = Engine::builder()
        .run_store(store.clone())
        .results(results.clone())
        .concurrency_limit("db", 1)
        .strict_limits()
        .build();
    let held = engine.enter(|| concurrency("db").acquire_blocking().unwrap());
    let plan = engine.scope(async { with_everything().plan().await }).await.unwrap();
    assert_eq!(names(plan.graph()), ["hooked-0", "hooked-1", "hooked-2"]);
    assert!(!plan.is_complete());
    drop(held);
    assert_eq!(TOUCHED.load(Ordering::SeqCst), 0);
    assert!(store.runs(&RunQuery::flow_runs()).unwrap().is_empty());
    assert!(store.runs(&RunQuery::task_runs()).unwrap().is_empty());
    assert!(!results.exists("plans/once").await.unwrap());
}

#[flow]
async fn planned_within() -> Result<usize, FlowError> {
    let plan = complete(3).plan().await?;
    Ok(plan.graph().nodes.len())
}

#[tokio::test]
async fn a_flow_may_plan_another() {
    let report = planned_within().report().await;
    assert_eq!(report.value(), Some(&4));
    assert!(report.task_runs().is_empty() && report.child_flow_runs().is_empty());
}

#[tokio::test]
async fn nothing_is_left_of_a_plan() {
    #[flow]
    async fn holds(token: Arc<()>, complete: bool) -> Result<(), FlowError> {
        let (one, other) = (token.clone(), token.clone());
        let first = hold.submit(one);
        let list = holds_list.submit(&first);
        let mapped = hold.map(list);
        let _ = hold.map(&mapped);
        let _ = hold.map([other]);
        if !complete {
            first.await?;
        }
        drop(token);
        Ok(())
    }
    #[task]
    fn hold(token: Arc<()>) -> Arc<()> {
        token
    }
    #[task]
    fn holds_list(token: Arc<()>) -> Vec<Arc<()>> {
        vec![token]
    }
    let token = Arc::new(());
    for complete in [true, false] {
        let plan = holds(token.clone(), complete).plan().await.unwrap();
        assert_eq!((plan.is_complete(), plan.graph().nodes.len()), (complete, 5));
        assert_eq!(Arc::strong_count(&token), 1);
    }
    // Dropped while the body waits for something of its own.
    #[flow]
    async fn waits(token: Arc<()>) {
        let _ = hold.submit(token);
        std::future::pending::<()>().await;
    }
    let mut planning = Box::pin(waits(token.clone()).plan());
    assert!(futures::poll!(&mut planning).is_pending());
    drop(planning);
    assert_eq!(Arc::strong_count(&token), 1);
}

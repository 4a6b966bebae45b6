//! What is made of mocks is found by nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millrun::prelude::*;
use millrun::store::RunQuery;
use millrun::{FlowRunId, MemoryRunStore, RunStore};

fn engine() -> Engine {
    Engine::builder().results(ResultStore::memory()).build()
}

static FETCHED: AtomicU32 = AtomicU32::new(0);

#[task(cache_key = "rows/{month}")]
fn rows(month: String) -> u32 {
    FETCHED.fetch_add(1, Ordering::SeqCst);
    month.len() as u32
}

#[task(cache_key = "report")]
fn report(rows: u32) -> String {
    format!("{rows} rows")
}

#[flow]
fn monthly(month: String) -> Result<String, FlowError> {
    Ok(report.submit(rows.submit(month)).result()?)
}

#[test]
fn neither_a_mock_nor_what_is_made_of_it_is_cached() {
    let engine = engine();
    let fetched = || FETCHED.swap(0, Ordering::SeqCst);
    assert_eq!(engine.run_blocking(monthly("01".into()).mock(rows, 7)).unwrap(), "7 rows");
    assert_eq!(engine.run_blocking(monthly("01".into()).mock_with(rows, |_| 8)).unwrap(), "8 rows");
    assert_eq!((engine.run_blocking(monthly("01".into())).unwrap(), fetched()), ("2 rows".into(), 1));

    // Nor does a mock give way to what is cached, or what is made of it.
    assert_eq!((engine.run_blocking(monthly("01".into())).unwrap(), fetched()), ("2 rows".into(), 0));
    assert_eq!(engine.run_blocking(monthly("01".into()).mock(rows, 7)).unwrap(), "7 rows");
    assert_eq!(engine.run_blocking(monthly("01".into()).mock(report, "all".into())).unwrap(), "all");
    assert_eq!(fetched(), 1, "what is not mocked is executed");
}

#[test]
fn a_keyed_transaction_leaves_no_record() {
    static PUBLISHED: AtomicU32 = AtomicU32::new(0);
    #[task]
    fn publish() {
        PUBLISHED.fetch_add(1, Ordering::SeqCst);
    }
    #[flow]
    fn daily() -> Result<bool, FlowError> {
        transaction().key("publish/2020-01-02").run_blocking(|txn| {
            let was_there = txn.is_committed();
            if !was_there {
                publish().result()?;
            }
            Ok(was_there)
        })
    }
    let engine = engine();
    assert!(!engine.run_blocking(daily().mock(publish, ())).unwrap());
    assert!(!engine.run_blocking(daily()).unwrap());
    assert_eq!(PUBLISHED.load(Ordering::SeqCst), 1);
    assert!(engine.run_blocking(daily()).unwrap());
}

#[test]
fn a_child_flow_with_mocks_keeps_nothing() {
    #[task]
    fn one() -> u32 {
        1
    }
    #[flow(persist_result)]
    fn child() -> Result<u32, FlowError> {
        Ok(one().result()?)
    }
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
    #[flow(retries = 1)]
    fn parent() -> Result<u32, FlowError> {
        let attempt = ATTEMPTS.fetch_add(1, Ordering::SeqCst);
        let given = if attempt == 0 { child().mock(one, 7).result()? } else { child().result()? };
        if attempt == 0 { Err(FlowError::msg("once more")) } else { Ok(given) }
    }
    assert_eq!(engine().run_blocking(parent()).unwrap(), 1);
}

#[test]
fn what_was_mocked_is_executed_when_the_flow_run_is_resumed() {
    static EXECUTED: AtomicU32 = AtomicU32::new(0);
    #[task]
    fn first() -> u32 {
        EXECUTED.fetch_add(1, Ordering::SeqCst);
        1
    }
    #[task]
    fn second(x: u32) -> u32 {
        EXECUTED.fetch_add(1, Ordering::SeqCst);
        x + 1
    }
    #[task]
    fn last(x: u32) -> Result<u32, String> {
        Ok(x * 100)
    }
    #[flow]
    fn staged() -> Result<u32, FlowError> {
        Ok(last.submit(second.submit(first.submit())).result()?)
    }
    let store = Arc::new(MemoryRunStore::new());
    let engine = Engine::builder().run_store(store.clone()).results(ResultStore::memory()).build();
    let mocked = staged().mock(first, 10).mock_state(last, State::failed("down"));
    engine.run_blocking(mocked).unwrap_err();
    assert_eq!(EXECUTED.swap(0, Ordering::SeqCst), 1);
    let id = FlowRunId::from(store.runs(&RunQuery::flow_runs()).unwrap()[0].id);
    assert_eq!(engine.run_blocking(staged().with_flow_run_id(id)).unwrap(), 200);
    assert_eq!(EXECUTED.swap(0, Ordering::SeqCst), 2, "what was made of the mock is executed again too");

    // One that has completed with mocks has given nothing that others could have.
    engine.run_blocking(staged().mock(first, 10)).unwrap();
    let newest = store.runs(&RunQuery::flow_runs().limit(1)).unwrap()[0].id;
    let error = engine.run_blocking(staged().with_flow_run_id(FlowRunId::from(newest))).unwrap_err();
    assert!(error.to_string().contains("what it gave is not there"), "{error}");

    let error = engine.run_blocking(staged().with_flow_run_id(id).mock(first, 1)).unwrap_err();
    assert!(error.to_string().contains("tasks are mocked in this flow run"), "{error}");
}

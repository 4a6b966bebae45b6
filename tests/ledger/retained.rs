//! What is deleted of what is recorded.

use std::time::Duration;

use super::*;
use millrun::Clock;
use millrun::store::Retention;

#[task]
fn large(n: u8) -> Vec<u8> {
    vec![n; 100_000]
}

#[flow]
fn one(n: u8) -> Result<usize, FlowError> {
    Ok(large(n).result()?.len())
}

#[flow]
fn other(n: u8) -> Result<u8, FlowError> {
    Ok(n)
}

#[test]
fn old_runs_are_deleted_with_their_results_and_the_newest_stay() {
    let (store, clock, results) = (Arc::new(MemoryRunStore::new()), Clock::manual(), ResultStore::memory());
    let engine =
        Engine::builder().run_store(store.clone()).clock(clock.clone()).results(results.clone()).build();
    for n in 0..3 {
        engine.run_blocking(one(n)).unwrap();
        engine.run_blocking(other(n)).unwrap();
        clock.advance(Duration::from_secs(86_400));
    }
    let of = |flow: &str| store.runs(&RunQuery::flow_runs().of(flow).oldest_first()).unwrap();
    let before = of("one");
    let key = |run: &RunRecord| {
        let task_run = &store.runs(&RunQuery::task_runs().in_root(run.id)).unwrap()[0];
        format!("runs/{}/{}", run.id, task_run.id)
    };
    let keys: Vec<String> = before.iter().map(key).collect();
    assert!(keys.iter().all(|key| results.exists_blocking(key).unwrap()));

    assert_eq!(engine.clean_up_blocking(&Retention::older_than("2d 12h")).unwrap(), 2);
    assert_eq!((of("one").len(), of("other").len()), (2, 2));
    assert_eq!(
        keys.iter().map(|key| results.exists_blocking(key).unwrap()).collect::<Vec<_>>(),
        [false, true, true]
    );
    assert!(store.states(before[0].id).unwrap().is_empty());

    assert_eq!(engine.clean_up_blocking(&Retention::beyond_newest(1)).unwrap(), 2);
    assert_eq!(of("one")[0].id, before[2].id);
    assert_eq!((of("one").len(), task_runs(&store).len()), (1, 1));
}

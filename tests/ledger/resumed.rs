//! Flow runs that go on: what is executed again, and what is not.

use super::*;
use millrun::FlowRunId;

static FETCHED: Count = Count::new();
static PARSED: Count = Count::new();
static SUMMED: Count = Count::new();
static IS_UP: AtomicU32 = AtomicU32::new(0);

#[task]
async fn fetch(page: u32) -> String {
    FETCHED.add();
    page.to_string()
}

#[task]
fn parse(text: &str) -> u32 {
    PARSED.add();
    text.parse().unwrap()
}

#[task]
fn sum(numbers: &[u32]) -> Result<u32, &'static str> {
    SUMMED.add();
    if IS_UP.load(Ordering::SeqCst) == 0 { Err("the server is down") } else { Ok(numbers.iter().sum()) }
}

#[flow]
async fn pipeline(pages: u32) -> Result<u32, FlowError> {
    let texts = fetch.map(0..pages);
    let extra = fetch(100).await?;
    let numbers = parse.map(&texts);
    let one = parse.submit(extra);
    Ok(sum.submit(&numbers).await? + one.await?)
}

#[test]
fn what_has_completed_is_not_executed_again() {
    let store = Arc::new(MemoryRunStore::new());
    engine(&store).run_blocking(pipeline(3)).unwrap_err();
    assert_eq!((FETCHED.take(), PARSED.take(), SUMMED.take()), (4, 4, 1));
    let id = FlowRunId::from(flow_runs(&store)[0].id);

    // The server is still down.
    engine(&store).run_blocking(pipeline(3).with_flow_run_id(id)).unwrap_err();
    assert_eq!((FETCHED.take(), PARSED.take(), SUMMED.take()), (0, 0, 1));

    IS_UP.store(1, Ordering::SeqCst);
    let engine = engine(&store);
    assert_eq!(engine.run_blocking(pipeline(3).with_flow_run_id(id)).unwrap(), 103);
    assert_eq!((FETCHED.take(), PARSED.take(), SUMMED.take()), (0, 0, 1));

    let [flow] = &flow_runs(&store)[..] else { panic!("it is one flow run") };
    use StateName::{Completed, Failed, Pending, Running};
    let attempt = [Pending, Running];
    let all: Vec<StateName> = [&attempt[..], &[Failed], &attempt, &[Failed], &attempt, &[Completed]].concat();
    assert_eq!(names(&store, flow), all);
    let ends: Vec<_> = task_runs(&store).iter().map(|run| run.state.name).collect();
    assert_eq!(ends.iter().filter(|end| **end == Completed).count(), 9, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| **end == Failed).count(), 2, "{ends:?}");

    // It has completed: nothing at all is executed.
    assert_eq!(engine.run_blocking(pipeline(3).with_flow_run_id(id)).unwrap(), 103);
    assert_eq!((FETCHED.take(), PARSED.take(), SUMMED.take()), (0, 0, 0));
    assert_eq!(names(&store, &flow_runs(&store)[0]), all);
}

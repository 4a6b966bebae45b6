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

static WRITTEN: Count = Count::new();
static CHECKED: Count = Count::new();
static IS_GOOD: AtomicU32 = AtomicU32::new(0);

#[task]
fn write(part: u32) -> u32 {
    WRITTEN.add();
    part
}

#[task]
fn check(when: u32) -> Result<(), &'static str> {
    CHECKED.add();
    if IS_GOOD.load(Ordering::SeqCst) < when { Err("not good enough") } else { Ok(()) }
}

#[flow]
fn in_transactions() -> Result<u32, FlowError> {
    let first = transaction().run_blocking(|txn| {
        txn.set("part", &1)?;
        let written = write(1).result()?;
        check(0).result()?;
        Ok::<_, FlowError>(written)
    })?;
    let second = transaction().run_blocking(|_| {
        let written = write(2).result()?;
        check(1).result()?;
        Ok::<_, FlowError>(written)
    })?;
    Ok(first + second)
}

#[test]
fn a_transaction_that_was_not_committed_starts_over() {
    let store = Arc::new(MemoryRunStore::new());
    engine(&store).run_blocking(in_transactions()).unwrap_err();
    assert_eq!((WRITTEN.take(), CHECKED.take()), (2, 2));
    let flow = &flow_runs(&store)[0];
    let transactions = store.transactions(flow.id).unwrap();
    let states: Vec<_> = transactions.iter().map(|transaction| transaction.state.as_str()).collect();
    assert_eq!(states, ["COMMITTED", "ROLLED_BACK"]);
    assert_eq!(transactions[0].values["part"], 1);

    IS_GOOD.store(1, Ordering::SeqCst);
    let again = in_transactions().with_flow_run_id(flow.id.into());
    assert_eq!(engine(&store).run_blocking(again).unwrap(), 3);
    // What the first transaction has committed stands.
    assert_eq!((WRITTEN.take(), CHECKED.take()), (1, 1));
}

static NESTED: Count = Count::new();
static DONE: AtomicU32 = AtomicU32::new(0);

#[task]
async fn leaf(n: u32) -> u32 {
    NESTED.add();
    n
}

/// Submits task runs of its own, twice the same.
#[task]
async fn branch(n: u32) -> Result<u32, TaskError> {
    Ok(leaf.submit(n).await? + leaf.submit(n).await?)
}

#[flow]
async fn child(n: u32) -> Result<u32, FlowError> {
    let sum = branch.submit(n).await? + branch(n + 1).await?;
    if DONE.load(Ordering::SeqCst) == 0 { Err(FlowError::msg("not yet")) } else { Ok(sum) }
}

#[flow]
async fn parent(first: u32) -> Result<u32, FlowError> {
    let one = child(first).await;
    let two = child(10).await;
    Ok(one? + two?)
}

#[test]
fn what_is_nested_goes_on_by_itself_and_new_inputs_are_new_runs() {
    let store = Arc::new(MemoryRunStore::new());
    engine(&store).run_blocking(parent(1)).unwrap_err();
    assert_eq!(NESTED.take(), 8);
    let flows = flow_runs(&store);
    let id = FlowRunId::from(flows[0].id);

    DONE.store(1, Ordering::SeqCst);
    assert_eq!(engine(&store).run_blocking(parent(1).with_flow_run_id(id)).unwrap(), 2 + 4 + 20 + 22);
    assert_eq!(NESTED.take(), 0);
    let after = flow_runs(&store);
    let ids = |flows: &[RunRecord]| flows.iter().map(|flow| flow.id).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&flows), "child flow runs go on as well");
    assert!(after.iter().all(|flow| flow.state.is_completed()));
}

#[test]
fn a_branch_that_differs_uses_its_new_inputs() {
    static LAST: AtomicU32 = AtomicU32::new(0);
    static ECHOED: Count = Count::new();

    #[task]
    fn echo(n: u32) -> u32 {
        ECHOED.add();
        n
    }

    #[flow]
    fn differs() -> Result<u32, FlowError> {
        let n = LAST.fetch_add(1, Ordering::SeqCst);
        let sum = echo(100).result()? + echo(n).result()?;
        if n == 0 { Err(FlowError::msg("not yet")) } else { Ok(sum) }
    }

    let store = Arc::new(MemoryRunStore::new());
    engine(&store).run_blocking(differs()).unwrap_err();
    assert_eq!(ECHOED.take(), 2);
    let id = flow_runs(&store)[0].id.into();
    assert_eq!(engine(&store).run_blocking(differs().with_flow_run_id(id)).unwrap(), 101);
    assert_eq!(ECHOED.take(), 1);
}

#[test]
fn what_cannot_be_serialised_is_executed_again() {
    static OPENED: Count = Count::new();
    static USED: Count = Count::new();
    static READY: AtomicU32 = AtomicU32::new(0);

    struct Connection(u32);

    #[task]
    fn open(n: u32) -> Connection {
        OPENED.add();
        Connection(n)
    }

    #[task]
    fn use_one(connection: &Connection) -> u32 {
        USED.add();
        connection.0
    }

    #[task]
    fn use_given(connection: Connection) -> u32 {
        USED.add();
        connection.0
    }

    #[flow]
    fn connects() -> Result<u32, FlowError> {
        let connection = open.submit(4);
        // Recognised by the run that its input comes from, whatever that gives.
        let used = use_one.submit(&connection);
        let given = use_given(Connection(5));
        let sum = used.result()? + given.result()?;
        if READY.load(Ordering::SeqCst) == 0 { Err(FlowError::msg("not yet")) } else { Ok(sum) }
    }

    let store = Arc::new(MemoryRunStore::new());
    engine(&store).run_blocking(connects()).unwrap_err();
    assert_eq!((OPENED.take(), USED.take()), (1, 2));
    let id = flow_runs(&store)[0].id.into();
    READY.store(1, Ordering::SeqCst);
    assert_eq!(engine(&store).run_blocking(connects().with_flow_run_id(id)).unwrap(), 9);
    assert_eq!((OPENED.take(), USED.take()), (1, 1));
}

#[flow]
fn of_two(n: u32, names: Vec<String>) -> Result<usize, FlowError> {
    if IS_OPEN.load(Ordering::SeqCst) == 0 {
        Err(FlowError::msg("closed"))
    } else {
        Ok(n as usize + names.len())
    }
}

static IS_OPEN: AtomicU32 = AtomicU32::new(0);

#[flow]
fn of_something_opaque(opaque: Opaque) -> Result<(), FlowError> {
    let _ = opaque;
    Err(FlowError::msg("closed"))
}

struct Opaque;

#[test]
fn a_flow_run_is_resumed_by_its_id_alone() {
    let store = Arc::new(MemoryRunStore::new());
    let engine = engine(&store);
    engine.run_blocking(of_two(2, vec!["a".into(), "b".into()])).unwrap_err();
    let id = FlowRunId::from(flow_runs(&store)[0].id);
    let error = engine.resume_blocking(id).unwrap_err();
    assert_eq!(error.to_string(), "closed");
    IS_OPEN.store(1, Ordering::SeqCst);
    let run = engine.resume_blocking(id).unwrap();
    assert_eq!((run.id(), run.state().is_completed()), (id, true));
    assert_eq!(engine.run_blocking(of_two(0, vec![]).with_flow_run_id(id)).unwrap(), 4);
}

#[test]
fn what_cannot_be_resumed_says_why() {
    let store = Arc::new(MemoryRunStore::new());
    let engine = engine(&store);
    let says = |error: FlowError, part: &str| {
        let error = error.to_string();
        assert!(error.contains(part), "`{error}` does not say `{part}`");
    };
    let unknown = FlowRunId::from(uuid::Uuid::now_v7());
    says(engine.resume_blocking(unknown).unwrap_err(), &format!("memory has no flow run {unknown}"));
    let nowhere = Engine::builder().build();
    says(nowhere.resume_blocking(unknown).unwrap_err(), "this engine records nothing");
    says(
        nowhere.run_blocking(parent(1).with_flow_run_id(unknown)).unwrap_err(),
        "this engine records nothing",
    );

    engine.run_blocking(of_something_opaque(Opaque)).unwrap_err();
    let opaque = flow_runs(&store)[0].id;
    says(
        engine.resume_blocking(opaque.into()).unwrap_err(),
        "parameter `opaque` cannot be read from its record: its type is not `Deserialize`",
    );
    says(
        engine.run_blocking(pipeline(1).with_flow_run_id(opaque.into())).unwrap_err(),
        "is one of `ledger::resumed::of_something_opaque`, and not of `ledger::resumed::pipeline`",
    );
    assert_eq!(flow_runs(&store).len(), 1);

    // Another engine, which is alive, has it.
    assert!(store.claim(opaque, uuid::Uuid::now_v7()).unwrap());
    let call = of_something_opaque(Opaque).with_flow_run_id(opaque.into());
    says(engine.run_blocking(call).unwrap_err(), "is being executed by another engine");
}

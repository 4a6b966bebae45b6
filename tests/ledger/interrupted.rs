//! Transactions that were interrupted: what the next process knows of them, and undoes.

use std::sync::Mutex;
use std::time::SystemTime;

use millrun::NotResumable;
use uuid::Uuid;

use super::*;
use crate::alone::alone;
use crate::ends_after::EndsAfter;

static UNDONE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn undo(txn: &Transaction) -> Result<(), TransactionError> {
    let run = task_run().unwrap();
    let (folder, path) = (txn.get::<String>("folder")?, txn.get::<u32>("path")?);
    let current = current_transaction().is_some_and(|current| current == *txn);
    UNDONE.lock().unwrap().push(format!(
        "{} of {}: {}/{}{}",
        run.name(),
        flow_run().unwrap().spec().name(),
        folder.unwrap_or_default(),
        path.unwrap_or_default(),
        if current { "" } else { ", elsewhere" }
    ));
    Ok(())
}

fn undo_badly(_: &Transaction) -> Result<(), &'static str> {
    UNDONE.lock().unwrap().push("in vain".to_owned());
    Err("the disk is gone")
}

/// Yields, so that hooks of that kind are called as well.
async fn undo_later(txn: &Transaction) -> Result<(), TransactionError> {
    tokio::task::yield_now().await;
    undo(txn)
}

#[task(on_rollback = [undo, undo_badly], tags = ["io"])]
fn write(path: u32) -> Result<u32, TransactionError> {
    write_path(path)
}

#[task(on_rollback = undo_later)]
fn write_later(path: u32) -> Result<u32, TransactionError> {
    write_path(path)
}

fn write_path(path: u32) -> Result<u32, TransactionError> {
    if let Some(txn) = current_transaction() {
        txn.set("path", &path)?;
    }
    Ok(path)
}

/// Has nothing to undo itself.
#[task]
fn has_it_written(path: u32) -> Result<u32, TaskError> {
    write_later(path).result()
}

#[task]
fn write_otherwise(path: u32) -> Result<u32, TransactionError> {
    write_path(path)
}

#[flow]
fn publish() -> Result<u32, FlowError> {
    transaction().run_blocking(|txn| {
        txn.set("folder", "outer")?;
        let one = write(1).result()?;
        let two = transaction().run_blocking(|txn| {
            txn.set("folder", "inner")?;
            Ok::<_, FlowError>(has_it_written(2).result()?)
        })?;
        let three = write_otherwise.with_on_rollback(|_| ()).call(3).result()?;
        Ok::<_, FlowError>(one + two + three)
    })
}

/// A ledger of a process that died when all was staged and nothing committed.
fn interrupted() -> (Arc<MemoryRunStore>, Uuid) {
    for events in 1.. {
        let store = Arc::new(MemoryRunStore::new());
        let dying = Engine::builder().run_store(EndsAfter::new(store.clone(), events)).build();
        dying.run_blocking(publish()).unwrap();
        let id = flow_runs(&store)[0].id;
        // What is open belongs to somebody who is alive.
        assert_eq!(store.interrupted(id).unwrap(), []);
        drop(dying);
        for owner in store.owners().unwrap() {
            store.bury(&owner, "its process was killed", SystemTime::now()).unwrap();
        }
        if staged(&store, id).len() == 3 {
            return (store, id);
        }
    }
    unreachable!("there are not so many events")
}

fn staged(store: &MemoryRunStore, flow_run: Uuid) -> Vec<Uuid> {
    let transactions = store.transactions(flow_run).unwrap().into_iter();
    transactions.filter(|txn| txn.state == TransactionState::Staged).map(|txn| txn.id).collect()
}

fn resume(engine: &Engine, id: Uuid) -> Vec<String> {
    assert_eq!(engine.run_blocking(publish().with_flow_run_id(id.into())).unwrap(), 6);
    std::mem::take(&mut *UNDONE.lock().unwrap())
}

static TURN: Mutex<()> = Mutex::new(());

#[test]
fn what_was_interrupted_is_listed_and_starts_over() {
    let _turn = TURN.lock();
    let (store, id) = interrupted();
    let before = store.interrupted(id).unwrap();
    assert_eq!(before.len(), 5, "two groups and three task runs: {before:#?}");
    assert_eq!(before.iter().filter(|txn| txn.parent.is_none()).count(), 1);
    let names = |id| store.runs(&RunQuery::task_runs().ids([id])).unwrap().pop().map(|run| run.name);
    let of_runs: Vec<String> = before.iter().filter_map(|txn| names(txn.id)).collect();
    assert_eq!(of_runs, ["write-0", "write_later-0", "write_otherwise-0"]);

    assert_eq!(resume(&engine(&store), id), Vec::<String>::new());
    // It is not forgotten.
    assert_eq!(store.interrupted(id).unwrap(), before);
}

#[test]
fn what_was_interrupted_is_undone_where_that_is_asked_for_the_latest_first() {
    let _turn = TURN.lock();
    let (store, id) = interrupted();
    let written = staged(&store, id);
    let engine = Engine::builder().run_store(store.clone()).roll_back_interrupted(true).build();
    let undone = resume(&engine, id);
    assert_eq!(
        undone,
        ["write_later-0 of publish: inner/2", "in vain", "write-0 of publish: outer/1"],
        "{undone:#?}"
    );
    let states = |id| store.runs(&RunQuery::task_runs().ids([id])).unwrap().pop().unwrap().state.to_string();
    assert_eq!(
        states(written[0]),
        "RolledBack('It may not be undone: `on_rollback` 2 of 'write-0' failed: the disk is gone', type=COMPLETED)"
    );
    assert_eq!(states(written[1]), "RolledBack(type=COMPLETED)");
    // Nobody else knows what was given for one call.
    let left = store.interrupted(id).unwrap();
    assert_eq!(left.iter().map(|txn| txn.id).collect::<Vec<_>>(), [written[2]]);

    // It has completed, and nothing is undone again.
    assert_eq!(resume(&engine, id), Vec::<String>::new());
}

fn is_undone() {
    let (store, id) = interrupted();
    assert_eq!(resume(&engine(&store), id).len(), 3);
}

#[test]
fn it_can_be_asked_for_by_a_variable() {
    alone!().with("MILLRUN_ROLL_BACK_INTERRUPTED", "true").check(is_undone);
}

#[test]
fn it_can_be_asked_for_by_the_file() {
    alone!().with_file("roll_back_interrupted = true").check(is_undone);
}

#[tokio::test]
async fn async_programs_ask_the_store_as_well() {
    let store = Arc::new(MemoryRunStore::new());
    let engine = engine(&store);
    engine.run(publish()).await.unwrap();
    let id = flow_runs(&store)[0].id;
    let asked = engine.ask(move |store| store.transactions(id)).await.unwrap();
    assert_eq!(asked, store.transactions(id).unwrap());
    let panicked = engine.ask(|_| -> Result<(), _> { panic!("of no use") }).await.unwrap_err();
    assert!(panicked.to_string().contains("the question panicked"), "{panicked}");
    let nowhere = Engine::builder().build().ask(|store| store.owners()).await.unwrap_err();
    assert!(nowhere.to_string().contains("records nothing"), "{nowhere}");
}

struct Opaque(u32);

#[task]
fn open(n: u32) -> Opaque {
    Opaque(n)
}

#[task]
fn close(opaque: Opaque) -> u32 {
    opaque.0
}

#[task]
fn not_a_number() -> f64 {
    f64::NAN
}

#[flow]
fn with_something_opaque() -> Result<u32, FlowError> {
    let opened = open(1).result()?;
    not_a_number().result()?;
    Ok(close(opened).result()? + write_path(1).map_err(FlowError::other)?)
}

#[test]
fn a_report_tells_what_is_executed_again() {
    let store = Arc::new(MemoryRunStore::new());
    let report = engine(&store).enter(|| with_something_opaque().report_blocking());
    let why = |name: &str| report.task_run(name).unwrap().not_resumable();
    assert_eq!(why("open-0"), Some(NotResumable::Result));
    assert_eq!(why("not_a_number-0"), Some(NotResumable::Result));
    assert_eq!(why("close-0"), Some(NotResumable::Inputs));
    let text = report.to_string();
    assert!(text.contains("\n    executed again on resume: its result cannot be serialised\n"), "{text}");
    assert!(text.ends_with("\n    executed again on resume: an input cannot be serialised"), "{text}");

    let report = engine(&store).enter(|| publish().report_blocking());
    assert!(report.task_runs().iter().all(|run| run.not_resumable().is_none()));
    // Where nothing is recorded nothing is resumed.
    let report = with_something_opaque().report_blocking();
    assert!(report.task_runs().iter().all(|run| run.not_resumable().is_none()));
}

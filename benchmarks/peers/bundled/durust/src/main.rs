//! durust beside Millrun, in an SQLite file.
//!
//! As in its page: one worker with `run`, its throughput knobs raised; the fan-out is its own `activity_map`, the chain awaits one
//! activity after the other. Its SQLite provider insists on `synchronous = FULL` and asks for what is in effect when it opens a file
//! (`configure_connection_defaults`), so Millrun is measured at FULL as well, and at NORMAL to show what it gives by default.

use std::iter::once;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use durust::provider::{DurableBackend, HistoryEventData, StreamHistoryRequest};
use durust::{Client, EventId, RunId, SqliteBackend, Worker, WorkerEvent};
use millrun::store::Durability;
use peer_harness::{Folder, Scale, Side, cases, ours, remove_database, runtime, version};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Notify;

const LOCK: &str = include_str!("../../Cargo.lock");
const QUEUE: &str = "workflows";
const TASKS: &str = "tasks";

static EXECUTED: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Number {
    x: u64,
}

#[durust::activity(name = "peers.add-one")]
async fn add_one(input: Number) -> durust::Result<u64> {
    EXECUTED.fetch_add(1, Ordering::Relaxed);
    Ok(input.x + 1)
}

#[durust::workflow(name = "peers.fan-out", version = 1)]
async fn fan_out(n: Number) -> durust::Result<u64> {
    let inputs = durust::activity_map_manifest((0..n.x).map(|x| Number { x }))?;
    let mapped = durust::activity_map(add_one)
        .task_queue(TASKS)
        .input_manifest(inputs)
        .max_in_flight(512)
        .result_manifest("results")
        .spawn()
        .await?;
    let results = mapped.result_manifest().await?;
    let results = durust::provider::decode_activity_map_result_refs(&results)?;
    results.iter().try_fold(0, |sum, result| Ok(sum + durust::decode_payload::<u64>(result)?))
}

#[durust::workflow(name = "peers.chain", version = 1)]
async fn chain(n: Number) -> durust::Result<u64> {
    let mut x = 0;
    for _ in 0..n.x {
        x = durust::call_activity!(add_one(Number { x })).task_queue(TASKS).await?;
    }
    Ok(x)
}

/// The workflow's result, once its end is in its history.
async fn result(backend: &SqliteBackend, run: &RunId) -> durust::Result<Option<u64>> {
    let history = backend
        .stream_history(StreamHistoryRequest {
            run_id: run.clone(),
            after_event_id: EventId::ZERO,
            up_to_event_id: EventId(u64::from(u32::MAX)),
            max_events: usize::MAX,
            max_bytes: usize::MAX,
        })
        .await?;
    match history.events.last().map(|event| &event.data) {
        Some(HistoryEventData::WorkflowCompleted { result }) => durust::decode_payload(result).map(Some),
        _ => Ok(None),
    }
}

/// Runs a workflow to its end, with a worker that is told of its turns; its history is read once all its activities have been executed.
async fn timed<W>(path: PathBuf, workflow: W, n: usize, expected: u64) -> durust::Result<Duration>
where
    W: durust::Workflow<Input = Number, Output = u64> + Default,
{
    EXECUTED.store(0, Ordering::Relaxed);
    let backend = SqliteBackend::open(path)?;
    let turn = Arc::new(Notify::new());
    let mut worker = Worker::builder(backend.clone())
        .workflow_task_queue(QUEUE)
        .activity_task_queue(TASKS)
        .register_workflow(workflow)
        .register_activity(add_one)
        .max_local_activities_per_workflow_task(64)
        .max_concurrent_workflow_tasks(256)
        .max_concurrent_activities(512)
        .activity_task_batch_size(512)
        .activity_completion_batch_size(32)
        .on_event({
            let turn = turn.clone();
            move |event| {
                if matches!(event, WorkerEvent::WorkflowTaskCommitted { .. }) {
                    turn.notify_one();
                }
            }
        })
        .build();
    let shutdown = worker.shutdown_handle();
    // What `run` gives is not Send.
    let runtime = Handle::current();
    let running = std::thread::spawn(move || runtime.block_on(worker.run()));
    let begun = Instant::now();
    let input = Number { x: n as u64 };
    let run = Client::new(backend.clone()).start_workflow::<W>("measured", QUEUE, input).await?;
    let result = loop {
        turn.notified().await;
        if EXECUTED.load(Ordering::Relaxed) >= n
            && let Some(result) = result(&backend, &run).await?
        {
            break result;
        }
    };
    let time = begun.elapsed();
    shutdown.shutdown();
    running.join().expect("the worker does not panic")?;
    assert_eq!(result, expected);
    Ok(time)
}

fn side<'a, W>(
    runtime: &'a Runtime,
    folder: &'a Path,
    note: &str,
    workflow: W,
    n: usize,
    expected: u64,
) -> Side<'a>
where
    W: durust::Workflow<Input = Number, Output = u64> + Default,
{
    Side::recorded("durust", version(LOCK, "durust"), "sqlite FULL", note, move || {
        let path = folder.join("durust.db");
        let time = runtime.block_on(timed(path.clone(), workflow, n, expected));
        remove_database(&path);
        time.map_err(|failure| failure.to_string())
    })
}

fn main() {
    let (scale, runtime, folder) = (Scale::from_arguments(), runtime(), Folder::new());
    let folder = folder.path();
    let n = scale.items(1_000);
    let note = "activity_map; its provider asks for FULL, and for what it got, when it opens the file";
    let theirs = side(&runtime, folder, note, fan_out, n, cases::fan_out_sum(n));
    let ours = [Durability::Strict, Durability::Relaxed]
        .map(|durability| ours::side_of_recorded_fan_out(&runtime, folder, n, durability));
    scale.in_turns("recorded_fan_out", n, once(theirs).chain(ours).collect());
    let n = scale.items(200);
    let note = "activities awaited one by one, executed by the workflow's own worker";
    let theirs = side(&runtime, folder, note, chain, n, n as u64);
    let ours = [Durability::Strict, Durability::Relaxed]
        .map(|durability| ours::side_of_recorded_chain(&runtime, folder, n, durability));
    scale.in_turns("recorded_chain", n, once(theirs).chain(ours).collect());
}

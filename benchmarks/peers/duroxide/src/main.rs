//! duroxide beside Millrun, in an SQLite file.
//!
//! As in its own example (`examples/fan_out_fan_in.rs`): activities are scheduled and joined, or awaited one by one. Its dispatchers look for
//! work every 100 ms by default; here every millisecond, which its options allow. Its client looks for the end ever more seldom, up to 100 ms
//! apart; here it is told when the orchestration is about to end, and looks every millisecond from then on. Its provider asks for
//! `synchronous = WAL`, which is no value of that pragma and leaves NORMAL; the level is set on each connection of its pool, and asked for there.
//! A dispatcher that finds the database locked by another waits for 200 ms and more; one of each kind in place of two is no faster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationStatus, Runtime as Duroxide, RuntimeOptions};
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use millrun::store::Durability;
use peer_harness::{
    Folder, Scale, Side, THREADS, cases, ours, remove_database, runtime, synchronous, version,
};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tracing::subscriber::NoSubscriber;

const LOCK: &str = include_str!("../Cargo.lock");
/// So many its pool may have.
const CONNECTIONS: usize = 5;
const EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_mins(2);

static ENDING: Notify = Notify::const_new();

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn fan_out(context: OrchestrationContext, n: u64) -> Result<u64, String> {
    let tasks = (0..n).map(|x| context.schedule_activity_typed::<u64, u64>("add_one", &x)).collect();
    let sum = context.join(tasks).await.into_iter().sum();
    ENDING.notify_one();
    sum
}

async fn chain(context: OrchestrationContext, n: u64) -> Result<u64, String> {
    let mut x = 0;
    for _ in 0..n {
        x = context.schedule_activity_typed::<u64, u64>("add_one", &x).await?;
    }
    ENDING.notify_one();
    Ok(x)
}

/// The orchestration's result, once its end is in the file.
async fn result(client: &Client) -> Result<u64, Failure> {
    ENDING.notified().await;
    loop {
        match client.get_orchestration_status("measured").await? {
            OrchestrationStatus::Completed { output, .. } => return Ok(output.parse()?),
            OrchestrationStatus::Failed { details, .. } => return Err(details.display_message().into()),
            _ => tokio::time::sleep(EVERY).await,
        }
    }
}

/// Sets the level on all connections of the pool; says what is in effect then.
async fn level(store: &SqliteProvider, asked: &'static str) -> Result<&'static str, Failure> {
    let mut connections = Vec::new();
    let mut level = "";
    for _ in 0..CONNECTIONS {
        let mut connection = store.get_pool().acquire().await?;
        sqlx::query(&format!("PRAGMA synchronous = {asked}")).execute(&mut *connection).await?;
        level = synchronous(sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await?);
        connections.push(connection);
    }
    Ok(level)
}

async fn timed(
    path: PathBuf,
    name: &'static str,
    n: usize,
    asked: &'static str,
) -> Result<(Duration, u64), Failure> {
    let store = Arc::new(SqliteProvider::new(&format!("sqlite:{}?mode=rwc", path.display()), None).await?);
    let got = level(&store, asked).await?;
    assert_eq!(got, asked);
    let activities = ActivityRegistry::builder()
        .register_typed("add_one", |_: ActivityContext, x: u64| async move { Ok(x + 1) })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("fan_out", fan_out)
        .register_typed("chain", chain)
        .build();
    let options = RuntimeOptions {
        dispatcher_min_poll_interval: EVERY,
        worker_concurrency: THREADS,
        orchestration_concurrency: THREADS,
        ..RuntimeOptions::default()
    };
    let runtime = Duroxide::start_with_options(store.clone(), activities, orchestrations, options).await;
    let client = Client::new(store.clone());
    let begun = Instant::now();
    client.start_orchestration_typed("measured", name, n as u64).await?;
    let result = tokio::time::timeout(PATIENCE, result(&client)).await;
    let time = begun.elapsed();
    runtime.shutdown(None).await;
    store.get_pool().close().await;
    Ok((time, result??))
}

fn side<'a>(
    runtime: &'a Runtime,
    folder: &'a Path,
    name: &'static str,
    n: usize,
    expected: u64,
    asked: &'static str,
) -> Side<'a> {
    let note = "two workers that look for work every millisecond; one that finds the database locked waits for 200 ms";
    Side::recorded("duroxide", version(LOCK, "duroxide"), format!("sqlite {asked}"), note, move || {
        let path = folder.join("duroxide.db");
        let timed = runtime.spawn(timed(path.clone(), name, n, asked));
        let timed = runtime.block_on(timed).expect("nothing panics");
        remove_database(&path);
        let (time, result) = timed.map_err(|failure| failure.to_string())?;
        assert_eq!(result, expected);
        Ok(time)
    })
}

fn main() {
    // It would print what it warns of among the rows.
    let _ = tracing::subscriber::set_global_default(NoSubscriber::new());
    let (scale, runtime, folder) = (Scale::from_arguments(), runtime(), Folder::new());
    let folder = folder.path();
    let n = scale.items(200);
    for (case, name, expected) in
        [("recorded_fan_out", "fan_out", cases::fan_out_sum(n)), ("recorded_chain", "chain", n as u64)]
    {
        let mut sides: Vec<_> =
            ["OFF", "NORMAL", "FULL"].map(|asked| side(&runtime, folder, name, n, expected, asked)).into();
        let ours =
            if name == "chain" { ours::side_of_recorded_chain } else { ours::side_of_recorded_fan_out };
        sides.extend(
            [Durability::Relaxed, Durability::Strict].map(|durability| ours(&runtime, folder, n, durability)),
        );
        scale.in_turns(case, n, sides);
    }
}

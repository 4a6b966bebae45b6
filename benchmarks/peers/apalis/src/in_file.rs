//! Its queue in an SQLite file.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqliteStorage, queries};
use peer_harness::{Side, THREADS, cases, remove_database, synchronous, version};
use tokio::runtime::Runtime;

use crate::in_memory::{Progress, add_one};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const QUEUE: &str = "measured";

async fn timed(path: PathBuf, n: usize, asked: &'static str) -> Result<Duration, Failure> {
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options.clone()).await?;
    SqliteStorage::setup(&pool).await?;
    pool.close().await;
    let pool = SqlitePool::connect_with(options.pragma("synchronous", asked)).await?;
    let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&pool).await?;
    assert_eq!(synchronous(level), asked);

    let progress = Progress::of(n);
    let begun = Instant::now();
    // What its rows take for an id: a ULID.
    let ids = || (0..n as u64).map(|x| TaskId::from_string(format!("{x:026}")));
    let task = |(x, id): (u64, TaskId)| TaskBuilder::new(x.to_string().into_bytes()).task_id(id).build();
    let tasks: Vec<_> = (0..).zip(ids()).map(task).collect();
    let mut transaction = pool.begin().await?;
    queries::push_tasks(&mut *transaction, QUEUE, &tasks).await?;
    transaction.commit().await?;
    let mut storage =
        SqliteStorage::<u64>::new(&pool).with_config(Config::default().queue(QUEUE).batch_size(100));
    let worker = WorkerBuilder::new("measured")
        .backend(storage.clone())
        .concurrency(THREADS)
        .parallelize(tokio::spawn)
        .data(progress.clone())
        .build(add_one);
    let mut worker = tokio::spawn(worker.run());
    tokio::select! {
        () = progress.complete() => {}
        ended = &mut worker => return Err(format!("the worker ended before its tasks: {ended:?}").into()),
    }
    loop {
        let done: i64 =
            sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status = 'Done'").fetch_one(&pool).await?;
        if usize::try_from(done)? == n {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let results = WaitForCompletion::<u64>::check_status(&mut storage, ids()).await?;
    let sum: u64 = results.into_iter().map(|result| result.result).sum::<Result<_, _>>()?;
    let time = begun.elapsed();
    assert_eq!(sum, cases::fan_out_sum(n));
    worker.abort();
    let _ = worker.await;
    pool.close().await;
    Ok(time)
}

/// `recorded_fan_out`.
pub(crate) fn side<'a>(runtime: &'a Runtime, folder: &'a Path, n: usize, asked: &'static str) -> Side<'a> {
    let note = "pushed in one transaction, fetched 100 at a time; results read when all are done";
    let who = "apalis-sqlite";
    Side::recorded(who, version(crate::LOCK, who), format!("sqlite {asked}"), note, move || {
        let path = folder.join("apalis.db");
        let time = runtime.block_on(runtime.spawn(timed(path.clone(), n, asked))).expect("nothing panics");
        remove_database(&path);
        time.map_err(|failure| failure.to_string())
    })
}

//! cloacina beside Millrun, in an SQLite file.
//!
//! Tasks are made and registered by hand, as its `#[workflow]` takes a module whose tasks stand there one by one. The scheduler looks for
//! work every 100 ms by default and `execute` for the end every 500; here the one looks every 10, the least that it takes, and the end is looked
//! for every millisecond. What is not used is switched off (cron, triggers, packages). It has no option for SQLite's level, which is that of
//! a new connection: it is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cloacina::executor::{WorkflowExecutor, WorkflowStatus};
use cloacina::runner::{DefaultRunner, DefaultRunnerConfig};
use cloacina::{Context, Task, TaskError, TaskNamespace, Workflow};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use millrun::store::Durability;
use peer_harness::{Folder, Scale, Side, cases, ours, remove_database, runtime, synchronous, version};
use tokio::runtime::Runtime;

const LOCK: &str = include_str!("../Cargo.lock");
const NAME: &str = "measured";

static SUM: AtomicU64 = AtomicU64::new(0);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Adds one to what the task before has left in the context, or to its own number.
struct AddOne {
    id: String,
    number: u64,
    after: Vec<TaskNamespace>,
}

#[async_trait]
impl Task for AddOne {
    async fn execute(
        &self,
        mut context: Context<serde_json::Value>,
    ) -> Result<Context<serde_json::Value>, TaskError> {
        let x = if self.after.is_empty() { self.number } else { context.get_required("x")? };
        SUM.fetch_add(x + 1, Ordering::Relaxed);
        context.insert_as("x", x + 1)?;
        Ok(context)
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn dependencies(&self) -> &[TaskNamespace] {
        &self.after
    }
}

fn tasks(n: usize, chained: bool) -> Vec<Arc<AddOne>> {
    let id = |i: usize| format!("task-{i}");
    let before = |i: usize| TaskNamespace::new("public", "embedded", NAME, &id(i - 1));
    let after = |i| if chained && i > 0 { vec![before(i)] } else { Vec::new() };
    (0..n).map(|i| Arc::new(AddOne { id: id(i), number: i as u64, after: after(i) })).collect()
}

fn workflow(tasks: &[Arc<AddOne>]) -> Workflow {
    let mut workflow = Workflow::new(NAME);
    for task in tasks {
        workflow.add_task(task.clone()).expect("its name is new");
    }
    workflow.finalize()
}

#[derive(QueryableByName)]
struct Level {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    synchronous: i64,
}

async fn level(runner: &DefaultRunner) -> Result<i64, Failure> {
    let connection = runner.database().get_sqlite_connection().await?;
    let asked = connection.interact(|connection| {
        sql_query("PRAGMA synchronous").get_result::<Level>(connection).map(|level| level.synchronous)
    });
    Ok(asked.await.map_err(|failure| failure.to_string())??)
}

async fn timed(path: PathBuf, n: usize, chained: bool) -> Result<Duration, Failure> {
    let config = DefaultRunnerConfig::builder()
        .scheduler_poll_interval(Duration::from_millis(10))
        .max_concurrent_tasks(16)
        .enable_cron_scheduling(false)
        .enable_trigger_scheduling(false)
        .enable_registry_reconciler(false)
        .build()?;
    let runner = DefaultRunner::with_config(&format!("sqlite://{}", path.display()), config).await?;
    assert_eq!(synchronous(level(&runner).await?), "FULL");
    let tasks = tasks(n, chained);
    for task in &tasks {
        let task = task.clone();
        let name = TaskNamespace::new("public", "embedded", NAME, &task.id);
        runner.runtime().register_task(name, move || task.clone());
    }
    runner.runtime().register_workflow(NAME.to_owned(), move || workflow(&tasks));
    SUM.store(0, Ordering::Relaxed);
    let begun = Instant::now();
    let execution = runner.execute_async(NAME, Context::new()).await?;
    while !execution.get_status().await?.is_terminal() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let result = runner.get_execution_result(execution.execution_id).await?;
    let time = begun.elapsed();
    runner.shutdown().await?;
    assert!(matches!(result.status, WorkflowStatus::Completed), "{:?}", result.error_message);
    assert_eq!(SUM.load(Ordering::Relaxed), cases::fan_out_sum(n));
    Ok(time)
}

fn side<'a>(runtime: &'a Runtime, folder: &'a Path, n: usize, chained: bool) -> Side<'a> {
    let note =
        "looks for work every 10 ms, its least; the states of its tasks come back, and the last context";
    Side::recorded("cloacina", version(LOCK, "cloacina"), "sqlite FULL", note, move || {
        let path = folder.join("cloacina.db");
        let time = runtime.block_on(runtime.spawn(timed(path.clone(), n, chained))).expect("nothing panics");
        remove_database(&path);
        time.map_err(|failure| failure.to_string())
    })
}

fn main() {
    let (scale, runtime, folder) = (Scale::from_arguments(), runtime(), Folder::new());
    let folder = folder.path();
    let n = scale.items(100);
    for (case, chained) in [("recorded_fan_out", false), ("recorded_chain", true)] {
        let mut sides = vec![side(&runtime, folder, n, chained)];
        let ours = if chained { ours::side_of_recorded_chain } else { ours::side_of_recorded_fan_out };
        sides.extend(
            [Durability::Strict, Durability::Relaxed].map(|durability| ours(&runtime, folder, n, durability)),
        );
        scale.in_turns(case, n, sides);
    }
}

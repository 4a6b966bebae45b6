//! Run ordinary Rust functions as tasks and flows.
//!
//! Annotate functions with `#[task]` and `#[flow]`: they can then be submitted, mapped, made to wait for each other,
//! retried, timed out, cancelled and reported on, on tokio for what waits and on rayon for what computes. A future passed as
//! an argument *is* the dependency.
//!
//! ```
//! use millrun::prelude::*;
//!
//! #[task]
//! async fn fetch(page: String) -> Result<String, std::io::Error> {
//!     Ok(format!("the text of {page}"))                       // async: on tokio
//! }
//!
//! #[task]
//! fn count_words(text: &str) -> usize {
//!     text.split_whitespace().count()                         // sync: on the rayon pool
//! }
//!
//! #[task]
//! fn add_up(counts: &[usize]) -> usize {
//!     counts.iter().sum()
//! }
//!
//! #[flow]
//! async fn word_total(pages: Vec<String>) -> Result<usize, FlowError> {
//!     let pages = fetch.map(pages);                           // nothing has been awaited
//!     let counts = count_words.map(&pages);                   // page i is counted as soon as page i is there
//!     let total = add_up.submit(&counts);                     // starts when the last count is there
//!     Ok(total.await?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), FlowError> {
//! assert_eq!(word_total(vec!["one".into(), "two".into()]).await?, 8);
//! # Ok(())
//! # }
//! ```
//!
//! Results may be kept, and runs whose results are there are not executed: see [`cache`]. What stands for tasks in tests: see [`testing`].
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `logging` | yes | `millrun::logging::init()`, a subscriber that prints Millrun's log lines |
//! | `sqlite` | no | [`store::SqliteRunStore`](store), runs recorded in a file |
//! | `postgres` | no | [`store::PostgresRunStore`](store), runs recorded in a PostgreSQL server |
//! | `conformance` | no | `millrun::runner::conformance` and `millrun::store::conformance`, the suites that every task runner and every run store has to pass |
//! | `svg` | no | [graphs](graph) and Gantt charts as SVG |
//! | `pictures` | no | the same as PNG and PDF; it has `svg` |
//! | `progress` | no | `with_progress()`: what a flow run is doing, in the terminal |
//! | `zstd` | no | the serializers `json_zstd` and `msgpack_zstd` of [`result`] |
//! | `s3`, `gcs`, `azure` | no | results in `s3://bucket`, `gs://bucket`, `az://container` |
//! | `object-store` | no | `ResultStore::objects`, for results in whatever the crate `object_store` knows; the three above have it |

#[macro_use]
mod panic;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod arity;
mod body;
pub mod bounds;
mod branch;
pub mod cache;
mod clock;
mod configure;
mod context;
mod duration;
mod ended_count;
mod engine;
mod error;
mod flow;
mod future;
pub mod graph;
mod hook;
mod id;
mod input;
mod limit;
pub mod lock;
#[cfg(feature = "logging")]
pub mod logging;
mod map;
mod mock;
mod name;
mod options;
pub mod prelude;
#[cfg(feature = "progress")]
pub mod progress;
mod recorder;
pub mod registry;
mod resource;
pub mod result;
mod run;
pub mod runner;
pub mod settings;
pub mod snapshot;
mod spec;
mod state;
pub mod store;
mod sync;
mod task;
pub mod testing;
mod transaction;
mod trigger;

pub use body::Task;
pub use branch::{Branches, case, if_else, merge, switch};
pub use clock::Clock;
pub use configure::{ConfigureFlow, ConfigureTask, OfFlow, OfTask};
pub use context::{
    FlowRunInfo, NotResumable, RunContext, Scoped, TagScope, TaskRun, flow_run, tags, task_run,
};
pub use engine::{Engine, EngineBuilder, InstallError};
pub use error::{BoxError, ContextError, ErrorKind, FlowError, MapError, TaskError};
pub use flow::{FlowCall, FlowCallFuture, FlowRun, Plan, reference_tasks};
pub use future::{
    AsCompleted, AwaitedRun, Blocking, FlowFuture, Outcomes, TaskFuture, TaskFutures, Waited, as_completed,
    wait, wait_blocking,
};
pub use graph::Graph;
pub use hook::{HookReturn, IntoHookReturn, TransactionHook};
pub use id::{FlowRunId, TaskRunId};
pub use input::{
    AllowFailure, Dependencies, IntoArg, IntoMapArg, Quoted, Ref, Unmapped, allow_failure, quote, unmapped,
};
pub use limit::{Concurrency, Permit, concurrency};
pub use lock::{FileLockManager, LockManager, MemoryLockManager};
pub use millrun_macros::{flow, task};
pub use mock::IntoMocked;
pub use options::{IntoDuration, RetryDelays};
pub use resource::resource_manager;
pub use result::{ResultStore, ResultStoreError};
pub use runner::{ConcurrentTaskRunner, SequentialTaskRunner, TaskRunner, ThreadPoolTaskRunner};
pub use snapshot::Snapshot;
pub use spec::{FlowSpec, Kind, RetryDelay, Spec, TaskSpec};
pub use state::{State, StateDetails, StateName, StateType};
pub use store::{Durability, MemoryRunStore, RunStore};
pub use task::{CallFuture, Configured, ConfiguredFlow, ConfiguredTask, TaskCall};
pub use transaction::{
    CommitMode, IsolationLevel, Transaction, TransactionBuilder, TransactionError, TransactionState,
    current_transaction, transaction,
};
pub use trigger::{Amount, Amounts, Decision, Trigger, Upstream};

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/durability.md")]
struct Durable;

extern crate self as millrun;

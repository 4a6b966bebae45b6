//! Everything that a program with tasks and flows needs: `use millrun::prelude::*;`.
//!
//! The traits here are behind the methods of tasks and flows; they need not be named.

pub use crate::arity::*;
pub use crate::branch::{case, if_else, merge, switch};
pub use crate::cache::{CachePolicy, FlowParameters, Inputs, NoCache, RunId, TaskSource};
pub use crate::clock::Clock;
pub use crate::configure::{ConfigureFlow, ConfigureTask};
pub use crate::context::{FlowRunInfo, RunContext, TaskRun, flow_run, tags, task_run};
pub use crate::engine::Engine;
pub use crate::error::{ErrorKind, FlowError, MapError, TaskError};
pub use crate::flow::{FlowCall, FlowRun, Plan, reference_tasks};
pub use crate::future::{FlowFuture, TaskFuture, TaskFutures, Waited, as_completed, wait, wait_blocking};
pub use crate::input::{Dependencies, allow_failure, quote, unmapped};
pub use crate::limit::{Permit, concurrency};
pub use crate::options::RetryDelays;
pub use crate::resource::resource_manager;
pub use crate::result::ResultStore;
pub use crate::runner::{ConcurrentTaskRunner, SequentialTaskRunner, TaskRunner, ThreadPoolTaskRunner};
pub use crate::state::{State, StateName, StateType};
pub use crate::task::TaskCall;
pub use crate::transaction::{
    CommitMode, IsolationLevel, Transaction, TransactionError, TransactionState, current_transaction,
    transaction,
};
pub use crate::trigger::{Decision, Trigger, Upstream};
pub use crate::{flow, task};

//! What expansions of the macros may name. Not public API: it changes without notice.

pub use std::ops::Bound;

pub use inventory;

pub use crate::body::{
    Attempt, CloneProbe, Fallible, Flow, JsonProbe, KeptProbe, Later, OfJsonProbe, Parts, Probe, ResultProbe,
    Slots, Task, into_owned, planned, returned, returned_result,
};
pub use crate::bounds::{
    cache_input, cache_input_ref, cache_policy, clone_for_flow_retries, clone_for_task_retries, flow_hook,
    kept_result, result_storage, task_hook, task_runner, transaction_hook,
};
pub use crate::cache::{
    FlowParameters, Inputs, KeyText, LazyStore, Named, NoCache, Policy, RunId, TaskSource, known_serializer,
};
pub use crate::context::{FlowRunInfo, TaskRun};
pub use crate::error::TaskError;
pub use crate::flow::FlowCall;
pub use crate::hook::{Hook, StateHook};
pub use crate::input::Ref;
pub use crate::registry::Registered;
pub use crate::runner::TaskRunner;
pub use crate::spec::{Kind, RetryDelay, SpecBuilder as TaskSpec, SpecBuilder as FlowSpec};
pub use crate::state::State;
pub use crate::task::TaskCall;
pub use crate::transaction::{IsolationLevel, Transaction};
pub use crate::trigger::{Amount, Amounts, Decision, Trigger, Upstream};

/// Stands for the arguments of a function that does not compile.
pub fn unreachable<A, B>(_arguments: A) -> B {
    std::unreachable!()
}

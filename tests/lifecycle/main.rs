//! The lives of runs: attempts, ends, hooks, triggers, cancellation, limits, settings, signals and logs.

#![allow(clippy::unused_async, reason = "async tasks and hooks that have nothing to await are tested too")]
#![allow(clippy::needless_pass_by_value, reason = "tasks take what they are given by value")]

mod gate;
mod logs;
mod tally;

mod cancellation;
mod causes;
mod child_flows;
mod crashes;
mod drops;
mod flow_end;
mod flow_retries;
mod flow_timeouts;
mod hooks;
mod hooks_async;
mod hooks_of_flows;
mod limits;
mod retries;
mod retry_delays;
mod seen;
mod skips;
mod slot_races;
mod state_changes;
mod timeouts;
mod times;
mod triggers;

//! A flow run that goes on where its process died.
//!
//! ```text
//! cargo run --example resume     start it,
//! ^C, or kill -9                 stop it in the midst of its work,
//! cargo run --example resume     start it again: it goes on with the step that was under way.
//! ```
//!
//! Runs are recorded in `$MILLRUN_HOME/runs.db`, by default in `~/.millrun`.

use std::time::Duration;

use millrun::prelude::*;
use millrun::store::RunQuery;
use millrun::{BoxError, FlowRunId, StateType};

/// Takes a while, and would be a pity to do twice.
#[task(task_run_name = "step {n}", blocking)]
fn step(n: u32, sum: u32) -> u32 {
    std::thread::sleep(Duration::from_millis(200));
    println!("step {n} is executed");
    sum + n
}

#[flow]
fn ten_steps() -> Result<u32, FlowError> {
    let mut sum = step.submit(1, 0);
    for n in 2..=10 {
        sum = step.submit(n, sum);
    }
    Ok(sum.result()?)
}

fn main() -> Result<(), BoxError> {
    millrun::logging::init();
    let engine = Engine::embedded_blocking()?;
    let unfinished = match engine.run_store() {
        Some(store) => store.runs(&RunQuery::flow_runs().of("ten_steps").limit(1))?.pop(),
        None => None,
    };
    let sum = match unfinished.filter(|run| !run.state.is_completed()) {
        Some(run) => {
            println!("Flow run '{}' is {}: it goes on.", run.name, run.state);
            let done = RunQuery::task_runs().in_flow_run(run.id).state(StateType::Completed).oldest_first();
            for done in engine.run_store().map(|store| store.runs(&done)).transpose()?.unwrap_or_default() {
                println!("{} was done before", done.name);
            }
            engine.run_blocking(ten_steps().with_flow_run_id(FlowRunId::from(run.id)))?
        }
        None => engine.run_blocking(ten_steps())?,
    };
    println!("The sum of all steps is {sum}.");
    Ok(())
}

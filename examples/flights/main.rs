//! Joins a month of flights with their airports and reports departure delays: a real job.
//!
//! `cargo run --release --example flights` takes January 2013, `--data DIR` whatever else is there in the same format;
//! `--help` tells the rest. The tasks and the flow stand in `flow.rs`.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use flights_job::arguments::{self, Arguments, Command, USAGE};
use flights_job::flow::departure_delays;
use millrun::prelude::*;

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { data, out, least_joined, flaky, record } = match arguments::parse(env::args_os().skip(1))
    {
        Ok(Command::Run(arguments)) => arguments,
        Ok(Command::Help) => return print(USAGE),
        Err(error) => {
            eprint!("error: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    millrun::logging::init();
    let engine =
        if record { Engine::embedded().await } else { Engine::builder().handle_signals(true).try_build() };
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("error: {error}; `--no-record` keeps the run in memory");
            return ExitCode::FAILURE;
        }
    };
    let run = engine.scope(departure_delays(data, out.clone(), least_joined, flaky).report()).await;
    match run.result() {
        Ok(report) => {
            print(&format!("\n{report}\nThe joined flights and this report are in {}.\n", out.display()))
        }
        Err(error) => {
            let mut causes = causes(&run);
            if causes.is_empty() {
                causes.push(error.to_string());
            }
            for cause in causes {
                eprintln!("error: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

/// What the tasks say that failed themselves; the others never began because of them.
fn causes<T>(run: &FlowRun<T>) -> Vec<String> {
    let states = run.task_runs().into_iter().map(|task_run| task_run.state());
    let failed = states.filter(|state| matches!(state.name, StateName::Failed | StateName::Crashed));
    let messages = failed.filter_map(|state| state.message);
    let mut causes: Vec<_> = messages
        .map(|said| said.trim_start_matches("Task run encountered an exception: ").to_owned())
        .collect();
    causes.dedup();
    causes
}

/// Prints, also into a pipe whose reader has seen enough.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

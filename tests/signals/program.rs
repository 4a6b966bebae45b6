//! A program that waits to be told to stop, and prints what becomes of its runs. Its argument says what it does; nothing of it
//! ends by itself.

#![allow(clippy::unused_async, reason = "an async hook that has nothing to await is an async hook")]

use std::process::ExitCode;
use std::sync::{Condvar, Mutex};

use millrun::prelude::*;

fn print_task(run: &TaskRun, state: &State) {
    println!("{} - {state}", run.name());
}

async fn print_task_later(run: &TaskRun, state: &State) {
    // Further than one poll goes, with the help of a run of its own, and with a timer.
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    let name = name_of.submit(run.name()).await.unwrap();
    println!("{name} - {state}, later");
}

#[task]
fn name_of(name: String) -> String {
    name
}

fn print_flow(run: &FlowRunInfo, state: &State) {
    println!("{} - {state}", run.name());
}

async fn print_flow_later(run: &FlowRunInfo, state: &State) {
    tokio::task::yield_now().await;
    println!("{} - {state}, later", run.name());
}

fn print_change(run: &FlowRunInfo, old: &State, new: State) -> State {
    println!("{} from {} to {}", run.name(), old.name, new.name);
    new
}

fn wrong(_: &TaskRun, _: &State) {
    println!("a hook that should not be called");
}

#[task(on_crashed = [print_task, print_task_later], on_cancellation = wrong, on_failure = wrong, retries = 3)]
async fn hang() {
    println!("begun");
    std::future::pending::<()>().await;
}

#[task(on_crashed = print_task, on_cancellation = wrong, on_failure = wrong)]
fn stand() {
    println!("begun");
    loop {
        std::thread::park();
    }
}

#[task(on_crashed = print_task, on_cancellation = wrong, on_failure = wrong)]
fn after(_before: ()) {
    println!("never to be begun");
}

#[flow(flow_run_name = "waiting", on_crashed = [print_flow, print_flow_later], on_state_change = print_change, retries = 3)]
async fn waiting() -> Result<(), FlowError> {
    let one = hang.submit();
    let _two = stand.submit();
    let three = after.submit(&one);
    println!("begun");
    // The error would settle the flow run, if it came here.
    three.await?;
    println!("the body went on");
    Ok(())
}

#[flow(flow_run_name = "forgiving", on_crashed = print_flow, on_completion = print_flow)]
async fn forgiving() -> &'static str {
    let _ = hang.submit().await;
    "well"
}

#[flow(flow_run_name = "blocking", on_crashed = print_flow, on_failure = print_flow)]
fn blocking() -> Result<(), FlowError> {
    let one = hang.submit();
    let two = after.submit(&one);
    println!("begun");
    Ok(two.result()?)
}

#[flow(flow_run_name = "outer", on_crashed = print_flow)]
async fn outer() -> Result<(), FlowError> {
    forgiving().await?;
    Ok(())
}

async fn stay(_: &FlowRunInfo, _: &State) {
    println!("a hook that stays");
    std::future::pending::<()>().await;
}

#[flow(on_crashed = stay)]
async fn stubborn() -> Result<(), FlowError> {
    Ok(hang.submit().await?)
}

static IS_LATE: Mutex<bool> = Mutex::new(false);
static LATE: Condvar = Condvar::new();

/// Has the process wait for what is submitted late.
fn wait_for_late(_: &TaskRun, _: &State) {
    let is_late = IS_LATE.lock().unwrap();
    drop(LATE.wait_while(is_late, |is_late| !*is_late).unwrap());
}

#[task(on_crashed = wait_for_late)]
async fn hang_on() {
    println!("begun");
    std::future::pending::<()>().await;
}

#[flow(flow_run_name = "late")]
fn late() -> Result<(), FlowError> {
    let _open = hang_on.submit();
    while !flow_run()?.cancelled() {
        std::thread::yield_now();
    }
    let late = stand.submit();
    late.wait();
    println!("{} of the late one", late.state().name);
    *IS_LATE.lock().unwrap() = true;
    LATE.notify_all();
    Ok(())
}

#[flow]
fn quick() {}

fn main() -> ExitCode {
    let what = std::env::args().nth(1).unwrap_or_default();
    let engine = Engine::builder().handle_signals(what != "unhandled").build();
    let ended = match what.as_str() {
        "blocking" => engine.run_blocking(blocking()),
        "late" => engine.run_blocking(late()),
        "call" => engine.enter(|| hang().result()).map_err(Into::into),
        "after" => {
            engine.run_blocking(quick()).unwrap();
            drop(engine);
            println!("begun");
            loop {
                std::thread::park();
            }
        }
        _ => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                match what.as_str() {
                    "waiting" | "unhandled" => engine.run(waiting()).await,
                    "forgiving" => engine.run(forgiving()).await.map(drop),
                    "outer" => engine.run(outer()).await,
                    "stubborn" => engine.run(stubborn()).await,
                    "two engines" => {
                        let other = Engine::builder().handle_signals(true).build();
                        let (one, two) = tokio::join!(engine.run(forgiving()), other.run(waiting()));
                        one.map(drop).and(two)
                    }
                    _ => Err(FlowError::msg(format!("there is no `{what}`"))),
                }
            })
        }
    };
    println!("main went on: {ended:?}");
    ExitCode::from(7)
}

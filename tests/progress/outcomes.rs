//! What is said of runs that do anything but complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millrun::prelude::*;
use millrun::progress::Progress;

use crate::gate::Gate;
use crate::{Terminal, engine, one_at_a_time};

fn shown<K: millrun::Task + 'static>(engine: &Engine, call: millrun::FlowCall<K>) -> Vec<String>
where
    K::Args: 'static,
{
    let terminal = Terminal::new(80, 24);
    let _ = engine.enter(|| call.with_progress_on(&terminal.progress()).result());
    terminal.lines()
}

#[task]
fn even(n: u64) -> Result<u64, String> {
    match n {
        13 => Err("no luck".into()),
        _ => Ok(n),
    }
}

#[task]
fn after(n: u64) -> u64 {
    n
}

#[flow]
fn some_fail() -> Result<(), FlowError> {
    let _ = after.map(even.map(0..100)).outcomes_blocking();
    Ok(())
}

#[test]
fn failures_are_told_also_of_what_never_ran_because_of_them() {
    let lines = shown(&one_at_a_time(&Clock::manual()), some_fail());
    let bar = "━".repeat(20);
    assert_eq!(lines[1], format!("  even   {bar}  100/100  1 failed"));
    assert_eq!(lines[2], format!("  after  {bar}  100/100  1 failed"));
}

#[flow]
fn fails() -> Result<(), FlowError> {
    even.submit(13).result()?;
    Ok(())
}

#[flow]
fn panics() {
    crash.submit().wait();
}

#[task]
fn crash() {
    panic!("on purpose");
}

#[test]
fn the_end_of_the_flow_run_stands_above() {
    let engine = one_at_a_time(&Clock::manual());
    let lines = shown(&engine, fails().with_flow_run_name("one"));
    assert_eq!(lines, ["✗ fails 'one'  Failed  0.0 s", "  even  1/1  1 failed"]);
    let lines = shown(&engine, panics().with_flow_run_name("two"));
    assert_eq!(lines, ["✗ panics 'two'  Failed  0.0 s", "  crash  1/1  1 failed"]);
}

#[task(retries = 3)]
fn third_time(count: Arc<AtomicU64>) -> Result<(), String> {
    if count.fetch_add(1, Ordering::SeqCst) < 2 { Err("not yet".into()) } else { Ok(()) }
}

#[flow]
fn retried() -> Result<(), FlowError> {
    third_time.submit(Arc::default()).result()?;
    Ok(())
}

#[task]
fn skips() -> Result<(), TaskError> {
    Err(TaskError::skip("not today"))
}

#[flow]
fn skipped() -> Result<(), FlowError> {
    let first = skips.submit();
    after.wait_for(&first).submit(1_u64).wait();
    Ok(())
}

#[task(cache_policy = Inputs)]
fn kept(n: u64) -> u64 {
    n
}

#[flow]
fn cached() -> Result<(), FlowError> {
    kept.submit(1).result()?;
    kept.submit(1).result()?;
    kept(1).result()?;
    Ok(())
}

#[test]
fn retries_skips_and_what_was_found_are_told() {
    let engine = Engine::builder()
        .clock(Clock::manual())
        .task_runner(SequentialTaskRunner::new())
        .results(ResultStore::memory())
        .build();
    assert_eq!(shown(&engine, retried())[1], "  third_time  1/1  2 retried");
    let lines = shown(&engine, skipped());
    assert_eq!(lines[1..], ["  skips  1/1  1 skipped", "  after  1/1  1 skipped"]);
    assert_eq!(shown(&engine, cached())[1], "  kept  3/3  2 cached");
}

#[task]
async fn wait_here(gate: Gate) {
    gate.pass().await;
}

#[flow]
async fn waits(gate: Gate, never: Gate) -> Result<(), FlowError> {
    let first = wait_here.submit(gate);
    let _ = wait_here.wait_for(&first).submit(never).finished().await;
    Ok(())
}

#[test]
fn what_is_cancelled_is_told_and_runs_no_more() {
    let (terminal, gate) = (Terminal::new(80, 24), Gate::new());
    let call =
        waits(gate.clone(), Gate::new()).with_flow_run_name("one").with_progress_on(&terminal.progress());
    let run = engine(&Clock::manual()).enter(|| call.start());
    gate.arrived_blocking(1);
    run.cancel();
    assert!(run.result().is_err());
    let expected = ["✗ waits 'one'  Cancelled  0.0 s", "  wait_here  2/2  2 cancelled"];
    assert_eq!(terminal.lines(), expected);
}

#[flow]
async fn cut_short(gate: Gate) -> Result<(), FlowError> {
    let waiting = wait_here.map(std::iter::repeat_n(gate.clone(), 5000));
    gate.arrived(5).await;
    waiting.cancel();
    let _ = waiting.outcomes().await;
    Ok(())
}

#[test]
fn nothing_runs_where_all_has_ended() {
    let lines = shown(&engine(&Clock::manual()), cut_short(Gate::new()));
    assert!(lines[1].ends_with("  5000/5000  5000 cancelled"), "{lines:#?}");
}

#[flow(retries = 1)]
fn again(count: Arc<AtomicU64>) -> Result<(), FlowError> {
    after.submit(1).result()?;
    if count.fetch_add(1, Ordering::SeqCst) == 0 { Err(FlowError::msg("once more")) } else { Ok(()) }
}

#[test]
fn all_attempts_of_the_flow_run_are_one_picture() {
    let lines = shown(&one_at_a_time(&Clock::manual()), again(Arc::default()).with_flow_run_name("one"));
    assert_eq!(lines, ["✓ again 'one'  Completed  0.0 s", "  after  2/2"]);
}

#[task]
fn slow(clock: Clock) {
    clock.advance(Duration::from_secs(40));
}

#[flow(flow_run_name = "one")]
fn slowly(clock: Clock, progress: Progress) -> Result<(), FlowError> {
    for _ in 0..3 {
        slow.submit(clock.clone()).result()?;
    }
    progress.redraw();
    clock.advance(Duration::from_secs(3600));
    after.submit(1).result()?;
    Ok(())
}

#[test]
fn a_rate_is_that_of_the_time_in_which_there_was_something_to_do() {
    let clock = Clock::manual();
    let terminal = Terminal::new(80, 24);
    let progress = terminal.progress();
    let call = slowly(clock.clone(), progress.clone()).with_progress_on(&progress);
    one_at_a_time(&clock).enter(|| call.result().unwrap());
    let expected = ["✓ slowly 'one'  Completed  1 h 2 min", "  slow   3/3  1.5/min", "  after  1/1"];
    assert_eq!(terminal.lines(), expected);
}

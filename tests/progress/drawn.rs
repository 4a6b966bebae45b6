//! What the picture is.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::{Terminal, engine, one_at_a_time};

#[task]
async fn pass(gate: Gate, n: u64) -> u64 {
    gate.pass().await;
    n
}

#[task]
fn add_up(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

#[flow(flow_run_name = "{name}")]
async fn pass_all(name: String, gate: Gate, count: u64) -> Result<u64, FlowError> {
    let passed = pass.map(unmapped(&gate), 0..count);
    let total = add_up.submit(passed);
    // Who has seen it arrive knows that all is submitted.
    gate.pass().await;
    Ok(total.await?)
}

#[test]
fn each_task_has_a_line_and_a_map_a_bar() {
    let (terminal, gate, clock) = (Terminal::new(80, 24), Gate::new(), Clock::manual());
    let progress = terminal.progress();
    let engine = engine(&clock);
    let run = engine.enter(|| pass_all("one".into(), gate.clone(), 20).with_progress_on(&progress).start());
    gate.arrived_blocking(21);
    clock.advance(Duration::from_secs(2));
    progress.redraw();
    let bar = "─".repeat(20);
    let before = [
        "▸ pass_all 'one'  running  2.0 s".to_owned(),
        format!("  pass    {bar}  0/20  20 running"),
        format!("  add_up  {}   0/1", " ".repeat(20)),
    ];
    assert_eq!(terminal.lines(), before);

    gate.open();
    assert_eq!(run.result().unwrap(), 190);
    let bar = "━".repeat(20);
    let after = [
        "✓ pass_all 'one'  Completed  2.0 s".to_owned(),
        format!("  pass    {bar}  20/20  10/s"),
        format!("  add_up  {}    1/1", " ".repeat(20)),
    ];
    assert_eq!(terminal.lines(), after);
}

#[test]
fn it_is_drawn_again_as_time_goes_by() {
    let (terminal, gate, clock) = (Terminal::new(80, 24), Gate::new(), Clock::manual());
    let engine = engine(&clock);
    let call = pass_all("one".into(), gate.clone(), 3).with_progress_on(&terminal.progress());
    let run = engine.enter(|| call.start());
    gate.arrived_blocking(4);
    for tenths in [1, 2, 3] {
        // Whoever draws has asked for the next time.
        clock.wait_for_timers(1);
        clock.advance(Duration::from_millis(100));
        terminal.wait_for(|lines| {
            lines.first().is_some_and(|line| line.ends_with(&format!("running  0.{tenths} s")))
        });
    }
    gate.open();
    run.result().unwrap();
}

#[task]
fn step(done: u64, of: Gate) -> u64 {
    of.pass_blocking();
    done
}

#[flow]
fn steps(first: Gate, second: Gate) -> Result<(), FlowError> {
    step(1, first).result()?;
    step(2, second).result()?;
    Ok(())
}

#[test]
fn calls_are_counted_while_they_run() {
    let (terminal, clock) = (Terminal::new(80, 24), Clock::manual());
    let (progress, gates) = (terminal.progress(), [Gate::new(), Gate::new()]);
    let call = steps(gates[0].clone(), gates[1].clone()).with_progress_on(&progress);
    let run = engine(&clock).enter(|| call.start());
    for (gate, line) in gates.iter().zip(["  step  0/1  1 running", "  step  1/2  1 running"]) {
        gate.arrived_blocking(1);
        progress.redraw();
        assert_eq!(terminal.lines()[1], line);
        gate.open();
    }
    run.result().unwrap();
    assert_eq!(terminal.lines()[1], "  step  2/2");
}

#[test]
fn lines_fit_into_narrow_terminals() {
    for columns in [1, 10, 40, 60] {
        let (terminal, gate, clock) = (Terminal::new(columns, 24), Gate::new(), Clock::manual());
        let progress = terminal.progress();
        let name = "a name that is longer than many a terminal is wide".to_owned();
        let call = pass_all(name, gate.clone(), 12).with_progress_on(&progress);
        let run = engine(&clock).enter(|| call.start());
        gate.arrived_blocking(13);
        progress.redraw();
        // None goes on in the next row.
        assert_eq!(terminal.lines().len(), 3, "{:#?}", terminal.lines());
        if columns == 40 {
            assert_eq!(terminal.lines()[1], "  pass    0/12  12 running");
        }
        if columns == 60 {
            assert_eq!(terminal.lines()[1], format!("  pass    {}  0/12  12 running", "─".repeat(10)));
        }
        gate.open();
        run.result().unwrap();
    }
}

#[flow]
fn many_tasks(count: u64) -> Result<(), FlowError> {
    for n in 0..count {
        add_up.with_name(format!("task {n}")).submit(vec![n]).result()?;
    }
    Ok(())
}

#[test]
fn what_there_is_no_room_for_is_summed_up() {
    let clock = Clock::manual();
    for (count, rows, rest) in [
        (12, 24, None),
        (13, 24, Some("  and 1 other task  1/1")),
        (13, 8, Some("  and 8 other tasks  8/8")),
        (300, 24, Some("  and 117 or more other tasks  288/288")),
    ] {
        let terminal = Terminal::new(80, rows);
        one_at_a_time(&clock)
            .enter(|| many_tasks(count).with_progress_on(&terminal.progress()).result().unwrap());
        let lines = terminal.lines();
        let named = if rows == 8 { 5 } else { 12 };
        assert_eq!(lines[1], if rows == 8 { "  task 0  1/1" } else { "  task 0   1/1" });
        assert!(lines[named].contains("task"), "{lines:#?}");
        assert_eq!(lines.get(named + 1).map(|line| &**line), rest, "{lines:#?}");
    }
}

#[flow]
async fn busy_last(gate: Gate) -> Result<(), FlowError> {
    for n in 0..20 {
        add_up.with_name(format!("done {n}")).submit(vec![n]).await?;
    }
    pass.submit(gate, 1).await?;
    Ok(())
}

#[test]
fn who_runs_has_a_line_before_those_that_are_done() {
    let (terminal, gate, clock) = (Terminal::new(80, 24), Gate::new(), Clock::manual());
    let progress = terminal.progress();
    let run = engine(&clock).enter(|| busy_last(gate.clone()).with_progress_on(&progress).start());
    gate.arrived_blocking(1);
    progress.redraw();
    let lines = terminal.lines();
    assert_eq!(lines[12], "  pass     0/1  1 running");
    assert_eq!(lines[13], "  and 9 other tasks  9/9");
    gate.open();
    run.result().unwrap();
}

#[flow]
async fn parent(gate: Gate) -> Result<u64, FlowError> {
    let first = pass_all("child".into(), gate.clone(), 2).with_progress().await?;
    Ok(first + pass.submit(gate, 5).await?)
}

#[test]
fn a_child_flow_is_a_line_and_its_tasks_are_counted_with_the_others() {
    let (terminal, gate, clock) = (Terminal::new(80, 24), Gate::new(), Clock::manual());
    let progress = terminal.progress();
    let run = engine(&clock).enter(|| parent(gate.clone()).with_progress_on(&progress).start());
    gate.arrived_blocking(3);
    progress.redraw();
    let blank = " ".repeat(20);
    let lines = terminal.lines();
    assert_eq!(lines[1], format!("  pass_all  {blank}  0/1  1 running"));
    assert_eq!(lines[2], format!("  pass      {}  0/2  2 running", "─".repeat(20)));
    gate.open();
    assert_eq!(run.result().unwrap(), 6);
    let lines = terminal.lines();
    assert_eq!(lines.len(), 4, "one picture for all: {lines:#?}");
    assert_eq!(lines[2], format!("  pass      {}  3/3", "━".repeat(20)));
}

#[test]
fn an_engine_shows_all_its_flow_runs() {
    let (terminal, other, gate, clock) =
        (Terminal::new(80, 24), Terminal::new(80, 24), Gate::new(), Clock::manual());
    gate.open();
    let engine = Engine::builder().clock(clock).progress(&terminal.progress()).build();
    engine.run_blocking(pass_all("one".into(), gate.clone(), 1)).unwrap();
    engine.run_blocking(pass_all("two".into(), gate.clone(), 1)).unwrap();
    let call = pass_all("three".into(), gate, 1).with_progress_on(&other.progress());
    engine.run_blocking(call).unwrap();
    let heads = |terminal: &Terminal| {
        terminal.lines().into_iter().filter(|line| line.contains("pass_all")).collect::<Vec<_>>()
    };
    let head = |name| format!("✓ pass_all '{name}'  Completed  0.0 s");
    assert_eq!(heads(&terminal), [head("one"), head("two")]);
    assert_eq!(heads(&other), [head("three")]);
}

#[test]
fn two_at_once_stand_one_below_the_other() {
    let (terminal, clock) = (Terminal::new(80, 24), Clock::manual());
    let (progress, gates) = (terminal.progress(), [Gate::new(), Gate::new()]);
    let engine = engine(&clock);
    let runs = [0, 1].map(|n: usize| {
        let call = pass_all(format!("run {n}"), gates[n].clone(), 1).with_progress_on(&progress);
        let run = engine.enter(|| call.start());
        gates[n].arrived_blocking(2);
        run
    });
    progress.redraw();
    let heads = || {
        let lines = terminal.lines();
        lines.into_iter().filter(|line| line.contains("pass_all")).collect::<Vec<_>>()
    };
    let running = |n| format!("▸ pass_all 'run {n}'  running  0.0 s");
    let ended = |n| format!("✓ pass_all 'run {n}'  Completed  0.0 s");
    assert_eq!(heads(), [running(0), running(1)]);
    let [first, second] = runs;
    gates[1].open();
    second.result().unwrap();
    // What has ended stands above what goes on.
    assert_eq!(heads(), [ended(1), running(0)]);
    gates[0].open();
    first.result().unwrap();
    assert_eq!(heads(), [ended(1), ended(0)]);
}

#[test]
fn a_plan_shows_nothing() {
    let (terminal, gate, clock) = (Terminal::new(80, 24), Gate::new(), Clock::manual());
    gate.open();
    let call = pass_all("one".into(), gate, 3).with_progress_on(&terminal.progress());
    engine(&clock).enter(|| call.plan_blocking().unwrap());
    assert_eq!(terminal.lines(), [""; 0]);
}

#[test]
fn names_move_no_cursor() {
    let (terminal, gate, clock) = (Terminal::new(80, 24), Gate::new(), Clock::manual());
    gate.open();
    let call = pass_all("one\r\n\x1b[2Jtwo".into(), gate, 1).with_progress_on(&terminal.progress());
    engine(&clock).enter(|| call.result().unwrap());
    assert_eq!(terminal.lines()[0], "✓ pass_all 'one   [2Jtwo'  Completed  0.0 s");
    assert_eq!(terminal.lines().len(), 3);
}

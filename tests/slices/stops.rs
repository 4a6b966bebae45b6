//! When a slice is stopped, and what becomes of what has not begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::gate::{Gate, OpenOnDrop};
use super::*;

static MANY: AtomicU32 = AtomicU32::new(0);

#[task]
fn one(n: u32) -> u32 {
    MANY.fetch_add(1, Ordering::SeqCst);
    n
}

#[task]
async fn two(n: u32) -> u32 {
    MANY.fetch_add(1, Ordering::SeqCst);
    n
}

#[task(blocking)]
fn three(n: u32) -> u32 {
    MANY.fetch_add(1, Ordering::SeqCst);
    n
}

#[flow]
fn many() -> Result<u32, FlowError> {
    let (singles, lists) =
        ([one.submit(1), two.submit(2)], [one.map(0..10), two.map(0..10), three.map(0..10)]);
    let called = three(3).result();
    let sums: Vec<u32> =
        lists.into_iter().map(|list| Ok(list.result()?.iter().sum())).collect::<Result<_, FlowError>>()?;
    let [one, two] = singles;
    Ok(called? + one.result()? + two.result()? + sums.iter().sum::<u32>())
}

#[test]
fn exactly_so_many_begin_whatever_the_runner() {
    for engine in engines() {
        for after in [0, 1, 2, 7, 32] {
            let slice = engine.enter(|| many().stop_after(after).report_blocking());
            assert!(slice.state().is_cancelled(), "{slice}");
            assert_eq!(MANY.swap(0, Ordering::SeqCst) as usize, after);
            let snapshot = slice.snapshot();
            let done = snapshot.states().filter(|(_, state)| state.is_completed()).count();
            assert_eq!(done, after, "{slice}");
        }
        for length in [5, 33] {
            let (last, count) = to_the_end(|snapshot| {
                engine.enter(|| many().with_snapshot(snapshot).stop_after(length).report_blocking())
            });
            assert_eq!(last.value(), Some(&(1 + 2 + 3 + 3 * 45)));
            assert_eq!((MANY.swap(0, Ordering::SeqCst), count), (33, 33_usize.div_ceil(length)));
        }
    }
}

static TOLD: Tally = Tally::new();

fn told(run: &TaskRun, state: &State) {
    TOLD.add(format!("{} {}", run.name(), state.name));
}

fn told_of_flow(_: &FlowRunInfo, state: &State) {
    TOLD.add(format!("flow {}", state.name));
}

#[task(on_completion = told)]
fn first() {}

#[task(on_failure = told, on_cancellation = told, on_completion = told)]
fn second() {}

#[task(trigger = all_finished, on_failure = told, on_cancellation = told, on_completion = told)]
fn cleanup() {}

#[task(trigger = any_failed)]
fn repair() {
    TOLD.add("repair");
}

#[flow(on_failure = told_of_flow, on_cancellation = told_of_flow, on_completion = told_of_flow)]
fn cleaned() -> Result<(), FlowError> {
    let before = first.submit();
    let job = second.wait_for(&before).submit();
    let repaired = repair.wait_for(&job).submit();
    let done = cleanup.wait_for((&job, allow_failure(&repaired))).submit();
    done.result()?;
    Ok(())
}

#[test]
fn what_is_left_is_no_failure_and_nothing_is_executed_because_of_it() {
    let slice = cleaned().stop_after(1).report_blocking();
    assert_eq!(TOLD.take(), ["first-0 Completed"]);
    let state = slice.state();
    assert!(state.is_cancelled(), "{slice}");
    let message = "the slice was stopped after 1 task run: what is left is for the next one";
    assert_eq!(state.message.as_deref(), Some(message));
    assert!(slice.result().unwrap_err().is_cancelled());
    let left = slice.task_run("cleanup-0").unwrap().state();
    let message = "the run is left for the next slice, as this one was stopped after 1 task run";
    assert!(left.is_cancelled(), "{left}");
    assert_eq!(left.message.as_deref(), Some(message));
    let snapshot = shipped(&slice);
    assert_eq!(
        states(&snapshot).into_iter().collect::<Vec<_>>(),
        [("cleanup", "Pending"), ("first", "Completed"), ("repair", "Pending"), ("second", "Pending")]
    );
    let last = cleaned().with_snapshot(snapshot).report_blocking();
    let ends = ["second-0 Completed", "cleanup-0 Completed"].map(str::to_owned);
    let told = TOLD.take();
    assert!(ends.iter().all(|end| told.contains(end)), "{told:?}");
    assert!(!told.iter().any(|told| told == "repair" || told.starts_with("first")), "{told:?}");
    assert_eq!(last.task_run("repair-0").unwrap().state().name, StateName::TriggerFailed);
}

#[task]
async fn held(begun: Gate, gate: Gate, n: u32) -> u32 {
    begun.open();
    gate.passed().await;
    n
}

#[task]
fn after_it(n: u32) -> u32 {
    n
}

#[flow]
async fn under_way(gate: Gate) -> Result<u32, FlowError> {
    let begun = Gate::new();
    let held = held.submit(&begun, &gate, 1);
    let next = after_it.submit(&held);
    begun.passed().await;
    // It stops the slice while the other one is under way.
    after_it.submit(7).await?;
    gate.open();
    Ok(next.await?)
}

#[test]
fn what_is_under_way_ends() {
    let slice = under_way(Gate::new()).stop_when(|run| run.name().starts_with("after_it")).report_blocking();
    assert!(slice.state().is_cancelled(), "{slice}");
    let snapshot = shipped(&slice);
    let states: Vec<_> = states(&snapshot).into_iter().collect();
    assert_eq!(states, [("after_it", "Pending"), ("after_it-1", "Completed"), ("held", "Completed")]);
}

#[task]
fn step(n: u32) -> u32 {
    n
}

#[flow]
fn chain() -> Result<u32, FlowError> {
    let mut last = step.submit(0);
    for _ in 0..4 {
        last = step.submit(&last);
    }
    Ok(last.result()?)
}

#[test]
fn nothing_begins_after_the_run_that_is_asked_for() {
    for engine in engines() {
        let asked = Arc::new(Tally::new());
        let seen = asked.clone();
        let slice = chain().stop_when(move |run| {
            seen.add(format!("{} {}", run.name(), run.state().name));
            run.name() == "step-2"
        });
        let slice = engine.enter(|| slice.report_blocking());
        assert_eq!(asked.take(), ["step-0 Completed", "step-1 Completed", "step-2 Completed"]);
        assert_eq!(slice.snapshot().pending().collect::<Vec<_>>(), ["step-3", "step-4"]);
        let message = slice.state().message.unwrap();
        assert!(message.starts_with("the slice was stopped after 'step-2'"), "{message}");

        // What was taken from the snapshot is not asked about.
        let slice =
            engine.enter(|| chain().with_snapshot(shipped(&slice)).stop_when(|_| true).report_blocking());
        assert_eq!(slice.snapshot().pending().collect::<Vec<_>>(), ["step-4"]);
    }
    let slice = chain().stop_when(|_| panic!("it cannot tell")).report_blocking();
    assert_eq!(slice.snapshot().pending().count(), 4);
}

#[flow]
async fn waits(gate: Gate) -> Result<u32, FlowError> {
    let held = held.submit(Gate::new(), &gate, 1);
    Ok(after_it.submit(&held).await?)
}

#[test]
fn a_time_stops_it_by_the_engines_clock() {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let gate = Gate::new();
    let guard = OpenOnDrop(gate.clone());
    let started = engine.enter(|| waits(gate.clone()).with_graph().stop_after_time("8m").start());
    clock.wait_for_timers(1);
    clock.advance(Duration::from_secs(480));
    drop(guard);
    let state = started.wait_for_state();
    assert!(state.is_cancelled(), "{state}");
    let message = "the slice was stopped after 480 second(s): what is left is for the next one";
    assert_eq!(state.message.as_deref(), Some(message));

    // In time, nothing of it is left behind.
    let report = engine.enter(|| waits(gate.clone()).stop_after_time("8m").report_blocking());
    assert_eq!(report.value(), Some(&1));
    assert_eq!(clock.pending_timers(), 0);
}

trait WaitForState {
    fn wait_for_state(&self) -> State;
}

impl<T> WaitForState for FlowFuture<T> {
    fn wait_for_state(&self) -> State {
        self.wait();
        self.state()
    }
}

#[task(tags = ["slow"])]
async fn limited(gate: Gate, n: u32) -> u32 {
    gate.passed().await;
    n
}

#[flow]
async fn with_limit(gate: Gate) -> Result<(), FlowError> {
    let [one, two] = [1, 2].map(|n| limited.submit(&gate, n));
    // One of them has the only slot; the other ends without one, while that is under way.
    let both = [one, two];
    let first = as_completed(both.clone()).blocking().next();
    assert!(first.is_some_and(|run| run.state().is_cancelled()));
    gate.open();
    for run in both {
        run.finished().await;
    }
    Ok(())
}

#[test]
fn what_waits_for_a_slot_ends_at_once() {
    let engine = Engine::builder().concurrency_limit("slow", 1).build();
    let slice = engine.enter(|| with_limit(Gate::new()).stop_after(1).report_blocking());
    assert!(slice.state().is_cancelled(), "{slice}");
    let snapshot = slice.snapshot();
    assert_eq!(states(&snapshot).into_values().collect::<Vec<_>>(), ["Completed", "Pending"]);
}

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

#[task(retries = 2, retry_delay = "10s")]
fn shaky() -> Result<u32, &'static str> {
    if ATTEMPTS.fetch_add(1, Ordering::SeqCst) < 2 { Err("not yet") } else { Ok(3) }
}

#[flow]
fn retried() -> Result<u32, FlowError> {
    let shaky = shaky.submit();
    Ok(after_it.submit(&shaky).result()?)
}

#[test]
fn a_run_that_has_begun_has_its_further_attempts() {
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    let slice = std::thread::scope(|scope| {
        let slice = scope.spawn(|| engine.enter(|| retried().stop_after(1).report_blocking()));
        for _ in 0..2 {
            clock.wait_for_timers(1);
            clock.advance(Duration::from_secs(10));
        }
        slice.join().unwrap()
    });
    let snapshot = shipped(&slice);
    assert_eq!(
        states(&snapshot).into_iter().collect::<Vec<_>>(),
        [("after_it", "Pending"), ("shaky", "Completed")]
    );
    assert_eq!(engine.enter(|| retried().with_snapshot(snapshot).report_blocking()).value(), Some(&3));
    assert_eq!(ATTEMPTS.load(Ordering::SeqCst), 3);
}

#[flow(retries = 3)]
fn not_tried_again() -> Result<u32, FlowError> {
    Ok(step(1).result()? + step(2).result()?)
}

#[test]
fn a_flow_that_is_stopped_is_not_tried_again() {
    let slice = not_tried_again().stop_after(1).report_blocking();
    assert_eq!(slice.info().run_count(), 1);
    assert!(slice.state().is_cancelled());
}

#[flow]
fn around() -> Result<u32, FlowError> {
    chain().stop_after(1).result()
}

#[test]
fn only_an_outermost_flow_run_is_executed_in_slices() {
    let error = around().result().unwrap_err();
    assert!(error.to_string().contains("only an outermost flow run is executed in slices"), "{error}");
    // Nor is a plan.
    assert!(chain().stop_after(0).plan_blocking().is_ok());
}

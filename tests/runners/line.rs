//! Those who stand in line for a worker: in order, behind nobody who is stuck, and cancelled at shutdown.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use millrun::prelude::*;

use crate::gate::Gate;

#[task]
fn pass(gate: Gate) {
    gate.pass_blocking();
}

/// Two workers, and what their runs are about to wait for.
struct Two {
    runner: Arc<ThreadPoolTaskRunner>,
    engine: Engine,
    gate: Gate,
}

impl Two {
    fn new() -> Self {
        let runner = Arc::new(ThreadPoolTaskRunner::new(2));
        let engine = Engine::builder().task_runner(runner.clone()).build();
        Self { runner, engine, gate: Gate::new() }
    }

    /// Keeps both workers busy until the gate is opened, so that there is a line.
    fn hold(&self) -> [TaskFuture<()>; 2] {
        let held = self.engine.enter(|| [pass.submit(&self.gate), pass.submit(&self.gate)]);
        self.gate.arrived_blocking(2);
        held
    }
}

/// One at a time.
fn sequential() -> Engine {
    Engine::builder().task_runner(SequentialTaskRunner::new()).build()
}

/// What was executed, in order.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<&'static str>>>);

impl Noted {
    fn note(&self, name: &'static str) {
        self.0.lock().unwrap().push(name);
    }
}

#[task]
async fn pass_async(gate: Gate) {
    gate.pass().await;
}

#[task]
async fn follow_async(_first: &(), noted: Noted, name: &'static str) {
    noted.note(name);
}

#[task]
fn follow(_first: &(), noted: Noted, name: &'static str) {
    noted.note(name);
}

#[test]
fn what_follows_a_run_goes_in_order_of_submission() {
    let (engine, gate, noted) = (sequential(), Gate::new(), Noted::default());
    engine.enter(|| {
        let first = pass_async.submit(&gate);
        gate.arrived_blocking(1);
        let followers = [
            follow_async.submit(&first, &noted, "async"),
            follow.submit(&first, &noted, "sync"),
            follow_async.submit(&first, &noted, "async again"),
            follow.submit(&first, &noted, "sync again"),
        ];
        gate.open();
        followers.iter().for_each(TaskFuture::wait);
    });
    assert_eq!(*noted.0.lock().unwrap(), ["async", "sync", "async again", "sync again"]);
}

#[task(trigger = all_finished)]
fn wait_after(other: Arc<Mutex<Option<TaskFuture<()>>>>) -> Result<(), TaskError> {
    let other = other.lock().unwrap().take().expect("the other one is passed");
    other.result()
}

/// Both follow the same run, whose thread executes them; each on a runner of its own.
#[test]
fn what_goes_next_may_be_waited_for_by_what_goes_before_it() {
    let (one, two) = (sequential(), sequential());
    let (gate, noted) = (Gate::new(), Noted::default());
    let first = one.enter(|| pass_async.submit(&gate));
    gate.arrived_blocking(1);
    let other = one.enter(|| follow_async.submit(&first, &noted, "other"));
    let waits = two.enter(|| wait_after.wait_for(&first).submit(Arc::new(Mutex::new(Some(other)))));
    gate.open();
    waits.result().unwrap();
    assert_eq!(*noted.0.lock().unwrap(), ["other"]);
}

#[task(trigger = all_finished)]
async fn after() {}

#[test]
fn what_follows_a_cancelled_run_may_wait_for_what_else_follows_it() {
    let (engine, gate) = (sequential(), Gate::new());
    let held = Engine::builder().build().enter(|| pass_async.submit(&gate));
    engine.enter(|| {
        let cancelled = after.wait_for(&held).submit();
        let passed = Arc::new(Mutex::new(None));
        let waits = wait_after.wait_for(&cancelled).submit(&passed);
        *passed.lock().unwrap() = Some(after.wait_for(&cancelled).submit());
        cancelled.cancel();
        waits.result().unwrap();
    });
    gate.open();
    held.result().unwrap();
}

#[task]
fn meet(number: usize, gate: Gate, met: Arc<Mutex<mpsc::Receiver<TaskFuture<()>>>>) -> Result<(), TaskError> {
    if number > 0 {
        return Ok(());
    }
    gate.pass_blocking();
    let other = met.lock().unwrap().recv().expect("the other one is sent");
    other.result()
}

/// The first of the map has the runner's place and waits; the second has the slot that the other run asks for.
#[test]
fn what_a_thread_is_to_submit_is_not_held_up_where_it_waits() {
    let engine =
        Engine::builder().task_runner(SequentialTaskRunner::new()).concurrency_limit("slots", 2).build();
    let (gate, (sends, met)) = (Gate::new(), mpsc::channel());
    gate.open();
    let map = {
        let (engine, gate, met) = (engine.clone(), gate.clone(), Arc::new(Mutex::new(met)));
        thread::spawn(move || {
            let meet = meet.with_tags(["slots"]);
            engine.enter(|| meet.map(0..2, unmapped(gate), unmapped(met)).result())
        })
    };
    gate.arrived_blocking(1);
    sends.send(engine.enter(|| after.with_tags(["slots"]).submit())).unwrap();
    map.join().unwrap().unwrap();
}

#[task]
fn note_number(number: usize, noted: Arc<Mutex<Vec<usize>>>) {
    noted.lock().unwrap().push(number);
}

#[test]
fn the_runs_of_a_map_go_in_order_however_many_there_are() {
    let (engine, noted) = (sequential(), Arc::new(Mutex::new(Vec::new())));
    engine.enter(|| note_number.map(0..5000, unmapped(noted.clone())).wait());
    assert!(noted.lock().unwrap().iter().copied().eq(0..5000));
}

/// The numbers of runs, as they were executed.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

#[task]
fn count(counted: Counted, gate: Option<Gate>) -> usize {
    if let Some(gate) = gate {
        gate.pass_blocking();
    }
    counted.0.fetch_add(1, Ordering::SeqCst)
}

const MANY: usize = 200;

#[test]
fn those_in_line_do_not_wait_for_one_that_is_stuck() {
    let two = Two::new();
    let held = two.hold();
    let (counted, stays) = (Counted::default(), Gate::new());
    let futures: Vec<_> = two.engine.enter(|| {
        // In their midst.
        (0..MANY).map(|n| count.submit(&counted, (n == 20).then_some(&stays).cloned())).collect()
    });
    two.gate.open();
    for (n, future) in futures.iter().enumerate() {
        if n != 20 {
            future.wait();
        }
    }
    assert_eq!(counted.0.load(Ordering::SeqCst), MANY - 1);
    stays.open();
    assert_eq!(futures[20].result().unwrap(), MANY - 1);
    for held in held {
        held.result().unwrap();
    }
}

#[test]
fn those_in_line_are_cancelled_at_shutdown() {
    let two = Two::new();
    let held = two.hold();
    let (counted, stays) = (Counted::default(), Gate::new());
    let futures: Vec<_> = two
        .engine
        .enter(|| (0..MANY).map(|n| count.submit(&counted, (n >= 10).then_some(&stays).cloned())).collect());
    two.gate.open();
    stays.arrived_blocking(2);
    two.runner.shutdown();
    let cancelled = futures.iter().filter(|future| future.state().is_cancelled()).count();
    assert_eq!(cancelled, MANY - 12);
    stays.open();
    for future in futures {
        future.wait();
    }
    for held in held {
        held.result().unwrap();
    }
    assert_eq!(counted.0.load(Ordering::SeqCst), 12);
}

#[task]
fn count_until(counted: Counted, other: Gate, n: usize) {
    if n == 5000 {
        other.arrived_blocking(1);
    }
    counted.0.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_map_leaves_the_workers_to_what_stands_in_line() {
    let two = Two::new();
    let counted = Counted::default();
    let other = Gate::new();
    other.open();
    two.engine.enter(|| {
        let begins = Gate::new();
        let held = [pass.submit(&two.gate), pass.submit(&begins)];
        two.gate.arrived_blocking(1);
        begins.arrived_blocking(1);
        // So many are made as are made in advance.
        let map = count_until.map(unmapped(&counted), unmapped(&other), 0..5001);
        assert_eq!(map.count(), Some(5001));
        // Nobody waits for it: it is executed only by a worker that looks at the line. The other worker would, for want of work.
        let _in_line = pass.submit(&other);
        begins.open();
        map.wait();
        two.gate.open();
        for held in held {
            held.result().unwrap();
        }
    });
    assert_eq!(counted.0.load(Ordering::SeqCst), 5001);
}

#[test]
fn one_that_waits_for_those_behind_it_does_not_hold_them_up() {
    let two = Two::new();
    let held = two.hold();
    let (counted, mates) = (Counted::default(), Gate::new());
    mates.open();
    two.engine.enter(|| {
        let stuck = count_until.submit(&counted, &mates, 5000);
        let _mates: Vec<_> = (0..20).map(|_| pass.submit(&mates)).collect();
        let map = count_until.map(unmapped(&counted), unmapped(&mates), 0..5001);
        assert_eq!(map.count(), Some(5001));
        two.gate.open();
        map.wait();
        stuck.wait();
    });
    for held in held {
        held.result().unwrap();
    }
    assert_eq!(counted.0.load(Ordering::SeqCst), 5002);
}

#[task]
fn note(order: Order, n: usize) {
    order.0.lock().unwrap().push(n);
}

#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<usize>>>);

#[test]
fn one_worker_executes_in_the_order_of_submission() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    let (order, gate) = (Order::default(), Gate::new());
    engine.enter(|| {
        let _first = pass.submit(&gate);
        gate.arrived_blocking(1);
        let futures: Vec<_> = (0..MANY).map(|n| note.submit(&order, n)).collect();
        gate.open();
        futures.last().unwrap().wait();
    });
    assert!(order.0.lock().unwrap().iter().copied().eq(0..MANY));
}

//! A runner implemented outside of the crate, put through the same suite.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use millrun::prelude::*;
use millrun::runner::conformance::check;
use millrun::runner::{ConcurrencyType, ReadyRun, RunnerError};
use millrun::{Engine, FlowError};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Executes each run on a thread of its own.
#[derive(Default)]
struct ThreadPerRun {
    started: AtomicBool,
}

impl TaskRunner for ThreadPerRun {
    fn name(&self) -> &'static str {
        "thread_per_run"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Parallel
    }

    fn start(&self) -> Result<(), RunnerError> {
        if self.started.swap(true, Ordering::SeqCst) { Err(RunnerError::AlreadyStarted) } else { Ok(()) }
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        if !self.started.load(Ordering::SeqCst) {
            return Err(RunnerError::NotStarted);
        }
        thread::Builder::new().name(run.task_key()).spawn(move || run.execute_blocking()).unwrap();
        Ok(())
    }

    fn shutdown(&self) {
        self.started.store(false, Ordering::SeqCst);
    }
}

#[test]
fn a_runner_from_outside_conforms() {
    check(ThreadPerRun::default);
}

#[task]
fn thread_name() -> Option<String> {
    thread::current().name().map(str::to_owned)
}

#[flow(task_runner = ThreadPerRun::default())]
fn on_its_own_runner() -> Result<Option<String>, FlowError> {
    Ok(thread_name.submit().result()?)
}

#[flow]
fn on_the_engines_runner() -> Result<Option<String>, FlowError> {
    Ok(thread_name.submit().result()?)
}

#[test]
fn a_flow_executes_its_tasks_on_its_own_runner() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    let key = engine.run_blocking(on_its_own_runner()).unwrap().unwrap();
    assert!(key.contains("thread_name"), "{key}");
    let pool = engine.run_blocking(on_the_engines_runner()).unwrap().unwrap();
    assert!(pool.starts_with("millrun-rayon-"), "{pool}");
    let key = engine.run_blocking(on_the_engines_runner().with_task_runner(ThreadPerRun::default()));
    assert!(key.unwrap().unwrap().contains("thread_name"));
}

/// Notes the inputs of the runs that it executes.
#[derive(Default)]
struct Noting {
    started: AtomicBool,
    inputs: Arc<Mutex<Vec<Inputs>>>,
}

type Inputs = Vec<(&'static str, Option<Value>)>;

impl TaskRunner for Noting {
    fn name(&self) -> &'static str {
        "noting"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Sequential
    }

    fn start(&self) -> Result<(), RunnerError> {
        self.started.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        self.inputs.lock().unwrap().push(run.inputs());
        run.execute_blocking();
        Ok(())
    }

    fn shutdown(&self) {
        self.started.store(false, Ordering::SeqCst);
    }
}

/// An argument that has something done while it is written.
#[derive(Clone)]
struct Watched(Arc<dyn Fn() + Send + Sync>);

impl Serialize for Watched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0)();
        serializer.serialize_str("watched")
    }
}

#[task]
fn double(number: u32, _unwritten: thread::ThreadId) -> u32 {
    number * 2
}

#[task]
fn take(_watched: Watched) -> u32 {
    1
}

fn noting() -> (Engine, Arc<Mutex<Vec<Inputs>>>) {
    let runner = Noting::default();
    let inputs = runner.inputs.clone();
    (Engine::builder().task_runner(runner).build(), inputs)
}

#[test]
fn a_runner_is_told_the_inputs_of_a_run() {
    let (engine, inputs) = noting();
    let id = thread::current().id();
    let last = engine.enter(|| double.submit(double.submit(2, id), id));
    assert_eq!(last.result().unwrap(), 8);
    let of = |number: u32| vec![("number", Some(json!(number))), ("_unwritten", None)];
    assert_eq!(*inputs.lock().unwrap(), [of(2), of(4)]);
}

#[test]
fn what_writes_an_input_may_look_at_its_run() {
    let (engine, inputs) = noting();
    let found: Arc<Mutex<Option<TaskFuture<u32>>>> = Arc::default();
    let (gate, seen) = (crate::gate::Gate::new(), found.clone());
    let looks = Watched(Arc::new(move || {
        if let Some(future) = &*seen.lock().unwrap() {
            assert!(future.state().is_pending());
        }
    }));
    let before = held.submit(&gate);
    let future = engine.enter(|| take.wait_for(before).submit(looks));
    *found.lock().unwrap() = Some(future.clone());
    gate.open();
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(inputs.lock().unwrap().last().unwrap(), &[("_watched", Some(json!("watched")))]);
}

#[task]
async fn held(gate: crate::gate::Gate) {
    gate.pass().await;
}

#[test]
fn a_run_that_is_cancelled_while_its_inputs_are_written_never_executes() {
    let (engine, inputs) = noting();
    let found: Arc<Mutex<Option<TaskFuture<u32>>>> = Arc::default();
    let cancelled = found.clone();
    let cancels = Watched(Arc::new(move || cancelled.lock().unwrap().as_ref().unwrap().cancel()));
    let gate = crate::gate::Gate::new();
    let before = held.submit(&gate);
    let future = engine.enter(|| take.wait_for(before).submit(cancels));
    *found.lock().unwrap() = Some(future.clone());
    gate.open();
    assert!(future.result().unwrap_err().is_cancelled());
    assert_eq!(inputs.lock().unwrap().last().unwrap(), &[]);
}

#[test]
fn a_run_crashes_whose_inputs_panic_while_they_are_written() {
    let (engine, inputs) = noting();
    let panics = Watched(Arc::new(|| panic!("unwritable")));
    let error = engine.enter(|| take.submit(panics)).result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert!(error.to_string().contains("unwritable"), "{error}");
    assert_eq!(*inputs.lock().unwrap(), [[]]);
}

#[task]
fn pass_on(number: u32) -> u32 {
    number
}

#[test]
fn a_runner_is_given_each_run_of_a_map() {
    let (engine, inputs) = noting();
    let gate = crate::gate::Gate::new();
    let before = held.submit(&gate);
    // These are ready at once, and those become ready together.
    let (at_once, together) = engine.enter(|| (pass_on.map(0..100), pass_on.wait_for(before).map(100..200)));
    gate.open();
    let sum = |numbers: Vec<u32>| numbers.iter().sum::<u32>();
    assert_eq!(sum(at_once.result().unwrap()) + sum(together.result().unwrap()), (0..200).sum::<u32>());
    let mut given =
        inputs.lock().unwrap().iter().map(|inputs| inputs[0].1.clone().unwrap()).collect::<Vec<Value>>();
    given.sort_by_key(|number| number.as_u64());
    assert_eq!(given, (0..200).map(|number| json!(number)).collect::<Vec<_>>());
}

/// A runner that is another one, and does not say that it takes many.
struct Singly(ThreadPoolTaskRunner);

impl TaskRunner for Singly {
    fn name(&self) -> &'static str {
        "singly"
    }

    fn concurrency_type(&self) -> ConcurrencyType {
        ConcurrencyType::Parallel
    }

    fn start(&self) -> Result<(), RunnerError> {
        self.0.start()
    }

    fn submit(&self, run: ReadyRun) -> Result<(), RunnerError> {
        self.0.submit(run)
    }

    fn submit_all(&self, _runs: Vec<ReadyRun>) -> Result<(), RunnerError> {
        panic!("it takes one at a time");
    }

    fn shutdown(&self) {
        self.0.shutdown();
    }
}

#[test]
fn many_are_not_given_at_once_to_a_runner_that_does_not_say_so() {
    let engine = Engine::builder().task_runner(Singly(ThreadPoolTaskRunner::new(2))).build();
    let gate = crate::gate::Gate::new();
    let before = held.submit(&gate);
    let (at_once, together) = engine.enter(|| (pass_on.map(0..1000), pass_on.wait_for(before).map(0..1000)));
    gate.open();
    assert_eq!((at_once.result().unwrap().len(), together.result().unwrap().len()), (1000, 1000));
}

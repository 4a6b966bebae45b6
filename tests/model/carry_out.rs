//! Carries a plan out on an engine of its own, and looks at it from outside.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use millrun::prelude::*;

use crate::bodies::{At, async_flow, sync_flow};
use crate::check::{Observed, check};
use crate::plan::{Plan, Runner};
use crate::world::{Boom, Called, Handle, Number, Token, What, World};

/// A case that takes longer hangs. Most take a millisecond.
const TOO_LONG: Duration = Duration::from_secs(60);

/// What is wrong with how a plan was carried out; a hang too.
pub(crate) fn wrong_with(plan: &Plan) -> Vec<String> {
    silence_planned_panics();
    let world = World::new(plan.clone());
    let (done, end) = channel();
    let of_thread = world.clone();
    let case = std::thread::spawn(move || {
        let wrong = std::panic::catch_unwind(AssertUnwindSafe(|| case(&of_thread)));
        let _ = done.send(wrong.unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<String>().cloned();
            vec![format!("the case panicked: {}", message.unwrap_or_default())]
        }));
    });
    match end.recv_timeout(TOO_LONG) {
        Ok(wrong) => {
            let _ = case.join();
            wrong
        }
        Err(RecvTimeoutError::Disconnected) => vec!["the case is gone".into()],
        Err(RecvTimeoutError::Timeout) => {
            // Shrinking takes long from here on, and the thread is left alone.
            eprintln!("this hangs: {plan:?}");
            let records = world.records();
            let lines = records.iter().enumerate().map(|(n, record)| format!("{n}: {record:?}"));
            let mut wrong = vec!["it hangs".to_owned()];
            wrong.extend(lines);
            eprintln!("{}", wrong.join("\n"));
            wrong
        }
    }
}

fn silence_planned_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Boom>() {
                before(info);
            }
        }));
    });
}

fn engine(plan: &Plan) -> Engine {
    let builder = Engine::builder().concurrency_limit("few", plan.limit);
    match plan.runner {
        Runner::Sequential => builder.task_runner(SequentialTaskRunner::new()),
        Runner::Concurrent => builder.task_runner(ConcurrentTaskRunner::new().max_workers(plan.workers)),
        Runner::ThreadPool => builder.task_runner(ThreadPoolTaskRunner::new(plan.workers)),
    }
    .build()
}

fn case(world: &Arc<World>) -> Vec<String> {
    let plan = &world.plan;
    let engine = engine(plan);
    let runtime = (plan.runtime > 0).then(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(plan.runtime).enable_all().build().unwrap()
    });

    let number = world.add(What::Flow(Arc::new(plan.flow.clone())), None, Vec::new());
    let at = At::new(world, number);
    let mut wrong = Vec::new();
    let observed = if plan.cancel_after.is_some() {
        started(world, &engine, runtime.as_ref(), at, &mut wrong)
    } else {
        reported(world, &engine, runtime.as_ref(), at)
    };
    wrong.extend(check(world, &observed));
    wrong.extend(leaves_all_places(plan, &engine));

    for record in &mut *world.records() {
        record.handle = None;
        record.call = None;
    }
    *world.flow.lock().unwrap() = None;
    drop(observed);
    drop(engine);
    drop(runtime);
    let begun = Instant::now();
    while world.left_behind() > 0 {
        if begun.elapsed() > TOO_LONG / 4 {
            wrong.push(format!("{} bodies or results are left behind", world.left_behind()));
            break;
        }
        std::thread::yield_now();
    }
    wrong
}

/// The case with a report of the flow run.
fn reported(
    world: &Arc<World>,
    engine: &Engine,
    runtime: Option<&tokio::runtime::Runtime>,
    at: At,
) -> Observed {
    let flow = &world.plan.flow;
    let retries = u32::from(flow.retries);
    let report = match (runtime, flow.is_async) {
        (Some(runtime), true) => runtime
            .block_on(engine.scope(async { async_flow(at, None).with_retries(retries).report().await })),
        (Some(runtime), false) => {
            runtime.block_on(engine.scope(async { sync_flow(at, None).with_retries(retries).report().await }))
        }
        (None, true) => engine.enter(|| async_flow(at, None).with_retries(retries).report_blocking()),
        (None, false) => engine.enter(|| sync_flow(at, None).with_retries(retries).report_blocking()),
    };
    world.wait_until_idle();
    let mut observed = of_handles(world);
    observed.states.insert((0, 0), report.states());
    let mut by_id: HashMap<String, Vec<State>> = HashMap::new();
    let task_runs = report.task_runs();
    let flow_runs = report.child_flow_runs();
    observed.reported = Some(task_runs.len() + flow_runs.len());
    for run in &task_runs {
        by_id.insert(run.id().to_string(), run.states());
        let Some(number) = named(&run.name()) else { continue };
        match run.map_index() {
            Some(index) => drop(observed.states.insert((number, index), run.states())),
            None => drop(observed.failed_maps.insert(number, Some(run.state().name))),
        }
    }
    for run in &flow_runs {
        by_id.insert(run.id().to_string(), once_ended(|| run.states()));
    }
    if by_id.len() != task_runs.len() + flow_runs.len() {
        world.breach("two runs have the same id".into());
    }
    for (number, record) in world.records().iter().enumerate() {
        if let Some(states) = record.id.as_ref().and_then(|id| by_id.get(id)) {
            observed.states.insert((number, 0), states.clone());
        }
    }
    observed
}

/// The case with a flow run that is cancelled on its way.
fn started(
    world: &Arc<World>,
    engine: &Engine,
    runtime: Option<&tokio::runtime::Runtime>,
    at: At,
    wrong: &mut Vec<String>,
) -> Observed {
    let flow = &world.plan.flow;
    let retries = u32::from(flow.retries);
    let _entered = runtime.map(tokio::runtime::Runtime::enter);
    let run: FlowFuture<Token> = engine.enter(|| {
        if flow.is_async {
            async_flow(at, None).with_retries(retries).start()
        } else {
            sync_flow(at, None).with_retries(retries).start()
        }
    });
    *world.flow.lock().unwrap() = Some(run.clone());
    if world.is_due() {
        run.cancel();
    }
    match runtime {
        Some(runtime) => drop(runtime.block_on(run.finished())),
        None => run.wait(),
    }
    // None of its runs goes on.
    for (number, record) in world.records().iter().enumerate() {
        let state = match &record.handle {
            Some(Handle::Run(future)) => future.state(),
            Some(Handle::List(future)) => future.state(),
            Some(Handle::Flow(future)) => future.state(),
            Some(Handle::Map(_)) | None => continue,
        };
        if !state.is_final() && !run.state().is_cancelled() {
            wrong.push(format!("run {number} is {state}, and the flow run has ended"));
        }
    }
    world.wait_until_idle();
    let _ = of_handles(world);
    world.wait_until_idle();
    let mut observed = of_handles(world);
    observed.states.insert((0, 0), run.states());
    observed
}

/// What the futures say that were kept.
fn of_handles(world: &World) -> Observed {
    let mut observed = Observed::default();
    let calls: Vec<Option<Called>> = world.records().iter().map(|record| record.call.clone()).collect();
    for (number, call) in calls.into_iter().enumerate() {
        let states = match call {
            Some(Called::Task(run)) => once_ended(|| run.states()),
            Some(Called::Flow(run)) => once_ended(|| run.states()),
            None => continue,
        };
        observed.states.insert((number, 0), states);
    }
    let handles: Vec<(Number, Handle)> = world
        .records()
        .iter()
        .enumerate()
        .filter_map(|(number, record)| record.handle.clone().map(|handle| (number, handle)))
        .collect();
    for (number, handle) in handles {
        // What a body has begun that was given up on may end last of all.
        handle.wait();
        match handle {
            Handle::Run(future) => drop(observed.states.insert((number, 0), future.states())),
            Handle::List(future) => drop(observed.states.insert((number, 0), future.states())),
            Handle::Flow(future) => drop(observed.states.insert((number, 0), future.states())),
            Handle::Map(futures) => {
                let runs = futures.futures_blocking();
                for (index, future) in runs.iter().enumerate() {
                    observed.states.insert((number, index), future.states());
                }
                if let ([], Err(error)) = (&runs[..], futures.shared_result()) {
                    let end = match error.kind() {
                        ErrorKind::Skipped => StateName::Skipped,
                        ErrorKind::Cancelled => StateName::Cancelled,
                        _ => StateName::TriggerFailed,
                    };
                    observed.failed_maps.insert(number, Some(end));
                }
            }
        }
    }
    observed
}

/// The states of what a body has called: where that was given up on, it may end last of all.
fn once_ended(states: impl Fn() -> Vec<State>) -> Vec<State> {
    let begun = Instant::now();
    loop {
        let states = states();
        if states.last().is_some_and(State::is_final) || begun.elapsed() > TOO_LONG / 4 {
            return states;
        }
        std::thread::yield_now();
    }
}

/// The record of a run of a map that was named after it.
fn named(name: &str) -> Option<Number> {
    name.strip_prefix('m')?.split(['-', '[']).next()?.parse().ok()
}

#[task]
async fn meets_async(others: Arc<tokio::sync::Barrier>) {
    others.wait().await;
}

#[task]
fn meets(others: Arc<std::sync::Barrier>) {
    others.wait();
}

#[task(blocking)]
fn meets_blocking(others: Arc<std::sync::Barrier>) {
    others.wait();
}

/// As many runs meet as there are places, which they could not if one was still taken.
fn leaves_all_places(plan: &Plan, engine: &Engine) -> Vec<String> {
    let places = if plan.runner == Runner::Sequential { 1 } else { plan.workers };
    let slots = places.min(plan.limit);
    engine.enter(|| {
        let barrier = Arc::new(tokio::sync::Barrier::new(places));
        let met: Vec<_> = (0..places).map(|_| meets_async.submit(&barrier)).collect();
        met.iter().for_each(TaskFuture::wait);
        let barrier = Arc::new(std::sync::Barrier::new(places));
        let met: Vec<_> = (0..places).map(|_| meets.submit(&barrier)).collect();
        met.iter().for_each(TaskFuture::wait);
        let met: Vec<_> = (0..places).map(|_| meets_blocking.submit(&barrier)).collect();
        met.iter().for_each(TaskFuture::wait);
        let barrier = Arc::new(tokio::sync::Barrier::new(slots));
        let limited = meets_async.with_tags(["few"]);
        let met: Vec<_> = (0..slots).map(|_| limited.submit(&barrier)).collect();
        met.iter().filter(|met| met.result().is_err()).map(|_| "a place is lost".to_owned()).collect()
    })
}

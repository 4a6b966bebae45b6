//! Carries a plan out on an engine of its own, and notes what is seen.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use millrun::prelude::*;
use tokio::sync::mpsc;

use super::plan::{Begun, Body, End, Flow, Group, Hook, KEYS, Plan, Step, Task, What};
use super::seen::{Gave, Note, Number, Seen};

/// A case that takes longer hangs. Most take a millisecond.
const TOO_LONG: Duration = Duration::from_secs(60);

pub(super) fn carry_out(plan: &Plan) -> Seen {
    let store = ResultStore::memory();
    for key in &plan.records {
        store.write_blocking(key, &0_u32).unwrap();
    }
    let (cancel, mut cancels) = mpsc::unbounded_channel();
    let world = Arc::new(World { diary: Mutex::default(), cancel, is_cancelled: AtomicBool::new(false) });
    let at = At { world: world.clone(), group: None, is_async: plan.is_async, may_cancel: plan.is_async };
    let body = Arc::new(plan.body.clone());
    let run = engine(plan, &store).enter(|| match plan.is_async {
        true => async_flow(at, body).start(),
        false => sync_flow(at, body).start(),
    });

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ends = async {
        tokio::select! {
            _ = cancels.recv() => run.cancel(),
            _ = run.finished() => {}
        }
        run.finished().await
    };
    let end = runtime.block_on(async { tokio::time::timeout(TOO_LONG, ends).await });
    let end = end.unwrap_or_else(|_| panic!("this hangs: {plan:?}")).name;

    let diary = std::mem::take(&mut *world.diary.lock().unwrap());
    Seen {
        notes: diary.notes,
        runs: diary.runs.iter().map(|(number, run)| (*number, run.state().name)).collect(),
        groups: diary.groups.iter().map(|(number, group)| (*number, group.state())).collect(),
        records: KEYS
            .iter()
            .filter(|key| store.exists_blocking(key).unwrap())
            .map(|key| key.to_string())
            .collect(),
        end,
    }
}

fn engine(plan: &Plan, store: &ResultStore) -> Engine {
    let builder = Engine::builder().results(store.clone());
    if plan.is_sequential {
        builder.task_runner(SequentialTaskRunner::new()).build()
    } else {
        builder.task_runner(ConcurrentTaskRunner::new()).build()
    }
}

/// What is shared by all that a case does.
struct World {
    diary: Mutex<Diary>,
    /// Asks for the flow run to be cancelled.
    cancel: mpsc::UnboundedSender<()>,
    is_cancelled: AtomicBool,
}

#[derive(Default)]
struct Diary {
    next: Number,
    notes: Vec<Note>,
    runs: BTreeMap<Number, TaskRun>,
    groups: BTreeMap<Number, Transaction>,
}

impl World {
    fn number(&self) -> Number {
        let mut diary = self.diary.lock().unwrap();
        diary.next += 1;
        diary.next - 1
    }

    fn note(&self, note: Note) {
        self.diary.lock().unwrap().notes.push(note);
    }

    /// Asks for the flow run to be cancelled, and waits for that.
    async fn cancel(&self) -> Result<(), FlowError> {
        self.is_cancelled.store(true, Ordering::SeqCst);
        let _ = self.cancel.send(());
        std::future::pending().await
    }

    /// A body may be dropped before it sees that what it waits for was cancelled, or after: it does nothing more.
    async fn unless_cancelled(&self) {
        if self.is_cancelled.load(Ordering::SeqCst) {
            std::future::pending().await
        }
    }

    /// Notes the result that a body has got of what it has begun.
    async fn give<T>(&self, number: Number, result: Result<T, FlowError>) -> Result<(), FlowError> {
        self.unless_cancelled().await;
        self.note(Note::Ended(number, Gave::of(&result)));
        result.map(drop)
    }
}

/// Where a body is.
#[derive(Clone)]
struct At {
    world: Arc<World>,
    /// The innermost group of this body.
    group: Option<Transaction>,
    is_async: bool,
    may_cancel: bool,
}

impl At {
    /// In the body of a run that is begun here.
    fn inside(&self, is_async: bool) -> Self {
        Self { world: self.world.clone(), group: None, is_async, may_cancel: self.may_cancel && is_async }
    }
}

fn planned(end: End) -> Result<(), FlowError> {
    match end {
        End::Ok => Ok(()),
        End::Err => Err(FlowError::msg("planned")),
        // Without the message that a panic prints.
        End::Panic => resume_unwind(Box::new("planned")),
    }
}

// Bodies. In a sync one nothing is awaited: it blocks instead, and the future is ready at once.

#[flow]
async fn async_flow(at: At, plan: Arc<Body>) -> Result<(), FlowError> {
    body(&at, &plan).await
}

#[flow]
fn sync_flow(at: At, plan: Arc<Body>) -> Result<(), FlowError> {
    at_once(body(&at, &plan))
}

#[task]
async fn async_task(at: At, number: Number, plan: Arc<Task>) -> Result<u32, FlowError> {
    attempt(&at, number, &plan).await
}

#[task]
fn sync_task(at: At, number: Number, plan: Arc<Task>) -> Result<u32, FlowError> {
    at_once(attempt(&at, number, &plan))
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it blocks where it has to wait")
}

async fn attempt(at: &At, number: Number, plan: &Task) -> Result<u32, FlowError> {
    at.world.note(Note::Begun(number));
    body(at, &plan.body).await?;
    if task_run()?.run_count() <= plan.fails { Err(FlowError::msg("planned")) } else { Ok(0) }
}

fn body<'a>(at: &'a At, plan: &'a Body) -> BoxFuture<'a, Result<(), FlowError>> {
    Box::pin(async move {
        for (n, next) in plan.steps.iter().enumerate() {
            let is_left = at.group.is_some() && n + 1 == plan.steps.len();
            let ended = step(at, next, is_left).await;
            if !next.is_handled {
                ended?;
            }
        }
        planned(plan.end)
    })
}

/// `is_left`: it is the last in a group.
async fn step(at: &At, step: &Step, is_left: bool) -> Result<(), FlowError> {
    match (&step.what, &at.group) {
        (What::Task(plan), _) => task(at, plan, is_left).await,
        (What::Group(plan), _) => group(at, plan).await,
        (What::Flow(plan), _) => flow(at, plan).await,
        (What::Commit, Some(group)) => {
            let ended = if at.is_async { group.commit().await } else { group.commit_blocking() };
            at.world.note(Note::Decided(Gave::of(&ended)));
            Ok(ended?)
        }
        (What::Rollback, Some(group)) => {
            let ended = if at.is_async { group.rollback().await } else { group.rollback_blocking() };
            at.world.note(Note::Decided(Gave::of(&ended)));
            Ok(ended?)
        }
        (What::Cancel, _) if at.may_cancel => at.world.cancel().await,
        (What::Commit | What::Rollback | What::Cancel, _) => Ok(()),
    }
}

async fn flow(at: &At, plan: &Flow) -> Result<(), FlowError> {
    let number = at.world.number();
    let (inside, body) = (at.inside(plan.is_async), Arc::new(plan.body.clone()));
    let result = match (plan.is_async, at.is_async) {
        (true, true) => async_flow(inside, body).await,
        (true, false) => async_flow(inside, body).result(),
        (false, true) => sync_flow(inside, body).await,
        (false, false) => sync_flow(inside, body).result(),
    };
    at.world.give(number, result).await
}

async fn group(at: &At, plan: &Group) -> Result<(), FlowError> {
    let number = at.world.number();
    let mut builder = transaction().overwrite(plan.overwrite);
    if let Some(mode) = plan.mode {
        builder = builder.commit_mode(mode);
    }
    if let Some(key) = &plan.key {
        builder = builder.key(key);
    }
    let inside = |group: Transaction| {
        at.world.note(Note::Begun(number));
        at.world.diary.lock().unwrap().groups.insert(number, group.clone());
        At { group: Some(group), ..at.clone() }
    };
    let result = if at.is_async {
        builder.run(async |group| body(&inside(group), &plan.body).await).await
    } else {
        builder.run_blocking(|group| at_once(body(&inside(group), &plan.body)))
    };
    at.world.give(number, result).await
}

// Task runs.

async fn task(at: &At, plan: &Task, is_left: bool) -> Result<(), FlowError> {
    let number = at.world.number();
    let (inside, shared) = (at.inside(plan.is_async), Arc::new(plan.clone()));
    if plan.begun == Begun::Called {
        let result = match (plan.is_async, at.is_async) {
            (true, true) => {
                configured(async_task.with_retries(plan.retries), at, number, plan)
                    .call(inside, number, shared)
                    .await
            }
            (true, false) => configured(async_task.with_retries(plan.retries), at, number, plan)
                .call(inside, number, shared)
                .result(),
            (false, true) => {
                configured(sync_task.with_retries(plan.retries), at, number, plan)
                    .call(inside, number, shared)
                    .await
            }
            (false, false) => configured(sync_task.with_retries(plan.retries), at, number, plan)
                .call(inside, number, shared)
                .result(),
        };
        return at.world.give(number, result.map_err(FlowError::from)).await;
    }
    let run = if plan.is_async {
        configured(async_task.with_retries(plan.retries), at, number, plan).submit(inside, number, shared)
    } else {
        configured(sync_task.with_retries(plan.retries), at, number, plan).submit(inside, number, shared)
    };
    match plan.begun {
        Begun::Left if is_left => {}
        Begun::Left | Begun::Waited if at.is_async => {
            drop(wait(&run, None).await);
            at.world.unless_cancelled().await;
        }
        Begun::Left | Begun::Waited => run.wait(),
        Begun::Called | Begun::Submitted => {
            let result = if at.is_async { run.await } else { run.result() };
            return at.world.give(number, result.map_err(FlowError::from)).await;
        }
    }
    Ok(())
}

/// The task with the options of the plan, and its runs noted.
fn configured<X, A, C: ConfigureTask<X, A, Configured = C>>(
    task: C,
    at: &At,
    number: Number,
    plan: &Task,
) -> C {
    let world = at.world.clone();
    let mut task = task.with_on_state_change(move |run, _, state| {
        world.diary.lock().unwrap().runs.insert(number, run.clone());
        state
    });
    if let Some(key) = &plan.key {
        task = task.with_cache_key(key);
    }
    for (n, hook) in plan.on_commit.iter().enumerate() {
        let call = called(at, *hook, Note::Commit(number, n));
        task = if hook.is_async {
            task.with_on_commit(move |_| later(call.clone()))
        } else {
            task.with_on_commit(move |_| call())
        };
    }
    for (n, hook) in plan.on_rollback.iter().enumerate() {
        let call = called(at, *hook, Note::Rollback(number, n));
        task = if hook.is_async {
            task.with_on_rollback(move |_| later(call.clone()))
        } else {
            task.with_on_rollback(move |_| call())
        };
    }
    task
}

/// What a hook does.
fn called(
    at: &At,
    hook: Hook,
    note: Note,
) -> impl Fn() -> Result<(), FlowError> + Clone + Send + Sync + 'static {
    let world = at.world.clone();
    move || {
        world.note(note);
        planned(hook.end)
    }
}

async fn later(call: impl Fn() -> Result<(), FlowError>) -> Result<(), FlowError> {
    tokio::task::yield_now().await;
    call()
}

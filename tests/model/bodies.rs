//! The tasks and flows that carry a plan out: each body does the steps that the plan has for it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};
use millrun::prelude::*;

use crate::gate::Gate;
use crate::plan::{Body, End, Flow, Hold, Kind, Look, Map, Over, Rule, Run, Runner, Step, Takes};
use crate::world::{
    Before, Boom, Called, Cancelled, Elements, Got, Handle, Looked, Need, Number, Oops, Playing, Produced,
    Shown, Source, Token, What, World,
};

type BoxError = Box<dyn Error + Send + Sync>;
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Longer than any case takes.
const EVER: Duration = Duration::from_secs(3600);

/// Tells a body which record it is of.
#[derive(Clone)]
pub(crate) struct At {
    world: Arc<World>,
    number: Number,
    _alive: Token,
}

impl At {
    pub(crate) fn new(world: &Arc<World>, number: Number) -> Self {
        Self { world: world.clone(), number, _alive: world.token(0) }
    }

    fn what(&self) -> What {
        self.world.records()[self.number].what.clone()
    }

    /// Notes that the body executes.
    fn begin(&self, inputs: &[Input]) -> (Playing, u32) {
        let (index, count) = match task_run() {
            Ok(run) => (run.map_index().unwrap_or(0), run.run_count()),
            Err(_) => (0, flow_run().map_or(0, |run| run.run_count())),
        };
        {
            let record = &mut self.world.records()[self.number];
            if record.is_call {
                record.call = task_run().map(Called::Task).or_else(|_| flow_run().map(Called::Flow)).ok();
            }
        }
        let inputs =
            inputs.iter().map(|input| input.as_ref().map(|token| token.number).map_err(|e| *e)).collect();
        let playing = self.world.begin((self.number, index), inputs);
        let attempt = u32::try_from(playing.attempt + 1).unwrap_or(u32::MAX);
        if attempt != count {
            self.world.breach(format!("run {:?}: attempt {attempt} says it is attempt {count}", playing.of));
        }
        (playing, attempt)
    }

    fn run(&self) -> Arc<Run> {
        match self.what() {
            What::Run(run) => run,
            What::Map(map, _) => Arc::new(map.each.clone()),
            what => panic!("{what:?} is no run"),
        }
    }

    /// How the body of this run ends.
    fn end(&self, run: &Run, of: (Number, usize)) -> End {
        match self.what() {
            What::Map(map, _) if !map.ends.is_empty() => map.ends[of.1 % map.ends.len()],
            _ => run.body.end,
        }
    }

    async fn play(self, inputs: Vec<Input>) -> Result<Token, BoxError> {
        let (playing, attempt) = self.begin(&inputs);
        let run = self.run();
        let mut scene = Scene::new(playing);
        if attempt <= u32::from(run.fails) {
            return scene.produce(End::Err);
        }
        if let Err(error) = scene.play(&run.body).await {
            return scene.pass_on(error);
        }
        let end = self.end(&run, scene.playing.of);
        scene.produce(end)
    }

    fn play_blocking(self, inputs: Vec<Input>) -> Result<Token, BoxError> {
        let (playing, attempt) = self.begin(&inputs);
        let run = self.run();
        let mut scene = Scene::new(playing);
        if attempt <= u32::from(run.fails) {
            return scene.produce(End::Err);
        }
        if let Err(error) = scene.play_blocking(&run.body) {
            return scene.pass_on(error);
        }
        let end = self.end(&run, scene.playing.of);
        scene.produce(end)
    }

    async fn play_flow(self, x: Option<Token>) -> Result<Token, BoxError> {
        let (playing, _) = self.begin(&x.map(Ok).into_iter().collect::<Vec<_>>());
        let What::Flow(flow) = self.what() else { panic!("no flow") };
        let mut scene = Scene::new(playing);
        if let Err(error) = scene.play(&flow.body).await {
            return scene.pass_on(error);
        }
        scene.refer(&flow);
        scene.produce(flow.body.end)
    }

    fn play_flow_blocking(self, x: Option<Token>) -> Result<Token, BoxError> {
        let (playing, _) = self.begin(&x.map(Ok).into_iter().collect::<Vec<_>>());
        let What::Flow(flow) = self.what() else { panic!("no flow") };
        let mut scene = Scene::new(playing);
        if let Err(error) = scene.play_blocking(&flow.body) {
            return scene.pass_on(error);
        }
        scene.refer(&flow);
        scene.produce(flow.body.end)
    }
}

/// What a body was given: a value, or an outcome.
type Input = Result<Token, ErrorKind>;

fn outcome(outcome: Result<Token, TaskError>) -> Input {
    outcome.map_err(|error| error.kind())
}

/// The tasks of one kind, by what they take.
macro_rules! tasks {
    ($module:ident, #[$task:meta], [$($async:tt)?], $at:ident $inputs:ident => $play:expr, $gate:ident => $pass:expr) => {
        mod $module {
            use super::*;

            #[$task]
            pub(super) $($async)? fn plain($at: At) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = Vec::new();
                $play
            }

            #[$task]
            pub(super) $($async)? fn value($at: At, x: Token) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = vec![Ok(x)];
                $play
            }

            #[$task]
            pub(super) $($async)? fn borrowed($at: At, x: &Token) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = vec![Ok(x.clone())];
                $play
            }

            #[$task]
            pub(super) $($async)? fn outcome($at: At, x: Result<Token, TaskError>) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = vec![super::outcome(x)];
                $play
            }

            #[$task]
            pub(super) $($async)? fn mixed(
                $at: At,
                x: Token,
                y: &Token,
                z: Result<Token, TaskError>,
            ) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = vec![Ok(x), Ok(y.clone()), super::outcome(z)];
                $play
            }

            #[$task]
            pub(super) $($async)? fn lists(
                $at: At,
                xs: Vec<Token>,
                ys: &[Token],
                zs: Vec<Result<Token, TaskError>>,
            ) -> Result<Token, BoxError> {
                let values = xs.into_iter().chain(ys.iter().cloned()).map(Ok);
                let $inputs: Vec<Input> = values.chain(zs.into_iter().map(super::outcome)).collect();
                $play
            }

            #[$task]
            pub(super) $($async)? fn list($at: At, xs: Vec<Token>) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = xs.into_iter().map(Ok).collect();
                $play
            }

            #[$task]
            pub(super) $($async)? fn slice($at: At, xs: &[Token]) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = xs.iter().cloned().map(Ok).collect();
                $play
            }

            #[$task]
            pub(super) $($async)? fn outcomes(
                $at: At,
                xs: Vec<Result<Token, TaskError>>,
            ) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = xs.into_iter().map(super::outcome).collect();
                $play
            }

            #[$task]
            pub(super) $($async)? fn value_with($at: At, x: Token, y: Token) -> Result<Token, BoxError> {
                let $inputs: Vec<Input> = vec![Ok(x), Ok(y)];
                $play
            }

            #[$task]
            pub(super) $($async)? fn held($at: At, _x: u8, $gate: Gate) -> Result<Token, BoxError> {
                let (playing, _) = $at.begin(&[]);
                $pass;
                Scene::new(playing).produce(End::Ok)
            }
        }
    };
}

tasks!(in_async, #[task], [async], at inputs => at.play(inputs).await, gate => gate.pass().await);
tasks!(in_sync, #[task], [], at inputs => at.play_blocking(inputs), gate => gate.pass_blocking());
tasks!(in_blocking, #[task(blocking)], [], at inputs => at.play_blocking(inputs), gate => gate.pass_blocking());

/// A list to map over.
#[task]
async fn list_of(at: At, length: usize, end: End) -> Result<Vec<Token>, BoxError> {
    let (playing, _) = at.begin(&[]);
    let first = Scene::new(playing).produce(end)?.number;
    Ok((0..length as u64).map(|n| at.world.token(first + n)).collect())
}

#[flow]
pub(crate) async fn async_flow(at: At, x: Option<Token>) -> Result<Token, BoxError> {
    at.play_flow(x).await
}

#[flow]
pub(crate) fn sync_flow(at: At, x: Option<Token>) -> Result<Token, BoxError> {
    at.play_flow_blocking(x)
}

#[flow]
pub(crate) async fn async_flow_of(at: At, x: Token) -> Result<Token, BoxError> {
    at.play_flow(Some(x)).await
}

#[flow]
pub(crate) fn sync_flow_of(at: At, x: Token) -> Result<Token, BoxError> {
    at.play_flow_blocking(Some(x))
}

fn even(upstreams: &[Upstream]) -> Decision {
    match upstreams.iter().filter(|upstream| upstream.is_failed()).count() {
        failed if failed % 2 == 0 => Decision::Run,
        1 => Decision::Skip("one has failed".into()),
        _ => Decision::Fail("three have failed, or five".into()),
    }
}

fn trigger(rule: Rule) -> Trigger {
    match rule {
        Rule::AllSuccessful => Trigger::AllSuccessful,
        Rule::AllFailed => Trigger::AllFailed,
        Rule::AnySuccessful => Trigger::AnySuccessful,
        Rule::AnyFailed => Trigger::AnyFailed,
        Rule::AllFinished => Trigger::AllFinished,
        Rule::AlwaysRun => Trigger::AlwaysRun,
        Rule::NotAllSkipped => Trigger::NotAllSkipped,
        Rule::Failed(from, to) => Trigger::some_failed(u64::from(from)..=u64::from(to)),
        Rule::SuccessfulShare(quarters) => Trigger::some_successful(f64::from(quarters) / 4.0..),
        Rule::Even => Trigger::Custom(even),
    }
}

/// A task with the options of a run.
macro_rules! configured {
    ($task:path, $run:expr, $deps:expr) => {{
        let run: &Run = &$run;
        let deps: &Deps = $deps;
        let mut configured = $task.with_trigger(trigger(run.trigger));
        if !run.skips_with_upstream {
            configured = configured.with_skip_on_upstream_skip(false);
        }
        if run.retries > 0 {
            configured = configured.with_retries(u32::from(run.retries));
        }
        if run.delayed {
            configured = configured.with_retry_delay(Duration::from_micros(200));
        }
        if run.limited {
            configured = configured.with_tags(["few"]);
        }
        if let Some(name) = &deps.name {
            configured = configured.with_name(name);
        }
        if !deps.waits_for.is_empty() {
            configured = configured.wait_for(deps.waits_for.split());
        }
        if !deps.allows.is_empty() {
            configured = configured.wait_for(allow_failure(deps.allows.split()));
        }
        configured
    }};
}

/// Does `$then` with a task that has the options of a run, or with the task itself, where it has none.
macro_rules! with_options {
    ($task:path, $run:expr, $deps:expr, |$configured:ident| $then:expr) => {
        if $run.has_options() || !$deps.is_empty() {
            let $configured = configured!($task, $run, $deps);
            $then
        } else {
            let $configured = $task;
            $then
        }
    };
}

/// The same with the task of the run's kind.
macro_rules! of_kind {
    ($task:ident, $run:expr, $deps:expr, |$configured:ident| $then:expr) => {
        match $run.kind {
            Kind::Async => with_options!(in_async::$task, $run, $deps, |$configured| $then),
            Kind::Sync => with_options!(in_sync::$task, $run, $deps, |$configured| $then),
            Kind::Blocking => with_options!(in_blocking::$task, $run, $deps, |$configured| $then),
        }
    };
}

impl Run {
    fn has_options(&self) -> bool {
        self.trigger != Rule::AllSuccessful
            || !self.skips_with_upstream
            || self.retries > 0
            || self.delayed
            || self.limited
    }
}

/// Runs of which a body waits, by their types.
#[derive(Default)]
struct Several(Vec<(Number, Handle)>);

impl Several {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn split(&self) -> (Vec<&TaskFuture<Token>>, Vec<&TaskFutures<Token>>, Vec<&FlowFuture<Token>>) {
        let mut split = (Vec::new(), Vec::new(), Vec::new());
        for (_, handle) in &self.0 {
            match handle {
                Handle::Run(future) => split.0.push(future),
                Handle::Map(futures) => split.1.push(futures),
                Handle::Flow(future) => split.2.push(future),
                Handle::List(_) => {}
            }
        }
        split
    }

    /// In the order in which they are split.
    fn numbers(&self) -> Vec<Number> {
        let order = |handle: &Handle| match handle {
            Handle::Run(_) => 0,
            Handle::Map(_) => 1,
            _ => 2,
        };
        let mut sorted: Vec<&(Number, Handle)> = self.0.iter().collect();
        sorted.sort_by_key(|(_, handle)| order(handle));
        sorted.into_iter().map(|(number, _)| *number).collect()
    }
}

/// What a run waits for without taking it, and a name where it needs one.
struct Deps {
    waits_for: Several,
    allows: Several,
    name: Option<String>,
}

impl Deps {
    fn is_empty(&self) -> bool {
        self.waits_for.is_empty() && self.allows.is_empty() && self.name.is_none()
    }

    fn before(&self, scene: &Scene) -> Vec<Before> {
        let source = |number: Number| match scene.is_map(number) {
            true => Source::Map(number),
            false => Source::Run((number, 0)),
        };
        let waits_for = self.waits_for.numbers().into_iter().map(|number| (source(number), Need::End));
        let allows = self.allows.numbers().into_iter().map(|number| (source(number), Need::AllowedFailure));
        waits_for.chain(allows).collect()
    }
}

/// A body on its way through its steps.
struct Scene {
    playing: Playing,
    /// What it has begun, and still holds.
    handles: Vec<(Number, Handle)>,
}

/// What is to be done once a step has begun what it begins.
enum Then {
    Nothing,
    Look(Number, Handle, Look, bool),
    AsCompleted,
    Call(Number, Arc<Run>, Deps),
    CallFlow(Number, Arc<Flow>),
    Hold(Held),
}

struct Held {
    gate: OpensAtLast,
    /// What arrives at the gate, and what is cancelled.
    first: Handle,
    target: (Number, Handle),
}

/// Opens a gate when it is dropped, so that nobody stays there.
struct OpensAtLast(Gate);

impl Drop for OpensAtLast {
    fn drop(&mut self) {
        self.0.open();
    }
}

fn is_run(handle: &Handle) -> bool {
    matches!(handle, Handle::Run(_))
}

fn is_map(handle: &Handle) -> bool {
    matches!(handle, Handle::Map(_))
}

fn is_single(handle: &Handle) -> bool {
    matches!(handle, Handle::Run(_) | Handle::Flow(_))
}

/// A single argument: a value, or what another run gives.
enum Single {
    Value(Token),
    Run(TaskFuture<Token>),
    Flow(FlowFuture<Token>),
    GivenRun(TaskFuture<Token>),
    GivenFlow(FlowFuture<Token>),
}

/// Submits with a single argument, whatever it is.
macro_rules! submit_single {
    ($configured:ident, $method:ident, $at:expr, $single:expr) => {
        match $single {
            Single::Value(token) => $configured.$method($at, token),
            Single::Run(future) => $configured.$method($at, &future),
            Single::Flow(future) => $configured.$method($at, &future),
            Single::GivenRun(future) => $configured.$method($at, future),
            Single::GivenFlow(future) => $configured.$method($at, future),
        }
    };
}

/// An outcome: there is no value of that type to be had here, so without a run it is that of the value itself.
macro_rules! submit_outcome {
    ($configured:ident, $at:expr, $single:expr) => {
        match $single {
            Single::Value(token) => $configured.submit($at, Ok::<_, TaskError>(token)),
            Single::Run(future) => $configured.submit($at, &future),
            Single::Flow(future) => $configured.submit($at, &future),
            Single::GivenRun(future) => $configured.submit($at, future),
            Single::GivenFlow(future) => $configured.submit($at, future),
        }
    };
}

impl Scene {
    fn new(playing: Playing) -> Self {
        Self { playing, handles: Vec::new() }
    }

    /// Whether it may wait at a gate, which is nothing that the engine knows of: a body that holds a place would keep it, and so
    /// does a flow's that a task's has called.
    fn holds_no_place(&self) -> bool {
        let records = self.world().records();
        let mut next = Some(self.playing.of.0);
        while let Some(at) = next {
            if !matches!(records[at].what, What::Flow(_)) {
                return false;
            }
            next = records[at].parent.map(|((above, _), _)| above);
        }
        true
    }

    fn world(&self) -> &Arc<World> {
        &self.playing.world
    }

    fn at(&self, number: Number) -> At {
        At::new(self.world(), number)
    }

    fn is_map(&self, number: Number) -> bool {
        matches!(self.world().records()[number].what, What::Map(..) | What::HeldMap(_))
    }

    // How it ends.

    fn produced(&self, produced: Produced) {
        self.playing.note(|attempt| attempt.produced = Some(produced));
    }

    fn produce(&self, end: End) -> Result<Token, BoxError> {
        let number = self.world().next();
        match end {
            End::Ok => {
                self.produced(Produced::Value(number));
                Ok(self.world().token(number))
            }
            End::Err => {
                self.produced(Produced::Error(number));
                Err(Oops(number).into())
            }
            End::Skip => {
                self.produced(Produced::Skip);
                Err(TaskError::skip("no need").into())
            }
            End::Panic => {
                self.produced(Produced::Panic);
                std::panic::panic_any(Boom)
            }
        }
    }

    fn pass_on(&self, error: TaskError) -> Result<Token, BoxError> {
        self.produced(Produced::PassedOn(error.kind()));
        Err(error.into())
    }

    fn refer(&self, flow: &Flow) {
        if flow.references.is_empty() || self.handles.is_empty() {
            return;
        }
        let named =
            flow.references.iter().map(|at| self.handles[usize::from(*at) % self.handles.len()].clone());
        let named = Several(named.collect());
        self.playing.note(|attempt| attempt.references = named.numbers());
        reference_tasks(named.split());
    }

    // What is chosen among.

    fn place(&self, at: u8, fits: fn(&Handle) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            self.handles.iter().enumerate().filter(|(_, (_, handle))| fits(handle)).map(|(n, _)| n).collect();
        if fitting.is_empty() { None } else { Some(fitting[usize::from(at) % fitting.len()]) }
    }

    fn pick(&self, at: u8, fits: fn(&Handle) -> bool) -> Option<(Number, Handle)> {
        self.place(at, fits).map(|place| self.handles[place].clone())
    }

    fn several(&self, at: &[u8], fits: fn(&Handle) -> bool) -> Several {
        Several(at.iter().filter_map(|at| self.pick(*at, fits)).collect())
    }

    fn constant(&self, before: &mut Vec<Before>, need: Need) -> Token {
        let number = self.world().next();
        before.push((Source::Number(number), need));
        self.world().token(number)
    }

    fn single(&mut self, at: u8, given: bool, need: Need, before: &mut Vec<Before>) -> Single {
        let Some(place) = self.place(at, is_single) else {
            return Single::Value(self.constant(before, need));
        };
        let (number, handle) = if given { self.handles.remove(place) } else { self.handles[place].clone() };
        before.push((Source::Run((number, 0)), need));
        match (handle, given) {
            (Handle::Run(future), true) => Single::GivenRun(future),
            (Handle::Run(future), false) => Single::Run(future),
            (Handle::Flow(future), true) => Single::GivenFlow(future),
            (Handle::Flow(future), false) => Single::Flow(future),
            _ => unreachable!("neither a run nor a flow"),
        }
    }

    fn list(&self, at: &[u8], need: Need, before: &mut Vec<Before>) -> Vec<TaskFuture<Token>> {
        self.several(at, is_run)
            .0
            .into_iter()
            .filter_map(|(number, handle)| match handle {
                Handle::Run(future) => {
                    before.push((Source::Run((number, 0)), need));
                    Some(future)
                }
                _ => None,
            })
            .collect()
    }

    fn deps(&self, run: &Run) -> Deps {
        let any = |_: &Handle| true;
        Deps {
            waits_for: self.several(&run.waits_for, any),
            allows: self.several(&run.allows, any),
            name: None,
        }
    }

    // What is begun.

    fn add(&self, what: What, before: Vec<Before>) -> Number {
        self.world().add(what, Some(self.playing.parent()), before)
    }

    fn hold_on(&mut self, number: Number, handle: Handle) {
        self.world().begun(number, &handle);
        self.handles.push((number, handle));
    }

    fn submit(&mut self, run: &Run) {
        let deps = self.deps(run);
        let run = Arc::new(run.clone());
        let mut before = Vec::new();
        // The body may execute before `submit` returns, so what it is of is noted first.
        let add = |scene: &Self, mut before: Vec<Before>| {
            before.extend(deps.before(scene));
            let number = scene.add(What::Run(run.clone()), before);
            (number, scene.at(number))
        };
        let (number, future) = match run.takes.clone() {
            Takes::Nothing => {
                let (number, at) = add(self, before);
                (number, of_kind!(plain, run, &deps, |task| task.submit(at)))
            }
            Takes::Value { of, given } => {
                let single = self.single(of, given, Need::Value, &mut before);
                let (number, at) = add(self, before);
                (number, of_kind!(value, run, &deps, |task| submit_single!(task, submit, at, single)))
            }
            Takes::Borrowed(of) => {
                let single = self.single(of, false, Need::Value, &mut before);
                let (number, at) = add(self, before);
                (number, of_kind!(borrowed, run, &deps, |task| submit_single!(task, submit, at, single)))
            }
            Takes::Outcome(of) => {
                let single = self.single(of, false, Need::Outcome, &mut before);
                let (number, at) = add(self, before);
                (number, of_kind!(outcome, run, &deps, |task| submit_outcome!(task, at, single)))
            }
            Takes::Mixed(x, y, z) => {
                let (xs, ys, zs) = (
                    self.list(&[x], Need::Value, &mut before),
                    self.list(&[y], Need::Value, &mut before),
                    self.list(&[z], Need::Outcome, &mut before),
                );
                let ([x], [y], [z]) = (&xs[..], &ys[..], &zs[..]) else {
                    return self.submit(&Run { takes: Takes::Nothing, ..Run::clone(&run) });
                };
                let (number, at) = add(self, before);
                (number, of_kind!(mixed, run, &deps, |task| task.submit(at, x, y, z)))
            }
            Takes::Lists(xs, ys, zs) => {
                let xs = self.list(&xs, Need::Value, &mut before);
                let ys = self.list(&ys, Need::Value, &mut before);
                let zs = self.list(&zs, Need::Outcome, &mut before);
                let (number, at) = add(self, before);
                (number, of_kind!(lists, run, &deps, |task| task.submit(at, &xs, &ys, zs)))
            }
            Takes::Map(of, how) => {
                let Some((map, Handle::Map(futures))) = self.pick(of, is_map) else {
                    return self.submit(&Run { takes: Takes::Nothing, ..Run::clone(&run) });
                };
                let need = if how == 2 { Need::Outcome } else { Need::Value };
                before.push((Source::Map(map), need));
                let (number, at) = add(self, before);
                let future = match how {
                    0 => of_kind!(list, run, &deps, |task| task.submit(at, &futures)),
                    1 => of_kind!(slice, run, &deps, |task| task.submit(at, &futures)),
                    _ => of_kind!(outcomes, run, &deps, |task| task.submit(at, &futures)),
                };
                (number, future)
            }
        };
        self.hold_on(number, Handle::Run(future));
    }

    fn map(&mut self, map: &Map) {
        let mut deps = self.deps(&map.each);
        let mut common = Vec::new();
        let unmapped_y = map.unmapped.map(|at| {
            let mut y = Vec::new();
            let single = self.single(at, false, Need::Value, &mut y);
            common.extend(y);
            single
        });
        let mut given = Vec::new();
        // Each arm gives what the elements are, and how to pass them.
        enum Pass {
            Tokens(Vec<Token>),
            Futures(Vec<TaskFuture<Token>>),
            List(TaskFuture<Vec<Token>>),
            Map(TaskFutures<Token>, u8),
        }
        let (elements, pass) = match &map.over {
            Over::Numbers(length) => {
                let tokens = (0..*length).map(|_| self.constant(&mut given, Need::Value)).collect();
                (Elements::Given(given), Pass::Tokens(tokens))
            }
            Over::Futures(of) => {
                let futures = self.list(of, Need::Value, &mut given);
                (Elements::Given(given), Pass::Futures(futures))
            }
            Over::List(length, end) => {
                let length = usize::from(*length);
                let list = self.add(What::List, Vec::new());
                let future = list_of.submit(self.at(list), length, *end);
                self.world().begun(list, &Handle::List(future.clone()));
                self.world().records()[list].awaited = true;
                (Elements::List { run: list, length }, Pass::List(future))
            }
            Over::Map(of, how) => match self.pick(*of, is_map) {
                Some((upstream, Handle::Map(futures))) => {
                    let how = if unmapped_y.is_some() { 0 } else { *how };
                    let need = if how == 2 { Need::Outcome } else { Need::Value };
                    (Elements::Map { map: upstream, need }, Pass::Map(futures, how))
                }
                _ => (Elements::Given(given), Pass::Tokens(Vec::new())),
            },
        };
        common.extend(deps.before(self));
        let number = self.add(What::Map(Arc::new(map.clone()), elements), common);
        if !self.world().plan.keep && !self.world().is_in_child_flow(number) {
            deps.name = Some(format!("m{number}"));
        }
        let (at, each) = (self.at(number), &map.each);
        /// Maps over whatever it is, with what is the same for each, where there is anything.
        macro_rules! pass {
            ($task:ident, $over:expr) => {{
                let over = $over;
                of_kind!($task, each, &deps, |task| task.map(unmapped(at), over))
            }};
            (with $over:expr) => {{
                let over = $over;
                match unmapped_y {
                    None => of_kind!(value, each, &deps, |task| task.map(unmapped(at), over)),
                    Some(Single::Value(y)) => {
                        of_kind!(value_with, each, &deps, |task| task.map(unmapped(at), over, unmapped(y)))
                    }
                    Some(Single::Run(y) | Single::GivenRun(y)) => {
                        of_kind!(value_with, each, &deps, |task| task.map(unmapped(at), over, unmapped(y)))
                    }
                    Some(Single::Flow(y) | Single::GivenFlow(y)) => {
                        of_kind!(value_with, each, &deps, |task| task.map(unmapped(at), over, unmapped(y)))
                    }
                }
            }};
        }
        let futures = match pass {
            Pass::Tokens(tokens) => pass!(with tokens),
            Pass::Futures(futures) => pass!(with futures),
            Pass::List(future) => pass!(with future),
            Pass::Map(futures, 0) => pass!(with futures),
            Pass::Map(futures, 1) => pass!(borrowed, &futures),
            Pass::Map(futures, _) => pass!(outcome, futures),
        };
        let futures = match map.chunk {
            Some(chunk) => futures.chunked(usize::from(chunk)),
            None => futures,
        };
        self.hold_on(number, Handle::Map(futures));
    }

    fn start_flow(&mut self, flow: &Flow) -> Then {
        let flow = Arc::new(flow.clone());
        let mut before = Vec::new();
        let argument = match flow.takes {
            Some(at) if !flow.called => match self.single(at, false, Need::Value, &mut before) {
                Single::Value(_) => {
                    before.clear();
                    None
                }
                single => Some(single),
            },
            _ => None,
        };
        let number = self.add(What::Flow(flow.clone()), before);
        if flow.called {
            self.world().records()[number].is_call = true;
            return Then::CallFlow(number, flow);
        }
        let at = self.at(number);
        let retries = u32::from(flow.retries);
        let future = match (argument, flow.is_async) {
            (None, true) => async_flow.with_retries(retries).start(at, None::<Token>),
            (None, false) => sync_flow(at, None).with_retries(retries).start(),
            (Some(single), true) => {
                let flow = async_flow_of.with_retries(retries);
                submit_single!(flow, start, at, single)
            }
            (Some(single), false) => {
                let flow = sync_flow_of.with_retries(retries);
                submit_single!(flow, start, at, single)
            }
        };
        self.hold_on(number, Handle::Flow(future));
        Then::Nothing
    }

    /// Begins what is held until it is cancelled.
    fn start_held(&mut self, hold: Hold) -> Then {
        // The one place of this runner is where the body itself may be.
        let is_sequential = self.world().plan.runner == Runner::Sequential;
        let gate = OpensAtLast(Gate::new());
        let held = |scene: &Self, kind: Kind| {
            let number = scene.add(What::Held, Vec::new());
            let (at, gate) = (scene.at(number), gate.0.clone());
            let future = match kind {
                Kind::Async => in_async::held.submit(at, 0, gate),
                Kind::Sync => in_sync::held.submit(at, 0, gate),
                Kind::Blocking => in_blocking::held.submit(at, 0, gate),
            };
            (number, Handle::Run(future))
        };
        let (first, target) = match hold {
            Hold::Executing(kind) => {
                let target = held(self, if is_sequential { Kind::Async } else { kind });
                self.hold_on(target.0, target.1.clone());
                (target.1.clone(), target)
            }
            Hold::Waiting(kind) => {
                let (first, handle) = held(self, Kind::Async);
                self.hold_on(first, handle.clone());
                let run = Run { kind, ..Run::plain() };
                let deps = Deps {
                    waits_for: Several(vec![(first, handle.clone())]),
                    allows: Several::default(),
                    name: None,
                };
                let number = self.add(What::Run(Arc::new(run.clone())), deps.before(self));
                let at = self.at(number);
                let future = of_kind!(plain, run, &deps, |task| task.submit(at));
                self.hold_on(number, Handle::Run(future.clone()));
                (handle, (number, Handle::Run(future)))
            }
            Hold::Map(length) => {
                let number = self.add(What::HeldMap(usize::from(length)), Vec::new());
                let (at, gate) = (unmapped(self.at(number)), unmapped(gate.0.clone()));
                let name = format!("m{number}");
                let futures = in_async::held.with_name(name).map(at, 0..length, gate);
                self.hold_on(number, Handle::Map(futures.clone()));
                (Handle::Map(futures.clone()), (number, Handle::Map(futures)))
            }
        };
        Then::Hold(Held { gate, first, target })
    }

    fn cancel(&self, number: Number, handle: &Handle, cancelled: Cancelled) {
        self.world().request_cancel(number, cancelled);
        match handle {
            Handle::Run(future) => future.cancel(),
            Handle::List(future) => future.cancel(),
            Handle::Map(futures) => futures.cancel(),
            Handle::Flow(future) => future.cancel(),
        }
    }

    /// Cancels what is held; it has arrived, or was cancelled by somebody else.
    fn cancel_held(&self, held: &Held, arrived: bool) -> Handle {
        let (number, handle) = &held.target;
        self.cancel(*number, handle, if arrived { Cancelled::Surely } else { Cancelled::Perhaps });
        handle.clone()
    }

    /// Does what begins something, and says what is to follow.
    fn start(&mut self, step: &Step) -> Then {
        match step {
            Step::Submit(run) => self.submit(run),
            Step::Map(map) => self.map(map),
            Step::Flow(flow) => return self.start_flow(flow),
            Step::Call(run) => {
                let deps = self.deps(run);
                let run = Arc::new(Run { takes: Takes::Nothing, ..run.clone() });
                let number = self.add(What::Run(run.clone()), deps.before(self));
                self.world().records()[number].is_call = true;
                return Then::Call(number, run, deps);
            }
            Step::Look { at, how, propagate } => {
                let Some(place) = self.place(*at, |_| true) else { return Then::Nothing };
                // Who takes the result has it alone, perhaps.
                let (number, handle) =
                    if *how == Look::Take { self.handles.remove(place) } else { self.handles[place].clone() };
                return Then::Look(number, handle, *how, *propagate);
            }
            Step::AsCompleted => return Then::AsCompleted,
            Step::Cancel(at) => {
                if let Some((number, handle)) = self.pick(*at, |_| true) {
                    self.cancel(number, &handle, Cancelled::Perhaps);
                }
            }
            Step::Hold(hold) if self.holds_no_place() => return self.start_held(*hold),
            Step::Hold(_) => {}
        }
        Then::Nothing
    }

    // What it looks at.

    fn looked(&self, at: Number, how: Look, got: Got) {
        self.world().records()[at].awaited |= !matches!(got, Got::All(Err(_)));
        self.playing.note(|attempt| attempt.looks.push(Looked { at, how, got }));
    }

    fn as_completed(&self) -> Vec<TaskFuture<Token>> {
        let runs = self.handles.iter().filter_map(|(_, handle)| match handle {
            Handle::Run(future) => Some(future.clone()),
            _ => None,
        });
        runs.collect()
    }

    /// Notes a run that `as_completed` has given.
    fn completed(&self, future: &TaskFuture<Token>) {
        let same = |handle: &Handle| matches!(handle, Handle::Run(known) if known.id() == future.id());
        let number = self.handles.iter().find(|(_, handle)| same(handle)).map(|(number, _)| *number);
        let Some(number) = number else { return self.world().breach("as_completed gives a stranger".into()) };
        if !future.state().is_final() {
            self.world().breach(format!("as_completed gives {number} before its end"));
        }
        self.looked(number, Look::Finish, Got::Nothing);
    }

    async fn play(&mut self, body: &Body) -> Result<(), TaskError> {
        for step in &body.steps {
            match self.start(step) {
                Then::Nothing => {}
                Then::Call(number, run, deps) => {
                    let at = self.at(number);
                    let called: Boxed<'_, Result<Token, TaskError>> = match run.kind {
                        Kind::Async => {
                            Box::pin(configured!(in_async::plain, run, &deps).call(at).into_future())
                        }
                        Kind::Sync => {
                            Box::pin(configured!(in_sync::plain, run, &deps).call(at).into_future())
                        }
                        Kind::Blocking => {
                            Box::pin(configured!(in_blocking::plain, run, &deps).call(at).into_future())
                        }
                    };
                    let outcome = called.await;
                    self.looked(number, Look::Take, Got::Outcome(shown(&outcome)));
                }
                Then::CallFlow(number, flow) => {
                    let (at, retries) = (self.at(number), u32::from(flow.retries));
                    let outcome = if flow.is_async {
                        let called: Boxed<'_, Result<Token, FlowError>> =
                            Box::pin(async_flow(at, None).with_retries(retries).into_future());
                        called.await
                    } else {
                        sync_flow(at, None).with_retries(retries).await
                    };
                    self.looked(number, Look::Take, Got::Outcome(shown(&outcome.map_err(TaskError::from))));
                }
                Then::AsCompleted => {
                    let mut runs = as_completed(self.as_completed());
                    while let Some(future) = runs.next().await {
                        self.completed(&future);
                    }
                }
                Then::Hold(held) => {
                    let arrived = {
                        let arrival = std::pin::pin!(held.gate.0.arrived(1));
                        let end = std::pin::pin!(ended(held.first.clone()));
                        matches!(select(arrival, end).await, Either::Left(_))
                    };
                    // It ends although nobody opens the gate.
                    ended(self.cancel_held(&held, arrived)).await;
                }
                Then::Look(number, handle, how, propagate) => {
                    let (got, error) = look(handle, how).await;
                    self.looked(number, how, got);
                    if let (Some(error), true) = (error, propagate) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn play_blocking(&mut self, body: &Body) -> Result<(), TaskError> {
        for step in &body.steps {
            match self.start(step) {
                Then::Nothing => {}
                Then::Call(number, run, deps) => {
                    let at = self.at(number);
                    let outcome = match run.kind {
                        Kind::Async => configured!(in_async::plain, run, &deps).call(at).result(),
                        Kind::Sync => configured!(in_sync::plain, run, &deps).call(at).result(),
                        Kind::Blocking => configured!(in_blocking::plain, run, &deps).call(at).result(),
                    };
                    self.looked(number, Look::Take, Got::Outcome(shown(&outcome)));
                }
                Then::CallFlow(number, flow) => {
                    let (at, retries) = (self.at(number), u32::from(flow.retries));
                    let outcome = if flow.is_async {
                        async_flow(at, None).with_retries(retries).result()
                    } else {
                        sync_flow(at, None).with_retries(retries).result()
                    };
                    self.looked(number, Look::Take, Got::Outcome(shown(&outcome.map_err(TaskError::from))));
                }
                Then::AsCompleted => {
                    for future in as_completed(self.as_completed()).blocking() {
                        self.completed(&future);
                    }
                }
                Then::Hold(held) => {
                    let arrived = futures::executor::block_on(async {
                        let arrival = std::pin::pin!(held.gate.0.arrived(1));
                        let end = std::pin::pin!(ended(held.first.clone()));
                        matches!(select(arrival, end).await, Either::Left(_))
                    });
                    futures::executor::block_on(ended(self.cancel_held(&held, arrived)));
                }
                Then::Look(number, handle, how, propagate) => {
                    let (got, error) = look_blocking(&handle, how);
                    drop(handle);
                    self.looked(number, how, got);
                    if let (Some(error), true) = (error, propagate) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Ready when it has ended, which is not seen.
async fn ended(handle: Handle) {
    match handle {
        Handle::Run(future) => drop(wait(&future, None).await),
        Handle::Map(futures) => drop(wait(&futures, None).await),
        Handle::Flow(future) => drop(wait(&future, None).await),
        Handle::List(future) => drop(wait(&future, None).await),
    }
}

fn shown(outcome: &Result<Token, TaskError>) -> Shown {
    match outcome {
        Ok(token) => Ok(token.number),
        Err(error) => Err((error.kind(), error.downcast_ref::<Oops>().map(|oops| oops.0))),
    }
}

fn one(outcome: Result<Token, TaskError>) -> (Got, Option<TaskError>) {
    (Got::Outcome(shown(&outcome)), outcome.err())
}

fn all(outcome: Result<Vec<Token>, TaskError>) -> (Got, Option<TaskError>) {
    match outcome {
        Ok(tokens) => (Got::All(Ok(tokens.iter().map(|token| token.number).collect())), None),
        Err(error) => (Got::All(Err(error.kind())), Some(error)),
    }
}

fn shared(tokens: Vec<Arc<Token>>) -> Vec<Token> {
    tokens.into_iter().map(Arc::unwrap_or_clone).collect()
}

fn each(outcomes: &[Result<Token, TaskError>]) -> (Got, Option<TaskError>) {
    let error = outcomes.iter().find_map(|outcome| outcome.as_ref().err().cloned());
    (Got::Outcomes(outcomes.iter().map(shown).collect()), error)
}

async fn look(handle: Handle, how: Look) -> (Got, Option<TaskError>) {
    match (handle, how) {
        (Handle::Run(future), Look::Take) => one(future.await),
        (Handle::Run(future), Look::Share) => one(future.shared().await.map(Arc::unwrap_or_clone)),
        (Handle::Run(future), Look::Finish) => {
            future.finished().await;
            one((&future).await)
        }
        (Handle::Flow(future), Look::Take) => one(future.await.map_err(TaskError::from)),
        (Handle::Flow(future), Look::Share) => {
            one(future.shared().await.map(Arc::unwrap_or_clone).map_err(TaskError::from))
        }
        (Handle::Flow(future), Look::Finish) => {
            future.finished().await;
            one((&future).await.map_err(TaskError::from))
        }
        (Handle::Map(futures), Look::Take) => all(futures.await),
        (Handle::Map(futures), Look::Share) => all(futures.shared().await.map(shared)),
        (Handle::Map(futures), Look::Finish) => each(&futures.outcomes().await),
        (Handle::Map(futures), Look::Timed) => {
            let mut outcomes = Vec::new();
            for future in futures.futures().await {
                outcomes.push(future.await);
            }
            if outcomes.is_empty() { (Got::Nothing, None) } else { each(&outcomes) }
        }
        (handle, Look::Wait) => {
            ended(handle).await;
            (Got::Nothing, None)
        }
        (handle, how) => look_blocking(&handle, how),
    }
}

fn look_blocking(handle: &Handle, how: Look) -> (Got, Option<TaskError>) {
    match (handle, how) {
        (Handle::Run(future), Look::Take | Look::Block) => one(future.result()),
        (Handle::Run(future), Look::Share) => one(future.shared_result().map(Arc::unwrap_or_clone)),
        (Handle::Run(future), Look::Finish) => {
            future.wait();
            let _ = future.state();
            one(future.result())
        }
        (Handle::Run(future), Look::Timed) => one(future.result_timeout(EVER)),
        (Handle::Flow(future), Look::Take | Look::Block) => one(future.result().map_err(TaskError::from)),
        (Handle::Flow(future), Look::Share) => {
            one(future.shared_result().map(Arc::unwrap_or_clone).map_err(TaskError::from))
        }
        (Handle::Flow(future), Look::Finish | Look::Timed) => {
            future.wait_timeout(EVER);
            let _ = future.state();
            one(future.result().map_err(TaskError::from))
        }
        (Handle::Map(futures), Look::Take | Look::Block) => all(futures.result()),
        (Handle::Map(futures), Look::Share) => all(futures.shared_result().map(shared)),
        (Handle::Map(futures), Look::Finish) => each(&futures.outcomes_blocking()),
        (Handle::Map(futures), Look::Timed) => {
            let outcomes: Vec<_> = futures.futures_blocking().iter().map(TaskFuture::result).collect();
            if outcomes.is_empty() { (Got::Nothing, None) } else { each(&outcomes) }
        }
        (handle, Look::Wait | Look::WaitAlone) => {
            match handle {
                Handle::Run(future) if how == Look::WaitAlone => future.wait(),
                Handle::Map(futures) if how == Look::WaitAlone => futures.wait(),
                Handle::Flow(future) if how == Look::WaitAlone => future.wait(),
                Handle::Run(future) => drop(wait_blocking(future, None)),
                Handle::Map(futures) => drop(wait_blocking(futures, None)),
                Handle::Flow(future) => drop(wait_blocking(future, None)),
                Handle::List(_) => {}
            }
            (Got::Nothing, None)
        }
        (Handle::List(_), _) => (Got::Nothing, None),
    }
}

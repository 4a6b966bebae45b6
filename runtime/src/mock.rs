//! What is executed in place of tasks, in flow runs that are tests: values, states, closures, other tasks.
//!
//! A flow run with mocks looks for no result and keeps none, and what is recorded of it is not taken up when something is resumed: what is
//! made of a mock's value is no more real than that.

mod body;
mod rows;

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::body::{BoxBody, CloneArgs, Erased, Job, JobArgs, Of, Outcome, PlanValue, Task};
use crate::bounds::{Failure, MocksBody, Output};
use crate::context::{Scope, Tree};
use crate::error::{ErrorKind, TaskError};
use crate::options::Options;
use crate::run::{Run, error_in};
use crate::spec::Spec;
use crate::state::{State, StateName};

/// What a closure that stands for a task's body may give: the task's result, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "the task gives `{T}`, and the closure in its place gives `{Self}`",
    label = "expected a closure that gives `{T}`, or a `Result` of it",
    note = "the error of a `Result` is a `std::error::Error + Send + Sync`, a `String`, or the like"
)]
pub trait IntoMocked<T, M> {
    #[doc(hidden)]
    fn into_outcome(self) -> Outcome;
}

/// Marks what gives a result.
#[doc(hidden)]
pub struct Gives;
/// Marks what may fail.
#[doc(hidden)]
pub struct MayFail;

#[diagnostic::do_not_recommend]
impl<T: Output> IntoMocked<T, Gives> for T {
    fn into_outcome(self) -> Outcome {
        Ok(self.into_erased())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Output, E: Failure> IntoMocked<T, MayFail> for Result<T, E> {
    fn into_outcome(self) -> Outcome {
        self.map(Output::into_erased).map_err(|error| TaskError::from_user(error.into()))
    }
}

/// What is executed in place of one task.
pub(crate) struct StandIn {
    /// The task, and what its runs give: of a generic one there are several.
    of: &'static Spec,
    output: TypeId,
    does: Does,
}

type Call = dyn Fn(Box<dyn Any + Send>) -> Option<Outcome> + Send + Sync;

enum Does {
    /// Nothing, and gives a value; a call takes a copy for itself.
    Give(Erased, fn(&Erased) -> Option<Erased>),
    /// Nothing, and ends like this.
    End(State),
    /// Calls a closure with the arguments.
    Call(Box<Call>),
    /// What another task does.
    Task(Other),
}

/// A task in place of another one.
struct Other {
    spec: &'static Spec,
    plan_value: Option<fn() -> Erased>,
    body: fn(Box<dyn Any + Send>) -> Option<BoxBody>,
}

impl StandIn {
    fn new<K: Task>(does: Does) -> Self {
        Self { of: Of::<K>::SPEC, output: TypeId::of::<K::Output>(), does }
    }

    pub(crate) fn giving<K: Task>(value: K::Output) -> Self {
        let copy = |value: &Erased| {
            let copy = K::PARTS.clone_result?;
            K::Output::of_erased(value.clone()).map(|value| copy(&value).into_erased())
        };
        Self::new::<K>(Does::Give(value.into_erased(), copy))
    }

    pub(crate) fn ending<K: Task>(state: State) -> Self {
        Self::new::<K>(Does::End(state))
    }

    pub(crate) fn calling<K: Task + 'static, B, R, M>(call: B) -> Self
    where
        B: Fn(K::Args) -> R + MocksBody<K::Output, R, M> + Send + Sync + 'static,
    {
        let call = move |args: Box<dyn Any + Send>| {
            let args: Box<K::Args> = args.downcast().ok()?;
            Some(B::outcome(call(*args)))
        };
        Self::new::<K>(Does::Call(Box::new(call)))
    }

    pub(crate) fn executing<K: Task, L: Task + 'static>() -> Self {
        let other = Other { spec: Of::<L>::SPEC, plan_value: L::PARTS.plan_value, body: body_of::<L> };
        Self::new::<K>(Does::Task(other))
    }

    /// What the runs are of.
    pub(crate) fn spec(&self) -> &'static Spec {
        match &self.does {
            Does::Task(other) => other.spec,
            _ => self.of,
        }
    }

    /// The options of a run: what is to end in a state does so at once.
    pub(crate) fn options(&self, options: Option<Arc<Options>>) -> Option<Arc<Options>> {
        if !matches!(self.does, Does::End(_)) {
            return options;
        }
        let mut options = options.map(Arc::unwrap_or_clone).unwrap_or_default();
        options.retries = Some(0);
        Some(Arc::new(options))
    }

    fn plan_value(&self) -> Option<PlanValue> {
        match &self.does {
            Does::Give(value, _) => Some(PlanValue::Given(value.clone())),
            Does::Task(other) => other.plan_value.map(PlanValue::Made),
            Does::End(_) | Does::Call(_) => None,
        }
    }

    /// Why a run cannot end as it is to.
    fn check(&self) -> Result<(), TaskError> {
        let Does::End(state) = &self.does else { return Ok(()) };
        let name = self.of.function;
        let advice = match state.name {
            name if !name.state_type().is_final() => "that is not how a run ends",
            StateName::Completed | StateName::Cached | StateName::RolledBack => "what it gives is missing",
            _ => return Ok(()),
        };
        Err(TaskError::new(
            ErrorKind::Failed,
            format!(
                "`.mock_state({name}, {state})`: {advice}; give it a state such as `State::failed(\"why\")` or `State::skipped(\"why\")`, \
                 or a value with `.mock({name}, value)`"
            ),
        ))
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StandIn({})", self.of.key())
    }
}

fn body_of<L: Task + 'static>(args: Box<dyn Any + Send>) -> Option<BoxBody> {
    use crate::body::ArgTuple as _;
    let args: Box<L::Args> = args.downcast().ok()?;
    let clone: CloneArgs<L::Args> = None;
    Some(L::Args::boxed(Job::new(JobArgs::Ready(*args), Of::<L>::OWNING, clone)))
}

/// The error that a run ends with to end in a state.
fn error_of(State { name, message, .. }: &State) -> TaskError {
    error_in(*name, message.clone().unwrap_or_else(|| format!("the task is mocked as {name}")))
}

/// The mocks of a flow run, and of those that it is in.
pub(crate) struct Mocks {
    own: Vec<Mock>,
    outer: Option<Arc<Mocks>>,
}

struct Mock {
    stand_in: Arc<StandIn>,
    is_met: AtomicBool,
}

impl Mocks {
    /// Those of a flow run that begins, inside of one with those.
    pub(crate) fn begin(options: Option<&Options>, outer: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let own = options.map_or(&[][..], |options| &options.mocks);
        if own.is_empty() {
            return outer.cloned();
        }
        let own = own.iter().cloned().map(|stand_in| Mock { stand_in, is_met: AtomicBool::new(false) });
        Some(Arc::new(Self { own: own.collect(), outer: outer.cloned() }))
    }

    /// What stands for a task; what was said last goes first.
    fn find(&self, spec: &'static Spec, output: TypeId) -> Option<&Arc<StandIn>> {
        let is_it = |mock: &&Mock| std::ptr::eq(mock.stand_in.of, spec) && mock.stand_in.output == output;
        let mut own = self.own.iter().filter(is_it);
        let Some(found) = own.next_back() else { return self.outer.as_ref()?.find(spec, output) };
        // Those that it stands before are out of use.
        own.chain([found]).for_each(|mock| mock.is_met.store(true, Ordering::Relaxed));
        Some(&found.stand_in)
    }
}

/// What stands for a task that is begun in a scope. `output` is what its runs give.
#[inline]
pub(crate) fn of(
    scope: &Scope,
    spec: &'static Spec,
    output: impl FnOnce() -> TypeId,
) -> Option<Arc<StandIn>> {
    let mocks = scope.tree.mocks.as_ref()?;
    find(mocks, scope, spec, output())
}

#[cold]
fn find(mocks: &Mocks, scope: &Scope, spec: &'static Spec, output: TypeId) -> Option<Arc<StandIn>> {
    let stand_in = mocks.find(spec, output)?;
    let is_same = |run: &Arc<Run>| {
        let mocks = run.scope.tree.mocks.as_ref();
        mocks.and_then(|mocks| mocks.find(spec, output)).is_some_and(|found| Arc::ptr_eq(found, stand_in))
    };
    // What stands for a task may begin that task itself.
    let mut around = ancestors(scope).take_while(is_same);
    let is_inside = around.any(|run| std::ptr::eq(run.spec, stand_in.spec()));
    (!is_inside).then(|| stand_in.clone())
}

/// The task runs that what is begun in a scope is inside of.
fn ancestors(scope: &Scope) -> impl Iterator<Item = Arc<Run>> {
    std::iter::successors(scope.parent.clone(), |run| run.scope.parent.clone())
}

/// Whether tasks are mocked in the flow run that a run is in, or is.
pub(crate) fn is_near(run: &Run) -> bool {
    run.scope.tree.mocks.is_some()
        || (run.spec.is_flow && run.tree_inside().is_some_and(|tree| tree.mocks.is_some()))
}

/// Whether a flow run can be executed with its mocks.
pub(crate) fn check(tree: &Tree) -> Result<(), TaskError> {
    tree.mocks.iter().flat_map(|mocks| &mocks.own).try_for_each(|mock| mock.stand_in.check())
}

/// Whether a flow run, whose body has ended well, has met all tasks that were mocked in it.
pub(crate) fn check_met(run: &Run) -> Result<(), TaskError> {
    let given = run.with_options(|options| options.is_some_and(|options| !options.mocks.is_empty()));
    let Some(mocks) = run.tree_inside().and_then(|tree| tree.mocks.clone()).filter(|_| given) else {
        return Ok(());
    };
    let unmet = mocks.own.iter().filter(|mock| !mock.is_met.load(Ordering::Relaxed));
    let unmet: Vec<String> = unmet.map(|mock| format!("`{}`", mock.stand_in.of.key())).collect();
    if unmet.is_empty() {
        return Ok(());
    }
    let message = format!(
        "mocked, and never begun in this flow run: {}; take away mocks that are not needed, or mock the task that the flow begins \
         instead",
        unmet.join(", ")
    );
    Err(TaskError::verdict(message, None))
}

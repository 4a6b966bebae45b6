//! A task's function with its arguments: one type for each list of argument types.

use std::any::{Any, TypeId};
use std::marker::PhantomData;

use super::{
    ArgTuple, Attempt, Body, Erased, IntoOwned, PlanValue, Task, Text, UpstreamForm, Upstreams, into_owned,
    write_form,
};
use crate::cache::{KeyText, Values};
use crate::error::TaskError;
use crate::spec::Spec;

/// What is compiled of a task, for those who know no more of it than the types of its arguments.
#[doc(hidden)]
pub(crate) struct Compiled<'a, A: ArgTuple> {
    fns: &'a TaskFns<'a, A>,
    json: A::Json,
}

struct TaskFns<'a, A: ArgTuple> {
    spec: &'static Spec,
    attempt: fn(A) -> Attempt<'a>,
    clone: Option<fn(&A) -> A>,
    text: Option<Text<A>>,
    plan_value: Option<fn() -> Erased>,
    output: fn() -> TypeId,
    into_owned: IntoOwned<A>,
}

/// What is compiled of the task `K`: constants, so that no code is made for them.
pub(crate) struct Of<'a, K>(PhantomData<(&'a (), K)>);

impl<'a, K: Task + 'a> Of<'a, K> {
    pub(crate) const SPEC: &'static Spec = &K::PARTS.spec.0;

    const FNS: &'a TaskFns<'a, K::Args> = &TaskFns {
        spec: Self::SPEC,
        attempt: K::attempt,
        clone: K::PARTS.clone,
        text: K::PARTS.text,
        plan_value: K::PARTS.plan_value,
        output: TypeId::of::<K::Output>,
        into_owned: K::PARTS.into_owned,
    };

    pub(crate) const COMPILED: Compiled<'a, K::Args> = Compiled { fns: Self::FNS, json: K::PARTS.json };
}

impl<K: Task + 'static> Of<'static, K> {
    /// Of a task whose arguments borrow nothing, whatever its parameters are.
    const OWNING_FNS: &'static TaskFns<'static, K::Args> =
        &TaskFns { into_owned: into_owned::<K>(), ..*Self::FNS };

    pub(crate) const OWNING: Compiled<'static, K::Args> =
        Compiled { fns: Self::OWNING_FNS, json: K::PARTS.json };
}

impl<A: ArgTuple> Compiled<'_, A> {
    pub(crate) const fn spec(&self) -> &'static Spec {
        self.fns.spec
    }

    pub(crate) fn plan_value(&self) -> Option<PlanValue> {
        self.fns.plan_value.map(PlanValue::Made)
    }

    pub(crate) fn output(&self) -> TypeId {
        (self.fns.output)()
    }
}

impl<A: ArgTuple> Clone for Compiled<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: ArgTuple> Copy for Compiled<'_, A> {}

/// How the arguments of a configured task are cloned, where its own type does not tell.
pub(crate) type CloneArgs<A> = Option<fn(&A) -> A>;

#[doc(hidden)]
pub(crate) enum JobArgs<A: ArgTuple> {
    Pending(A::Pending),
    Ready(A),
    Gone,
}

/// A task's function with its arguments.
#[doc(hidden)]
pub struct Job<'a, A: ArgTuple> {
    args: JobArgs<A>,
    task: Compiled<'a, A>,
    clone: CloneArgs<A>,
    upstreams: Upstreams,
}

impl<'a, A: ArgTuple> Job<'a, A> {
    pub(crate) fn new(args: JobArgs<A>, task: Compiled<'a, A>, clone: CloneArgs<A>) -> Self {
        Self { args, task, clone: clone.or(task.fns.clone), upstreams: Upstreams::default() }
    }

    /// The arguments, or, where this was not the `last` attempt, copies of them.
    fn given(&mut self, last: bool) -> Option<A> {
        match (&self.args, self.clone) {
            (JobArgs::Ready(args), Some(clone)) if !last => Some(clone(args)),
            _ => match std::mem::replace(&mut self.args, JobArgs::Gone) {
                JobArgs::Ready(args) => Some(args),
                _ => None,
            },
        }
    }
}

pub(super) fn gone() -> TaskError {
    TaskError::new(
        crate::error::ErrorKind::Crashed,
        "the arguments of the run are gone: this is a bug in millrun",
    )
}

impl<'a, A: ArgTuple + Send + 'a> Body<'a> for Job<'a, A> {
    fn upstreams(&mut self) -> &mut Upstreams {
        &mut self.upstreams
    }

    fn resolve(&mut self) -> Result<(), TaskError> {
        if matches!(self.args, JobArgs::Pending(_))
            && let JobArgs::Pending(pending) = std::mem::replace(&mut self.args, JobArgs::Gone)
        {
            self.args = JobArgs::Ready(A::resolve(pending)?);
        }
        Ok(())
    }

    fn is_prepared(&self) -> bool {
        matches!(self.args, JobArgs::Ready(_)) && self.task.fns.text.is_none()
    }

    fn can_repeat(&self) -> bool {
        self.clone.is_some()
    }

    fn output(&self) -> TypeId {
        self.task.output()
    }

    fn plan_value(&self) -> Option<PlanValue> {
        self.task.plan_value()
    }

    fn take(&mut self) -> Box<dyn Body<'a> + 'a> {
        let args = std::mem::replace(&mut self.args, JobArgs::Gone);
        let upstreams = std::mem::take(&mut self.upstreams);
        Box::new(Self { args, task: self.task, clone: self.clone, upstreams })
    }

    fn arguments(&mut self, last: bool) -> Option<Box<dyn Any + Send>> {
        let into_owned = self.task.fns.into_owned?;
        self.given(last).map(into_owned)
    }

    fn fork(&self) -> Option<Box<dyn Body<'a> + 'a>> {
        match (&self.args, self.clone) {
            (JobArgs::Ready(args), Some(clone)) => {
                Some(Box::new(Self::new(JobArgs::Ready(clone(args)), self.task, self.clone)))
            }
            _ => None,
        }
    }

    fn run_name(&self) -> Option<String> {
        match &self.args {
            JobArgs::Ready(args) => self.task.fns.text.and_then(|text| text(args, None)),
            _ => None,
        }
    }

    fn write_key(&self, key: &mut KeyText<'_>) -> bool {
        match &self.args {
            JobArgs::Ready(args) => self.task.fns.text.is_some_and(|text| text(args, Some(key)).is_some()),
            _ => false,
        }
    }

    fn inputs(&self) -> Values<'_> {
        match &self.args {
            JobArgs::Ready(args) => {
                self.task.fns.spec.parameters.iter().copied().zip(args.values(&self.task.json)).collect()
            }
            _ => self.task.fns.spec.parameters.iter().map(|name| (*name, None)).collect(),
        }
    }

    fn form(&self, upstream: &mut UpstreamForm<'_>, form: &mut Vec<u8>) -> bool {
        match &self.args {
            JobArgs::Ready(args) => {
                args.values(&self.task.json).into_iter().all(|value| write_form(value, form))
            }
            JobArgs::Pending(pending) => A::form(pending, &self.task.json, upstream, form),
            JobArgs::Gone => false,
        }
    }

    fn attempt(&mut self, last: bool) -> Attempt<'a> {
        match self.given(last) {
            Some(args) => (self.task.fns.attempt)(args),
            None => Attempt::Done(Err(gone())),
        }
    }
}

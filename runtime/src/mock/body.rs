//! Bodies with something else in place of the function.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::{Does, Other, StandIn, error_of};
use crate::body::{Attempt, Body, BoxBody, Erased, Outcome, PlanValue, UpstreamForm, Upstreams, no_body};
use crate::cache::{KeyText, Values};
use crate::error::{ErrorKind, TaskError};

/// A task's body, of which everything is as it was but what it does.
struct Mocked<'a> {
    body: Box<dyn Body<'a> + 'a>,
    stand_in: Arc<StandIn>,
    /// Its caller takes what it gives for himself.
    is_call: bool,
    /// The body of the task that stands for it, once the arguments are there.
    other: Option<BoxBody>,
}

impl StandIn {
    pub(crate) fn body(self: Arc<Self>, body: BoxBody) -> BoxBody {
        Box::new(Mocked { body, stand_in: self, is_call: false, other: None })
    }

    /// As [`body`](Self::body), of a call.
    pub(crate) fn called<'a>(self: &Arc<Self>, body: Box<dyn Body<'a> + 'a>) -> Box<dyn Body<'a> + 'a> {
        Box::new(Mocked { body, stand_in: self.clone(), is_call: true, other: None })
    }

    fn other(&self) -> Option<&Other> {
        match &self.does {
            Does::Task(other) => Some(other),
            _ => None,
        }
    }

    /// The arguments cannot be given to what stands for the function.
    fn borrows(&self) -> TaskError {
        let name = self.of.function;
        let message = format!(
            "this call of `{name}` borrows its arguments, and what stands for `{name}` has to own them: submit it, with \
             `{name}.submit(..)`, or give it a value, with `.mock({name}, value)`"
        );
        TaskError::new(ErrorKind::Failed, message)
    }

    /// A value that the caller has for himself.
    fn for_caller(&self, value: &Erased, copy: fn(&Erased) -> Option<Erased>) -> Outcome {
        copy(value).ok_or_else(|| {
            let name = self.of.function;
            let message = format!(
                "a call of `{name}` takes its result for itself, and the value with which it is mocked is not known to be `Clone`: make \
                 one for each run with `.mock_with({name}, |_| ..)`"
            );
            TaskError::new(ErrorKind::Failed, message)
        })
    }
}

impl<'a> Body<'a> for Mocked<'a> {
    fn upstreams(&mut self) -> &mut Upstreams {
        self.body.upstreams()
    }

    fn resolve(&mut self) -> Result<(), TaskError> {
        self.body.resolve()?;
        if self.other.is_none()
            && let Some(other) = self.stand_in.other()
        {
            let body = self.body.arguments(true).and_then(other.body);
            self.other = Some(body.ok_or_else(|| self.stand_in.borrows())?);
        }
        Ok(())
    }

    fn is_prepared(&self) -> bool {
        match &self.other {
            Some(other) => other.is_prepared(),
            None => self.stand_in.other().is_none() && self.body.is_prepared(),
        }
    }

    fn can_repeat(&self) -> bool {
        self.other.as_ref().map_or_else(|| self.body.can_repeat(), |other| other.can_repeat())
    }

    fn output(&self) -> TypeId {
        self.body.output()
    }

    fn plan_value(&self) -> Option<PlanValue> {
        match (self.stand_in.plan_value()?, &self.stand_in.does) {
            (PlanValue::Given(value), Does::Give(_, copy)) if self.is_call => {
                copy(&value).map(PlanValue::Given)
            }
            (value, _) => Some(value),
        }
    }

    fn take(&mut self) -> Box<dyn Body<'a> + 'a> {
        let body = self.body.take();
        let (stand_in, other) = (self.stand_in.clone(), self.other.take());
        Box::new(Mocked { body, stand_in, is_call: self.is_call, other })
    }

    fn arguments(&mut self, last: bool) -> Option<Box<dyn Any + Send>> {
        self.other.as_mut().map_or_else(|| self.body.arguments(last), |other| other.arguments(last))
    }

    fn fork(&self) -> Option<Box<dyn Body<'a> + 'a>> {
        let (body, other) = match &self.other {
            Some(other) => (no_body(), Some(other.fork()?)),
            None => (self.body.fork()?, None),
        };
        Some(Box::new(Mocked { body, stand_in: self.stand_in.clone(), is_call: self.is_call, other }))
    }

    fn run_name(&self) -> Option<String> {
        self.other.as_ref().map_or_else(|| self.body.run_name(), |other| other.run_name())
    }

    fn write_key(&self, _key: &mut KeyText<'_>) -> bool {
        // No result is kept.
        false
    }

    fn inputs(&self) -> Values<'_> {
        self.other.as_ref().map_or_else(|| self.body.inputs(), |other| other.inputs())
    }

    fn form(&self, upstream: &mut UpstreamForm<'_>, form: &mut Vec<u8>) -> bool {
        self.body.form(upstream, form)
    }

    fn attempt(&mut self, last: bool) -> Attempt<'a> {
        let stand_in = &self.stand_in;
        if let Some(other) = &mut self.other {
            return other.attempt(last);
        }
        Attempt::Done(match &stand_in.does {
            Does::Give(value, copy) if self.is_call => stand_in.for_caller(value, *copy),
            Does::Give(value, _) => Ok(value.clone()),
            Does::End(state) => Err(error_of(state)),
            Does::Call(call) => {
                let outcome = self.body.arguments(last).and_then(call);
                outcome.unwrap_or_else(|| Err(stand_in.borrows()))
            }
            Does::Task(_) => Err(stand_in.borrows()),
        })
    }
}

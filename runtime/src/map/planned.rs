//! Maps that are only planned.

use std::sync::Arc;
use std::task::Waker;

use super::{Inner, MapGroup};
use crate::engine::plan::{self, Planning};
use crate::error::TaskError;
use crate::input::Node;
use crate::panic::drop_caught;

impl Inner {
    pub(super) fn has_values(&self) -> bool {
        self.done && self.failed.is_none() && self.failure.is_none()
    }
}

impl MapGroup {
    fn plan(&self) -> Option<&Arc<Planning>> {
        self.scope.tree.plan.as_ref()
    }

    /// Whether its runs are not to be executed.
    pub(crate) fn is_planned(&self) -> bool {
        self.plan().is_some()
    }

    /// Where it is only planned, and what is asked for is not there: whether whoever polls waits in vain.
    pub(super) fn withholds(
        self: &Arc<Self>,
        waker: &Waker,
        is_there: impl FnOnce(&Inner) -> bool,
    ) -> Option<bool> {
        let plan = self.plan()?;
        let is_there = is_there(&self.inner.lock());
        (!is_there).then(|| plan.needs(|| Node::Map(self.clone()), Some(waker)))
    }

    /// Somebody asks for what its runs have given, and does not wait for it.
    pub(crate) fn asked(self: &Arc<Self>) {
        let has_values = self.inner.lock().has_values();
        if let Some(plan) = self.plan().filter(|_| !has_values) {
            plan.needs(|| Node::Map(self.clone()), None);
        }
    }

    /// Why there are no results where it is only planned.
    pub(crate) fn unknown(&self) -> Option<TaskError> {
        (self.is_planned() && !self.inner.lock().has_values()).then(|| plan::unknown(&self.name()))
    }

    /// Lets go of the maps that are made of it, and of those that it is made of: what is only planned never comes to that by itself.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner.lock();
        let rows = inner.rows.take();
        let awaited = std::mem::take(&mut inner.awaited);
        let upstream = std::mem::take(&mut inner.upstream);
        let waiters = [std::mem::take(&mut inner.waiters), std::mem::take(&mut inner.openers)];
        drop(inner);
        drop_caught((rows, awaited, upstream, waiters));
    }
}

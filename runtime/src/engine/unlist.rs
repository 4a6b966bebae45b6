//! Runs that have ended are taken off their scope's list of open ones: many at once, where a thread executes one after another. Each
//! by itself, it would wait for whoever submits the next ones.

use std::cell::RefCell;
use std::sync::Arc;

use super::moment;
use crate::context::Scope;
use crate::run::Run;
use crate::state::StateName;

/// So many are taken off at once.
const MOST: usize = 32;

/// Runs of one scope that have ended on this thread, and are on its list still. They hold nothing of the user's.
#[derive(Default)]
struct Left {
    scope: Option<Arc<Scope>>,
    places: [u32; MOST],
    count: usize,
}

thread_local! {
    static LEFT: RefCell<Left> = RefCell::new(Left::default());
}

/// Takes a run off the list that has ended like this.
pub(super) fn unlist(run: &Run, name: StateName) {
    if !(moment::is_in_a_row() && run.is_plain() && name == StateName::Completed) {
        return run.scope.unregister(run);
    }
    // Its execution may have begun on another thread.
    goes_on_in(&run.scope);
    let is_full = LEFT.with(|left| {
        let left = &mut *left.borrow_mut();
        left.scope.get_or_insert_with(|| run.scope.clone());
        left.places[left.count] = run.place();
        left.count += 1;
        left.count == MOST
    });
    if is_full {
        flush();
    }
}

/// Has nothing left on the list of another scope: the thread is about to execute something in this one, which may take any time.
pub(super) fn goes_on_in(scope: &Arc<Scope>) {
    let is_other = LEFT.with(|left| left.borrow().scope.as_ref().is_some_and(|of| !Arc::ptr_eq(of, scope)));
    if is_other {
        flush();
    }
}

/// Takes off the list what is left on it by this thread.
pub(super) fn flush() {
    let left = LEFT.try_with(|left| {
        let left = &mut *left.borrow_mut();
        Some((left.scope.take()?, left.places, std::mem::take(&mut left.count)))
    });
    // Not while it is borrowed: what goes with the scope may be the user's.
    if let Ok(Some((scope, places, count))) = left {
        scope.unregister_all(&places[..count]);
    }
}

//! What whoever watches a flow run is told of its runs. Nothing, and one look, where nobody does.

use std::sync::Arc;

use crate::context::Tree;
use crate::options::Options;
use crate::run::Run;
use crate::spec::Spec;
use crate::state::StateName;

macro_rules! tell {
    ($tree:expr, $watched:ident => $told:expr) => {
        #[cfg(feature = "progress")]
        if let Some($watched) = $tree.watched() {
            $told;
        }
        #[cfg(not(feature = "progress"))]
        let _ = $tree;
    };
}

/// A task is to have runs; if `count` is negative, some of them not after all.
#[inline]
pub(crate) fn made(tree: &Tree, spec: &'static Spec, options: Option<&Options>, count: i64) {
    tell!(tree, watched => watched.counts.made(spec, options, count));
    let _ = (spec, options, count);
}

/// A task is mapped.
pub(crate) fn mapped(tree: &Tree, spec: &'static Spec, options: Option<&Options>) {
    tell!(tree, watched => watched.counts.mapped(spec, options));
    let _ = (spec, options);
}

/// An attempt at a run begins, the first or a further one.
#[inline]
pub(super) fn begun(run: &Run, is_first: bool) {
    tell!(run.scope.tree, watched => if is_first { watched.counts.begun(run) } else { watched.counts.retried(run) });
    let _ = (run, is_first);
}

/// A run has ended.
#[inline]
pub(super) fn ended(run: &Run, name: StateName) {
    tell!(run.scope.tree, watched => watched.counts.ended(run, name));
    let _ = (run, name);
}

/// A flow run is settled, and is about to end: who waits for it finds the terminal as it leaves it.
pub(super) fn flow_ends(run: &Run) {
    #[cfg(feature = "progress")]
    if run.scope.tree.watched().is_none()
        && let Some(own) = run.tree_inside()
        && let Some(watched) = own.watched()
    {
        let name = run.cell.lock().state;
        watched.ended(name);
    }
    let _ = run;
}

/// Has a flow run be shown, or counted where the one that it is in is.
pub(super) fn begin(run: &Arc<Run>, tree: &Tree) {
    #[cfg(feature = "progress")]
    {
        let watched = run.scope.tree.watched().cloned().or_else(|| {
            let own = run.with_options(|options| options.and_then(|options| options.progress.clone()));
            own.or_else(|| run.scope.engine.progress().cloned()).and_then(|progress| progress.watch(run))
        });
        if let Some(watched) = watched {
            tree.set_watched(watched);
        }
    }
    let _ = (run, tree);
}

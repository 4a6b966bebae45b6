//! Resources that are there for what is begun in a closure, and are cleaned up after it, inside of the graph: without anything being
//! awaited.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::arity::{Task1, Task2, submit_with};
use crate::body::{Of, Task};
use crate::context::after_noting;
use crate::future::TaskFuture;
use crate::input::{Edge, IntoArg, Need};
use crate::trigger::{Decision, Trigger, Upstream};

/// Has `setup` make a resource of what `init` gives, begins what `inside` submits, maps, calls and starts once that is there, and then
/// has `cleanup` take both. Gives what the closure gives, which is executed at once.
///
/// `cleanup` is executed whenever `setup` has succeeded, once all has ended that was begun in the closure: also if that has failed, was
/// skipped or cancelled, or if the closure panics. Where `setup` has failed, `cleanup` is [skipped](crate::TaskError::skip), and what is
/// inside ends as after any failure before it; where `setup` was skipped, both are skipped. A flow run that is cancelled cancels its
/// `cleanup` too: what has to be undone even then is rolled back by a [`transaction`](crate::transaction()).
///
/// What a task inside submits and does not wait for is not waited for here. `setup` and `cleanup` are tasks with one parameter and with
/// two; configured ones keep their options, but for the trigger of `cleanup`.
///
/// As Prefect 1 has it.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn cluster(size: usize) -> String { format!("cluster of {size}") }
/// #[task] fn start(cluster: &str) -> Vec<u32> { (0..cluster.len() as u32).collect() }
/// #[task] fn sum(workers: &[u32]) -> u32 { workers.iter().sum() }
/// #[task] fn stop(cluster: &str, workers: &[u32]) {}
///
/// #[flow]
/// fn job() -> Result<u32, FlowError> {
///     let total = resource_manager(&cluster.submit(3), start, stop, |workers| sum.submit(workers));
///     Ok(total.result()?)
/// }
///
/// let run = job().report_blocking();
/// assert_eq!(run.value(), Some(&66));
/// assert!(run.task_run("stop-0").unwrap().state().is_completed());
/// ```
///
/// # Panics
/// Where the closure does, once `cleanup` is begun.
#[expect(
    clippy::needless_pass_by_value,
    reason = "tasks are functions, which have no size, or made for this"
)]
pub fn resource_manager<I, S, C, T, X, K, P, Y, L, A, B>(
    init: &TaskFuture<I>,
    setup: S,
    cleanup: C,
    inside: impl FnOnce(&TaskFuture<K::Output>) -> T,
) -> T
where
    S: Task1<X, K, P>,
    K: Task<Args = (P,)> + 'static,
    C: Task2<Y, L, A, B>,
    L: Task<Args = (A, B)> + 'static,
    TaskFuture<I>: IntoArg<P> + IntoArg<A>,
    TaskFuture<K::Output>: IntoArg<B>,
    P: Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
{
    let resource = setup.submit(init.clone());
    let (done, begun) = after_noting(resource.reader().run().clone(), || {
        catch_unwind(AssertUnwindSafe(|| inside(&resource)))
    });
    let arguments = (init.clone(), resource);
    let cleaned = submit_with(Of::<L>::OWNING, cleanup.handle(), arguments, |options| {
        options.trigger = Some(Trigger::Custom(if_set_up));
        options.skip_on_upstream_skip = Some(false);
        options.wait_for.extend(begun.into_iter().map(|node| Edge { node, need: Need::End }));
    });
    cleaned.remove_reader();
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Whether the resource is there: the second of what is waited for.
fn if_set_up(upstreams: &[Upstream]) -> Decision {
    match upstreams.get(1) {
        Some(setup) if setup.state.is_completed() && !setup.state.is_skipped() => Decision::Run,
        Some(setup) => {
            let how = if setup.state.is_skipped() { "was skipped" } else { "did not succeed" };
            Decision::Skip(format!("There is nothing to clean up: '{}' {how}", setup.name))
        }
        None => Decision::Run,
    }
}

//! Choices inside of the graph: of the branches of a choice one is executed, and the runs of the others are skipped, without anything
//! being awaited.

use std::fmt::Debug;

use crate::bounds::ResultByValue;
use crate::context::after;
use crate::error::TaskError;
use crate::future::TaskFuture;
use crate::prelude::*;
use crate::task;

/// Skips itself, and what waits for it, unless the values are equal.
#[task]
fn compare<T, V>(given: &T, wanted: V) -> Result<(), TaskError>
where
    T: PartialEq<V> + Debug + Send + Sync + 'static,
    V: Debug + Send + 'static,
{
    if *given == wanted {
        return Ok(());
    }
    let [given, wanted] = [quoted(given), quoted(&wanted)];
    Err(TaskError::skip(format!("Provided value {given} did not match {wanted}")))
}

#[task(trigger = not_all_skipped, skip_on_upstream_skip = false)]
fn first<T: Clone + Send + Sync + 'static>(results: Vec<Result<T, TaskError>>) -> Result<T, TaskError> {
    let there = results.into_iter().find(|result| !result.as_ref().is_err_and(TaskError::is_skipped));
    there.unwrap_or_else(|| Err(TaskError::skip("there was nothing to merge")))
}

/// A value in quotes.
fn quoted(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    if text.starts_with('"') { text } else { format!("\"{text}\"") }
}

/// Begins what `branch` submits, maps, calls and starts only if the run that gives `condition` gives `value`; else all of that is
/// [skipped](TaskError::skip), with `Provided value "a" did not match "b"`. The closure itself is executed at once, in either case.
///
/// The choice is a run of its own, `case("a")`, for which what is begun in the closure waits. A run inside that ignores skips,
/// such as one with `trigger = always_run`, is executed all the same.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn letter(n: usize) -> &'static str { ["a", "b", "c"][n % 3] }
/// #[task] fn process(what: &'static str) -> String { format!("processed {what}") }
///
/// #[flow]
/// fn choose(n: usize) -> Result<String, FlowError> {
///     let letter = letter.submit(n);
///     let a = case(&letter, "a", || process.submit("a"));
///     let b = case(&letter, "b", || process.submit("b"));
///     Ok(merge([&a, &b]).result()?)
/// }
///
/// assert_eq!(choose(6).result().unwrap(), "processed a");
/// assert_eq!(choose(7).result().unwrap(), "processed b");
/// assert!(choose(8).report_blocking().state().is_skipped());
/// ```
pub fn case<T, V, R>(condition: &TaskFuture<T>, value: V, branch: impl FnOnce() -> R) -> R
where
    T: PartialEq<V> + Debug + Send + Sync + 'static,
    V: Debug + Send + 'static,
{
    let name = format!("case({value:?})");
    let chosen = compare::<T, V>.with_name("case").with_task_run_name(name).submit(condition, value);
    after(chosen.reader().run().clone(), branch)
}

/// Begins what `then` submits only if `condition` gives `true`, what `otherwise` does only if it gives `false`; see [`case`]. Gives
/// what the closures give, which are both executed at once.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn is_even(n: u32) -> bool { n % 2 == 0 }
/// #[task] fn half(n: u32) -> u32 { n / 2 }
/// #[task] fn triple(n: u32) -> u32 { 3 * n + 1 }
///
/// #[flow]
/// fn next(n: u32) -> Result<u32, FlowError> {
///     let (even, odd) = if_else(&is_even.submit(n), || half.submit(n), || triple.submit(n));
///     Ok(merge([&even, &odd]).result()?)
/// }
///
/// assert_eq!(next(6).result().unwrap(), 3);
/// assert_eq!(next(7).result().unwrap(), 22);
/// ```
pub fn if_else<A, B>(
    condition: &TaskFuture<bool>,
    then: impl FnOnce() -> A,
    otherwise: impl FnOnce() -> B,
) -> (A, B) {
    (case(condition, true, then), case(condition, false, otherwise))
}

/// The branches of a [`switch`]: pairs of a value and a closure, as a tuple, or, where the closures are of one type, as an array or
/// a `Vec`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of branches for a condition of type `{T}`",
    label = "expected pairs of a value and a closure",
    note = "each closure is of a type of its own, so write a tuple: `switch(&cond, ((\"a\", || ..), (\"b\", || ..)))`"
)]
pub trait Branches<T, R> {
    #[doc(hidden)]
    fn begin(self, condition: &TaskFuture<T>) -> Vec<R>;
}

impl<T, V, R, F, const N: usize> Branches<T, R> for [(V, F); N]
where
    T: PartialEq<V> + Debug + Send + Sync + 'static,
    V: Debug + Send + 'static,
    F: FnOnce() -> R,
{
    fn begin(self, condition: &TaskFuture<T>) -> Vec<R> {
        Vec::from(self).begin(condition)
    }
}

impl<T, V, R, F> Branches<T, R> for Vec<(V, F)>
where
    T: PartialEq<V> + Debug + Send + Sync + 'static,
    V: Debug + Send + 'static,
    F: FnOnce() -> R,
{
    fn begin(self, condition: &TaskFuture<T>) -> Vec<R> {
        self.into_iter().map(|(value, branch)| case(condition, value, branch)).collect()
    }
}

macro_rules! branches {
    ($($v:ident $f:ident $n:tt),*) => {
        #[diagnostic::do_not_recommend]
        impl<T, R, $($v, $f),*> Branches<T, R> for ($(($v, $f),)*)
        where
            T: Debug + Send + Sync + 'static $(+ PartialEq<$v>)*,
            $($v: Debug + Send + 'static, $f: FnOnce() -> R,)*
        {
            fn begin(self, condition: &TaskFuture<T>) -> Vec<R> {
                vec![$(case(condition, self.$n.0, self.$n.1)),*]
            }
        }
    };
}

branches!(V0 F0 0, V1 F1 1);
branches!(V0 F0 0, V1 F1 1, V2 F2 2);
branches!(V0 F0 0, V1 F1 1, V2 F2 2, V3 F3 3);
branches!(V0 F0 0, V1 F1 1, V2 F2 2, V3 F3 3, V4 F4 4);
branches!(V0 F0 0, V1 F1 1, V2 F2 2, V3 F3 3, V4 F4 4, V5 F5 5);
branches!(V0 F0 0, V1 F1 1, V2 F2 2, V3 F3 3, V4 F4 4, V5 F5 5, V6 F6 6);
branches!(V0 F0 0, V1 F1 1, V2 F2 2, V3 F3 3, V4 F4 4, V5 F5 5, V6 F6 6, V7 F7 7);

/// A [`case`] for each of these values. Gives what the closures give, in order; all of them are executed at once.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn letter(n: usize) -> String { ["a", "b", "c"][n % 3].into() }
/// #[task] fn process(what: &str) -> String { format!("processed {what}") }
///
/// #[flow]
/// fn choose(n: usize) -> Result<String, FlowError> {
///     let branches = switch(&letter.submit(n), (("a", || process.submit("a")), ("b", || process.submit("b"))));
///     Ok(merge(&branches).result()?)
/// }
///
/// assert_eq!(choose(7).result().unwrap(), "processed b");
/// ```
pub fn switch<T, R>(condition: &TaskFuture<T>, branches: impl Branches<T, R>) -> Vec<R> {
    branches.begin(condition)
}

/// The result of the first of these runs that was not skipped: of the branch that was taken.
///
/// Skipped where all of them were, FAILED as `TriggerFailed` where one of them failed. It is a run of its own, `merge-0`.
pub fn merge<'f, T: ResultByValue + Clone>(
    futures: impl IntoIterator<Item = &'f TaskFuture<T>>,
) -> TaskFuture<T> {
    let futures: Vec<TaskFuture<T>> = futures.into_iter().cloned().collect();
    first::<T>.with_name("merge").submit(futures)
}

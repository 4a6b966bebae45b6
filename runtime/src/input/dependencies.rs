//! What may be waited for without its value.

use super::edge::{Edges, Need, Node};
use crate::future::{FlowFuture, TaskFuture, TaskFutures};

/// Runs that may be waited for: futures, maps, flow futures, references, slices, arrays, `Vec`s and tuples of them, and
/// [`allow_failure`] of any of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to wait for",
    label = "not a future",
    note = "wait for what `submit`, `map` or `start` returned, or for tuples, arrays, slices and `Vec`s of these"
)]
pub trait Dependencies {
    #[doc(hidden)]
    fn add_to(&self, edges: &mut Edges);
}

impl<T> Dependencies for TaskFuture<T> {
    fn add_to(&self, edges: &mut Edges) {
        edges.push(Node::Run(self.reader().run().clone()), Need::End);
    }
}

impl<T> Dependencies for FlowFuture<T> {
    fn add_to(&self, edges: &mut Edges) {
        edges.push(Node::Run(self.reader().run().clone()), Need::End);
    }
}

impl<T> Dependencies for TaskFutures<T> {
    fn add_to(&self, edges: &mut Edges) {
        edges.push(Node::Map(self.group().clone()), Need::End);
    }
}

impl<D: Dependencies + ?Sized> Dependencies for &D {
    fn add_to(&self, edges: &mut Edges) {
        (**self).add_to(edges);
    }
}

impl<D: Dependencies> Dependencies for [D] {
    fn add_to(&self, edges: &mut Edges) {
        for dependency in self {
            dependency.add_to(edges);
        }
    }
}

impl<D: Dependencies, const N: usize> Dependencies for [D; N] {
    fn add_to(&self, edges: &mut Edges) {
        self.as_slice().add_to(edges);
    }
}

impl<D: Dependencies> Dependencies for Vec<D> {
    fn add_to(&self, edges: &mut Edges) {
        self.as_slice().add_to(edges);
    }
}

macro_rules! dependency_tuple {
    ($($d:ident $n:tt),*) => {
        #[diagnostic::do_not_recommend]
        impl<$($d: Dependencies),*> Dependencies for ($($d,)*) {
            fn add_to(&self, edges: &mut Edges) {
                $(self.$n.add_to(edges);)*
            }
        }
    };
}

dependency_tuple!(A 0);
dependency_tuple!(A 0, B 1);
dependency_tuple!(A 0, B 1, C 2);
dependency_tuple!(A 0, B 1, C 2, D 3);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
dependency_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

impl Dependencies for () {
    fn add_to(&self, _edges: &mut Edges) {}
}

/// Dependencies whose failure does not stop what waits for them; made by [`allow_failure`].
#[derive(Clone, Debug)]
pub struct AllowFailure<D>(D);

/// Waits for `dependencies` however they end: their failure is not asked of `all_successful`, and counts as seen.
pub fn allow_failure<D: Dependencies>(dependencies: D) -> AllowFailure<D> {
    AllowFailure(dependencies)
}

impl<D: Dependencies> Dependencies for AllowFailure<D> {
    fn add_to(&self, edges: &mut Edges) {
        let from = edges.list.len();
        self.0.add_to(edges);
        for edge in &mut edges.list[from..] {
            edge.need = Need::AllowedFailure;
        }
    }
}

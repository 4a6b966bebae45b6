//! What may be mapped over.

use std::sync::Arc;

use super::{Arg, Edge, Edges, IntoArg, Need, Node};
use crate::error::TaskError;
use crate::future::{TaskFuture, TaskFutures};
use crate::map::MapGroup;

/// Where a map takes the elements of one argument from.
pub(crate) trait MapSource<P>: Send {
    /// The run that has to end before the length is known.
    fn awaits(&self) -> Option<Node> {
        None
    }

    /// Takes what the awaited run gave.
    fn open(&mut self) -> Result<(), TaskError> {
        Ok(())
    }

    /// How many elements there are; `None` for one that is the same for each run.
    fn length(&self) -> Option<usize>;

    /// Adds all that the elements are made of.
    fn edges(&self, edges: &mut Edges);

    /// The map whose elements these are.
    fn follows(&self) -> Option<Arc<MapGroup>> {
        None
    }

    /// Whether the element is there to be taken; of a map, its run may not have been made yet.
    fn has(&self, _element: usize) -> bool {
        true
    }

    /// The next element, in order.
    fn next(&mut self, edges: &mut Edges) -> Option<Arg<P>>;
}

/// One argument of a map.
pub struct MapArg<P>(pub(crate) Box<dyn MapSource<P>>);

/// What may be passed to `map` for a parameter of type `P`.
///
/// Anything iterable whose items may be passed to `submit`, the [`TaskFutures`] of another map (element by element), a
/// [`TaskFuture`] of a `Vec` (its length is known only when it is there), and [`unmapped`] values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mapped over for a parameter of type `{P}`",
    label = "neither iterable with items that may be passed, nor the futures of a map, nor a future of a `Vec`",
    note = "pass what is the same for each run as `unmapped(..)`"
)]
pub trait IntoMapArg<P> {
    #[doc(hidden)]
    fn into_map_arg(self) -> MapArg<P>;
}

/// Elements collected when `map` was called: compactly where they are values.
enum Collected<P> {
    Values(std::vec::IntoIter<P>),
    Args(std::vec::IntoIter<(Arg<P>, Edges)>),
}

impl<P: Send> MapSource<P> for Collected<P> {
    fn length(&self) -> Option<usize> {
        Some(match self {
            Self::Values(values) => values.len(),
            Self::Args(args) => args.len(),
        })
    }

    fn next(&mut self, edges: &mut Edges) -> Option<Arg<P>> {
        match self {
            Self::Values(values) => values.next().map(Arg::value),
            Self::Args(args) => args.next().map(|(arg, own)| {
                edges.adopt(own.list);
                arg
            }),
        }
    }

    fn edges(&self, edges: &mut Edges) {
        if let Self::Args(args) = self {
            edges.adopt(args.as_slice().iter().flat_map(|(_, own)| own.list.iter().cloned()));
        }
    }
}

impl Edges {
    /// Adds these, which are for the parameter that is being filled.
    fn adopt(&mut self, edges: impl IntoIterator<Item = Edge>) {
        let parameter = self.parameter;
        self.list.extend(edges.into_iter().map(|edge| Edge { need: edge.need.at(parameter), ..edge }));
    }
}

impl Need {
    /// The same need, of another parameter.
    fn at(self, parameter: u8) -> Self {
        match self {
            Self::Value(_) => Self::Value(parameter),
            Self::Outcome(_) => Self::Outcome(parameter),
            other => other,
        }
    }
}

fn collect<P, X: IntoArg<P>>(items: impl Iterator<Item = X>) -> Collected<P> {
    let mut values = Vec::with_capacity(items.size_hint().0);
    let mut args = Vec::new();
    for item in items {
        let mut edges = Edges::default();
        match item.into_arg(&mut edges).into_ready() {
            Ok(value) if args.is_empty() => values.push(value),
            Ok(value) => args.push((Arg::value(value), edges)),
            Err(arg) => {
                if args.is_empty() {
                    args.extend(
                        std::mem::take(&mut values)
                            .into_iter()
                            .map(|value| (Arg::value(value), Edges::default())),
                    );
                }
                args.push((arg, edges));
            }
        }
    }
    if args.is_empty() { Collected::Values(values.into_iter()) } else { Collected::Args(args.into_iter()) }
}

#[diagnostic::do_not_recommend]
impl<P: Send + 'static, I: IntoIterator> IntoMapArg<P> for I
where
    I::Item: IntoArg<P>,
{
    fn into_map_arg(self) -> MapArg<P> {
        MapArg(Box::new(collect(self.into_iter())))
    }
}

/// The futures of another map, element by element.
struct Elements<T> {
    futures: TaskFutures<T>,
    next: usize,
}

impl<P, T: Send + Sync + 'static> MapSource<P> for Elements<T>
where
    TaskFuture<T>: IntoArg<P>,
{
    fn awaits(&self) -> Option<Node> {
        let group = self.futures.group();
        (group.length().is_none() || group.failure().is_some()).then(|| Node::Map(group.clone()))
    }

    fn open(&mut self) -> Result<(), TaskError> {
        match self.futures.group().failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn length(&self) -> Option<usize> {
        self.futures.group().length().or(Some(0))
    }

    fn follows(&self) -> Option<Arc<MapGroup>> {
        Some(self.futures.group().clone())
    }

    fn edges(&self, edges: &mut Edges) {
        edges.values(self.futures.group());
    }

    fn has(&self, element: usize) -> bool {
        self.futures.group().has(element)
    }

    fn next(&mut self, edges: &mut Edges) -> Option<Arg<P>> {
        let reader = self.futures.hand_over(self.next)?;
        self.next += 1;
        Some(TaskFuture::from_reader(reader).into_arg(edges))
    }
}

impl<P, T: Send + Sync + 'static> IntoMapArg<P> for TaskFutures<T>
where
    TaskFuture<T>: IntoArg<P>,
{
    fn into_map_arg(self) -> MapArg<P> {
        MapArg(Box::new(Elements { futures: self, next: 0 }))
    }
}

impl<P, T: Send + Sync + 'static> IntoMapArg<P> for &TaskFutures<T>
where
    TaskFuture<T>: IntoArg<P>,
{
    fn into_map_arg(self) -> MapArg<P> {
        self.clone().into_map_arg()
    }
}

/// A list that another run gives.
enum Upstream<P, X> {
    Awaited(TaskFuture<Vec<X>>),
    There(Node, Collected<P>),
    Gone,
}

impl<P: Send + 'static, X> MapSource<P> for Upstream<P, X>
where
    X: IntoArg<P> + Clone + Send + Sync + 'static,
{
    fn awaits(&self) -> Option<Node> {
        match self {
            Self::Awaited(future) => Some(Node::Run(future.reader().run().clone())),
            _ => None,
        }
    }

    fn open(&mut self) -> Result<(), TaskError> {
        if let Self::Awaited(future) = std::mem::replace(self, Self::Gone) {
            let node = Node::Run(future.reader().run().clone());
            let list: Vec<X> = super::take(future.into_reader())?;
            *self = Self::There(node, collect(list.into_iter()));
        }
        Ok(())
    }

    fn length(&self) -> Option<usize> {
        match self {
            Self::There(_, list) => list.length(),
            _ => Some(0),
        }
    }

    fn edges(&self, edges: &mut Edges) {
        let need = Need::Value(edges.parameter);
        match self {
            Self::Awaited(future) => edges.push(Node::Run(future.reader().run().clone()), need),
            Self::There(node, list) => {
                edges.push(node.clone(), need);
                list.edges(edges);
            }
            Self::Gone => {}
        }
    }

    fn next(&mut self, edges: &mut Edges) -> Option<Arg<P>> {
        match self {
            Self::There(node, list) => {
                let arg = list.next(edges)?;
                edges.push(node.clone(), Need::Value(edges.parameter));
                Some(arg)
            }
            _ => None,
        }
    }
}

impl<P: Send + 'static, X> IntoMapArg<P> for TaskFuture<Vec<X>>
where
    X: IntoArg<P> + Clone + Send + Sync + 'static,
{
    fn into_map_arg(self) -> MapArg<P> {
        MapArg(Box::new(Upstream::<P, X>::Awaited(self)))
    }
}

impl<P: Send + 'static, X> IntoMapArg<P> for &TaskFuture<Vec<X>>
where
    X: IntoArg<P> + Clone + Send + Sync + 'static,
{
    fn into_map_arg(self) -> MapArg<P> {
        self.clone().into_map_arg()
    }
}

/// What is the same for each run of a map; made by [`unmapped`].
#[derive(Clone, Debug)]
pub struct Unmapped<X>(X);

/// Passes `value` whole to each run of a map.
///
/// ```
/// use millrun::prelude::*;
///
/// #[task] fn add(x: u32, y: u32) -> u32 { x + y }
///
/// assert_eq!(add.map([1, 2, 3], unmapped(5)).result().unwrap(), [6, 7, 8]);
/// ```
pub fn unmapped<X>(value: X) -> Unmapped<X> {
    Unmapped(value)
}

struct Same<P> {
    arg: Arg<P>,
    edges: Edges,
}

impl<P: Clone + Send> MapSource<P> for Same<P> {
    fn length(&self) -> Option<usize> {
        None
    }

    fn next(&mut self, edges: &mut Edges) -> Option<Arg<P>> {
        self.edges(edges);
        Some(self.arg.clone())
    }

    fn edges(&self, edges: &mut Edges) {
        edges.adopt(self.edges.list.iter().cloned());
    }
}

impl<P: Clone + Send + 'static, X: IntoArg<P>> IntoMapArg<P> for Unmapped<X> {
    fn into_map_arg(self) -> MapArg<P> {
        let mut edges = Edges::default();
        let arg = self.0.into_arg(&mut edges);
        MapArg(Box::new(Same { arg, edges }))
    }
}

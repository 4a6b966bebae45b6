//! The methods `submit`, `map`, `call` and `start` of tasks and flows: one trait for each number of parameters, so that their
//! argument lists are natural. Thin: what they do is done by functions that are compiled once.

use std::any::TypeId;
use std::sync::Arc;

use crate::body::{ArgTuple, BoxBody, CloneArgs, Compiled, Job, JobArgs, Of, Task};
use crate::bounds::{Input, IsFlow, IsTask};
use crate::configure::{OfFlow, OfTask};
use crate::context::scope_here;
use crate::engine::{self, flow_run};
use crate::error::{MapError, TaskError};
use crate::flow::{FlowCall, start_of};
use crate::future::{FlowFuture, TaskFuture, TaskFutures};
use crate::input::{EdgeList, Edges, IntoArg, IntoMapArg, Node};
use crate::map::{MapGroup, Rows};
use crate::options::Options;
use crate::run::Run;
use crate::task::{Configured, TaskCall};

/// What a handle says of itself: its options, and how arguments are cloned.
#[doc(hidden)]
pub struct Handle<A>(Option<Arc<Options>>, CloneArgs<A>);

/// As [`submit`], for who has more to say about the run.
pub(crate) fn submit_with<A: ArgTuple + 'static>(
    task: Compiled<'static, A>,
    Handle(options, clone): Handle<A>,
    arguments: impl Arguments<A>,
    change: impl FnOnce(&mut Options),
) -> Arc<Run> {
    let mut options = options.map(Arc::unwrap_or_clone).unwrap_or_default();
    change(&mut options);
    submit(task, Handle(Some(Arc::new(options)), clone), arguments)
}

/// A list of arguments for parameters `A`: what is done with one is compiled once for its types, and not for each task.
pub(crate) trait Arguments<A: ArgTuple> {
    /// As what they are passed to a run, which waits for these `edges`.
    fn pending(self, edges: &mut Edges) -> A::Pending;
}

/// A list of arguments to map over.
trait MapArguments<A: ArgTuple> {
    fn sources(self) -> A::Sources;
}

/// Submits a run with arguments that may be futures; what it gives is counted as read once.
fn submit<A: ArgTuple + 'static>(
    task: Compiled<'static, A>,
    handle: Handle<A>,
    arguments: impl Arguments<A>,
) -> Arc<Run> {
    let mut edges = Edges::default();
    let pending = arguments.pending(&mut edges);
    submit_pending(task, handle, pending, edges.list)
}

fn submit_pending<A: ArgTuple + 'static>(
    task: Compiled<'static, A>,
    handle: Handle<A>,
    pending: A::Pending,
    edges: EdgeList,
) -> Arc<Run> {
    let body = A::boxed(Job::new(args::<A>(pending), task, handle.1));
    engine::submit(task.spec(), handle.0, edges, body)
}

/// Arguments are ready if none is a future.
fn args<A: ArgTuple>(pending: A::Pending) -> JobArgs<A> {
    A::ready(pending).map_or_else(JobArgs::Pending, JobArgs::Ready)
}

/// Begins a map.
fn map<A: ArgTuple + 'static>(
    task: Compiled<'static, A>,
    Handle(options, clone): Handle<A>,
    arguments: impl MapArguments<A>,
) -> Arc<MapGroup> {
    let scope = scope_here();
    let options = scope.in_branch(options);
    let wait_for = options.as_ref().map(|options| options.wait_for.clone()).unwrap_or_default();
    let rows: Box<dyn Rows> = Box::new(ArgRows { sources: arguments.sources(), task, clone, wait_for });
    MapGroup::start(task.spec(), scope, options, rows)
}

/// Begins a flow run with arguments that may be futures.
fn start<A: ArgTuple + 'static>(
    task: Compiled<'static, A>,
    (options, clone): (Option<Options>, CloneArgs<A>),
    arguments: impl Arguments<A>,
) -> Arc<Run> {
    let mut edges = Edges::default();
    let args = args::<A>(arguments.pending(&mut edges));
    flow_run::make(start_of(task, args, options, clone, edges.list)).spawn().0
}

/// The rows of a map: one element of each argument.
struct ArgRows<A: ArgTuple + 'static> {
    sources: A::Sources,
    task: Compiled<'static, A>,
    clone: CloneArgs<A>,
    wait_for: EdgeList,
}

impl<A: ArgTuple + 'static> Rows for ArgRows<A> {
    fn awaits(&self) -> Vec<Node> {
        A::awaits(&self.sources).into_iter().flatten().map(|awaited| awaited.0).collect()
    }

    fn open(&mut self) -> Result<usize, TaskError> {
        let lengths: Vec<(&'static str, usize)> = A::open(&mut self.sources)?
            .into_iter()
            .zip(self.task.spec().parameters)
            .filter_map(|(length, name)| length.map(|length| (*name, length)))
            .collect();
        match lengths.first() {
            Some((_, first)) if lengths.iter().all(|(_, length)| length == first) => Ok(*first),
            Some(_) => Err(MapError { task: self.task.spec().name, lengths }.into()),
            // Nothing but `unmapped` arguments: there is nothing to map over.
            None => Ok(0),
        }
    }

    fn edges(&self) -> EdgeList {
        let mut edges = Edges::default();
        A::edges(&self.sources, &mut edges);
        edges.list.extend(self.wait_for.iter().cloned());
        edges.list
    }

    fn output(&self) -> TypeId {
        self.task.output()
    }

    fn has_plan_value(&self) -> bool {
        self.task.plan_value().is_some()
    }

    fn follows(&self) -> Vec<Arc<MapGroup>> {
        A::follows(&self.sources).into_iter().flatten().map(|followed| followed.0).collect()
    }

    fn has(&self, row: usize) -> bool {
        A::has(&self.sources, row)
    }

    fn next(&mut self) -> Option<(BoxBody, EdgeList)> {
        let mut edges = Edges::default();
        let pending = A::next(&mut self.sources, &mut edges)?;
        edges.list.extend(self.wait_for.iter().cloned());
        let body = A::boxed(Job::new(args::<A>(pending), self.task, self.clone));
        Some((body, edges.list))
    }
}

/// A configured task or flow, as `X` says, of the function `F`.
#[doc(hidden)]
pub trait IsConfigured<F, A, X> {
    fn parts(&self) -> (&Options, CloneArgs<A>);
}

impl<F, A, X> IsConfigured<F, A, X> for Configured<F, A, X> {
    fn parts(&self) -> (&Options, CloneArgs<A>) {
        (&self.options, self.clone)
    }
}

/// Says, where no other trait has the method, that the function is no task. Nothing has these methods.
///
/// The traits below do not: each is implemented twice for all types, for functions and for what is configured, and where
/// more than one implementation may apply the compiler does not look for the reason why none does. Which would cost time, as
/// it asks twelve of them in vain for each call, and fill the message with as many reasons.
#[doc(hidden)]
pub trait AnyTask {
    fn submit(&self);
    fn map(&self);
}

#[diagnostic::do_not_recommend]
impl<F: IsTask> AnyTask for F {
    fn submit(&self) {}
    fn map(&self) {}
}

/// As [`AnyTask`], of flows.
#[doc(hidden)]
pub trait AnyFlow {
    fn start(&self);
}

#[diagnostic::do_not_recommend]
impl<F: IsFlow> AnyFlow for F {
    fn start(&self) {}
}

macro_rules! arity {
    ($task:ident $flow:ident $call:ident $call_flow:ident: $($name:ident $a:ident $p:ident $n:tt),*) => {
        impl<$($p: Input, $a: IntoArg<$p>),*> Arguments<($($p,)*)> for ($($a,)*) {
            #[allow(clippy::unused_unit, unused_variables)]
            fn pending(self, edges: &mut Edges) -> <($($p,)*) as ArgTuple>::Pending {
                ($(self.$n.into_arg(edges.for_parameter($n)),)*)
            }
        }

        impl<$($p: Input, $a: IntoMapArg<$p>),*> MapArguments<($($p,)*)> for ($($a,)*) {
            #[allow(clippy::unused_unit)]
            fn sources(self) -> <($($p,)*) as ArgTuple>::Sources {
                ($(self.$n.into_map_arg(),)*)
            }
        }

        /// The methods of a task by the number of its parameters; for all functions annotated with `#[task]`, and for
        /// configured ones.
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is not a task with as many parameters",
            label = "annotate the function with `#[task]`, and check the number of arguments"
        )]
        pub trait $task<X, K: Task<Args = ($($p,)*)>, $($p: Send + 'static),*> {
            #[doc(hidden)]
            fn handle(&self) -> Handle<K::Args>;

            /// Hands a run to the runner; arguments may be futures, which are dependencies then.
            #[allow(clippy::too_many_arguments)]
            fn submit(&self, $($name: impl IntoArg<$p>),*) -> TaskFuture<K::Output>
            where
                K: 'static,
            {
                TaskFuture::counted(submit(Of::<K>::OWNING, self.handle(), ($($name,)*)))
            }

            /// One run per element of the arguments, which are anything iterable, futures of lists, the futures of another
            /// map, or `unmapped(..)`.
            #[allow(clippy::too_many_arguments)]
            fn map(&self, $($name: impl IntoMapArg<$p>),*) -> TaskFutures<K::Output>
            where
                K: 'static,
            {
                TaskFutures::counted(map(Of::<K>::OWNING, self.handle(), ($($name,)*)))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, K, $($a, $p),*> $task<fn($($a),*), K, $($p),*> for F
        where
            F: Fn($($a),*) -> TaskCall<'static, K>,
            K: Task<Args = ($($p,)*)>,
            $($p: Send + 'static,)*
        {
            fn handle(&self) -> Handle<K::Args> {
                Handle(None, None)
            }

            // As by default, with less to compile for each task.
            fn submit(&self, $($name: impl IntoArg<$p>),*) -> TaskFuture<K::Output>
            where
                K: 'static,
            {
                TaskFuture::counted(submit(Of::<K>::OWNING, Handle(None, None), ($($name,)*)))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<C, F, K, $($a, $p),*> $task<(F, fn($($a),*)), K, $($p),*> for C
        where
            C: IsConfigured<F, ($($p,)*), OfTask>,
            F: Fn($($a),*) -> TaskCall<'static, K>,
            K: Task<Args = ($($p,)*)>,
            $($p: Send + 'static,)*
        {
            fn handle(&self) -> Handle<K::Args> {
                let (options, clone) = self.parts();
                Handle(Some(Arc::new(options.clone())), clone)
            }
        }

        /// The methods of a flow by the number of its parameters; for all functions annotated with `#[flow]`, and for
        /// configured ones.
        #[diagnostic::on_unimplemented(
            message = "`{Self}` is not a flow with as many parameters",
            label = "annotate the function with `#[flow]`, and check the number of arguments"
        )]
        pub trait $flow<X, K: Task<Args = ($($p,)*)>, $($p: Send + 'static),*> {
            #[doc(hidden)]
            fn handle(&self) -> (Option<Options>, CloneArgs<K::Args>);

            /// Begins a run of the flow; arguments may be futures, for which the run waits.
            #[allow(clippy::too_many_arguments)]
            fn start(&self, $($name: impl IntoArg<$p>),*) -> FlowFuture<K::Output>
            where
                K: 'static,
            {
                FlowFuture::counted(start(Of::<K>::COMPILED, self.handle(), ($($name,)*)))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, K, $($p),*> $flow<fn($($p),*), K, $($p),*> for F
        where
            F: Fn($($p),*) -> FlowCall<K>,
            K: Task<Args = ($($p,)*)>,
            $($p: Send + 'static,)*
        {
            fn handle(&self) -> (Option<Options>, CloneArgs<K::Args>) {
                (None, None)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<C, F, K, $($p),*> $flow<(F, OfFlow), K, $($p),*> for C
        where
            C: IsConfigured<F, ($($p,)*), OfFlow>,
            F: Fn($($p),*) -> FlowCall<K>,
            K: Task<Args = ($($p,)*)>,
            $($p: Send + 'static,)*
        {
            fn handle(&self) -> (Option<Options>, CloneArgs<K::Args>) {
                let (options, clone) = self.parts();
                (Some(options.clone()), clone)
            }
        }

        /// The call of a configured task: `task.with_retries(3).call(args)`.
        pub trait $call<'a, K: Task + 'a, $($a),*> {
            /// What the function gives when it is called, with the options of this copy.
            #[allow(clippy::too_many_arguments)]
            fn call(&self, $($name: $a),*) -> TaskCall<'a, K>;
        }

        #[diagnostic::do_not_recommend]
        impl<'a, F, K: Task + 'a, S, $($a),*> $call<'a, K, $($a),*> for Configured<F, S, OfTask>
        where
            F: Fn($($a),*) -> TaskCall<'a, K>,
        {
            fn call(&self, $($name: $a),*) -> TaskCall<'a, K> {
                (self.function)($($name),*).configured(self.options.clone())
            }
        }

        /// The call of a configured flow: `flow.with_retries(3).call(args)`.
        pub trait $call_flow<K: Task, $($p),*> {
            /// What the function gives when it is called, with the options of this copy.
            #[allow(clippy::too_many_arguments)]
            fn call(&self, $($name: $p),*) -> FlowCall<K>;
        }

        #[diagnostic::do_not_recommend]
        impl<F, K: Task<Args = ($($p,)*)> + 'static, $($p: Send + 'static),*> $call_flow<K, $($p),*>
            for Configured<F, ($($p,)*), OfFlow>
        where
            F: Fn($($p),*) -> FlowCall<K>,
        {
            fn call(&self, $($name: $p),*) -> FlowCall<K> {
                let call = (self.function)($($name),*).with_options(|options| options.clone_from(&self.options));
                match self.clone {
                    Some(clone) => call.with_clone(clone),
                    None => call,
                }
            }
        }
    };
}

arity!(Task0 Flow0 CallTask0 CallFlow0:);
arity!(Task1 Flow1 CallTask1 CallFlow1: a A0 P0 0);
arity!(Task2 Flow2 CallTask2 CallFlow2: a A0 P0 0, b A1 P1 1);
arity!(Task3 Flow3 CallTask3 CallFlow3: a A0 P0 0, b A1 P1 1, c A2 P2 2);
arity!(Task4 Flow4 CallTask4 CallFlow4: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3);
arity!(Task5 Flow5 CallTask5 CallFlow5: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4);
arity!(Task6 Flow6 CallTask6 CallFlow6: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5);
arity!(Task7 Flow7 CallTask7 CallFlow7: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5, g A6 P6 6);
arity!(Task8 Flow8 CallTask8 CallFlow8: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5, g A6 P6 6, h A7 P7 7);
arity!(Task9 Flow9 CallTask9 CallFlow9: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5, g A6 P6 6, h A7 P7 7, i A8 P8 8);
arity!(Task10 Flow10 CallTask10 CallFlow10: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5, g A6 P6 6, h A7 P7 7, i A8 P8 8, j A9 P9 9);
arity!(Task11 Flow11 CallTask11 CallFlow11: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5, g A6 P6 6, h A7 P7 7, i A8 P8 8, j A9 P9 9, k A10 P10 10);
arity!(Task12 Flow12 CallTask12 CallFlow12: a A0 P0 0, b A1 P1 1, c A2 P2 2, d A3 P3 3, e A4 P4 4, f A5 P5 5, g A6 P6 6, h A7 P7 7, i A8 P8 8, j A9 P9 9, k A10 P10 10, l A11 P11 11);

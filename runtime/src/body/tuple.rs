//! Tuples of arguments, of any length up to 12.

use std::any::Any;
use std::sync::Arc;

use serde_json::Value;

use super::{Body, BoxFuture, Job, Outcome, UpstreamForm};
use crate::bounds::Input;
use crate::error::TaskError;
use crate::input::{Arg, Edges, MapArg, Node};
use crate::map::MapGroup;
use crate::options::Options;
use crate::result::AnyValue;
use crate::spec::Spec;

/// Tuples of 0 to 12 slots, whatever these are.
#[doc(hidden)]
pub trait Slots {
    /// How each is written as JSON, if it can be.
    type Json: Copy + Send + Sync;
    /// How each is read from JSON, if it can be.
    type OfJson: Copy + Send + Sync;
}

/// The arguments of a task: tuples of 0 to 12 slots that can be sent.
///
/// What needs to know that they can is done by methods: a bound would be reported beside that of the slot.
pub trait ArgTuple: Slots + Sized {
    /// The same arguments, some of which are yet to come.
    type Pending: Send;
    /// Where a map takes them from.
    type Sources: Send;
    #[doc(hidden)]
    fn boxed<'a>(job: Job<'a, Self>) -> Box<dyn Body<'a> + 'a>
    where
        Self: 'a;
    #[doc(hidden)]
    fn body<'j, 'a>(job: &'j mut Job<'a, Self>) -> &'j mut (dyn Body<'a> + 'a)
    where
        Self: 'a;
    #[doc(hidden)]
    fn call_async<'a>(
        spec: &'static Spec,
        options: Option<Arc<Options>>,
        job: Job<'a, Self>,
    ) -> BoxFuture<'a, Outcome>
    where
        Self: 'a;
    #[doc(hidden)]
    fn into_any(self) -> Box<dyn Any + Send>
    where
        Self: 'static;
    #[doc(hidden)]
    fn resolve(pending: Self::Pending) -> Result<Self, TaskError>;
    #[doc(hidden)]
    fn ready(pending: Self::Pending) -> Result<Self, Self::Pending>;
    #[doc(hidden)]
    fn values(&self, json: &Self::Json) -> Vec<Option<AnyValue<'_>>>;
    #[doc(hidden)]
    fn form(
        pending: &Self::Pending,
        json: &Self::Json,
        upstream: &mut UpstreamForm<'_>,
        form: &mut Vec<u8>,
    ) -> bool;
    /// Arguments from JSON; or which of them cannot be had, and why.
    #[doc(hidden)]
    fn of_json(given: impl Fn(usize) -> Value, of_json: &Self::OfJson) -> Result<Self, (usize, String)>;
    #[doc(hidden)]
    fn awaits(sources: &Self::Sources) -> Vec<Option<Awaited>>;
    #[doc(hidden)]
    fn open(sources: &mut Self::Sources) -> Result<Vec<Option<usize>>, TaskError>;
    /// Adds all that they are made of.
    #[doc(hidden)]
    fn edges(sources: &Self::Sources, edges: &mut Edges);
    #[doc(hidden)]
    fn follows(sources: &Self::Sources) -> Vec<Option<Followed>>;
    #[doc(hidden)]
    fn has(sources: &Self::Sources, row: usize) -> bool;
    #[doc(hidden)]
    fn next(sources: &mut Self::Sources, edges: &mut Edges) -> Option<Self::Pending>;
}

/// What has to end before a map knows its length.
#[doc(hidden)]
pub struct Awaited(pub(crate) Node);

/// The map whose elements another one is made of.
#[doc(hidden)]
pub struct Followed(pub(crate) Arc<MapGroup>);

/// How a value is shown to serializers, where it can be.
pub(crate) type ToJson<P> = Option<for<'a> fn(&'a P) -> AnyValue<'a>>;

/// How a value is read from JSON, where it can be.
pub(crate) type OfJson<P> = Option<fn(Value) -> serde_json::Result<P>>;

fn read_parameter<P>(n: usize, given: Value, read: OfJson<P>) -> Result<P, (usize, String)> {
    match read {
        Some(read) => read(given).map_err(|error| (n, error.to_string())),
        None => Err((n, "its type is not `Deserialize`".to_owned())),
    }
}

macro_rules! arg_tuple {
    ($($p:ident $n:tt),*) => {
        impl<$($p),*> Slots for ($($p,)*) {
            type Json = ($(ToJson<$p>,)*);
            type OfJson = ($(OfJson<$p>,)*);
        }

        impl<$($p: Input),*> ArgTuple for ($($p,)*) {
            type Pending = ($(Arg<$p>,)*);
            type Sources = ($(MapArg<$p>,)*);

            fn boxed<'a>(job: Job<'a, Self>) -> Box<dyn Body<'a> + 'a>
            where
                Self: 'a,
            {
                Box::new(job)
            }

            fn body<'j, 'a>(job: &'j mut Job<'a, Self>) -> &'j mut (dyn Body<'a> + 'a)
            where
                Self: 'a,
            {
                job
            }

            fn call_async<'a>(
                spec: &'static Spec,
                options: Option<Arc<Options>>,
                mut job: Job<'a, Self>,
            ) -> BoxFuture<'a, Outcome>
            where
                Self: 'a,
            {
                Box::pin(async move { call_async(spec, options, &mut job).await })
            }

            fn into_any(self) -> Box<dyn Any + Send>
            where
                Self: 'static,
            {
                Box::new(self)
            }

            fn resolve(pending: Self::Pending) -> Result<Self, TaskError> {
                let _ = &pending;
                Ok(($(pending.$n.resolve()?,)*))
            }

            #[allow(unused_variables)]
            fn ready(pending: Self::Pending) -> Result<Self, Self::Pending> {
                if true $(&& pending.$n.is_ready())* {
                    match ($(pending.$n.into_ready(),)*) {
                        ($(Ok($p),)*) => Ok(($($p,)*)),
                        #[allow(unreachable_patterns)]
                        ($($p,)*) => Err(($($p.map_or_else(|arg| arg, Arg::value),)*)),
                    }
                } else {
                    Err(pending)
                }
            }

            #[allow(unused_variables)]
            fn form(
                pending: &Self::Pending,
                json: &Self::Json,
                upstream: &mut UpstreamForm<'_>,
                form: &mut Vec<u8>,
            ) -> bool {
                true $(&& pending.$n.form(json.$n, $n, upstream, form))*
            }

            #[allow(unused_variables)]
            fn of_json(
                given: impl Fn(usize) -> Value,
                of_json: &Self::OfJson,
            ) -> Result<Self, (usize, String)> {
                Ok(($(read_parameter($n, given($n), of_json.$n)?,)*))
            }

            #[allow(unused_variables)]
            fn awaits(sources: &Self::Sources) -> Vec<Option<Awaited>> {
                vec![$(sources.$n.0.awaits().map(Awaited),)*]
            }

            #[allow(unused_variables)]
            fn open(sources: &mut Self::Sources) -> Result<Vec<Option<usize>>, TaskError> {
                $(sources.$n.0.open()?;)*
                Ok(vec![$(sources.$n.0.length(),)*])
            }

            #[allow(unused_variables)]
            fn edges(sources: &Self::Sources, edges: &mut Edges) {
                $(sources.$n.0.edges(edges.for_parameter($n));)*
            }

            #[allow(unused_variables)]
            fn follows(sources: &Self::Sources) -> Vec<Option<Followed>> {
                vec![$(sources.$n.0.follows().map(Followed),)*]
            }

            #[allow(unused_variables)]
            fn has(sources: &Self::Sources, row: usize) -> bool {
                true $(&& sources.$n.0.has(row))*
            }

            #[allow(unused_variables)]
            fn next(sources: &mut Self::Sources, edges: &mut Edges) -> Option<Self::Pending> {
                Some(($(sources.$n.0.next(edges.for_parameter($n))?,)*))
            }

            #[allow(unused_variables)]
            fn values(&self, json: &Self::Json) -> Vec<Option<AnyValue<'_>>> {
                vec![$(json.$n.map(|any| any(&self.$n)),)*]
            }
        }
    };
}

#[allow(non_snake_case)]
mod tuples {
    use std::sync::Arc;

    use super::{
        Any, AnyValue, Arg, ArgTuple, Awaited, Body, BoxFuture, Edges, Followed, Input, Job, MapArg, OfJson,
        Options, Outcome, Slots, Spec, TaskError, ToJson, UpstreamForm, Value, read_parameter,
    };
    use crate::engine::call_async;

    arg_tuple!();
    arg_tuple!(A 0);
    arg_tuple!(A 0, B 1);
    arg_tuple!(A 0, B 1, C 2);
    arg_tuple!(A 0, B 1, C 2, D 3);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    arg_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}

//! Containers of futures, one level deep: each element is moved where nobody else reads it, cloned or shared otherwise.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::{Arg, Edges, IntoArg, Ref, share, take};
use crate::error::TaskError;
use crate::future::{FlowFuture, Reader, TaskFuture, TaskFutures};

fn outcomes<P: Clone + Send + Sync + 'static>(readers: Vec<Reader>) -> Vec<Result<P, TaskError>> {
    readers.into_iter().map(take::<P>).collect()
}

fn values<P: Clone + Send + Sync + 'static>(readers: Vec<Reader>) -> Result<Vec<P>, TaskError> {
    readers.into_iter().map(take::<P>).collect()
}

fn shares<P: Send + Sync + 'static>(readers: Vec<Reader>) -> Result<Vec<Arc<P>>, TaskError> {
    readers.into_iter().map(share::<P>).collect()
}

fn lent<T: Send + Sync + 'static>(values: Vec<T>) -> Ref<'static, [T]> {
    Ref::held(Arc::new(values))
}

/// `$self` is a container of futures; `$readers` gives a `Vec<Reader>` of it.
macro_rules! list_arg {
    ($([$($generics:tt)*] $list:ty: |$value:ident| $readers:expr;)*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static, $($generics)*> IntoArg<Vec<P>> for $list {
                fn into_arg(self, edges: &mut Edges) -> Arg<Vec<P>> {
                    let $value = self;
                    let readers: Vec<Reader> = $readers;
                    for reader in &readers {
                        edges.value(reader);
                    }
                    Arg::collect(readers, values::<P>)
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static, $($generics)*> IntoArg<Ref<'static, [P]>> for $list {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, [P]>> {
                    let $value = self;
                    let readers: Vec<Reader> = $readers;
                    for reader in &readers {
                        edges.value(reader);
                    }
                    Arg::collect(readers, |readers| values::<P>(readers).map(lent))
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Send + Sync + 'static, $($generics)*> IntoArg<Vec<Arc<P>>> for $list {
                fn into_arg(self, edges: &mut Edges) -> Arg<Vec<Arc<P>>> {
                    let $value = self;
                    let readers: Vec<Reader> = $readers;
                    for reader in &readers {
                        edges.value(reader);
                    }
                    Arg::collect(readers, shares::<P>)
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Send + Sync + 'static, $($generics)*> IntoArg<Ref<'static, [Arc<P>]>> for $list {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, [Arc<P>]>> {
                    let $value = self;
                    let readers: Vec<Reader> = $readers;
                    for reader in &readers {
                        edges.value(reader);
                    }
                    Arg::collect(readers, |readers| shares::<P>(readers).map(lent))
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static, $($generics)*> IntoArg<Vec<Result<P, TaskError>>> for $list {
                fn into_arg(self, edges: &mut Edges) -> Arg<Vec<Result<P, TaskError>>> {
                    let $value = self;
                    let readers: Vec<Reader> = $readers;
                    for reader in &readers {
                        edges.outcome(reader);
                    }
                    Arg::collect(readers, |readers| Ok(outcomes::<P>(readers)))
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static, $($generics)*> IntoArg<Ref<'static, [Result<P, TaskError>]>> for $list {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, [Result<P, TaskError>]>> {
                    let $value = self;
                    let readers: Vec<Reader> = $readers;
                    for reader in &readers {
                        edges.outcome(reader);
                    }
                    Arg::collect(readers, |readers| Ok(lent(outcomes::<P>(readers))))
                }
            }
        )*
    };
}

/// The same lists of the futures of tasks and of flows.
macro_rules! lists_of {
    ($($future:ident)*) => {
        $(list_arg! {
            [] Vec<$future<P>>: |list| list.into_iter().map($future::into_reader).collect();
            [] Vec<&$future<P>>: |list| list.into_iter().map($future::to_reader).collect();
            [] &Vec<$future<P>>: |list| list.iter().map($future::to_reader).collect();
            [] &[$future<P>]: |list| list.iter().map($future::to_reader).collect();
            [const N: usize] [$future<P>; N]: |list| list.into_iter().map($future::into_reader).collect();
            [const N: usize] [&$future<P>; N]: |list| list.into_iter().map($future::to_reader).collect();
            [const N: usize] &[$future<P>; N]: |list| list.iter().map($future::to_reader).collect();
        })*
    };
}

lists_of!(TaskFuture FlowFuture);

macro_rules! map_result_arg {
    ($($map:ty),*) => {
        $(
            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static> IntoArg<Vec<P>> for $map {
                fn into_arg(self, edges: &mut Edges) -> Arg<Vec<P>> {
                    edges.values(self.group());
                    Arg::collect(self.to_owned(), |futures| futures.into_readers().map(take::<P>).collect())
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static> IntoArg<Ref<'static, [P]>> for $map {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, [P]>> {
                    edges.values(self.group());
                    Arg::collect(self.to_owned(), |futures| {
                        futures.into_readers().map(take::<P>).collect::<Result<_, _>>().map(lent)
                    })
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Send + Sync + 'static> IntoArg<Vec<Arc<P>>> for $map {
                fn into_arg(self, edges: &mut Edges) -> Arg<Vec<Arc<P>>> {
                    edges.values(self.group());
                    Arg::collect(self.to_owned(), |futures| futures.into_readers().map(share::<P>).collect())
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Send + Sync + 'static> IntoArg<Ref<'static, [Arc<P>]>> for $map {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, [Arc<P>]>> {
                    edges.values(self.group());
                    Arg::collect(self.to_owned(), |futures| {
                        futures.into_readers().map(share::<P>).collect::<Result<_, _>>().map(lent)
                    })
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static> IntoArg<Vec<Result<P, TaskError>>> for $map {
                fn into_arg(self, edges: &mut Edges) -> Arg<Vec<Result<P, TaskError>>> {
                    edges.outcomes(self.group());
                    Arg::collect(self.to_owned(), |futures| Ok(futures.into_readers().map(take::<P>).collect()))
                }
            }

            #[diagnostic::do_not_recommend]
            impl<P: Clone + Send + Sync + 'static> IntoArg<Ref<'static, [Result<P, TaskError>]>> for $map {
                fn into_arg(self, edges: &mut Edges) -> Arg<Ref<'static, [Result<P, TaskError>]>> {
                    edges.outcomes(self.group());
                    Arg::collect(self.to_owned(), |futures| Ok(lent(futures.into_readers().map(take::<P>).collect())))
                }
            }
        )*
    };
}

map_result_arg!(TaskFutures<P>, &TaskFutures<P>);

macro_rules! tuple_arg {
    ($($p:ident $n:tt),*) => {
        tuple_arg!(TaskFuture: $($p $n),*);
        tuple_arg!(FlowFuture: $($p $n),*);
    };
    ($future:ident: $($p:ident $n:tt),*) => {
        #[diagnostic::do_not_recommend]
        impl<$($p: Clone + Send + Sync + 'static),*> IntoArg<($($p,)*)> for ($($future<$p>,)*) {
            fn into_arg(self, edges: &mut Edges) -> Arg<($($p,)*)> {
                let readers = [$(self.$n.into_reader()),*];
                for reader in &readers {
                        edges.value(reader);
                    }
                Arg::collect(readers, |[$($p),*]| Ok(($(take($p)?,)*)))
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($p: Clone + Send + Sync + 'static),*> IntoArg<($($p,)*)> for ($(&$future<$p>,)*) {
            fn into_arg(self, edges: &mut Edges) -> Arg<($($p,)*)> {
                ($(self.$n.clone(),)*).into_arg(edges)
            }
        }
    };
}

#[allow(non_snake_case)]
mod tuples {
    use super::{Arg, Edges, FlowFuture, IntoArg, TaskFuture, take};

    tuple_arg!(A 0);
    tuple_arg!(A 0, B 1);
    tuple_arg!(A 0, B 1, C 2);
    tuple_arg!(A 0, B 1, C 2, D 3);
}

macro_rules! option_arg {
    ($($option:ty: |$value:ident| $reader:expr;)*) => {
        $(#[diagnostic::do_not_recommend]
        impl<P: Clone + Send + Sync + 'static> IntoArg<Option<P>> for $option {
            fn into_arg(self, edges: &mut Edges) -> Arg<Option<P>> {
                let $value = self;
                let reader: Option<Reader> = $reader;
                if let Some(reader) = &reader {
                    edges.value(reader);
                }
                Arg::collect(reader, |reader| reader.map(take::<P>).transpose())
            }
        })*
    };
}

option_arg! {
    Option<TaskFuture<P>>: |option| option.map(TaskFuture::into_reader);
    Option<&TaskFuture<P>>: |option| option.map(TaskFuture::to_reader);
    &Option<TaskFuture<P>>: |option| option.as_ref().map(TaskFuture::to_reader);
    Option<FlowFuture<P>>: |option| option.map(FlowFuture::into_reader);
    Option<&FlowFuture<P>>: |option| option.map(FlowFuture::to_reader);
    &Option<FlowFuture<P>>: |option| option.as_ref().map(FlowFuture::to_reader);
}

macro_rules! keyed_arg {
    ($([$($generics:tt)*] $from:ty => $to:ty: |$value:ident| $readers:expr;)*) => {
        $(#[diagnostic::do_not_recommend]
        impl<P: Clone + Send + Sync + 'static, $($generics)*> IntoArg<$to> for $from {
            fn into_arg(self, edges: &mut Edges) -> Arg<$to> {
                let $value = self;
                let readers: Vec<(K, Reader)> = $readers;
                for (_, reader) in &readers {
                    edges.value(reader);
                }
                Arg::collect_keyed(readers, |readers| {
                    readers.into_iter().map(|(key, reader)| Ok((key, take::<P>(reader)?))).collect()
                })
            }
        })*
    };
}

macro_rules! maps_of {
    ($($future:ident)*) => {
        $(keyed_arg! {
            [K: Clone + Eq + Hash + Send + 'static, S: BuildHasher + Default + 'static]
            HashMap<K, $future<P>, S> => HashMap<K, P, S>:
                |map| map.into_iter().map(|(key, future)| (key, future.into_reader())).collect();
            [K: Clone + Eq + Hash + Send + 'static, S: BuildHasher + Default + 'static]
            &HashMap<K, $future<P>, S> => HashMap<K, P, S>:
                |map| map.iter().map(|(key, future)| (key.clone(), future.to_reader())).collect();
            [K: Clone + Ord + Send + 'static]
            BTreeMap<K, $future<P>> => BTreeMap<K, P>:
                |map| map.into_iter().map(|(key, future)| (key, future.into_reader())).collect();
            [K: Clone + Ord + Send + 'static]
            &BTreeMap<K, $future<P>> => BTreeMap<K, P>:
                |map| map.iter().map(|(key, future)| (key.clone(), future.to_reader())).collect();
        })*
    };
}

maps_of!(TaskFuture FlowFuture);

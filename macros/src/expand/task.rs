//! Expands `#[task]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Lifetime;

use super::expand_function;
use crate::args::Macro;
use crate::model::{Task, lifetime};

// Input:
//     /// Fetches a page.
//     #[task(retries = 2)]
//     pub async fn fetch(url: &str, mut n: u32) -> Result<usize, E> { BODY }
//
// Output, where `P` is `::millrun::__private`:
//     /// Fetches a page.
//     pub fn fetch<'__millrun>(url: &'__millrun str, n: u32) -> P::TaskCall<
//         '__millrun,
//         impl P::Task<Args = (P::Ref<'__millrun, str>, u32), Output = <Result<usize, E> as P::Fallible>::Ok> + use<'__millrun>,
//     > {
//         use P::{self as __millrun, CloneProbe as _, JsonProbe as _, KeptProbe as _};
//         async fn __millrun_body(url: &str, mut n: u32) -> Result<usize, E> { BODY }
//         static __MILLRUN_SPEC: P::TaskSpec = P::TaskSpec::task(..).description("Fetches a page.").retries(2);
//         P::inventory::submit!(P::Registered::new(&__MILLRUN_SPEC));
//         struct __MillrunTask<'__millrun>(PhantomData<(&'__millrun (),)>);
//         impl<'__millrun> P::Task for __MillrunTask<'__millrun> {
//             .. attempt(args) { P::Attempt::Future(Box::pin(async move {
//                 P::returned_result::<Self, _>(__millrun_body(&*args.0, args.1).await)
//             })) }
//             // And where nothing is borrowed, which is less to compile:
//             //    P::Attempt::Future(Box::pin(P::Later { future: __millrun_body(args.0, args.1), returned: P::returned_result::<Self, _> }))
//         }
//         <P::TaskCall<'__millrun, __MillrunTask<'__millrun>>>::new((P::Ref::borrowed(url), n))
//     }
pub(crate) fn expand_task(Task { function, args }: &Task) -> TokenStream {
    let borrowed = if function.borrows { lifetime() } else { Lifetime::new("'static", Span::call_site()) };
    expand_function(Macro::Task, function, args, |path, task| quote!(#path::TaskCall<#borrowed, #task>))
}

//! Expands `#[flow]`.

use proc_macro2::TokenStream;
use quote::quote;

use super::expand_function;
use crate::args::Macro;
use crate::model::Flow;

// Input:
//     /// Loads a month.
//     #[flow(timeout = "1h")]
//     pub async fn etl(month: String) -> Result<u64, FlowError> { BODY }
//
// Output, where `P` is `::millrun::__private`:
//     /// Loads a month.
//     pub fn etl(month: String) -> P::FlowCall<
//         impl P::Task<Args = (String,), Output = <Result<u64, FlowError> as P::Fallible>::Ok> + use<>,
//     > {
//         use P::{self as __millrun, CloneProbe as _, JsonProbe as _, KeptProbe as _, OfJsonProbe as _};
//         async fn __millrun_body(month: String) -> Result<u64, FlowError> { BODY }
//         static __MILLRUN_SPEC: P::FlowSpec = P::FlowSpec::flow(..).description("Loads a month.").timeout(..);
//         P::inventory::submit!(P::Registered::flow::<__MillrunFlow>(&__MILLRUN_SPEC));
//         struct __MillrunFlow;
//         impl P::Task for __MillrunFlow { .. }
//         impl P::Flow for __MillrunFlow { const OF_JSON: .. = (P::Probe::<String>::OF_JSON,); }
//         <P::FlowCall<__MillrunFlow>>::new((month,))
//     }
pub(crate) fn expand_flow(Flow { function, args }: &Flow) -> TokenStream {
    expand_function(Macro::Flow, function, args, |path, flow| quote!(#path::FlowCall<#flow>))
}

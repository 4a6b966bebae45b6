//! Expands what is known of a task or a flow at compile time: a static made by the runtime's const builder.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::results::{expand_kept, expand_results, expand_source};
use crate::args::{Args, Macro, Slot};
use crate::model::{Execution, Function};
use crate::value::{Amount, Amounts, Bound, FunctionPath, FunctionPaths, KnownTrigger, RetryDelay, Trigger};

/// The static, and its registration.
///
/// ```text
/// static __MILLRUN_SPEC: P::TaskSpec = P::TaskSpec::task(P::Kind::Async, "fetch", module_path!(), file!(), line!())
///     .parameters(&["url", "n"]).retries(2);
/// P::inventory::submit!(P::Registered::new(&__MILLRUN_SPEC));
/// ```
pub(super) fn expand_spec(
    attribute: Macro,
    private: &TokenStream,
    function: &Function,
    args: &Args,
) -> TokenStream {
    let (spec, constructor) = match attribute {
        Macro::Task => (quote!(TaskSpec), quote!(task)),
        Macro::Flow => (quote!(FlowSpec), quote!(flow)),
    };
    let kind = match function.execution {
        Execution::Async => quote!(Async),
        Execution::Sync => quote!(Sync),
        Execution::Blocking => quote!(Blocking),
    };
    let name = syn::ext::IdentExt::unraw(&function.signature.ident).to_string();
    let registered = match attribute {
        Macro::Flow if function.generics.params.is_empty() && !function.borrows => {
            quote!(flow::<__MillrunFlow>)
        }
        _ => quote!(new),
    };
    let (kept, source) = (expand_kept(private, function, args), expand_source(function));
    let options = expand_options(attribute, private, function, args);
    quote! {
        static __MILLRUN_SPEC: #private::#spec = #private::#spec::#constructor(
            #private::Kind::#kind, #name, ::core::module_path!(), ::core::file!(), ::core::line!(),
            #kept, #source,
        ) #options;
        #private::inventory::submit!(#private::Registered::#registered(&__MILLRUN_SPEC));
    }
}

/// Whether the word is among the tokens: `task_run()?.parameters()`.
fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}

/// The calls of the builder: only what was given.
fn expand_options(attribute: Macro, private: &TokenStream, function: &Function, args: &Args) -> TokenStream {
    let mut calls = TokenStream::new();
    let mut call = |method: &str, value: Option<TokenStream>| {
        if let Some(value) = value {
            // What is said of the method is said at its argument.
            let method = Ident::new(method, value.span());
            calls.extend(quote!(.#method(#value)));
        }
    };
    let literal = |text: &crate::value::Text| {
        let literal = &text.0;
        quote!(#literal)
    };
    call("name", args.name.value().map(literal));
    let description = args.description.value().map(literal);
    call("description", description.or_else(|| function.description.as_ref().map(|text| quote!(#text))));
    call("version", args.version.value().map(literal));
    call("tags", args.tags.value().map(|crate::value::Tags(tags)| quote!(&[#(#tags),*])));
    let parameters: Vec<&str> = function.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let asks = !parameters.is_empty() && mentions(function.body.to_token_stream(), "parameters");
    call("wants_parameters", asks.then(|| quote!(true)));
    call("parameters", (!parameters.is_empty()).then(|| quote!(&[#(#parameters),*])));
    call("retries", args.retries.value().map(|crate::value::Retries(retries)| quote!(#retries)));
    call("retry_delay", args.retry_delay.value().map(|delay| expand_retry_delay(private, delay)));
    let jitter = args.retry_jitter_factor.value();
    call("retry_jitter_factor", jitter.map(|crate::value::JitterFactor(share)| quote!(#share)));
    let condition = args.retry_if.value();
    call("retry_if", condition.map(|FunctionPath(path)| quote!(#path)));
    call("timeout", args.timeout.value().map(|crate::value::Timeout(timeout)| expand_duration(*timeout)));
    call("trigger", args.trigger.value().map(|trigger| expand_trigger(private, trigger)));
    let skip = args.skip_on_upstream_skip.value();
    call("skip_on_upstream_skip", skip.map(|crate::value::Bool(skip)| quote!(#skip)));
    let runner = args.task_runner.value();
    call("task_runner", runner.map(|runner| expand_task_runner(private, runner)));
    let hooks =
        |slot: &Slot<FunctionPaths>| slot.value().map(|paths| expand_hooks(attribute, private, paths));
    call("on_running", hooks(&args.on_running));
    call("on_completion", hooks(&args.on_completion));
    call("on_failure", hooks(&args.on_failure));
    call("on_crashed", hooks(&args.on_crashed));
    call("on_cancellation", hooks(&args.on_cancellation));
    let transaction_hooks =
        |slot: &Slot<FunctionPaths>| slot.value().map(|paths| expand_transaction_hooks(private, paths));
    call("on_commit", transaction_hooks(&args.on_commit));
    call("on_rollback", transaction_hooks(&args.on_rollback));
    let changes = args.on_state_change.value();
    call("on_state_change", changes.map(|paths| expand_state_hooks(attribute, private, paths)));
    calls.extend(expand_results(private, args));
    calls
}

pub(super) fn expand_duration(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}

fn expand_retry_delay(private: &TokenStream, delay: &RetryDelay) -> TokenStream {
    match delay {
        RetryDelay::List(delays) => {
            let delays = delays.iter().copied().map(expand_duration);
            quote!(#private::RetryDelay::List(&[#(#delays),*]))
        }
        RetryDelay::Exponential { base, max } => {
            let base = expand_duration(*base);
            let max = max.map(expand_duration).map_or_else(
                || quote!(::core::option::Option::None),
                |max| quote!(::core::option::Option::Some(#max)),
            );
            quote!(#private::RetryDelay::Exponential { base: #base, max: #max })
        }
    }
}

fn expand_trigger(private: &TokenStream, trigger: &Trigger) -> TokenStream {
    match trigger {
        Trigger::Known(KnownTrigger { variant, amounts }) => {
            let variant = Ident::new(variant, Span::call_site());
            let amounts = amounts.as_ref().map(|Amounts { from, to }| {
                let (from, to) = (expand_bound(private, from), expand_bound(private, to));
                quote!((#private::Amounts::new(#from, #to)))
            });
            quote!(#private::Trigger::#variant #amounts)
        }
        Trigger::Custom(path) => quote_spanned!(path.span()=> #private::Trigger::Custom(#path)),
    }
}

fn expand_bound(private: &TokenStream, bound: &Bound) -> TokenStream {
    let expand_amount = |amount: &Amount| match amount {
        Amount::Count(count) => quote!(#private::Amount::Count(#count)),
        Amount::Share(share) => quote!(#private::Amount::Share(#share)),
    };
    match bound {
        Bound::Included(amount) => {
            let amount = expand_amount(amount);
            quote!(#private::Bound::Included(#amount))
        }
        Bound::Excluded(amount) => {
            let amount = expand_amount(amount);
            quote!(#private::Bound::Excluded(#amount))
        }
        Bound::Unbounded => quote!(#private::Bound::Unbounded),
    }
}

fn expand_task_runner(
    private: &TokenStream,
    crate::value::Expression(runner): &crate::value::Expression,
) -> TokenStream {
    quote_spanned!(runner.span()=> || #private::task_runner(#runner))
}

/// A hook may be sync or async, and return a result or nothing: the runtime's functions take them all.
fn expand_hooks(
    attribute: Macro,
    private: &TokenStream,
    FunctionPaths(paths): &FunctionPaths,
) -> TokenStream {
    let (variant, function) = match attribute {
        Macro::Task => (quote!(Task), quote!(#private::task_hook)),
        Macro::Flow => (quote!(Flow), quote!(#private::flow_hook)),
    };
    let hooks = paths.iter().map(|FunctionPath(path)| {
        let call = quote_spanned!(path.span()=>
            |__millrun_run, __millrun_state| #function(#path, __millrun_run, __millrun_state)
        );
        quote!(#private::Hook::#variant(#call))
    });
    quote!(&[#(#hooks),*])
}

fn expand_transaction_hooks(private: &TokenStream, FunctionPaths(paths): &FunctionPaths) -> TokenStream {
    let hooks = paths.iter().map(|FunctionPath(path)| {
        quote_spanned!(path.span()=>
            |__millrun_transaction| #private::transaction_hook(#path, __millrun_transaction)
        )
    });
    quote!(&[#(#hooks),*])
}

fn expand_state_hooks(
    attribute: Macro,
    private: &TokenStream,
    FunctionPaths(paths): &FunctionPaths,
) -> TokenStream {
    let variant = match attribute {
        Macro::Task => quote!(Task),
        Macro::Flow => quote!(Flow),
    };
    let hooks = paths
        .iter()
        .map(|FunctionPath(path)| quote_spanned!(path.span()=> #private::StateHook::#variant(#path)));
    quote!(&[#(#hooks),*])
}

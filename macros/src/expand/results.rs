//! Expands what is said of results, and what is asked of types that are kept or that keys are made of.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::expand_output;
use crate::args::{Args, Macro};
use crate::check::results::are_kept;
use crate::model::{BodyUse, Function, Param};
use crate::source;
use crate::value::{Expression, Isolation, Serializer, Switch, Timeout};

/// The calls of the builder.
///
/// ```text
/// .policy({ static POLICY: LazyLock<P::Policy> = LazyLock::new(|| P::Policy::from(P::Inputs + P::TaskSource)); &POLICY })
/// ```
pub(super) fn expand_results(private: &TokenStream, args: &Args) -> TokenStream {
    let mut calls = TokenStream::new();
    let mut call = |method: &str, value: Option<TokenStream>| {
        if let Some(value) = value {
            let method = Ident::new(method, value.span());
            calls.extend(quote!(.#method(#value)));
        }
    };
    call("persist_result", args.persist_result.value().map(|Switch(persist)| quote!(#persist)));
    let policy = args.cache_policy.value().map(|policy| {
        let expression = &policy.expression;
        quote_spanned! {expression.span()=> {
            static __MILLRUN_POLICY: ::std::sync::LazyLock<#private::Policy> =
                ::std::sync::LazyLock::new(|| #private::Policy::from(#expression));
            &__MILLRUN_POLICY
        }}
    });
    call("policy", policy);
    let named = args.cache_key.value().map(|_| quote!(CacheKey));
    let named = named.or_else(|| args.result_storage_key.value().map(|_| quote!(StorageKey)));
    call("named", named.map(|named| quote!(#private::Named::#named)));
    let expiration = args.cache_expiration.value();
    call("expiration", expiration.map(|Timeout(duration)| super::spec::expand_duration(*duration)));
    call("refresh", args.refresh_cache.value().map(|_| quote!(true)));
    let isolation = args.isolation.value();
    call("isolation", isolation.map(|Isolation(level)| quote!(#private::IsolationLevel::#level)));
    let storage = args.result_storage.value().map(|Expression(store)| {
        quote_spanned! {store.span()=> {
            static __MILLRUN_STORE: #private::LazyStore = #private::LazyStore::new(|| #private::result_storage(#store));
            &__MILLRUN_STORE
        }}
    });
    call("storage", storage);
    let serializer = args.result_serializer.value();
    let serializer =
        serializer.map(|Serializer(name)| quote_spanned!(name.span()=> #private::known_serializer::#name()));
    call("serializer", serializer);
    calls
}

/// The hash of what the user wrote.
pub(super) fn expand_source(function: &Function) -> TokenStream {
    let source = source::hash(&function.signature, &function.body);
    quote!(#source)
}

/// How results are kept: it is asked for, or it is found out, where that is sound.
pub(super) fn expand_kept(private: &TokenStream, function: &Function, args: &Args) -> TokenStream {
    let output = expand_output(private, function);
    let span = function.output.ty.as_ref().map_or_else(|| output.span(), syn::spanned::Spanned::span);
    if function.body_use != BodyUse::Called || !function.generics.params.is_empty() {
        quote!(::core::option::Option::None)
    } else if are_kept(args) {
        quote_spanned!(span=> #private::kept_result::<#output>())
    } else if function.output.can_be_probed {
        quote!(#private::Probe::<#output>::KEPT)
    } else {
        quote!(::core::option::Option::None)
    }
}

/// How a parameter is written that keys are made of; nothing, if none is made of it.
pub(super) fn expand_cache_input(
    attribute: Macro,
    private: &TokenStream,
    parameter: &Param,
    args: &Args,
) -> Option<TokenStream> {
    let is_input = match args.cache_policy.value() {
        Some(policy) => {
            policy.has_inputs && !policy.excluded.iter().any(|name| name.value() == parameter.name)
        }
        None => {
            args.cache_policy.is_absent() && args.cache_key.is_absent() && args.result_storage_key.is_absent()
        }
    };
    // Nobody looks for the result of a flow.
    if attribute == Macro::Flow || !is_input || !are_kept(args) {
        return None;
    }
    let ty = parameter.slot.ty();
    let check = if parameter.slot.is_borrowed() { quote!(cache_input_ref) } else { quote!(cache_input) };
    Some(quote_spanned!(ty.span()=> #private::#check::<#ty>()))
}

//! model → tokens: the function with its new signature, around the body and a hidden type that knows how to run it.
//!
//! Owns what tasks and flows have in common. Cannot fail. Every name that is introduced begins with `__millrun`; nothing
//! is named but `::core`, `::std` and the runtime's `__private`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, GenericParam, parse_quote};

pub(crate) use self::flow::expand_flow;
use self::spec::expand_spec;
pub(crate) use self::task::expand_task;
use crate::args::{Args, Macro};
use crate::model::{BodyUse, Execution, Function, Param, Slot, lifetime};
use crate::value::{CratePath, Expression, Retries};

mod flow;
mod results;
mod spec;
mod task;
mod text;

/// The function with its new signature, and what stands in it.
///
/// `call` is the type of a call, given the path to name it by and the task in it.
fn expand_function(
    attribute: Macro,
    function: &Function,
    args: &Args,
    call: impl Fn(&TokenStream, TokenStream) -> TokenStream,
) -> TokenStream {
    let private = &private_path(args);
    // What stands within the function has a shorter name for it.
    let inner = &quote!(__millrun);
    let hidden = HiddenType::new(attribute, function);
    let Function { outer_attributes, visibility, generics, signature, .. } = function;
    let (fn_token, ident) = (&signature.fn_token, &signature.ident);
    let lifetime = function.borrows.then(lifetime).into_iter();
    let bounded = generics.params.iter();
    let outer_generics =
        (function.borrows || bounded.len() > 0).then(|| quote!(<#(#lifetime,)* #(#bounded),*>));
    let parameters = function.parameters.iter().map(|parameter| {
        let (ident, ty) = (&parameter.ident, &parameter.argument);
        quote!(#ident: #ty)
    });
    let clause = &generics.where_clause;
    let slots = expand_slots(private, function);
    let output = expand_output(private, function);
    let captured = &hidden.captured;
    let returned =
        call(private, quote!(impl #private::Task<Args = #slots, Output = #output> + use #captured));
    let underscored = expand_underscored(&function.parameters);
    let body = expand_body(function, args);
    let spec = expand_spec(attribute, inner, function, args);
    let checks = expand_checks(inner, function);
    let implementation = expand_hidden_type(attribute, inner, &hidden, function, args);
    let recorded = (attribute == Macro::Flow).then(|| expand_flow_trait(inner, &hidden, function));
    let of_json_probe = recorded.is_some().then(|| quote!(, OfJsonProbe as _));
    let made = call(inner, hidden.path);
    let arguments = expand_arguments(inner, function);
    quote! {
        #(#outer_attributes)*
        #underscored
        #visibility #fn_token #ident #outer_generics (#(#parameters),*) -> #returned
        #clause
        {
            use #private::{self as __millrun, CloneProbe as _, JsonProbe as _, KeptProbe as _ #of_json_probe};
            #body
            #spec
            #checks
            #implementation
            #recorded
            <#made>::new(#arguments)
        }
    }
}

/// The path of all that an expansion may name of the runtime.
fn private_path(args: &Args) -> TokenStream {
    args.krate
        .value()
        .map_or_else(|| quote!(::millrun::__private), |CratePath(path)| quote!(#path::__private))
}

/// The body in a function of its own, under the signature that the user gave it.
///
/// ```text
/// #[allow(..)] async fn __millrun_body(url: &str, mut n: u32) -> Result<usize, E> { .. }
/// ```
fn expand_body(function: &Function, args: &Args) -> TokenStream {
    let Function { body_attributes, signature, body, .. } = function;
    // What is wrong with a signature has been reported: the body's part in it is over.
    let unused = match function.body_use {
        BodyUse::Called => None,
        BodyUse::Kept => Some(quote!(#[allow(dead_code)])),
        BodyUse::Dropped => return TokenStream::new(),
    };
    let mut signature = signature.clone();
    signature.ident = Ident::new("__millrun_body", signature.ident.span().resolved_at(Span::call_site()));
    for (input, parameter) in signature.inputs.iter_mut().zip(&function.parameters) {
        // A parameter may be there for the run's name, or for a key, alone.
        if let (FnArg::Typed(input), true) = (input, text::names(args, &parameter.name)) {
            input.attrs.push(parse_quote!(#[allow(unused_variables)]));
        }
    }
    // Advice that cannot be taken: a task's signature is not a plain function's.
    let lint = match function.execution {
        Execution::Async => quote!(clippy::unused_async),
        Execution::Sync | Execution::Blocking => quote!(clippy::missing_const_for_fn),
    };
    quote! {
        #[allow(clippy::needless_pass_by_value, #lint)]
        #unused
        #(#body_attributes)*
        #signature #body
    }
}

/// The tuple type of what a run keeps of its arguments: `(Ref<'__millrun, str>, u32,)`.
fn expand_slots(private: &TokenStream, function: &Function) -> TokenStream {
    let slots = function.parameters.iter().map(|parameter| expand_slot(private, &parameter.slot));
    // A bound that an argument does not meet is reported at the tuple: show the parameter, or all of them.
    let span = match function.parameters.as_slice() {
        [parameter] => parameter.argument.span(),
        _ => function.signature.paren_token.span.join(),
    };
    quote_spanned!(span=> (#(#slots,)*))
}

/// The new function uses parameters that the body ignores, and that say so by their names.
fn expand_underscored(parameters: &[Param]) -> Option<TokenStream> {
    let any = parameters.iter().any(|parameter| parameter.name.starts_with('_'));
    any.then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}

fn expand_slot(private: &TokenStream, slot: &Slot) -> TokenStream {
    match slot {
        Slot::Owned(ty) => ty.to_token_stream(),
        Slot::Borrowed(ty) => {
            let lifetime = lifetime();
            quote_spanned!(ty.span()=> #private::Ref<#lifetime, #ty>)
        }
    }
}

/// The arguments of the new function, as such a tuple: `(Ref::borrowed(url), n,)`.
fn expand_arguments(private: &TokenStream, function: &Function) -> TokenStream {
    let arguments = function.parameters.iter().map(|Param { ident, slot, .. }| match slot {
        Slot::Owned(_) => quote!(#ident),
        Slot::Borrowed(_) => quote!(#private::Ref::borrowed(#ident)),
    });
    match function.body_use {
        BodyUse::Called => quote!((#(#arguments,)*)),
        // They need not fit the slots.
        BodyUse::Kept | BodyUse::Dropped => {
            let arguments = function.parameters.iter().map(|parameter| &parameter.ident);
            quote!(#private::unreachable((#(#arguments,)*)))
        }
    }
}

/// What the function's calls give: the return type, or the `Ok` type of a `Result`.
fn expand_output(private: &TokenStream, function: &Function) -> TokenStream {
    match (&function.output.ok, &function.output.ty) {
        (Some(ok), _) => ok.to_token_stream(),
        (None, None) => quote!(()),
        (None, Some(ty)) if function.output.is_result => {
            quote_spanned!(ty.span()=> <#ty as #private::Fallible>::Ok)
        }
        (None, Some(ty)) => ty.to_token_stream(),
    }
}

/// Compile-time checks of types that the macro cannot see.
fn expand_checks(private: &TokenStream, function: &Function) -> TokenStream {
    let is_called = function.body_use == BodyUse::Called;
    let Some(ty) = function.output.ty.as_ref().filter(|_| is_called && function.output.may_be_alias) else {
        return TokenStream::new();
    };
    quote_spanned! {ty.span()=>
        const _: () = {
            use #private::ResultProbe as _;
            ::core::assert!(
                !#private::Probe::<#ty>::IS_RESULT,
                "an alias of `Result` is not recognised by its name: write the return type as `Result<..>`",
            );
        };
    }
}

/// The hidden type and its implementation of the runtime's `Task`.
///
/// ```text
/// struct __MillrunTask<'__millrun, V: ?Sized>(PhantomData<(&'__millrun (), fn() -> V)>);
/// impl<'__millrun, V: Bounds> Task for __MillrunTask<'__millrun, V> where .. { .. }
/// ```
fn expand_hidden_type(
    attribute: Macro,
    private: &TokenStream,
    HiddenType { definition, path, generics, outlive, .. }: &HiddenType,
    function: &Function,
    args: &Args,
) -> TokenStream {
    let clause = &function.generics.where_clause;
    let slots = expand_slots(private, function);
    let output = expand_output(private, function);
    let clone = expand_clone(attribute, private, function, args);
    let json = expand_json(attribute, private, function, args);
    let attempt = expand_attempt(private, function);
    // `Self: '__millrun_attempt`, as the trait has it. In those words it would keep the compiler from remembering, from one body to the
    // next, what of the futures in them can be sent: a second for each flow.
    let outlives = (!outlive.is_empty()).then(|| quote!(where #(#outlive: '__millrun_attempt,)*));
    let none = || quote!(::core::option::Option::None);
    let text = text::expand_text(function, args);
    // Not every template names what there is.
    let unused = text.is_some().then(|| quote!(#[allow(unused_variables)]));
    let text = text.unwrap_or_else(none);
    let plan_value = expand_plan_value(private, function, args).unwrap_or_else(none);
    // Something else may stand for a task's function: what that needs of it.
    let is_mocked = attribute == Macro::Task && function.body_use == BodyUse::Called;
    let is_copied = is_mocked && function.output.can_be_probed;
    let clone_result = if is_copied { quote!(#private::Probe::<Self::Output>::CLONE) } else { none() };
    let is_owned = is_mocked && !function.borrows;
    let into_owned = if is_owned { quote!(#private::into_owned::<Self>()) } else { none() };
    quote! {
        #definition
        impl #generics #private::Task for #path #clause {
            type Args = #slots;
            type Output = #output;
            const PARTS: #private::Parts<Self> = #private::Parts {
                spec: &__MILLRUN_SPEC,
                clone: #clone,
                json: #json,
                clone_result: #clone_result,
                into_owned: #into_owned,
                #unused
                text: #text,
                plan_value: #plan_value,
            };
            fn attempt<'__millrun_attempt>(
                __millrun_args: Self::Args,
            ) -> #private::Attempt<'__millrun_attempt> #outlives {
                #attempt
            }
        }
    }
}

/// What stands for the result in a plan.
///
/// ```text
/// Some(|| { let __millrun_value: usize = 3; P::planned::<Self>(__millrun_value) })
/// ```
fn expand_plan_value(private: &TokenStream, function: &Function, args: &Args) -> Option<TokenStream> {
    let Expression(value) = args.plan_value.value()?;
    let output = expand_output(private, function);
    let made = quote_spanned!(value.span()=> let __millrun_value: #output = #value;);
    Some(quote! {
        ::core::option::Option::Some(|| {
            #made
            #private::planned::<Self>(__millrun_value)
        })
    })
}

/// The hidden type's forms, with the generics of the function.
struct HiddenType {
    definition: TokenStream,
    path: TokenStream,
    /// The parameters with their bounds, for the `impl`.
    generics: TokenStream,
    /// The parameters' names, for `use<..>`.
    captured: TokenStream,
    /// The parameters that live as long as the type does.
    outlive: Vec<TokenStream>,
}

impl HiddenType {
    fn new(attribute: Macro, function: &Function) -> Self {
        let name = match attribute {
            Macro::Task => quote!(__MillrunTask),
            Macro::Flow => quote!(__MillrunFlow),
        };
        // A flow owns its arguments.
        let borrows = function.borrows && attribute == Macro::Task;
        let lifetime = borrows.then(lifetime).into_iter();
        let bounded = function.generics.params.iter();
        let mut declared = Vec::new();
        let mut names = Vec::new();
        let mut marks = Vec::new();
        let mut outlive: Vec<TokenStream> = lifetime.clone().map(ToTokens::into_token_stream).collect();
        for parameter in &function.generics.params {
            match parameter {
                GenericParam::Type(parameter) => {
                    let ident = &parameter.ident;
                    declared.push(quote!(#ident: ?::core::marker::Sized));
                    marks.push(quote!(fn() -> #ident));
                    outlive.push(ident.to_token_stream());
                    names.push(ident);
                }
                GenericParam::Const(parameter) => {
                    let (ident, ty) = (&parameter.ident, &parameter.ty);
                    declared.push(quote!(const #ident: #ty));
                    names.push(ident);
                }
                GenericParam::Lifetime(_) => {}
            }
        }
        let lifetimes = lifetime.clone().chain(None);
        let captured = {
            let lifetime = lifetime.clone();
            quote!(<#(#lifetime,)* #(#names),*>)
        };
        if !borrows && names.is_empty() {
            let definition = quote!(struct #name;);
            return Self { definition, path: name, generics: TokenStream::new(), captured, outlive };
        }
        let declaration_lifetime = lifetimes.clone();
        let mark_lifetime = lifetimes.clone();
        let generics = quote!(<#(#lifetimes,)* #(#bounded),*>);
        Self {
            definition: quote! {
                struct #name<#(#declaration_lifetime,)* #(#declared),*>(
                    ::core::marker::PhantomData<(#(&#mark_lifetime (),)* #(#marks,)*)>
                );
            },
            path: quote!(#name #captured),
            generics,
            captured,
            outlive,
        }
    }
}

/// How arguments are cloned for a further attempt, where they can be; with `retries` they have to.
fn expand_clone(attribute: Macro, private: &TokenStream, function: &Function, args: &Args) -> TokenStream {
    let probe = quote!(#private::Probe::<Self::Args>::CLONE);
    let retried = args.retries.value().is_some_and(|Retries(retries)| *retries > 0);
    let retried = retried && function.body_use == BodyUse::Called;
    let owned = function.parameters.iter().filter(|parameter| retried && !parameter.slot.is_borrowed());
    let check = match attribute {
        Macro::Task => quote!(clone_for_task_retries),
        Macro::Flow => quote!(clone_for_flow_retries),
    };
    let checks: Vec<TokenStream> = owned
        .map(|parameter| {
            let ty = parameter.slot.ty();
            quote_spanned!(ty.span()=> let _ = #private::#check::<#ty>;)
        })
        .collect();
    if checks.is_empty() { probe } else { quote!({ #(#checks)* #probe }) }
}

/// How arguments are written down, for each where its type tells.
fn expand_json(attribute: Macro, private: &TokenStream, function: &Function, args: &Args) -> TokenStream {
    let probes = function.parameters.iter().map(|parameter| {
        let Param { slot, can_be_probed, .. } = parameter;
        let ty = expand_slot(private, slot);
        if function.body_use == BodyUse::Called
            && let Some(input) = results::expand_cache_input(attribute, private, parameter, args)
        {
            input
        } else if *can_be_probed {
            quote!(#private::Probe::<#ty>::JSON)
        } else {
            quote!(#private::Probe::<#ty>::NO_JSON)
        }
    });
    quote!((#(#probes,)*))
}

/// How the arguments of a flow are read from what was recorded of them.
///
/// ```text
/// impl P::Flow for __MillrunFlow { const OF_JSON: <..>::OfJson = (P::Probe::<String>::OF_JSON,); }
/// ```
fn expand_flow_trait(
    private: &TokenStream,
    HiddenType { path, generics, .. }: &HiddenType,
    function: &Function,
) -> TokenStream {
    let clause = &function.generics.where_clause;
    let probes = function.parameters.iter().map(|parameter| {
        let ty = expand_slot(private, &parameter.slot);
        let probe = if parameter.can_be_probed { quote!(OF_JSON) } else { quote!(NO_OF_JSON) };
        quote!(#private::Probe::<#ty>::#probe)
    });
    quote! {
        impl #generics #private::Flow for #path #clause {
            const OF_JSON: <<Self as #private::Task>::Args as #private::Slots>::OfJson = (#(#probes,)*);
        }
    }
}

/// Runs the body on owned arguments.
fn expand_attempt(private: &TokenStream, function: &Function) -> TokenStream {
    if function.body_use != BodyUse::Called {
        return quote! {
            let _ = __millrun_args;
            ::core::unreachable!()
        };
    }
    let arguments = function.parameters.iter().enumerate().map(|(index, parameter)| {
        let index = syn::Index::from(index);
        if parameter.slot.is_borrowed() {
            quote!(&*__millrun_args.#index)
        } else {
            quote!(__millrun_args.#index)
        }
    });
    let names = function.generics.params.iter().map(|parameter| match parameter {
        GenericParam::Type(parameter) => parameter.ident.to_token_stream(),
        GenericParam::Const(parameter) => parameter.ident.to_token_stream(),
        GenericParam::Lifetime(parameter) => parameter.lifetime.to_token_stream(),
    });
    // Only the return type may tell them, and that is erased here.
    let turbofish = (!function.generics.params.is_empty()).then(|| quote!(::<#(#names),*>));
    // An error of the wrong type is reported at the call.
    let span = function.output.error_span.unwrap_or_else(Span::call_site);
    let call = quote_spanned!(span=> __millrun_body #turbofish (#(#arguments),*));
    let returned = respanned(
        if function.output.is_result {
            quote!(#private::returned_result::<Self, _>)
        } else {
            quote!(#private::returned::<Self>)
        },
        span,
    );
    match (function.execution, &function.signature.asyncness) {
        (Execution::Async, token) => {
            // What is borrowed is borrowed from the arguments: the future holds both.
            let outcome = if function.borrows {
                quote_spanned!(token.span()=> async move { #returned(#call.await) })
            } else {
                let later = respanned(quote!(#private::Later), span);
                quote_spanned!(token.span()=> #later { future: #call, returned: #returned })
            };
            // A value that cannot be sent is reported here, with notes at the value and the `await`.
            let future = quote_spanned!(token.span()=> ::std::boxed::Box::pin(#outcome));
            quote!(#private::Attempt::Future(#future))
        }
        (Execution::Sync | Execution::Blocking, _) => quote!(#private::Attempt::Done(#returned(#call))),
    }
}

/// The same tokens, as if they stood at `span`.
fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let at_span = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(at_span).collect()
}

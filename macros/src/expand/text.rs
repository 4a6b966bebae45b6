//! Expands templates over the arguments: the run's name, and the key of its result.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::LitStr;

use crate::args::Args;
use crate::model::{BodyUse, Function, Param};
use crate::value::{CacheKey, FunctionPath, KeyTemplate, Name, Piece, Template};

/// The template of the run's name, be it a task's or a flow's.
fn run_name_template(args: &Args) -> Option<&Template> {
    args.task_run_name.value().or_else(|| args.flow_run_name.value())
}

/// The template of the key of the result.
fn key_template(args: &Args) -> Option<&KeyTemplate> {
    match args.cache_key.value() {
        Some(CacheKey::Template(template)) => Some(template),
        _ => args.result_storage_key.value(),
    }
}

/// Whether a template names the parameter.
pub(super) fn names(args: &Args, parameter: &str) -> bool {
    let is_named = |names: &[Name]| names.iter().any(|name| name.parameter == parameter);
    run_name_template(args).is_some_and(|template| is_named(&template.names))
        || matches!(args.cache_key.value(), Some(CacheKey::Function(_)))
        || key_template(args).is_some_and(|template| {
            template.pieces.iter().any(|piece| matches!(piece, Piece::Value { names, .. } if is_named(names)))
        })
}

/// ```text
/// Some(|args, key| match key {
///     None => Some(format!("fetch {url}", url = args.0)),
///     Some(key) => { key.text("rows/"); key.value(format_args!("{url}", url = args.0)); Some(String::new()) }
/// })
/// ```
pub(super) fn expand_text(function: &Function, args: &Args) -> Option<TokenStream> {
    let name = run_name_template(args).map(|template| expand_run_name(template, &function.parameters));
    let key = expand_key(function, args);
    if name.is_none() && key.is_none() {
        return None;
    }
    let none = || quote!(::core::option::Option::None);
    let (name, key) = (name.unwrap_or_else(none), key.unwrap_or_else(none));
    Some(quote! {
        ::core::option::Option::Some(|__millrun_args, __millrun_key| match __millrun_key {
            ::core::option::Option::None => #name,
            ::core::option::Option::Some(__millrun_key) => #key,
        })
    })
}

/// Formats the user's template over the arguments.
fn expand_run_name(template: &Template, parameters: &[Param]) -> TokenStream {
    let literal = &template.literal;
    let arguments = expand_named(&template.names, parameters, literal.span());
    let text = quote_spanned!(literal.span()=> ::std::format!(#literal #(, #arguments)*));
    quote!(::core::option::Option::Some(#text))
}

/// The arguments that a format string names: `url = args.0`.
fn expand_named(names: &[Name], parameters: &[Param], span: Span) -> Vec<TokenStream> {
    let arguments = parameters.iter().enumerate().filter_map(|(index, parameter)| {
        let mut uses = names.iter().filter(|name| name.parameter == parameter.name).peekable();
        uses.peek()?;
        let is_count = uses.any(|name| name.is_count);
        let mut index = syn::Index::from(index);
        index.span = span;
        let ident = &parameter.ident;
        // A width is a `usize`, and not a reference to one.
        let deref = (is_count && parameter.slot.is_borrowed()).then(|| quote!(*));
        // A parameter that cannot be formatted is reported at the template.
        let argument = quote_spanned!(span=> __millrun_args.#index);
        Some(quote!(#ident = #deref #argument))
    });
    arguments.collect()
}

/// Writes the key of the result.
fn expand_key(function: &Function, args: &Args) -> Option<TokenStream> {
    if function.body_use != BodyUse::Called {
        return None;
    }
    if let Some(CacheKey::Function(FunctionPath(path))) = args.cache_key.value() {
        let span = syn::spanned::Spanned::span(path);
        let arguments = function.parameters.iter().enumerate().map(|(index, parameter)| {
            let index = syn::Index::from(index);
            if parameter.slot.is_borrowed() {
                quote!(&*__millrun_args.#index)
            } else {
                quote!(&__millrun_args.#index)
            }
        });
        let call = quote_spanned!(span=> #path(#(#arguments),*));
        return Some(quote! {{
            let __millrun_given: ::core::option::Option<::std::string::String> = #call;
            ::core::option::Option::map(__millrun_given, |__millrun_text| {
                __millrun_key.text(&__millrun_text);
                __millrun_text
            })
        }});
    }
    let template = key_template(args)?;
    let span = template.literal.span();
    let pieces = template.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => quote!(__millrun_key.text(#text);),
        Piece::Time { name, format } => {
            let method = syn::Ident::new(name, Span::call_site());
            quote!(__millrun_key.#method(#format);)
        }
        Piece::Known { name: "today_nodash", .. } => quote!(__millrun_key.today_nodash();),
        Piece::Known { name, format } => {
            let method = syn::Ident::new(name, Span::call_site());
            let placeholder =
                if format.is_empty() { "{}".to_owned() } else { ::std::format!("{{:{format}}}") };
            quote!(__millrun_key.#method(|__millrun_name| ::std::format!(#placeholder, __millrun_name));)
        }
        Piece::Value { placeholder, names } => {
            let literal = LitStr::new(placeholder, span);
            let arguments = expand_named(names, &function.parameters, span);
            quote_spanned!(span=> __millrun_key.value(::core::format_args!(#literal #(, #arguments)*));)
        }
    });
    Some(quote! {{
        #(#pieces)*
        ::core::option::Option::Some(::std::string::String::new())
    }})
}

//! Rules about parameters.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident};
use syn::ext::IdentExt as _;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, FnArg, GenericParam, Generics, Lifetime, Pat, PatIdent, PatType, Signature, Type,
    TypeParamBound, TypeReference, WherePredicate, parse_quote,
};

use super::MOST_PARAMETERS;
use super::types::{Walk, is_static, owned, owned_referent, spelled, ungroup};
use crate::args::Macro;
use crate::diagnostics::Diagnostics;
use crate::model::{Param, Slot, lifetime};

/// Names that other libraries' calls give a meaning, and that records would confuse with arguments. Prefect's rule.
const RESERVED: [&str; 2] = ["wait_for", "return_state"];

/// The parameters of a function, checked.
pub(super) struct Parameters {
    pub(super) list: Vec<Param>,
    /// Type and const parameters, their lifetimes named.
    pub(super) generics: Generics,
    pub(super) borrows: bool,
    /// How many lifetimes the parameters mention.
    pub(super) lifetimes: usize,
}

/// Checks all parameters. Nothing is returned where no function of the same parameters could be emitted.
pub(super) fn check_parameters(
    attribute: Macro,
    signature: &Signature,
    diagnostics: &mut Diagnostics,
) -> Option<Parameters> {
    let mut walk = Walk::new(&signature.generics, lifetime());
    let mut list = Vec::new();
    let mut complete = signature.variadic.is_none();
    for (index, input) in signature.inputs.iter().enumerate() {
        match input {
            FnArg::Receiver(receiver) => {
                check_receiver(attribute, receiver, diagnostics);
                complete = false;
            }
            FnArg::Typed(parameter) => {
                check_parameter_attributes(&parameter.attrs, diagnostics);
                let ident = check_name(attribute, index, parameter, diagnostics);
                list.push(check_type(attribute, ident, &parameter.ty, &mut walk, diagnostics));
            }
        }
    }
    if let Some(first_too_many) = signature.inputs.iter().nth(MOST_PARAMETERS) {
        let count = signature.inputs.len();
        let word = attribute.as_str();
        let message = format!(
            "{count} parameters are too many: a {word} has at most {MOST_PARAMETERS}; gather some in a struct"
        );
        diagnostics.error(first_too_many, message);
        complete = false;
    }
    let lifetimes = walk.references.len() + walk.lifetimes.len();
    let generics = check_generics(&signature.generics, &mut walk);
    complete.then(|| Parameters { list, generics, borrows: walk.found_borrow(), lifetimes })
}

/// `self`: a task is named and registered by itself, not by what it hangs on.
fn check_receiver(attribute: Macro, receiver: &syn::Receiver, diagnostics: &mut Diagnostics) {
    let word = attribute.as_str();
    let message = format!("a {word} is a function without `self`: take what it needs of it as a parameter");
    diagnostics.error(receiver, message);
}

/// `#[cfg]`: whether the parameter is there would not be known here.
fn check_parameter_attributes(attributes: &[Attribute], diagnostics: &mut Diagnostics) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")) {
        diagnostics.error(
            attribute,
            "a parameter cannot be conditional; write the function twice, each under its own `#[cfg]`",
        );
    }
}

/// A parameter has a name of its own: runs record their arguments by name.
fn check_name(attribute: Macro, index: usize, parameter: &PatType, diagnostics: &mut Diagnostics) -> Ident {
    let word = attribute.as_str();
    match &*parameter.pat {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => {
            if RESERVED.iter().any(|reserved| ident == reserved) {
                diagnostics
                    .error(ident, format!("`{ident}` is a reserved name; call the parameter something else"));
            }
            return ident.clone();
        }
        Pat::Wild(wild) => {
            diagnostics
                .error(wild, format!("the parameters of a {word} must be named; name an ignored one `_x`"));
        }
        pattern => {
            let message = format!(
                "the parameters of a {word} must be named; name this one, and take it apart in the body"
            );
            diagnostics.error(pattern, message);
        }
    }
    format_ident!("__millrun_{index}")
}

/// A parameter is owned, or for a task a shared reference to something owned.
fn check_type(
    attribute: Macro,
    ident: Ident,
    ty: &Type,
    walk: &mut Walk,
    diagnostics: &mut Diagnostics,
) -> Param {
    let written = ungroup(ty);
    let before = (walk.references.len(), walk.lifetimes.len(), walk.impl_traits.len());
    let named_before = std::mem::take(&mut walk.names_parameter);
    let mut argument = written.clone();
    walk.visit_type_mut(&mut argument);
    let references = &walk.references[before.0..];
    let lifetimes = &walk.lifetimes[before.1..];

    let outermost = match written {
        Type::Reference(reference) if !is_static(reference.lifetime.as_ref()) => Some(reference),
        _ => None,
    };
    match attribute {
        Macro::Flow => {
            if let Some(wrong) = references.first() {
                let message = format!(
                    "a flow owns its arguments, as it may outlive its caller: take `{}`",
                    spelled(&owned(written))
                );
                diagnostics.error(outermost.unwrap_or(wrong), message);
            }
            if let Some(wrong) = lifetimes.first() {
                diagnostics
                    .error(wrong, "a flow owns its arguments, as it may outlive its caller: write `'static`");
            }
        }
        Macro::Task => check_task_references(written, outermost, references, diagnostics),
    }
    for (_, impl_trait) in &walk.impl_traits[before.2..] {
        let message = match attribute {
            Macro::Task => {
                "`impl Trait` cannot be named when a run is recorded: write a type parameter, as in `fn f<T: Trait>(x: T)`"
            }
            Macro::Flow => {
                "`impl Trait` is not one type: a flow is found by its name when it is resumed; name the type"
            }
        };
        diagnostics.error(impl_trait, message);
    }

    let is_generic = walk.names_parameter || walk.impl_traits.len() > before.2;
    walk.names_parameter |= named_before;
    let slot = match (attribute, outermost, &mut argument) {
        (Macro::Task, Some(_), Type::Reference(reference)) => {
            *reference.elem = static_object(&reference.elem);
            Slot::Borrowed((*reference.elem).clone())
        }
        (Macro::Task, _, argument) => Slot::Owned(argument.clone()),
        (Macro::Flow, _, argument) => Slot::Owned(with_static_lifetimes(argument)),
    };
    let can_be_probed = !is_generic && !may_borrow(slot.ty().to_token_stream());
    Param { name: ident.unraw().to_string(), ident, argument, slot, can_be_probed }
}

/// Only a parameter as a whole can be borrowed, and only to be read: its owner may be another run's result.
fn check_task_references(
    written: &Type,
    outermost: Option<&TypeReference>,
    references: &[TypeReference],
    diagnostics: &mut Diagnostics,
) {
    if let Some(TypeReference { mutability: Some(token), elem, .. }) = outermost {
        let elem = spelled(&owned_referent(elem));
        let message = format!(
            "a task cannot change what it borrows, as others may be reading it: take `{elem}` and return it"
        );
        diagnostics.error(token, message);
        return;
    }
    let nested = &references[usize::from(outermost.is_some())..];
    let Some(wrong) = nested.first() else { return };
    let take = if let Some(reference) = outermost {
        format!("take `&{}`", spelled(&owned(&reference.elem)))
    } else {
        let owned = spelled(&owned(written));
        format!("take `{owned}` or `&{owned}`")
    };
    diagnostics.error(wrong, format!("a task can borrow a parameter as a whole, not a part of it: {take}"));
}

/// Whether a type mentions a reference or a lifetime, be it `'static`, or a macro that may.
pub(super) fn may_borrow(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '&' | '\'' | '!'),
        TokenTree::Group(group) => may_borrow(group.stream()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    })
}

/// The same type, borrowing for ever: what stands for a flow's parameter that borrows, which has been reported.
fn with_static_lifetimes(ty: &Type) -> Type {
    struct Static;

    impl VisitMut for Static {
        fn visit_lifetime_mut(&mut self, one: &mut Lifetime) {
            if *one == lifetime() {
                one.ident = Ident::new("static", one.ident.span());
            }
        }
    }

    let mut ty = ty.clone();
    Static.visit_type_mut(&mut ty);
    ty
}

/// In `&dyn Trait` the object lives as long as the reference; behind a slot it has to be `'static`, so that both agree.
fn static_object(referent: &Type) -> Type {
    let Type::TraitObject(object) = ungroup(referent) else { return referent.clone() };
    if object.bounds.iter().any(|bound| matches!(bound, TypeParamBound::Lifetime(_))) {
        return referent.clone();
    }
    parse_quote!((#object + 'static))
}

/// The type and const parameters, with every lifetime in their bounds named; the function's own lifetimes are gone, and
/// each `impl Trait` is a parameter.
fn check_generics(generics: &Generics, walk: &mut Walk) -> Generics {
    let mut outer = generics.clone();
    outer.params = outer.params.into_iter().filter(|one| !matches!(one, GenericParam::Lifetime(_))).collect();
    for (name, impl_trait) in &walk.impl_traits {
        let bounds = &impl_trait.bounds;
        outer.params.push(parse_quote!(#name: #bounds + ::core::marker::Send + 'static));
    }
    if let Some(clause) = &mut outer.where_clause {
        let predicates = std::mem::take(&mut clause.predicates);
        clause.predicates =
            predicates.into_iter().filter(|one| !matches!(one, WherePredicate::Lifetime(_))).collect();
    }
    walk.visit_generics_mut(&mut outer);
    outer
}

//! Rules about what a function returns.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut as _;
use syn::{GenericArgument, Lifetime, PathArguments, ReturnType, Signature, Type};

use super::parameters::may_borrow;
use super::types::{Walk, last_name, owned, spelled, ungroup};
use crate::args::Macro;
use crate::diagnostics::Diagnostics;
use crate::model::Output;

/// That of a function that returns nothing.
const UNIT: Output = Output {
    ty: None,
    is_result: false,
    ok: None,
    error_span: None,
    may_be_alias: false,
    can_be_probed: true,
};

/// Checks the return type.
pub(super) fn check_output(attribute: Macro, signature: &Signature, diagnostics: &mut Diagnostics) -> Output {
    let ReturnType::Type(_, ty) = &signature.output else {
        return UNIT;
    };
    let written = ungroup(ty);
    let word = attribute.as_str();
    let mut walk = Walk::new(&signature.generics, Lifetime::new("'static", Span::call_site()));
    let mut ty = written.clone();
    walk.visit_type_mut(&mut ty);
    if let Some(reference) = walk.references.first() {
        let owned = spelled(&owned(&Type::Reference(reference.clone())));
        diagnostics.error(
            reference,
            format!("the result of a {word} outlives its arguments, so it cannot borrow: return `{owned}`"),
        );
    } else if let Some(lifetime) = walk.lifetimes.first() {
        let message =
            format!("the result of a {word} outlives its arguments, so it cannot borrow: write `'static`");
        diagnostics.error(lifetime, message);
    }
    if let Some((_, impl_trait)) = walk.impl_traits.first() {
        diagnostics.error(
            impl_trait,
            format!(
                "the result of a {word} needs a type with a name: return that type, or a `Box<dyn Trait>`"
            ),
        );
        return UNIT;
    }
    if let Type::Never(never) = written {
        diagnostics.error(never, format!("a {word} comes to an end: return `()`, or an error"));
        return UNIT;
    }
    let is_result = last_name(&ty).is_some_and(|name| name == "Result");
    let may_be_alias = !is_result && !walk.names_parameter && !is_well_known(&ty);
    let (ok, error_span) = match arguments(&ty).filter(|_| is_result) {
        Some((ok, error)) => (Some(ok.clone()), Some(error.span())),
        None => (None, is_result.then(|| ty.span())),
    };
    let can_be_probed = !walk.names_parameter && !may_borrow(ok.as_ref().unwrap_or(&ty).to_token_stream());
    Output { ty: Some(ty), is_result, ok, error_span, may_be_alias, can_be_probed }
}

/// The arguments of `Result<T, E>`, where both are written.
fn arguments(ty: &Type) -> Option<(&Type, &Type)> {
    let Type::Path(path) = ungroup(ty) else { return None };
    match &path.path.segments.last()?.arguments {
        PathArguments::AngleBracketed(arguments) => {
            let mut types = arguments.args.iter();
            match (types.next(), types.next(), types.next()) {
                (Some(GenericArgument::Type(ok)), Some(GenericArgument::Type(error)), None) => {
                    Some((ok, error))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the compiler, too, would know what the lifetimes of the return type are: those that are not written are that of
/// the parameters, if there is one.
pub(super) fn is_well_formed(signature: &Signature, parameter_lifetimes: usize) -> bool {
    let ReturnType::Type(_, ty) = &signature.output else { return true };
    let mut walk = Walk::new(&signature.generics, Lifetime::new("'static", Span::call_site()));
    walk.visit_type_mut(&mut ty.clone());
    let elided = walk.references.iter().any(|reference| reference.lifetime.is_none())
        || walk.lifetimes.iter().any(|lifetime| lifetime.ident == "_");
    !elided || parameter_lifetimes == 1
}

/// Whether a type is certainly no alias of `Result`: what the language and its prelude name.
fn is_well_known(ty: &Type) -> bool {
    const KNOWN: [&str; 20] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
        "u128", "usize", "Box", "Option", "String", "Vec",
    ];
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            path.path.segments.len() == 1
                && last_name(ty).is_some_and(|name| KNOWN.iter().any(|known| name == known))
        }
        Type::Macro(_) | Type::Path(_) => false,
        _ => true,
    }
}

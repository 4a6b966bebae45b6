//! Types as they are written: the references, lifetimes and type parameters in them.
//!
//! Owns the walk over a type. What its findings mean is for the checks of parameters and output to say.

use proc_macro2::{Ident, Span};
use quote::{ToTokens as _, format_ident};
use syn::visit_mut::{self, VisitMut};
use syn::{
    GenericParam, Generics, Lifetime, ParenthesizedGenericArguments, Path, PathArguments, Type, TypeFnPtr,
    TypeImplTrait, TypeReference, TypeSlice, parse_quote,
};

/// Walks over types, notes what it finds, and gives every lifetime but `'static` one name.
///
/// References within the arguments of `fn(..)` and `Fn(..)` are nobody's business but theirs.
pub(super) struct Walk {
    target: Lifetime,
    lifetime_parameters: Vec<Ident>,
    other_parameters: Vec<Ident>,
    in_function_type: bool,
    /// Non-`'static` references, as they were written.
    pub(super) references: Vec<TypeReference>,
    /// Lifetimes other than `'static`, as they were written, not counting those of references.
    pub(super) lifetimes: Vec<Lifetime>,
    /// Each `impl Trait`, with the type parameter that was put into its place.
    pub(super) impl_traits: Vec<(Ident, TypeImplTrait)>,
    /// Whether a type or const parameter of the function is named.
    pub(super) names_parameter: bool,
}

impl Walk {
    /// A walk that gives lifetimes the name `target`.
    pub(super) fn new(generics: &Generics, target: Lifetime) -> Self {
        let mut lifetime_parameters = Vec::new();
        let mut other_parameters = Vec::new();
        for parameter in &generics.params {
            match parameter {
                GenericParam::Lifetime(parameter) => {
                    lifetime_parameters.push(parameter.lifetime.ident.clone());
                }
                GenericParam::Type(parameter) => other_parameters.push(parameter.ident.clone()),
                GenericParam::Const(parameter) => other_parameters.push(parameter.ident.clone()),
            }
        }
        Self {
            target,
            lifetime_parameters,
            other_parameters,
            in_function_type: false,
            references: Vec::new(),
            lifetimes: Vec::new(),
            impl_traits: Vec::new(),
            names_parameter: false,
        }
    }

    /// Whether anything was found that borrows.
    pub(super) fn found_borrow(&self) -> bool {
        !self.references.is_empty() || !self.lifetimes.is_empty()
    }

    /// Whether a lifetime is the function's: others are `'static`, or bound by a `for<..>` within the type.
    fn is_ours(&self, lifetime: &Lifetime) -> bool {
        let is_elided = lifetime.ident == "_" && !self.in_function_type;
        is_elided || self.lifetime_parameters.contains(&lifetime.ident)
    }

    fn within_function_type(&mut self, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.in_function_type, true);
        walk(self);
        self.in_function_type = outside;
    }
}

impl VisitMut for Walk {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(impl_trait) = ty {
            let name = format_ident!("__MillrunImpl{}", self.impl_traits.len());
            self.impl_traits.push((name.clone(), impl_trait.clone()));
            *ty = parse_quote!(#name);
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let is_ours = match &reference.lifetime {
            Some(lifetime) => self.is_ours(lifetime),
            None => !self.in_function_type,
        };
        if !is_ours {
            return visit_mut::visit_type_reference_mut(self, reference);
        }
        self.references.push(reference.clone());
        reference.lifetime = Some(self.target.clone());
        self.visit_type_mut(&mut reference.elem);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.is_ours(lifetime) {
            self.lifetimes.push(lifetime.clone());
            *lifetime = Lifetime { ident: self.target.ident.clone(), apostrophe: lifetime.apostrophe };
        }
    }

    fn visit_type_fn_ptr_mut(&mut self, function: &mut TypeFnPtr) {
        self.within_function_type(|walk| visit_mut::visit_type_fn_ptr_mut(walk, function));
    }

    fn visit_parenthesized_generic_arguments_mut(&mut self, arguments: &mut ParenthesizedGenericArguments) {
        self.within_function_type(|walk| {
            visit_mut::visit_parenthesized_generic_arguments_mut(walk, arguments);
        });
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        let first = path.segments.first().filter(|_| path.leading_colon.is_none());
        self.names_parameter |= first.is_some_and(|segment| self.other_parameters.contains(&segment.ident));
        visit_mut::visit_path_mut(self, path);
    }
}

/// Whether a lifetime is written, and is `'static`.
pub(super) fn is_static(lifetime: Option<&Lifetime>) -> bool {
    lifetime.is_some_and(|lifetime| lifetime.ident == "static")
}

/// A type without the groups and parentheses around it.
pub(super) fn ungroup(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungroup(&group.elem),
        Type::Paren(paren) => ungroup(&paren.elem),
        ty => ty,
    }
}

/// The last name of a type's path.
pub(super) fn last_name(ty: &Type) -> Option<&Ident> {
    match ungroup(ty) {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// The owned counterpart of a type, to suggest: `String` for `&str`, `Option<String>` for `Option<&str>`.
pub(super) fn owned(ty: &Type) -> Type {
    struct Owned;

    impl VisitMut for Owned {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            while let Type::Reference(reference) = ty {
                *ty = owned_referent(&reference.elem);
            }
            visit_mut::visit_type_mut(self, ty);
        }

        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            lifetime.ident = Ident::new("static", Span::call_site());
        }
    }

    let mut ty = ungroup(ty).clone();
    Owned.visit_type_mut(&mut ty);
    ty
}

/// The type that owns what a reference to `referent` points to.
pub(super) fn owned_referent(referent: &Type) -> Type {
    let referent = ungroup(referent);
    if let Type::Slice(TypeSlice { elem, .. }) = referent {
        return parse_quote!(Vec<#elem>);
    }
    if let Type::TraitObject(object) = referent {
        return parse_quote!(Box<#object>);
    }
    let owner = match last_name(referent).map(ToString::to_string).as_deref() {
        Some("str") => "String",
        Some("Path") => "PathBuf",
        Some("OsStr") => "OsString",
        Some("CStr") => "CString",
        _ => return referent.clone(),
    };
    let mut ty = referent.clone();
    if let Type::Path(path) = &mut ty
        && let Some(last) = path.path.segments.last_mut()
    {
        last.ident = Ident::new(owner, last.ident.span());
        last.arguments = PathArguments::None;
    }
    ty
}

/// A type as a user would write it.
pub(super) fn spelled(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in
        [(" :: ", "::"), (" < ", "<"), (" > ", ">"), (" >", ">"), (" ,", ","), ("& ", "&"), (" ;", ";")]
    {
        text = text.replace(spaced, tight);
    }
    text
}

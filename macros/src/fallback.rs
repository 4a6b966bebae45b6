//! What to emit beside errors, so that they are the only ones.
//!
//! Owns the choice between the three: the expansion itself, where only options are wrong (they are left out); the
//! expansion with a body that is never called, where the signature is; the item as it was, where no function with the
//! new signature can be made of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::check::other_macro;
use crate::diagnostics::Diagnostics;
use crate::item::UserFunction;

/// The errors, and what stands in for the item.
pub(crate) fn emit(
    diagnostics: Diagnostics,
    expansion: Option<TokenStream>,
    item: TokenStream,
) -> TokenStream {
    let mut tokens = diagnostics.into_compile_errors();
    tokens.extend(expansion.unwrap_or_else(|| stand_in(item)));
    tokens
}

/// The item as it was, but for what is asked of `main`.
fn stand_in(item: TokenStream) -> TokenStream {
    let Ok(UserFunction { attributes, mut signature, body, .. }) = syn::parse2(item.clone()) else {
        return item;
    };
    if signature.ident != "main" {
        return item;
    }
    signature.ident = Ident::new("__millrun_body", Span::call_site());
    let attributes = attributes.iter().filter(|attribute| other_macro(attribute).is_none());
    quote! {
        fn main() {
            #[allow(dead_code)]
            #(#attributes)*
            #signature #body
        }
    }
}

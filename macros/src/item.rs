//! The user's function: its signature is parsed, its body is kept as it was written.
//!
//! Owns what is read off the item before any rule is applied. A body that is half typed, or uses syntax that `syn` does
//! not know, passes through untouched, and costs nothing to parse.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Signature, Token, Visibility};

/// A function as it stands under `#[task]` or `#[flow]`.
pub(crate) struct UserFunction {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The braces and all between them.
    pub(crate) body: TokenTree,
}

impl Parse for UserFunction {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !starts_function(input) {
            return Err(input.error("expected a function: only a `fn` can become a task or a flow"));
        }
        let signature: Signature = input.parse()?;
        let body = match input.parse()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => TokenTree::Group(group),
            other => {
                return Err(Error::new(
                    other.span(),
                    "expected a body: a task or a flow is a function that does something",
                ));
            }
        };
        // Nothing can follow a function; whatever does is the compiler's to complain about.
        input.parse::<TokenStream>()?;
        Ok(Self { attributes, visibility, signature, body })
    }
}

/// Whether a function's signature stands next, and not, say, a `const` or an `unsafe impl`.
fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let _qualifiers = ahead.parse::<Option<Token![const]>>();
    let _qualifiers = ahead.parse::<Option<Token![async]>>();
    let _qualifiers = ahead.parse::<Option<Token![unsafe]>>();
    let _qualifiers = ahead.parse::<Option<syn::Abi>>();
    ahead.peek(Token![fn])
}

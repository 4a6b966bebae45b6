//! The hash of a function's tokens, which says whether a task is still the one whose result was kept.
//!
//! White space and comments are no tokens. Nor do count what a formatter adds or takes away: a comma before a closing bracket,
//! and whether two operators touch. Documentation within the function is a comment, too. The hash is FNV-1a of 128 bits, and must
//! never change: keys are made of it.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The hash of a function's signature and body.
pub(crate) fn hash(signature: impl ToTokens, body: impl ToTokens) -> u128 {
    let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    write_stream(signature.to_token_stream(), false, &mut hash);
    hash.part(b'|', "");
    write_stream(body.to_token_stream(), false, &mut hash);
    hash.0
}

struct Fnv(u128);

impl Fnv {
    fn part(&mut self, tag: u8, text: &str) {
        for byte in [tag].into_iter().chain(text.bytes()).chain([0]) {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

/// Adds a stream of tokens; one that `may_be_tuple` means something else with a comma at its end.
fn write_stream(stream: TokenStream, may_be_tuple: bool, hash: &mut Fnv) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut n = 0;
    while let Some(token) = tokens.get(n) {
        let (before, rest) = (n.checked_sub(1).and_then(|n| tokens.get(n)), &tokens[n + 1..]);
        let documented = documentation(token, rest);
        n += 1 + documented;
        if documented > 0 || is_trailing_comma(token, &tokens, rest, may_be_tuple) {
            continue;
        }
        match token {
            TokenTree::Ident(ident) => hash.part(b'i', &ident.to_string()),
            TokenTree::Literal(literal) => hash.part(b'l', &literal.to_string()),
            TokenTree::Punct(punct) => {
                let mark = punct.as_char();
                // Alone these may mean something else than with their like: `a && b`, `a & &b`.
                let touches = punct.spacing() == Spacing::Joint
                    && matches!(mark, '&' | '|' | '<')
                    && is_punct(rest.first(), mark);
                hash.part(if touches { b'j' } else { b'p' }, mark.encode_utf8(&mut [0; 4]));
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    // What a macro puts around what it passes on.
                    Delimiter::None => ("", ""),
                };
                if !open.is_empty() {
                    hash.part(b'g', open);
                }
                let may_be_tuple = group.delimiter() == Delimiter::Parenthesis && !is_name(before);
                write_stream(group.stream(), may_be_tuple, hash);
                if !close.is_empty() {
                    hash.part(b'g', close);
                }
            }
        }
    }
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Whether it is the name of something, and no keyword: the parentheses behind it are those of a call.
fn is_name(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if syn::parse_str::<syn::Ident>(&ident.to_string()).is_ok())
}

/// How many tokens of documentation follow `token`, where that begins it: `#[doc = ".."]`, `#![doc = ".."]`.
fn documentation(token: &TokenTree, rest: &[TokenTree]) -> usize {
    if !is_punct(Some(token), '#') {
        return 0;
    }
    let inner = usize::from(is_punct(rest.first(), '!'));
    let Some(TokenTree::Group(group)) = rest.get(inner) else { return 0 };
    let mut content = group.stream().into_iter();
    let is_doc = matches!(content.next(), Some(TokenTree::Ident(ident)) if ident == "doc");
    if is_doc && is_punct(content.next().as_ref(), '=') { inner + 1 } else { 0 }
}

/// Whether a comma could as well be left out: the last of a list, but not the one that makes a tuple of one element.
fn is_trailing_comma(token: &TokenTree, all: &[TokenTree], rest: &[TokenTree], may_be_tuple: bool) -> bool {
    if !is_punct(Some(token), ',') {
        return false;
    }
    if is_punct(rest.first(), '>') {
        return true;
    }
    let is_only = || all.iter().filter(|token| is_punct(Some(token), ',')).count() == 1;
    rest.is_empty() && !(may_be_tuple && is_only())
}

#[cfg(test)]
mod tests {
    use super::hash;

    fn of(function: &str) -> u128 {
        let function: syn::ItemFn = syn::parse_str(function).unwrap();
        hash(&function.sig, &function.block)
    }

    #[test]
    fn formatting_and_comments_do_not_count() {
        let one =
            "fn f(a: Vec<Vec<u8>>, b: &[u8]) -> u8 { g(a, -1); let x = |y| y; let z=-1; h(a[0][1]) & b[0] }";
        let other = "
            /// Documented.
            fn f(
                a: Vec< Vec<u8,> >, // the first
                b: & [u8],
            ) -> u8 {
                //! Inside.
                g(
                    a,
                    - 1,
                );
                /* a comment */ let x = | y | y;
                let z = -1;
                h(a[0] [1],)&b[0]
            }";
        assert_eq!(of(one), of(other));
    }

    #[test]
    fn what_means_something_else_does() {
        let different = [
            "fn f(a: u8) -> u8 { a }",
            "fn f(a: u8) -> u8 { a + 0 }",
            "fn f(a: u8) -> u8 { a; a }",
            "fn f(b: u8) -> u8 { b }",
            "fn f(a: u8) -> u16 { a }",
            "fn f(a: u8) -> u8 { (a) }",
            "fn f(a: u8) -> u8 { (a,) }",
            "fn f(a: u8) -> u8 { return (a) }",
            "fn f(a: u8) -> u8 { return (a,) }",
            "fn f(a: u8) -> u8 { [a] }",
            "fn f(a: u8) -> u8 { \"a\" }",
            "fn f(a: u8) -> u8 { a && a }",
            "fn f(a: u8) -> u8 { a & & a }",
            "async fn f(a: u8) -> u8 { a }",
        ];
        for (n, one) in different.iter().enumerate() {
            for other in &different[n + 1..] {
                assert_ne!(of(one), of(other), "{one}\n{other}");
            }
        }
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(of("fn f(a: u8) -> u8 { a + 1 }"), 316_671_505_304_926_081_966_513_684_590_550_054_165);
    }
}

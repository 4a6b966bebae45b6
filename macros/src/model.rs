//! A task or a flow once it is checked: nothing is left to fail.
//!
//! Owns what expansion needs to know, in the form in which it needs it. Knows no tokens of the output.

use proc_macro2::{Ident, Span, TokenTree};
use syn::{Attribute, Generics, Lifetime, Signature, Type, Visibility};

use crate::args::Args;

/// A checked `#[task]`.
pub(crate) struct Task {
    pub(crate) function: Function,
    pub(crate) args: Args,
}

/// A checked `#[flow]`.
pub(crate) struct Flow {
    pub(crate) function: Function,
    pub(crate) args: Args,
}

/// A checked function.
pub(crate) struct Function {
    /// Attributes of the function that the user calls: documentation, `cfg`, lints.
    pub(crate) outer_attributes: Vec<Attribute>,
    /// All others, which are about the body, such as `#[tracing::instrument]`.
    pub(crate) body_attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// The signature as it was written.
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
    /// The documentation, without the margin.
    pub(crate) description: Option<String>,
    pub(crate) execution: Execution,
    pub(crate) parameters: Vec<Param>,
    pub(crate) output: Output,
    /// Type and const parameters. Lifetimes are all [`lifetime()`], where the function borrows.
    pub(crate) generics: Generics,
    /// Whether an argument may borrow from the caller.
    pub(crate) borrows: bool,
    pub(crate) body_use: BodyUse,
}

/// What becomes of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyUse {
    Called,
    /// The signature breaks a rule, which has been reported. What the body uses counts as used.
    Kept,
    /// The signature is no function's on its own either.
    Dropped,
}

/// How a function is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Execution {
    Async,
    Sync,
    Blocking,
}

/// A parameter.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    /// Its name in records and templates, without `r#`.
    pub(crate) name: String,
    /// The type of the argument in the caller, its lifetimes named.
    pub(crate) argument: Type,
    /// What a run keeps.
    pub(crate) slot: Slot,
    /// Whether the macro may ask, without a bound, if the slot can be serialised: sound only where no lifetime and no
    /// type parameter is involved.
    pub(crate) can_be_probed: bool,
}

/// What a run keeps of an argument.
pub(crate) enum Slot {
    /// The argument itself.
    Owned(Type),
    /// What a reference points to, borrowed from the caller or from an upstream's result.
    Borrowed(Type),
}

impl Slot {
    /// The type that is kept, or borrowed.
    pub(crate) fn ty(&self) -> &Type {
        match self {
            Self::Owned(ty) | Self::Borrowed(ty) => ty,
        }
    }

    pub(crate) fn is_borrowed(&self) -> bool {
        matches!(self, Self::Borrowed(_))
    }
}

/// What the body returns.
pub(crate) struct Output {
    /// The return type, nothing for `()`.
    pub(crate) ty: Option<Type>,
    /// Whether it is a `Result`, by its name.
    pub(crate) is_result: bool,
    /// The `Ok` type of a `Result<T, E>`; of one with fewer arguments it is a projection.
    pub(crate) ok: Option<Type>,
    /// Where to report an error that is none: at the error's type, where it is written.
    pub(crate) error_span: Option<Span>,
    /// Whether it may be a `Result` under another name.
    pub(crate) may_be_alias: bool,
    /// Whether the macro may ask, without a bound, if it can be kept; as for [`Param::can_be_probed`].
    pub(crate) can_be_probed: bool,
}

/// The one lifetime of generated signatures.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::new("'__millrun", Span::call_site())
}

//! Isolation: `serializable`, `read_committed`.

use proc_macro2::Span;
use syn::{Error, Expr, Ident, Result};

use super::{OptionValue, single_name, ungroup};
use crate::args::Key;
use crate::diagnostics::suggestion;

const NAMES: [&str; 2] = ["serializable", "read_committed"];

/// The runtime's variant.
pub(crate) struct Isolation(pub(crate) Ident);

impl OptionValue for Isolation {
    // #[task(isolation = serializable)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        let Expr::Path(path) = &value else {
            return Err(key.expected(&value, "`serializable` or `read_committed`, without quotes"));
        };
        let variant = match single_name(path).as_deref() {
            Some("serializable") => "Serializable",
            Some("read_committed") => "ReadCommitted",
            Some(name) => {
                let all = suggestion(name, &NAMES, "the isolation levels are");
                return Err(Error::new_spanned(&value, format!("unknown isolation level `{name}`; {all}")));
            }
            None => return Err(key.expected(&value, "`serializable` or `read_committed`")),
        };
        Ok(Self(Ident::new(variant, Span::call_site())))
    }
}

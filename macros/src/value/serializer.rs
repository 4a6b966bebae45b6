//! Serializers: `json`, `msgpack`, `json_zstd`, `msgpack_zstd`.

use proc_macro2::Ident;
use syn::{Error, Expr, Result};

use super::{OptionValue, single_name, ungroup};
use crate::args::Key;
use crate::diagnostics::suggestion;

const NAMES: [&str; 4] = ["json", "msgpack", "json_zstd", "msgpack_zstd"];

/// The name of a serializer.
pub(crate) struct Serializer(pub(crate) Ident);

impl OptionValue for Serializer {
    // #[task(result_serializer = msgpack)]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let value = ungroup(key.value(value)?);
        let Expr::Path(path) = &value else {
            return Err(key.expected(&value, "the name of a serializer, without quotes"));
        };
        match single_name(path).zip(path.path.get_ident()) {
            Some((name, ident)) if NAMES.contains(&name.as_str()) => Ok(Self(ident.clone())),
            Some((name, _)) => {
                let all = suggestion(&name, &NAMES, "the serializers are");
                let message = format!(
                    "unknown serializer `{name}`; {all}; one of your own is given to the store, with `with_serializer`"
                );
                Err(Error::new_spanned(&value, message))
            }
            None => Err(key.expected(&value, "the name of a serializer")),
        }
    }
}

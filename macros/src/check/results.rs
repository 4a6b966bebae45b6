//! Rules about the options that keep results.

use proc_macro2::Ident;
use syn::Signature;

use crate::args::Args;
use crate::diagnostics::{Diagnostics, suggestion};
use crate::value::{CacheKey, KeyTemplate, Switch};

/// The options that have results kept, where they are given.
fn given(args: &Args) -> Vec<&Ident> {
    let keys = [
        args.cache_policy.key(),
        args.cache_key.key(),
        args.result_storage_key.key(),
        args.cache_expiration.key(),
        args.refresh_cache.key(),
        args.isolation.key(),
        args.result_storage.key(),
        args.result_serializer.key(),
    ];
    keys.into_iter().flatten().collect()
}

/// Whether results are to be kept.
pub(crate) fn are_kept(args: &Args) -> bool {
    args.persist_result.value().map_or(!given(args).is_empty(), |Switch(persist)| *persist)
}

/// What is said of results goes together, and with the function.
pub(super) fn check_results(
    args: &mut Args,
    signature: &Signature,
    parameters: &[&str],
    diagnostics: &mut Diagnostics,
) {
    if args.persist_result.value().is_some_and(|Switch(persist)| !persist) {
        for key in given(args) {
            let message =
                format!("`{key}` keeps the result, and `persist_result = false` does not: take one away");
            diagnostics.error(key, message);
        }
    }
    let is_generic = signature.generics.type_params().next().is_some()
        || signature.generics.const_params().next().is_some();
    if is_generic {
        let persist = args.persist_result.key().filter(|_| are_kept(args));
        for key in persist.into_iter().chain(given(args)) {
            let message = format!(
                "`{key}` is not for generic tasks: all of them would share their records; name the types"
            );
            diagnostics.error(key, message);
        }
    }
    check_one_key(args, diagnostics);
    let mut is_well = |template: &KeyTemplate| {
        let errors = template.check(parameters);
        let fits = errors.is_empty();
        for error in errors {
            diagnostics.push(error);
        }
        fits
    };
    args.result_storage_key.retain(&mut is_well);
    args.cache_key.retain(|key| match key {
        CacheKey::Template(template) => is_well(template),
        CacheKey::Function(_) => true,
    });
    args.cache_policy.retain(|policy| {
        let unknown: Vec<_> =
            policy.excluded.iter().filter(|name| !parameters.contains(&name.value().as_str())).collect();
        for name in &unknown {
            let (text, all) = (name.value(), "the parameters are");
            let message = if parameters.is_empty() {
                format!("unknown parameter `{text}`: there are none")
            } else {
                format!("unknown parameter `{text}`; {}", suggestion(&text, parameters, all))
            };
            diagnostics.error(name, message);
        }
        unknown.is_empty()
    });
}

/// Each of these says under which key the result is kept.
fn check_one_key(args: &Args, diagnostics: &mut Diagnostics) {
    let keys = [args.cache_policy.key(), args.cache_key.key(), args.result_storage_key.key()];
    let mut keys = keys.into_iter().flatten();
    let Some(first) = keys.next() else { return };
    for other in keys {
        let message =
            format!("`{other}` and `{first}` both say under which key the result is kept: take one away");
        diagnostics.error(other, message);
    }
}

//! Cache policies: `Inputs + TaskSource - "verbose"`.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{
    Error, Expr, ExprBinary, ExprLit, ExprMethodCall, ExprPath, Lit, LitStr, Result, parse_quote_spanned,
};

use super::{OptionValue, single_name};
use crate::args::Key;

/// Millrun's own policies.
const KNOWN: [&str; 5] = ["Inputs", "TaskSource", "RunId", "FlowParameters", "NoCache"];

/// Prefect's spellings of them.
const FOREIGN: [(&str, &str); 7] = [
    ("INPUTS", "Inputs"),
    ("TASK_SOURCE", "TaskSource"),
    ("RUN_ID", "RunId"),
    ("FLOW_PARAMETERS", "FlowParameters"),
    ("NO_CACHE", "NoCache"),
    ("NONE", "NoCache"),
    ("DEFAULT", "Inputs + TaskSource + RunId"),
];

/// An expression that makes a policy.
pub(crate) struct CachePolicy {
    /// It names Millrun's policies by `__millrun`, which is in scope where it stands.
    pub(crate) expression: Expr,
    /// Whether the inputs are a part of it.
    pub(crate) has_inputs: bool,
    /// The parameters that are left out.
    pub(crate) excluded: Vec<LitStr>,
}

impl OptionValue for CachePolicy {
    // #[task(cache_policy = Inputs + TaskSource - "verbose")]
    fn parse(key: &Key, value: Option<Expr>) -> Result<Self> {
        let mut policy = Self { expression: key.value(value)?, has_inputs: false, excluded: Vec::new() };
        let mut expression = policy.expression.clone();
        policy.resolve(key, &mut expression)?;
        policy.expression = expression;
        Ok(policy)
    }
}

/// Makes a policy of the user's one to which others can be added.
fn adapt(expression: &mut Expr) {
    let span = expression.span();
    *expression = parse_quote_spanned!(span=> __millrun::cache_policy(#expression));
}

impl CachePolicy {
    fn resolve(&mut self, key: &Key, expression: &mut Expr) -> Result<()> {
        match expression {
            Expr::Group(group) => self.resolve(key, &mut group.expr),
            Expr::Paren(paren) => self.resolve(key, &mut paren.expr),
            Expr::Binary(ExprBinary { left, op: syn::BinOp::Add(_), right, .. }) => {
                self.resolve(key, left)?;
                self.resolve(key, right)
            }
            Expr::Binary(ExprBinary { left, op: syn::BinOp::Sub(_), right, .. }) => {
                self.resolve(key, left)?;
                self.exclude(right)
            }
            Expr::MethodCall(ExprMethodCall { receiver, method, args, .. }) if method == "exclude" => {
                self.resolve(key, receiver)?;
                args.iter().try_for_each(|argument| self.exclude(argument))
            }
            Expr::Path(path) => {
                let name = single_name(path).unwrap_or_default();
                if KNOWN.contains(&name.as_str()) {
                    self.resolve_name(path, &name);
                    return Ok(());
                }
                if let Some((_, ours)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
                    return Err(Error::new_spanned(path, format!("unknown policy `{name}`: write `{ours}`")));
                }
                adapt(expression);
                Ok(())
            }
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_) | Expr::Struct(_) | Expr::Block(_) => {
                adapt(expression);
                Ok(())
            }
            other => Err(key.expected(other, "policies joined with `+`")),
        }
    }

    fn resolve_name(&mut self, path: &mut ExprPath, name: &str) {
        self.has_inputs |= name == "Inputs";
        let ident = path.path.segments[0].ident.clone();
        let span = ident.span().resolved_at(Span::call_site());
        *path = parse_quote_spanned!(span=> __millrun::#ident);
    }

    fn exclude(&mut self, parameter: &Expr) -> Result<()> {
        match parameter {
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => {
                self.excluded.push(name.clone());
                Ok(())
            }
            Expr::Group(group) => self.exclude(&group.expr),
            other => Err(Error::new_spanned(
                other,
                "expected the name of a parameter that is left out, as in `Inputs - \"verbose\"`",
            )),
        }
    }
}

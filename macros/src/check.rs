//! (args, function) → model: one documented check for each rule.
//!
//! Owns the rules that need the function, or two options at once. What can be told from one value alone is told in
//! `value`. A check notes what is wrong and goes on with the best substitute, so that all mistakes show at once, and so
//! that `fallback` has something to emit.

use syn::{
    Attribute, Expr, ExprLit, ExprPath, GenericParam, Lit, Meta, Safety, Signature, Token,
    punctuated::Punctuated,
};

use crate::args::{Args, Macro};
use crate::diagnostics::Diagnostics;
use crate::item::UserFunction;
use crate::model::{BodyUse, Execution, Flow, Function, Task};
use crate::value::{FunctionPaths, single_name};

mod output;
mod parameters;
pub(crate) mod results;
mod types;

/// The most parameters of a task or a flow: the runtime has one trait for each number.
const MOST_PARAMETERS: usize = 12;

/// Checks a task. Nothing is returned where no function with the new signature could be made of it.
pub(crate) fn check_task(mut args: Args, item: UserFunction, diagnostics: &mut Diagnostics) -> Option<Task> {
    let function = check_function(Macro::Task, &mut args, item, diagnostics)?;
    Some(Task { function, args })
}

/// Checks a flow. Nothing is returned where no function with the new signature could be made of it.
pub(crate) fn check_flow(mut args: Args, item: UserFunction, diagnostics: &mut Diagnostics) -> Option<Flow> {
    let function = check_function(Macro::Flow, &mut args, item, diagnostics)?;
    Some(Flow { function, args })
}

fn check_function(
    attribute: Macro,
    args: &mut Args,
    item: UserFunction,
    diagnostics: &mut Diagnostics,
) -> Option<Function> {
    let UserFunction { attributes, visibility, signature, body } = item;
    let (attributes, is_main) = check_attributes(attribute, attributes, &signature, diagnostics);
    let description = documentation(&attributes);
    let (outer_attributes, body_attributes) = attributes.into_iter().partition(is_outer);
    check_retries(args, diagnostics);

    let mut mistakes = Diagnostics::default();
    check_qualifiers(attribute, &signature, &mut mistakes);
    if attribute == Macro::Flow {
        check_flow_generics(&signature, &mut mistakes);
    }
    let parameters = parameters::check_parameters(attribute, &signature, &mut mistakes);
    let output = output::check_output(attribute, &signature, &mut mistakes);
    let body_use = match &parameters {
        _ if mistakes.is_empty() => BodyUse::Called,
        Some(parameters) if output::is_well_formed(&signature, parameters.lifetimes) => BodyUse::Kept,
        _ => BodyUse::Dropped,
    };
    diagnostics.append(mistakes);

    let parameters = parameters.filter(|_| !is_main)?;
    let names: Vec<&str> = parameters.list.iter().map(|parameter| parameter.name.as_str()).collect();
    check_run_name(args, &names, diagnostics);
    results::check_results(args, &signature, &names, diagnostics);
    check_function_paths(args, &names, diagnostics);
    let execution = check_execution(args, &signature, diagnostics);
    Some(Function {
        outer_attributes,
        body_attributes,
        visibility,
        signature,
        body,
        description,
        execution,
        borrows: parameters.borrows,
        parameters: parameters.list,
        generics: parameters.generics,
        output,
        body_use,
    })
}

/// `unsafe`, `const`, `extern` and variadic functions cannot be called by a runner.
fn check_qualifiers(attribute: Macro, signature: &Signature, diagnostics: &mut Diagnostics) {
    let word = attribute.as_str();
    if let Some(token) = &signature.constness {
        diagnostics
            .error(token, format!("a {word} cannot be `const`: each call of it is recorded, at run time"));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        let message = format!(
            "a {word} cannot be `unsafe`: nobody stands by when a runner calls it; put the `unsafe` into the body"
        );
        diagnostics.error(token, message);
    }
    if let Some(abi) = &signature.abi {
        diagnostics.error(abi, format!("a {word} cannot be `extern`: call the foreign function in its body"));
    }
    if let Some(variadic) = &signature.variadic {
        diagnostics.error(variadic, format!("a {word} has a fixed number of parameters; take a `Vec`"));
    }
}

/// A flow is registered under its name, to be found again when it is resumed; for a generic one there would be no type.
fn check_flow_generics(signature: &Signature, diagnostics: &mut Diagnostics) {
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            let message =
                "a flow cannot be generic: it is found by its name when it is resumed; name the type";
            diagnostics.error(parameter, message);
        }
    }
}

/// An attribute that makes something else of the function cannot stand beside this one, and `main` is no function like
/// others. Gives the attributes that remain, and whether it is `main`.
fn check_attributes(
    attribute: Macro,
    mut attributes: Vec<Attribute>,
    signature: &Signature,
    diagnostics: &mut Diagnostics,
) -> (Vec<Attribute>, bool) {
    let word = attribute.as_str();
    let before = attributes.len();
    attributes.retain(|other| {
        let name = spelled_path(other.path());
        let message = match other_macro(other).as_deref() {
            Some("main" | "test") => {
                format!(
                    "`#[{name}]` cannot stand on a {word}: put it on a function of its own that calls the {word}"
                )
            }
            Some(_) => format!("a function is a task or a flow, once: take this or `#[{word}]` away"),
            None => return true,
        };
        diagnostics.error(other, message);
        false
    });
    let is_main = signature.ident == "main";
    if is_main && attributes.len() == before {
        let message = format!(
            "`main` is called by nobody but the system: give the {word} a name of its own, and call it from `main`"
        );
        diagnostics.error(&signature.ident, message);
    }
    (attributes, is_main)
}

/// The last name of an attribute that would make something else of the function.
pub(crate) fn other_macro(attribute: &Attribute) -> Option<String> {
    let name = attribute.path().segments.last()?.ident.to_string();
    ["main", "test", "task", "flow"].contains(&name.as_str()).then_some(name)
}

fn spelled_path(path: &syn::Path) -> String {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

/// What is said of retries needs retries, and what is said of delays needs a delay.
fn check_retries(args: &Args, diagnostics: &mut Diagnostics) {
    if args.retries.is_absent() {
        let dependents = [args.retry_delay.key(), args.retry_jitter_factor.key(), args.retry_if.key()];
        for key in dependents.into_iter().flatten() {
            diagnostics.error(key, format!("`{key}` needs `retries`, as in `retries = 3`"));
        }
    } else if args.retry_delay.is_absent()
        && let Some(key) = args.retry_jitter_factor.key()
    {
        diagnostics.error(key, format!("`{key}` needs a delay to vary, as in `retry_delay = \"10s\"`"));
    }
}

/// An async function is polled by the async runtime; `blocking` is about where a sync one runs.
fn check_execution(args: &Args, signature: &Signature, diagnostics: &mut Diagnostics) -> Execution {
    match (&signature.asyncness, args.blocking.key()) {
        (Some(_), Some(key)) => {
            diagnostics.error(
                key,
                "`blocking` is for sync tasks, and this one is `async`; take one of the two away",
            );
            Execution::Async
        }
        (Some(_), None) => Execution::Async,
        (None, Some(_)) => Execution::Blocking,
        (None, None) => Execution::Sync,
    }
}

/// The names in a run's name are parameters.
fn check_run_name(args: &mut Args, parameters: &[&str], diagnostics: &mut Diagnostics) {
    for slot in [&mut args.task_run_name, &mut args.flow_run_name] {
        slot.retain(|template| {
            let errors = template.check(parameters);
            let fits = errors.is_empty();
            for error in errors {
                diagnostics.push(error);
            }
            fits
        });
    }
}

/// A function is named where the parameters are in scope, and would be hidden by one of the same name.
fn check_function_paths(args: &mut Args, parameters: &[&str], diagnostics: &mut Diagnostics) {
    let mut is_visible = |path: &ExprPath| match single_name(path) {
        Some(name) if parameters.contains(&name.as_str()) => {
            diagnostics
                .error(path, format!("`{name}` is a parameter here; write `self::{name}` for the function"));
            false
        }
        _ => true,
    };
    args.retry_if.retain(|path| is_visible(&path.0));
    args.trigger.retain(|trigger| trigger.custom().is_none_or(&mut is_visible));
    let lists = [
        &mut args.on_running,
        &mut args.on_completion,
        &mut args.on_failure,
        &mut args.on_crashed,
        &mut args.on_cancellation,
        &mut args.on_commit,
        &mut args.on_rollback,
        &mut args.on_state_change,
    ];
    for list in lists {
        // Not `all`: each wrong path is reported.
        list.retain(|FunctionPaths(paths)| paths.iter().filter(|path| !is_visible(&path.0)).count() == 0);
    }
}

/// The doc comment, each line without its margin.
fn documentation(attributes: &[Attribute]) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(meta) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value
        {
            let text = text.value();
            lines.extend(text.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()));
        }
    }
    let text = lines.join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether an attribute is about the function that the user calls, and not about the body.
///
/// Lints need stand on the outer function only: the body lies within it, and inherits them.
fn is_outer(attribute: &Attribute) -> bool {
    const OUTER: [&str; 9] =
        ["doc", "cfg", "deprecated", "must_use", "allow", "warn", "deny", "forbid", "expect"];
    const TOOLS: [&str; 3] = ["clippy", "rustfmt", "diagnostic"];
    let is_outer = |path: &syn::Path| match path.get_ident() {
        Some(name) => OUTER.iter().any(|outer| name == outer),
        None => path.segments.first().is_some_and(|tool| TOOLS.iter().any(|name| tool.ident == name)),
    };
    if !attribute.path().is_ident("cfg_attr") {
        return is_outer(attribute.path());
    }
    // `cfg_attr(condition, attribute, ..)`: the first attribute tells.
    let nested = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    nested.is_ok_and(|nested| nested.iter().nth(1).is_none_or(|meta| is_outer(meta.path())))
}

//! The grammar of `#[task(..)]` and `#[flow(..)]`: one typed, spanned slot for each option.
//!
//! Owns the table of options, which parsing, duplicates, suggestions and documentation all read. Knows no function:
//! rules that need one are in `check`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Error, Expr, Token, token};

use crate::diagnostics::{Diagnostics, suggestion};
use crate::value::{
    Bool, CacheKey, CachePolicy, CratePath, Expression, Flag, FunctionPath, FunctionPaths, Isolation,
    JitterFactor, KeyTemplate, OptionValue, Retries, RetryDelay, Serializer, Switch, Tags, Template, Text,
    Timeout, Trigger,
};

mod foreign;

/// Which attribute is being expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    Task,
    Flow,
}

impl Macro {
    /// The attribute's name, which is the word for its function too.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Flow => "flow",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Task => Self::Flow,
            Self::Flow => Self::Task,
        }
    }
}

/// One row of the table of options.
pub(crate) struct OptionRow {
    pub(crate) name: &'static str,
    /// The attributes that take it.
    pub(crate) macros: &'static [Macro],
    /// A use to paste.
    pub(crate) example: &'static str,
    /// What it does, for the documentation.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the documentation's test reads it"))]
    pub(crate) about: &'static str,
    fill: fn(&mut Args, &Key, Option<Expr>) -> syn::Result<()>,
}

/// An option's name where the user wrote it.
pub(crate) struct Key {
    pub(crate) ident: Ident,
    pub(crate) row: &'static OptionRow,
}

/// What was given for an option.
#[derive(Default)]
pub(crate) enum Slot<T> {
    #[default]
    Absent,
    /// It was given, but what it holds was wrong and has been reported.
    Broken,
    Given {
        key: Ident,
        value: T,
    },
}

impl<T> Slot<T> {
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Given { value, .. } => Some(value),
            Self::Absent | Self::Broken => None,
        }
    }

    /// The option's name, where it holds a value.
    pub(crate) fn key(&self) -> Option<&Ident> {
        match self {
            Self::Given { key, .. } => Some(key),
            Self::Absent | Self::Broken => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Forgets a value that has turned out wrong, which `fits` has reported.
    pub(crate) fn retain(&mut self, fits: impl FnOnce(&T) -> bool) {
        if self.value().is_some_and(|value| !fits(value)) {
            *self = Self::Broken;
        }
    }

    fn fill(&mut self, key: &Key, value: Option<Expr>) -> syn::Result<()>
    where
        T: OptionValue,
    {
        if !self.is_absent() {
            return Err(Error::new_spanned(&key.ident, format!("option `{}` is given twice", key.row.name)));
        }
        *self = Self::Broken;
        let value = T::parse(key, value)?;
        *self = Self::Given { key: key.ident.clone(), value };
        Ok(())
    }
}

macro_rules! options {
    ($($name:literal $field:ident: $type:ty, [$($macro:ident)+], $example:literal, $about:literal;)*) => {
        /// All options of an attribute.
        #[derive(Default)]
        pub(crate) struct Args {
            $(pub(crate) $field: Slot<$type>,)*
        }

        /// The table of options, in the order in which they are documented.
        pub(crate) const OPTIONS: &[OptionRow] = &[
            $(OptionRow {
                name: $name,
                macros: &[$(Macro::$macro),+],
                example: $example,
                about: $about,
                fill: |args, key, value| args.$field.fill(key, value),
            },)*
        ];
    };
}

options! {
    "name" name: Text, [Task Flow], r#"name = "fetch page""#, "the name to show; by default the function's";
    "description" description: Text, [Task Flow], r#"description = "Fetches a page.""#, "what it does; by default the doc comment";
    "version" version: Text, [Task Flow], r#"version = "2""#, "a version of your own, recorded with each run";
    "tags" tags: Tags, [Task Flow], r#"tags = ["io", "nightly"]"#, "tags of each run; limits of the same name apply";
    "task_run_name" task_run_name: Template, [Task], r#"task_run_name = "fetch {url}""#, "a format string over the parameters that names each run; by default `fetch-0`, `fetch-1`, …";
    "flow_run_name" flow_run_name: Template, [Flow], r#"flow_run_name = "etl {month}""#, "a format string over the parameters that names each run; by default a readable random name";
    "retries" retries: Retries, [Task Flow], "retries = 3", "how many further attempts a failed run gets";
    "retry_delay" retry_delay: RetryDelay, [Task Flow], r#"retry_delay = "10s""#, "the wait before each further attempt: a duration, a list of 1 to 50 (the last repeats), or `exponential(\"10s\", max = \"10m\")`; by default none";
    "retry_jitter_factor" retry_jitter_factor: JitterFactor, [Task Flow], "retry_jitter_factor = 0.5", "varies each delay by up to this share of it, from 0 to 1";
    "retry_if" retry_if: FunctionPath, [Task Flow], "retry_if = is_transient", "a `fn(&TaskError) -> bool` that says whether a failure is worth a further attempt";
    "timeout" timeout: Timeout, [Task Flow], r#"timeout = "30s""#, "how long one attempt may take";
    "trigger" trigger: Trigger, [Task], "trigger = all_finished", "when to run, given how the upstream runs ended: `all_successful` (default), `all_failed`, `any_successful`, `any_failed`, `all_finished`, `always_run`, `not_all_skipped`, `some_failed(1..=3)`, `some_successful(0.5..)`, or a `fn(&[Upstream]) -> Decision`";
    "skip_on_upstream_skip" skip_on_upstream_skip: Bool, [Task], "skip_on_upstream_skip = false", "whether a skipped upstream run makes this one skipped; by default `true`";
    "persist_result" persist_result: Switch, [Task Flow], "persist_result", "keeps the result: of a task so that a run with the same key need not be executed, of a flow, so that a further attempt of the flow that it is called in does not execute it again, with those of the task runs inside that say nothing themselves; by default where another option about results is given; `persist_result = false` whatever the settings say";
    "cache_policy" cache_policy: CachePolicy, [Task], "cache_policy = Inputs + TaskSource", "what the key of the result is made of: `Inputs`, `TaskSource`, `RunId`, `FlowParameters`, `NoCache`, or a `CachePolicy` of your own, joined with `+`; `- \"x\"` leaves a parameter out; by default `Inputs + TaskSource + RunId`";
    "cache_key" cache_key: CacheKey, [Task], r#"cache_key = "rows/{url}""#, "the key of the result itself, which other tasks may say as well: a template over the parameters and `{date:%Y-%m-%d}`, `{today}`, `{today_nodash}`, `{flow_name}`, `{flow_run_id}`, `{task_name}`, `{map_index}`, or a `fn(&P1, ..) -> Option<String>` of the parameters";
    "cache_expiration" cache_expiration: Timeout, [Task], r#"cache_expiration = "1d""#, "how long a result is found again; by default for ever";
    "refresh_cache" refresh_cache: Flag, [Task], "refresh_cache", "looks for no result, and replaces the one that is there";
    "isolation" isolation: Isolation, [Task], "isolation = serializable", "whether a run waits for another one with the same key and finds its result (`serializable`, which needs a lock manager), or both are executed (`read_committed`); by default as the transaction around says, and `read_committed`";
    "result_storage" result_storage: Expression, [Task Flow], r#"result_storage = ResultStore::directory("results")"#, "where the result is kept, made once; by default where the engine keeps results";
    "result_storage_key" result_storage_key: KeyTemplate, [Task], r#"result_storage_key = "{date:%Y-%m-%d}/{task_name}.json""#, "where in the store the result is kept and looked for, a template as for `cache_key`";
    "result_serializer" result_serializer: Serializer, [Task Flow], "result_serializer = msgpack", "how the result is written: `json`, `msgpack`, `json_zstd`, `msgpack_zstd`; by default as the store does";
    "plan_value" plan_value: Expression, [Task], "plan_value = vec![1, 2]", "what stands for the result where a flow is only planned, made anew for each run";
    "blocking" blocking: Flag, [Task], "blocking", "for sync code that blocks on I/O: runs on the blocking pool instead of the compute pool";
    "task_runner" task_runner: Expression, [Flow], "task_runner = ThreadPoolTaskRunner::new(8)", "the runner of the flow's task runs, made once for each flow run; by default the engine's";
    "crate" krate: CratePath, [Task Flow], "crate = my_library::millrun", "the path of millrun, where it is not `::millrun`";
    "on_running" on_running: FunctionPaths, [Task Flow], "on_running = notify", "hooks for the start of each attempt";
    "on_completion" on_completion: FunctionPaths, [Task Flow], "on_completion = notify", "hooks for a run that completed";
    "on_failure" on_failure: FunctionPaths, [Task Flow], "on_failure = [notify, clean_up]", "hooks for a run that failed, once no attempt remains";
    "on_crashed" on_crashed: FunctionPaths, [Task Flow], "on_crashed = notify", "hooks for a run that crashed";
    "on_cancellation" on_cancellation: FunctionPaths, [Task Flow], "on_cancellation = notify", "hooks for a run that was cancelled";
    "on_commit" on_commit: FunctionPaths, [Task], "on_commit = announce", "hooks for when what the run did is committed, each a `fn(&Transaction)`";
    "on_rollback" on_rollback: FunctionPaths, [Task], "on_rollback = undo", "hooks for when what the run did is rolled back, each a `fn(&Transaction)`";
    "on_state_change" on_state_change: FunctionPaths, [Task Flow], "on_state_change = watch", "functions that see each change of state and may alter it";
}

impl OptionRow {
    fn of(name: &str) -> Option<&'static Self> {
        OPTIONS.iter().find(|row| row.name == name)
    }

    fn is_of(&self, attribute: Macro) -> bool {
        self.macros.contains(&attribute)
    }
}

impl Key {
    /// The value of an option that needs one.
    pub(crate) fn value(&self, value: Option<Expr>) -> syn::Result<Expr> {
        value.ok_or_else(|| {
            Error::new_spanned(
                &self.ident,
                format!("`{}` needs a value, as in `{}`", self.row.name, self.row.example),
            )
        })
    }

    /// An error for a value of the wrong kind.
    pub(crate) fn expected(&self, value: &Expr, what: &str) -> Error {
        Error::new_spanned(value, format!("expected {what}, as in `{}`", self.row.example))
    }
}

/// Parses the options of an attribute; what is wrong is noted, and passed by.
pub(crate) fn parse_args(attribute: Macro, tokens: TokenStream, diagnostics: &mut Diagnostics) -> Args {
    let mut args = Args::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = parse_option(attribute, input, &mut args, diagnostics) {
                diagnostics.push(error);
                skip_to_comma(input);
            }
            if input.is_empty() || input.parse::<Token![,]>().is_ok() {
                continue;
            }
            diagnostics.push(input.error("expected `,` between options"));
            if !input.peek(syn::Ident::peek_any) {
                skip_to_comma(input);
                input.parse::<Option<Token![,]>>()?;
            }
        }
        Ok(())
    };
    // The parser above reports what it meets itself.
    parser.parse2(tokens).unwrap_or_else(|error| diagnostics.push(error));
    args
}

/// Parses `name`, `name = value`, up to the comma.
fn parse_option(
    attribute: Macro,
    input: ParseStream<'_>,
    args: &mut Args,
    diagnostics: &mut Diagnostics,
) -> syn::Result<()> {
    if !input.peek(syn::Ident::peek_any) {
        return Err(input.error("expected an option, as in `name = \"…\"`"));
    }
    let ident = input.call(syn::Ident::parse_any)?;
    let row = match find_row(attribute, &ident) {
        Ok(row) => row,
        Err(error) => {
            diagnostics.push(error);
            // What it holds is no mistake of its own.
            if input.parse::<Option<Token![=]>>()?.is_some() {
                parse_value(input)?;
            } else {
                skip_to_comma(input);
            }
            return Ok(());
        }
    };
    let key = Key { ident, row };
    if input.peek(token::Paren) || input.peek(Token![:]) {
        return Err(input.error(format!("expected `{}`", row.example)));
    }
    let Some(equals) = input.parse::<Option<Token![=]>>()? else {
        return diagnostics.take((row.fill)(args, &key, None)).map_or(Ok(()), Ok);
    };
    if input.is_empty() || input.peek(Token![,]) {
        let ident = &key.ident;
        return Err(Error::new_spanned(
            quote!(#ident #equals),
            format!("expected a value, as in `{}`", row.example),
        ));
    }
    let value = parse_value(input)?;
    diagnostics.take((row.fill)(args, &key, Some(value)));
    Ok(())
}

/// Parses an expression. What is none goes to the option as it is, which says what it expects.
fn parse_value(input: ParseStream<'_>) -> syn::Result<Expr> {
    let ahead = input.fork();
    if let Ok(value) = ahead.parse() {
        input.advance_to(&ahead);
        return Ok(value);
    }
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(Expr::Verbatim(tokens))
}

/// The row of an option that `attribute` takes, else the answer to its name.
fn find_row(attribute: Macro, ident: &Ident) -> syn::Result<&'static OptionRow> {
    let name = ident.to_string();
    let word = attribute.as_str();
    let message = match (OptionRow::of(&name), foreign::answer(attribute, &name)) {
        (Some(row), _) if row.is_of(attribute) => return Ok(row),
        (Some(_), None) => {
            let twin =
                twin(attribute, &name).map(|twin| format!("; a {word} has `{twin}`")).unwrap_or_default();
            format!("`{name}` is an option of `#[{}]`{twin}", attribute.other().as_str())
        }
        (_, Some(answer)) => format!("unknown option `{name}`: {answer}"),
        (None, None) => {
            let names: Vec<&str> =
                OPTIONS.iter().filter(|row| row.is_of(attribute)).map(|row| row.name).collect();
            let all = format!("the options of `#[{word}]` are");
            format!("unknown option `{name}`; {}", suggestion(&name, &names, &all))
        }
    };
    Err(Error::new_spanned(ident, message))
}

/// The option of `attribute` that does what `name` does for the other one.
fn twin(attribute: Macro, name: &str) -> Option<&'static str> {
    let twins = ["task_run_name", "flow_run_name"];
    twins.contains(&name).then(|| match attribute {
        Macro::Task => twins[0],
        Macro::Flow => twins[1],
    })
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

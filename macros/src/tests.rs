//! What expansions look like, and what the documentation says of options.

use std::fmt::Write as _;

use crate::args::{Macro, OPTIONS};
use crate::diagnostics::{distance, list, nearest};
use crate::item::UserFunction;

mod snapshots;

/// Expands a function that stands under `#[task(..)]` or `#[flow(..)]`.
fn expand(input: &str) -> String {
    let mut function: UserFunction = syn::parse_str(input).unwrap();
    let position =
        function.attributes.iter().position(|attribute| !attribute.path().is_ident("doc")).unwrap();
    let attribute = function.attributes.remove(position);
    let args = attribute.meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
    let attribute = if attribute.path().is_ident("task") { Macro::Task } else { Macro::Flow };
    let UserFunction { attributes, visibility, signature, body } = function;
    let item = quote::quote!(#(#attributes)* #visibility #signature #body);
    let output = crate::expand_attribute(attribute, args, item);
    prettyplease::unparse(&syn::parse2(output).unwrap())
}

/// The errors of an expansion.
fn errors(input: &str) -> Vec<String> {
    let file: syn::File = syn::parse_str(&expand(input)).unwrap();
    let messages = file.items.into_iter().filter_map(|item| match item {
        syn::Item::Macro(item) => Some(item.mac.parse_body::<syn::LitStr>().unwrap().value()),
        _ => None,
    });
    messages.collect()
}

/// The table of one attribute's options, as its documentation has it.
fn documented(attribute: Macro) -> String {
    let mut table = String::from("/// | option | meaning |\n/// |---|---|\n");
    for row in OPTIONS.iter().filter(|row| row.macros.contains(&attribute)) {
        writeln!(table, "/// | `{}` | {} |", row.example, row.about).unwrap();
    }
    table
}

#[test]
fn the_documentation_has_one_row_for_each_option() {
    let source = include_str!("lib.rs");
    for attribute in [Macro::Task, Macro::Flow] {
        let table = documented(attribute);
        assert!(
            source.contains(&table),
            "the documentation of `#[{}]` should have\n{table}",
            attribute.as_str()
        );
    }
}

#[test]
fn options_have_names_of_their_own() {
    for (index, row) in OPTIONS.iter().enumerate() {
        assert!(
            OPTIONS[index + 1..].iter().all(|other| other.name != row.name),
            "{} is there twice",
            row.name
        );
        assert!(row.example.starts_with(row.name));
    }
}

#[test]
fn each_example_in_the_table_is_accepted() {
    for row in OPTIONS {
        let attribute = row.macros[0].as_str();
        let company = match row.name {
            "retry_delay" | "retry_if" => ", retries = 1",
            "retry_jitter_factor" => r#", retries = 1, retry_delay = "1s""#,
            _ => "",
        };
        let input = format!("#[{attribute}({}{company})] fn f(url: String, month: String) {{}}", row.example);
        assert_eq!(errors(&input), [""; 0], "{input}");
    }
}

#[test]
fn names_are_near_within_a_third_of_their_length() {
    let options = ["retries", "timeout", "tags", "name"];
    assert_eq!(nearest("retires", options), Some("retries"));
    assert_eq!(nearest("retrie", options), Some("retries"));
    assert_eq!(nearest("tag", options), Some("tags"));
    assert_eq!(nearest("color", options), None);
    assert_eq!(nearest("x", options), None);
}

#[test]
fn a_swap_of_neighbours_is_one_edit() {
    assert_eq!(distance("retires", "retries"), 1);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("timeout", "timeout"), 0);
    assert_eq!(distance("timout", "timeout"), 1);
}

#[test]
fn lists_read_like_sentences() {
    assert_eq!(list(&[]), "");
    assert_eq!(list(&["a"]), "`a`");
    assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let errors = errors(
        r#"#[task(retires = 3, timeout = "1x", tags = ["a", "a"], blocking)]
        async fn f(self_: &mut u8, _: u8) -> &str { "" }"#,
    );
    let expected = [
        "unknown option `retires`; did you mean `retries`?",
        "unknown unit `x`; units are `w`, `d`, `h`, `m`, `s`, `ms`, `us` and `ns`",
        "tag `a` is given twice",
        "a task cannot change what it borrows, as others may be reading it: take `u8` and return it",
        "the parameters of a task must be named; name an ignored one `_x`",
        "the result of a task outlives its arguments, so it cannot borrow: return `String`",
        "`blocking` is for sync tasks, and this one is `async`; take one of the two away",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn what_is_wrong_with_an_option_leaves_the_function_as_it_is() {
    let right = expand("#[task] fn f(x: u32) -> u32 { x }");
    let wrong = expand("#[task(retires = 3)] fn f(x: u32) -> u32 { x }");
    let (_, wrong) = wrong.split_once("}\n").unwrap();
    assert_eq!(wrong, right);
}

#[test]
fn a_body_that_says_parameters_is_given_them() {
    let asks = |input: &str| expand(input).contains(".wants_parameters(true)");
    assert!(asks("#[task] fn f(x: u32) { task_run().unwrap().parameters(); }"));
    assert!(asks("#[task] async fn f(x: u32) { if x > 0 { log!(\"{}\", run.parameters()) } }"));
    assert!(asks("#[flow] fn f(x: u32) { let parameters = flow_run(); }"));
    // Without a parameter there is nothing to ask for.
    assert!(!asks("#[task] fn f() { task_run().unwrap().parameters(); }"));
    // Only the word itself counts, and only in the body.
    assert!(!asks("#[task] fn f(x: u32) { task_run().unwrap().name(); }"));
    assert!(!asks("#[task] fn f(x: u32) { say(\"parameters\"); my_parameters(x); }"));
    assert!(!asks("/// Takes parameters.\n#[task(name = \"parameters\")] fn f(parameters: u32) {}"));
}

/// How long the lines of this repository may be.
const WIDTH: usize = 110;

/// The lines of code as they would be written here: one for each statement and for each brace, more where it is too long.
fn lines(code: &str) -> usize {
    let mut lines = 0;
    let mut statement = String::new();
    for line in code.lines() {
        let indent = if statement.is_empty() { line.len() - line.trim_start().len() } else { 0 };
        statement.extend(std::iter::repeat_n(' ', indent));
        statement.push_str(line.trim());
        if statement.ends_with([';', '{', '}']) || line.trim_start().starts_with("#[") {
            lines += statement.len().div_ceil(WIDTH);
            statement.clear();
        }
    }
    lines + usize::from(!statement.is_empty())
}

#[test]
fn a_task_adds_at_most_thirty_lines() {
    let functions = [
        "pub fn add(a: u64, b: u64) -> u64 { a + b; }",
        "async fn fetch(url: String) -> Result<String, FetchError> { get(url).await; }",
        "pub(crate) async fn count(text: &str, words: &[String], most: usize) -> usize { text.len(); }",
    ];
    for function in functions {
        let expansion = expand(&format!("#[task] {function}"));
        let own = expand(&format!("#[task] {function}")).matches("__millrun_body").count();
        assert_eq!(own, 2, "the body is written once, and called once");
        let formatted = prettyplease::unparse(&syn::parse_str(function).unwrap());
        let added = lines(&expansion) - lines(&formatted);
        assert!(added <= 30, "{added} lines:\n{expansion}");
    }
}

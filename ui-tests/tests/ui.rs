//! Compiles the programs beside this package: those under `fail` must be refused in the words of their `.stderr` files,
//! those under `pass` must compile without a warning; and the crates beside it, which clippy must not complain of.
//!
//! The words are those of one compiler; `TRYBUILD=overwrite cargo test -p millrun-ui-tests` writes them anew.

use std::process::Command;

/// One mistake each, and the compiler's words for it; and what must be accepted.
#[test]
fn ui() {
    let tests = trybuild::TestCases::new();
    tests.pass("task/pass/*.rs");
    tests.pass("flow/pass/*.rs");
    tests.pass("use/pass/*.rs");
    tests.compile_fail("task/fail/*.rs");
    tests.compile_fail("flow/fail/*.rs");
    tests.compile_fail("use/fail/*.rs");
}

/// Whoever has clippy check a crate, pedantically, hears nothing of what the attributes have made: the crates' own manifests
/// say how strict they are.
#[test]
fn clippy_has_nothing_to_say() {
    let output = Command::new(env!("CARGO"))
        .args([
            "clippy",
            "--quiet",
            "--offline",
            "--no-deps",
            "-p",
            "millrun-ui-strict",
            "-p",
            "millrun-ui-renamed",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is there, as it runs this test");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.is_empty(), "{words}");
}

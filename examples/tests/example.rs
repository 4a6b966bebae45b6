//! Runs the examples that cargo builds beside the tests.

use std::env::{self, consts};
use std::process::{Command, Output};

/// A command that runs an example.
///
/// `cargo test` builds the examples with the tests; `cargo test --test NAME` alone does not.
pub(crate) fn example(name: &str) -> Command {
    let test = env::current_exe().expect("the test has a path");
    let profile = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let path = profile.join("examples").join(format!("{name}{}", consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing: run `cargo build --examples` first", path.display());
    let mut command = Command::new(path);
    command.env("MILLRUN_HOME", profile.join("millrun-home"));
    command
}

/// What a finished program printed.
pub(crate) struct Printed {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Printed {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("examples print UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

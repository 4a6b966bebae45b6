//! A process for one test alone: this very program, told to execute that test again.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const VARIABLE: &str = "MILLRUN_TESTS_ALONE";

/// The process of a test: its variables, and the files in its working directory.
pub(crate) struct Alone {
    test: String,
    variables: Vec<(String, String)>,
    files: Vec<(String, String)>,
    /// Nobody reads what it prints to standard error.
    is_unheard: bool,
}

/// An [`Alone`] for the test that it stands in.
macro_rules! alone {
    () => {{
        fn here() {}
        crate::alone::Alone::of(std::any::type_name_of_val(&here))
    }};
}
pub(crate) use alone;

impl Alone {
    pub(crate) fn of(path: &str) -> Self {
        let test = path.trim_end_matches("::here").split_once("::").unwrap().1.to_owned();
        Self { test, variables: Vec::new(), files: Vec::new(), is_unheard: false }
    }

    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_file(self, text: &str) -> Self {
        self.with_file_named("millrun.toml", text)
    }

    pub(crate) fn with_file_named(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Its standard error is a pipe that nobody reads, as in `program 2>&1 | head`.
    pub(crate) fn unheard(mut self) -> Self {
        self.is_unheard = true;
        self
    }

    /// Does it in a process of its own. In the one that has asked for it, gives what the other has printed.
    pub(crate) fn output(&self, check: impl FnOnce()) -> Option<Output> {
        if std::env::var_os(VARIABLE).is_some() {
            check();
            return None;
        }
        let folder = self.folder();
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &self.files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &self.test, "--nocapture"]).current_dir(&folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MILLRUN_") {
                command.env_remove(name);
            }
        }
        command.env(VARIABLE, "").envs(self.variables.iter().cloned());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if self.is_unheard {
            drop(child.stderr.take());
        }
        let output = child.wait_with_output().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        Some(output)
    }

    /// The working directory: of this test of this process.
    fn folder(&self) -> PathBuf {
        let name = format!("{}-{}", self.test.replace("::", "-"), std::process::id());
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
    }

    /// Does it in a process of its own, which has to end well.
    pub(crate) fn check(&self, check: impl FnOnce()) {
        if let Some(output) = self.output(check) {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        }
    }

    /// The error of building an engine there.
    pub(crate) fn check_error(&self, says: &str) {
        self.check(|| {
            let error = millrun::Engine::builder().try_build().unwrap_err().to_string();
            assert!(error.contains(says), "{error}\nis not\n{says}");
        });
    }
}

//! Crates of many functions of one kind.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MILLRUN: &str = "millrun = { path = \"{runtime}\", default-features = false }";

/// A kind of function.
pub(super) struct Variant {
    pub(super) name: &'static str,
    /// As a limit.
    pub(super) words: &'static str,
    dependency: &'static str,
    head: &'static str,
    /// Function number `{n}`, with the body `{body}`.
    function: &'static str,
    /// How it is used.
    usage: &'static str,
}

/// Ours goes first.
pub(super) static VARIANTS: [Variant; 4] = [
    Variant {
        name: "millrun",
        words: "tasks",
        dependency: MILLRUN,
        head: "use millrun::prelude::*;\n",
        function: "#[task]\nasync fn f{n}(x: u64) -> u64 { {body} }\n",
        usage: "f{n}.submit({n}).await.unwrap()",
    },
    Variant {
        name: "plain",
        words: "plain functions",
        dependency: "",
        head: "",
        function: "async fn f{n}(x: u64) -> u64 { {body} }\n",
        usage: "f{n}({n}).await",
    },
    Variant {
        name: "instrument",
        words: "tracing::instrument",
        dependency: "tracing = \"0.1\"",
        head: "",
        function: "#[tracing::instrument]\nasync fn f{n}(x: u64) -> u64 { {body} }\n",
        usage: "f{n}({n}).await",
    },
    Variant {
        name: "async-trait",
        words: "async_trait",
        dependency: "async-trait = \"0.1\"",
        head: "struct All;\n",
        function: "#[async_trait::async_trait]\ntrait F{n} { async fn f{n}(&self, x: u64) -> u64; }\n\
                   #[async_trait::async_trait]\nimpl F{n} for All { async fn f{n}(&self, x: u64) -> u64 { {body} } }\n",
        usage: "All.f{n}({n}).await",
    },
];

pub(super) static FLOWS: [Variant; 2] = [
    Variant {
        name: "flow",
        words: "flows",
        dependency: MILLRUN,
        head: "use millrun::prelude::*;\n#[task]\nasync fn leaf(x: u64) -> u64 { x }\n",
        function: "#[flow]\nasync fn f{n}(x: u64) -> Result<u64, FlowError> { Ok(leaf.submit({body}).await?) }\n",
        usage: "f{n}({n}).await.unwrap()",
    },
    Variant {
        name: "spawning",
        words: "functions that spawn",
        dependency: "",
        head: "async fn leaf(x: u64) -> u64 { x }\n",
        function: "async fn f{n}(x: u64) -> Result<u64, tokio::task::JoinError> { Ok(tokio::spawn(leaf({body})).await?) }\n",
        usage: "f{n}({n}).await.unwrap()",
    },
];

/// A crate of so many functions, each used once.
pub(super) struct Project {
    variant: &'static Variant,
    functions: usize,
    folder: PathBuf,
}

/// Stays there, so that what the crates depend on is built once and not each time.
fn root() -> PathBuf {
    std::env::temp_dir().join("millrun-compile-time")
}

impl Project {
    pub(super) fn new(variant: &'static Variant, functions: usize) -> Self {
        let folder = root().join(format!("{}-{functions}", variant.name));
        fs::create_dir_all(folder.join("src")).unwrap();
        let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
        let dependency = variant.dependency.replace("{runtime}", &runtime.display().to_string());
        let manifest = format!(
            "[workspace]\n[package]\nname = \"compile-{}-{functions}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
             tokio = {{ version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }}\n{dependency}\n",
            variant.name
        );
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        let project = Self { variant, functions, folder };
        project.write(0, 0);
        project
    }

    pub(super) fn name(&self) -> String {
        format!("compile_{}_{}", self.variant.name.replace('-', "_"), self.functions)
    }

    /// Writes the source, with a number that the first function adds, and one that nothing depends on.
    pub(super) fn write(&self, added: usize, comment: usize) {
        let mut source = format!("// {comment}\n{}", self.variant.head);
        for n in 0..self.functions {
            let body = format!("x + {}", if n == 0 { added } else { n });
            let function = self.variant.function.replace("{n}", &n.to_string());
            source.push_str(&function.replace("{body}", &body));
        }
        source.push_str("#[tokio::main]\nasync fn main() {\n    let mut total = 0;\n");
        for n in 0..self.functions {
            writeln!(source, "    total += {};", self.variant.usage.replace("{n}", &n.to_string())).unwrap();
        }
        source.push_str("    println!(\"{total}\");\n}\n");
        fs::write(self.folder.join("src/main.rs"), source).unwrap();
    }

    /// Calls cargo in it.
    pub(super) fn cargo(&self, command: &str, incremental: bool, arguments: &[&str]) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args([command, "--quiet"])
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", Self::target())
            .env("CARGO_INCREMENTAL", if incremental { "1" } else { "0" })
            .status()
            .unwrap();
        assert!(status.success(), "cargo {command} failed in {}", self.folder.display());
    }

    /// Where all of them are built.
    pub(super) fn target() -> PathBuf {
        root().join("target")
    }
}

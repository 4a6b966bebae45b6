//! What a task costs to compile: 200 async functions, each used once, as plain functions, under `tracing::instrument`, and as
//! tasks that are submitted. `cargo bench --bench compile_time`.
//!
//! The crates are made in the target folder; what they depend on is built before the clock starts. Each figure is the median
//! of five builds after a change of the one source file, without incremental compilation. The variants take turns, so that
//! what else the machine does falls on all of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use millrun_benchmarks::median;

const FUNCTIONS: usize = 200;
const BUILDS: usize = 5;

struct Variant {
    name: &'static str,
    dependency: &'static str,
    head: &'static str,
    attribute: &'static str,
    /// How function number `{n}` is used.
    usage: &'static str,
}

const VARIANTS: [Variant; 3] = [
    Variant { name: "plain", dependency: "", head: "", attribute: "", usage: "total += f{n}({n}).await;" },
    Variant {
        name: "instrument",
        dependency: "tracing = \"0.1\"",
        head: "",
        attribute: "#[tracing::instrument]",
        usage: "total += f{n}({n}).await;",
    },
    Variant {
        name: "millrun",
        dependency: "millrun = { path = \"{runtime}\", default-features = false }",
        head: "use millrun::prelude::*;",
        attribute: "#[task]",
        usage: "total += f{n}.submit({n}).await.unwrap();",
    },
];

fn make(variant: &Variant, folder: &Path) -> PathBuf {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let project = folder.join(variant.name);
    std::fs::create_dir_all(project.join("src")).unwrap();
    let dependency = variant.dependency.replace("{runtime}", &runtime.display().to_string());
    let manifest = format!(
        "[workspace]\n[package]\nname = \"compile-{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n\
         tokio = {{ version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }}\n{dependency}\n",
        variant.name
    );
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let mut source = format!("{}\n", variant.head);
    for n in 0..FUNCTIONS {
        write!(source, "{}\nasync fn f{n}(x: u64) -> u64 {{ x + {n} }}\n", variant.attribute).unwrap();
    }
    source.push_str("#[tokio::main]\nasync fn main() {\n    let mut total = 0;\n");
    for n in 0..FUNCTIONS {
        writeln!(source, "    {}", variant.usage.replace("{n}", &n.to_string())).unwrap();
    }
    source.push_str("    println!(\"{total}\");\n}\n");
    std::fs::write(project.join("src/main.rs"), source).unwrap();
    project
}

fn cargo(command: &str, project: &Path, target: &Path) {
    let status = Command::new(env!("CARGO"))
        .args([command, "--quiet"])
        .current_dir(project)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .unwrap();
    assert!(status.success(), "cargo {command} failed in {}", project.display());
}

/// Seconds that `cargo <command>` takes for each of the projects, the source having been changed.
fn seconds(command: &str, projects: &[PathBuf], target: &Path) -> Vec<f64> {
    for project in projects {
        cargo(command, project, target);
    }
    let mut times = vec![Vec::new(); projects.len()];
    for round in 0..BUILDS {
        for (project, times) in projects.iter().zip(&mut times) {
            let main = project.join("src/main.rs");
            let mut source = std::fs::read_to_string(&main).unwrap();
            writeln!(source, "// {round}").unwrap();
            std::fs::write(&main, source).unwrap();
            let begun = Instant::now();
            cargo(command, project, target);
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    times.into_iter().map(median).collect()
}

fn main() {
    let folder = std::env::temp_dir().join("millrun-compile-time");
    let target = folder.join("target");
    let projects: Vec<PathBuf> = VARIANTS.iter().map(|variant| make(variant, &folder)).collect();
    let (checks, builds) = (seconds("check", &projects, &target), seconds("build", &projects, &target));
    let (plain_check, plain_build) = (checks[0], builds[0]);
    println!(
        "{FUNCTIONS} async functions, each used once; medians of {BUILDS} builds without incremental compilation\n"
    );
    println!("{:<12} {:>9} {:>7} {:>9} {:>7}", "", "check s", "ratio", "build s", "ratio");
    for (variant, (check, build)) in VARIANTS.iter().zip(checks.iter().zip(&builds)) {
        let (name, check_ratio, build_ratio) = (variant.name, check / plain_check, build / plain_build);
        println!("{name:<12} {check:>9.2} {check_ratio:>7.2} {build:>9.2} {build_ratio:>7.2}");
    }
    let (check, build) = (checks[2], builds[2]);
    let met = check / plain_check <= 8.0 && build / plain_build <= 4.0;
    println!("\ntargets: check 8, build 4: {}", if met { "met" } else { "MISSED" });
}

//! How much there is to compile of a task.

use std::fs;
use std::path::Path;

use millrun_benchmarks::{Bench, Unit};

use super::project::{Project, VARIANTS, Variant};

pub(super) fn measure(bench: &mut Bench) {
    for (task, name) in [("sync_task", "a sync task"), ("async_task", "an async task")] {
        bench
            .row(format!("lines of expansion beyond the function: {name}"))
            .unit(Unit::Count)
            .figures(vec![expansion(task)]);
    }
    let few = 1;
    let many = if bench.is_quick() { 5 } else { 50 };
    let [ours, limits @ ..] = VARIANTS.each_ref().map(|variant| per_function(variant, few, many));
    for (limit, variant) in limits.into_iter().zip(&VARIANTS[1..]) {
        bench
            .row("lines of LLVM IR of a task, debug")
            .of(many)
            .unit(Unit::Count)
            .beside(variant.words)
            .both(vec![ours], vec![limit]);
    }
}

/// The lines that the macro adds to a function: those of the snapshot that holds input and output.
fn expansion(snapshot: &str) -> f64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../macros/src/tests/snapshots");
    let text = fs::read_to_string(folder.join(snapshot).with_extension("snap")).unwrap();
    let (_, text) = text.split_once("\n---\n").unwrap();
    let (input, output) = text.split_once("\n// expands to\n").unwrap();
    let lines = |text: &str| text.trim().lines().count() as f64;
    lines(output) - lines(input)
}

/// By how many lines the whole grows with each function more.
fn per_function(variant: &'static Variant, few: usize, many: usize) -> f64 {
    let lines = |functions| {
        let project = Project::new(variant, functions);
        let assembly = Project::target().join("debug/deps");
        let is_its = |path: &Path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_assembly = path.extension().is_some_and(|extension| extension == "ll");
            is_assembly && name.starts_with(&format!("{}-", project.name()))
        };
        let found = || -> Vec<_> {
            let entries = fs::read_dir(&assembly).into_iter().flatten();
            entries.map(|entry| entry.unwrap().path()).filter(|path| is_its(path)).collect()
        };
        for old in found() {
            fs::remove_file(old).unwrap();
        }
        // Nothing but the crate itself is compiled again.
        project.write(0, std::process::id() as usize);
        project.cargo("rustc", false, &["--", "--emit=llvm-ir", "-Ccodegen-units=1"]);
        found().iter().map(|path| fs::read_to_string(path).unwrap().lines().count()).sum::<usize>()
    };
    (lines(many) as f64 - lines(few) as f64) / (many - few) as f64
}

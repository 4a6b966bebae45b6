//! What a task costs to compile: async functions, each used once, as plain functions, under `tracing::instrument`, as methods of an
//! `async_trait`, and as tasks that are submitted; and flows that submit one, beside functions that spawn.
//!
//! The crates are made in the temporary folder; what they depend on is built before the clock starts. *Cold*: the crate anew,
//! without incremental compilation. *Touched*: with it, one function's body having been changed. The variants take turns, so that
//! what else the machine does falls on all of them.

mod lines;
mod project;

use std::time::Instant;

use millrun_benchmarks::{Bench, Unit};
use project::{FLOWS, Project, VARIANTS, Variant};

use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "compile",
    about: "what a task costs to compile",
    cases: &[
        Case { name: "200", measure: short },
        Case { name: "flows", measure: flows },
        Case { name: "counts", measure: counts },
        Case { name: "lines", measure: lines::measure },
    ],
    is_long: true,
};

/// What is changed before the compiler is called.
#[derive(Clone, Copy)]
enum Change {
    Cold,
    Touched,
}

fn short(bench: &mut Bench) {
    measure(bench, &VARIANTS, 200);
}

fn flows(bench: &mut Bench) {
    measure(bench, &FLOWS, 50);
}

fn counts(bench: &mut Bench) {
    for count in [1, 50, 1000] {
        measure(bench, &VARIANTS, count);
    }
}

fn measure<const N: usize>(bench: &mut Bench, variants: &'static [Variant; N], wanted: usize) {
    let functions = if bench.is_quick() { wanted.min(5) } else { wanted };
    let projects = variants.each_ref().map(|variant| Project::new(variant, functions));
    for (command, target) in [("check", 5.0), ("build", 2.5)] {
        for (change, words) in [(Change::Cold, "cold"), (Change::Touched, "one body touched")] {
            let times = milliseconds(command, change, &projects, bench.rounds().min(5));
            let mut times = times.into_iter().zip(variants);
            let Some((ours, _)) = times.next() else { return };
            for (limit, variant) in times {
                let mut row = bench
                    .row(format!("cargo {command}, {words}"))
                    .of(functions)
                    .unit(Unit::Milliseconds)
                    .beside(variant.words);
                if variant.name == "plain" && matches!(change, Change::Cold) && functions == 200 {
                    row = row.within(target);
                }
                row.both(ours.clone(), limit);
            }
        }
    }
}

/// What `cargo <command>` takes for each of the projects, each having been changed.
fn milliseconds<const N: usize>(
    command: &str,
    change: Change,
    projects: &[Project; N],
    rounds: usize,
) -> [Vec<f64>; N] {
    let mut times = [const { Vec::new() }; N];
    // The first round builds what they depend on.
    for round in 0..=rounds {
        for (project, times) in projects.iter().zip(&mut times) {
            match change {
                Change::Cold => project.write(0, round),
                Change::Touched => project.write(1000 + round, 0),
            }
            let begun = Instant::now();
            project.cargo(command, matches!(change, Change::Touched), &[]);
            if round > 0 {
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    times
}

//! Random graphs of runs against a small model of what they must do.
//!
//! A [`plan`] is plain data: a flow whose body submits, maps, calls, waits, looks and cancels, and whose runs may do the same.
//! [`bodies`] carry it out through the public interface; [`world`] notes what they meet with; [`check`] compares that, and what
//! is seen of the runs from outside, with the [`model`]. `PROPTEST_CASES` says how many plans are tried.

mod bodies;
mod carry_out;
mod check;
mod found;
#[path = "../behaviour/gate.rs"]
#[allow(dead_code, reason = "other targets use the rest")]
mod gate;
mod model;
mod plan;
mod world;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::carry_out::wrong_with;
use crate::plan::plan;

/// So many plans are tried if nothing else is said.
const CASES: u32 = 1000;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    ProptestConfig {
        cases,
        // What is found is written down as a test in `found.rs`, where everybody can read it.
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn runs_do_what_the_model_says(plan in plan()) {
        let wrong = wrong_with(&plan);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

//! Random trees of transactions against a small model of what becomes of them.
//!
//! A [`plan`] is plain data: a flow whose body begins task runs, groups and flows, which may do the same, and which end well,
//! badly or with a panic, as their hooks do. [`carry_out`] does that through the public interface; [`expected`] says what is to
//! be seen of it. All that is begun has ended before the next is begun, so that everything has one order. `PROPTEST_CASES` says
//! how many plans are tried.

mod carry_out;
mod expected;
mod plan;
mod seen;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use carry_out::carry_out;
use expected::expected;
use plan::plan;

/// So many plans are tried if nothing else is said.
const CASES: u32 = 512;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    ProptestConfig {
        cases,
        // What is found is written down as a test in another file, where everybody can read it.
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn transactions_do_what_the_model_says(plan in plan()) {
        let (seen, expected) = (carry_out(&plan), expected(&plan));
        prop_assert_eq!(seen, expected);
    }
}

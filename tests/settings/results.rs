//! Where results are kept, and whether, by the settings.

use std::path::Path;

use millrun::cache::{CacheOutcome, Miss, Why};
use millrun::prelude::*;

use crate::alone::alone;

#[task]
fn plain(x: u32) -> u32 {
    x
}

#[task(cache_policy = Inputs)]
fn kept(x: u32) -> u32 {
    x
}

#[flow]
fn once() -> Result<u32, FlowError> {
    Ok(plain(1).result()? + kept(2).result()?)
}

fn whys() -> [Option<Why>; 2] {
    let report = once().report_blocking();
    assert_eq!(report.result().unwrap(), &3);
    ["plain-0", "kept-0"].map(|run| report.task_run(run).unwrap().why())
}

#[test]
fn results_that_are_kept_are_below_the_home_of_millrun() {
    alone!().with("MILLRUN_HOME", "here").check(|| {
        let [plain, kept] = whys();
        assert_eq!(plain, None);
        let key = kept.unwrap().key.unwrap();
        assert!(Path::new("here/storage").join(key).is_file());
    });
}

#[test]
fn without_one_they_are_below_the_users_home() {
    alone!().with("HOME", "user").check(|| {
        let [_, kept] = whys();
        assert!(Path::new("user/.millrun/storage").join(kept.unwrap().key.unwrap()).is_file());
    });
}

#[test]
fn a_variable_has_all_results_kept() {
    alone!().with("MILLRUN_HOME", "here").with("MILLRUN_RESULTS_PERSIST_BY_DEFAULT", "true").check(|| {
        let [plain, _] = whys();
        assert_eq!(plain.unwrap().outcome, CacheOutcome::Miss(Miss::None));
        let quiet = Engine::builder().persist_results_by_default(false).build();
        assert_eq!(quiet.enter(whys)[0], None);
    });
}

#[test]
fn the_file_has_all_results_kept() {
    alone!()
        .with("MILLRUN_HOME", "here")
        .with_file("[results]\npersist_by_default = true\n\n[tasks]\nrefresh_cache = true")
        .check(|| {
            for _ in 0..2 {
                let [plain, kept] = whys();
                assert_eq!(plain.unwrap().outcome, CacheOutcome::Miss(Miss::Refreshed));
                assert_eq!(kept.unwrap().outcome, CacheOutcome::Miss(Miss::Refreshed));
            }
        });
}

#[test]
fn a_variable_has_the_cache_refreshed() {
    alone!().with("MILLRUN_HOME", "here").with("MILLRUN_TASKS_REFRESH_CACHE", "true").check(|| {
        let outcomes = [(); 2].map(|()| whys()[1].clone().unwrap().outcome);
        assert_eq!(outcomes, [CacheOutcome::Miss(Miss::Refreshed), CacheOutcome::Miss(Miss::Refreshed)]);
        let finding = Engine::builder().refresh_cache(false).build();
        assert!(finding.enter(whys)[1].clone().unwrap().is_hit());
    });
}

#[test]
fn what_is_no_switch_is_an_error() {
    alone!()
        .with("MILLRUN_RESULTS_PERSIST_BY_DEFAULT", "1")
        .check_error("the variable MILLRUN_RESULTS_PERSIST_BY_DEFAULT: `1` is not `true` or `false`");
}

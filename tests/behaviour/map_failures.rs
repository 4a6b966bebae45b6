//! Maps that cannot be made, and maps some of whose runs fail.

use millrun::MapError;
use millrun::prelude::*;

use crate::gate::Calls;

#[task]
fn add(x: i32, y: i32, calls: Calls) -> i32 {
    calls.add();
    x + y
}

#[task]
fn positive(x: i32) -> Result<i32, String> {
    if x > 0 { Ok(x) } else { Err(format!("{x} is not positive")) }
}

#[task]
fn count(x: i32, calls: Calls) -> i32 {
    calls.add();
    x
}

#[test]
fn different_lengths_are_an_error_naming_each_argument() {
    let calls = Calls::default();
    let error = add.map([1, 2, 3], [1, 2], unmapped(&calls)).result().unwrap_err();
    let lengths = error.downcast_ref::<MapError>().unwrap().lengths();
    assert_eq!(lengths, [("x", 3), ("y", 2)]);
    assert!(error.to_string().contains("`x` has 3, `y` has 2"), "{error}");
    assert_eq!((error.kind(), calls.count()), (ErrorKind::Failed, 0));
}

#[tokio::test]
async fn different_lengths_are_found_once_they_are_known() {
    #[task]
    async fn list() -> Vec<i32> {
        vec![1, 2, 3]
    }
    let calls = Calls::default();
    let map = add.map(list.submit(), [1, 2], unmapped(&calls));
    assert!(map.futures().await.is_empty());
    assert!(map.clone().await.unwrap_err().downcast_ref::<MapError>().is_some());
    let outcomes = map.outcomes().await;
    assert_eq!(outcomes.len(), 1);
    assert!(outcomes[0].as_ref().unwrap_err().downcast_ref::<MapError>().is_some());
    assert_eq!(calls.count(), 0);
}

#[test]
fn different_lengths_fail_the_flow_unless_it_looks() {
    #[flow]
    fn unlooked() {
        let _ = add.map([1], [1, 2], unmapped(Calls::default()));
    }
    #[flow]
    fn handled() -> bool {
        add.map([1], [1, 2], unmapped(Calls::default())).result().is_err()
    }
    assert_eq!(unlooked().report_blocking().state().to_string(), "Failed('1/1 task runs failed.')");
    assert!(handled().result().unwrap());
}

#[test]
fn what_takes_a_map_that_could_not_be_made_is_not_executed() {
    #[task]
    fn sum(numbers: &[i32], calls: Calls) -> i32 {
        calls.add();
        numbers.iter().sum()
    }
    let calls = Calls::default();
    let broken = add.map([1], [1, 2], unmapped(&calls));
    let next = count.map(&broken, unmapped(&calls));
    let total = sum.submit(&broken, &calls);
    assert_eq!(next.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(total.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(calls.count(), 0);
}

#[task]
fn no_list() -> Result<Vec<i32>, String> {
    Err("there is no list".into())
}

#[test]
fn a_map_over_a_list_that_failed_is_trigger_failed_and_says_why() {
    let calls = Calls::default();
    let list = no_list.submit();
    let map = count.map(&list, unmapped(&calls));
    let error = map.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    assert!(error.to_string().contains(&format!("'{}' failed: there is no list", list.name())), "{error}");
    assert!(error.run_name().unwrap().starts_with("count"));
    // And what is mapped over it in turn.
    assert_eq!(count.map(&map, unmapped(&calls)).result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert_eq!(calls.count(), 0);
}

#[test]
fn who_sees_a_map_that_could_not_be_made_sees_why() {
    #[flow]
    fn handled() -> bool {
        let first = count.map(no_list.submit(), unmapped(Calls::default()));
        count.map(first, unmapped(Calls::default())).result().is_err()
    }
    let run = handled().report_blocking();
    assert!(run.state().is_completed(), "{run}");
}

#[test]
fn a_map_over_a_list_that_was_skipped_is_skipped() {
    #[task]
    fn skipped() -> Result<Vec<i32>, TaskError> {
        Err(TaskError::skip("nothing today"))
    }
    #[flow]
    fn skips() -> bool {
        let calls = Calls::default();
        let map = count.map(skipped.submit(), unmapped(&calls));
        let next = count.map(&map, unmapped(&calls));
        map.result().unwrap_err().is_skipped()
            && next.result().unwrap_err().is_skipped()
            && calls.count() == 0
    }
    let run = skips().report_blocking();
    assert_eq!(run.result().unwrap(), &true);
}

#[test]
fn a_failed_element_stops_only_what_is_made_of_it() {
    let calls = Calls::default();
    let next = count.map(positive.map([1, -2, 3]), unmapped(&calls));
    let outcomes = next.outcomes_blocking();
    assert_eq!(outcomes[0].as_ref().unwrap(), &1);
    assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), ErrorKind::TriggerFailed);
    assert!(outcomes[1].as_ref().unwrap_err().to_string().contains("[1]'"), "{:?}", outcomes[1]);
    assert_eq!(outcomes[2].as_ref().unwrap(), &3);
    assert_eq!(calls.count(), 2);
}

#[test]
fn a_mapped_task_waits_for_what_it_is_told_to() {
    let calls = Calls::default();
    let failed = positive.submit(-1);
    let refused = count.wait_for(&failed).map([1, 2], unmapped(&calls));
    assert!(
        refused
            .outcomes_blocking()
            .iter()
            .all(|outcome| { outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::TriggerFailed) })
    );
    let allowed = count.wait_for(allow_failure(&failed)).map([1, 2], unmapped(&calls));
    assert_eq!(allowed.result().unwrap(), [1, 2]);
    assert_eq!(calls.count(), 2);
}

#[test]
fn a_copy_that_panics_ends_the_map_and_nothing_else() {
    struct Brittle(Calls);
    impl Clone for Brittle {
        fn clone(&self) -> Self {
            self.0.add();
            assert!(self.0.count() < 2000, "worn out");
            Self(self.0.clone())
        }
    }
    #[task]
    fn take(x: i32, brittle: Brittle) -> i32 {
        drop(brittle);
        x
    }
    let map = take.map(0..5000, unmapped(Brittle(Calls::default())));
    let error = map.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert!(error.to_string().contains("worn out"), "{error}");
    let outcomes = map.outcomes_blocking();
    assert_eq!(outcomes.len(), 2000);
    assert!(outcomes[..1999].iter().all(Result::is_ok));
}

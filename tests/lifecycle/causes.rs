//! Why a run ended as it did: the error that a run holds, what lies beneath it, and what is logged of retries.

use std::error::Error;

use millrun::prelude::*;

use crate::logs;
use crate::tally::{Calls, Notes, Oops};

#[task]
fn failing(n: u32) -> Result<u32, Oops> {
    Err(Oops(n))
}

#[task]
fn panicking() -> u32 {
    panic!("no luck")
}

#[task]
fn taking(x: u32) -> u32 {
    x
}

#[task]
fn following() {}

#[test]
fn a_run_whose_trigger_failed_has_the_error_of_the_run_before_it_as_its_source() {
    let failed = failing.submit(7);
    for error in [
        taking.submit(&failed).result().unwrap_err(),
        following.wait_for(&failed).submit().result().unwrap_err(),
        following.wait_for(&failed).call().result().unwrap_err(),
        taking.map(vec![&failed]).result().unwrap_err(),
        taking.with_trigger(Trigger::AllFinished).submit(&failed).result().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::TriggerFailed);
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(7)));
        assert_eq!(error.source().unwrap().to_string(), "oops 7");
        let source = error.source().unwrap().downcast_ref::<TaskError>().unwrap();
        assert_eq!((source.kind(), source.run_name()), (ErrorKind::Failed, Some(failed.name().as_str())));
    }
    let error = taking.submit(panicking.submit()).result().unwrap_err();
    assert!(error.source().unwrap().to_string().starts_with("Task run panicked: no luck"));
}

#[test]
fn at_the_end_of_a_chain_stands_the_first_failure() {
    let mut future = failing.submit(7);
    for _ in 0..10_000 {
        future = taking.submit(future);
    }
    let error = future.result().unwrap_err();
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(7)));
    assert!(error.source().unwrap().source().is_none());
}

#[test]
fn a_trigger_that_was_not_met_without_a_failure_has_no_source() {
    let error =
        following.with_trigger(Trigger::AllFailed).wait_for(taking.submit(1)).submit().result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    assert!(error.source().is_none());
}

#[test]
fn the_map_over_a_list_that_is_not_there_says_why() {
    #[task]
    fn listing() -> Result<Vec<u32>, Oops> {
        Err(Oops(8))
    }
    let error = taking.map(listing.submit()).result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(8)));
}

#[test]
fn runs_have_their_error() {
    #[flow]
    async fn mixed() -> Result<(), FlowError> {
        let failed = failing.submit(1);
        let fine = taking.submit(2);
        let _ = taking.submit(&failed).await;
        fine.await?;
        Err(FlowError::msg("no luck"))
    }
    let run = mixed().report_blocking();
    let error = |name: &str| run.task_run(name).unwrap().error();
    assert_eq!(error("failing-0").unwrap().downcast_ref::<Oops>(), Some(&Oops(1)));
    assert!(error("taking-0").is_none());
    assert_eq!(error("taking-1").unwrap().kind(), ErrorKind::TriggerFailed);
    assert_eq!(run.info().error().unwrap().to_string(), "no luck");
}

#[test]
fn a_retry_is_logged_with_its_reason_its_number_and_its_delay() {
    logs::keep();
    #[task(retries = 2, task_run_name = "logged task")]
    async fn logged(calls: Calls) -> Result<(), Oops> {
        Err(Oops(calls.add()))
    }
    logged.submit(Calls::default()).wait();
    let lines = logs::with(&["'logged task'", "Retry "]);
    let says = |n| {
        format!(
            "Task run 'logged task' - Task run encountered an exception: oops {n} - Retry {n}/2 will start immediately"
        )
    };
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("WARN") && lines[0].ends_with(&says(1)), "{lines:#?}");
    assert!(lines[1].ends_with(&says(2)), "{lines:#?}");
}

#[test]
fn a_retry_if_that_panics_is_logged() {
    logs::keep();
    let task = failing.with_retries(1).with_task_run_name("asked").with_retry_if(|_| panic!("no answer"));
    task.submit(1).wait();
    let lines = logs::with(&["Task run 'asked' - `retry_if` panicked, which counts as no: no answer (at "]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("ERROR"));
}

#[test]
fn a_trigger_that_panics_fails_the_run_and_nothing_else() {
    fn broken(_: &[Upstream]) -> Decision {
        panic!("no decision")
    }
    let upstream = failing.submit(1);
    let notes = Notes::default();
    let seen = notes.clone();
    let task = following.with_trigger(Trigger::Custom(broken)).wait_for(&upstream).with_on_failure(
        move |_, state| {
            seen.add(state.name.to_string());
        },
    );
    for error in [task.submit().result().unwrap_err(), task.call().result().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::TriggerFailed);
        let says = "Unexpected error while checking the trigger: no decision (at ";
        assert!(error.to_string().starts_with(says), "{error}");
    }
    assert_eq!(notes.list(), ["TriggerFailed", "TriggerFailed"]);
    // The thread that asked goes on admitting runs.
    assert_eq!(taking.submit(taking.submit(3)).result().unwrap(), 3);
}

#[test]
fn a_flow_run_that_fails_with_the_error_of_another_run_has_that_as_its_source() {
    #[flow]
    fn passes_on() -> Result<u32, FlowError> {
        Ok(panicking.submit().result()?)
    }
    let error = passes_on().result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().starts_with("Task run panicked: no luck"), "{error}");
    let source = error.source().unwrap().downcast_ref::<TaskError>().unwrap();
    assert_eq!((source.kind(), source.run_name()), (ErrorKind::Crashed, Some("panicking-0")));
}

#[test]
fn a_failure_that_nobody_has_seen_is_the_source_of_its_flows_error() {
    #[flow]
    fn unseen() {
        let first = failing.submit(7);
        first.wait();
        let _ = taking.submit(first);
    }
    #[flow]
    fn by_reference() {
        let failed = failing.submit(7);
        failed.wait();
        reference_tasks(&failed);
    }
    for (error, says) in [
        (unseen().result().unwrap_err(), "2/2 task runs failed."),
        (by_reference().result().unwrap_err(), "Some reference tasks failed."),
    ] {
        assert_eq!(error.to_string(), says);
        assert_eq!(error.downcast_ref::<Oops>(), Some(&Oops(7)));
        let source = error.source().unwrap().downcast_ref::<TaskError>().unwrap();
        assert_eq!(source.run_name(), Some("failing-0"));
    }
}

#[test]
fn errors_of_others_become_those_of_a_flow() {
    #[flow]
    fn reads(path: &'static str) -> Result<String, FlowError> {
        let text = std::fs::read_to_string(path)?;
        let number: u32 = text.trim().parse().map_err(FlowError::other)?;
        Ok(number.to_string())
    }
    let error = reads("/nowhere/at/all").result().unwrap_err();
    assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().kind(), std::io::ErrorKind::NotFound);
    let error = reads(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).result().unwrap_err();
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some(), "{error:?}");
    assert!(TaskError::other("said").to_string() == "said" && TaskError::other("said").source().is_none());
}

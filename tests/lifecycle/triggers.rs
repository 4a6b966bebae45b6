//! Triggers: the whole table, amounts, messages, and what a parameter has to say besides.

use std::fmt::Write as _;

use millrun::prelude::*;

use crate::tally::{Calls, Oops, names};

/// How an upstream ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Success,
    Failure,
    Crash,
    Cancellation,
    Skip,
}

use End::{Cancellation as C, Crash as P, Failure as F, Skip as K, Success as S};

#[task]
async fn before(end: End) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    match end {
        S => Ok(1),
        F => Err(Oops(0).into()),
        P => panic!("a crash"),
        C => std::future::pending().await,
        K => Err(TaskError::skip("no need").into()),
    }
}

fn upstreams(ends: &[End]) -> Vec<TaskFuture<u32>> {
    let futures: Vec<_> = ends.iter().map(|end| before.submit(*end)).collect();
    for (future, end) in futures.iter().zip(ends) {
        if matches!(end, C) {
            future.cancel();
        }
        future.wait();
    }
    futures
}

#[task]
fn after(calls: Calls) -> u32 {
    calls.add()
}

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Runs,
    Fails,
    Skips,
}

use Verdict::{Fails, Runs, Skips};

fn verdict(trigger: Trigger, ends: &[End]) -> (Verdict, TaskFuture<u32>) {
    let calls = Calls::default();
    let task = after.with_trigger(trigger).with_skip_on_upstream_skip(false);
    let future = task.wait_for(upstreams(ends)).submit(calls.clone());
    future.wait();
    let verdict = match future.state().name {
        StateName::Completed => Runs,
        StateName::TriggerFailed => Fails,
        StateName::Skipped => Skips,
        other => panic!("{other}"),
    };
    assert_eq!(calls.count(), u32::from(verdict == Runs), "{trigger:?} {ends:?}");
    (verdict, future)
}

#[test]
fn the_whole_table() {
    let columns: [&[End]; 5] = [&[S, S], &[S, F], &[F, F], &[S, K], &[]];
    let yes = Runs;
    let no = Fails;
    let table: [(Trigger, [Verdict; 5]); 7] = [
        (Trigger::AllSuccessful, [yes, no, no, yes, yes]),
        (Trigger::AllFailed, [no, no, yes, no, yes]),
        (Trigger::AnySuccessful, [yes, yes, no, yes, yes]),
        (Trigger::AnyFailed, [no, yes, yes, no, yes]),
        (Trigger::AllFinished, [yes, yes, yes, yes, yes]),
        (Trigger::AlwaysRun, [yes, yes, yes, yes, yes]),
        (Trigger::NotAllSkipped, [yes, no, no, yes, Skips]),
    ];
    let mut wrong = String::new();
    for (trigger, row) in table {
        for (ends, expected) in columns.iter().zip(row) {
            let (found, _) = verdict(trigger, ends);
            if found != expected {
                let _ = writeln!(wrong, "{trigger:?} with {ends:?}: {found:?} instead of {expected:?}");
            }
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn crashed_and_cancelled_upstreams_count_as_failed() {
    for end in [F, P, C] {
        assert_eq!(verdict(Trigger::AllSuccessful, &[S, end]).0, Fails, "{end:?}");
        assert_eq!(verdict(Trigger::AllFailed, &[end, end]).0, Runs, "{end:?}");
        assert_eq!(verdict(Trigger::AnyFailed, &[S, end]).0, Runs, "{end:?}");
        assert_eq!(verdict(Trigger::AnySuccessful, &[end, end]).0, Fails, "{end:?}");
        assert_eq!(verdict(Trigger::NotAllSkipped, &[S, end]).0, Fails, "{end:?}");
    }
}

#[test]
fn not_all_skipped_skips_where_all_were_skipped() {
    let (found, future) = verdict(Trigger::NotAllSkipped, &[K, K]);
    assert_eq!(found, Skips);
    assert_eq!(future.state().message.as_deref(), Some("All upstreams were skipped"));
    assert_eq!(verdict(Trigger::NotAllSkipped, &[K, F]).0, Fails);
}

#[test]
fn amounts_count_runs_or_shares_with_ends_as_written() {
    let cases: [(Trigger, &[End], Verdict); 16] = [
        (Trigger::some_failed(1..=2), &[S, S, S], Fails),
        (Trigger::some_failed(1..=2), &[S, F, S], Runs),
        (Trigger::some_failed(1..=2), &[F, F, S], Runs),
        (Trigger::some_failed(1..=2), &[F, F, F], Fails),
        (Trigger::some_failed(1..2), &[F, F, S], Fails),
        (Trigger::some_failed(2..), &[F, F, F], Runs),
        (Trigger::some_failed(..2), &[S, S], Runs),
        (Trigger::some_failed(0.5..), &[F, S], Runs),
        (Trigger::some_failed(0.6..), &[F, S], Fails),
        (Trigger::some_failed(..0.5), &[F, S], Fails),
        (Trigger::some_failed(..=0.5), &[F, S], Runs),
        (Trigger::some_successful(2..), &[S, S, F], Runs),
        (Trigger::some_successful(2..), &[S, F, F], Fails),
        (Trigger::some_successful(2..), &[S, K, F], Runs),
        (Trigger::some_successful(0.25..=0.5), &[S, F, F, F], Runs),
        (Trigger::some_successful(1.0..), &[S, F], Fails),
    ];
    for (trigger, ends, expected) in cases {
        assert_eq!(verdict(trigger, ends).0, expected, "{trigger:?} with {ends:?}");
    }
}

#[task(trigger = some_failed(1..=2))]
fn with_amount(calls: Calls) -> u32 {
    calls.add()
}

#[task(trigger = some_successful(0.5..))]
fn with_share(calls: Calls) -> u32 {
    calls.add()
}

#[task(trigger = all_failed)]
fn by_name(calls: Calls) -> u32 {
    calls.add()
}

fn two_or_more(upstreams: &[Upstream]) -> Decision {
    match upstreams.len() {
        0 => Decision::Skip("nothing there".into()),
        1 => Decision::Fail(format!("only '{}'", upstreams[0].name)),
        _ => Decision::Run,
    }
}

#[task(trigger = two_or_more)]
fn by_function(calls: Calls) -> u32 {
    calls.add()
}

#[test]
fn attributes_name_triggers_too() {
    let fails = |future: TaskFuture<u32>| future.result().unwrap_err().kind() == ErrorKind::TriggerFailed;
    assert_eq!(with_amount.wait_for(upstreams(&[F, S])).submit(Calls::default()).result().unwrap(), 1);
    assert!(fails(with_amount.wait_for(upstreams(&[S, S])).submit(Calls::default())));
    assert_eq!(with_share.wait_for(upstreams(&[F, S])).submit(Calls::default()).result().unwrap(), 1);
    assert!(fails(with_share.wait_for(upstreams(&[F, F, S])).submit(Calls::default())));
    assert_eq!(by_name.wait_for(upstreams(&[F])).submit(Calls::default()).result().unwrap(), 1);
    assert!(fails(by_name.wait_for(upstreams(&[S])).submit(Calls::default())));
}

#[test]
fn a_function_decides_and_says_why() {
    assert_eq!(
        by_function.wait_for(upstreams(&[F, K])).submit(Calls::default()).state().name,
        StateName::Skipped
    );
    assert_eq!(by_function.wait_for(upstreams(&[F, S])).submit(Calls::default()).result().unwrap(), 1);
    let skipped = by_function.submit(Calls::default());
    skipped.wait();
    assert_eq!(skipped.state().name, StateName::Skipped);
    assert_eq!(skipped.state().message.as_deref(), Some("nothing there"));
    let failed = by_function.wait_for(upstreams(&[S])).submit(Calls::default());
    let error = failed.result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TriggerFailed);
    assert!(error.to_string().starts_with("only 'before-"), "{error}");
}

#[flow]
async fn unmet(trigger: Trigger, ends: Vec<End>) -> Result<u32, FlowError> {
    let upstreams = upstreams(&ends);
    Ok(after.with_trigger(trigger).wait_for(&upstreams).submit(Calls::default()).await?)
}

#[test]
fn the_message_names_the_trigger_and_what_failed() {
    let cases = [
        (
            Trigger::AllSuccessful,
            vec![S, F, P],
            "Trigger was \"all_successful\" but some of the upstream tasks failed. Failed: 'before-1', 'before-2'",
        ),
        (
            Trigger::AllFailed,
            vec![S, F],
            "Trigger was \"all_failed\" but some of the upstream tasks succeeded. Failed: 'before-1'",
        ),
        (
            Trigger::AnySuccessful,
            vec![F],
            "Trigger was \"any_successful\" but none of the upstream tasks succeeded. Failed: 'before-0'",
        ),
        (Trigger::AnyFailed, vec![S], "Trigger was \"any_failed\" but none of the upstream tasks failed."),
        (
            Trigger::NotAllSkipped,
            vec![C],
            "Trigger was \"not_all_skipped\" but some of the upstream tasks failed. Failed: 'before-0'",
        ),
    ];
    for (trigger, ends, message) in cases {
        let run = unmet(trigger, ends).report_blocking();
        let task_run = run.task_run("after-0").unwrap();
        assert_eq!(task_run.state().message.as_deref(), Some(message));
        assert_eq!(names(&task_run.states()), ["Pending", "TriggerFailed"]);
        assert_eq!(task_run.state().state_type, StateType::Failed);
    }
}

#[task(trigger = all_finished)]
fn needing(x: u32, calls: Calls) -> u32 {
    calls.add();
    x
}

#[task(trigger = all_finished)]
fn taking(x: Result<u32, TaskError>) -> String {
    match x {
        Ok(x) => x.to_string(),
        Err(error) => format!("{:?} {}", error.kind(), error.is_skipped()),
    }
}

#[flow]
async fn with_parameter(end: End) -> Result<u32, FlowError> {
    let upstream = upstreams(&[end]);
    Ok(needing.with_skip_on_upstream_skip(false).submit(&upstream[0], Calls::default()).await?)
}

#[test]
fn a_run_that_may_start_but_lacks_a_value_says_which_and_how_to_mend_it() {
    for (end, ended) in [(F, "failed"), (P, "crashed"), (C, "was cancelled"), (K, "was skipped")] {
        let run = with_parameter(end).report_blocking();
        let state = run.task_run("needing-0").unwrap().state();
        assert_eq!(state.name, StateName::TriggerFailed);
        let message = format!(
            "parameter `x` needs the result of 'before-0', which {ended}; take it as `Result<_, TaskError>` or pass it \
             to `wait_for`"
        );
        assert_eq!(state.message, Some(message));
    }
}

#[test]
fn a_result_parameter_sees_every_end() {
    let seen = |end| taking.submit(&upstreams(&[end])[0]).result().unwrap();
    assert_eq!(seen(S), "1");
    assert_eq!(seen(F), "Failed false");
    assert_eq!(seen(P), "Crashed false");
    assert_eq!(seen(C), "Cancelled false");
    assert_eq!(seen(K), "Skipped true");
}

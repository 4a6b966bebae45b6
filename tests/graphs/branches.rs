//! Choices inside of the graph.

use std::sync::Mutex;

use millrun::prelude::*;

use crate::{edges, node};

#[task]
fn a_or_b_or_c(num: usize) -> Result<&'static str, String> {
    ["a", "b", "c"].get(num % 4).copied().ok_or_else(|| "no letter".to_owned())
}

#[task]
fn process(what: &'static str) -> String {
    what.to_owned()
}

static CLEANED: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

#[task]
fn cleanup(results: &[String]) -> usize {
    CLEANED.lock().unwrap().push(results.to_vec());
    results.len()
}

/// The seed's program.
#[flow]
fn case_flow(num: usize) {
    let cond = a_or_b_or_c.submit(num);
    case(&cond, "a", || {
        let a1 = process.with_name("proc_a1").submit("a1");
        let a2 = process.with_name("proc_a2").submit("a2");
        let _ = cleanup.submit([&a1, &a2]);
    });
    case(&cond, "b", || {
        let b = process.with_name("proc_b").submit("b");
        let _ = cleanup.submit([&b]);
    });
    case(&cond, "c", || {
        let c = process.with_name("proc_c").submit("c");
        let _ = cleanup.submit([&c]);
    });
}

#[test]
fn of_three_branches_one_is_executed() {
    let run = case_flow(6 % 3).report_blocking();
    assert!(run.state().is_completed(), "{run}");
    let state = |name: &str| run.task_run(name).unwrap_or_else(|| panic!("no {name} in {run}")).state();
    for name in ["case(\"a\")", "proc_a1-0", "proc_a2-1", "cleanup-0"] {
        assert_eq!(state(name).name, StateName::Completed, "{name} in {run}");
    }
    for name in ["case(\"b\")", "case(\"c\")", "proc_b-2", "proc_c-3", "cleanup-1", "cleanup-2"] {
        assert_eq!(state(name).name, StateName::Skipped, "{name} in {run}");
    }
    let message = |name: &str| state(name).message.unwrap();
    assert_eq!(message("case(\"b\")"), "Provided value \"a\" did not match \"b\"");
    assert_eq!(message("case(\"c\")"), "Provided value \"a\" did not match \"c\"");
    assert_eq!(*CLEANED.lock().unwrap(), [["a1", "a2"]], "what cleans up gets both");
}

#[test]
fn a_choice_is_in_the_graph() {
    let graph = chosen(0).report_blocking().graph();
    let expected = [
        "is_even-0 -> case(true) (given)",
        "case(true) -> even-0 (-)",
        "is_even-0 -> case(false) (given)",
        "case(false) -> odd-0 (-)",
        "even-0 -> merge-0 (results)",
        "odd-0 -> merge-0 (results)",
    ];
    let mut found = edges(&graph);
    found.sort_by_key(|edge| expected.iter().position(|known| known == edge));
    assert_eq!(found, expected);
    assert_eq!(node(&graph, "case(false)").state(), Some(StateName::Skipped));
    assert_eq!(node(&graph, "odd-0").state(), Some(StateName::Skipped));
    assert_eq!(node(&graph, "case(true)").task, "case");
}

#[task]
fn is_even(n: u32) -> bool {
    n.is_multiple_of(2)
}

#[task]
fn even() -> &'static str {
    "even"
}

#[task]
fn odd() -> &'static str {
    "odd"
}

#[flow]
fn chosen(n: u32) -> Result<&'static str, FlowError> {
    let (even, odd) = if_else(&is_even.submit(n), || even.submit(), || odd.submit());
    Ok(merge([&even, &odd]).result()?)
}

#[test]
fn one_of_two_branches() {
    assert_eq!(chosen(4).result().unwrap(), "even");
    assert_eq!(chosen(5).result().unwrap(), "odd");
    let run = chosen(5).report_blocking();
    let skipped = run.task_run("case(true)").unwrap().state();
    assert_eq!(
        skipped.to_string(),
        "Skipped('Provided value \"false\" did not match \"true\"', type=COMPLETED)"
    );
}

#[tokio::test]
async fn nothing_is_awaited_in_an_async_flow_either() {
    #[task]
    async fn later(n: u32) -> u32 {
        n
    }
    #[flow]
    async fn switched(n: u32) -> Result<u32, FlowError> {
        let n = later.submit(n);
        let results =
            switch(&n, ((1, || later.submit(10)), (2, || later.submit(20)), (3, || later.submit(30))));
        let merged = merge(&results);
        let same = switch(&n, [1_u32, 2].map(|n| (n, move || later.submit(n))));
        assert_eq!(same.len(), 2);
        Ok(merged.await?)
    }
    assert_eq!(switched(2).await.unwrap(), 20);
    assert_eq!(switched(3).await.unwrap(), 30);
    let run = switched(4).report().await;
    assert!(run.state().is_skipped(), "{run}");
    let plan = switched(1).plan().await.unwrap();
    assert_eq!(plan.graph().upstream_of("case(2)"), [("later-0", Some("given"))]);
}

/// Whatever is begun in a branch hangs on it.
#[test]
fn all_that_is_begun_in_a_branch_is_skipped() {
    #[task]
    fn double(x: u32) -> u32 {
        2 * x
    }
    #[task(trigger = all_finished)]
    fn finally(_x: Result<u32, TaskError>) {}
    #[flow]
    fn child() -> u32 {
        1
    }
    #[flow]
    fn branched(n: u32) -> Result<(), FlowError> {
        let before = double.submit(1);
        case(&is_even.submit(n), true, || {
            let _ = finally.submit(double.submit(&before));
            let _ = double.map(0..3).outcomes_blocking();
            let _ = double(7).result();
            child.start().wait();
            let _ = child().result();
            tags(["tagged"]).enter(|| double.submit(2)).wait();
            let _ = transaction().run_blocking(|_| double.submit(3).result());
            case(&is_even.submit(2), true, || double.submit(4)).wait();
        });
        let _ = double.submit(5);
        Ok(())
    }
    let states = |n: u32| {
        let run = branched(n).report_blocking();
        assert!(run.state().is_completed(), "{run}");
        let skipped = run.task_runs().iter().filter(|run| run.state().is_skipped()).count();
        let flows = run.child_flow_runs().iter().filter(|run| run.state().is_skipped()).count();
        (run.task_runs().len(), skipped, run.child_flow_runs().len(), flows)
    };
    assert_eq!(states(0), (15, 0, 2, 0));
    // All but the condition, the one before it and the one after the branch.
    assert_eq!(states(1), (15, 12, 2, 2));
}

#[test]
fn what_is_merged_is_the_first_that_was_not_skipped() {
    #[task]
    fn given(n: i32) -> Result<i32, TaskError> {
        match n {
            0 => Err(TaskError::skip("nothing")),
            n if n < 0 => Err(TaskError::msg("negative")),
            n => Ok(n),
        }
    }
    #[flow]
    fn merged(values: Vec<i32>) -> Result<i32, FlowError> {
        let runs: Vec<_> = values.into_iter().map(|n| given.submit(n)).collect();
        Ok(merge(&runs).result()?)
    }
    assert_eq!(merged(vec![0, 2, 3]).result().unwrap(), 2);
    assert!(merged(vec![0, 0]).result().unwrap_err().is_skipped());
    let run = merged(vec![0, 2, -1]).report_blocking();
    assert_eq!(run.task_run("merge-0").unwrap().state().name, StateName::TriggerFailed, "{run}");
    assert!(merged(vec![]).result().unwrap_err().is_skipped());
}

#[test]
fn a_condition_that_fails_fails_its_branches() {
    let run = case_flow(3).report_blocking();
    assert!(run.state().is_failed(), "{run}");
    let failed = run.task_runs().iter().filter(|run| run.state().name == StateName::TriggerFailed).count();
    assert_eq!(failed, 3 + 7);
}

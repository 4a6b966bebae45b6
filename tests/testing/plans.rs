//! Mocks and plans.

use millrun::prelude::*;

#[task]
fn number() -> i64 {
    unreachable!("nothing is executed")
}

#[task]
fn numbers() -> Vec<i64> {
    unreachable!()
}

#[task(plan_value = 3)]
fn known() -> i64 {
    unreachable!()
}

#[task]
async fn cube(n: i64) -> i64 {
    n * n * n
}

#[flow]
async fn branching() -> Result<i64, FlowError> {
    let mut sum = 0;
    for n in 0..number.submit().await? {
        sum += cube(n).await?;
    }
    Ok(sum)
}

#[tokio::test]
async fn a_plan_goes_on_with_what_was_mocked() {
    let plan = branching().plan().await.unwrap();
    assert_eq!((plan.graph().nodes.len(), plan.is_complete()), (1, false));
    let plan = branching().mock(number, 2).plan().await.unwrap();
    assert_eq!((plan.graph().nodes.len(), plan.is_complete()), (2, false));
    let plan = branching().mock(number, 2).mock(cube, 1).plan().await.unwrap();
    assert_eq!((plan.graph().nodes.len(), plan.is_complete()), (3, true));
    // The value of the task that stands there.
    let plan = branching().replace(number, known).mock(cube, 1).plan().await.unwrap();
    assert_eq!((plan.graph().nodes.len(), plan.is_complete()), (4, true));
    assert!(plan.graph().nodes.iter().any(|node| node.name == "known-0"));
    // How these end is not known before they are executed.
    let plan = branching().mock_with(number, |()| 1).plan().await.unwrap();
    assert!(!plan.is_complete());
    let plan = branching().mock_state(number, State::failed("no")).plan().await.unwrap();
    assert!(!plan.is_complete());
}

#[test]
fn the_runs_of_a_map_have_the_value_too() {
    #[flow]
    fn mapped() -> Result<i64, FlowError> {
        Ok(cube.map(numbers.submit()).result()?.into_iter().sum())
    }
    let plan = mapped().mock(numbers, vec![1, 2, 3]).mock(cube, 5).plan_blocking().unwrap();
    assert!(plan.is_complete());
    assert_eq!(plan.graph().nodes.len(), 2);
}

#[test]
fn a_state_that_no_run_ends_in_is_an_error_of_the_plan_too() {
    let error = branching().mock_state(number, State::failed("x")).mock_state(cube, running());
    let error = error.plan_blocking().unwrap_err();
    assert!(error.to_string().contains("that is not how a run ends"), "{error}");
}

fn running() -> State {
    let json = r#"{"id": "00000000-0000-0000-0000-000000000000", "type": "RUNNING", "name": "Running", "message": null,
        "timestamp": "2020-01-01T00:00:00Z"}"#;
    serde_json::from_str(json).unwrap()
}

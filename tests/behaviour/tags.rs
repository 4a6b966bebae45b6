//! Tags: a run's own, those in scope, its flow run's and its parents'.

use millrun::prelude::*;

use crate::gate::Gate;

#[task(tags = ["own"])]
fn tagged() -> Vec<String> {
    task_run().unwrap().tags()
}

#[task]
async fn tagged_later() -> Vec<String> {
    tokio::task::yield_now().await;
    task_run().unwrap().tags()
}

#[test]
fn tags_in_scope_go_to_all_runs_inside() {
    let found = tags(["nightly"]).enter(|| {
        let mut found = vec![tagged().result().unwrap(), tagged.submit().result().unwrap()];
        found.push(tags(["deep", "nightly"]).enter(|| tagged.submit().result().unwrap()));
        found.push(tagged_later.submit().result().unwrap());
        found
    });
    assert_eq!(found[0], ["nightly", "own"]);
    assert_eq!(found[1], ["nightly", "own"]);
    assert_eq!(found[2], ["nightly", "deep", "own"]);
    assert_eq!(found[3], ["nightly"]);
    assert_eq!(tagged().result().unwrap(), ["own"]);
}

#[tokio::test]
async fn tags_in_scope_stay_across_awaits() {
    let (inside, outside) = tokio::join!(
        tags(["nightly"]).scope(async {
            tokio::task::yield_now().await;
            let first = tagged_later().await.unwrap();
            tokio::task::yield_now().await;
            (first, tagged.submit().await.unwrap())
        }),
        async {
            tokio::task::yield_now().await;
            tagged_later.submit().await.unwrap()
        }
    );
    assert_eq!(inside, (vec!["nightly".to_owned()], vec!["nightly".to_owned(), "own".to_owned()]));
    assert!(outside.is_empty());
}

#[test]
fn tags_go_down_from_flows_and_from_tasks() {
    #[task(tags = ["middle"])]
    fn middle() -> Result<Vec<String>, TaskError> {
        tagged.submit().result()
    }
    #[flow(tags = ["inner"])]
    fn inner() -> Result<Vec<String>, FlowError> {
        Ok(tagged.submit().result()?)
    }
    #[flow(tags = ["outer"])]
    fn outer() -> Result<(Vec<String>, Vec<String>, Vec<String>), FlowError> {
        let of_child = tags(["scoped"]).enter(|| inner().result())?;
        Ok((flow_run()?.tags(), middle.submit().result()?, of_child))
    }
    let (flow, below, child) = outer().result().unwrap();
    assert_eq!(flow, ["outer"]);
    assert_eq!(below, ["outer", "middle", "own"]);
    assert_eq!(child, ["outer", "scoped", "inner", "own"]);
}

#[test]
fn a_tag_is_there_once() {
    #[flow(tags = ["own"])]
    fn twice() -> Result<Vec<String>, FlowError> {
        Ok(tags(["own"]).enter(|| tagged.submit().result())?)
    }
    assert_eq!(twice().result().unwrap(), ["own"]);
}

#[test]
fn runs_begun_in_nested_tag_scopes_belong_to_the_run_around_them() {
    #[task]
    fn parent() -> Option<String> {
        task_run().unwrap().parent().map(|run| run.name())
    }
    #[task]
    fn around() -> Option<String> {
        tags(["a"]).enter(|| tags(["b"]).enter(|| parent.submit().result().unwrap()))
    }
    assert!(around.submit().result().unwrap().unwrap().starts_with("around-"));
}

#[tokio::test]
async fn cancelling_reaches_runs_in_nested_tag_scopes() {
    #[task]
    async fn held(gate: Gate) {
        gate.pass().await;
    }
    #[task(blocking)]
    fn around(gate: Gate, go_on: Gate, done: Gate) {
        tags(["a"]).enter(|| {
            tags(["b"]).enter(|| {
                let first = held.submit(&gate);
                go_on.pass_blocking();
                // Begun after the cancellation: it never starts.
                let second = held.submit(&gate);
                second.wait();
                first.wait();
                *ENDS.lock().unwrap() = Some((first.state().to_string(), second.states().len()));
                done.open();
            });
        });
    }
    static ENDS: std::sync::Mutex<Option<(String, usize)>> = std::sync::Mutex::new(None);
    let done = Gate::new();
    let (gate, go_on) = (Gate::new(), Gate::new());
    let future = around.submit(&gate, &go_on, &done);
    let around = future.name();
    gate.arrived(1).await;
    go_on.arrived(1).await;
    future.cancel();
    assert!(future.finished().await.is_cancelled());
    go_on.open();
    done.pass().await;
    let expected =
        (format!("Cancelled('the run was cancelled with task run '{around}', which had begun it')"), 2);
    assert_eq!(ENDS.lock().unwrap().take(), Some(expected));
}

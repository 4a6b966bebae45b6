use std::time::Duration;

use millrun::graph::Mapped;
use millrun::prelude::*;

use crate::{edges, names, node};

#[task]
pub fn fetch(page: u32) -> String {
    unreachable!("the body of a task, on page {page}")
}

#[task]
pub fn count(text: &str) -> usize {
    unreachable!("the body of a task, on {text}")
}

#[task]
fn add(xs: &[usize]) -> usize {
    unreachable!("the body of a task, on {xs:?}")
}

#[task]
async fn later(x: usize) -> usize {
    unreachable!("the body of a task, on {x}")
}

#[task(plan_value = vec![1, 2, 3])]
fn pages() -> Vec<u32> {
    unreachable!("the body of a task")
}

#[task(plan_value = as_text())]
fn title(page: u32) -> Result<String, String> {
    unreachable!("the body of a task, on {page}")
}

#[flow]
pub async fn complete(n: u32) -> Result<(), FlowError> {
    let texts = fetch.map(0..n);
    let counts = count.map(&texts);
    let sum = add.submit(&counts);
    let _ = later.wait_for(&texts).submit(&sum);
    Ok(())
}

#[flow]
fn complete_sync(n: u32) {
    let sum = add.submit(count.map(fetch.map(0..n)));
    let _ = later.submit(&sum);
}

#[tokio::test]
async fn a_body_that_needs_no_value_is_planned_to_its_end() {
    let plan = complete(5).plan().await.unwrap();
    assert!(plan.is_complete());
    let graph = plan.graph();
    assert_eq!(names(graph), ["fetch", "count", "add-0", "later-0"]);
    let expected =
        ["fetch -> count (text)", "count -> add-0 (xs)", "add-0 -> later-0 (x)", "fetch -> later-0 (-)"];
    assert_eq!(edges(graph), expected);
    assert_eq!(node(graph, "fetch").map, Some(Mapped::Runs { length: Some(5), states: [].into() }));
    for node in graph.nodes.iter().chain([&graph.flow_run]) {
        assert_eq!((node.state(), node.run_count, node.started_at), (None, 0, None), "{}", node.name);
    }
    assert_eq!((&*graph.flow_run.task, graph.goes_on_after), ("complete", None));
    assert_eq!(plan.clone().into_graph(), *graph);
}

#[test]
fn a_sync_body_too() {
    let plan = complete_sync(2).plan_blocking().unwrap();
    assert!(plan.is_complete());
    assert_eq!(names(plan.graph()), ["fetch", "count", "add-0", "later-0"]);
    let plan = complete(2).plan_blocking().unwrap();
    assert!(plan.is_complete());
}

#[flow]
async fn awaits(n: u32) -> Result<usize, FlowError> {
    let first = fetch.submit(n);
    let length = count.submit(&first);
    let length = length.await?;
    let _ = later.submit(length);
    unreachable!("the body goes on without a value")
}

#[tokio::test]
async fn an_async_body_ends_where_it_needs_a_value() {
    let plan = awaits(1).plan().await.unwrap();
    assert!(!plan.is_complete());
    let graph = plan.graph();
    assert_eq!(names(graph), ["fetch-0", "count-0"]);
    assert_eq!(graph.goes_on_after, Some(node(graph, "count-0").id));
    assert!(graph.to_dot().contains("label=\"…\""), "{}", graph.to_dot());
    assert!(graph.to_dot().contains("  n1 -> n2 [style=dashed];"));
    assert!(graph.to_mermaid().contains("  n1 -.-> n2\n"));
    assert!(crate::svg::Picture::of(&graph.to_svg()).has("…"));
}

/// Each way to need a value.
#[tokio::test]
async fn whatever_needs_a_value_ends_an_async_body() {
    macro_rules! ends {
        ($($name:ident: $needs:expr;)*) => {$({
            #[flow]
            async fn $name() -> Result<(), FlowError> {
                let one = fetch.submit(1);
                let many = fetch.map(0..3);
                let _ = (&one, &many);
                #[allow(clippy::redundant_closure_call)]
                let _ = ($needs)(one, many).await;
                unreachable!("the body goes on without a value")
            }
            let plan = tokio::time::timeout(Duration::from_secs(30), $name().plan()).await.expect("it hangs").unwrap();
            assert!(!plan.is_complete());
            assert_eq!(names(plan.graph())[..2], ["fetch-0", "fetch"], stringify!($name));
        })*};
    }
    type One = TaskFuture<String>;
    type Many = TaskFutures<String>;
    ends! {
        by_value: |one: One, _: Many| one;
        by_reference: |one: One, _: Many| async move { (&one).await };
        shared: |one: One, _: Many| async move { one.shared().await };
        finished: |one: One, _: Many| async move { one.finished().await };
        all: |_: One, many: Many| many;
        all_shared: |_: One, many: Many| async move { many.shared().await };
        outcomes: |_: One, many: Many| many.outcomes();
        waited: |one: One, _: Many| async move { wait(&one, None).await };
        waited_for_all: |_: One, many: Many| async move { wait(&many, None).await };
        completed: |one: One, _: Many| async move { futures::StreamExt::next(&mut as_completed([one])).await };
        called: |_: One, _: Many| fetch(1);
        child: |_: One, _: Many| awaits(1);
        child_started: |_: One, _: Many| awaits.start(1);
        child_report: |_: One, _: Many| awaits(1).report();
        length: |one: One, _: Many| async move { later.map(split.submit(&one)).futures().await };
    }
}

#[task]
fn split(text: &str) -> Vec<usize> {
    unreachable!("the body of a task, on {text}")
}

#[test]
fn whatever_needs_a_value_is_an_error_in_a_sync_body() {
    #[flow]
    fn asks() -> Result<(), FlowError> {
        let one = fetch.submit(1);
        let many = fetch.map(0..3);
        let errors = [
            one.result().unwrap_err(),
            one.shared_result().unwrap_err(),
            one.result_timeout(Duration::from_secs(1)).unwrap_err(),
            many.result().unwrap_err(),
            many.shared_result().unwrap_err(),
            many.outcomes_blocking().remove(0).unwrap_err(),
            fetch(2).result().unwrap_err(),
            awaits(2).result().unwrap_err().into(),
            awaits.start(2).result().unwrap_err().into(),
            awaits(2).report_blocking().result().unwrap_err().clone().into(),
            futures::executor::block_on(one.clone()).unwrap_err(),
            many.futures_blocking().remove(2).result().unwrap_err(),
        ];
        one.wait();
        many.wait();
        assert!(one.wait_timeout(Duration::from_secs(1)) && one.peek().is_none());
        for error in &errors {
            assert_eq!(error.kind(), ErrorKind::Planning, "{error}");
        }
        let expected = "the result of 'fetch-0' is not known where its flow is only planned; give its task a `plan_value`";
        assert_eq!(errors[0].to_string(), expected);
        let _ = count.submit(&one);
        Err(errors[0].clone().into())
    }
    let plan = asks().plan_blocking().unwrap();
    assert!(!plan.is_complete());
    let graph = plan.graph();
    let begun: Vec<_> = graph.nodes.iter().map(|node| &*node.task).collect();
    assert_eq!(begun, ["fetch", "fetch", "fetch", "awaits", "awaits", "awaits", "count"]);
    assert_eq!(graph.goes_on_after, Some(node(graph, "fetch-0").id));
}

#[flow]
async fn with_values() -> Result<usize, FlowError> {
    let list = pages.submit();
    let texts = title.map(&list);
    let mut total = 0;
    for page in list.await? {
        total += title.submit(page).await?.len();
    }
    for text in texts.await? {
        let _ = count.submit(text);
    }
    let _ = add.submit(vec![total, title(7).await?.len()]);
    Ok(total)
}

fn as_text() -> String {
    "text".into()
}

#[tokio::test]
async fn a_plan_goes_on_with_the_values_that_tasks_give() {
    let plan = with_values().plan().await.unwrap();
    assert!(plan.is_complete());
    let graph = plan.graph();
    assert_eq!(
        names(graph),
        [
            "pages-0", "title", "title-0", "title-1", "title-2", "count-0", "count-1", "count-2", "title-3",
            "add-0"
        ]
    );
    assert_eq!(node(graph, "title").map, Some(Mapped::Runs { length: Some(3), states: [].into() }));
    assert_eq!(graph.upstream_of("title"), [("pages-0", Some("page"))]);
}

#[test]
fn a_sync_plan_goes_on_too() {
    #[flow]
    fn sync_values() -> Result<(), FlowError> {
        for page in pages().result()? {
            let _ = count.submit(title.submit(page));
        }
        for text in title.map(0..2).result()? {
            assert_eq!(text, "text");
        }
        let _ = title.map(pages.submit()).outcomes_blocking();
        Ok(())
    }
    let plan = sync_values().plan_blocking().unwrap();
    assert!(plan.is_complete());
    assert_eq!(plan.graph().nodes.len(), 1 + 6 + 1 + 2);
}

#[tokio::test]
async fn the_runs_of_a_map_may_be_taken_one_by_one() {
    #[flow]
    async fn one_by_one() -> Result<(), FlowError> {
        let texts = fetch.map(0..3);
        for text in texts.futures().await {
            let _ = count.submit(&text);
        }
        let nothing = fetch.map(Vec::<u32>::new()).await?;
        assert!(nothing.is_empty(), "there is nothing to wait for");
        Ok(())
    }
    let plan = one_by_one().plan().await.unwrap();
    assert!(plan.is_complete());
    let graph = plan.graph();
    assert_eq!(names(graph), ["fetch", "count-0", "count-1", "count-2", "fetch-1"]);
    assert_eq!(graph.upstream_of("count-2"), [("fetch", Some("text"))]);
    assert_eq!(node(graph, "fetch-1").map, Some(Mapped::Runs { length: Some(0), states: [].into() }));
}

#[tokio::test]
async fn a_map_over_what_is_not_known_has_no_length() {
    #[flow]
    async fn unknown() {
        let lists = split.submit(fetch.submit(1));
        let more = later.map(&lists);
        let _ = add.submit(later.map(&more));
    }
    let plan = unknown().plan().await.unwrap();
    assert!(plan.is_complete());
    let graph = plan.graph();
    assert_eq!(names(graph), ["fetch-0", "split-0", "later", "later-1", "add-0"]);
    assert_eq!(node(graph, "later-1").map, Some(Mapped::Runs { length: None, states: [].into() }));
    let expected = [
        "fetch-0 -> split-0 (text)",
        "split-0 -> later (x)",
        "later -> later-1 (x)",
        "later-1 -> add-0 (xs)",
    ];
    assert_eq!(edges(graph), expected);
    assert!(graph.to_dot().contains("label=\"later × ?\""));
}

#[tokio::test]
async fn the_bodys_own_waits_are_waited_for() {
    #[flow]
    async fn reads() -> Result<(), FlowError> {
        let _ = fetch.submit(1);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let name = tokio::task::spawn_blocking(|| "file").await.unwrap();
        let _ = count.submit(name);
        Ok(())
    }
    let plan = reads().plan().await.unwrap();
    assert!(plan.is_complete());
    assert_eq!(names(plan.graph()), ["fetch-0", "count-0"]);
}

#[tokio::test]
async fn a_body_that_fails_before_it_needs_a_value_fails_the_plan() {
    #[flow]
    async fn fails(how: &'static str) -> Result<(), FlowError> {
        let one = fetch.submit(1);
        match how {
            "error" => Err(FlowError::msg("no such month")),
            "panic" => panic!("no month"),
            _ => {
                one.await?;
                Ok(())
            }
        }
    }
    let error = fails("error").plan().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Failed, "no such month".into()));
    let error = fails("panic").plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Crashed);
    assert!(error.to_string().starts_with("Flow run panicked: no month"), "{error}");
    assert!(!fails("neither").plan().await.unwrap().is_complete());
}

#[test]
fn a_value_that_cannot_be_had_fails_the_plan() {
    fn missing() -> u32 {
        panic!("no value")
    }
    #[task(plan_value = missing())]
    fn valueless() -> u32 {
        1
    }
    #[flow]
    fn planned() {
        let _ = valueless.submit();
    }
    let error = planned().plan_blocking().unwrap_err();
    assert!(
        error.to_string().starts_with("the `plan_value` of task 'valueless' panicked: no value"),
        "{error}"
    );
}

#[test]
fn options_hold_for_plans() {
    #[flow(flow_run_name = "month {month}")]
    fn named(month: u32) -> Result<(), FlowError> {
        assert_eq!(flow_run()?.name(), format!("month {month}"));
        assert_eq!(flow_run()?.today(), "2020-01-02");
        let _ = fetch.with_name("load").submit(month);
        Ok(())
    }
    let plan = named(3).with_today("2020-01-02").plan_blocking().unwrap();
    assert_eq!((&*plan.graph().flow_run.name, names(plan.graph())), ("month 3", vec!["load-0"]));
    let error = named(3).with_today("yesterday").plan_blocking().unwrap_err().to_string();
    assert!(error.contains("that is not a date"), "{error}");
}

#[test]
fn a_generic_task_may_have_a_plan_value() {
    #[task(plan_value = T::default())]
    fn parse<T: Default + Clone + Send + Sync + 'static>(_text: &str) -> T {
        unreachable!("the body of a task")
    }
    #[flow]
    fn parsed() -> Result<(), FlowError> {
        assert_eq!(parse::<u32>.submit("1").result()?, 0);
        assert_eq!(parse::<String>("x").result()?, "");
        Ok(())
    }
    assert!(parsed().plan_blocking().unwrap().is_complete());
}

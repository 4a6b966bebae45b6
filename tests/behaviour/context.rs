//! Inside a run: what it knows of itself, its parents, and the context carried elsewhere.

use std::time::Duration;

use millrun::Clock;
use millrun::prelude::*;
use serde_json::{Value, json};

#[test]
fn outside_of_a_run_there_is_none() {
    assert!(task_run().unwrap_err().to_string().contains("there is no task run here"));
    assert!(flow_run().unwrap_err().to_string().contains("there is no flow run here"));
    #[flow]
    fn body() -> bool {
        task_run().is_err() && flow_run().is_ok()
    }
    #[task]
    fn alone() -> bool {
        task_run().is_ok() && flow_run().is_err()
    }
    assert!(body().result().unwrap());
    assert!(alone.submit().result().unwrap());
    assert!(task_run().is_err() && flow_run().is_err());
}

#[test]
fn a_context_error_goes_through_a_body_with_a_question_mark() {
    #[flow]
    fn asks() -> Result<String, FlowError> {
        Ok(task_run()?.name())
    }
    let error = asks().result().unwrap_err();
    assert!(error.downcast_ref::<millrun::ContextError>().is_some());
}

#[task(tags = ["io"])]
fn told(_x: u32) -> (String, String, u32, Vec<String>, bool, String) {
    let (run, flow) = (task_run().unwrap(), flow_run().unwrap());
    (run.id().to_string(), run.name(), run.run_count(), run.tags(), run.cancelled(), flow.name())
}

#[test]
fn a_run_knows_its_id_its_name_its_attempt_its_tags_and_its_flow_run() {
    #[flow(tags = ["nightly"], flow_run_name = "of the day")]
    fn asks() -> Result<(), FlowError> {
        let future = told.submit(1);
        let (id, name, attempt, tags, cancelled, flow) = future.result()?;
        assert_eq!((id, name), (future.id().to_string(), future.name()));
        assert_eq!((attempt, cancelled, flow.as_str()), (1, false, "of the day"));
        assert_eq!(tags, ["nightly", "io"]);
        let run = flow_run()?;
        assert_eq!(
            (run.name().as_str(), run.tags(), run.run_count()),
            ("of the day", vec!["nightly".into()], 1)
        );
        assert!(run.state().is_running() && run.parent_flow_run().is_none() && run.parent().is_none());
        Ok(())
    }
    asks().result().unwrap();
}

#[test]
fn parameters_are_written_down_for_who_asks() {
    #[derive(Clone)]
    struct Opaque;
    #[task]
    #[allow(unused_variables)]
    fn asks(x: u32, text: &str, list: Vec<f64>, opaque: Opaque) -> Value {
        task_run().unwrap().parameters().into()
    }
    #[flow]
    fn asks_of_flow(month: String, n: u8) -> Result<(Value, Value), FlowError> {
        assert_eq!(n, 3);
        Ok((asks.submit(1, &month, [0.5], Opaque).result()?, flow_run()?.parameters().into()))
    }
    let (of_task, of_flow) = asks_of_flow("may".into(), 3).result().unwrap();
    assert_eq!(of_task, json!({"x": 1, "text": "may", "list": [0.5], "opaque": null}));
    assert_eq!(of_flow, json!({"month": "may", "n": 3}));
}

#[test]
fn parameters_of_every_run_are_written_down_where_the_engine_is_told_to() {
    #[task]
    fn add(x: u32, y: u32) -> u32 {
        x + y
    }
    #[flow]
    fn adds() -> Result<u32, FlowError> {
        Ok(add.submit(add.submit(1, 2), 3).result()?)
    }
    let engine = Engine::builder().record_parameters(true).build();
    let run = engine.enter(|| adds().report_blocking());
    let last = run.task_run("add-1").or_else(|| run.task_run("add-0")).unwrap();
    assert_eq!(last.parameters()["y"], 3);
    assert_eq!(last.parameters()["x"], 3);
    assert!(run.task_runs().iter().all(|run| run.parameters().len() == 2));
    assert!(adds().report_blocking().task_runs()[0].parameters().is_empty());
}

/// The names of a run and of those above it.
fn line() -> Vec<String> {
    let mut next = task_run().ok();
    let mut names = Vec::new();
    while let Some(run) = next {
        names.push(run.name());
        next = run.parent();
    }
    names
}

#[task]
fn third() -> Vec<String> {
    line()
}

#[task]
async fn third_later() -> Vec<String> {
    tokio::task::yield_now().await;
    line()
}

#[task]
fn second(submitted: bool) -> Result<Vec<String>, TaskError> {
    if submitted { third.submit().result() } else { third().result() }
}

#[task]
async fn second_later(submitted: bool) -> Result<Vec<String>, TaskError> {
    tokio::task::yield_now().await;
    if submitted { third_later.submit().await } else { third_later().await }
}

#[test]
fn a_task_records_its_direct_parent_three_levels_deep() {
    #[task]
    fn first(submitted: bool) -> Result<Vec<String>, TaskError> {
        if submitted { second.submit(true).result() } else { second(false).result() }
    }
    #[flow]
    fn flow(submitted: bool) -> Result<Vec<String>, TaskError> {
        if submitted { first.submit(true).result() } else { first(false).result() }
    }
    for submitted in [true, false] {
        assert_eq!(flow(submitted).result().unwrap(), ["third-0", "second-0", "first-0"]);
    }
}

#[tokio::test]
async fn an_async_task_records_its_direct_parent_three_levels_deep() {
    #[task]
    async fn first_later(submitted: bool) -> Result<Vec<String>, TaskError> {
        let below = if submitted { second_later.submit(true).await } else { second_later(false).await };
        assert_eq!(line(), ["first_later-0"], "the context comes back after an await");
        below
    }
    #[flow]
    async fn flow(submitted: bool) -> Result<Vec<String>, TaskError> {
        if submitted { first_later.submit(true).await } else { first_later(false).await }
    }
    for submitted in [true, false] {
        assert_eq!(flow(submitted).await.unwrap(), ["third_later-0", "second_later-0", "first_later-0"]);
    }
}

#[test]
fn mapped_runs_have_their_parent_too() {
    #[task]
    fn mapping() -> Result<Vec<Vec<String>>, TaskError> {
        #[task]
        fn element(_x: u32) -> Vec<String> {
            line()
        }
        element.map(0..2000).result()
    }
    #[flow]
    fn flow() -> Result<Vec<Vec<String>>, TaskError> {
        mapping.submit().result()
    }
    let lines = flow().result().unwrap();
    assert_eq!(lines[1999], ["element[1999]", "mapping-0"]);
    assert_eq!(lines.len(), 2000);
}

#[test]
fn a_flow_in_a_flow_knows_the_flow_and_the_task_that_called_it() {
    #[flow]
    fn inner() -> Result<(Option<String>, Option<String>, String), FlowError> {
        let run = flow_run()?;
        let above = run.parent_flow_run().map(|run| run.name());
        Ok((above, run.parent().map(|run| run.name()), run.name()))
    }
    #[task]
    fn calls() -> Result<(Option<String>, Option<String>, String), FlowError> {
        inner().with_flow_run_name("inner").result()
    }
    #[flow(flow_run_name = "outer")]
    fn outer() -> Result<(), FlowError> {
        let outer = || Some("outer".to_owned());
        assert_eq!(inner().with_flow_run_name("a").result()?, (outer(), None, "a".into()));
        assert_eq!(calls.submit().result()?, (outer(), Some("calls-0".into()), "inner".into()));
        Ok(())
    }
    outer().result().unwrap();
}

#[test]
fn the_context_does_not_cross_threads_by_itself_and_is_carried() {
    #[task]
    fn spawning() -> (bool, String, String, bool) {
        let context = RunContext::current();
        std::thread::scope(|scope| {
            let without = scope.spawn(|| task_run().is_err()).join().unwrap();
            let entered = scope.spawn(|| context.enter(|| task_run().unwrap().name())).join().unwrap();
            let child =
                scope.spawn(|| context.enter(|| third.submit().result().unwrap().join(" "))).join().unwrap();
            let after = scope
                .spawn(|| {
                    context.enter(|| ());
                    task_run().is_err()
                })
                .join()
                .unwrap();
            (without, entered, child, after)
        })
    }
    let (without, entered, child, after) = spawning.with_task_run_name("spawning").submit().result().unwrap();
    assert!(without && after);
    assert_eq!(entered, "spawning");
    assert!(child.ends_with(" spawning"), "{child}");
}

#[tokio::test]
async fn the_context_is_carried_across_tokio_spawn() {
    #[task]
    async fn spawning() -> (bool, String) {
        let without = tokio::spawn(async { task_run().is_err() }).await.unwrap();
        let inside = async {
            tokio::task::yield_now().await;
            task_run().unwrap().name()
        };
        let with = tokio::spawn(RunContext::current().scope(inside)).await.unwrap();
        (without, with)
    }
    assert_eq!(spawning.with_task_run_name("spawning").submit().await.unwrap(), (true, "spawning".into()));
}

#[test]
fn today_is_the_date_of_the_clock_or_the_one_that_is_set() {
    #[task]
    fn dates() -> (String, String) {
        let run = task_run().unwrap();
        (run.today(), run.today_nodash())
    }
    #[flow]
    fn of_child() -> Result<(String, String), FlowError> {
        Ok(dates.submit().result()?)
    }
    #[flow]
    fn all() -> Result<Vec<(String, String)>, FlowError> {
        let run = flow_run()?;
        let own = (run.today(), run.today_nodash());
        Ok(vec![own, dates.submit().result()?, dates().result()?, of_child().result()?])
    }
    let clock = Clock::manual();
    let engine = Engine::builder().clock(clock.clone()).build();
    clock.advance(Duration::from_secs(40 * 86_400 + 12 * 3_600));
    let expected = |day: &str| vec![(day.to_owned(), day.replace('-', "")); 4];
    assert_eq!(engine.run_blocking(all()).unwrap(), expected("2020-02-10"));
    assert_eq!(engine.run_blocking(all().with_today("2019-12-31")).unwrap(), expected("2019-12-31"));
    assert_eq!(all.with_today("2019-12-30").start().result().unwrap(), expected("2019-12-30"));
    let error = engine.run_blocking(all().with_today("yesterday")).unwrap_err();
    assert!(error.to_string().contains("`with_today(\"yesterday\")`"), "{error}");
}

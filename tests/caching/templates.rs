//! Keys that are said: templates, functions, and places.

use millrun::cache::CacheOutcome;
use millrun::prelude::*;

use crate::{Calls, ended, engine, key, name_of};

use StateName::{Cached, Completed};

#[task(result_storage_key = "{x}-{y}-bar")]
fn named_by_values(x: u32, y: &str) -> u32 {
    x + y.len() as u32
}

#[task(result_storage_key = "{flow_name}__bar")]
fn named_by_flow() -> u32 {
    1
}

#[task(
    name = "spelt out",
    cache_key = "{today}/{today_nodash}/{date:%Y/%m/%d}/{today:%j}/{task_name:>10}/{parameters[x]:03}{map_index}{{}}"
)]
fn with_all_names(x: u32) -> u32 {
    x
}

#[task(cache_key = "{flow_run_id}/{map_index:02}")]
fn mapped(x: u32) -> u32 {
    x
}

#[flow(name = "daily report")]
fn all() -> Result<String, FlowError> {
    named_by_values(1, "foo").result()?;
    named_by_flow().result()?;
    with_all_names(7).result()?;
    mapped.map([5, 6]).result()?;
    Ok(flow_run()?.id().to_string())
}

#[test]
fn templates_name_what_they_are_given() {
    let (engine, store, _) = engine();
    let report = engine.enter(|| all().with_today("2020-01-02").report_blocking());
    let id = report.value().unwrap();
    let found: Vec<String> = report.task_runs().iter().map(|run| run.why().unwrap().key.unwrap()).collect();
    let expected = [
        "1-foo-bar".to_owned(),
        "daily report__bar".to_owned(),
        "2020-01-02/20200102/2020/01/02/002/ spelt out/007{}".to_owned(),
        format!("{id}/00"),
        format!("{id}/01"),
    ];
    assert_eq!(found, expected);
    assert_eq!(store.read_blocking::<u32>("1-foo-bar").unwrap().into_value(), Some(4));
    let why = report.task_runs()[0].why().unwrap();
    assert_eq!(why.parts, [("result_storage_key".to_owned(), "1-foo-bar".to_owned())]);
    let why = report.task_runs()[2].why().unwrap();
    assert_eq!(why.parts[0].0, "cache_key");
    // Found again on the same day, and not on another.
    let again = engine.enter(|| all().with_today("2020-01-02").report_blocking());
    assert_eq!(ended(&again), [Cached, Cached, Cached, Completed, Completed]);
    let tomorrow = engine.enter(|| all().with_today("2020-01-03").report_blocking());
    assert_eq!(ended(&tomorrow), [Cached, Cached, Completed, Completed, Completed]);
}

#[test]
fn without_another_day_it_is_today() {
    #[task(result_storage_key = "{today}/{date:%Y-%m-%d}/{today_nodash}")]
    fn dated() -> [String; 2] {
        let run = task_run().unwrap();
        [run.today(), run.today_nodash()]
    }
    #[flow]
    fn once() -> Result<[String; 2], FlowError> {
        Ok(dated().result()?)
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| once().report_blocking());
    let [today, nodash] = report.value().unwrap();
    assert_eq!(key(&report, "dated-0"), format!("{today}/{today}/{nodash}"));
}

#[test]
fn a_constant_key_is_found_by_the_second_call() {
    #[task(cache_key = "the same")]
    fn numbered(calls: Calls) -> u32 {
        calls.note()
    }
    #[flow]
    fn twice(calls: Calls) -> Result<[u32; 2], FlowError> {
        Ok([numbered(calls).result()?, numbered.submit(calls).result()?])
    }
    let (engine, _, _) = engine();
    let calls = Calls::new();
    let report = engine.enter(|| twice(calls).report_blocking());
    assert_eq!(report.value(), Some(&[1, 1]));
    assert_eq!(ended(&report), [Completed, Cached]);
    // Another flow run shares it.
    let report = engine.enter(|| twice(calls).report_blocking());
    assert_eq!(ended(&report), [Cached, Cached]);
    assert_eq!(calls.count(), 1);
}

#[test]
fn tasks_that_say_the_same_key_share_a_record() {
    #[task(cache_key = "shared/{x}")]
    fn one(x: u32) -> u32 {
        x
    }
    #[task(cache_key = "shared/{y}")]
    fn other(y: &u32) -> u32 {
        100 * y
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        assert_eq!(one(3).result().unwrap(), 3);
        assert_eq!(other(&3).result().unwrap(), 3);
        assert_eq!(other(&4).result().unwrap(), 400);
        assert_eq!(one(4).result().unwrap(), 400);
    });
}

#[test]
fn a_function_may_say_the_key() {
    fn of_domain(url: &str, depth: &u32) -> Option<String> {
        let (domain, _) = url.split_once('/')?;
        Some(format!("{domain}@{depth}"))
    }
    #[task(cache_key = of_domain)]
    fn fetch(url: String, depth: u32) -> u32 {
        url.len() as u32 + depth
    }
    #[flow]
    fn once(url: String) -> Result<u32, FlowError> {
        Ok(fetch(url, 1).result()?)
    }
    let (engine, store, _) = engine();
    engine.enter(|| {
        assert_eq!(name_of(fetch.submit("a.org/x", 1)), Completed);
        assert_eq!(name_of(fetch.submit("a.org/y", 1)), Cached);
        assert_eq!(name_of(fetch.submit("a.org/y", 2)), Completed);
        let without = once("a.org".into()).report_blocking().task_runs()[0].why().unwrap();
        assert_eq!(without.outcome, CacheOutcome::Bypass("there is no key for it".into()));
    });
    assert!(store.exists_blocking("a.org@1").unwrap());
}

#[test]
fn a_handle_may_say_the_key() {
    #[task(cache_policy = Inputs)]
    fn double(x: u32) -> u32 {
        2 * x
    }
    let (engine, store, _) = engine();
    engine.enter(|| {
        assert_eq!(double.with_cache_key("a/b").call(1).result().unwrap(), 2);
        assert_eq!(double.with_result_storage_key("a/b").call(7).result().unwrap(), 2);
        assert_eq!(double.with_cache_key("a/b").with_cache_policy(Inputs).call(7).result().unwrap(), 14);
    });
    assert_eq!(store.read_blocking::<u32>("a/b").unwrap().into_value(), Some(2));
}

#[test]
fn a_slash_in_a_value_makes_no_folder() {
    #[task(cache_key = "pages/{url}")]
    fn page(url: &str) -> usize {
        url.len()
    }
    let (engine, store, _) = engine();
    engine.enter(|| {
        page("https://a.org/100%").result().unwrap();
        page("../../etc").result().unwrap();
        let error = page("").result().unwrap_err().to_string();
        assert!(error.contains("`pages/` cannot be the key of a record"), "{error}");
    });
    assert!(store.exists_blocking("pages/https:%2F%2Fa.org%2F100%25").unwrap());
    assert!(store.exists_blocking("pages/..%2F..%2Fetc").unwrap());
}

#[test]
fn long_keys_are_found_again() {
    let (engine, _, _) = engine();
    let text = "x".repeat(10_000);
    engine.enter(|| {
        assert_eq!(named_by_values(1, &text).result().unwrap(), 10_001);
        assert_eq!(name_of(named_by_values.submit(1, &text)), Cached);
    });
}

#[test]
fn what_a_template_cannot_say_is_told() {
    #[task(cache_key = "{flow_name}/{x}")]
    fn in_a_flow(x: u32) -> u32 {
        x
    }
    let (engine, _, _) = engine();
    // Outside of a flow it is executed, each time.
    engine.enter(|| {
        assert_eq!(name_of(in_a_flow.submit(1)), Completed);
        assert_eq!(name_of(in_a_flow.submit(1)), Completed);
    });
}

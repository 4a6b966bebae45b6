//! Tuples, options and maps of futures, one level deep.

use std::collections::{BTreeMap, HashMap};

use millrun::prelude::*;

#[task]
fn number(x: u32) -> u32 {
    x
}

#[task]
async fn text(x: &str) -> String {
    tokio::task::yield_now().await;
    x.to_owned()
}

#[flow]
fn number_flow(x: u32) -> u32 {
    x
}

#[task]
fn one(single: (u32,)) -> u32 {
    single.0
}

#[task]
fn two(pair: (u32, String)) -> String {
    format!("{pair:?}")
}

#[task]
fn three(triple: (u32, String, u32)) -> String {
    format!("{triple:?}")
}

#[task]
fn four(all: (u32, u32, String, u32)) -> String {
    format!("{all:?}")
}

#[test]
fn a_tuple_takes_a_tuple_of_futures() {
    let (n, t) = (number.submit(1), text.submit("a"));
    assert_eq!(one.submit((&n,)).result().unwrap(), 1);
    assert_eq!(two.submit((&n, &t)).result().unwrap(), r#"(1, "a")"#);
    assert_eq!(three.submit((&n, &t, &n)).result().unwrap(), r#"(1, "a", 1)"#);
    assert_eq!(four.submit((&n, &n, &t, &n)).result().unwrap(), r#"(1, 1, "a", 1)"#);
    assert_eq!(one.submit((number.submit(2),)).result().unwrap(), 2);
    assert_eq!(
        three.submit((number.submit(1), text.submit("b"), n.clone())).result().unwrap(),
        r#"(1, "b", 1)"#
    );
    assert_eq!(
        four.submit((number.submit(1), n.clone(), t.clone(), n.clone())).result().unwrap(),
        r#"(1, 1, "a", 1)"#
    );
    assert_eq!(two.submit((n, t)).result().unwrap(), r#"(1, "a")"#);
}

#[test]
fn a_tuple_takes_values_and_futures_of_a_tuple() {
    #[task]
    fn pair(x: u32) -> (u32, String) {
        (x, x.to_string())
    }
    assert_eq!(two.submit((1, "a".to_owned())).result().unwrap(), r#"(1, "a")"#);
    assert_eq!(two.submit(pair.submit(2)).result().unwrap(), r#"(2, "2")"#);
    let kept = (3, "c".to_owned());
    assert_eq!(two.submit(&kept).result().unwrap(), r#"(3, "c")"#);
}

#[test]
fn a_tuple_takes_flow_futures_too() {
    let flow = number_flow(4).start();
    assert_eq!(one.submit((&flow,)).result().unwrap(), 4);
    #[task]
    fn added(pair: (u32, u32)) -> u32 {
        pair.0 + pair.1
    }
    assert_eq!(added.submit((&flow, &number_flow(5).start())).result().unwrap(), 9);
    assert_eq!(added.submit((flow, number_flow(5).start())).result().unwrap(), 9);
}

#[task]
fn optional(x: Option<u32>) -> String {
    format!("{x:?}")
}

#[test]
fn an_option_takes_an_option_of_a_future() {
    let future = number.submit(1);
    assert_eq!(optional.submit(Some(&future)).result().unwrap(), "Some(1)");
    assert_eq!(optional.submit(&Some(future.clone())).result().unwrap(), "Some(1)");
    assert_eq!(optional.submit(Some(future)).result().unwrap(), "Some(1)");
    assert_eq!(optional.submit(None::<TaskFuture<u32>>).result().unwrap(), "None");
    assert_eq!(optional.submit(Some(2)).result().unwrap(), "Some(2)");
    assert_eq!(optional.submit(None::<u32>).result().unwrap(), "None");
    let flow = number_flow(4).start();
    assert_eq!(optional.submit(Some(&flow)).result().unwrap(), "Some(4)");
    assert_eq!(optional.submit(Some(flow)).result().unwrap(), "Some(4)");
    #[task]
    fn maybe(x: u32) -> Option<u32> {
        (x > 1).then_some(x)
    }
    assert_eq!(optional.map(maybe.map([1, 2])).result().unwrap(), ["None", "Some(2)"]);
}

#[task]
fn sorted(map: BTreeMap<String, u32>) -> String {
    format!("{map:?}")
}

#[task]
fn hashed(map: HashMap<&'static str, u32>) -> String {
    let mut all: Vec<_> = map.into_iter().collect();
    all.sort_unstable();
    format!("{all:?}")
}

#[test]
fn a_btree_map_takes_a_map_of_futures() {
    let futures = BTreeMap::from([("a".to_owned(), number.submit(1)), ("b".to_owned(), number.submit(2))]);
    assert_eq!(sorted.submit(&futures).result().unwrap(), r#"{"a": 1, "b": 2}"#);
    assert_eq!(sorted.submit(futures).result().unwrap(), r#"{"a": 1, "b": 2}"#);
    let values = BTreeMap::from([("a".to_owned(), 1)]);
    assert_eq!(sorted.submit(&values).result().unwrap(), r#"{"a": 1}"#);
    assert_eq!(sorted.submit(values).result().unwrap(), r#"{"a": 1}"#);
    let flows = BTreeMap::from([("a".to_owned(), number_flow(1).start())]);
    assert_eq!(sorted.submit(&flows).result().unwrap(), r#"{"a": 1}"#);
    assert_eq!(sorted.submit(flows).result().unwrap(), r#"{"a": 1}"#);
}

#[test]
fn a_hash_map_takes_a_map_of_futures() {
    let futures = HashMap::from([("a", number.submit(1)), ("b", number.submit(2))]);
    assert_eq!(hashed.submit(&futures).result().unwrap(), r#"[("a", 1), ("b", 2)]"#);
    assert_eq!(hashed.submit(futures).result().unwrap(), r#"[("a", 1), ("b", 2)]"#);
    assert_eq!(hashed.submit(HashMap::from([("a", 1)])).result().unwrap(), r#"[("a", 1)]"#);
    let flows = HashMap::from([("a", number_flow(1).start())]);
    assert_eq!(hashed.submit(&flows).result().unwrap(), r#"[("a", 1)]"#);
    assert_eq!(hashed.submit(flows).result().unwrap(), r#"[("a", 1)]"#);
}

#[tokio::test]
async fn containers_are_awaited_in_async_flows() {
    #[flow]
    async fn all() -> Result<(String, String, String), FlowError> {
        let (n, t) = (number.submit(1), text.submit("a"));
        let map = BTreeMap::from([("n".to_owned(), n.clone())]);
        let futures = (two.submit((&n, &t)), optional.submit(Some(&n)), sorted.submit(map));
        Ok((futures.0.await?, futures.1.await?, futures.2.await?))
    }
    let expected = (r#"(1, "a")"#.to_owned(), "Some(1)".to_owned(), r#"{"n": 1}"#.to_owned());
    assert_eq!(all().await.unwrap(), expected);
}

#[test]
fn a_failed_run_in_a_container_stops_what_takes_it() {
    #[task]
    fn failing() -> Result<u32, String> {
        Err("no".into())
    }
    let failed = failing.submit();
    for future in [
        optional.submit(Some(&failed)),
        two.submit((&failed, &text.submit("a"))),
        sorted.submit(BTreeMap::from([("a".to_owned(), failed.clone())])),
        hashed.submit(HashMap::from([("a", failed.clone())])),
    ] {
        assert_eq!(future.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
    }
}

#[test]
fn containers_are_mapped_over_and_unmapped_too() {
    let (n, t) = (number.submit(1), text.submit("a"));
    let pairs = two.map(vec![(n.clone(), t.clone()), (number.submit(2), text.submit("b"))]);
    assert_eq!(pairs.result().unwrap(), [r#"(1, "a")"#, r#"(2, "b")"#]);
    assert_eq!(two.map(HashMap::from([(3, "c".to_owned())])).result().unwrap(), [r#"(3, "c")"#]);
    assert_eq!(optional.map([Some(&n), None]).result().unwrap(), ["Some(1)", "None"]);
    #[task]
    fn of_all(x: u32, all: (u32, String), maybe: Option<u32>) -> String {
        format!("{x} {all:?} {maybe:?}")
    }
    let mapped = of_all.map(0..2, unmapped((&n, &t)), unmapped(Some(&n)));
    assert_eq!(mapped.result().unwrap(), [r#"0 (1, "a") Some(1)"#, r#"1 (1, "a") Some(1)"#]);
}

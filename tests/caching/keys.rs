//! Keys: the same for the same, in each process and build.

use std::collections::HashMap;

use millrun::prelude::*;
use serde::Serialize;

use crate::{engine, key, name_of};

#[derive(Clone, Serialize)]
struct Order {
    id: u32,
    items: Vec<(String, f64)>,
    note: Option<String>,
    tags: HashMap<String, i64>,
}

fn order() -> Order {
    Order {
        id: 7,
        items: vec![("tea".into(), 2.5), ("milk".into(), f64::NAN)],
        note: None,
        tags: [("b".to_owned(), -1), ("a".to_owned(), 2)].into(),
    }
}

#[task(cache_policy = Inputs + TaskSource)]
fn place(order: &Order, urgent: bool) -> u32 {
    order.id + u32::from(urgent)
}

#[flow]
fn place_once() -> Result<u32, FlowError> {
    Ok(place.submit(order(), true).result()?)
}

// A change of these makes every user's records useless: it is not to be made lightly.
#[test]
fn known_keys_stay() {
    let (engine, _, _) = engine();
    let report = engine.enter(|| place_once().report_blocking());
    let why = report.task_run("place-0").unwrap().why().unwrap();
    assert_eq!(
        why.parts,
        [
            ("inputs".to_owned(), "824c152fceb12f1c9d61ddca8d59c06c".to_owned()),
            ("task_source".to_owned(), "5c9024ac1d2ad97006faf55124d28013".to_owned())
        ]
    );
    assert_eq!(why.key.unwrap(), "tasks/caching.keys.place/3f13610eb68570f413879b881d555a6a");
}

/// The keys of one task with several inputs.
#[test]
fn other_values_make_other_keys() {
    #[task(cache_policy = Inputs)]
    fn of(order: Order) -> u32 {
        order.id
    }
    #[flow]
    fn all() -> Result<(), FlowError> {
        let changes: [fn(&mut Order); 7] = [
            |_| (),
            |order| order.id = 8,
            |order| order.items[1].1 = f64::INFINITY,
            |order| order.items.truncate(1),
            |order| order.note = Some(String::new()),
            |order| *order.tags.get_mut("a").unwrap() = 3,
            |order| order.tags.retain(|tag, _| tag != "a"),
        ];
        for change in changes {
            let mut order = order();
            change(&mut order);
            of(order).result()?;
        }
        Ok(())
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| all().report_blocking());
    report.result().unwrap();
    let mut keys: Vec<_> = (0..7).map(|n| key(&report, &format!("of-{n}"))).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 7);
}

mod formatted {
    use millrun::prelude::*;

    #[task(cache_policy = TaskSource)]
    pub fn add(a: u32, b: u32) -> u32 {
        // Adds them up.
        a.wrapping_add(b)
    }
}

mod otherwise {
    use millrun::prelude::*;

    /// Adds.
    #[task(cache_policy = TaskSource)]
    #[rustfmt::skip]
    pub fn add(a : u32, b : u32,) -> u32 { a . wrapping_add( b, ) /* wraps */ }
}

mod changed {
    use millrun::prelude::*;

    #[task(cache_policy = TaskSource)]
    pub fn add(a: u32, b: u32) -> u32 {
        a.saturating_add(b)
    }
}

#[test]
fn the_source_is_what_is_written_but_for_its_formatting() {
    #[flow]
    fn all() -> Result<(), FlowError> {
        formatted::add(1, 2).result()?;
        otherwise::add(1, 2).result()?;
        changed::add(1, 2).result()?;
        Ok(())
    }
    let (engine, _, _) = engine();
    let report = engine.enter(|| all().report_blocking());
    let sources: Vec<_> =
        report.task_runs().iter().map(|run| run.why().unwrap().parts[0].1.clone()).collect();
    assert_eq!(sources[0], sources[1]);
    assert_ne!(sources[0], sources[2]);
}

#[test]
fn tasks_share_no_records() {
    #[task(cache_policy = Inputs)]
    fn double(x: u32) -> u32 {
        2 * x
    }
    #[task(cache_policy = Inputs)]
    fn triple(x: u32) -> u32 {
        3 * x
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        assert_eq!(double(2).result().unwrap(), 4);
        assert_eq!(triple(2).result().unwrap(), 6);
    });
}

#[test]
fn a_new_version_makes_another_key() {
    #[task(cache_policy = Inputs, version = "1")]
    fn versioned(x: u32) -> u32 {
        x
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        assert_eq!(name_of(versioned.submit(1)), StateName::Completed);
        assert_eq!(name_of(versioned.submit(1)), StateName::Cached);
        assert_eq!(name_of(versioned.with_version("2").submit(1)), StateName::Completed);
        assert_eq!(name_of(versioned.with_version("2").submit(1)), StateName::Cached);
    });
}

#[test]
fn borrowed_inputs_count_as_owned_ones_do() {
    #[task(cache_policy = Inputs)]
    fn length(text: &str, more: &[u8]) -> usize {
        text.len() + more.len()
    }
    let (engine, _, _) = engine();
    engine.enter(|| {
        assert_eq!(length("abc", &[1]).result().unwrap(), 4);
        assert_eq!(name_of(length.submit("abc", vec![1])), StateName::Cached);
        assert_eq!(name_of(length.submit("abc", vec![2])), StateName::Completed);
    });
}

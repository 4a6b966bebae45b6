//! Borrowed parameters: what may be passed for a `&P`, a `&str`, a `&[P]`, a `&Path`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrun::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Table(Vec<u32>);

#[task]
fn table(rows: u32) -> Table {
    Table((0..rows).collect())
}

#[task]
fn rows(table: &Table) -> usize {
    table.0.len()
}

#[task]
async fn rows_later(table: &Table) -> usize {
    tokio::task::yield_now().await;
    table.0.len()
}

#[flow]
fn table_flow(rows: u32) -> Table {
    Table((0..rows).collect())
}

#[test]
fn a_reference_takes_values_references_arcs_and_futures() {
    let value = Table(vec![1, 2]);
    assert_eq!(rows(&value).result().unwrap(), 2);
    assert_eq!(rows.submit(&value).result().unwrap(), 2);
    assert_eq!(rows.submit(value.clone()).result().unwrap(), 2);
    let arc = Arc::new(value);
    assert_eq!(rows.submit(&arc).result().unwrap(), 2);
    assert_eq!(rows.submit(arc).result().unwrap(), 2);
    let future = table.submit(3);
    assert_eq!(rows.submit(&future).result().unwrap(), 3);
    assert_eq!(rows_later.submit(&future).result().unwrap(), 3);
    assert_eq!(rows.submit(future).result().unwrap(), 3);
    let flow = table_flow(4).start();
    assert_eq!(rows.submit(&flow).result().unwrap(), 4);
    assert_eq!(rows.submit(flow).result().unwrap(), 4);
}

#[tokio::test]
async fn an_async_body_may_hold_what_it_borrows_across_awaits() {
    let future = table.submit(3);
    let both = (rows_later.submit(&future), rows_later.submit(&future));
    assert_eq!((both.0.await.unwrap(), both.1.await.unwrap()), (3, 3));
    let value = Table(vec![1]);
    assert_eq!(rows_later(&value).await.unwrap(), 1);
    assert_eq!(rows_later.submit(value).await.unwrap(), 1);
}

#[task]
fn text(of: u32) -> String {
    "x".repeat(of as usize)
}

#[flow]
fn text_flow() -> String {
    "flow".into()
}

#[test]
fn a_str_takes_text_of_every_kind() {
    #[task]
    fn length(text: &str) -> usize {
        text.len()
    }
    let owned = String::from("owned");
    assert_eq!(length("literal").result().unwrap(), 7);
    assert_eq!(length.submit("literal").result().unwrap(), 7);
    assert_eq!(length.submit(&owned[1..]).result().unwrap(), 4);
    assert_eq!(length.submit(&owned).result().unwrap(), 5);
    assert_eq!(length.submit(owned).result().unwrap(), 5);
    let future = text.submit(6);
    assert_eq!(length.submit(&future).result().unwrap(), 6);
    assert_eq!(length.submit(future).result().unwrap(), 6);
    assert_eq!(length.submit(text_flow().start()).result().unwrap(), 4);
    assert_eq!(length.submit(Arc::<str>::from("arc")).result().unwrap(), 3);
    assert_eq!(length.map(["a", "bc"]).result().unwrap(), [1, 2]);
    assert_eq!(length.map(vec![String::from("a")]).result().unwrap(), [1]);
    assert_eq!(length.map(&vec![String::from("a")]).result().unwrap(), [1]);
    assert_eq!(length.map(text.map([2, 3])).result().unwrap(), [2, 3]);
    assert_eq!(length.map("a b c".split(' ')).result().unwrap(), [1, 1, 1]);
}

#[task]
fn numbers(upto: u32) -> Vec<u32> {
    (0..upto).collect()
}

#[flow]
fn numbers_flow() -> Vec<u32> {
    vec![10, 20]
}

#[task]
fn total(numbers: &[u32]) -> u32 {
    numbers.iter().sum()
}

#[test]
fn a_slice_takes_lists_of_every_kind() {
    let list = vec![1, 2, 3];
    assert_eq!(total(&list).result().unwrap(), 6);
    assert_eq!(total(&list[1..]).result().unwrap(), 5);
    assert_eq!(total.submit(&list).result().unwrap(), 6);
    assert_eq!(total.submit(&list[1..]).result().unwrap(), 5);
    assert_eq!(total.submit(list).result().unwrap(), 6);
    assert_eq!(total.submit([1, 2]).result().unwrap(), 3);
    assert_eq!(total.submit(&[1, 2]).result().unwrap(), 3);
    assert_eq!(total.submit(Arc::<[u32]>::from([4, 5])).result().unwrap(), 9);
    let future = numbers.submit(4);
    assert_eq!(total.submit(&future).result().unwrap(), 6);
    assert_eq!(total.submit(future).result().unwrap(), 6);
    let flow = numbers_flow().start();
    assert_eq!(total.submit(&flow).result().unwrap(), 30);
    assert_eq!(total.submit(flow).result().unwrap(), 30);
}

#[test]
fn a_reference_to_a_list_itself_takes_the_list() {
    #[task]
    #[allow(clippy::ptr_arg)]
    fn capacity_of(list: &Vec<u32>) -> usize {
        list.len()
    }
    #[task]
    #[allow(clippy::ptr_arg)]
    fn length_of(text: &String) -> usize {
        text.len()
    }
    assert_eq!(capacity_of.submit(vec![1, 2]).result().unwrap(), 2);
    assert_eq!(capacity_of.submit(numbers.submit(3)).result().unwrap(), 3);
    assert_eq!(length_of.submit(text.submit(3)).result().unwrap(), 3);
}

#[task]
fn path_of(name: &str) -> PathBuf {
    PathBuf::from("somewhere").join(name)
}

#[test]
fn a_path_takes_paths_and_text() {
    #[task]
    fn depth(path: &Path) -> usize {
        path.components().count()
    }
    let owned = PathBuf::from("a/b");
    assert_eq!(depth(&owned).result().unwrap(), 2);
    assert_eq!(depth.submit(Path::new("a/b/c")).result().unwrap(), 3);
    assert_eq!(depth.submit(&owned).result().unwrap(), 2);
    assert_eq!(depth.submit(owned).result().unwrap(), 2);
    assert_eq!(depth.submit("a").result().unwrap(), 1);
    assert_eq!(depth.submit(String::from("a/b")).result().unwrap(), 2);
    let future = path_of.submit("x");
    assert_eq!(depth.submit(&future).result().unwrap(), 2);
    assert_eq!(depth.submit(future).result().unwrap(), 2);
}

#[test]
fn a_submitted_run_borrows_nothing_of_its_caller() {
    let future = {
        let short_lived = String::from("gone soon");
        let words = [short_lived.len()];
        (text.submit(&3), {
            #[task]
            fn first(text: &str, lengths: &[usize]) -> String {
                format!("{text}{}", lengths[0])
            }
            first.submit(&short_lived, &words)
        })
    };
    assert_eq!(future.1.result().unwrap(), "gone soon9");
    assert_eq!(future.0.result().unwrap(), "xxx");
}

#[test]
fn borrowed_and_owned_parameters_mix() {
    #[task]
    fn mixed<'a>(table: &'a Table, by: u32, names: &'a [String], _path: &Path) -> Vec<String> {
        names.iter().map(|name| format!("{name}{}", table.0.len() as u32 * by)).collect()
    }
    let made = table.submit(2);
    let names = ["a".to_owned()];
    let future = mixed.submit(&made, 3, &names, "p");
    assert_eq!(future.result().unwrap(), ["a6"]);
    let value = Table(vec![0]);
    assert_eq!(mixed(&value, 2, &names, Path::new("p")).result().unwrap(), ["a2"]);
}

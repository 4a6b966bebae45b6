//! By-value parameters: what may be passed for a `P`, a `String`, an `Arc<P>`, a `&'static P`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrun::prelude::*;

#[task]
fn increment(x: i32) -> i32 {
    x + 1
}

#[task]
async fn increment_later(x: i32) -> i32 {
    tokio::task::yield_now().await;
    x + 1
}

#[flow]
fn seven() -> i32 {
    7
}

#[flow]
async fn eight() -> i32 {
    8
}

#[test]
fn a_value_takes_values_references_and_futures_in_sync_code() {
    let one = 1;
    let future = increment.submit(one);
    assert_eq!(increment.submit(&one).result().unwrap(), 2);
    assert_eq!(increment.submit(&future).result().unwrap(), 3);
    assert_eq!(increment.submit(future.clone()).result().unwrap(), 3);
    assert_eq!(increment.submit(future).result().unwrap(), 3);
    assert_eq!(increment.submit(increment_later.submit(1)).result().unwrap(), 3);
    let seven = seven().start();
    assert_eq!(increment.submit(&seven).result().unwrap(), 8);
    assert_eq!(increment.submit(seven).result().unwrap(), 8);
    assert_eq!(increment.submit(eight().start()).result().unwrap(), 9);
}

#[tokio::test]
async fn a_value_takes_values_references_and_futures_in_async_code() {
    let one = 1;
    let future = increment_later.submit(one);
    assert_eq!(increment_later.submit(&one).await.unwrap(), 2);
    assert_eq!(increment_later.submit(&future).await.unwrap(), 3);
    assert_eq!(increment_later.submit(future.clone()).await.unwrap(), 3);
    assert_eq!(increment_later.submit(future).await.unwrap(), 3);
    assert_eq!(increment_later.submit(increment.submit(1)).await.unwrap(), 3);
    let eight = eight().start();
    assert_eq!(increment_later.submit(&eight).await.unwrap(), 9);
    assert_eq!(increment_later.submit(eight).await.unwrap(), 9);
    assert_eq!(increment_later.submit(seven().start()).await.unwrap(), 8);
}

#[test]
fn futures_come_from_calls_too() {
    let call = increment(1);
    assert_eq!(increment.submit(call.submit()).result().unwrap(), 3);
}

#[test]
fn a_future_and_values_go_together() {
    #[task]
    fn join(a: String, b: i32, c: bool) -> String {
        format!("{a} {b} {c}")
    }
    let b = increment.submit(1);
    assert_eq!(join.submit("a", &b, true).result().unwrap(), "a 2 true");
    assert_eq!(join.submit(String::from("a"), b, &false).result().unwrap(), "a 2 false");
}

#[test]
fn a_string_takes_a_string_slice() {
    #[task]
    fn shout(text: String) -> String {
        text.to_uppercase()
    }
    let owned = String::from("abc");
    assert_eq!(shout.submit("abc").result().unwrap(), "ABC");
    assert_eq!(shout.submit(&owned[1..]).result().unwrap(), "BC");
    assert_eq!(shout.submit(&owned).result().unwrap(), "ABC");
    assert_eq!(shout.submit(shout.submit(owned)).result().unwrap(), "ABC");
    assert_eq!(shout.map(["a", "b"]).result().unwrap(), ["A", "B"]);
}

#[test]
fn a_path_takes_text_and_paths() {
    #[task]
    fn file_name(path: PathBuf) -> String {
        path.file_name().unwrap().to_string_lossy().into_owned()
    }
    assert_eq!(file_name.submit("a/b").result().unwrap(), "b");
    assert_eq!(file_name.submit(Path::new("a/c")).result().unwrap(), "c");
    assert_eq!(file_name.submit(PathBuf::from("a/d")).result().unwrap(), "d");
    assert_eq!(file_name.submit(&PathBuf::from("a/e")).result().unwrap(), "e");
}

/// Cannot be cloned.
#[derive(Debug, PartialEq)]
struct Unique(i32);

#[task]
fn unique(x: i32) -> Unique {
    Unique(x)
}

#[test]
fn a_value_that_cannot_be_cloned_is_given_away() {
    #[task]
    fn open(unique: Unique) -> i32 {
        unique.0
    }
    assert_eq!(open.submit(Unique(3)).result().unwrap(), 3);
    assert_eq!(open.map([Unique(3), Unique(4)]).result().unwrap(), [3, 4]);
    assert_eq!(open(Unique(5)).result().unwrap(), 5);
}

#[task]
fn shared(unique: Arc<Unique>) -> i32 {
    unique.0
}

#[test]
fn an_arc_takes_an_arc_or_a_future_of_what_is_in_it() {
    let arc = Arc::new(Unique(3));
    assert_eq!(shared.submit(&arc).result().unwrap(), 3);
    assert_eq!(shared.submit(arc).result().unwrap(), 3);
    let future = unique.submit(4);
    assert_eq!(shared.submit(&future).result().unwrap(), 4);
    assert_eq!(shared.submit(future).result().unwrap(), 4);
    assert_eq!(shared.map(unique.map(0..3)).result().unwrap(), [0, 1, 2]);
}

#[test]
fn an_arc_is_not_copied_from_the_result_it_is_of() {
    #[task]
    fn address(unique: Arc<Unique>) -> usize {
        Arc::as_ptr(&unique) as usize
    }
    let future = unique.submit(4);
    let there = Arc::as_ptr(&future.shared_result().unwrap()) as usize;
    assert_eq!(address.submit(&future).result().unwrap(), there);
    assert_eq!(address.submit(&future).result().unwrap(), there);
}

#[test]
fn a_future_of_an_arc_gives_the_arc() {
    #[task]
    fn wrapped(x: i32) -> Arc<Unique> {
        Arc::new(Unique(x))
    }
    assert_eq!(shared.submit(wrapped.submit(5)).result().unwrap(), 5);
}

static WORDS: [&str; 2] = ["one", "two"];

#[test]
fn a_static_reference_is_a_value_like_any_other() {
    #[task]
    fn static_length(text: &'static str) -> usize {
        text.len()
    }
    #[task]
    fn static_words(words: &'static [&'static str]) -> usize {
        words.len()
    }
    #[task]
    fn word(n: usize) -> &'static str {
        WORDS[n]
    }
    assert_eq!(static_length.submit("four").result().unwrap(), 4);
    assert_eq!(static_length.submit(word.submit(1)).result().unwrap(), 3);
    assert_eq!(static_length.map(WORDS).result().unwrap(), [3, 3]);
    assert_eq!(static_length.map(WORDS.iter()).result().unwrap(), [3, 3]);
    assert_eq!(static_words.submit(&WORDS[..]).result().unwrap(), 2);
    assert_eq!(static_words(&WORDS).result().unwrap(), 2);
}

#[test]
fn a_struct_and_an_enum_of_the_user_flow_like_anything_else() {
    #[derive(Clone, Debug, PartialEq)]
    enum Shape {
        Square { side: f64 },
        Point,
    }
    #[task]
    fn scale(shape: Shape, by: f64) -> Shape {
        match shape {
            Shape::Square { side } => Shape::Square { side: side * by },
            Shape::Point => Shape::Point,
        }
    }
    let square = scale.submit(Shape::Square { side: 2.0 }, 1.5);
    assert_eq!(scale.submit(square, 2.0).result().unwrap(), Shape::Square { side: 6.0 });
    assert_eq!(scale.submit(&Shape::Point, 2.0).result().unwrap(), Shape::Point);
}

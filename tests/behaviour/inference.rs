//! What Rust cannot infer through `impl IntoArg`: written as a call that is submitted.

use millrun::prelude::*;

#[task]
fn greet(name: Option<String>, times: usize) -> String {
    name.as_deref().unwrap_or("world").repeat(times)
}

#[task]
fn count(words: Vec<String>) -> usize {
    words.len()
}

#[task]
async fn double(x: u64) -> u64 {
    2 * x
}

#[test]
fn a_call_infers_what_submit_cannot() {
    assert_eq!(greet(None, 2).submit().result().unwrap(), "worldworld");
    assert_eq!(greet(Some("you".into()), 1).submit().result().unwrap(), "you");
    assert_eq!(count(vec![]).submit().result().unwrap(), 0);
    assert_eq!(count("a b".split(' ').map(Into::into).collect()).submit().result().unwrap(), 2);
    assert_eq!(double("21".parse().unwrap()).submit().result().unwrap(), 42);
    assert_eq!(double(21_u32.into()).submit().result().unwrap(), 42);
}

#[tokio::test]
async fn a_submitted_call_is_a_future_like_any_other() {
    let one = double("1".parse().unwrap()).submit();
    assert_eq!(double.submit(&one).await.unwrap(), 4);
    assert_eq!(one.await.unwrap(), 2);
}

#[test]
fn a_configured_call_can_be_submitted_with_its_options() {
    #[task]
    fn named(_nothing: Option<u8>) -> String {
        task_run().unwrap().name()
    }
    let future = named.with_task_run_name("christened").call(None).submit();
    assert_eq!(future.result().unwrap(), "christened");
}

#[test]
fn literals_take_the_type_of_the_parameter() {
    #[task]
    fn numbers(a: u8, b: i64, c: f32, d: usize) -> f64 {
        f64::from(a) + b as f64 + f64::from(c) + d as f64
    }
    assert!((numbers.submit(1, -2, 0.5, 3).result().unwrap() - 2.5).abs() < 1e-9);
    assert_eq!(numbers.map([1, 2], unmapped(-2), [0.5, 1.5], 0..2).result().unwrap(), [-0.5, 2.5]);
}

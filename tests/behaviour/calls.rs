//! Calling and submitting: what a task's function gives, and when it runs.

use millrun::prelude::*;

use crate::gate::Calls;

#[task]
fn square(x: u64) -> u64 {
    x * x
}

#[task]
fn sum(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

#[task]
async fn twice(x: u64) -> u64 {
    tokio::task::yield_now().await;
    2 * x
}

#[task(blocking)]
fn thrice(x: u64) -> u64 {
    3 * x
}

#[flow]
fn sum_of_squares(n: u64) -> Result<u64, FlowError> {
    Ok(sum.submit(square.map(0..n)).result()?)
}

#[test]
fn a_sync_flow_needs_no_runtime() {
    assert_eq!(sum_of_squares(6).result().unwrap(), 55);
}

#[test]
fn a_sync_task_in_a_sync_flow_gives_its_value_and_the_flow_completes() {
    #[flow]
    fn called() -> Result<u64, TaskError> {
        square(7).result()
    }
    let run = called().report_blocking();
    assert_eq!(run.result().unwrap(), &49);
    assert_eq!(run.state().state_type, StateType::Completed);
}

#[tokio::test]
async fn a_sync_task_in_an_async_flow_gives_its_value_and_the_flow_completes() {
    #[flow]
    async fn called() -> Result<(u64, u64), TaskError> {
        Ok((square(7).await?, square.submit(8).await?))
    }
    let run = called().report().await;
    assert_eq!(run.result().unwrap(), &(49, 64));
    assert_eq!(run.state().state_type, StateType::Completed);
}

#[tokio::test]
async fn an_async_task_in_an_async_flow_gives_its_value_and_the_flow_completes() {
    #[flow]
    async fn called() -> Result<(u64, u64), TaskError> {
        Ok((twice(7).await?, twice.submit(8).await?))
    }
    let run = called().report().await;
    assert_eq!(run.result().unwrap(), &(14, 16));
    assert_eq!(run.state().state_type, StateType::Completed);
}

#[test]
fn an_async_task_in_a_sync_flow_gives_its_value() {
    #[flow]
    fn called() -> Result<(u64, u64, u64), TaskError> {
        Ok((twice(7).result()?, twice.submit(8).result()?, thrice.submit(9).result()?))
    }
    assert_eq!(called().result().unwrap(), (14, 16, 27));
}

#[test]
fn the_future_of_one_run_is_an_argument_of_another() {
    #[task]
    fn foo(x: i32) -> i32 {
        x
    }
    #[task]
    fn bar(y: i32) -> i32 {
        y + 1
    }
    assert_eq!(bar.submit(foo.submit(1)).result().unwrap(), 2);
}

#[task]
fn count(calls: Calls) {
    calls.add();
}

#[tokio::test]
async fn a_call_does_nothing_until_it_is_awaited() {
    let calls = Calls::default();
    let call = count(calls.clone());
    tokio::task::yield_now().await;
    assert_eq!(calls.count(), 0);
    call.await.unwrap();
    assert_eq!(calls.count(), 1);
    drop(count(calls.clone()));
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_call_may_be_submitted_where_it_borrows_nothing() {
    let calls = Calls::default();
    let call = count(calls.clone());
    assert_eq!(calls.count(), 0);
    call.submit().result().unwrap();
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_sync_call_runs_on_the_thread_that_asks_for_it() {
    #[task]
    fn thread() -> std::thread::ThreadId {
        std::thread::current().id()
    }
    assert_eq!(thread().result().unwrap(), std::thread::current().id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_may_borrow_from_its_caller() {
    #[task]
    async fn first(words: &[String], separator: &str) -> Result<String, TaskError> {
        tokio::task::yield_now().await;
        words.first().map(|word| format!("{word}{separator}")).ok_or_else(|| TaskError::msg("no words"))
    }
    let words = vec!["one".to_owned(), "two".to_owned()];
    let separator = String::from(".");
    assert_eq!(first(&words, &separator).await.unwrap(), "one.");
    assert_eq!(first(&words[1..], "!").result().unwrap(), "two!");
}

#[test]
fn a_sync_task_may_call_an_async_one_that_needs_the_runtime() {
    #[task]
    async fn slept() -> u64 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        3
    }
    #[task]
    fn outer() -> Result<u64, TaskError> {
        Ok(slept().result()? + slept.submit().result()?)
    }
    assert_eq!(outer.submit().result().unwrap(), 6);
    assert_eq!(outer().result().unwrap(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_task_may_call_a_sync_one() {
    #[task]
    async fn outer(x: u64) -> Result<u64, TaskError> {
        Ok(square(x).await? + square.submit(x).await? + square(x).result()? + square.submit(x).result()?)
    }
    assert_eq!(outer.submit(3).await.unwrap(), 36);
    assert_eq!(outer(3).await.unwrap(), 36);
}

#[test]
fn a_task_may_call_and_submit_itself() {
    #[task]
    fn factorial(n: u64) -> Result<u64, TaskError> {
        if n == 0 { Ok(1) } else { Ok(n * factorial.submit(n - 1).result()?) }
    }
    #[task]
    fn sum_to(n: u64) -> Result<u64, TaskError> {
        if n == 0 { Ok(0) } else { Ok(n + sum_to(n - 1).result()?) }
    }
    assert_eq!(factorial.submit(10).result().unwrap(), 3_628_800);
    assert_eq!(sum_to(10).result().unwrap(), 55);
}

#[test]
fn a_task_has_from_none_to_twelve_parameters() {
    #[task]
    fn none() -> u64 {
        1
    }
    #[task]
    #[allow(clippy::too_many_arguments)]
    fn twelve(
        a: u64,
        b: u64,
        c: u64,
        d: u64,
        e: u64,
        f: u64,
        g: u64,
        h: &u64,
        i: u64,
        j: &str,
        k: u64,
        l: u64,
    ) -> u64 {
        a + b + c + d + e + f + g + h + i + j.len() as u64 + k + l
    }
    assert_eq!(none().result().unwrap(), 1);
    assert_eq!(none.submit().result().unwrap(), 1);
    let one = none.submit();
    let future = twelve.submit(&one, 2, &one, 4, 5, 6, 7, &one, 9, "ten", 11, one.clone());
    assert_eq!(future.result().unwrap(), 1 + 2 + 1 + 4 + 5 + 6 + 7 + 1 + 9 + 3 + 11 + 1);
    let mapped = twelve.map(
        0..2,
        unmapped(0),
        unmapped(0),
        unmapped(0),
        unmapped(0),
        unmapped(0),
        unmapped(0),
        unmapped(0),
        unmapped(0),
        unmapped(""),
        unmapped(0),
        [10, 20],
    );
    assert_eq!(mapped.result().unwrap(), [10, 21]);
}

mod elsewhere {
    use millrun::prelude::*;

    /// Documented, and of another module.
    #[task]
    pub(super) fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
        text.parse()
    }

    /// A module may have the name of a task: they live in different namespaces.
    pub(super) mod parse {
        pub(crate) const RADIX: u32 = 10;
    }
}

#[test]
fn a_task_stays_a_function_item() {
    use elsewhere::parse as parsed;

    assert_eq!(elsewhere::parse("7").result().unwrap(), 7);
    assert_eq!(parsed.submit("8").result().unwrap(), 8);
    assert_eq!(parsed::RADIX, 10);
    let squares: Vec<u64> = [1, 2, 3].map(square).map(|call| call.result().unwrap()).to_vec();
    assert_eq!(squares, [1, 4, 9]);
    let name = square;
    assert_eq!(name(4).result().unwrap(), 16);
    // Shadowed by a local function.
    fn sum(x: u64) -> u64 {
        x
    }
    assert_eq!(sum(3), 3);
}

#[test]
fn a_generic_task_is_told_its_type() {
    #[task]
    fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync> + Send + Sync + 'static>(
        text: &str,
    ) -> Result<T, T::Err> {
        text.parse()
    }
    assert_eq!(parse::<u8>.submit("200").result().unwrap(), 200);
    assert_eq!(parse::<bool>("true").result().unwrap(), true);
    assert!(parse::<u8>.submit("300").result().is_err());
    assert_eq!(parse::<u16>.map(["1", "300"]).result().unwrap(), [1, 300]);
}

//! What a mock does, and where.

use std::sync::Arc;

use millrun::prelude::*;

#[task]
fn double(x: u32) -> u32 {
    2 * x
}

#[task]
async fn fetch(url: String) -> Result<String, std::io::Error> {
    Err(std::io::Error::other(format!("no net for {url}")))
}

#[task]
fn inside(x: u32) -> Result<u32, TaskError> {
    double(x).result()
}

#[flow]
async fn child() -> Result<u32, FlowError> {
    Ok(double(1).await?)
}

#[flow]
async fn everywhere() -> Result<Vec<u32>, FlowError> {
    let submitted = double.submit(1).await?;
    let called = double(1).await?;
    let configured = double.with_name("twice").call(1).await?;
    let of_call = double(1).submit().await?;
    let mapped = double.map(0..3).await?;
    let deep = inside.submit(1).await?;
    let below = child().await?;
    Ok([vec![submitted, called, configured, of_call], mapped, vec![deep, below]].concat())
}

#[tokio::test]
async fn every_run_of_the_task_gives_the_value() {
    assert_eq!(everywhere().await.unwrap(), [2, 2, 2, 2, 0, 2, 4, 2, 2]);
    assert_eq!(everywhere().mock(double, 7).await.unwrap(), [7; 9]);
    assert_eq!(
        everywhere().mock_with(double, |(x,)| x + 10).await.unwrap(),
        [11, 11, 11, 11, 10, 11, 12, 11, 11]
    );
}

#[tokio::test]
async fn a_configured_flow_has_its_mocks_whenever_it_is_begun() {
    let mocked = everywhere.mock(double, 7);
    assert_eq!(mocked.call().await.unwrap(), [7; 9]);
    assert_eq!(mocked.start().await.unwrap(), [7; 9]);
}

#[test]
fn of_several_mocks_of_a_task_the_last_one_holds() {
    #[flow]
    fn flow() -> Result<u32, FlowError> {
        Ok(double.submit(1).result()?)
    }
    let run =
        flow().mock(double, 3).mock_state(double, State::failed("no")).mock(double, 4).report_blocking();
    assert_eq!(run.value().copied(), Some(4), "{run}");
    assert!(run.state().is_completed(), "the others count as met: {run}");
}

#[test]
fn a_child_flow_has_mocks_of_its_own_and_those_around_it() {
    #[task]
    fn triple(x: u32) -> u32 {
        3 * x
    }
    #[flow]
    fn inner() -> Result<(u32, u32), FlowError> {
        Ok((double(1).result()?, triple(1).result()?))
    }
    #[flow]
    fn outer() -> Result<(u32, u32), FlowError> {
        inner().mock(double, 20).result()
    }
    let run = outer().mock(triple, 30).report_blocking();
    assert_eq!(run.value().copied(), Some((20, 30)), "{run}");
    let run = outer().mock(triple, 30).mock(double, 40).report_blocking();
    assert_eq!(run.value().copied(), Some((20, 30)), "what is nearer goes first: {run}");
}

/// Not `Clone`, nor anything else.
#[derive(Debug)]
struct Handle(u32);

#[task]
fn open() -> Handle {
    unreachable!("mocked")
}

#[task]
fn look(handle: &Handle) -> u32 {
    handle.0
}

#[test]
fn a_value_that_cannot_be_cloned_is_shared() {
    #[flow]
    fn shared() -> Result<(u32, u32, bool), FlowError> {
        let (first, second) = (open.submit(), open.submit());
        let sum = look.submit(&first).result()? + look.submit(&first).result()?;
        let (first, second) = (first.shared_result()?, second.shared_result()?);
        Ok((sum, second.0, Arc::ptr_eq(&first, &second)))
    }
    assert_eq!(shared().mock(open, Handle(3)).result().unwrap(), (6, 3, true));
}

#[test]
fn a_call_takes_a_value_for_itself() {
    #[flow]
    fn called() -> Result<u32, FlowError> {
        Ok(open().result()?.0)
    }
    let run = called().mock(open, Handle(3)).report_blocking();
    let error = run.result().unwrap_err().to_string();
    assert!(error.contains("`.mock_with(open, |_| ..)`"), "{error}");
    assert_eq!(called().mock_with(open, |()| Handle(4)).result().unwrap(), 4);
}

#[tokio::test]
async fn a_closure_takes_the_arguments_and_may_fail() {
    #[task]
    async fn repeat(text: &str, times: usize) -> String {
        text.repeat(times)
    }
    #[flow]
    async fn flow() -> Result<(String, bool), FlowError> {
        let page = fetch.submit("a").await?;
        let failed = fetch("b".to_owned()).await;
        Ok((repeat.submit(page, 2).await?, failed.is_err()))
    }
    let fake = |(url,): (String,)| match url.as_str() {
        "a" => Ok("page".to_owned()),
        _ => Err(format!("no {url}")),
    };
    assert_eq!(flow().mock_with(fetch, fake).await.unwrap(), ("pagepage".into(), true));
    let longer =
        flow().mock_with(fetch, fake).mock_with(repeat, |(text, times)| format!("{} {times}", text.len()));
    assert_eq!(longer.await.unwrap(), ("4 2".into(), true));
}

#[tokio::test]
async fn a_call_that_borrows_says_that_it_cannot_be_given_away() {
    #[task]
    fn length(text: &str) -> usize {
        text.len()
    }
    #[flow]
    async fn flow() -> Result<usize, FlowError> {
        let text = "abc".to_owned();
        Ok(length(&text).await?)
    }
    assert_eq!(flow().mock(length, 7).await.unwrap(), 7);
    let error = flow().mock_with(length, |(text,)| text.len() + 1).await.unwrap_err();
    assert!(error.to_string().contains("`length.submit(..)`"), "{error}");
}

#[test]
fn what_replaces_a_task_may_begin_it() {
    #[task]
    fn counted(x: u32) -> Result<u32, TaskError> {
        Ok(inside.submit(x).result()? + 100)
    }
    #[flow]
    fn flow() -> Result<u32, FlowError> {
        Ok(double.submit(4).result()?)
    }
    assert_eq!(flow().replace(double, counted).result().unwrap(), 108);
    let around = flow().mock_with(double, |(x,)| double(x).result().map(|twice| twice + 1));
    assert_eq!(around.result().unwrap(), 9);
}

#[test]
fn a_generic_task_is_mocked_for_one_type() {
    #[task]
    fn parse<T: std::str::FromStr + Send + Sync + 'static>(text: String) -> Result<T, String> {
        text.parse().map_err(|_| format!("not a {}", std::any::type_name::<T>()))
    }
    #[flow]
    fn flow() -> Result<(i32, f64), FlowError> {
        Ok((parse::<i32>.submit("1").result()?, parse::<f64>.submit("1").result()?))
    }
    assert_eq!(flow().mock(parse::<i32>, 7).result().unwrap(), (7, 1.0));
    assert_eq!(flow().mock_with(parse::<f64>, |(_,)| 0.5).result().unwrap(), (1, 0.5));
}

#[test]
fn what_the_flow_never_begins_is_an_error() {
    #[task]
    fn never() -> u32 {
        1
    }
    #[flow]
    fn fine() -> Result<u32, FlowError> {
        Ok(double.submit(1).result()?)
    }
    #[flow]
    fn broken() -> Result<u32, String> {
        Err("the body's own".into())
    }
    #[flow]
    fn fails_unseen() {
        let _ = fetch.submit("x");
    }
    #[flow]
    fn over_nothing() -> Result<Vec<u32>, FlowError> {
        Ok(double.map(Vec::<u32>::new()).result()?)
    }
    let run = fine().mock(never, 7).mock(double, 1).with_retries(2).report_blocking();
    assert!(run.state().is_failed(), "{run}");
    let message = run.state().message.unwrap();
    assert!(message.starts_with("mocked, and never begun in this flow run: `testing::mocks::"), "{message}");
    assert!(message.contains("::never`") && !message.contains("double"), "{message}");
    assert_eq!(run.task_runs().len(), 1, "nothing is tried again: {run}");

    assert_eq!(broken().mock(never, 7).result().unwrap_err().to_string(), "the body's own");
    let run = fails_unseen().mock(never, 7).report_blocking();
    assert_eq!(run.state().message.unwrap(), "1/1 task runs failed.");
    assert!(over_nothing().mock(double, 1).result().unwrap().is_empty());
}

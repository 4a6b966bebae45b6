//! Maps on maps, thousands of them.

use millrun::prelude::*;

const DEPTH: usize = 4000;

#[task]
fn same(x: u32) -> u32 {
    x
}

#[task]
async fn list(fails: bool) -> Result<Vec<u32>, String> {
    tokio::task::yield_now().await;
    if fails { Err("no list".into()) } else { Ok(vec![1, 2]) }
}

#[test]
fn thousands_of_maps_on_maps() {
    for known in [true, false] {
        let mut map = if known { same.map([1, 2]) } else { same.map(list.submit(false)) };
        for _ in 0..DEPTH {
            map = same.map(map);
        }
        assert_eq!(map.result().unwrap(), [1, 2]);
    }
}

#[test]
fn a_list_that_fails_ends_thousands_of_maps() {
    let mut map = same.map(list.submit(true));
    for _ in 0..DEPTH {
        map = same.map(map);
    }
    assert_eq!(map.result().unwrap_err().kind(), ErrorKind::TriggerFailed);
}

#[test]
fn thousands_of_maps_are_cancelled_with_their_flow() {
    #[task]
    async fn never() -> Vec<u32> {
        std::future::pending().await
    }
    #[flow]
    async fn waits(ready: tokio::sync::mpsc::Sender<()>) -> Result<Vec<u32>, FlowError> {
        let mut map = same.map(never.submit());
        for _ in 0..DEPTH {
            map = same.map(map);
        }
        let _ = ready.send(()).await;
        Ok(map.await?)
    }
    let (ready, mut is_ready) = tokio::sync::mpsc::channel(1);
    let run = waits(ready).start();
    assert_eq!(is_ready.blocking_recv(), Some(()));
    run.cancel();
    assert_eq!(run.result().unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_million_elements() {
    #[task]
    fn odd(x: u32) -> bool {
        x % 2 == 1
    }
    let outcome = odd.map(0..1_000_000).chunked(100).result().unwrap();
    assert_eq!(outcome.iter().filter(|odd| **odd).count(), 500_000);
}

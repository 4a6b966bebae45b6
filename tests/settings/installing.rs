//! Which engine is in charge: that of `run`, the enclosing run's, the installed one, one in memory.

use millrun::InstallError;
use millrun::prelude::*;

use crate::alone::alone;

/// The retries of the engine in charge, plus one.
#[task]
fn attempt(_x: u32) -> Result<u32, String> {
    Err("no luck".into())
}

fn engine_here() -> u32 {
    let future = attempt.submit(1);
    future.result().unwrap_err();
    u32::try_from(future.states().iter().filter(|state| state.is_running()).count()).unwrap()
}

#[task]
fn below() -> u32 {
    engine_here()
}

#[flow]
fn asking() -> Result<(u32, u32), FlowError> {
    Ok((engine_here(), below.submit().result()?))
}

#[flow]
async fn asking_async() -> Result<(u32, u32), FlowError> {
    Ok((asking().await?.0, below.submit().await?))
}

fn engine(retries: u32) -> Engine {
    Engine::builder().default_retries(retries).build()
}

#[test]
fn the_installed_engine_serves_what_has_none_of_its_own() {
    alone!().check(|| {
        engine(1).install().unwrap();
        assert_eq!(engine_here(), 2);
        assert_eq!(asking().result().unwrap(), (2, 2));
        assert_eq!(std::thread::spawn(engine_here).join().unwrap(), 2);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        assert_eq!(runtime.block_on(asking_async().into_future()).unwrap(), (2, 2));

        // One that is named goes before it, and serves all that is begun inside.
        let other = engine(3);
        assert_eq!(other.run_blocking(asking()).unwrap(), (4, 4));
        assert_eq!(runtime.block_on(other.run(asking_async())).unwrap(), (4, 4));
        assert_eq!(runtime.block_on(other.scope(async { below.submit().await })).unwrap(), 4);
        assert_eq!(other.enter(engine_here), 4);
        assert_eq!(engine_here(), 2);
        let nested = other.enter(|| engine(5).run_blocking(asking()));
        assert_eq!(nested.unwrap(), (6, 6));
    });
}

use std::future::IntoFuture;

#[test]
fn installing_twice_is_an_error() {
    alone!().check(|| {
        engine(1).install().unwrap();
        let error = engine(2).install().unwrap_err();
        assert_eq!(error, InstallError::Twice);
        let says = "failed to install the engine: another one is installed; a process has one at most";
        assert_eq!(error.to_string(), says);
        assert_eq!(engine_here(), 2);
    });
}

#[test]
fn installing_after_the_engine_in_memory_was_made_is_an_error() {
    alone!().check(|| {
        assert_eq!(engine_here(), 1);
        let error = engine(2).install().unwrap_err();
        assert_eq!(error, InstallError::TooLate);
        assert!(error.to_string().contains("something has run before"), "{error}");
        assert_eq!(engine_here(), 1);
    });
}

#[test]
fn an_engine_that_is_run_on_does_not_make_one_in_memory() {
    alone!().check(|| {
        assert_eq!(engine(3).run_blocking(asking()).unwrap(), (4, 4));
        engine(1).install().unwrap();
        assert_eq!(engine_here(), 2);
    });
}

#[test]
fn dropping_the_future_of_run_cancels_the_run() {
    alone!().check(|| {
        use std::sync::mpsc;

        #[flow]
        async fn hanging(begun: mpsc::Sender<()>) {
            begun.send(()).unwrap();
            std::future::pending::<()>().await;
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (cancelled, is_cancelled) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        runtime.block_on(async {
            let flow = hanging(begin).with_on_cancellation(move |_: &FlowRunInfo, _: &State| {
                let _ = cancelled.send(());
            });
            let engine = engine(0);
            let mut run = Box::pin(engine.run(flow));
            assert!(futures::poll!(&mut run).is_pending());
            tokio::task::block_in_place(|| begun.recv().unwrap());
            drop(run);
            tokio::task::block_in_place(|| is_cancelled.recv().unwrap());
        });
    });
}

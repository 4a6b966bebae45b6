//! A subscriber that panics ends no run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Panics at one kind of call, and counts how often.
struct Panics(&'static str, Arc<AtomicU32>);

impl Panics {
    fn at(&self, call: &str) {
        if self.0 == call {
            self.1.fetch_add(1, Ordering::SeqCst);
            panic!("the subscriber panics on purpose");
        }
    }
}

impl Subscriber for Panics {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.at("new_span");
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.at("record");
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.at("event");
    }

    fn enter(&self, _: &Id) {
        self.at("enter");
    }

    fn exit(&self, _: &Id) {
        self.at("exit");
    }

    fn try_close(&self, _: Id) -> bool {
        self.at("try_close");
        true
    }
}

#[flow]
fn watched() -> Result<u64, FlowError> {
    let (first, second) = (double.submit(1), fetch.submit(2));
    let skipped = skips.submit();
    let lacks = double.submit(&skips_value.submit());
    let mapped = double.map([1, 2]);
    let called = double(3).result()? + fetch(4).result()?;
    skipped.wait();
    lacks.wait();
    assert_eq!([skipped.state().name, lacks.state().name], [StateName::Skipped; 2]);
    Ok(first.result()? + second.result()? + mapped.result()?.iter().sum::<u64>() + called)
}

#[task]
fn skips_value() -> Result<u64, TaskError> {
    Err(TaskError::skip("not today"))
}

#[test]
fn a_subscriber_that_panics_ends_no_run() {
    for call in ["new_span", "record", "event", "enter", "exit", "try_close"] {
        let count = Arc::new(AtomicU32::new(0));
        let subscriber = Panics(call, count.clone());
        // All on this thread, whose subscriber it is.
        let engine = Engine::builder().task_runner(SequentialTaskRunner::new()).build();
        let ended = tracing::subscriber::with_default(subscriber, || engine.enter(|| watched().result()));
        assert_eq!(ended.unwrap(), 20, "{call}");
        assert!(count.load(Ordering::SeqCst) > 0, "{call}");
    }
}

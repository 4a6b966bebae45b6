//! Concurrency limits and rate limits: who waits, who goes first, who shares, and that slots come back on every way out.

use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;
use crate::logs;
use crate::tally::{Calls, Notes, Oops, names};

const SECOND: Duration = Duration::from_secs(1);

fn engine() -> (Engine, Clock) {
    let clock = Clock::manual();
    let engine = Engine::builder()
        .clock(clock.clone())
        .concurrency_limit("one", 1)
        .concurrency_limit("two", 2)
        .rate_limit("api", 2, "1s")
        .build();
    (engine, clock)
}

/// Whether nobody holds a slot of the limit, nor waits for one.
fn is_free(engine: &Engine, limit: &str) -> bool {
    let free = tagged_free.with_tags([limit]);
    let future = engine.enter(|| free.submit());
    future.wait();
    names(&future.states()) == ["Pending", "Running", "Completed"]
}

#[task]
fn tagged_free() {}

#[task(tags = ["one"])]
async fn holding(begun: Gate, gate: Gate) -> u32 {
    begun.open();
    gate.passed().await;
    1
}

#[task(tags = ["one"])]
fn noting(notes: Notes, what: u32) -> u32 {
    notes.add(what.to_string());
    what
}

#[task(tags = ["one"])]
async fn noting_async(notes: Notes, what: u32) -> u32 {
    notes.add(what.to_string());
    what
}

fn waits(future: &TaskFuture<u32>) -> bool {
    names(&future.states()) == ["Pending", "AwaitingConcurrencySlot"]
}

#[test]
fn tags_take_slots_first_come_first_served() {
    let (engine, _clock) = engine();
    let (begun, gate, notes) = (Gate::new(), Gate::new(), Notes::default());
    let holder = engine.enter(|| holding.submit(&begun, &gate));
    begun.wait();
    let waiting: Vec<_> = engine.enter(|| {
        let submit = |n| match n % 2 {
            0 => noting.submit(&notes, n),
            _ => noting_async.submit(&notes, n),
        };
        (0..6).map(submit).collect()
    });
    assert!(waiting.iter().all(waits));
    gate.open();
    for (n, future) in waiting.iter().enumerate() {
        assert_eq!(future.result().unwrap() as usize, n);
        assert_eq!(names(&future.states()), ["Pending", "AwaitingConcurrencySlot", "Running", "Completed"]);
    }
    holder.wait();
    assert_eq!(notes.list(), ["0", "1", "2", "3", "4", "5"]);
    assert!(is_free(&engine, "one"));
}

#[test]
fn never_more_at_once_than_there_are_slots() {
    #[task(tags = ["two"])]
    async fn crowding(inside: Calls, most: Notes) {
        let before = inside.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        most.add(before.to_string());
        tokio::task::yield_now().await;
        inside.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
    let (engine, _clock) = engine();
    let (inside, most) = (Calls::default(), Notes::default());
    engine.enter(|| crowding.map(vec![inside; 200], unmapped(&most))).result().unwrap();
    assert_eq!(most.list().len(), 200);
    assert!(most.list().iter().all(|before| before == "0" || before == "1"));
    assert!(is_free(&engine, "two"));
}

#[task(tags = ["one"])]
fn failing(calls: Calls) -> Result<u32, Oops> {
    Err(Oops(calls.add()))
}

#[task(tags = ["one"])]
async fn panicking() -> u32 {
    panic!("no luck")
}

#[test]
fn slots_come_back_on_every_way_out() {
    let (engine, clock) = engine();
    let free = || assert!(is_free(&engine, "one"));
    engine.enter(|| noting.submit(Notes::default(), 1)).wait();
    free();
    engine.enter(|| failing.submit(Calls::default())).wait();
    free();
    engine.enter(|| panicking.submit()).wait();
    free();
    engine.enter(|| drop(failing(Calls::default()).result()));
    free();
    engine.enter(|| drop(panicking().result()));
    free();
    let refused = noting.with_on_state_change(|_, _, new| match new.name {
        StateName::Running => State::failed("no"),
        _ => new,
    });
    engine.enter(|| refused.submit(Notes::default(), 1)).wait();
    free();

    // Timed out.
    let future = engine.enter(|| holding.with_timeout("1s").submit(Gate::new(), Gate::new()));
    clock.wait_for_timers(1);
    clock.advance(SECOND);
    future.wait();
    assert!(future.state().is_failed());
    free();

    // Cancelled, in the midst of it.
    let begun = Gate::new();
    let future = engine.enter(|| holding.submit(&begun, Gate::new()));
    begun.wait();
    future.cancel();
    future.wait();
    free();

    // Cancelled, a sync one, whose thread goes on.
    let (begun, gate) = (Gate::new(), Gate::new());
    let future = engine.enter(|| standing.submit(&begun, &gate));
    begun.wait();
    future.cancel();
    free();
    gate.open();
}

#[task(tags = ["one"], blocking)]
fn standing(begun: Gate, gate: Gate) {
    begun.open();
    gate.wait();
}

#[test]
fn nothing_is_held_through_a_retry_delay() {
    let (engine, clock) = engine();
    for called in [false, true] {
        let calls = Calls::default();
        let task = failing.with_retries(1).with_retry_delay("1s");
        let run = {
            let (engine, calls) = (engine.clone(), calls.clone());
            std::thread::spawn(move || {
                engine.enter(|| match called {
                    false => task.submit(calls).result(),
                    true => task.call(calls).result(),
                })
            })
        };
        clock.wait_for_timers(1);
        assert!(is_free(&engine, "one"));
        clock.advance(SECOND);
        run.join().unwrap().unwrap_err();
        assert_eq!(calls.count(), 2);
        assert!(is_free(&engine, "one"));
    }
}

#[test]
fn a_run_cancelled_in_line_leaves_it_and_those_behind_go_on() {
    let (engine, _clock) = engine();
    let (begun, gate, notes) = (Gate::new(), Gate::new(), Notes::default());
    engine.enter(|| {
        let holder = holding.submit(&begun, &gate);
        begun.wait();
        let first = noting.submit(&notes, 1);
        let second = noting.submit(&notes, 2);
        assert!(waits(&first) && waits(&second));
        first.cancel();
        assert!(first.result().unwrap_err().is_cancelled());
        assert_eq!(names(&first.states()), ["Pending", "AwaitingConcurrencySlot", "Cancelled"]);
        gate.open();
        assert_eq!(second.result().unwrap(), 2);
        holder.wait();
    });
    assert_eq!(notes.list(), ["2"]);
    assert!(is_free(&engine, "one"));
}

#[test]
fn a_run_cancelled_while_it_waits_for_a_second_limit_gives_the_first_back() {
    let (engine, _clock) = engine();
    for called in [false, true] {
        let (begun, gate) = (Gate::new(), Gate::new());
        // Limits are taken in the order of their names: it has "one", and waits for "two".
        let holders = engine.enter(|| {
            let holding = holding.with_tags(["two"]);
            [holding.submit(&begun, &gate), holding.submit(&begun, &gate)]
        });
        while !holders.iter().all(|holder| holder.state().is_running()) {
            std::thread::yield_now();
        }
        let both = noting.with_tags(["two", "one"]);
        if called {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let call = async { both.call(Notes::default(), 1).await };
            runtime.block_on(async {
                let mut call = Box::pin(engine.scope(call));
                assert!(::futures::poll!(&mut call).is_pending());
                assert!(!is_free_now(&engine));
                drop(call);
            });
        } else {
            let waiting = engine.enter(|| both.submit(Notes::default(), 1));
            assert!(waits(&waiting));
            assert!(!is_free_now(&engine));
            waiting.cancel();
        }
        assert!(is_free(&engine, "one"));
        gate.open();
        holders.iter().for_each(TaskFuture::wait);
        assert!(is_free(&engine, "two"));
    }
}

/// Whether a slot of "one" can be had at once.
fn is_free_now(engine: &Engine) -> bool {
    let mut permit = engine.enter(|| concurrency("one"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(&mut permit).poll(&mut cx).is_ready()
}

#[test]
fn a_permit_is_a_guard() {
    let (engine, _clock) = engine();
    engine.enter(|| {
        let permit = concurrency("one").acquire_blocking().unwrap();
        assert!(!is_free_now(&engine));
        drop(permit);
        assert!(is_free_now(&engine));
        // Dropped before its turn, it leaves the queue.
        let permit = concurrency("one").acquire_blocking().unwrap();
        assert!(!is_free_now(&engine));
        drop(permit);
        assert!(is_free_now(&engine));
    });
}

#[flow]
async fn guarding(begun: Gate, gate: Gate) -> Result<(), FlowError> {
    let _permit = concurrency("one").await?;
    begun.open();
    gate.passed().await;
    Err(FlowError::msg("no luck"))
}

#[test]
fn a_body_gives_its_permit_back_however_it_ends() {
    let (engine, _clock) = engine();
    let (begun, gate) = (Gate::new(), Gate::new());
    let flow = engine.enter(|| guarding(begun.clone(), gate.clone()).start());
    begun.wait();
    let waiting = engine.enter(|| noting.submit(Notes::default(), 1));
    assert!(waits(&waiting));
    gate.open();
    flow.result().unwrap_err();
    assert_eq!(waiting.result().unwrap(), 1);

    let begun = Gate::new();
    let flow = engine.enter(|| guarding(begun.clone(), Gate::new()).start());
    begun.wait();
    flow.cancel();
    flow.wait();
    assert!(is_free(&engine, "one"));
}

/// Takes the slot of "one" by its tag, or not; asks for another, in its body and in that of a run below it.
#[task]
fn asking_twice(notes: Notes) -> Result<(), TaskError> {
    let _permit = concurrency("one").acquire_blocking()?;
    notes.add("permit");
    noting.submit(&notes, 1).result()?;
    asking_below.submit(&notes).result()
}

#[task]
async fn asking_below(notes: Notes) -> Result<(), TaskError> {
    let _permit = concurrency("one").await?;
    noting_async(notes, 2).await?;
    Ok(())
}

#[flow]
async fn asking_above(notes: Notes) -> Result<(), FlowError> {
    let permit = concurrency("one").await?;
    asking_twice.submit(&notes).await?;
    drop(permit);
    Ok(())
}

#[test]
fn descendants_share_what_their_ancestors_hold() {
    let (engine, _clock) = engine();
    // By the permit of a task's body, by that of a flow's body, and by a tag.
    let notes = Notes::default();
    engine.enter(|| asking_twice.submit(&notes)).result().unwrap();
    engine.run_blocking(asking_above(notes.clone())).unwrap();
    engine.enter(|| asking_twice.with_tags(["one"]).submit(&notes)).result().unwrap();
    engine.enter(|| asking_twice.with_tags(["one"]).call(notes.clone()).result()).unwrap();
    assert_eq!(notes.list(), ["permit", "1", "2"].repeat(4));
    assert!(is_free(&engine, "one"));
}

#[test]
fn what_is_no_longer_held_is_no_longer_shared() {
    #[flow]
    async fn letting_go(notes: Notes, begun: Gate, gate: Gate) -> Result<(), FlowError> {
        drop(concurrency("one").await?);
        let holder = holding.submit(begun, &gate);
        while !holder.state().is_running() {
            tokio::task::yield_now().await;
        }
        let waiting = noting.submit(&notes, 1);
        assert!(waits(&waiting));
        gate.open();
        waiting.await?;
        holder.await?;
        Ok(())
    }
    let (engine, _clock) = engine();
    engine.run_blocking(letting_go(Notes::default(), Gate::new(), Gate::new())).unwrap();
}

#[test]
fn the_branches_of_one_body_do_not_share() {
    #[flow]
    async fn branching() -> Result<bool, FlowError> {
        let _permit = concurrency("one").await?;
        let mut other = concurrency("one");
        Ok(::futures::poll!(&mut other).is_pending())
    }
    let (engine, _clock) = engine();
    assert!(engine.run_blocking(branching()).unwrap());
}

#[test]
fn a_rate_limit_refills_as_time_goes_by() {
    let (engine, clock) = engine();
    let ask = tagged_free.with_tags(["api"]);
    let futures: Vec<_> = engine.enter(|| (0..5).map(|_| ask.submit()).collect());
    let ended = || futures.iter().filter(|future| future.state().is_final()).count();
    futures[0].wait();
    futures[1].wait();
    assert_eq!((ended(), clock.pending_timers()), (2, 1));
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(ended(), 2);
    clock.advance(Duration::from_nanos(1));
    futures[2].wait();
    futures[3].wait();
    assert_eq!(ended(), 4);
    clock.advance(SECOND);
    futures[4].wait();
    assert_eq!(clock.pending_timers(), 0);

    // The permit of a body, and one that is asked for in sync code: each is a use, and dropping it gives nothing back.
    engine.enter(|| drop(concurrency("api").acquire_blocking().unwrap()));
    let late = {
        let engine = engine.clone();
        std::thread::spawn(move || engine.enter(|| drop(concurrency("api").acquire_blocking().unwrap())))
    };
    clock.wait_for_timers(1);
    clock.advance(SECOND);
    late.join().unwrap();
}

#[test]
fn a_limit_of_the_same_name_set_later_replaces_the_one_before() {
    let clock = Clock::manual();
    let engine =
        Engine::builder().clock(clock.clone()).rate_limit("x", 1, "1h").concurrency_limit("x", 1).build();
    let ask = tagged_free.with_tags(["x"]);
    for _ in 0..3 {
        engine.enter(|| ask.submit()).wait();
    }
    assert_eq!(clock.pending_timers(), 0);
}

#[test]
#[should_panic(expected = "a concurrency limit of 0 lets nothing through")]
fn a_limit_of_nothing_is_refused() {
    let _ = Engine::builder().concurrency_limit("none", 0);
}

#[test]
fn an_unknown_limit_is_warned_about_once_and_limits_nothing() {
    logs::keep();
    let (engine, _clock) = engine();
    engine.enter(|| {
        let one = concurrency("unheard of").acquire_blocking().unwrap();
        let two = concurrency("unheard of").acquire_blocking().unwrap();
        drop((one, two));
    });
    let warned = logs::with(&["`unheard of`"]);
    assert_eq!(warned.len(), 1, "{warned:#?}");
    assert!(warned[0].starts_with("WARN"));
    // A tag that is no limit is a tag.
    assert!(is_free(&engine, "unheard of as well"));
    assert!(logs::with(&["`unheard of as well`"]).is_empty());
}

#[test]
fn where_limits_are_strict_an_unknown_one_is_an_error() {
    let engine = Engine::builder().concurrency_limit("known", 1).strict_limits().build();
    engine.enter(|| {
        let error = concurrency("unknown").acquire_blocking().unwrap_err();
        assert!(error.to_string().contains("no concurrency limit or rate limit named `unknown`"), "{error}");
        assert!(concurrency("known").acquire_blocking().is_ok());
        let _ = tagged_free.with_tags(["unknown"]).submit().result();
    });
}

//! The cell under every interleaving of those who race for it. Run with `just loom`.

use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering as StdOrdering};
use std::task::{Wake, Waker};

use loom::model;
use loom::sync::Arc;
use loom::thread;

use super::{By, Cancelling, Cell, Readers, Slot, Stage, Stop, Waiter, Waiters};
use crate::state::StateName;

/// A body, of which there is one.
#[derive(Debug)]
struct Body;

/// A result that counts its drops.
struct Value(StdArc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_add(1, StdOrdering::SeqCst);
    }
}

#[derive(Debug, PartialEq)]
struct Cancelled;

/// What the engine keeps beside a cell: here, the timer of a run that awaits another attempt.
type Log = Option<u32>;

type TestCell = Cell<Body, Value, Cancelled, u32, Log>;

fn cell() -> Arc<TestCell> {
    Arc::new(Cell::new(Body, Stage::Open, 0, None, None))
}

fn ready() -> Arc<TestCell> {
    let cell = cell();
    assert!(cell.make_ready());
    cell
}

fn claimed() -> Arc<TestCell> {
    Arc::new(Cell::claimed(0, None, |_| {}))
}

/// Settles that the run has completed, if nobody has settled otherwise.
fn complete(cell: &TestCell, drops: &StdArc<AtomicUsize>) -> bool {
    let value = Value(drops.clone());
    cell.begin_to_settle().is_some_and(|_| {
        drop(cell.settle(|inner| {
            inner.state = StateName::Completed;
            Slot::Value(value)
        }));
        true
    })
}

/// The same and the end in one, for who has nothing to do in between; how many are told of it.
fn complete_and_end(cell: &TestCell, drops: &StdArc<AtomicUsize>) -> Option<usize> {
    let value = Value(drops.clone());
    let (before, waiters) = cell.settle_and_end(|inner| {
        inner.state = StateName::Completed;
        Slot::Value(value)
    })?;
    drop(before);
    Some(tell(waiters))
}

/// Settles that the run was cancelled, if nobody has settled otherwise.
fn give_up(cell: &TestCell) -> bool {
    cell.begin_to_settle().is_some_and(|_| {
        drop(cell.settle(|inner| {
            inner.state = StateName::Cancelled;
            Slot::Error(Cancelled)
        }));
        true
    })
}

/// How many downstreams and wakers are told of the end.
fn end(cell: &TestCell) -> usize {
    tell(cell.end(false, |_| ()).1)
}

fn tell(waiters: Waiters<u32>) -> usize {
    let mut told = 0;
    waiters.for_each(|waiter| {
        told += 1;
        if let Waiter::Waker(waker) = waiter {
            waker.wake();
        }
    });
    told
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, StdOrdering::SeqCst);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(StdOrdering::SeqCst)
    }
}

fn waker() -> (StdArc<Woken>, Waker) {
    let woken = StdArc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    (woken, waker)
}

#[test]
fn loom_a_run_is_claimed_once() {
    model(|| {
        let cell = ready();
        let other = cell.clone();
        let claiming = thread::spawn(move || other.claim().is_some());
        let claimed = cell.claim().is_some();
        assert!(claimed ^ claiming.join().unwrap());
        assert_eq!(cell.lock().stage, Stage::Claimed);
    });
}

#[test]
fn loom_a_run_is_claimed_or_cancelled() {
    model(|| {
        let cell = ready();
        let other = cell.clone();
        let claiming = thread::spawn(move || other.claim().is_some());
        let met = cell.cancel(By::User);
        let claimed = claiming.join().unwrap();
        assert!(if claimed {
            matches!(met, Cancelling::Executing(None))
        } else {
            matches!(met, Cancelling::Unstarted(_))
        });
    });
}

#[test]
fn loom_a_run_becomes_ready_or_is_cancelled() {
    model(|| {
        let cell = cell();
        let other = cell.clone();
        let admitting = thread::spawn(move || other.make_ready() && other.claim().is_some());
        let met = cell.cancel(By::User);
        let unstarted = matches!(met, Cancelling::Unstarted(_));
        if unstarted {
            assert!(give_up(&cell));
            assert_eq!(end(&cell), 0);
        }
        let executed = admitting.join().unwrap();
        assert!(executed ^ unstarted);
        assert!(cell.claim().is_none(), "nobody executes what was cancelled");
        assert_eq!(cell.has_ended(), unstarted);
    });
}

#[test]
fn loom_a_run_is_withdrawn_or_cancelled() {
    model(|| {
        let cell = cell();
        let other = cell.clone();
        let withdrawing = thread::spawn(move || other.withdraw().is_some());
        let met = cell.cancel(By::User);
        let withdrawn = withdrawing.join().unwrap();
        assert!(withdrawn ^ matches!(met, Cancelling::Unstarted(_)));
    });
}

#[test]
fn loom_two_cancel_and_one_ends_it() {
    model(|| {
        let cell = ready();
        let other = cell.clone();
        let cancelling = thread::spawn(move || other.cancel(By::User));
        let mets = [cell.cancel(By::User), cancelling.join().unwrap()];
        assert_eq!(mets.iter().filter(|met| matches!(met, Cancelling::Unstarted(_))).count(), 1, "{mets:?}");
        assert_eq!(mets.iter().filter(|met| matches!(met, Cancelling::TooLate)).count(), 1, "{mets:?}");
    });
}

/// A sync body ends while its run is given up on.
#[test]
fn loom_a_run_ends_once() {
    model(|| {
        let cell = claimed();
        let drops = StdArc::new(AtomicUsize::new(0));
        let (other, dropped) = (cell.clone(), drops.clone());
        let executing = thread::spawn(move || complete(&other, &dropped).then(|| end(&other)));
        let subscribed = cell.subscribe(Waiter::Downstream(1)).is_ok();
        let cancelled = match cell.cancel(By::User) {
            Cancelling::Executing(None) => give_up(&cell).then(|| end(&cell)),
            Cancelling::TooLate => None,
            met => panic!("{met:?}"),
        };
        let completed = executing.join().unwrap();
        assert!(cancelled.is_some() ^ completed.is_some());
        assert_eq!(cancelled.or(completed), Some(usize::from(subscribed)));
        let inner = cell.lock();
        assert_eq!(inner.stage, Stage::Ended);
        assert_eq!(inner.state == StateName::Completed, completed.is_some());
        assert_eq!(matches!(inner.slot, Slot::Value(_)), completed.is_some());
        drop(inner);
        let dropped = drops.load(StdOrdering::SeqCst);
        assert_eq!(dropped, usize::from(cancelled.is_some()), "what came too late is dropped");
    });
}

/// A run with nothing about it ends at once, or is cancelled and ends otherwise.
#[test]
fn loom_a_plain_run_ends_once() {
    model(|| {
        let cell = claimed();
        let drops = StdArc::new(AtomicUsize::new(0));
        let (other, dropped) = (cell.clone(), drops.clone());
        let executing = thread::spawn(move || {
            // It takes the long way where it was asked to stop.
            complete_and_end(&other, &dropped).or_else(|| complete(&other, &dropped).then(|| end(&other)))
        });
        let subscribed = cell.subscribe(Waiter::Downstream(1)).is_ok();
        let cancelled = match cell.cancel(By::User) {
            Cancelling::Executing(None) => give_up(&cell).then(|| end(&cell)),
            Cancelling::TooLate => None,
            met => panic!("{met:?}"),
        };
        let completed = executing.join().unwrap();
        assert!(cancelled.is_some() ^ completed.is_some());
        assert_eq!(cancelled.or(completed), Some(usize::from(subscribed)));
        assert_eq!(cell.lock().stage, Stage::Ended);
        assert_eq!(matches!(cell.lock().slot, Slot::Value(_)), completed.is_some());
    });
}

/// A run that ends as the process is stopped has ended before, or is known to have been stopped.
#[test]
fn loom_a_run_ends_or_crashes() {
    model(|| {
        let cell = claimed();
        let drops = StdArc::default();
        let other = cell.clone();
        let executing = thread::spawn(move || {
            let stop = other.begin_to_settle().unwrap();
            let value = Value(drops);
            drop(other.settle(|_| Slot::Value(value)));
            let (_, _, stop_at_end) = other.end(false, |_| ());
            (stop, stop_at_end)
        });
        let crashed = cell.crash().is_ok();
        let (stop, stop_at_end) = executing.join().unwrap();
        assert_eq!(stop_at_end == Stop::Crash, crashed);
        assert!(crashed || stop != Stop::Crash);
        assert!(cell.has_ended());
    });
}

#[test]
fn loom_who_waits_is_told_of_the_end() {
    model(|| {
        let cell = claimed();
        let drops = StdArc::default();
        let (woken, waker) = waker();
        let other = cell.clone();
        let executing = thread::spawn(move || {
            assert!(complete(&other, &drops));
            end(&other)
        });
        let awaited = cell.subscribe_waker(&waker);
        let awaited_again = cell.subscribe_waker(&waker);
        let counted = cell.subscribe(Waiter::Downstream(1)).is_ok();
        let told = executing.join().unwrap();
        assert_eq!(told, usize::from(awaited) + usize::from(counted));
        assert_eq!(woken.count(), usize::from(awaited));
        assert!(awaited || !awaited_again);
        assert!(cell.has_ended());
    });
}

#[test]
fn loom_many_who_wait_are_told() {
    model(|| {
        let cell = claimed();
        let drops = StdArc::default();
        let other = cell.clone();
        let waiting = thread::spawn(move || {
            let (woken, waker) = waker();
            (other.subscribe_waker(&waker), woken)
        });
        let other = cell.clone();
        let also_waiting = thread::spawn(move || {
            let (woken, waker) = waker();
            (other.subscribe_waker(&waker), woken)
        });
        assert!(complete(&cell, &drops));
        let told = end(&cell);
        let (one, woken) = waiting.join().unwrap();
        assert_eq!(woken.count(), usize::from(one));
        let (two, woken) = also_waiting.join().unwrap();
        assert_eq!(woken.count(), usize::from(two));
        assert_eq!(told, usize::from(one) + usize::from(two));
    });
}

/// An async body that is cancelled while it goes to sleep finds that out, or is woken.
#[test]
fn loom_a_driver_is_woken_or_finds_itself_cancelled() {
    model(|| {
        let cell = claimed();
        let (woken, waker) = waker();
        let other = cell.clone();
        let driving = thread::spawn(move || other.drive(&waker));
        let met = cell.cancel(By::User);
        let drives = driving.join().unwrap();
        match met {
            Cancelling::Executing(Some(driver)) => {
                assert!(drives);
                driver.wake();
                assert_eq!(woken.count(), 1);
            }
            Cancelling::Executing(None) => assert!(!drives),
            met => panic!("{met:?}"),
        }
    });
}

/// A failed attempt gives the body back for another while the run is cancelled.
#[test]
fn loom_a_body_that_is_given_back_goes_to_one() {
    model(|| {
        let cell = ready();
        let body = cell.claim().unwrap();
        let other = cell.clone();
        let attempting = thread::spawn(move || {
            if other.give_back(body).is_err() {
                return give_up(&other);
            }
            // The timer is set under the lock, so that whoever ends the run finds it.
            let mut inner = other.lock();
            if inner.stage == Stage::Open {
                inner.log = Some(1);
            }
            false
        });
        let mut timer = None;
        let cancelled = match cell.cancel(By::User) {
            Cancelling::Unstarted(Body) => {
                assert!(give_up(&cell));
                drop(cell.end(false, |log| timer = log.take()));
                true
            }
            // The attempt ends it.
            Cancelling::Executing(None) => false,
            met => panic!("{met:?}"),
        };
        let gave_up = attempting.join().unwrap();
        assert!(cancelled ^ gave_up);
        assert_eq!(cell.lock().log, None, "a timer is left behind");
        assert!(cell.lock().stage >= Stage::Settling);
    });
}

/// A sync body that was given up on gives nothing back.
#[test]
fn loom_a_run_that_is_given_up_on_is_not_tried_again() {
    model(|| {
        let cell = ready();
        let body = cell.claim().unwrap();
        let other = cell.clone();
        let attempting = thread::spawn(move || other.give_back(body).is_ok());
        let met = cell.cancel(By::User);
        let executing = matches!(met, Cancelling::Executing(_));
        assert!(give_up(&cell));
        assert!(attempting.join().unwrap() ^ executing);
        assert!(!cell.make_ready() && cell.claim().is_none());
    });
}

#[test]
fn loom_a_result_goes_with_its_last_reader() {
    model(|| {
        let cell = claimed();
        let readers = Arc::new(Readers::new(1));
        let drops = StdArc::new(AtomicUsize::new(0));
        let (other, handle) = (cell.clone(), readers.clone());
        let reading = thread::spawn(move || drop(handle.remove(&other)));
        assert!(complete(&cell, &drops));
        if !readers.any() {
            drop(cell.free());
        }
        drop(cell.end(false, |_| ()));
        reading.join().unwrap();
        assert!(matches!(cell.lock().slot, Slot::Freed));
        assert_eq!(drops.load(StdOrdering::SeqCst), 1);
    });
}

#[test]
fn loom_a_result_is_there_for_each_reader() {
    model(|| {
        let cell = claimed();
        let readers = Arc::new(Readers::new(1));
        let drops = StdArc::new(AtomicUsize::new(0));
        assert!(complete(&cell, &drops));
        drop(cell.end(false, |_| ()));
        readers.add();
        let (other, handle) = (cell.clone(), readers.clone());
        let read = |cell: &TestCell, readers: &Readers| {
            let taken = readers.take(cell);
            let there = taken.is_some() || matches!(cell.lock().slot, Slot::Value(_));
            drop(taken);
            drop(readers.remove(cell));
            there
        };
        let reading = thread::spawn(move || read(&other, &handle));
        assert!(read(&cell, &readers));
        assert!(reading.join().unwrap());
        assert!(matches!(cell.lock().slot, Slot::Freed));
        assert_eq!(drops.load(StdOrdering::SeqCst), 1);
    });
}

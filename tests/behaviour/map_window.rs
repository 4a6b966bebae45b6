//! How a map's runs go: in a window, depth first, in chunks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use millrun::prelude::*;

use crate::gate::{Calls, Gate};

#[tokio::test]
async fn no_more_than_a_window_of_runs_is_open_at_once() {
    #[derive(Clone, Default)]
    struct Open(Arc<(AtomicUsize, AtomicUsize)>);
    #[task]
    async fn open(_x: u32, gate: Gate, open: Open) {
        let now = open.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        open.0.1.fetch_max(now, Ordering::SeqCst);
        gate.pass().await;
        open.0.0.fetch_sub(1, Ordering::SeqCst);
    }
    let (gate, opened) = (Gate::new(), Open::default());
    let futures = open.map(0..10_000, unmapped(&gate), unmapped(&opened));
    let mut all = futures.clone();
    assert!(::futures::poll!(&mut all).is_pending());
    gate.arrived(1024).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(gate.count(), 1024);
    gate.open();
    futures.await.unwrap();
    assert_eq!(opened.0.1.load(Ordering::SeqCst), 1024);
    assert_eq!(gate.count(), 10_000);
}

#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<(u8, u32)>>>);

impl Order {
    fn note(&self, stage: u8, x: u32) {
        self.0.lock().unwrap().push((stage, x));
    }
}

#[test]
fn mapped_on_mapped_goes_depth_first() {
    #[task]
    fn first(x: u32, order: Order, gate: Gate) -> u32 {
        if x == 0 {
            gate.pass_blocking();
        }
        order.note(1, x);
        x
    }
    #[task]
    fn second(x: u32, order: Order) -> u32 {
        order.note(2, x);
        x
    }
    #[task]
    fn third(x: u32, order: Order) -> u32 {
        order.note(3, x);
        x
    }
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    engine.enter(|| {
        let (order, gate) = (Order::default(), Gate::new());
        let one = first.map(0..3000, unmapped(&order), unmapped(&gate));
        let two = second.map(&one, unmapped(&order));
        let three = third.map(&two, unmapped(&order));
        // Looked at, so that their windows are open.
        assert_eq!((two.count(), three.count()), (Some(3000), Some(3000)));
        gate.open();
        three.result().unwrap();
        let expected: Vec<(u8, u32)> = (0..3000).flat_map(|x| [(1, x), (2, x), (3, x)]).collect();
        let order = order.0.lock().unwrap();
        let differs = order.iter().zip(&expected).position(|(one, other)| one != other);
        assert!(
            differs.is_none(),
            "{:?}",
            differs.map(|at| &order[at.saturating_sub(3)..(at + 5).min(9000)])
        );
        assert_eq!(order.len(), 9000);
    });
}

#[test]
fn a_sequential_runner_executes_elements_in_order() {
    #[task]
    fn note(x: u32, order: Order) {
        order.note(0, x);
    }
    let engine = Engine::builder().task_runner(SequentialTaskRunner::new()).build();
    engine.enter(|| {
        let order = Order::default();
        note.map(0..2000, unmapped(&order)).result().unwrap();
        assert_eq!(*order.0.lock().unwrap(), (0..2000).map(|x| (0, x)).collect::<Vec<_>>());
    });
}

#[test]
fn the_elements_of_a_chunk_go_one_after_another_each_with_its_own_run() {
    const CHUNK: usize = 16;
    #[derive(Clone)]
    struct Busy(Arc<Vec<(AtomicBool, AtomicUsize)>>);
    #[task]
    fn alone(x: usize, busy: Busy, gate: Gate) -> String {
        // Some of the first chunk begin before it is known that there are chunks; none ends before that.
        if x < CHUNK {
            gate.pass_blocking();
        } else {
            let (executing, next) = &busy.0[x / CHUNK];
            assert!(!executing.swap(true, Ordering::SeqCst), "{x} executes beside another of its chunk");
            assert!(next.swap(x, Ordering::SeqCst) <= x, "{x} comes too late");
            std::thread::yield_now();
            executing.store(false, Ordering::SeqCst);
        }
        task_run().unwrap().name()
    }
    let busy = Busy(Arc::new((0..200).map(|_| (AtomicBool::new(false), AtomicUsize::new(0))).collect()));
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(4)).build();
    engine.enter(|| {
        let gate = Gate::new();
        let names = alone.map(0..200 * CHUNK, unmapped(&busy), unmapped(&gate)).chunked(CHUNK);
        gate.open();
        let names = names.result().unwrap();
        assert_eq!(names.len(), 200 * CHUNK);
        assert!(names[100].ends_with("[100]"), "{}", names[100]);
    });
}

#[test]
fn chunks_go_side_by_side() {
    #[task(blocking)]
    fn meet(x: usize, barrier: Arc<std::sync::Barrier>) -> usize {
        if x == 100 || x == 200 {
            barrier.wait();
        }
        x
    }
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(2)).build();
    engine.enter(|| {
        let values = meet.map(0..300, unmapped(&barrier)).chunked(50).result().unwrap();
        assert_eq!(values, (0..300).collect::<Vec<_>>());
    });
}

#[tokio::test]
async fn chunks_of_async_tasks_and_of_failing_ones_go_on() {
    #[task]
    async fn odd(x: u32) -> Result<u32, String> {
        tokio::task::yield_now().await;
        if x % 2 == 1 { Ok(x) } else { Err("even".into()) }
    }
    let outcomes = odd.map(0..100).chunked(10).outcomes().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 50);
    assert_eq!(outcomes.len(), 100);
    let all = odd.map([1; 64]).chunked(1000).await.unwrap();
    assert_eq!(all.len(), 64);
    assert_eq!(odd.map([1, 3]).chunked(0).await.unwrap(), [1, 3]);
}

#[test]
fn a_chunk_goes_on_after_a_cancelled_element() {
    #[task]
    fn count(x: u32, first: Gate, calls: Calls) -> u32 {
        if x == 0 {
            first.pass_blocking();
        }
        calls.add();
        x
    }
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    engine.enter(|| {
        let (gate, calls) = (Gate::new(), Calls::default());
        let map = count.map(0..64, unmapped(&gate), unmapped(&calls)).chunked(64);
        let futures = map.futures_blocking();
        futures[40].cancel();
        gate.open();
        map.wait();
        assert_eq!(calls.count(), 63);
        assert!(futures[40].state().is_cancelled() && futures[63].state().is_completed());
    });
}

#[task]
fn same(x: u32) -> u32 {
    x
}

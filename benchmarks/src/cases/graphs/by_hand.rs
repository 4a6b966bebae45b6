//! The same graphs with tokio and rayon alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::uneven::{Uneven, compute, tasks};

async fn plus(x: u64, y: u64) -> u64 {
    black_box(x).wrapping_add(y)
}

pub(super) async fn fan_out(n: usize) -> Duration {
    let begun = Instant::now();
    let handles: Vec<_> = (0..n as u64).map(|x| tokio::spawn(plus(x, 1))).collect();
    let mut total = 0;
    for handle in handles {
        total += handle.await.unwrap();
    }
    assert_eq!(total, sum_to(n));
    begun.elapsed()
}

pub(super) async fn fan_in(n: usize) -> Duration {
    let begun = Instant::now();
    let one = tokio::spawn(plus(1, 0)).await.unwrap();
    let many: Vec<_> = (0..n as u64).map(|x| tokio::spawn(plus(one, x))).collect();
    let sum = tokio::spawn(async {
        let mut sum = 0;
        for handle in many {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum.await.unwrap(), sum_to(n));
    begun.elapsed()
}

pub(super) fn fan_in_sync(n: usize) -> Duration {
    let begun = Instant::now();
    let one = black_box(1);
    let mut many = vec![0; n];
    rayon::scope(|scope| {
        for (x, result) in many.iter_mut().enumerate() {
            scope.spawn(move |_| *result = black_box(one) + x as u64);
        }
    });
    assert_eq!(many.iter().sum::<u64>(), sum_to(n));
    begun.elapsed()
}

/// 1 + 2 + … + n.
pub(super) fn sum_to(n: usize) -> u64 {
    (1..=n as u64).sum()
}

/// What the last task of so many gives.
pub(super) fn value_of_diamonds(n: usize) -> u64 {
    (0..n / 3).fold(1, |x: u64, _| x.wrapping_add(1).wrapping_mul(2))
}

pub(super) async fn diamond(n: usize) -> Duration {
    let begun = Instant::now();
    let mut x = tokio::spawn(plus(1, 0)).await.unwrap();
    for _ in 0..n / 3 {
        let (left, right) = (tokio::spawn(plus(x, 1)), tokio::spawn(plus(x, 1)));
        x = tokio::spawn(added(left, right)).await.unwrap();
    }
    assert_eq!(x, value_of_diamonds(n));
    begun.elapsed()
}

async fn added(left: JoinHandle<u64>, right: JoinHandle<u64>) -> u64 {
    plus(left.await.unwrap(), right.await.unwrap()).await
}

pub(super) fn diamond_sync(n: usize) -> Duration {
    let begun = Instant::now();
    let mut x = 1_u64;
    // Inside of the pool, so that nobody is woken from outside for each.
    rayon::scope(|_| {
        for _ in 0..n / 3 {
            let (left, right) = rayon::join(|| black_box(x).wrapping_add(1), || black_box(x).wrapping_add(1));
            x = left.wrapping_add(right);
        }
    });
    assert_eq!(x, value_of_diamonds(n));
    begun.elapsed()
}

pub(super) async fn tree(n: usize) -> Duration {
    let begun = Instant::now();
    let leaves = n.div_ceil(2) as u64;
    let mut level: Vec<_> = (0..leaves).map(|x| tokio::spawn(plus(x, 1))).collect();
    while level.len() > 1 {
        let mut lower = level.into_iter();
        level = std::iter::from_fn(|| Some(tokio::spawn(added(lower.next()?, lower.next()?)))).collect();
    }
    assert_eq!(level.remove(0).await.unwrap(), sum_to(leaves as usize));
    begun.elapsed()
}

pub(super) fn tree_sync(n: usize) -> Duration {
    fn sum(from: u64, to: u64) -> u64 {
        if to - from == 1 {
            return black_box(from) + 1;
        }
        let middle = u64::midpoint(from, to);
        let (left, right) = rayon::join(|| sum(from, middle), || sum(middle, to));
        left + right
    }
    let begun = Instant::now();
    let leaves = n.div_ceil(2) as u64;
    assert_eq!(sum(0, leaves), sum_to(leaves as usize));
    begun.elapsed()
}

/// The tasks of the tree, and who takes the result of each.
struct Tree {
    tasks: Vec<Uneven>,
    children: Vec<Vec<usize>>,
}

impl Tree {
    fn new(n: usize) -> Self {
        let tasks = tasks(n);
        let mut children = vec![Vec::new(); n];
        for (number, parent) in tasks.iter().enumerate().filter_map(|(i, task)| Some((i, task.parent?))) {
            children[parent].push(number);
        }
        Self { tasks, children }
    }

    fn roots(&self) -> impl Iterator<Item = usize> {
        (0..self.tasks.len()).filter(|task| self.tasks[*task].parent.is_none())
    }
}

/// Each task spawns those that take its result.
pub(super) async fn uneven(n: usize) -> Duration {
    fn spawn(tree: Arc<Tree>, task: usize, x: u64, results: UnboundedSender<u64>) {
        tokio::spawn(async move {
            let result = compute(x, tree.tasks[task].microseconds);
            for child in &tree.children[task] {
                spawn(tree.clone(), *child, result, results.clone());
            }
            results.send(result).unwrap();
        });
    }
    let begun = Instant::now();
    let tree = Arc::new(Tree::new(n));
    let (sender, mut results) = unbounded_channel();
    for root in tree.roots() {
        spawn(tree.clone(), root, 0, sender.clone());
    }
    drop(sender);
    let mut ended = 0;
    while results.recv().await.is_some() {
        ended += 1;
    }
    assert_eq!(ended, n);
    begun.elapsed()
}

pub(super) fn uneven_sync(n: usize) -> Duration {
    fn spawn<'a>(scope: &rayon::Scope<'a>, tree: &'a Tree, task: usize, x: u64) {
        scope.spawn(move |scope| {
            let result = black_box(compute(x, tree.tasks[task].microseconds));
            for child in &tree.children[task] {
                spawn(scope, tree, *child, result);
            }
        });
    }
    let begun = Instant::now();
    let tree = Tree::new(n);
    rayon::scope(|scope| {
        for root in tree.roots() {
            spawn(scope, &tree, root, 0);
        }
    });
    begun.elapsed()
}

//! The cases: what each side computes, and what has to come out.
//!
//! - `fan_out`: n tasks that know nothing of each other; the i-th takes i and gives i + 1.
//! - `chain`: n tasks, each adds one to what the one before gave.
//! - `diamond`: tasks in a row of diamonds; two add one each to the same value, a third adds these up, and so on. n tasks.
//! - `uneven`: a tree of tasks that compute for 5 to 20 µs, one in sixteen for 200.

use std::hint::black_box;

/// What the results of `fan_out` add up to.
pub fn fan_out_sum(n: usize) -> u64 {
    (1..=n as u64).sum()
}

/// How many diamonds `n` tasks are; the first task of each but the first is the last of the one before.
pub fn diamonds(n: usize) -> usize {
    n / 3
}

/// What the last task of `diamond` gives.
pub fn diamond_value(n: usize) -> u64 {
    (0..diamonds(n)).fold(1, |x: u64, _| join(x.wrapping_add(1), x.wrapping_add(1)))
}

/// The third task of a diamond.
pub fn join(left: u64, right: u64) -> u64 {
    left.wrapping_add(right)
}

/// A task of `uneven`.
#[derive(Clone, Copy)]
pub struct Uneven {
    /// The task whose result it takes; those without take zero.
    pub parent: Option<usize>,
    /// For how many microseconds it computes, about.
    pub microseconds: u64,
}

/// The tasks of `uneven`, parents first: the same ones in each run.
pub fn uneven(n: usize) -> Vec<Uneven> {
    let parent = |i: usize| (i >= 8).then(|| usize::try_from(mixed(i as u64) % i as u64).expect("below i"));
    let microseconds = |i: usize| {
        let random = mixed(!(i as u64));
        if random.is_multiple_of(16) { 200 } else { 5 + (random >> 8) % 16 }
    };
    (0..n).map(|i| Uneven { parent: parent(i), microseconds: microseconds(i) }).collect()
}

/// What a task of `uneven` computes.
pub fn compute(x: u64, microseconds: u64) -> u64 {
    (0..black_box(microseconds) * 350).fold(x, |x, _| mixed(x))
}

/// What the results of `uneven` add up to.
pub fn uneven_sum(tasks: &[Uneven]) -> u64 {
    let mut results: Vec<u64> = Vec::with_capacity(tasks.len());
    for task in tasks {
        let x = task.parent.map_or(0, |parent| results[parent]);
        results.push(compute(x, task.microseconds));
    }
    results.into_iter().fold(0, u64::wrapping_add)
}

/// One round of splitmix64.
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

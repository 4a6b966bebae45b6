//! A tree of tasks that compute for 5 to 20 µs, one in sixteen for 200: the same one in each round.

use std::hint::black_box;

/// A task of the tree.
#[derive(Clone, Copy)]
pub(super) struct Uneven {
    /// The task whose result it takes; those without take zero.
    pub(super) parent: Option<usize>,
    /// For how many microseconds it computes, about.
    pub(super) microseconds: u64,
}

/// Parents first.
pub(super) fn tasks(n: usize) -> Vec<Uneven> {
    let parent = |i: usize| (i >= 8).then(|| (mixed(i as u64) % i as u64) as usize);
    let microseconds = |i: usize| {
        let random = mixed(!(i as u64));
        if random.is_multiple_of(16) { 200 } else { 5 + (random >> 8) % 16 }
    };
    (0..n).map(|i| Uneven { parent: parent(i), microseconds: microseconds(i) }).collect()
}

/// What a task computes.
pub(in crate::cases) fn compute(x: u64, microseconds: u64) -> u64 {
    (0..black_box(microseconds) * 350).fold(x, |x, _| mixed(x))
}

/// One round of splitmix64.
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

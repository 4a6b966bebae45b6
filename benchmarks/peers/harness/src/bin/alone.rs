//! Millrun alone, in the sizes of the peers that are no Rust programs and cannot be measured in its process.

use peer_harness::{Scale, ours, runtime};

fn main() {
    let (scale, runtime) = (Scale::from_arguments(), runtime());
    // The Python programs are small at ten.
    for n in [100, 1_000].map(|n| scale.items(n)) {
        scale.in_turns("fan_out", n, vec![ours::side_of_fan_out(&runtime, n)]);
        scale.in_turns("chain", n, vec![ours::side_of_chain(&runtime, n)]);
    }
}

//! apalis beside Millrun: its queue in memory, and in an SQLite file.
//!
//! As on its page: `push` or `push_tasks`, then a worker with `concurrency(2)` and `parallelize(tokio::spawn)`. It is a queue: what a task
//! gives does not come back in memory, so a round ends when the last one has added its number to a counter; in SQLite when all rows
//! are `Done`, and `check_status` has read the results. Its `setup` sets `synchronous = OFF` on one connection of the pool and leaves the others FULL; here the level is an
//! option of the connections, and asked for.

mod in_file;
mod in_memory;

use peer_harness::{Folder, Scale, ours, runtime};

use millrun::store::Durability;

const LOCK: &str = include_str!("../Cargo.lock");

fn main() {
    let (scale, runtime, folder) = (Scale::from_arguments(), runtime(), Folder::new());
    for n in [10_000, 100_000].map(|n| scale.items(n)) {
        let sides = vec![in_memory::side(&runtime, n), ours::side_of_fan_out(&runtime, n)];
        scale.in_turns("fan_out", n, sides);
    }
    let n = scale.items(1_000);
    let mut sides: Vec<_> =
        ["OFF", "NORMAL", "FULL"].map(|asked| in_file::side(&runtime, folder.path(), n, asked)).into();
    sides.extend(
        [Durability::Relaxed, Durability::Strict]
            .map(|durability| ours::side_of_recorded_fan_out(&runtime, folder.path(), n, durability)),
    );
    scale.in_turns("recorded_fan_out", n, sides);
}

//! Keys, hits, and records beside what has to be done anyway: hashing JSON, reading and writing files by hand.
//! `cargo bench --bench results`.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use millrun::prelude::*;
use millrun_benchmarks::{Row, in_turns, print_head, time};
use twox_hash::XxHash3_128;

/// An argument whose JSON has a little more than 1 KiB.
fn argument() -> Vec<String> {
    (0..16).map(|n| format!("{n:064}")).collect()
}

#[task(cache_policy = Inputs + TaskSource)]
fn keyed(argument: &[String]) -> usize {
    argument.len()
}

#[task(cache_key = "bytes/{size}")]
fn bytes(size: usize) -> String {
    "x".repeat(size)
}

#[task]
fn plain(x: u64) -> u64 {
    x
}

fn each(count: usize, mut action: impl FnMut()) -> Duration {
    time(|| (0..count).for_each(|_| action())).0
}

fn engine(store: ResultStore) -> Engine {
    Engine::builder().task_runner(SequentialTaskRunner::new()).results(store).build()
}

fn row(name: &'static str, (ours, limit): (f64, f64), target: f64) -> bool {
    Row { name, ours, limit, target }.print()
}

fn report(name: &str, cost: f64, target: f64) -> bool {
    let met = cost <= target;
    println!("{name:<44} {cost:>10.0} ns, target {target:.0}  {}", if met { "met" } else { "MISSED" });
    met
}

fn main() {
    let folder = std::env::temp_dir().join(format!("millrun-benchmark-{}", std::process::id()));
    let mut met = keys();
    met &= hits(&folder);
    met &= transactions();
    met &= writes(&folder);
    let _ = fs::remove_dir_all(&folder);
    println!("\n{}", if met { "all targets met" } else { "some targets are missed" });
}

/// What a run with a key costs more than one whose key is constant, beside hashing the argument's JSON.
fn keys() -> bool {
    print_head("ns");
    let n = 10_000;
    let argument = argument();
    let hash = || each(n, || _ = black_box(XxHash3_128::oneshot(&serde_json::to_vec(&argument).unwrap())));
    let constant = keyed.with_cache_key("constant");
    let (with_key, without) = engine(ResultStore::memory()).enter(|| {
        let hit = || each(n, || _ = black_box(keyed(&argument).result().unwrap()));
        in_turns(n, hit, || each(n, || _ = black_box(constant.call(&argument).result().unwrap())))
    });
    let (_, json) = in_turns(1, || Duration::ZERO, hash);
    row("Inputs + TaskSource of 1 KiB / its JSON hashed", (with_key - without, json / n as f64), 3.0)
}

fn hits(folder: &Path) -> bool {
    let n = 10_000;
    let hit = || each(n, || drop(black_box(bytes(64).result().unwrap())));
    let (memory, _) = engine(ResultStore::memory()).enter(|| in_turns(n, hit, || Duration::ZERO));
    let met = report("a hit in the memory store", memory, 5_000.0);
    print_head("ns");
    let file = folder.join("by hand");
    fs::create_dir_all(folder).unwrap();
    fs::write(&file, serde_json::to_vec(&"x".repeat(64)).unwrap()).unwrap();
    let by_hand =
        || each(n, || drop(black_box(serde_json::from_slice::<String>(&fs::read(&file).unwrap()).unwrap())));
    let store = ResultStore::directory(folder.join("store")).unwrap();
    let sides = engine(store).enter(|| in_turns(n, hit, by_hand));
    met & row("a hit in a directory / reading a file by hand", sides, 3.0)
}

/// What a transaction of one task adds.
fn transactions() -> bool {
    let n = 100_000;
    let (with, without) = engine(ResultStore::memory()).enter(|| {
        let grouped =
            || each(n, || _ = black_box(transaction().run_blocking(|_| plain(1).result()).unwrap()));
        in_turns(n, grouped, || each(n, || _ = black_box(plain(1).result().unwrap())))
    });
    report("a transaction of one task over the task", with - without, 1_000.0)
}

/// 1 GB in records of 10 MB.
fn writes(folder: &Path) -> bool {
    const COUNT: usize = 100;
    const SIZE: usize = 10_000_000;
    print_head("ns");
    let text = "x".repeat(SIZE);
    let by_hand = folder.join("files");
    fs::create_dir_all(&by_hand).unwrap();
    let store = ResultStore::directory(folder.join("records")).unwrap();
    let mut ours = 0;
    let mut theirs = 0;
    let sides = in_turns(
        COUNT,
        || {
            each(COUNT, || {
                ours += 1;
                store.write_blocking(&format!("{}", ours % COUNT), &text).unwrap()
            })
        },
        || {
            each(COUNT, || {
                theirs += 1;
                fs::write(by_hand.join((theirs % COUNT).to_string()), serde_json::to_vec(&text).unwrap())
                    .unwrap();
            })
        },
    );
    row("1 GB of results / of files by hand", sides, 2.0)
}

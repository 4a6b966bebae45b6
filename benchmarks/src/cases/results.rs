//! Keys, hits, and records beside what has to be done anyway: hashing JSON, reading and writing files by hand.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use millrun::prelude::*;
use millrun_benchmarks::{Bench, time};
use twox_hash::XxHash3_128;

use super::{Case, Group};

pub(super) const GROUP: Group = Group {
    name: "results",
    about: "keys, hits and records",
    cases: &[
        Case { name: "keys", measure: keys },
        Case { name: "hits", measure: hits },
        Case { name: "transactions", measure: transactions },
        Case { name: "writes", measure: writes },
    ],
    is_long: false,
};

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

/// What a run with a key costs more than one whose key is constant, beside hashing the argument's JSON.
fn keys(bench: &mut Bench) {
    let n = bench.items(10_000);
    let argument = argument();
    let constant = keyed.with_cache_key("constant");
    engine(ResultStore::memory()).enter(|| {
        bench
            .row("a key of 1 KiB over a constant one")
            .of(n)
            .beside("its JSON hashed")
            .within(3.0)
            .over_beside(
                || each(n, || _ = black_box(keyed(&argument).result().unwrap())),
                || each(n, || _ = black_box(constant.call(&argument).result().unwrap())),
                || {
                    each(n, || {
                        _ = black_box(XxHash3_128::oneshot(&serde_json::to_vec(&argument).unwrap()));
                    })
                },
            );
    });
}

fn hits(bench: &mut Bench) {
    let n = bench.items(10_000);
    let hit = || each(n, || drop(black_box(bytes(64).result().unwrap())));
    engine(ResultStore::memory())
        .enter(|| bench.row("a hit in the memory store").of(n).at_most(5_000.0).alone(hit));
    let (file, folder) = (bench.path("json"), bench.path("store"));
    fs::write(&file, serde_json::to_vec(&"x".repeat(64)).unwrap()).unwrap();
    let by_hand =
        || each(n, || drop(black_box(serde_json::from_slice::<String>(&fs::read(&file).unwrap()).unwrap())));
    engine(ResultStore::directory(folder).unwrap()).enter(|| {
        bench
            .row("a hit in a directory")
            .of(n)
            .beside("reading a file by hand")
            .within(3.0)
            .in_turns(hit, by_hand);
    });
}

/// What a transaction of one task adds.
fn transactions(bench: &mut Bench) {
    let n = bench.items(100_000);
    engine(ResultStore::memory()).enter(|| {
        bench.row("a transaction of one task over the task").of(n).at_most(1_000.0).over(
            || each(n, || _ = black_box(transaction().run_blocking(|_| plain(1).result()).unwrap())),
            || each(n, || _ = black_box(plain(1).result().unwrap())),
        );
    });
}

/// 1 GB in records of 10 MB.
fn writes(bench: &mut Bench) {
    const COUNT: usize = 100;
    let size = if bench.is_quick() { 10_000 } else { 10_000_000 };
    let text = "x".repeat(size);
    let (by_hand, records) = (bench.path("files"), bench.path("records"));
    fs::create_dir_all(&by_hand).unwrap();
    let store = ResultStore::directory(records).unwrap();
    let (mut ours, mut theirs) = (0, 0);
    bench.row("results of 10 MB").of(COUNT).beside("files by hand").within(2.0).in_turns(
        || {
            each(COUNT, || {
                ours += 1;
                store.write_blocking(&format!("{}", ours % COUNT), &text).unwrap();
            })
        },
        || {
            each(COUNT, || {
                theirs += 1;
                let file = by_hand.join((theirs % COUNT).to_string());
                fs::write(file, serde_json::to_vec(&text).unwrap()).unwrap();
            })
        },
    );
}

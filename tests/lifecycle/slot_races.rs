//! Slots that become free while somebody is about to wait for them.

use std::sync::mpsc::channel;
use std::time::Duration;

use millrun::prelude::*;

#[task(blocking, tags = ["few"])]
fn limited(x: u32) -> u32 {
    x
}

#[test]
fn a_slot_that_becomes_free_while_a_run_lines_up_for_it_goes_to_that_run() {
    let engine =
        Engine::builder().concurrency_limit("few", 1).task_runner(ThreadPoolTaskRunner::new(2)).build();
    let (done, end) = channel();
    std::thread::spawn(move || {
        engine.enter(|| {
            for round in 0..20_000 {
                let futures = [limited.submit(round), limited.submit(round)];
                for future in &futures {
                    assert_eq!(future.result().unwrap(), round);
                }
            }
        });
        let _ = done.send(());
    });
    end.recv_timeout(Duration::from_secs(100)).expect("a run waits for a slot that it has");
}

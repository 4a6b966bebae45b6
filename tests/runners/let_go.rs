//! A flow run that is over is let go of, whatever the threads do next that have executed its runs.

use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use millrun::prelude::*;

use crate::gate::Gate;

/// What a flow run fails with: as long as that is held, it can be told.
#[derive(Debug)]
struct Broken(#[expect(dead_code, reason = "held, until it is dropped")] Sender<()>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is broken")
    }
}

impl std::error::Error for Broken {}

/// Waits until there is nobody any more who could tell.
fn is_let_go(told: &Receiver<()>) -> bool {
    told.recv_timeout(Duration::from_secs(20)) == Err(RecvTimeoutError::Disconnected)
}

#[task]
fn stays(gate: Gate) {
    gate.pass_blocking();
}

#[task]
fn sees_it_let_go(told: Receiver<()>) -> bool {
    is_let_go(&told)
}

#[flow]
fn fails(gate: Gate, tells: Sender<()>) -> Result<(), Broken> {
    stays.submit(&gate).wait();
    Err(Broken(tells))
}

#[test]
fn a_thread_that_goes_on_with_others_has_let_go_of_it() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    engine.enter(|| {
        let (gate, (tells, told)) = (Gate::new(), mpsc::channel());
        let failed = fails(gate.clone(), tells).start();
        gate.arrived_blocking(1);
        // In line, for the thread that is at the gate.
        let next = sees_it_let_go.submit(told);
        gate.open();
        assert!(failed.result().is_err());
        drop(failed);
        assert!(next.result().unwrap());
    });
}

#[test]
fn a_thread_that_has_nothing_to_do_has_let_go_of_it() {
    let engine = Engine::builder().task_runner(ThreadPoolTaskRunner::new(1)).build();
    engine.enter(|| {
        let (gate, (tells, told)) = (Gate::new(), mpsc::channel());
        gate.open();
        assert!(fails(gate, tells).result().is_err());
        assert!(is_let_go(&told));
    });
}

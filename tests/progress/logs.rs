//! What is printed while progress is shown, and writers that fail.

use std::io::{self, Write};

use millrun::prelude::*;
use millrun::progress::Progress;

use crate::gate::Gate;
use crate::{Terminal, engine};

#[task]
async fn hold(gate: Gate) {
    gate.pass().await;
}

#[flow(flow_run_name = "one")]
async fn held(gate: Gate) -> Result<(), FlowError> {
    hold.submit(gate).await?;
    Ok(())
}

const HEAD: &str = "▸ held 'one'  running  0.0 s";
const LINE: &str = "  hold  0/1  1 running";

#[test]
fn lines_stand_above_what_is_drawn() {
    let (terminal, gate) = (Terminal::new(80, 24), Gate::new());
    let progress = terminal.progress();
    let run = engine(&Clock::manual()).enter(|| held(gate.clone()).with_progress_on(&progress).start());
    gate.arrived_blocking(1);
    progress.redraw();
    assert_eq!(terminal.lines(), [HEAD, LINE]);

    progress.log_writer().write_all(b"a line\n").unwrap();
    assert_eq!(terminal.lines(), ["a line", HEAD, LINE]);

    let mut writer = progress.log_writer();
    writer.write_all(b"another ").unwrap();
    assert_eq!(terminal.lines(), ["a line", HEAD, LINE], "not before it is whole");
    writer.write_all(b"one\n").unwrap();
    assert_eq!(terminal.lines(), ["a line", "another one", HEAD, LINE]);

    write!(writer, "the last").unwrap();
    drop(writer);
    assert_eq!(terminal.lines(), ["a line", "another one", "the last", HEAD, LINE]);

    let mut below = terminal.clone();
    progress.suspend(|| {
        assert_eq!(terminal.lines(), ["a line", "another one", "the last"]);
        below.write_all(b"printed\r\n").unwrap();
        // From within it goes there directly.
        progress.log_writer().write_all(b"logged\n").unwrap();
    });
    let all = ["a line", "another one", "the last", "printed", "logged"];
    assert_eq!(terminal.lines(), [&all[..], &[HEAD, LINE]].concat());

    gate.open();
    run.result().unwrap();
    let ended = ["✓ held 'one'  Completed  0.0 s", "  hold  1/1"];
    assert_eq!(terminal.lines(), [&all[..], &ended].concat());
    progress.log_writer().write_all(b"after the end\n").unwrap();
    assert_eq!(terminal.lines(), [&all[..], &ended, &["after the end"]].concat());
}

/// A connection that is gone, in one way or another.
struct Gone(bool, Progress);

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        // What it logs itself waits for nobody.
        let _ = self.1.log_writer().write_all(b"gone\n");
        assert!(!self.0, "the writer panics on purpose");
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_writer_that_fails_harms_nobody() {
    for panics in [false, true] {
        let elsewhere = Terminal::new(80, 24).progress();
        let progress = Progress::to(Gone(panics, elsewhere), 80, 24);
        let gate = Gate::new();
        let run = engine(&Clock::manual()).enter(|| held(gate.clone()).with_progress_on(&progress).start());
        gate.arrived_blocking(1);
        progress.redraw();
        progress.log_writer().write_all(b"a line\n").unwrap();
        gate.open();
        run.result().unwrap();
    }
}

#[test]
fn a_panic_while_nothing_is_drawn_harms_nobody_else() {
    let (terminal, gate) = (Terminal::new(80, 24), Gate::new());
    let progress = terminal.progress();
    let run = engine(&Clock::manual()).enter(|| held(gate.clone()).with_progress_on(&progress).start());
    gate.arrived_blocking(1);
    let suspended = std::panic::AssertUnwindSafe(|| progress.suspend(|| panic!("on purpose")));
    assert!(std::panic::catch_unwind(suspended).is_err());
    progress.redraw();
    assert_eq!(terminal.lines(), [HEAD, LINE]);
    gate.open();
    run.result().unwrap();
}

/// Logs when it is dropped.
struct Last(Progress);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.log_writer().write_all(b"dropped\n").unwrap();
    }
}

#[test]
fn a_line_of_a_thread_that_panics_stands_above_what_is_drawn() {
    let (terminal, gate) = (Terminal::new(80, 24), Gate::new());
    let progress = terminal.progress();
    let run = engine(&Clock::manual()).enter(|| held(gate.clone()).with_progress_on(&progress).start());
    gate.arrived_blocking(1);
    progress.redraw();
    let last = Last(progress.clone());
    let panicked = std::thread::spawn(move || {
        let _last = last;
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(terminal.lines(), ["dropped", HEAD, LINE]);
    gate.open();
    run.result().unwrap();
}

#[test]
fn one_terminal_is_not_another() {
    let (first, second, gate) = (Terminal::new(80, 24), Terminal::new(80, 24), Gate::new());
    let (progress, other) = (first.progress(), second.progress());
    let engine = engine(&Clock::manual());
    let run = engine.enter(|| held(gate.clone()).with_progress_on(&other).start());
    gate.arrived_blocking(1);
    progress.suspend(|| {
        other.redraw();
        assert_eq!(second.lines(), [HEAD, LINE]);
        other.log_writer().write_all(b"a line\n").unwrap();
        assert_eq!(second.lines(), ["a line", HEAD, LINE]);
        progress.log_writer().write_all(b"another\n").unwrap();
        assert_eq!(first.lines(), ["another"]);
    });
    gate.open();
    run.result().unwrap();
}

#[test]
fn a_thread_that_panics_does_not_wait_for_one_that_waits_for_it() {
    let (terminal, gate) = (Terminal::new(80, 24), Gate::new());
    let progress = terminal.progress();
    let run = engine(&Clock::manual()).enter(|| held(gate.clone()).with_progress_on(&progress).start());
    gate.arrived_blocking(1);
    let last = Last(progress.clone());
    progress.suspend(|| {
        let panicked = std::thread::spawn(move || {
            let _last = last;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
    });
    gate.open();
    run.result().unwrap();
    assert!(terminal.lines().contains(&"dropped".to_owned()), "{:?}", terminal.lines());
}

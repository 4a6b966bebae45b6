//! SIGINT and SIGTERM, sent to a program of its own (`program.rs`).

#![cfg(unix)]

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

const INTERRUPT: i32 = 2;
const TERMINATE: i32 = 15;

struct Program {
    process: Child,
    printed: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts the program, and waits until so many bodies have begun.
    fn begun(what: &str, bodies: usize) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_signalled"))
            .arg(what)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut program = Self { process, printed };
        for _ in 0..bodies {
            program.wait_for("begun");
        }
        program
    }

    fn wait_for(&mut self, line: &str) {
        assert!(self.printed.any(|printed| printed.unwrap() == line), "`{line}` was never printed");
    }

    fn send(&self, signal: i32) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// What it has printed since, and how it ended.
    fn ended(mut self) -> (Vec<String>, ExitStatus) {
        let printed = self.printed.map(Result::unwrap).collect();
        (printed, self.process.wait().unwrap())
    }
}

/// Where a line stands among those printed.
fn place(printed: &[String], line: &str) -> usize {
    let places: Vec<_> = (0..printed.len()).filter(|n| printed[*n] == line).collect();
    assert_eq!(places.len(), 1, "`{line}` once in {printed:#?}");
    places[0]
}

#[test]
fn a_signal_crashes_what_is_open_and_then_ends_the_process() {
    for (signal, name) in [(INTERRUPT, "SIGINT"), (TERMINATE, "SIGTERM")] {
        let program = Program::begun("waiting", 3);
        program.send(signal);
        let (printed, ended) = program.ended();
        assert_eq!(ended.signal(), Some(signal), "{ended} {printed:#?}");
        let crashed = format!("Crashed('the process was stopped by {name}')");
        let flow = place(&printed, &format!("waiting - {crashed}"));
        for task in ["hang-0", "stand-0", "after-0"] {
            assert!(place(&printed, &format!("{task} - {crashed}")) < flow, "{printed:#?}");
        }
        place(&printed, &format!("hang-0 - {crashed}, later"));
        place(&printed, &format!("waiting - {crashed}, later"));
        place(&printed, "waiting from Running to Crashed");
        assert_eq!(printed.len(), 7, "{printed:#?}");
    }
}

#[test]
fn a_body_that_would_end_otherwise_is_crashed_too() {
    let program = Program::begun("forgiving", 1);
    program.send(INTERRUPT);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(INTERRUPT), "{printed:#?}");
    place(&printed, "forgiving - Crashed('the process was stopped by SIGINT')");
}

#[test]
fn a_sync_flow_on_the_main_thread_is_crashed() {
    let program = Program::begun("blocking", 2);
    program.send(INTERRUPT);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(INTERRUPT), "{printed:#?}");
    place(&printed, "hang-0 - Crashed('the process was stopped by SIGINT'), later");
    place(&printed, "after-0 - Crashed('the process was stopped by SIGINT')");
    place(&printed, "blocking - Crashed('the process was stopped by SIGINT')");
    assert_eq!(printed.len(), 4, "{printed:#?}");
}

#[test]
fn what_is_submitted_after_the_signal_is_crashed() {
    let program = Program::begun("late", 1);
    program.send(INTERRUPT);
    let (printed, _) = program.ended();
    assert!(printed.contains(&"Crashed of the late one".to_owned()), "{printed:?}");
}

#[test]
fn a_task_called_outside_of_a_flow_is_crashed() {
    let program = Program::begun("call", 1);
    program.send(TERMINATE);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(TERMINATE), "{printed:#?}");
    place(&printed, "hang-0 - Crashed('the process was stopped by SIGTERM'), later");
    assert_eq!(printed.len(), 2, "{printed:#?}");
}

#[test]
fn child_flows_are_crashed_before_their_parents() {
    let program = Program::begun("outer", 1);
    program.send(INTERRUPT);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(INTERRUPT), "{printed:#?}");
    let child = place(&printed, "forgiving - Crashed('the process was stopped by SIGINT')");
    let parent = place(&printed, "outer - Crashed('the process was stopped by SIGINT')");
    assert!(place(&printed, "hang-0 - Crashed('the process was stopped by SIGINT')") < child);
    assert!(child < parent, "{printed:#?}");
}

#[test]
fn all_engines_that_handle_signals_end_their_runs() {
    let program = Program::begun("two engines", 3);
    program.send(INTERRUPT);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(INTERRUPT), "{printed:#?}");
    place(&printed, "forgiving - Crashed('the process was stopped by SIGINT')");
    place(&printed, "waiting - Crashed('the process was stopped by SIGINT'), later");
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    let mut program = Program::begun("stubborn", 1);
    program.send(INTERRUPT);
    program.wait_for("a hook that stays");
    assert!(program.process.try_wait().unwrap().is_none());
    program.send(TERMINATE);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(TERMINATE), "{printed:#?}");
}

#[test]
fn an_engine_that_was_not_asked_leaves_signals_alone() {
    let program = Program::begun("unhandled", 3);
    program.send(TERMINATE);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(TERMINATE));
    assert!(printed.is_empty(), "{printed:#?}");
}

#[test]
fn signals_end_a_process_whose_runs_have_ended() {
    let program = Program::begun("after", 1);
    program.send(TERMINATE);
    let (printed, ended) = program.ended();
    assert_eq!(ended.signal(), Some(TERMINATE));
    assert!(printed.is_empty(), "{printed:#?}");
}

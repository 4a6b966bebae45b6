//! A flow whose processes may not live long, as functions of a cloud provider: each executes one task and ships the states to the next.
//!
//! ```text
//! cargo run --example serverless                        eight processes, one after another, with a file between them
//! cargo run --example serverless slice states.json      one process: what it is to go on from is read and written there
//! cargo run --example serverless nats 127.0.0.1:4222    a process for each message of a queue: needs a NATS server
//! ```
//!
//! The flow's body is executed in each process, and what the states say has ended is not executed again. So each task is executed once,
//! by whichever process comes to it. The last process leaves nothing PENDING, and publishes no message.
//!
//! Where `SERVERLESS_LOG` names a file, each task that is executed adds its name to it.

#[path = "serverless/nats.rs"]
mod nats;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use millrun::BoxError;
use millrun::prelude::*;
use millrun::snapshot::Snapshot;
use nats::Connection;

/// Where snapshots are published.
const SUBJECT: &str = "millrun.serverless";

fn executed(name: &str) -> io::Result<String> {
    println!("{name} is executed by process {}", std::process::id());
    if let Some(log) = std::env::var_os("SERVERLESS_LOG") {
        OpenOptions::new().append(true).create(true).open(log)?.write_all(format!("{name}\n").as_bytes())?;
    }
    Ok(name.to_owned())
}

#[task]
fn task1() -> io::Result<String> {
    executed("task1")
}

#[task]
fn task2() -> io::Result<String> {
    executed("task2")
}

#[task]
fn task3() -> io::Result<String> {
    executed("task3")
}

#[task]
fn task4(before: &str) -> io::Result<String> {
    Ok(format!("{before}, {}", executed("task4")?))
}

#[task]
fn task5() -> io::Result<String> {
    executed("task5")
}

#[task]
fn task6(before: &str) -> io::Result<String> {
    Ok(format!("{before}, {}", executed("task6")?))
}

#[task]
fn task7(before: &str) -> io::Result<String> {
    Ok(format!("{before}, {}", executed("task7")?))
}

#[task]
fn task8() -> io::Result<String> {
    executed("task8")
}

/// What one task gives goes to the next, from process to process.
#[flow]
fn eight_tasks() -> Result<String, FlowError> {
    let (t1, t2) = (task1.submit(), task2.submit());
    let t3 = task3.wait_for((&t1, &t2)).submit();
    let t4 = task4.submit(&t3);
    let t5 = task5.wait_for(&t4).submit();
    let t6 = task6.submit(&t4);
    let t7 = task7.wait_for(&t2).submit(&t6);
    let t8 = task8.wait_for((&t2, &t3)).submit();
    t5.result()?;
    t8.result()?;
    Ok(t7.result()?)
}

/// Executes one more task.
fn slice(before: Snapshot) -> Result<Snapshot, BoxError> {
    let slice = eight_tasks().with_snapshot(before).stop_after(1).report_blocking();
    let after = slice.snapshot();
    if after.is_done() {
        println!("done: {}", slice.result().map_err(FlowError::clone)?);
    }
    Ok(after)
}

/// One slice, from a file and back into it. Whether it was the last.
fn slice_of_file(states: &Path) -> Result<bool, BoxError> {
    let before = if states.exists() { serde_json::from_slice(&fs::read(states)?)? } else { Snapshot::new() };
    let after = slice(before)?;
    // Replaced as a whole, so that a process that dies here leaves the states of the one before.
    let next = states.with_extension("next");
    fs::write(&next, serde_json::to_vec_pretty(&after)?)?;
    fs::rename(&next, states)?;
    Ok(after.is_done())
}

/// One slice, from the message on standard input; the next message is published, unless nothing is left.
fn slice_of_message(address: &str, subject: &str) -> Result<(), BoxError> {
    let mut message = Vec::new();
    io::stdin().read_to_end(&mut message)?;
    let before = if message.is_empty() { Snapshot::new() } else { serde_json::from_slice(&message)? };
    let after = slice(before)?;
    let message = if after.is_done() { Vec::new() } else { serde_json::to_vec(&after)? };
    Connection::open(address)?.publish(subject, &message)?;
    Ok(())
}

/// What the cloud provider does: it starts a process for each message. An empty one says that there is nothing left.
fn serve(address: &str) -> Result<(), BoxError> {
    let mut queue = Connection::open(address)?;
    let subject = format!("{SUBJECT}.{}", std::process::id());
    queue.subscribe(&subject)?;
    let mut message = Vec::new();
    loop {
        let mut function = Command::new(std::env::current_exe()?)
            .args(["function", address, &subject])
            .stdin(Stdio::piped())
            .spawn()?;
        function.stdin.take().ok_or("the process has no standard input")?.write_all(&message)?;
        if !function.wait()?.success() {
            return Err("the process has failed".into());
        }
        message = queue.next()?;
        if message.is_empty() {
            return Ok(());
        }
    }
}

/// Starts processes until nothing is left, with a file between them.
fn play() -> Result<(), BoxError> {
    let file = std::env::temp_dir().join(format!("serverless-{}.json", std::process::id()));
    let mut is_done = false;
    while !is_done {
        let status = Command::new(std::env::current_exe()?).arg("slice").arg(&file).status()?;
        if !status.success() {
            return Err("the process has failed".into());
        }
        is_done = serde_json::from_slice::<Snapshot>(&fs::read(&file)?)?.is_done();
    }
    fs::remove_file(&file)?;
    Ok(())
}

fn main() -> Result<(), BoxError> {
    millrun::logging::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => play(),
        ["slice", file] => slice_of_file(file.as_ref()).map(drop),
        ["nats"] => serve("127.0.0.1:4222"),
        ["nats", address] => serve(address),
        ["function", address, subject] => slice_of_message(address, subject),
        _ => Err("usage: serverless [slice FILE | nats [HOST:PORT]]".into()),
    }
}

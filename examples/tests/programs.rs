//! The small examples as their user sees them: each is run, and what it prints is looked at.

mod example;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use example::{Printed, example};

/// Runs an example that succeeds.
fn run(name: &str) -> Printed {
    let printed = Printed::from(example(name).output().unwrap());
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    printed
}

/// The states in which the runs finished, by the log, with the task run's name before each.
fn finished(log: &str) -> Vec<String> {
    log.lines()
        .filter_map(|line| line.split_once("Task run '"))
        .filter_map(|(_, line)| line.split_once("' - Finished in state "))
        .map(|(name, state)| format!("{name} {state}"))
        .collect()
}

#[test]
fn hello_world() {
    let printed = run("hello_world");
    assert_eq!(printed.stdout, "hello, world!\n");
    assert_eq!(finished(&printed.stderr), ["get_name-0 Completed()", "hello-0 Completed()"]);
}

#[test]
fn resume() {
    let home = tempfile::tempdir().unwrap();
    let program = || {
        let mut command = example("resume");
        command.env("MILLRUN_HOME", home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut killed = program();
    let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines();
    let step = |n: u32| format!("step {n} is executed");
    assert!(lines.any(|line| line.unwrap() == step(3)));
    killed.kill().unwrap();
    killed.wait().unwrap();

    let printed = Printed::from(program().wait_with_output().unwrap());
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert!(lines[0].contains("is Crashed('its process"), "{}", printed.stdout);
    assert!(lines.contains(&"step 2 was done before"), "{}", printed.stdout);
    assert!(!lines.contains(&&*step(2)), "{}", printed.stdout);
    assert!(lines.contains(&&*step(10)), "{}", printed.stdout);
    assert_eq!(lines.last(), Some(&"The sum of all steps is 55."));

    // There is nothing to go on with: another flow run begins.
    let printed = Printed::from(program().wait_with_output().unwrap());
    assert!(printed.stdout.starts_with(&step(1)), "{}", printed.stdout);
}

/// Whether each of the eight tasks stands once in the log.
fn assert_each_once(log: &Path) {
    let mut executed: Vec<String> = fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect();
    executed.sort();
    assert_eq!(executed, (1..=8).map(|n| format!("task{n}")).collect::<Vec<_>>());
}

const ALL_DONE: &str = "done: task3, task4, task6, task7";

#[test]
fn serverless() {
    let folder = tempfile::tempdir().unwrap();
    let (states, log) = (folder.path().join("states.json"), folder.path().join("log"));
    for process in 1..=8 {
        let mut command = example("serverless");
        command.arg("slice").arg(&states).env("SERVERLESS_LOG", &log);
        let printed = Printed::from(command.output().unwrap());
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), process, "{}", printed.stderr);
        let is_last = printed.stdout.lines().last() == Some(ALL_DONE);
        assert_eq!(is_last, process == 8, "{}", printed.stdout);
    }
    assert_each_once(&log);

    // What is done stays done.
    let mut command = example("serverless");
    command.arg("slice").arg(&states).env("SERVERLESS_LOG", &log);
    assert_eq!(Printed::from(command.output().unwrap()).stdout.trim_end(), ALL_DONE);
    assert_each_once(&log);
}

#[test]
fn serverless_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let printed = Printed::from(example("serverless").env("SERVERLESS_LOG", &log).output().unwrap());
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert_eq!(printed.stdout.lines().last(), Some(ALL_DONE));
    assert_each_once(&log);
}

#[test]
fn serverless_over_nats() {
    let address = std::env::var("MILLRUN_TEST_NATS").unwrap_or_else(|_| "127.0.0.1:4222".to_owned());
    if std::env::var_os("MILLRUN_TEST_NATS").is_none() && TcpStream::connect(&address).is_err() {
        eprintln!(
            "left out: the example with NATS. Name a server that it may use: \
             MILLRUN_TEST_NATS=host:4222 cargo test -p millrun-examples"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = example("serverless");
    command.args(["nats", &address]).env("SERVERLESS_LOG", &log);
    let printed = Printed::from(command.output().unwrap());
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert_eq!(printed.stdout.lines().last(), Some(ALL_DONE));
    assert_each_once(&log);
    // A process for each message.
    let mut processes: Vec<&str> = printed
        .stdout
        .lines()
        .filter_map(|line| line.split_once(" is executed by "))
        .map(|(_, by)| by)
        .collect();
    processes.dedup();
    assert_eq!(processes.len(), 8);
}

#[test]
fn parameterize() {
    let printed = run("parameterize");
    assert_eq!(printed.stdout, "hello, koji!\n");
    assert_eq!(finished(&printed.stderr), ["get_name-0 Completed()", "hello-0 Completed()"]);
}

#[test]
fn dependencies() {
    let printed = run("dependencies");
    assert_eq!(printed.stdout, "hello\nworld\n");
    assert_eq!(finished(&printed.stderr), ["task1-0 Completed()", "task2-0 Completed()"]);
}

#[test]
fn transactions() {
    let printed = run("transactions");
    let expected = "checked: it stays\nannounced: published.txt is there\n\
                    rolled back: draft.txt is gone\nthe draft was refused: 2 words are too few\n";
    assert_eq!(printed.stdout, expected);
    let states = finished(&printed.stderr);
    assert!(states.contains(&"write_file-0 RolledBack(type=COMPLETED)".to_owned()), "{states:?}");
}

#[test]
fn caching() {
    let printed = run("caching");
    let day = |day| format!("{day}/fetch_orders.txt\n{day}/total.txt\n");
    let runs =
        ["computed", "read", "computed"].map(|what| format!("{what}: [\"fetch_orders\", \"total\"]\n"));
    assert_eq!(printed.stdout, runs.concat() + &day("2020-01-02") + &day("2020-01-03"));
    let computed = ["fetch_orders-0 Completed()", "total-0 Completed()"];
    let read = ["fetch_orders-0 Cached(type=COMPLETED)", "total-0 Cached(type=COMPLETED)"];
    assert_eq!(finished(&printed.stderr), [computed, read, computed].concat());
}

#[test]
fn dynamic_flow() {
    let printed = run("dynamic_flow");
    let states = finished(&printed.stderr);
    let length = states.len() as u64 - 2;
    assert!((1..=10).contains(&length), "{states:?}");
    let squares: Vec<_> = (0..length).map(|x| x * x).collect();
    let sum: u64 = squares.iter().sum();
    assert_eq!(printed.stdout, format!("Squared results: {squares:?}\nSum: {sum}\n"));
    assert_eq!(states[0], "random_list-0 Completed()");
    for i in 0..length {
        assert!(states.contains(&format!("squared[{i}] Completed()")), "{states:?}");
    }
    assert_eq!(states.last().unwrap(), "sum_up-0 Completed()");
}

#[test]
fn with_cleanup() {
    let printed = run("with_cleanup");
    assert_eq!(printed.stdout, "Clean Up!\nFailed('Some reference tasks failed.')\n");
    assert_eq!(
        finished(&printed.stderr),
        [
            "create_instance-0 Completed()",
            "maybe_failed-0 Failed('Task run encountered an exception: Failed!!')",
            "cleanup-0 Completed()"
        ]
    );
    let last = printed.stderr.lines().last().unwrap();
    assert!(last.ends_with("Finished in state Failed('Some reference tasks failed.')"), "{last}");
}

#[test]
fn greetings() {
    let printed = run("greetings");
    let names = ["arthur", "trillian", "ford", "marvin"];
    let in_order: Vec<_> =
        names.iter().flat_map(|name| [format!("hello {name}"), format!("goodbye {name}")]).collect();
    let lines: Vec<_> = printed.stdout.lines().collect();
    let runners: Vec<_> = lines.chunks(9).collect();
    assert_eq!(
        runners.iter().map(|lines| lines[0]).collect::<Vec<_>>(),
        ["sequentially", "concurrently", "in parallel"]
    );
    assert_eq!(runners[0][1..], in_order);
    let sorted = |lines: &[&str]| {
        let mut lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        lines.sort();
        lines
    };
    for runner in &runners[1..] {
        assert_eq!(sorted(&runner[1..]), sorted(&runners[0][1..]));
    }
}

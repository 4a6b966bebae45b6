//! Processes that write one record, and processes that are killed while they do.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use millrun::result::{Missing, Read, ResultStore};

use crate::folder::Folder;

/// How long what is written is: long enough for a write to be met.
const LENGTH: usize = 1_000_000;
const KILLED: usize = 40;

pub(crate) struct Keeper {
    process: Child,
    printed: Lines<BufReader<ChildStdout>>,
}

impl Keeper {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keeper"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, printed }
    }

    pub(crate) fn line(&mut self) -> String {
        self.printed.next().unwrap().unwrap()
    }

    pub(crate) fn go_on(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// What it has said since.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.printed.by_ref().map_while(Result::ok).collect()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn staged(folder: &Path) -> usize {
    std::fs::read_dir(folder.join(".staging")).map_or(0, Iterator::count)
}

#[test]
fn who_is_killed_while_it_writes_leaves_what_was_there() {
    let folder = Folder::new();
    let store = ResultStore::directory(folder.path()).unwrap();
    let mut left = 0;
    let mut last = 0;
    for round in 0..KILLED {
        let length = LENGTH.to_string();
        let mut keeper = Keeper::start(&["keep on writing", folder.text(), "k", "x", &length]);
        let mut said = Vec::new();
        if round == 0 {
            // Killed in its very first write: there is no record, or all of it.
            while staged(folder.path()) == 0 {
                std::thread::yield_now();
            }
        } else if round % 2 == 0 {
            // While a file is being written.
            said.push(keeper.line());
            while staged(folder.path()) == 0 {
                std::thread::yield_now();
            }
        } else {
            // Anywhere.
            said.extend((0..=round % 4).map(|_| keeper.line()));
            (0..round * 97).for_each(|_| std::thread::yield_now());
        }
        said.extend(keeper.kill());
        left += staged(folder.path());

        let acknowledged = said.last().map_or(last, |number| number.parse().unwrap());
        match store.read_blocking::<(u64, String)>("k").unwrap() {
            Read::Found(record) => {
                let (number, text) = record.value;
                assert!(number >= acknowledged, "{number} is there, and {acknowledged} was written");
                assert!(text.len() == LENGTH && text.bytes().all(|letter| letter == b'x'));
                last = number;
            }
            Read::Missing(missing) => assert_eq!((missing, acknowledged), (Missing::None, 0)),
        }
    }
    assert!(left > 0, "not one of {KILLED} was killed while it wrote");
    // What they have left is nobody's record, and goes with the next write.
    store.write_blocking("other", &1).unwrap();
    assert_eq!(folder.files(), ["k", "other"]);
}

#[test]
fn two_processes_write_one_record() {
    let folder = Folder::new();
    let length = (LENGTH / 10).to_string();
    let mut writers = ["a", "b", "c"]
        .map(|letter| Keeper::start(&["keep on writing", folder.text(), "k", letter, &length]));
    for writer in &mut writers {
        writer.line();
    }
    let store = ResultStore::directory(folder.path()).unwrap();
    for _ in 0..100 {
        let Read::Found(record) = store.read_blocking::<(u64, String)>("k").unwrap() else {
            panic!("it is there")
        };
        let text = record.value.1;
        let first = text.as_bytes()[0];
        assert!(text.len() == LENGTH / 10 && text.bytes().all(|letter| letter == first));
        assert!(store.exists_blocking("k").unwrap());
    }
    // All of them went on.
    for writer in &mut writers {
        writer.line();
    }
    writers.into_iter().for_each(|writer| drop(writer.kill()));
}

#[test]
fn nobody_takes_the_file_of_one_that_lives() {
    let folder = Folder::new();
    let length = LENGTH.to_string();
    let mut writer = Keeper::start(&["keep on writing", folder.text(), "k", "x", &length]);
    writer.line();
    for n in 0..50 {
        // Each new store looks for what the dead have left.
        let store = ResultStore::directory(folder.path()).unwrap();
        store.write_blocking("other", &n).unwrap();
    }
    writer.line();
    drop(writer.kill());
}

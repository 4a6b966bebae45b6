//! A program in a terminal of its own, a real one, and where there is none.

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::lines_of;

fn program(argument: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shown"));
    command.arg(argument).env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("MILLRUN_LOGGING_LEVEL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A program whose standard error is a terminal.
struct Shown {
    process: Child,
    reading: JoinHandle<Vec<u8>>,
    size: (u16, u16),
}

impl Shown {
    fn start(mut command: Command, columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = ptsname(&ours, Vec::new()).unwrap();
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
        let size = (24, columns);
        tcsetwinsize(&ours, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let theirs = File::options().read(true).write(true).open(path).unwrap();
        let process = command.stderr(theirs).spawn().unwrap();
        // Only the process has the other side open from now on: reading ends when it does.
        drop(command);
        let reading = std::thread::spawn(move || {
            let (mut ours, mut all, mut some) = (File::from(ours), Vec::new(), [0; 4096]);
            while let Ok(count @ 1..) = ours.read(&mut some) {
                all.extend_from_slice(&some[..count]);
            }
            all
        });
        Self { process, reading, size }
    }

    /// Lets the program go on, and waits for its end: what it has printed, and what it has written to the terminal.
    fn ended(mut self) -> (String, Vec<u8>, (u16, u16)) {
        // It may be gone already.
        let _ = self.process.stdin.take().unwrap().write_all(b"go on\n");
        let printed = self.process.wait_with_output().unwrap();
        (String::from_utf8(printed.stdout).unwrap(), self.reading.join().unwrap(), self.size)
    }
}

/// What stands in a terminal after that was written to it.
fn screen(written: &[u8], (rows, columns): (u16, u16)) -> Vec<String> {
    let mut parser = vt100::Parser::new(rows, columns, 0);
    parser.process(written);
    assert!(!parser.screen().hide_cursor());
    lines_of(parser.screen())
}

fn without_times(lines: &[String]) -> Vec<String> {
    let word = |word: &str| word.ends_with("/s") || word.ends_with("/min") || word.parse::<f64>().is_ok();
    let line = |line: &String| {
        let words = line.split_whitespace().filter(|text| !word(text) && *text != "s");
        words.collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(line).collect()
}

#[test]
fn what_was_done_stays_in_the_terminal() {
    for columns in [80, 40] {
        let (printed, written, size) = Shown::start(program(""), columns).ended();
        assert_eq!(printed, "328350\n");
        let lines = screen(&written, size);
        let bars = |line: &str| line.matches('━').count();
        assert_eq!(lines.iter().map(|line| bars(line)).max(), Some(if columns == 80 { 20 } else { 0 }), "{lines:#?}");
        let plain: Vec<_> = lines.iter().map(|line| line.replace('━', "")).collect();
        let plain = without_times(&plain);
        let panic = plain.iter().position(|line| line.contains("panicked at")).expect("the panic is told");
        assert_eq!(plain[panic + 1], "a task panics", "{lines:#?}");
        assert!(plain.contains(&"printed by a task".to_owned()), "{lines:#?}");
        let ended = &plain[plain.len() - 4..];
        assert_eq!(ended[0], "✓ shown 'shown' Completed");
        assert_eq!(ended[1], "square 100/100");
        assert_eq!(ended[2], "fragile 10/10 1 failed");
        assert_eq!(ended[3], "ask 1/1");
        assert_eq!(lines.iter().filter(|line| line.contains("shown 'shown'")).count(), 1, "{lines:#?}");
    }
}

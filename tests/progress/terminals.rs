//! A program in a terminal of its own, a real one, and where there is none.

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::lines_of;

fn program(argument: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shown"));
    command
        .arg(argument)
        .env("TERM", "xterm-256color")
        .env("RUST_BACKTRACE", "0")
        .env_remove("NO_COLOR")
        .env_remove("MILLRUN_LOGGING_LEVEL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A program whose standard error is a terminal.
struct Shown {
    process: Child,
    reading: JoinHandle<()>,
    read: Arc<(Mutex<Vec<u8>>, Condvar)>,
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
        let read = Arc::<(Mutex<Vec<u8>>, Condvar)>::default();
        let all = read.clone();
        let reading = std::thread::spawn(move || {
            let (mut ours, mut some) = (File::from(ours), [0; 4096]);
            while let Ok(count @ 1..) = ours.read(&mut some) {
                all.0.lock().unwrap().extend_from_slice(&some[..count]);
                all.1.notify_all();
            }
        });
        Self { process, reading, read, size }
    }

    /// Waits until that was written to the terminal.
    fn wait_for(&self, text: &str) {
        let has_it = |read: &Vec<u8>| String::from_utf8_lossy(read).contains(text);
        drop(self.read.1.wait_while(self.read.0.lock().unwrap(), |read| !has_it(read)).unwrap());
    }

    /// Lets the program go on, and waits for its end: what it has printed, and what it has written to the terminal.
    fn ended(mut self) -> (String, Vec<u8>, (u16, u16)) {
        self.process.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
        self.gone()
    }

    /// Waits for the end of the program, which is not let go on before.
    fn gone(mut self) -> (String, Vec<u8>, (u16, u16)) {
        let _open = self.process.stdin.take();
        let printed = self.process.wait_with_output().unwrap();
        self.reading.join().unwrap();
        let read = std::mem::take(&mut *self.read.0.lock().unwrap());
        (String::from_utf8(printed.stdout).unwrap(), read, self.size)
    }
}

/// What stands in a terminal after that was written to it.
fn screen(written: &[u8], (rows, columns): (u16, u16)) -> Vec<String> {
    let mut parser = vt100::Parser::new(rows, columns, 0);
    parser.process(written);
    assert!(!parser.screen().hide_cursor());
    lines_of(parser.screen())
}

/// What stands in a line, without bars and rates.
fn words(line: &str) -> String {
    let is_told = |word: &&str| !word.contains('━') && !word.ends_with("/s") && !word.ends_with("/min");
    line.split_whitespace().filter(is_told).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_was_done_stays_in_the_terminal() {
    for columns in [80, 40] {
        let (printed, written, size) = Shown::start(program(""), columns).ended();
        assert_eq!(printed, "328350\n");
        let lines = screen(&written, size);
        let bar = lines.iter().map(|line| line.matches('━').count()).max();
        assert_eq!(bar, Some(if columns == 80 { 20 } else { 0 }), "{lines:#?}");
        let plain: Vec<_> = lines.iter().map(|line| words(line)).collect();
        assert!(plain.contains(&"a task panics".to_owned()), "{lines:#?}");
        assert!(plain.contains(&"printed by a task".to_owned()), "{lines:#?}");
        let ended = &plain[plain.len() - 4..];
        assert!(ended[0].starts_with("✓ shown 'shown' Completed "), "{lines:#?}");
        assert_eq!(ended[1], "square 100/100");
        assert_eq!(ended[2], "fragile 10/10 1 failed");
        assert_eq!(ended[3], "ask 1/1");
        assert_eq!(lines.iter().filter(|line| line.contains("shown 'shown'")).count(), 1, "{lines:#?}");
    }
}

#[test]
fn log_lines_stand_above() {
    let (_, written, size) = Shown::start(program("logs"), 80).ended();
    let lines = screen(&written, size);
    let first = lines.iter().rposition(|line| line.contains("shown 'shown'")).unwrap();
    assert_eq!(first, lines.len() - 4, "{lines:#?}");
    let is_log = |line: &String| line.contains(" | INFO    | Task run '");
    assert!(lines[..first].iter().filter(|line| is_log(line)).count() > 10, "{lines:#?}");
    assert!(lines[first - 1].contains("Flow run 'shown' - Finished"), "{lines:#?}");
}

#[test]
fn without_a_terminal_nothing_is_drawn() {
    let mut command = program("");
    command.stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    let printed = process.wait_with_output().unwrap();
    assert_eq!(printed.stdout, b"328350\n");
    let said = String::from_utf8(printed.stderr).unwrap();
    assert!(said.contains("printed by a task") && said.contains("a task panics"), "{said}");
    assert!(!said.contains('\x1b') && !said.contains("shown 'shown'"), "{said}");
}

#[test]
fn a_dumb_terminal_gets_nothing_and_no_colour_where_none_is_wanted() {
    let mut dumb = program("");
    dumb.env("TERM", "dumb");
    let (_, written, size) = Shown::start(dumb, 80).ended();
    assert!(!written.contains(&b'\x1b'));
    assert!(!screen(&written, size).iter().any(|line| line.contains("shown 'shown'")));

    let has_colours = |written: &[u8]| written.windows(3).any(|text| text == b"\x1b[3");
    let mut plain = program("");
    plain.env("NO_COLOR", "1");
    assert!(!has_colours(&Shown::start(plain, 80).ended().1));
    assert!(has_colours(&Shown::start(program(""), 80).ended().1));
}

#[test]
fn a_signal_leaves_the_terminal_with_the_last_picture() {
    let shown = Shown::start(program(""), 80);
    let id = shown.process.id().to_string();
    // The task that asks has not ended before: nobody has answered.
    shown.wait_for("  ask");
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let (printed, written, size) = shown.gone();
    assert_eq!(printed, "");
    let lines = screen(&written, size);
    assert!(lines.iter().any(|line| line.starts_with("✗ shown 'shown'  Crashed")), "{lines:#?}");
}

//! What is logged in this process, by whichever test.

use std::io::{self, Write};
use std::sync::{Mutex, Once};

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl Write for Writer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on the logs are kept. A test calls this first, and then looks for what nobody else logs: the names of its runs.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let kept = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_writer(|| Writer);
        kept.init();
    });
}

/// The lines that have all of these words in them, without the spans that they stand in.
pub(crate) fn with(words: &[&str]) -> Vec<String> {
    let logged = String::from_utf8(LOGGED.lock().unwrap().clone()).unwrap();
    let found = logged.lines().filter(|line| words.iter().all(|word| line.contains(word)));
    found.map(|line| line.trim_start().to_owned()).collect()
}

//! A file is written and checked; what does not pass the check is taken back.
//!
//! `cargo run --example transactions` prints, beside the log,
//!
//! ```text
//! checked: it stays
//! announced: published.txt is there
//! rolled back: draft.txt is gone
//! the draft was refused: 2 words are too few
//! ```

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use millrun::prelude::*;

#[task(on_commit = announce, on_rollback = delete_file)]
fn write_file(path: PathBuf, contents: String) -> io::Result<PathBuf> {
    if let Some(txn) = current_transaction() {
        txn.set("path", &path)?; // for the hooks
    }
    fs::write(&path, contents)?;
    Ok(path)
}

fn announce(txn: &Transaction) -> io::Result<()> {
    if let Some(path) = txn.get::<PathBuf>("path")? {
        println!("announced: {} is there", name_of(&path));
    }
    Ok(())
}

fn delete_file(txn: &Transaction) -> io::Result<()> {
    if let Some(path) = txn.get::<PathBuf>("path")? {
        fs::remove_file(&path)?;
        println!("rolled back: {} is gone", name_of(&path));
    }
    Ok(())
}

fn name_of(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[task]
fn check_quality(path: &Path) -> Result<(), FlowError> {
    let words = fs::read_to_string(path).map_err(FlowError::msg)?.split_whitespace().count();
    if words < 3 { Err(FlowError::msg(format!("{words} words are too few"))) } else { Ok(()) }
}

#[flow]
fn publish(path: PathBuf, contents: String) -> Result<(), FlowError> {
    transaction().run_blocking(|_txn| {
        let path = write_file.submit(path, contents).result()?;
        check_quality(&path).result()?; // an error takes the file back
        println!("checked: it stays");
        Ok(())
    })
}

fn main() -> io::Result<()> {
    millrun::logging::init();
    let folder = env::temp_dir().join(format!("millrun-transactions-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let published = publish(folder.join("published.txt"), "enough to be read".into()).result();
    let refused = publish(folder.join("draft.txt"), "too short".into()).result();
    if let Err(error) = refused {
        println!("the draft was refused: {error}");
    }
    fs::remove_dir_all(&folder)?;
    published.map_err(io::Error::other)
}

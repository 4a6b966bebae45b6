//! Where results grow until they are whole.
//!
//! The final names never hold half a file, whenever the process ends: everything is written in a folder of its own
//! inside the output folder, thus on the same file system, and renamed at the very end.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

/// This process's working folder for results that go to `out`.
pub fn path(out: &Path) -> PathBuf {
    out.join(format!(".flights-{}", process::id()))
}

/// Makes a working folder inside `out`, and `out` itself where it is not there.
///
/// # Errors
/// Where that cannot be done.
pub fn create(out: &Path) -> Result<PathBuf> {
    let folder = path(out);
    let made = fs::create_dir_all(out).and_then(|()| match fs::create_dir(&folder) {
        // A killed process of the same number left it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir_all(&folder)?;
            fs::create_dir(&folder)
        }
        made => made,
    });
    made.with_context(|| format!("cannot write to {}", out.display()))?;
    Ok(folder)
}

/// Writes a file in the working folder.
///
/// # Errors
/// Where `write` fails, or the disk does.
pub fn write<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> Result<T> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        let value = write(&mut file)?;
        file.flush()?;
        Ok(value)
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Writes `header` and then all `parts`, in order, to `path`.
///
/// # Errors
/// Where a part cannot be read, or the disk is full.
pub fn assemble(path: &Path, header: &str, parts: &[&Path]) -> Result<()> {
    write(path, |table| {
        writeln!(table, "{header}")?;
        for part in parts {
            io::copy(&mut File::open(part)?, table)?;
        }
        Ok(())
    })
}

/// Moves a finished file into `out`, over what an earlier run left there, which stays beside the finished ones. It is safely on
/// disk before that.
///
/// # Errors
/// Where the file cannot be moved.
pub fn publish(out: &Path, finished: &Path) -> Result<PathBuf> {
    let file = published(out, finished)?;
    let moved = File::options().append(true).open(finished).and_then(|finished| finished.sync_all());
    let moved = moved.and_then(|()| {
        // It has two names for a while: whenever the process ends, the final one is that of a whole file.
        let earlier = earlier(finished);
        let kept = fs::hard_link(&file, &earlier).or_else(|_| fs::copy(&file, &earlier).map(drop));
        match kept {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(finished, &file),
        }
    });
    moved.with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Undoes [`publish`]: what an earlier run left has its name again.
///
/// # Errors
/// Where a file cannot be moved.
pub fn take_back(out: &Path, finished: &Path) -> Result<()> {
    let file = published(out, finished)?;
    let moved = match fs::rename(earlier(finished), &file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_file(&file),
        moved => moved,
    };
    moved.with_context(|| format!("cannot take back {}", file.display()))
}

fn published(out: &Path, finished: &Path) -> Result<PathBuf> {
    Ok(out.join(finished.file_name().context("a file has a name")?))
}

fn earlier(finished: &Path) -> PathBuf {
    finished.with_extension("earlier")
}

/// Removes the working folder with whatever is in it, if it is there.
///
/// # Errors
/// Where that cannot be done.
pub fn remove(folder: &Path) -> Result<()> {
    loop {
        match fs::remove_dir_all(folder) {
            // Somebody was still writing; nobody begins anew, so this ends.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => return removed.with_context(|| format!("cannot remove {}", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_files_get_the_final_names() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("not/there/yet");
        let folder = create(&out).unwrap();
        assert_eq!(create(&out).unwrap(), folder, "what a killed process left is swept away");
        let parts = ["1.csv", "2.csv"].map(|name| folder.join(name));
        for part in &parts {
            write(part, |file| writeln!(file, "{}", part.file_stem().unwrap().display())).unwrap();
        }
        let table = folder.join("table.csv");
        assemble(&table, "n", &parts.each_ref().map(PathBuf::as_path)).unwrap();
        assert!(!out.join("table.csv").exists());
        assert_eq!(publish(&out, &table).unwrap(), out.join("table.csv"));
        remove(&folder).unwrap();
        remove(&folder).unwrap();
        assert_eq!(fs::read_to_string(out.join("table.csv")).unwrap(), "n\n1\n2\n");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    }

    #[test]
    fn what_is_taken_back_leaves_what_was_there() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path();
        let folder = create(out).unwrap();
        let finished = folder.join("table.csv");
        let publish_one = |text: &str| {
            write(&finished, |file| write!(file, "{text}")).unwrap();
            publish(out, &finished).unwrap()
        };
        let file = publish_one("first");
        take_back(out, &finished).unwrap();
        assert!(!file.exists());
        fs::write(&file, "earlier").unwrap();
        publish_one("second");
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
        take_back(out, &finished).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "earlier");
    }

    #[test]
    fn a_failure_names_the_file() {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("missing/table.csv");
        let error = write(&path, |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}", path.display())), "{error}");
    }
}

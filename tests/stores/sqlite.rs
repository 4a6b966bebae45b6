//! What a store in a file promises beside the suite.

use std::path::Path;

use millrun::store::{Durability, RunQuery, RunStore, SqliteRunStore, StoreError};
use rusqlite::Connection;

use crate::batches::{self, RUNS, batch};
use crate::folder::Folder;
use crate::process::Process;

fn open(path: impl AsRef<Path>) -> SqliteRunStore {
    SqliteRunStore::open_blocking(path).unwrap()
}

fn refused(path: &Path) -> String {
    let error: StoreError = SqliteRunStore::open_blocking(path).unwrap_err();
    assert!(!error.is_temporary(), "{error}");
    error.to_string().replace(&path.display().to_string(), "PATH")
}

fn count(store: &SqliteRunStore) -> u64 {
    store.count(&RunQuery::task_runs()).unwrap().iter().map(|count| count.count).sum()
}

#[tokio::test]
async fn a_store_is_opened_in_async_programs_and_elsewhere() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    let store = SqliteRunStore::open(&path).await.unwrap();
    assert_eq!(store.path(), path);
    assert_eq!(store.name(), format!("sqlite:{}", path.display()));
    let elsewhere =
        std::thread::spawn(move || futures::executor::block_on(SqliteRunStore::open(path)).is_ok());
    assert!(elsewhere.join().unwrap());
}

#[test]
fn a_path_that_is_a_directory_is_refused() {
    let folder = Folder::new();
    let said = refused(folder.path());
    assert_eq!(said, "failed to open the run store `PATH`: it is a directory; name a file in it");
}

#[test]
fn no_path_is_refused() {
    let said = SqliteRunStore::open_blocking("").unwrap_err().to_string();
    assert_eq!(said, "failed to open the run store ``: a run store is a file, and this names none");
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let folder = Folder::new();
    let missing = folder.path().join("missing");
    let said = refused(&missing.join("runs.db"));
    let expected = format!(
        "failed to open the run store `PATH`: there is no directory `{}`; create it",
        missing.display()
    );
    assert_eq!(said, expected);
    assert!(!missing.exists());
}

#[test]
fn what_is_no_database_is_left_as_it_was() {
    let folder = Folder::new();
    let path = folder.path().join("notes.txt");
    let text = "something that somebody has written\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let said = refused(&path);
    assert_eq!(
        said,
        "failed to open the run store `PATH`: file is not a database; name another file, nothing in this one was changed"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_database_of_somebody_else_is_left_as_it_was() {
    let folder = Folder::new();
    let path = folder.path().join("theirs.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE runs (id); INSERT INTO runs VALUES (1)")
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let said = refused(&path);
    assert_eq!(
        said,
        "failed to open the run store `PATH`: it is an SQLite database, but none of Millrun's; name another file, nothing in \
         this one was changed"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_of_a_later_version_is_left_as_it_was() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let said = refused(&path);
    assert!(
        said.starts_with(
            "failed to open the run store `PATH`: a later version of Millrun has written it (its tables are of version 1000, \
             this one knows those up to "
        ),
        "{said}"
    );
    assert!(
        said.ends_with("use that version, or name another file; nothing in this one was changed"),
        "{said}"
    );
    let version: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT user_version FROM pragma_user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1000);
}

/// What each version has written, with so many transactions: `databases/VERSION.sql` is how such a database is made.
const VERSIONS: &[(&str, usize)] =
    &[(include_str!("databases/1.sql"), 0), (include_str!("databases/2.sql"), 2)];

#[test]
fn stores_of_earlier_versions_are_read() {
    for (sql, transactions) in VERSIONS {
        let folder = Folder::new();
        let path = folder.path().join("runs.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let store = open(&path);
        let runs = store.runs(&RunQuery::task_runs().of("fetch").tag("io").oldest_first()).unwrap();
        let mut expected = batches::run(7);
        expected.state.id = runs[0].state.id;
        assert_eq!(runs, [expected]);
        let recorded = store.transactions(batches::flow_run()).unwrap();
        assert_eq!(recorded, batches::transactions()[..*transactions]);
        assert_eq!(store.upstreams(batches::flow_run()).unwrap()[0].parameter.as_deref(), Some("x"));
        store.write(&batch(8), Durability::Relaxed).unwrap();
        assert_eq!(count(&store), 1 + u64::from(RUNS));
        let new = folder.path().join("new.db");
        drop(open(&new));
        assert_eq!(tables(&path), tables(&new));
    }
}

/// How its tables and indexes are made, and of which version they are.
fn tables(path: &Path) -> (u32, Vec<String>) {
    let connection = Connection::open(path).unwrap();
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let tables = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (version, tables)
}

#[test]
fn a_file_may_have_any_name() {
    let folder = Folder::new();
    for name in [":memory:", "file:x?mode=memory", "runs of Zoë; 'x' 東京.db", "%20?cache=shared#.db"] {
        let path = folder.path().join(name);
        open(&path).write(&batch(0), Durability::Relaxed).unwrap();
        assert!(path.is_file(), "{name}");
        assert_eq!(count(&open(&path)), u64::from(RUNS), "{name}");
    }
}

/// One that holds a lock on the file is as one of another process.
#[test]
fn readers_wait_for_nobody_and_writers_for_as_long_as_others_write() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    let store = open(&path);
    store.write(&batch(0), Durability::Relaxed).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM runs").unwrap();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| store.write(&batch(1), Durability::Relaxed));
        for _ in 0..100 {
            assert_eq!(count(&store), u64::from(RUNS));
        }
        assert!(!writing.is_finished());
        other.execute_batch("ROLLBACK").unwrap();
        writing.join().unwrap().unwrap();
    });
    assert_eq!(count(&store), 2 * u64::from(RUNS));
}

#[test]
fn a_reader_that_is_slow_does_not_hold_up_writers() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    let store = open(&path);
    store.write(&batch(0), Durability::Relaxed).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM runs").unwrap();
    let seen = || other.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(seen(), RUNS);
    for n in 1..20 {
        store.write(&batch(n), Durability::Strict).unwrap();
    }
    assert_eq!(seen(), RUNS);
    assert_eq!(count(&store), 20 * u64::from(RUNS));
}

/// Processes that open one new file at once, and write: nobody is told that it is locked.
#[test]
fn processes_take_turns() {
    const PROCESSES: u32 = 4;
    const BATCHES: u32 = 25;
    for _ in 0..5 {
        let folder = Folder::new();
        let path = folder.path().join("runs.db");
        let mut processes: Vec<Process> = (0..PROCESSES)
            .map(|n| {
                let (first, count) = ((n * BATCHES).to_string(), BATCHES.to_string());
                let mut process = Process::start(&["compete", path.to_str().unwrap(), &first, &count]);
                assert_eq!(process.line(), "ready");
                process
            })
            .collect();
        processes.iter_mut().for_each(Process::go_on);
        for process in &mut processes {
            assert_eq!(process.line(), "done");
        }
        assert_eq!(count(&open(&path)), u64::from(PROCESSES * BATCHES * RUNS));
    }
}

#[test]
fn room_is_given_back() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    let store = open(&path);
    let alone = |number: u32| {
        let mut run = batches::run(number);
        (run.root, run.flow_run, run.owner) = (run.id, None, None);
        run.parameters = Some([("x".to_owned(), "x".repeat(10_000).into())].into_iter().collect());
        let end = batches::entered(&run, millrun::StateName::Completed, 1, None);
        (run.id, [millrun::store::Event::Created(Box::new(run)), end])
    };
    let (ids, events): (Vec<_>, Vec<_>) = (0..100).map(alone).unzip();
    store.write(&events.concat(), Durability::Relaxed).unwrap();
    let length = || std::fs::metadata(&path).unwrap().len();
    store.vacuum().unwrap();
    assert!(length() > 1_000_000);
    store.delete(&ids).unwrap();
    store.vacuum().unwrap();
    assert!(length() < 200_000, "{}", length());
}

#[cfg(unix)]
mod unix {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use millrun::store::{Durability, RunStore};

    use super::{batch, open};
    use crate::folder::{Folder, on_a_disk_of};

    /// Whom nothing belongs to.
    const NOBODY: u32 = 65_534;

    fn is_root() -> bool {
        Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
    }

    /// What a process says that opens it and may not write it.
    fn opened_by_nobody(folder: &Folder, path: &std::path::Path) -> String {
        let program = folder.path().join("recorder");
        std::fs::copy(env!("CARGO_BIN_EXE_recorder"), &program).unwrap();
        set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(program);
        command.args(["open", path.to_str().unwrap()]);
        if is_root() {
            // Whom no permission stops.
            command.uid(NOBODY).gid(NOBODY);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap().replace(path.to_str().unwrap(), "PATH")
    }

    #[test]
    fn a_file_that_may_not_be_written_is_an_error_that_says_so() {
        let folder = Folder::new();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let path = inner.join("runs.db");
        open(&path).write(&batch(0), Durability::Relaxed).unwrap();
        let before = std::fs::read(&path).unwrap();
        set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        for mode in [0o777, 0o555] {
            set_permissions(&inner, Permissions::from_mode(mode)).unwrap();
            let said = opened_by_nobody(&folder, &path);
            assert!(said.contains("failed to open the run store `PATH`: "), "{mode:o}: {said}");
            let hint = "; this user has to be allowed to write the file and its directory\n";
            assert!(said.ends_with(hint), "{mode:o}: {said}");
        }
        set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_full_disk_may_be_tried_again_and_loses_nothing() {
        let folder = Folder::new();
        let program = [env!("CARGO_BIN_EXE_recorder"), "fill", folder.path().to_str().unwrap()];
        let Some(said) = on_a_disk_of("4m", folder.path(), &program) else { return };
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 4, "{said}");
        let full =
            format!("temporary: failed to write the run store `{}/runs.db`: ", folder.path().display());
        assert!(lines[0].starts_with(&full), "{said}");
        assert_eq!(lines[1..], ["true", "done", "true"], "{said}");
    }
}

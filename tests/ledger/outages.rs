//! Run stores that fail, and what becomes of what happens meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millrun::store::{Durability, PostgresRunStore, SqliteRunStore};
use millrun::{Clock, FlowRunId};
use rusqlite::Connection;
use uuid::Uuid;

use super::*;
use crate::folder::Folder;
use crate::proxy::Proxy;
use crate::server::{Schema, Server};

#[task]
fn double(n: u64) -> u64 {
    n * 2
}

#[flow]
fn doubled(count: u64) -> Result<u64, FlowError> {
    Ok(double.map(0..count).result()?.into_iter().sum())
}

fn spools(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| file.unwrap().path()).collect()
}

/// Every run is there once, with all of its states, and its owner has let go of it.
fn assert_complete(store: &dyn RunStore, flows: usize, each: usize) {
    let all = |query: RunQuery| store.runs(&query.limit(u32::MAX).oldest_first()).unwrap();
    let (flow_runs, task_runs) = (all(RunQuery::flow_runs()), all(RunQuery::task_runs()));
    assert_eq!((flow_runs.len(), task_runs.len()), (flows, flows * each));
    for run in flow_runs.iter().chain(&task_runs) {
        let states = store.states(run.id).unwrap();
        let names: Vec<StateName> = states.iter().map(|state| state.name).collect();
        assert_eq!(names, [StateName::Pending, StateName::Running, StateName::Completed], "{}", run.name);
        assert_eq!(run.owner, None);
    }
}

/// A server behind a proxy, an engine that records there, and a way to look at it past the proxy.
struct Distant {
    proxy: Proxy,
    clock: Clock,
    spool: Folder,
    schema: Schema,
    engine: Engine,
}

impl Distant {
    fn new(durability: Durability) -> Option<Self> {
        let server = Server::find()?;
        let config = server.url.parse::<postgres::Config>().unwrap();
        let postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else { return None };
        let proxy = Proxy::new(format!("{host}:{}", config.get_ports()[0]));
        let (schema, clock, spool) = (server.schema(), Clock::manual(), Folder::new());
        drop(schema.open());
        let port = proxy.port;
        let options = schema.options().with_connector(move |server| {
            let mut config = postgres::Config::new();
            config.host("127.0.0.1").port(port);
            config.user(server.get_user().unwrap_or("postgres"));
            config.dbname(server.get_dbname().unwrap_or("postgres"));
            if let Some(password) = server.get_password() {
                config.password(password);
            }
            config.connect(postgres::NoTls)
        });
        let engine = Engine::builder().run_store(options.connect_blocking().unwrap()).durability(durability);
        let engine = engine.spool(spool.path()).clock(clock.clone()).build();
        Some(Self { proxy, clock, spool, schema, engine })
    }

    fn store(&self) -> PostgresRunStore {
        self.schema.open()
    }
}

#[test]
fn runs_go_on_while_the_server_is_gone_and_are_recorded_once_it_is_back() {
    let Some(distant) = Distant::new(Durability::Relaxed) else { return };
    let engine = &distant.engine;
    engine.run_blocking(doubled(10)).unwrap();
    distant.proxy.close();
    // More than fits into the queue.
    assert_eq!(engine.run_blocking(doubled(6_000)).unwrap(), 5_999 * 6_000);
    engine.run_blocking(doubled(10)).unwrap();
    let error = engine.flush_blocking().unwrap_err();
    assert!(error.is_temporary() && error.to_string().contains("the server cannot be reached"), "{error}");
    assert_eq!(spools(distant.spool.path()).len(), 1);
    assert_eq!(distant.store().runs(&RunQuery::flow_runs()).unwrap().len(), 1);

    distant.proxy.open();
    // The one thing that is waited for is the pause between attempts.
    distant.clock.wait_for_timers(1);
    distant.clock.advance(Duration::from_secs(10));
    engine.run_blocking(doubled(10)).unwrap();
    engine.flush_blocking().unwrap();
    assert_eq!(spools(distant.spool.path()), [] as [PathBuf; 0]);
    assert_eq!(distant.clock.pending_timers(), 0);
    let store = distant.store();
    let tasks = store.count(&RunQuery::task_runs()).unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].name, tasks[0].count), (StateName::Completed, 6_030));
    let flows = store.runs(&RunQuery::flow_runs()).unwrap();
    assert!(flows.iter().all(|flow| flow.state.is_completed() && flow.owner.is_none()));
}

#[test]
fn attempts_become_rarer_and_one_who_asks_has_one_made_at_once() {
    let Some(distant) = Distant::new(Durability::Relaxed) else { return };
    let (engine, clock) = (&distant.engine, &distant.clock);
    distant.proxy.close();
    engine.run_blocking(doubled(1)).unwrap();
    for pause in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
        clock.wait_for_timers(1);
        clock.advance(Duration::from_millis(pause - 1));
        assert_eq!(clock.pending_timers(), 1, "{pause}");
        clock.advance(Duration::from_millis(1));
    }
    distant.proxy.open();
    engine.flush_blocking().unwrap();
    assert_complete(&distant.store(), 1, 1);
}

#[test]
fn strict_runs_wait_for_a_server_that_comes_back_soon() {
    let Some(distant) = Distant::new(Durability::Strict) else { return };
    distant.proxy.close();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| distant.engine.run_blocking(doubled(3)));
        for _ in 0..5 {
            distant.clock.wait_for_timers(1);
            distant.clock.advance(Duration::from_secs(5));
        }
        distant.clock.wait_for_timers(1);
        assert!(!running.is_finished(), "nothing is handed on that is not recorded");
        distant.proxy.open();
        distant.engine.flush_blocking().unwrap();
        assert_eq!(running.join().unwrap().unwrap(), 6);
    });
    assert_complete(&distant.store(), 1, 3);
}

#[test]
fn strict_runs_crash_with_the_reason_once_the_server_was_gone_for_too_long() {
    let Some(distant) = Distant::new(Durability::Strict) else { return };
    distant.engine.run_blocking(doubled(3)).unwrap();
    distant.proxy.close();
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| distant.engine.enter(|| doubled(3).report_blocking()));
        distant.clock.wait_for_timers(1);
        while !running.is_finished() {
            distant.clock.advance(Duration::from_secs(1));
            std::thread::yield_now();
        }
        running.join().unwrap()
    });
    assert_eq!(report.state().name, StateName::Crashed);
    let error = report.result().unwrap_err().to_string();
    let says = "could not be recorded: failed to write the run store `postgres://";
    assert!(error.contains(says) && error.contains("the server cannot be reached"), "{error}");
    // Nobody waits a second time.
    let error = distant.engine.run_blocking(doubled(3)).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");

    distant.proxy.open();
    distant.engine.flush_blocking().unwrap();
    assert_eq!(distant.engine.run_blocking(doubled(3)).unwrap(), 6);
    let store = distant.store();
    let flows = store.runs(&RunQuery::flow_runs().oldest_first()).unwrap();
    assert_eq!(flows.len(), 4);
    // What was recorded before is there, and what they were about to end with.
    assert!(flows.iter().all(|flow| flow.state.is_final() && flow.owner.is_none()));
    assert!(flows[0].state.is_completed() && flows[3].state.is_completed());
    let tasks = store.runs(&RunQuery::task_runs().in_root(flows[0].id)).unwrap();
    assert!(tasks.iter().all(|task| task.state.is_completed()));
}

#[test]
fn what_was_given_up_meanwhile_is_not_written() {
    let Some(distant) = Distant::new(Durability::Relaxed) else { return };
    let engine = &distant.engine;
    engine.run_blocking(doubled(1)).unwrap();
    let store = distant.store();
    let going = going_on(&store, &store.owners().unwrap()[0].id);
    distant.proxy.close();
    engine.run_blocking(doubled(1)).unwrap();
    // An engine on another machine, which has not heard of this one for too long.
    let owner = store.owners().unwrap().remove(0);
    assert_eq!(store.bury(&owner, "nothing was heard of it", distant.clock.now()).unwrap(), [going]);
    distant.proxy.open();
    let error = engine.flush_blocking().unwrap_err();
    assert_eq!(error.to_string(), "this engine was taken for dead, and its runs were given up");
    assert_eq!(store.runs(&RunQuery::flow_runs()).unwrap().len(), 2);
    // Neither is what comes later: nobody could tell what is missing before it.
    engine.run_blocking(doubled(1)).unwrap();
    assert!(engine.flush_blocking().unwrap_err().is_gone());
    assert_eq!(store.runs(&RunQuery::flow_runs()).unwrap().len(), 2);
    let [refused] = &spools(distant.spool.path())[..] else { panic!("there is one spool") };
    assert_eq!(refused.extension().unwrap(), "refused");
}

/// Has an owner begin a flow run.
fn going_on(store: &dyn RunStore, owner: &Uuid) -> Uuid {
    let mut run = store.runs(&RunQuery::flow_runs()).unwrap().remove(0);
    (run.id, run.root, run.owner) = (Uuid::from_u128(7), Uuid::from_u128(7), Some(*owner));
    run.state.name = StateName::Running;
    run.state.state_type = run.state.name.state_type();
    let id = run.id;
    store.write(&[millrun::store::Event::Created(Box::new(run))], Durability::Relaxed).unwrap();
    id
}

/// From now on nothing is written to that database.
fn stop(path: &Path) {
    let sql = "CREATE TRIGGER stopped BEFORE INSERT ON states BEGIN SELECT RAISE(ABORT, 'stopped'); END";
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn go_on(path: &Path) {
    Connection::open(path).unwrap().execute_batch("DROP TRIGGER stopped").unwrap();
}

/// An engine with a database in a folder, and its spool beside it.
struct Embedded {
    engine: Engine,
    store: Arc<SqliteRunStore>,
}

impl Embedded {
    fn new(folder: &Path, durability: Durability) -> Self {
        let store = Arc::new(SqliteRunStore::open_blocking(folder.join("runs.db")).unwrap());
        let engine = Engine::builder().run_store(store.clone()).durability(durability);
        let engine = engine.spool(folder.join("spool")).clock(Clock::manual()).build();
        Self { engine, store }
    }

    /// Drops it, and waits until nobody has it any more: a worker may still hold a run.
    fn drop(self) {
        drop(self.engine);
        while Arc::strong_count(&self.store) > 1 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_a_dropped_engine_has_left_is_taken_in_by_the_next() {
    let folder = Folder::new();
    let (path, spool) = (folder.path().join("runs.db"), folder.path().join("spool"));
    let one = Embedded::new(folder.path(), Durability::Relaxed);
    stop(&path);
    for _ in 0..2 {
        one.engine.run_blocking(doubled(10)).unwrap();
    }
    // Somebody else does not take it for abandoned.
    let other = Embedded::new(folder.path(), Durability::Relaxed);
    assert_eq!(spools(&spool).len(), 1);
    one.drop();
    other.drop();
    go_on(&path);
    assert_eq!(spools(&spool).len(), 1);
    let next = Embedded::new(folder.path(), Durability::Relaxed);
    assert_eq!(spools(&spool).len(), 0);
    assert_complete(&next.store, 2, 10);
    assert_eq!(next.store.owners().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_read_stays_and_what_comes_before_it_is_recorded() {
    let folder = Folder::new();
    let (path, spool) = (folder.path().join("runs.db"), folder.path().join("spool"));
    let first = Embedded::new(folder.path(), Durability::Relaxed);
    stop(&path);
    first.engine.run_blocking(doubled(1)).unwrap();
    first.engine.run_blocking(doubled(1)).unwrap();
    first.drop();
    go_on(&path);
    let file = &spools(&spool)[0];
    let text = std::fs::read_to_string(file).unwrap();
    // The end of the second flow run.
    let last = text.trim_end().rfind('\n').unwrap();
    std::fs::write(file, format!("{}\nsomething else\n", &text[..last])).unwrap();

    let next = Embedded::new(folder.path(), Durability::Relaxed);
    let [refused] = &spools(&spool)[..] else { panic!("there is one spool") };
    assert_eq!(refused.extension().unwrap(), "refused");
    let flows = next.store.runs(&RunQuery::flow_runs().oldest_first()).unwrap();
    let ends: Vec<_> = flows.iter().map(|flow| flow.state.name).collect();
    assert_eq!(ends, [StateName::Completed, StateName::Crashed]);
    next.engine.run_blocking(doubled(1)).unwrap();
}

#[test]
fn strict_runs_do_not_wait_for_what_does_not_pass() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    let Embedded { engine, store } = Embedded::new(folder.path(), Durability::Strict);
    stop(&path);
    let error = engine.run_blocking(doubled(3)).unwrap_err().to_string();
    assert!(error.ends_with("stopped") && error.contains("could not be recorded"), "{error}");
    go_on(&path);
    engine.flush_blocking().unwrap();
    let flow = store.runs(&RunQuery::flow_runs()).unwrap().remove(0);
    // It can be resumed, from what is recorded.
    let again = doubled(3).with_flow_run_id(FlowRunId::from(flow.id));
    assert_eq!(engine.run_blocking(again).unwrap(), 6);
}

#[test]
fn without_a_spool_runs_wait_and_nothing_is_lost() {
    let folder = Folder::new();
    let path = folder.path().join("runs.db");
    // No folder can be made below a file.
    let store = SqliteRunStore::open_blocking(&path).unwrap();
    let clock = Clock::manual();
    let engine = Engine::builder().run_store(store).spool(path.join("spool")).clock(clock.clone()).build();
    stop(&path);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| engine.run_blocking(doubled(8_000)));
        clock.wait_for_timers(1);
        clock.advance(Duration::from_millis(100));
        clock.wait_for_timers(1);
        assert!(!running.is_finished());
        go_on(&path);
        clock.advance(Duration::from_millis(200));
        running.join().unwrap().unwrap();
    });
    engine.flush_blocking().unwrap();
    let tasks = engine.run_store().unwrap().count(&RunQuery::task_runs()).unwrap();
    assert_eq!((tasks.len(), tasks[0].name, tasks[0].count), (1, StateName::Completed, 8_000));
}

#[cfg(unix)]
mod processes {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::folder::on_a_disk_of;

    struct Process(Child);

    impl Process {
        fn start(how: &str, folder: &Path) -> Self {
            let mut command = Command::new(env!("CARGO_BIN_EXE_graph"));
            command.args([how, folder.to_str().unwrap(), "-"]).stdout(Stdio::piped());
            Self(command.spawn().unwrap())
        }

        fn line(&mut self) -> String {
            let mut line = String::new();
            BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            line
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn what_a_killed_process_has_left_is_taken_in_before_it_is_taken_for_dead() {
        let folder = Folder::new();
        let (path, spool) = (folder.path().join("runs.db"), folder.path().join("spool"));
        drop(SqliteRunStore::open_blocking(&path).unwrap());
        stop(&path);
        let mut process = Process::start("outage", folder.path());
        let said = process.line();
        assert!(said.ends_with(": stopped\n"), "{said}");
        drop(process);
        let [file] = &spools(&spool)[..] else { panic!("there is one spool") };
        // It was writing just then.
        let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(b"{\"Entered\":{\"run\":\"01").unwrap();
        drop(file);
        go_on(&path);

        let store = Embedded::new(folder.path(), Durability::Relaxed).store;
        assert_eq!(spools(&spool).len(), 0);
        let flows = store.runs(&RunQuery::flow_runs().oldest_first()).unwrap();
        let ends: Vec<_> = flows.iter().map(|flow| (flow.function.as_str(), flow.state.name)).collect();
        assert_eq!(ends, [("brief", StateName::Completed), ("endless", StateName::Crashed)]);
        let reason = flows[1].state.message.as_deref().unwrap();
        assert!(reason.starts_with("its process ") && reason.ends_with(" has died"), "{reason}");
        assert!(flows.iter().all(|flow| flow.owner.is_none()));
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_holds_up_nobody() {
        let (disk, spool) = (Folder::new(), Folder::new());
        let [disk_path, spool_path] = [&disk, &spool].map(|folder| folder.path().to_str().unwrap());
        let program = [env!("CARGO_BIN_EXE_graph"), "full", disk_path, spool_path];
        let Some(said) = on_a_disk_of("64m", disk.path(), &program) else { return };
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 4, "{said}");
        assert_eq!(lines[0], "relaxed: Ok(2000)");
        assert!(lines[1].starts_with("strict: Err(") && lines[1].contains("the disk is full"), "{said}");
        assert_eq!(lines[2..], ["recorded: true", "strict: Ok(10)"], "{said}");
        assert_eq!(spools(spool.path()).len(), 0);
    }
}

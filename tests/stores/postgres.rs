//! What a store in a server promises beside the suite.

use std::sync::Barrier;

use millrun::store::{Durability, PostgresOptions, PostgresRunStore, RunQuery, RunStore, StoreError};
use postgres::NoTls;

use crate::batches::{RUNS, batch};
use crate::server::{Schema, Server};

fn count(store: &PostgresRunStore) -> u64 {
    store.count(&RunQuery::task_runs()).unwrap().iter().map(|count| count.count).sum()
}

/// Closes all connections of stores in that schema, as a server does that is restarted.
fn close_all(server: &Server, application: &str) -> i64 {
    let sql = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1) closed";
    server.client().query_one(sql, &[&application]).unwrap().get(0)
}

fn named(server: &Server, schema: &Schema, application: &str) -> PostgresRunStore {
    let joint = if server.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{joint}application_name={application}", server.url);
    PostgresOptions::new(&url).unwrap().with_schema(&schema.name).connect_blocking().unwrap()
}

fn refused(options: PostgresOptions) -> StoreError {
    options.connect_blocking().map(drop).unwrap_err()
}

#[test]
fn passwords_are_not_said() {
    let options = PostgresOptions::new("postgres://me:secret@127.0.0.1:1/runs").unwrap();
    assert_eq!(format!("{options:?}"), "PostgresOptions(\"postgres://127.0.0.1:1/runs (schema millrun)\")");
    let error = refused(options);
    let said = format!("{error} {error:?}");
    assert!(said.contains("postgres://127.0.0.1:1/runs") && !said.contains("secret"), "{said}");
    let error = PostgresOptions::new("postgres://me:secret@host:port/runs").unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(said.contains("one is `postgres://user:password@host:5432/database`"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_server_that_is_not_there_may_come_later() {
    let error = refused(PostgresOptions::new("postgres://127.0.0.1:1/runs").unwrap());
    assert!(error.is_temporary());
    let expected = "failed to open the run store `postgres://127.0.0.1:1/runs (schema millrun)`: the server cannot be reached: ";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_database_that_is_not_there_is_an_error_that_says_so() {
    let Some(server) = Server::find() else { return };
    let mut url = server.url.clone();
    url.truncate(url.rfind('/').unwrap());
    let error = refused(PostgresOptions::new(&format!("{url}/there_is_no_such_database")).unwrap());
    assert!(!error.is_temporary());
    assert!(error.to_string().ends_with("; create that database, or name another one"), "{error}");
}

#[tokio::test]
async fn a_store_is_opened_used_and_dropped_within_a_runtime() {
    let Some(server) = tokio::task::spawn_blocking(Server::find).await.unwrap() else { return };
    let schema = server.schema();
    let store = schema.options().connect().await.unwrap();
    assert!(store.name().ends_with(&format!("(schema {})", schema.name)), "{}", store.name());
    // Blocks, and does not panic.
    store.write(&batch(0), Durability::Relaxed).unwrap();
    assert_eq!(count(&store), u64::from(RUNS));
    let store = tokio::task::spawn_blocking(move || {
        store.write(&batch(1), Durability::Strict).unwrap();
        store
    });
    let store = store.await.unwrap();
    assert_eq!(count(&store), 2 * u64::from(RUNS));
    drop(store);
    let elsewhere = schema.options();
    let opened =
        std::thread::spawn(|| futures::executor::block_on(elsewhere.connect()).map(|store| count(&store)));
    assert_eq!(opened.join().unwrap().unwrap(), 2 * u64::from(RUNS));
}

#[test]
fn connections_that_break_are_replaced() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    let application = format!("millrun-replaced-{}", std::process::id());
    let store = named(&server, &schema, &application);
    for n in 0..5 {
        store.write(&batch(n), Durability::Relaxed).unwrap();
        assert!(close_all(&server, &application) > 0);
        assert_eq!(count(&store), u64::from((n + 1) * RUNS));
        assert!(close_all(&server, &application) > 0);
    }
}

/// Batches are written while connections are closed all the time. Each is there as a whole, or not at all and an error that may pass.
#[test]
fn a_batch_whose_connection_breaks_is_written_whole_or_not_at_all() {
    const BATCHES: u32 = 100;
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    let application = format!("millrun-breaks-{}", std::process::id());
    let store = named(&server, &schema, &application);
    let (mut failed, mut written) = (0, 0);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let outcomes = (0..BATCHES).map(|n| store.write(&batch(n), Durability::Relaxed));
            outcomes.collect::<Vec<_>>()
        });
        while !writing.is_finished() {
            close_all(&server, &application);
        }
        for outcome in writing.join().unwrap() {
            match outcome {
                Ok(()) => written += 1,
                Err(error) => {
                    assert!(error.is_temporary(), "{error}");
                    failed += 1;
                }
            }
        }
    });
    let store = schema.open();
    let there = count(&store);
    assert_eq!(there % u64::from(RUNS), 0);
    // One whose commit was not answered may be there.
    let batches = there / u64::from(RUNS);
    assert!(
        (written..=written + failed).contains(&batches),
        "{written} written, {failed} failed, {batches} there"
    );
    // Written once more, all of them are there once.
    for n in 0..BATCHES {
        store.write(&batch(n), Durability::Relaxed).unwrap();
    }
    assert_eq!(count(&store), u64::from(BATCHES * RUNS));
    let ids = RunQuery::task_runs().limit(u32::MAX).oldest_first();
    let states =
        store.runs(&ids).unwrap().iter().map(|run| store.states(run.id).unwrap().len()).sum::<usize>();
    assert_eq!(states as u32, 3 * RUNS * (BATCHES - 1) + RUNS);
}

#[test]
fn who_opens_an_empty_schema_at_once_finds_one_store() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (schema, barrier) = (&schema, &barrier);
            scope.spawn(move || {
                barrier.wait();
                schema.open().write(&batch(n), Durability::Relaxed).unwrap();
            });
        }
    });
    assert_eq!(count(&schema.open()), 8 * u64::from(RUNS));
}

#[test]
fn a_store_of_a_later_version_is_left_as_it_was() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    drop(schema.open());
    let version = format!("{}.millrun_version", schema.quoted());
    server.client().batch_execute(&format!("UPDATE {version} SET version = 1000")).unwrap();
    let error = refused(schema.options());
    let expected = format!(
        "the schema `{}` was written by a later version of Millrun (its tables are of version 1000, this one knows those up to ",
        schema.name
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(!error.is_temporary());
}

/// What each version has written, with so many transactions: `databases/VERSION.postgres.sql` is how such tables are made.
const VERSIONS: &[(&str, usize)] =
    &[(include_str!("databases/1.postgres.sql"), 0), (include_str!("databases/2.postgres.sql"), 2)];

/// Makes the tables of a version.
fn make(server: &Server, schema: &Schema, sql: &str) {
    let quoted = schema.quoted();
    let sql = format!("CREATE SCHEMA {quoted}; SET search_path TO {quoted}; {sql}");
    server.client().batch_execute(&sql).unwrap();
}

/// Its columns and indexes, and of which version they are.
fn tables(server: &Server, schema: &Schema) -> (i64, Vec<String>) {
    let mut client = server.client();
    let sql = "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, is_identity) FROM information_schema.columns \
               WHERE table_schema = $1 UNION ALL SELECT replace(indexdef, quote_ident($1), '') FROM pg_indexes WHERE schemaname = $1 \
               ORDER BY 1";
    let tables = client.query(sql, &[&schema.name]).unwrap().iter().map(|row| row.get(0)).collect();
    let version = format!("SELECT version FROM {}.millrun_version", schema.quoted());
    (client.query_one(&version, &[]).unwrap().get(0), tables)
}

#[test]
fn stores_of_earlier_versions_are_read() {
    let Some(server) = Server::find() else { return };
    for (sql, transactions) in VERSIONS {
        let schema = server.schema();
        make(&server, &schema, sql);
        let store = schema.open();
        let runs = store.runs(&RunQuery::task_runs().of("fetch").tag("io").oldest_first()).unwrap();
        let mut expected = crate::batches::run(7);
        expected.state.id = runs[0].state.id;
        assert_eq!(runs, [expected]);
        let recorded = store.transactions(crate::batches::flow_run()).unwrap();
        assert_eq!(recorded, crate::batches::transactions()[..*transactions]);
        store.write(&batch(8), Durability::Relaxed).unwrap();
        assert_eq!(count(&store), 1 + u64::from(RUNS));
        let new = server.schema();
        drop(new.open());
        assert_eq!(tables(&server, &schema), tables(&server, &new));
    }
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    make(&server, &schema, VERSIONS[0].0);
    let quoted = schema.quoted();
    // In the way of the index of that name.
    server.client().batch_execute(&format!("CREATE TABLE {quoted}.outcomes_by_key ()")).unwrap();
    let before = tables(&server, &schema);
    let error = refused(schema.options());
    assert!(error.to_string().contains("outcomes_by_key"), "{error}");
    assert_eq!((before.0, tables(&server, &schema)), (1, before));
    server.client().batch_execute(&format!("DROP TABLE {quoted}.outcomes_by_key")).unwrap();
    assert_eq!(count(&schema.open()), 1);
}

#[test]
fn stores_in_other_schemas_know_nothing_of_each_other() {
    let Some(server) = Server::find() else { return };
    let (one, other) = (server.schema(), server.schema());
    one.open().write(&batch(0), Durability::Relaxed).unwrap();
    assert_eq!((count(&one.open()), count(&other.open())), (u64::from(RUNS), 0));
}

#[test]
fn connections_are_made_as_one_likes() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = asked.clone();
    let options = schema.options().with_connector(move |config| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        config.connect(NoTls)
    });
    assert_eq!(count(&options.connect_blocking().unwrap()), 0);
    assert!(asked.load(std::sync::atomic::Ordering::Relaxed) > 0);
}

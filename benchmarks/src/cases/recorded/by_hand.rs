//! The rows of task runs, inserted by hand into the tables that Millrun has made.

use std::path::Path;
use std::time::Duration;

use millrun::store::SqliteRunStore;
use millrun_benchmarks::time;
use postgres::Client;
use rusqlite::{Connection, TransactionBehavior, params};
use uuid::Uuid;

use super::events::{flow_run, nanos, task_run};

/// The three states of a run: when, after it was made, and the number of its name.
const STATES: [(i64, i16); 3] = [(0, 16), (1_000_000, 32), (2_000_000, 80)];

/// How long so many runs take in a new file, so many in each transaction.
pub(super) fn in_sqlite(path: &Path, synchronous: &str, runs: u32, batch: u32) -> Duration {
    drop(SqliteRunStore::open_blocking(path).unwrap());
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000"
        ))
        .unwrap();
    let (took, ()) = time(|| {
        for first in (0..runs).step_by(batch as usize) {
            insert(&mut connection, first..(first + batch).min(runs));
        }
    });
    drop(connection);
    std::fs::remove_file(path).unwrap();
    took
}

fn insert(connection: &mut Connection, runs: std::ops::Range<u32>) {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    {
        let mut run = transaction
            .prepare_cached(
                "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )
            .unwrap();
        let mut state = transaction.prepare_cached("INSERT INTO states VALUES (?1, ?2, ?3, ?4, ?5)").unwrap();
        for number in runs {
            let (id, flow) = (task_run(number), flow_run());
            let (id, flow) = (id.as_bytes().as_slice(), flow.as_bytes().as_slice());
            let none = None::<&str>;
            let name = format!("square-{number}");
            let identity = Uuid::from_u128(u128::from(number) << 64);
            run.execute(params![
                0,
                id,
                1,
                none,
                name,
                none,
                flow,
                flow,
                flow,
                number,
                identity.as_bytes().as_slice(),
                none,
                none,
                nanos(number),
                1,
                80
            ])
            .unwrap();
            for (later, own) in STATES {
                state.execute(params![id, nanos(number) + later, own, none, none]).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}

/// How long so many runs take in the tables of the connection's schema, each transaction one statement a table.
pub(super) fn in_postgres(client: &mut Client, runs: u32, batch: u32) -> Duration {
    let (took, ()) = time(|| {
        for first in (0..runs).step_by(batch as usize) {
            insert_into_server(client, first..(first + batch).min(runs));
        }
    });
    client.batch_execute("TRUNCATE runs, states").unwrap();
    took
}

fn insert_into_server(client: &mut Client, runs: std::ops::Range<u32>) {
    let mut transaction = client.transaction().unwrap();
    let ids: Vec<_> = runs.clone().map(task_run).collect();
    let names: Vec<_> = runs.clone().map(|number| format!("square-{number}")).collect();
    let indexes: Vec<_> = runs.clone().map(i64::from).collect();
    let identities: Vec<_> = runs.clone().map(|number| Uuid::from_u128(u128::from(number) << 64)).collect();
    let times: Vec<_> = runs.clone().map(nanos).collect();
    transaction
        .execute(
            "INSERT INTO runs SELECT 0, id, 1, NULL, name, NULL, $6::uuid, $6::uuid, $6::uuid, place, identity, NULL, NULL, made, \
             1, 80 FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::bigint[]) AS r (id, name, place, identity, \
             made)",
            &[&ids, &names, &indexes, &identities, &times, &flow_run()],
        )
        .unwrap();
    let (mut of, mut at, mut state) = (Vec::new(), Vec::new(), Vec::new());
    for number in runs {
        for (later, own) in STATES {
            of.push(task_run(number));
            at.push(nanos(number) + later);
            state.push(own);
        }
    }
    transaction
        .execute(
            "INSERT INTO states SELECT run, at, state, NULL, NULL FROM unnest($1::uuid[], $2::bigint[], $3::smallint[]) AS s (run, \
             at, state)",
            &[&of, &at, &state],
        )
        .unwrap();
    transaction.commit().unwrap();
}

//! Rows into records.

use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

use super::connection::{Id, Result};
use crate::id;
use crate::state::{State, StateDetails};
use crate::store::sql::{self, Dialect, Sql};
use crate::store::{
    LogQuery, LogRecord, Outcome, Owner, RunQuery, RunRecord, StateCount, TransactionRecord, UpstreamRecord,
    code,
};

const DIALECT: Dialect = Dialect { id: |id| format!("X'{}'", id.simple()) };

pub(super) fn runs(connection: &Connection, query: &RunQuery) -> Result<Vec<RunRecord>> {
    let functions = functions(connection, query)?;
    all(connection, &sql::runs(query, functions.as_deref(), DIALECT), run)
}

pub(super) fn count(connection: &Connection, query: &RunQuery) -> Result<Vec<StateCount>> {
    let functions = functions(connection, query)?;
    all(connection, &sql::count(query, functions.as_deref(), DIALECT), |row| {
        Ok(StateCount {
            since: query.per.map(|_| row.get(0).map(code::time_of)).transpose()?,
            name: code::state_name_of(row.get(1)?)?,
            count: row.get::<_, i64>(2)?.unsigned_abs(),
        })
    })
}

pub(super) fn states(connection: &Connection, run: Uuid) -> Result<Vec<State>> {
    let sql = "SELECT at, state, message, scheduled FROM states WHERE run = ?1 ORDER BY at";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([Id(run)])?;
    let mut states = Vec::new();
    while let Some(row) = rows.next()? {
        states.push(state(row, 0, run, states.len())?);
    }
    Ok(states)
}

pub(super) fn upstreams(connection: &Connection, run: Uuid) -> Result<Vec<UpstreamRecord>> {
    all(connection, &Sql { text: sql::upstreams(run, DIALECT), texts: Vec::new() }, |row| {
        Ok(UpstreamRecord {
            run: row.get::<_, Id>(0)?.0,
            parameter: row.get(1)?,
            upstream: row.get::<_, Id>(2)?.0,
            count: row.get(3)?,
        })
    })
}

pub(super) fn outcome(connection: &Connection, run: Uuid) -> Result<Option<Outcome>> {
    let mut statement = connection.prepare("SELECT key, record FROM outcomes WHERE run = ?1")?;
    let mut rows = statement.query([Id(run)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(match row.get(0)? {
        Some(key) => Outcome::Stored(key),
        None => Outcome::Inline(row.get(1)?),
    }))
}

pub(super) fn transactions(connection: &Connection, root: Uuid) -> Result<Vec<TransactionRecord>> {
    let root = (DIALECT.id)(root);
    let text = format!(
        "SELECT id, root, key, state, \"values\", parent, owner FROM transactions WHERE root = {root} ORDER BY number"
    );
    all(connection, &Sql { text, texts: Vec::new() }, |row| {
        Ok(TransactionRecord {
            id: row.get::<_, Id>(0)?.0,
            root: row.get::<_, Id>(1)?.0,
            key: row.get(2)?,
            state: code::transaction_of(row.get(3)?)?,
            values: code::map_of(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
            parent: optional(row, 5)?,
            owner: optional(row, 6)?,
        })
    })
}

pub(super) fn logs(connection: &Connection, query: &LogQuery) -> Result<Vec<LogRecord>> {
    all(connection, &Sql { text: sql::logs(query, DIALECT), texts: Vec::new() }, |row| {
        Ok(LogRecord {
            run: row.get::<_, Id>(0)?.0,
            flow_run: optional(row, 1)?,
            at: code::time_of(row.get(2)?),
            level: row.get(3)?,
            target: row.get(4)?,
            message: row.get(5)?,
        })
    })
}

pub(super) fn owners(connection: &Connection) -> Result<Vec<Owner>> {
    let text =
        "SELECT id, host, pid, started, lease FROM owners WHERE lease IS NOT NULL ORDER BY id".to_owned();
    all(connection, &Sql { text, texts: Vec::new() }, |row| {
        Ok(Owner {
            id: row.get::<_, Id>(0)?.0,
            host: row.get(1)?,
            pid: row.get(2)?,
            started: row.get::<_, i64>(3)?.cast_unsigned(),
            lease: code::time_of(row.get(4)?),
        })
    })
}

/// The numbers of the functions that a query is about.
fn functions(connection: &Connection, query: &RunQuery) -> Result<Option<Vec<i64>>> {
    let Some(function) = &query.function else { return Ok(None) };
    let sql = "SELECT number FROM functions WHERE key = $1 OR name = $1";
    let sql = Sql { text: sql.into(), texts: vec![function.clone()] };
    all(connection, &sql, |row| Ok(row.get(0)?)).map(Some)
}

fn all<T>(connection: &Connection, sql: &Sql, read: impl Fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut statement = connection.prepare(&sql.text)?;
    let mut rows = statement.query(params_from_iter(&sql.texts))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn run(row: &Row<'_>) -> Result<RunRecord> {
    let id = row.get::<_, Id>(1)?.0;
    let parameters = row.get_ref(7)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let states: i64 = row.get(21)?;
    Ok(RunRecord {
        id,
        kind: code::kind_of(row.get(0)?),
        key: row.get(2)?,
        function: row.get(3)?,
        version: row.get(4)?,
        name: row.get(5)?,
        tags: code::tags_of(row.get_ref(6)?.as_str_or_null().map_err(rusqlite::Error::from)?)?,
        parameters: parameters.map(code::map_of).transpose()?,
        parent: optional(row, 8)?,
        flow_run: optional(row, 9)?,
        root: row.get::<_, Id>(10)?.0,
        map_index: row.get(11)?,
        identity: optional(row, 12)?,
        transaction: optional(row, 13)?,
        owner: optional(row, 14)?,
        created: code::time_of(row.get(15)?),
        run_count: row.get(16)?,
        state: state(row, 17, id, usize::try_from(states - 1).unwrap_or_default())?,
    })
}

/// The state that begins at a column, the `number`th of its run.
fn state(row: &Row<'_>, first: usize, run: Uuid, number: usize) -> Result<State> {
    let name = code::state_name_of(row.get(first + 1)?)?;
    Ok(State {
        id: id::of_state(run.as_u128(), number),
        state_type: name.state_type(),
        name,
        message: row.get(first + 2)?,
        timestamp: code::time_of(row.get(first)?),
        details: StateDetails {
            run_id: Some(run),
            scheduled_time: row.get::<_, Option<i64>>(first + 3)?.map(code::time_of),
        },
    })
}

fn optional(row: &Row<'_>, column: usize) -> Result<Option<Uuid>> {
    Ok(row.get::<_, Option<Id>>(column)?.map(|id| id.0))
}

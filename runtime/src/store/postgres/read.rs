//! Rows into records.

use ::postgres::Row;
use ::postgres::types::ToSql;
use uuid::Uuid;

use super::session::{Result, Session};
use super::text::{decoded, encoded};
use crate::id;
use crate::state::{State, StateDetails};
use crate::store::sql::{self, Dialect, Sql};
use crate::store::{
    LogQuery, LogRecord, Outcome, Owner, RunQuery, RunRecord, StateCount, TransactionRecord, UpstreamRecord,
    code,
};

const DIALECT: Dialect = Dialect { id: |id| format!("'{id}'::uuid") };

pub(super) fn runs(session: &mut Session, query: &RunQuery) -> Result<Vec<RunRecord>> {
    let functions = functions(session, query)?;
    let rows = all(session, &sql::runs(query, functions.as_deref(), DIALECT))?;
    rows.iter().map(run).collect()
}

pub(super) fn count(session: &mut Session, query: &RunQuery) -> Result<Vec<StateCount>> {
    let functions = functions(session, query)?;
    let rows = all(session, &sql::count(query, functions.as_deref(), DIALECT))?;
    let count = |row: &Row| {
        let since = code::time_of(row.try_get(0)?);
        Ok(StateCount {
            since: query.per.map(|_| since),
            name: code::state_name_of(row.try_get::<_, i16>(1)?.into())?,
            count: row.try_get::<_, i64>(2)?.unsigned_abs(),
        })
    };
    rows.iter().map(count).collect()
}

pub(super) fn states(session: &mut Session, run: Uuid) -> Result<Vec<State>> {
    let rows = session
        .query("SELECT at, state, message, scheduled FROM states WHERE run = $1 ORDER BY at", &[&run])?;
    rows.iter().enumerate().map(|(number, row)| state(row, 0, run, number)).collect()
}

pub(super) fn upstreams(session: &mut Session, run: Uuid) -> Result<Vec<UpstreamRecord>> {
    let rows = session.query_once(&sql::upstreams(run, DIALECT), &[])?;
    let upstream = |row: &Row| {
        Ok(UpstreamRecord {
            run: row.try_get(0)?,
            parameter: text(row, 1)?,
            upstream: row.try_get(2)?,
            count: number(row, 3)?,
        })
    };
    rows.iter().map(upstream).collect()
}

pub(super) fn outcome(session: &mut Session, run: Uuid) -> Result<Option<Outcome>> {
    let rows = session.query("SELECT key, record FROM outcomes WHERE run = $1", &[&run])?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(match text(row, 0)? {
        Some(key) => Outcome::Stored(key),
        None => Outcome::Inline(row.try_get(1)?),
    }))
}

pub(super) fn transactions(session: &mut Session, root: Uuid) -> Result<Vec<TransactionRecord>> {
    let rows = session.query(
        "SELECT id, root, key, state, \"values\", parent, owner FROM transactions WHERE root = $1 ORDER BY number",
        &[&root],
    )?;
    let transaction = |row: &Row| {
        Ok(TransactionRecord {
            id: row.try_get(0)?,
            root: row.try_get(1)?,
            key: text(row, 2)?,
            state: code::transaction_of(row.try_get::<_, i16>(3)?.into())?,
            values: code::map_of(row.try_get(4)?)?,
            parent: row.try_get(5)?,
            owner: row.try_get(6)?,
        })
    };
    rows.iter().map(transaction).collect()
}

pub(super) fn logs(session: &mut Session, query: &LogQuery) -> Result<Vec<LogRecord>> {
    let rows = session.query_once(&sql::logs(query, DIALECT), &[])?;
    let log = |row: &Row| {
        Ok(LogRecord {
            run: row.try_get(0)?,
            flow_run: row.try_get(1)?,
            at: code::time_of(row.try_get(2)?),
            level: decoded(row.try_get(3)?),
            target: decoded(row.try_get(4)?),
            message: decoded(row.try_get(5)?),
        })
    };
    rows.iter().map(log).collect()
}

pub(super) fn owners(session: &mut Session) -> Result<Vec<Owner>> {
    let rows = session
        .query("SELECT id, host, pid, started, lease FROM owners WHERE lease IS NOT NULL ORDER BY id", &[])?;
    let owner = |row: &Row| {
        Ok(Owner {
            id: row.try_get(0)?,
            host: decoded(row.try_get(1)?),
            pid: number(row, 2)?,
            started: row.try_get::<_, i64>(3)?.cast_unsigned(),
            lease: code::time_of(row.try_get(4)?),
        })
    };
    rows.iter().map(owner).collect()
}

/// The numbers of the functions that a query is about.
fn functions(session: &mut Session, query: &RunQuery) -> Result<Option<Vec<i64>>> {
    let Some(function) = &query.function else { return Ok(None) };
    let rows =
        session.query("SELECT number FROM functions WHERE key = $1 OR name = $1", &[&encoded(function)])?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_>>().map(Some)
}

fn all(session: &mut Session, sql: &Sql) -> Result<Vec<Row>> {
    let texts: Vec<_> = sql.texts.iter().map(|text| encoded(text)).collect();
    let texts: Vec<&(dyn ToSql + Sync)> = texts.iter().map(|text| text as _).collect();
    session.query_once(&sql.text, &texts)
}

fn run(row: &Row) -> Result<RunRecord> {
    let id = row.try_get(1)?;
    let states: i64 = row.try_get(21)?;
    Ok(RunRecord {
        id,
        kind: code::kind_of(row.try_get::<_, i16>(0)?.into()),
        key: decoded(row.try_get(2)?),
        function: decoded(row.try_get(3)?),
        version: text(row, 4)?,
        name: decoded(row.try_get(5)?),
        tags: code::tags_of(row.try_get(6)?)?,
        parameters: row.try_get::<_, Option<&str>>(7)?.map(code::map_of).transpose()?,
        parent: row.try_get(8)?,
        flow_run: row.try_get(9)?,
        root: row.try_get(10)?,
        map_index: row.try_get::<_, Option<i64>>(11)?.map(|index| u32::try_from(index).unwrap_or(u32::MAX)),
        identity: row.try_get(12)?,
        transaction: row.try_get(13)?,
        owner: row.try_get(14)?,
        created: code::time_of(row.try_get(15)?),
        run_count: number(row, 16)?,
        state: state(row, 17, id, usize::try_from(states - 1).unwrap_or_default())?,
    })
}

/// The state that begins at a column, the `number`th of its run.
fn state(row: &Row, first: usize, run: Uuid, number: usize) -> Result<State> {
    let name = code::state_name_of(row.try_get::<_, i16>(first + 1)?.into())?;
    Ok(State {
        id: id::of_state(run.as_u128(), number),
        state_type: name.state_type(),
        name,
        message: text(row, first + 2)?,
        timestamp: code::time_of(row.try_get(first)?),
        details: StateDetails {
            run_id: Some(run),
            scheduled_time: row.try_get::<_, Option<i64>>(first + 3)?.map(code::time_of),
        },
    })
}

fn text(row: &Row, column: usize) -> Result<Option<String>> {
    Ok(row.try_get::<_, Option<String>>(column)?.map(decoded))
}

fn number(row: &Row, column: usize) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<_, i64>(column)?).unwrap_or(u32::MAX))
}

//! Batches into tables.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Params, Statement, params};
use uuid::Uuid;

use super::connection::{Id, Result};
use crate::store::event::{Outcome, RunRecord};
use crate::store::{Batch, Changed, Created, code};

/// Writes a batch into the transaction that the connection is in.
pub(super) fn write(connection: &Connection, batch: &Batch<'_>) -> Result<()> {
    let mut write = Write::new(connection);
    for created in &batch.created {
        write.created(created)?;
    }
    for changed in &batch.changed {
        write.changed(changed)?;
    }
    for (run, state) in &batch.states {
        let scheduled = state.details.scheduled_time.map(code::time);
        write.state.run(params![
            Id(*run),
            code::time(state.timestamp),
            code::state_name(state.name),
            state.message,
            scheduled
        ])?;
    }
    for (run, outcome) in &batch.outcomes {
        let (key, record) = match outcome {
            Outcome::Inline(record) => (None, Some(record)),
            Outcome::Stored(key) => (Some(key), None),
        };
        write.outcome.run(params![Id(*run), key, record])?;
    }
    for upstream in &batch.upstreams {
        write.upstream.run(params![
            Id(upstream.run),
            upstream.parameter,
            Id(upstream.upstream),
            upstream.count
        ])?;
    }
    for log in &batch.logs {
        write.log.run(params![
            Id(log.run),
            log.flow_run.map(Id),
            code::time(log.at),
            log.level,
            log.target,
            log.message
        ])?;
    }
    for record in &batch.transactions {
        write.transaction.run(params![
            Id(record.id),
            Id(record.root),
            record.key,
            code::transaction(record.state),
            code::json(&record.values)?,
            record.parent.map(Id),
            record.owner.map(Id)
        ])?;
    }
    Ok(())
}

/// A statement that is prepared when it is needed, and once.
struct Lazy<'c> {
    connection: &'c Connection,
    sql: &'static str,
    prepared: Option<Statement<'c>>,
}

impl Lazy<'_> {
    fn run(&mut self, params: impl Params) -> rusqlite::Result<()> {
        let statement = match &mut self.prepared {
            Some(statement) => statement,
            none => none.insert(self.connection.prepare(self.sql)?),
        };
        statement.execute(params).map(drop)
    }
}

struct Write<'c, 'e> {
    connection: &'c Connection,
    /// Numbers of functions that this batch has met.
    functions: HashMap<(&'e str, &'e str), i64>,
    run: Lazy<'c>,
    tag: Lazy<'c>,
    parameters: Lazy<'c>,
    known: Lazy<'c>,
    entered: Lazy<'c>,
    ended: Lazy<'c>,
    state: Lazy<'c>,
    outcome: Lazy<'c>,
    upstream: Lazy<'c>,
    log: Lazy<'c>,
    transaction: Lazy<'c>,
}

impl<'c, 'e> Write<'c, 'e> {
    fn new(connection: &'c Connection) -> Self {
        let lazy = |sql| Lazy { connection, sql, prepared: None };
        Self {
            connection,
            functions: HashMap::new(),
            run: lazy(
                "INSERT OR REPLACE INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            ),
            tag: lazy("INSERT OR REPLACE INTO tags VALUES (?1, ?2, ?3)"),
            parameters: lazy("INSERT OR REPLACE INTO parameters VALUES (?1, ?2)"),
            known: lazy(
                "UPDATE runs SET name = coalesce(?3, name), identity = coalesce(?4, identity) WHERE kind = ?1 AND id = ?2",
            ),
            // Two statements, as setting an owner costs a look into the index of owners.
            entered: lazy("UPDATE runs SET state = ?3, run_count = ?4 WHERE kind = ?1 AND id = ?2"),
            ended: lazy(
                "UPDATE runs SET state = ?3, run_count = ?4, owner = NULL WHERE kind = ?1 AND id = ?2",
            ),
            state: lazy("INSERT OR REPLACE INTO states VALUES (?1, ?2, ?3, ?4, ?5)"),
            outcome: lazy("INSERT OR REPLACE INTO outcomes VALUES (?1, ?2, ?3)"),
            upstream: lazy(
                "INSERT INTO upstreams VALUES (?1, (SELECT coalesce(max(number), -1) + 1 FROM upstreams WHERE run = ?1), ?2, ?3, \
                 ?4)",
            ),
            log: lazy(
                "INSERT INTO logs (run, flow_run, at, level, target, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            ),
            transaction: lazy(
                "INSERT INTO transactions (id, root, key, state, \"values\", parent, owner) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON \
                 CONFLICT (id) DO UPDATE SET root = ?2, key = ?3, state = ?4, \"values\" = ?5, parent = ?6, owner = ?7",
            ),
        }
    }

    fn created(&mut self, created: &Created<'e>) -> Result<()> {
        let record = created.record;
        let function = self.function(record)?;
        self.run.run(params![
            code::kind(record.kind),
            Id(record.id),
            function,
            record.version,
            created.known.name.unwrap_or(&record.name),
            code::tags(&record.tags)?,
            record.parent.map(Id),
            record.flow_run.map(Id),
            Id(record.root),
            record.map_index,
            created.known.identity.map(Id),
            record.transaction.map(Id),
            created.owner().map(Id),
            code::time(record.created),
            created.run_count,
            code::state_name(created.state.name),
        ])?;
        for tag in &record.tags {
            self.tag.run(params![tag, code::kind(record.kind), Id(record.id)])?;
        }
        self.parameters(record.id, created.known.parameters)
    }

    fn changed(&mut self, changed: &Changed<'_>) -> Result<()> {
        let (kind, run) = (code::kind(changed.kind), Id(changed.run));
        let known = &changed.known;
        if known.name.is_some() || known.identity.is_some() {
            self.known.run(params![kind, run, known.name, known.identity.map(Id)])?;
        }
        if let Some((state, run_count)) = changed.state {
            let statement = if state.is_final() { &mut self.ended } else { &mut self.entered };
            statement.run(params![kind, run, code::state_name(state.name), run_count])?;
        }
        self.parameters(changed.run, known.parameters)
    }

    fn parameters(
        &mut self,
        run: Uuid,
        parameters: Option<&serde_json::Map<String, serde_json::Value>>,
    ) -> Result<()> {
        if let Some(parameters) = parameters {
            self.parameters.run(params![Id(run), code::json(parameters)?])?;
        }
        Ok(())
    }

    /// The number of its function, which is written if it is new.
    fn function(&mut self, record: &'e RunRecord) -> Result<i64> {
        if let Some(number) = self.functions.get(&(record.key.as_str(), record.function.as_str())) {
            return Ok(*number);
        }
        let of = params![record.key, record.function];
        let find = "SELECT number FROM functions WHERE key = ?1 AND name = ?2";
        let known = self.connection.query_row(find, of, |row| row.get(0)).optional()?;
        let number = if let Some(number) = known {
            number
        } else {
            self.connection.execute("INSERT INTO functions (key, name) VALUES (?1, ?2)", of)?;
            self.connection.last_insert_rowid()
        };
        self.functions.insert((&record.key, &record.function), number);
        Ok(number)
    }
}

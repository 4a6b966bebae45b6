//! Whose runs are whose, and the end of those that are nobody's.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::connection::{Id, Result};
use crate::state::StateName;
use crate::store::{Kind, Owner, StoreError, code};

/// Each of these is called in a transaction.
pub(super) fn renew(connection: &Connection, owner: &Owner) -> Result<()> {
    let lease = "SELECT lease FROM owners WHERE id = ?1";
    let known = connection.query_row(lease, [Id(owner.id)], |row| row.get::<_, Option<i64>>(0)).optional()?;
    if known == Some(None) {
        return Err(StoreError::gone("this engine was taken for dead, and its runs were given up").into());
    }
    let started = owner.started.cast_signed();
    connection.execute(
        "INSERT OR REPLACE INTO owners VALUES (?1, ?2, ?3, ?4, ?5)",
        params![Id(owner.id), owner.host, owner.pid, started, code::time(owner.lease)],
    )?;
    Ok(())
}

pub(super) fn bury(
    connection: &Connection,
    owner: &Owner,
    reason: &str,
    now: SystemTime,
) -> Result<Vec<Uuid>> {
    let id = Id(owner.id);
    let forgotten = connection
        .execute("DELETE FROM owners WHERE id = ?1 AND lease = ?2", params![id, code::time(owner.lease)])?;
    if forgotten == 0 {
        return Ok(Vec::new());
    }
    let outermost = {
        let sql = "SELECT id FROM runs WHERE owner = ?1 AND root = id AND state >> 4 < ?2 ORDER BY id";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![id, code::FIRST_FINAL], |row| row.get::<_, Id>(0))?;
        rows.map(|id| id.map(|id| id.0)).collect::<rusqlite::Result<Vec<Uuid>>>()?
    };
    connection.execute(
        "INSERT INTO states SELECT id, max(?2, (SELECT max(at) + 1 FROM states WHERE run = id)), ?3, ?4, NULL FROM runs \
         WHERE owner = ?1 AND state >> 4 < ?5",
        params![id, code::time(now), code::state_name(StateName::Crashed), reason, code::FIRST_FINAL],
    )?;
    let abandoned = connection.execute(
        "UPDATE runs SET owner = NULL, state = CASE WHEN state >> 4 < ?2 THEN ?3 ELSE state END WHERE owner = ?1",
        params![id, code::FIRST_FINAL, code::state_name(StateName::Crashed)],
    )?;
    // Should it still be alive, it is told that it has lost them.
    if abandoned > 0 {
        connection.execute(
            "INSERT INTO owners VALUES (?1, ?2, ?3, ?4, NULL)",
            params![id, owner.host, owner.pid, owner.started.cast_signed()],
        )?;
    }
    Ok(outermost)
}

pub(super) fn claim(connection: &Connection, flow_run: Uuid, owner: Uuid) -> Result<bool> {
    let claimed = connection.execute(
        "UPDATE runs SET owner = ?3 WHERE kind = ?1 AND id = ?2 AND owner IS NULL AND state >> 4 <> ?4",
        params![code::kind(Kind::Flow), Id(flow_run), Id(owner), code::COMPLETED],
    )?;
    Ok(claimed > 0)
}

/// Whether there is a flow run of that id.
pub(super) fn is_there(connection: &Connection, flow_run: Uuid) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE kind = ?1 AND id = ?2)";
    Ok(connection.query_row(sql, params![code::kind(Kind::Flow), Id(flow_run)], |row| row.get(0))?)
}

pub(super) fn delete(connection: &Connection, runs: &[Uuid]) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    connection
        .execute_batch("CREATE TEMP TABLE IF NOT EXISTS deleted (run BLOB PRIMARY KEY) WITHOUT ROWID")?;
    for root in runs {
        let ended = "SELECT EXISTS (SELECT 1 FROM runs WHERE kind IN (0, 1) AND id = ?1 AND root = id AND owner IS NULL AND \
                     state >> 4 >= ?2)";
        if !connection.query_row(ended, params![Id(*root), code::FIRST_FINAL], |row| row.get(0))? {
            continue;
        }
        connection.execute("DELETE FROM temp.deleted", [])?;
        connection.execute("INSERT INTO temp.deleted SELECT id FROM runs WHERE root = ?1", [Id(*root)])?;
        let mut stored = connection.prepare(
            "SELECT DISTINCT key FROM outcomes WHERE run IN (SELECT run FROM temp.deleted) AND key IS NOT NULL",
        )?;
        for key in stored.query_map([], |row| row.get(0))? {
            keys.push(key?);
        }
        for table in ["states", "parameters", "outcomes", "upstreams", "logs"] {
            connection
                .execute(&format!("DELETE FROM {table} WHERE run IN (SELECT run FROM temp.deleted)"), [])?;
        }
        let tags = "DELETE FROM tags WHERE (tag, kind, run) IN (SELECT j.value, r.kind, r.id FROM runs r, json_each(r.tags) j \
                    WHERE r.root = ?1)";
        connection.execute(tags, [Id(*root)])?;
        connection.execute("DELETE FROM transactions WHERE root = ?1", [Id(*root)])?;
        connection.execute("DELETE FROM runs WHERE root = ?1", [Id(*root)])?;
    }
    keys.sort_unstable();
    keys.dedup();
    let mut refers = connection.prepare("SELECT EXISTS (SELECT 1 FROM outcomes WHERE key = ?1)")?;
    let mut unused = Vec::with_capacity(keys.len());
    for key in keys {
        if !refers.query_row([&key], |row| row.get(0))? {
            unused.push(key);
        }
    }
    Ok(unused)
}

//! Whose runs are whose, and the end of those that are nobody's. Each of these is called in a transaction.

use std::time::SystemTime;

use uuid::Uuid;

use super::session::{Result, Session};
use super::text::{decoded, encoded};
use super::write::small;
use crate::state::StateName;
use crate::store::{Kind, Owner, StoreError, code};

pub(super) fn renew(session: &mut Session, owner: &Owner) -> Result<()> {
    let renewed = session.execute(
        "INSERT INTO owners VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET host = excluded.host, pid = excluded.pid, \
         started = excluded.started, lease = excluded.lease WHERE owners.lease IS NOT NULL",
        &[
            &owner.id,
            &encoded(&owner.host),
            &i64::from(owner.pid),
            &owner.started.cast_signed(),
            &code::time(owner.lease),
        ],
    )?;
    if renewed == 0 {
        return Err(StoreError::gone("this engine was taken for dead, and its runs were given up").into());
    }
    Ok(())
}

pub(super) fn bury(session: &mut Session, owner: &Owner, reason: &str, now: SystemTime) -> Result<Vec<Uuid>> {
    let (lease, crashed) = (code::time(owner.lease), small(code::state_name(StateName::Crashed)));
    if session.execute("DELETE FROM owners WHERE id = $1 AND lease = $2", &[&owner.id, &lease])? == 0 {
        return Ok(Vec::new());
    }
    // Nothing of it changes from here on; what has changed meanwhile is not its any more.
    let abandoned = session.query(
        "SELECT id, root = id AND state >> 4 < $2::bigint FROM runs WHERE owner = $1 ORDER BY kind, id FOR UPDATE",
        &[&owner.id, &code::FIRST_FINAL],
    )?;
    session.execute(
        "INSERT INTO states SELECT r.id, greatest($2::bigint, (SELECT max(s.at) + 1 FROM states s WHERE s.run = r.id)), $3, $4, \
         NULL FROM runs r WHERE r.owner = $1 AND r.state >> 4 < $5::bigint",
        &[&owner.id, &code::time(now), &crashed, &encoded(reason), &code::FIRST_FINAL],
    )?;
    session.execute(
        "UPDATE runs SET owner = NULL, state = CASE WHEN state >> 4 < $2::bigint THEN $3 ELSE state END WHERE owner = $1",
        &[&owner.id, &code::FIRST_FINAL, &crashed],
    )?;
    // Should it still be alive, it is told that it has lost them.
    if !abandoned.is_empty() {
        session.execute(
            "INSERT INTO owners VALUES ($1, $2, $3, $4, NULL) ON CONFLICT (id) DO NOTHING",
            &[&owner.id, &encoded(&owner.host), &i64::from(owner.pid), &owner.started.cast_signed()],
        )?;
    }
    let mut outermost = Vec::new();
    for row in abandoned {
        if row.try_get(1)? {
            outermost.push(row.try_get(0)?);
        }
    }
    Ok(outermost)
}

pub(super) fn claim(session: &mut Session, flow_run: Uuid, owner: Uuid) -> Result<bool> {
    let claimed = session.execute(
        "UPDATE runs SET owner = $3 WHERE kind = $1 AND id = $2 AND owner IS NULL AND state >> 4 <> $4::bigint",
        &[&small(code::kind(Kind::Flow)), &flow_run, &owner, &code::COMPLETED],
    )?;
    Ok(claimed > 0)
}

/// Whether there is a flow run of that id; until the transaction is over nobody else is told that there is none.
pub(super) fn is_there(session: &mut Session, flow_run: Uuid) -> Result<bool> {
    let (high, low) = flow_run.as_u64_pair();
    session.query("SELECT pg_advisory_xact_lock($1)", &[&(high ^ low).cast_signed()])?;
    let kind = small(code::kind(Kind::Flow));
    let there = session.query("SELECT 1 FROM runs WHERE kind = $1 AND id = $2", &[&kind, &flow_run])?;
    Ok(!there.is_empty())
}

pub(super) fn delete(session: &mut Session, runs: &[Uuid]) -> Result<Vec<String>> {
    let ended = session.query(
        "SELECT id FROM runs WHERE kind IN (0, 1) AND id = ANY ($1) AND root = id AND owner IS NULL AND state >> 4 >= \
         $2::bigint ORDER BY kind, id FOR UPDATE",
        &[&runs, &code::FIRST_FINAL],
    )?;
    let mut roots: Vec<Uuid> = Vec::new();
    for row in ended {
        roots.push(row.try_get(0)?);
    }
    let stored = session.query(
        "SELECT DISTINCT o.key FROM outcomes o JOIN runs r ON o.run = r.id WHERE r.root = ANY ($1) AND o.key IS NOT NULL",
        &[&roots],
    )?;
    let stored = stored.iter().map(|row| row.try_get(0)).collect::<std::result::Result<Vec<&str>, _>>()?;
    for sql in [
        "DELETE FROM states o USING runs r WHERE r.root = ANY ($1) AND o.run = r.id",
        "DELETE FROM parameters o USING runs r WHERE r.root = ANY ($1) AND o.run = r.id",
        "DELETE FROM outcomes o USING runs r WHERE r.root = ANY ($1) AND o.run = r.id",
        "DELETE FROM upstreams o USING runs r WHERE r.root = ANY ($1) AND o.run = r.id",
        "DELETE FROM logs o USING runs r WHERE r.root = ANY ($1) AND o.run = r.id",
        "DELETE FROM tags o USING runs r WHERE r.root = ANY ($1) AND o.run = r.id",
        "DELETE FROM transactions WHERE root = ANY ($1)",
        "DELETE FROM runs WHERE root = ANY ($1)",
    ] {
        session.execute(sql, &[&roots])?;
    }
    let unused = session.query(
        "SELECT k.key FROM unnest($1::text[]) AS k (key) WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.key = k.key)",
        &[&stored],
    )?;
    unused.iter().map(|row| Ok(decoded(row.try_get(0)?))).collect()
}

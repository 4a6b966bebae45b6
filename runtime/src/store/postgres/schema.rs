//! The tables, and how those of an earlier version become those of this version.

use super::session::{Problem, Result, Session};
use crate::store::StoreError;

/// What leads from each version to the next, from an empty schema on. Nothing here is ever changed, only added to.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/3.sql")];

/// The lock of those who migrate: "millrun", as a number.
const LOCK: i64 = 0x6D_696C_6C72_756E;

/// A name as SQL writes it.
pub(super) fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// Brings a schema to this version, all of the way or not at all. It is made if it is not there.
pub(super) fn migrate(session: &mut Session, schema: &str) -> Result<()> {
    migrate_with(session, schema, MIGRATIONS)
}

fn migrate_with(session: &mut Session, schema: &str, migrations: &[&str]) -> Result<()> {
    if version(session, schema)? == Some(migrations.len()) {
        return Ok(());
    }
    // Whoever comes second waits, and finds it done.
    session.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
    match version(session, schema)? {
        Some(version) if version > migrations.len() => {
            return Err(Problem::Said(StoreError::new(format!(
                "the schema `{schema}` was written by a later version of Millrun (its tables are of version {version}, this one \
                 knows those up to {}): use that version, or name another schema; nothing in this one was changed",
                migrations.len()
            ))));
        }
        Some(version) => apply(session, migrations, version)?,
        None => {
            let there =
                session.query_once("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&schema])?;
            // Who may not create schemas can have one made for them.
            if there.is_empty() {
                session.batch(&format!("CREATE SCHEMA {}", quoted(schema)))?;
            }
            session.batch("CREATE TABLE millrun_version (version BIGINT NOT NULL); INSERT INTO millrun_version VALUES (0)")?;
            apply(session, migrations, 0)?;
        }
    }
    session.batch("COMMIT")
}

fn apply(session: &mut Session, migrations: &[&str], version: usize) -> Result<()> {
    for migration in migrations.iter().skip(version) {
        session.batch(migration)?;
    }
    session.batch(&format!("UPDATE millrun_version SET version = {}", migrations.len()))
}

/// Of which version the tables are, if there are any.
fn version(session: &mut Session, schema: &str) -> Result<Option<usize>> {
    let there = session.query_once(
        "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'millrun_version'",
        &[&schema],
    )?;
    if there.is_empty() {
        return Ok(None);
    }
    let version = session.query_once("SELECT version FROM millrun_version", &[])?;
    let version = version.first().map(|row| row.try_get::<_, i64>(0)).transpose()?;
    Ok(version.map(|version| usize::try_from(version).unwrap_or(usize::MAX)))
}

//! The tables, and how a database of an earlier version becomes one of this version.

use rusqlite::{Connection, TransactionBehavior};

use super::connection::{Problem, Result};

/// What leads from each version to the next, from an empty database on. Nothing here is ever changed, only added to.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/3.sql")];

/// Marks a database as one of ours: "MILL".
const APPLICATION: i32 = 0x4D49_4C4C;

/// Whether there is nothing to do. Looks only.
///
/// # Errors
/// It is no database, somebody else's, or of a later version.
pub(super) fn check(connection: &Connection) -> Result<bool> {
    // Another process may be making it: all of what is looked at is of one moment.
    let transaction = connection.unchecked_transaction()?;
    check_against(&transaction, MIGRATIONS)
}

/// Brings it to this version: all of the way, or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    migrate_with(connection, MIGRATIONS)
}

fn check_against(connection: &Connection, migrations: &[&str]) -> Result<bool> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let is_empty = number("SELECT count(*) FROM sqlite_master")? == 0;
    if application != i64::from(APPLICATION) && !(is_empty && application == 0 && version == 0) {
        return Err(Problem::Foreign);
    }
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(Problem::Newer { version, known });
    }
    Ok(version == known)
}

fn migrate_with(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    if check_against(&transaction, migrations)? {
        return Ok(());
    }
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (migration, next) in migrations.iter().zip(1..).skip_while(|(_, next)| *next <= version) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", next)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[&str] = &[
        "CREATE TABLE numbers (number INTEGER); INSERT INTO numbers VALUES (1)",
        "ALTER TABLE numbers ADD COLUMN name TEXT; UPDATE numbers SET name = 'one'",
        "INSERT INTO numbers VALUES (2, 'two')",
    ];

    fn at(version: usize) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &STEPS[..version]).unwrap();
        connection
    }

    #[test]
    fn every_earlier_version_becomes_this_one() {
        for version in 0..=STEPS.len() {
            let mut connection = at(version);
            migrate_with(&mut connection, STEPS).unwrap();
            assert!(check_against(&connection, STEPS).unwrap());
            let sql = "SELECT group_concat(name) FROM (SELECT name FROM numbers ORDER BY number)";
            let names: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(names, "one,two", "from version {version}");
        }
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = at(1);
        let steps = [STEPS[0], STEPS[1], "INSERT INTO nowhere VALUES (1)"];
        assert!(migrate_with(&mut connection, &steps).is_err());
        assert!(check_against(&connection, &STEPS[..1]).unwrap());
        assert!(connection.prepare("SELECT name FROM numbers").is_err());
    }

    #[test]
    fn a_later_version_is_refused() {
        let mut connection = at(3);
        let refused = migrate_with(&mut connection, &STEPS[..2]);
        assert!(matches!(refused, Err(Problem::Newer { version: 3, known: 2 })));
    }
}

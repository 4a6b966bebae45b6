//! A connection to a server: statements that are prepared once, and what goes wrong.

use std::collections::HashMap;

use ::postgres::error::SqlState;
use ::postgres::types::ToSql;
use ::postgres::{Client, Error, Row, Statement};

use crate::store::StoreError;

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// What can go wrong, before anybody has said with which server.
#[derive(Debug)]
pub(super) enum Problem {
    /// The server, or the way there.
    Postgres(Error),
    /// It was said already.
    Said(StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Said(error)
    }
}

impl Problem {
    /// `what` is "read" or "write", say.
    pub(super) fn with(self, what: &str, name: &str) -> StoreError {
        let error = match self {
            Self::Said(error) => return error,
            Self::Postgres(error) => error,
        };
        let failed = format!("failed to {what} the run store `{name}`");
        match error.as_db_error() {
            Some(said) => {
                let message = format!("{failed}: {} (SQLSTATE {})", said.message(), said.code().code());
                let known = if may_pass(said.code()) {
                    StoreError::temporary(message)
                } else {
                    StoreError::new(format!("{message}{}", hint(said.code())))
                };
                known.with_source(error)
            }
            None if error.is_closed() || lies_on_the_way(&error) => {
                let cause = causes(&error);
                StoreError::temporary(format!("{failed}: the server cannot be reached: {cause}"))
                    .with_source(error)
            }
            None => StoreError::new(format!("{failed}: {}", causes(&error))).with_source(error),
        }
    }
}

/// Whether it is of the network, rather than of what was asked or answered.
fn lies_on_the_way(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Whether trying again may help: the server stops, starts or is short of something, or two were in each other's way.
fn may_pass(code: &SqlState) -> bool {
    matches!(&code.code()[..2], "08" | "40" | "53" | "57" | "58") || *code == SqlState::LOCK_NOT_AVAILABLE
}

fn hint(code: &SqlState) -> &'static str {
    match *code {
        SqlState::INVALID_CATALOG_NAME => "; create that database, or name another one",
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "; check the user and the password in the URL"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => "; grant this user the right to create tables in that schema",
        _ => "",
    }
}

/// A connection, and what was prepared on it.
pub(super) struct Session {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, prepared: HashMap::new() }
    }

    /// Several statements without parameters.
    pub(super) fn batch(&mut self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// A statement that is asked for often. How many rows it has changed.
    pub(super) fn execute(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, params)?)
    }

    /// A query that is asked for often.
    pub(super) fn query(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query(&statement, params)?)
    }

    /// A query that is made for the occasion.
    pub(super) fn query_once(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        Ok(self.client.query(sql, params)?)
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

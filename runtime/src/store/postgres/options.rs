//! Which server, and how to reach it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use ::postgres::config::Host;
use ::postgres::{Client, Config, Error, NoTls};
use tokio::runtime::Handle;

use super::PostgresRunStore;
use crate::store::StoreError;

/// Where a [`PostgresRunStore`] is, and how it is reached.
///
/// ```no_run
/// use millrun::store::PostgresOptions;
///
/// # fn main() -> Result<(), millrun::store::StoreError> {
/// let store = PostgresOptions::new("postgres://db.example/runs")?.with_schema("nightly").connect_blocking()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    schema: String,
    connector: Arc<dyn Fn(&Config) -> Result<Client, Error> + Send + Sync>,
}

impl PostgresOptions {
    /// The schema `millrun` of that server and database: `postgres://user:password@host:5432/database`, or `host=… user=… dbname=…`, as
    /// `libpq` takes it. Where it says nothing else, a connection is given up after 10 s, and one that the server does not answer on
    /// after 30 s.
    ///
    /// # Errors
    /// That is no such address.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(|error: Error| {
            // The address may have a password in it.
            StoreError::new(format!(
                "failed to read the address of the PostgreSQL server: {}; one is `postgres://user:password@host:5432/database`",
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
            ))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        if config.get_application_name().is_none() {
            config.application_name("millrun");
        }
        Ok(Self { config, schema: "millrun".into(), connector: Arc::new(|config| config.connect(NoTls)) })
    }

    /// In a schema of that name, which is made if it is not there. Stores in different schemas know nothing of each other.
    #[must_use]
    pub fn with_schema(self, schema: impl Into<String>) -> Self {
        Self { schema: schema.into(), ..self }
    }

    /// Connects in another way than without TLS: `|config| config.connect(tls)`, with a connector of `postgres-native-tls`, say. The
    /// types are those of the crate `postgres` 0.19.
    #[must_use]
    pub fn with_connector(
        self,
        connector: impl Fn(&Config) -> Result<Client, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { connector: Arc::new(connector), ..self }
    }

    /// Connects, and brings the tables to this version.
    ///
    /// # Errors
    /// See [`PostgresRunStore::connect`].
    ///
    /// # Cancel safety
    /// Once begun it is connected; if nobody waits for it any more it is closed again.
    pub async fn connect(self) -> Result<PostgresRunStore, StoreError> {
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn_blocking(|| PostgresRunStore::open(self)).await.map_err(|error| {
                    StoreError::new("failed to open the run store: the tokio runtime is gone")
                        .with_source(error)
                })?
            }
            Err(_) => PostgresRunStore::open(self),
        }
    }

    /// [`connect`](Self::connect), on this thread.
    ///
    /// # Errors
    /// As above.
    pub fn connect_blocking(self) -> Result<PostgresRunStore, StoreError> {
        PostgresRunStore::open(self)
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) fn open(&self) -> Result<Client, Error> {
        (self.connector)(&self.config)
    }

    /// Without a password.
    pub(super) fn name(&self) -> String {
        let mut name = String::from("postgres://");
        for (n, host) in self.config.get_hosts().iter().enumerate() {
            let host = match host {
                Host::Tcp(host) => host.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            };
            let ports = self.config.get_ports();
            let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
            // Writing to a string does not fail.
            let _ = write!(name, "{}{host}:{port}", if n > 0 { "," } else { "" });
        }
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        let _ = write!(name, "/{database} (schema {})", self.schema);
        name
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresOptions").field(&self.name()).finish()
    }
}

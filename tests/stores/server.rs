//! A PostgreSQL server for tests, where there is one.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millrun::store::{PostgresOptions, PostgresRunStore};
use postgres::{Client, Config, NoTls};

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
}

/// A schema of its own, dropped with all that is in it.
pub(crate) struct Schema {
    server: Server,
    pub(crate) name: String,
}

impl Server {
    /// The one that `MILLRUN_TEST_POSTGRES` names, or one on this machine that lets everybody in.
    pub(crate) fn find() -> Option<Self> {
        if let Ok(url) = std::env::var("MILLRUN_TEST_POSTGRES") {
            return Some(Self { url });
        }
        let url = "postgres://postgres@127.0.0.1:5432/test";
        let config = url.parse::<Config>().unwrap().connect_timeout(Duration::from_secs(2)).clone();
        if config.connect(NoTls).is_ok() {
            return Some(Self { url: url.to_owned() });
        }
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            eprintln!(
                "left out: tests with PostgreSQL. Name a server that they may use: \
                 MILLRUN_TEST_POSTGRES=postgres://user:password@host:5432/database cargo test -p millrun-tests --test stores"
            );
        });
        None
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.url, NoTls).unwrap()
    }

    pub(crate) fn schema(&self) -> Schema {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // What has to be quoted.
        let name = format!("Millrun \"test\" {}-{number}", std::process::id());
        Schema { server: self.clone(), name }
    }
}

impl Schema {
    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new(&self.server.url).unwrap().with_schema(&self.name)
    }

    pub(crate) fn open(&self) -> PostgresRunStore {
        self.options().connect_blocking().unwrap()
    }

    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.quoted());
        let (url, sql) = (self.server.url.clone(), sql);
        // The driver must not be waited for within a runtime.
        let dropped = std::thread::spawn(move || Client::connect(&url, NoTls)?.batch_execute(&sql)).join();
        assert!(std::thread::panicking() || dropped.unwrap().is_ok());
    }
}

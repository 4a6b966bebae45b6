//! The same in a PostgreSQL server: the one that `MILLRUN_TEST_POSTGRES` names, or one on this machine that lets everybody in.

use std::time::Duration;

use millrun::Durability;
use millrun::store::{PostgresOptions, PostgresRunStore};
use millrun_benchmarks::{Bench, time};
use postgres::{Client, Config, NoTls};

use super::events::{events, write};
use super::{BATCH, RUNS, by_hand, engine};

const LEVELS: [(Durability, &str); 2] = [(Durability::Relaxed, "off"), (Durability::Strict, "on")];

/// A schema of its own, dropped with all that is in it.
struct Schema {
    url: String,
    name: String,
    client: Client,
    version: String,
}

impl Schema {
    /// `None` where no server answers, which the table says.
    fn new(bench: &Bench, name: &str) -> Option<Self> {
        let named = std::env::var("MILLRUN_TEST_POSTGRES");
        let url = named.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".into());
        let connected = url
            .parse::<Config>()
            .and_then(|mut config| config.connect_timeout(Duration::from_secs(2)).connect(NoTls));
        let mut client = match connected {
            Ok(client) => client,
            Err(error) => {
                bench.leave_out(&format!(
                    "no PostgreSQL answers ({error}); MILLRUN_TEST_POSTGRES=postgres://user:password@host:5432/database names one"
                ));
                return None;
            }
        };
        let version: String = client.query_one("SHOW server_version", &[]).unwrap().get(0);
        let name = format!("millrun_benchmark_{name}_{}", std::process::id());
        Some(Self { url, name, client, version: format!("PostgreSQL {version}") })
    }

    fn open(&self) -> PostgresRunStore {
        PostgresOptions::new(&self.url).unwrap().with_schema(&self.name).connect_blocking().unwrap()
    }

    fn clear(&mut self) {
        let name = &self.name;
        self.client
            .batch_execute(&format!("TRUNCATE {name}.runs, {name}.states, {name}.outcomes, {name}.upstreams"))
            .unwrap();
    }

    /// How long the rows take by hand.
    fn by_hand(&mut self, setting: &str, runs: u32) -> Duration {
        let name = &self.name;
        self.client
            .batch_execute(&format!("SET search_path TO {name}; SET synchronous_commit TO {setting}"))
            .unwrap();
        by_hand::in_postgres(&mut self.client, runs, BATCH)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        if let Err(error) = self.client.batch_execute(&drop) {
            eprintln!("the schema {} stays: {error}", self.name);
        }
    }
}

/// Batches of events, without an engine.
pub(super) fn rows(bench: &mut Bench) {
    let (Some(mut ours), Some(mut theirs)) = (Schema::new(bench, "ours"), Schema::new(bench, "theirs"))
    else {
        return;
    };
    let n = bench.items(RUNS);
    let events = events(0..n as u32);
    let store = ours.open();
    drop(theirs.open());
    let version = ours.version.clone();
    for (durability, setting) in LEVELS {
        bench
            .row(format!("runs of three states, synchronous_commit {setting}"))
            .of(n)
            .beside("their rows by hand")
            .durability(&format!("PostgreSQL {setting}"))
            .note(&version)
            .rounds(5)
            .in_turns(
                || {
                    ours.clear();
                    time(|| write(&store, &events, durability)).0
                },
                || theirs.by_hand(setting, n as u32),
            );
    }
}

/// Flow runs on an engine.
pub(super) fn fan_out(bench: &mut Bench) {
    let (Some(ours), Some(mut theirs)) = (Schema::new(bench, "ours"), Schema::new(bench, "theirs")) else {
        return;
    };
    let n = bench.items(RUNS);
    drop(theirs.open());
    let version = ours.version.clone();
    for (durability, setting) in LEVELS {
        bench
            .row(format!("a fan-out, recorded, synchronous_commit {setting}"))
            .of(n)
            .beside("its rows by hand, in batches")
            .durability(&format!("PostgreSQL {setting}"))
            .shape("recorded_fan_out")
            .note(&version)
            .rounds(5)
            .in_turns(|| engine::timed(ours.open(), durability, n), || theirs.by_hand(setting, n as u32));
    }
}

//! Transactions (DESIGN §2.5, §4.9) through the public interface: what is done together is committed or rolled back together.
#![allow(clippy::unused_async, reason = "async tasks and hooks are what is tried")]

mod dropped;
mod groups;
mod hooks;
mod keyed;
mod leaving;
mod model;
mod runs;
mod turned;
mod values;

use std::sync::{Arc, Mutex};

use millrun::prelude::*;
use serde::{Deserialize, Serialize};

/// What was done, in order; clones write to one list. Found again in hooks, which take nothing but the transaction, by its
/// number.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Diary(usize);

static PAGES: Mutex<Vec<Arc<Mutex<Vec<String>>>>> = Mutex::new(Vec::new());

impl Diary {
    fn new() -> Self {
        let mut pages = PAGES.lock().unwrap();
        pages.push(Arc::default());
        Self(pages.len() - 1)
    }

    fn page(&self) -> Arc<Mutex<Vec<String>>> {
        PAGES.lock().unwrap()[self.0].clone()
    }

    fn note(&self, what: impl Into<String>) {
        self.page().lock().unwrap().push(what.into());
    }

    fn read(&self) -> Vec<String> {
        std::mem::take(&mut *self.page().lock().unwrap())
    }
}

/// Notes what a hook is called for: `commit a`.
fn note(txn: &Transaction, what: &str) {
    let (diary, name): (Diary, String) = txn.get("about").unwrap().unwrap();
    diary.note(format!("{what} {name}"));
}

fn committed(txn: &Transaction) {
    note(txn, "commit");
}

fn rolled_back(txn: &Transaction) {
    note(txn, "rollback");
}

/// Does something that can be undone.
#[task(on_commit = committed, on_rollback = rolled_back)]
fn act(name: &str, diary: Diary) -> String {
    about(name, &diary);
    diary.note(format!("do {name}"));
    name.to_owned()
}

/// The same, async all through.
#[task(on_commit = committed_later, on_rollback = rolled_back_later)]
async fn act_later(name: String, diary: Diary) -> String {
    tokio::task::yield_now().await;
    about(&name, &diary);
    diary.note(format!("do {name}"));
    name
}

async fn committed_later(txn: &Transaction) {
    tokio::task::yield_now().await;
    note(txn, "commit");
}

async fn rolled_back_later(txn: &Transaction) -> Result<(), TransactionError> {
    tokio::task::yield_now().await;
    note(txn, "rollback");
    Ok(())
}

fn about(name: &str, diary: &Diary) {
    current_transaction().unwrap().set("about", &(diary, name)).unwrap();
}

#[task]
fn fails(why: &str) -> Result<(), String> {
    Err(why.to_owned())
}

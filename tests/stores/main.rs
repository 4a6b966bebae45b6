//! Run stores: the suite that all of them pass, and what each promises beside it.

#![allow(missing_docs)]

mod batches;
mod conformance;
mod folder;
mod kills;
mod postgres;
mod process;
mod server;
mod sqlite;

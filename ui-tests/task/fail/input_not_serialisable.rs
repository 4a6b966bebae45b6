use millrun::prelude::*;

struct Connection;

#[task(cache_policy = Inputs + TaskSource)]
fn load(connection: &Connection, table: &str) -> usize {
    let _ = connection;
    table.len()
}

#[task(persist_result)]
fn store(connection: Connection) {
    let _ = connection;
}

// What the key is not made of need not be serialisable.
#[task(cache_policy = Inputs - "connection")]
fn fine(connection: Connection, table: &str) -> usize {
    let _ = connection;
    table.len()
}

fn main() {}

use millrun::prelude::*;


#[flow(on_commit = announce, on_rollback = delete)]
fn publish() {}

fn main() {
    drop(publish());
}

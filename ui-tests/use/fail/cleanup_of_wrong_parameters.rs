use millrun::prelude::*;

#[task]
fn cluster() -> String {
    "cluster".into()
}

#[task]
fn start(cluster: &str) -> u64 {
    cluster.len() as u64
}

#[task]
fn stop(session: u64) {
    let _ = session;
}

#[flow]
fn job() {
    resource_manager(&cluster.submit(), start, stop, |session| session.wait());
}

fn main() {
    drop(job().result());
}

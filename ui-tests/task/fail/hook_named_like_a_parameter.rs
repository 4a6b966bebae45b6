use millrun::prelude::*;


fn alert(_: &TaskRun, _: &State) {}

#[task(on_failure = alert)]
fn send(alert: String) {
    drop(alert);
}

fn main() {
    drop(send("x".into()));
    drop(alert);
}

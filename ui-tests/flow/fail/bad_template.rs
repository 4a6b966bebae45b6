use millrun::prelude::*;


#[flow(flow_run_name = "etl {mont}")]
fn etl(month: String) {
    drop(month);
}

fn main() {
    drop(etl("x".into()));
}

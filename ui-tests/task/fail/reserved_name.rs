use millrun::prelude::*;


#[task]
fn wait(wait_for: u32, return_state: bool) {
    let _ = (wait_for, return_state);
}

fn main() {
    drop(wait.submit(1, true));
}

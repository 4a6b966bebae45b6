//! A task may come from another macro, with its pieces in invisible groups.
#![deny(warnings)]

use millrun::prelude::*;

macro_rules! tasks {
    ($($name:ident($argument:ident: $type:ty) -> $output:ty = $body:expr, $retries:expr, $delay:literal, $hook:path;)*) => {
        $(
            #[task(retries = $retries, retry_delay = $delay, on_failure = $hook, task_run_name = "run")]
            pub fn $name($argument: $type) -> $output {
                $body
            }
        )*
    };
}

mod hooks {
    use millrun::prelude::*;

    pub(crate) async fn alert(_: &TaskRun, _: &State) {}
}

tasks! {
    double(x: u32) -> u32 = x * 2, 3, "1s", hooks::alert;
    count(text: &str) -> Result<usize, TaskError> = Ok(text.len()), 2, "500ms", hooks::alert;
}

fn main() {
    drop(double(1));
    drop(count("x"));
}

use millrun::prelude::*;


#[task(task_run_name = "fetch {ulr}")]
fn near(url: String) {
    drop(url);
}

#[task(task_run_name = "fetch {page} of {date}")]
fn far(url: String, n: u32) {
    drop((url, n));
}

#[task(task_run_name = "fetch {x}")]
fn without_parameters() {}

#[task(task_run_name = "fetch {} {0}")]
fn positional(_url: String) {}

#[task(task_run_name = "fetch {url")]
fn unclosed(_url: String) {}

#[task(task_run_name = "fetch {url.len()}")]
fn expression(_url: String) {}

#[task(task_run_name = "fetch {url:>w$}")]
fn width(url: String, width: usize) {
    drop((url, width));
}

#[task(task_run_name = fetch)]
fn path(_url: String) {}

fn main() {}

use millrun::prelude::*;


struct Page;

#[task(task_run_name = "show {page}")]
fn show(page: Page) {
    drop(page);
}

fn main() {
    drop(show.submit(Page));
}

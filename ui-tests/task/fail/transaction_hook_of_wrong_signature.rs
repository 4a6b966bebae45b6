use millrun::prelude::*;

fn undo(run: &TaskRun) {
    drop(run.name());
}

#[task(on_rollback = undo)]
fn write(text: String) -> usize {
    text.len()
}

fn main() {}

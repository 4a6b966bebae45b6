//! Log lines about the states of runs.

use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::run::Run;
use crate::state::{StateName, StateType};

impl Run {
    /// How log lines call it.
    pub(super) fn label(&self) -> String {
        let what = if self.spec.is_flow { "Flow" } else { "Task" };
        format!("{what} run '{}'", self.name())
    }

    /// What it is, in a sentence.
    pub(super) fn kind_of_run(&self) -> &'static str {
        if self.spec.is_flow { "flow run" } else { "task run" }
    }
}

/// Logs that a run has entered a state.
#[inline]
pub(super) fn log_state(run: &Run, name: StateName, message: Option<&str>) {
    let level = match name.state_type() {
        StateType::Failed | StateType::Crashed => Level::ERROR,
        StateType::Completed | StateType::Cancelled => Level::INFO,
        StateType::Running if run.spec.is_flow => Level::INFO,
        _ => Level::DEBUG,
    };
    if level <= LevelFilter::current() {
        log_state_at(level, run, name, message);
    }
}

fn log_state_at(level: Level, run: &Run, name: StateName, message: Option<&str>) {
    let state_type = name.state_type();
    let text = || {
        let mut state = crate::state::State::unplaced(name, message.map(str::to_owned));
        state.id = uuid::Uuid::nil();
        state
    };
    let verb = if state_type.is_final() { "Finished in" } else { "Entered" };
    if level == Level::ERROR {
        log!(error, "{} - {verb} state {}", run.label(), text());
    } else if level == Level::INFO {
        if state_type == StateType::Running {
            log!(info, "{} - Beginning flow run for flow '{}'", run.label(), run.task_name());
        } else {
            log!(info, "{} - {verb} state {}", run.label(), text());
        }
    } else {
        log!(debug, "{} - {verb} state {}", run.label(), text());
    }
}

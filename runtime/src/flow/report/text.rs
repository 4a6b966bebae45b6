//! Reports as text.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::FlowRun;
use crate::context::{TaskRun, Tree};
use crate::graph::counted;
use crate::run::Run;
use crate::spec::Spec;
use crate::state::{StateName, StateType};

/// A map of more runs is one line, with as many of those that are not COMPLETED.
const SINGLY: usize = 20;

impl<T> fmt::Display for FlowRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow run '{}' of '{}' - ", self.name(), self.run.task_name())?;
        fmt_end(&self.run, f)?;
        let mut maps = HashMap::new();
        if !f.alternate() {
            maps = self.maps();
            maps.retain(|_, runs| runs.count() > SINGLY);
        }
        for (depth, run) in self.kept.runs() {
            let indent = 2 * depth + 2;
            match map_of(run).and_then(|map| maps.get_mut(&map)) {
                None => fmt_run(run, indent, f)?,
                Some(runs) if runs.is_told => {}
                Some(runs) => {
                    runs.is_told = true;
                    fmt_map(&run.map_name().unwrap_or_default(), runs, indent, f)?;
                }
            }
        }
        Ok(())
    }
}

impl<T> FlowRun<T> {
    fn maps(&self) -> HashMap<MapKey, Runs> {
        let mut maps: HashMap<MapKey, Runs> = HashMap::new();
        for (_, run) in self.kept.runs() {
            if let Some(map) = map_of(run) {
                maps.entry(map).or_default().add(run);
            }
        }
        maps
    }
}

/// Which map a run is of: that number among those of its task in a flow run.
type MapKey = (*const Tree, *const Spec, u32);

fn map_of(run: &Run) -> Option<MapKey> {
    // What is in a child flow run stands below that.
    let is_listed = run.is_of_map() && !run.spec.is_flow;
    is_listed.then(|| (Arc::as_ptr(&run.scope.tree), std::ptr::from_ref(run.spec), run.ordinal()))
}

/// The runs of one map.
#[derive(Default)]
struct Runs {
    states: BTreeMap<StateName, usize>,
    incomplete: Vec<Arc<Run>>,
    is_told: bool,
}

impl Runs {
    fn count(&self) -> usize {
        self.states.values().sum()
    }

    fn add(&mut self, run: &Arc<Run>) {
        let name = run.state().name;
        *self.states.entry(name).or_insert(0) += 1;
        if name.state_type() != StateType::Completed {
            self.incomplete.push(run.clone());
        }
    }
}

fn fmt_map(name: &str, runs: &Runs, indent: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\n{:indent$}{name} × {} - {}", "", runs.count(), counted(&runs.states))?;
    for run in runs.incomplete.iter().take(SINGLY) {
        fmt_run(run, indent + 2, f)?;
    }
    match runs.incomplete.len().saturating_sub(SINGLY) {
        0 => Ok(()),
        more => write!(f, "\n{:indent$}  and {more} more that are not COMPLETED", ""),
    }
}

fn fmt_run(run: &Arc<Run>, indent: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\n{:indent$}{}", "", run.name())?;
    if run.spec.is_flow {
        write!(f, " of '{}'", run.task_name())?;
    }
    write!(f, " - ")?;
    fmt_end(run, f)?;
    let info = TaskRun(run.clone());
    if let Some(why) = info.why() {
        write!(f, "\n{:indent$}  cache {why}", "")?;
    }
    if let Some(why) = info.not_resumable().filter(|_| !run.spec.is_flow) {
        write!(f, "\n{:indent$}  executed again on resume: {why}", "")?;
    }
    Ok(())
}

/// How a run ended, and after how long: `Completed() in 1.2s, 3 attempts`.
fn fmt_end(run: &Arc<Run>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let info = TaskRun(run.clone());
    write!(f, "{}", info.state())?;
    match info.run_count() {
        0 => Ok(()),
        1 => write!(f, " in {:.1?}", info.run_time()),
        attempts => write!(f, " in {:.1?}, {attempts} attempts", info.run_time()),
    }
}

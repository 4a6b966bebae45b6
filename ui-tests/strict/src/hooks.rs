//! What the attributes name.

use millrun::prelude::*;

pub(crate) fn note(_run: &TaskRun, _state: &State) {}

pub(crate) async fn tell(_run: &TaskRun, _state: &State) -> Result<(), TaskError> {
    std::future::ready(Ok(())).await
}

pub(crate) fn watch(_run: &TaskRun, _old: &State, new: State) -> State {
    new
}

pub(crate) fn note_flow(_run: &FlowRunInfo, _state: &State) {}

pub(crate) async fn tell_flow(_run: &FlowRunInfo, _state: &State) {
    std::future::ready(()).await;
}

pub(crate) fn watch_flow(_run: &FlowRunInfo, _old: &State, new: State) -> State {
    new
}

pub(crate) fn is_transient(error: &TaskError) -> bool {
    error.kind() == ErrorKind::TimedOut
}

pub(crate) fn decide(upstreams: &[Upstream]) -> Decision {
    if upstreams.is_empty() { Decision::Skip("nothing to do".to_owned()) } else { Decision::Run }
}

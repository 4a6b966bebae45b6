//! The model: what must become of a run, given how those before it ended and what its bodies did. Pure, and after DESIGN.md's
//! words rather than the engine's.

use millrun::prelude::*;

use crate::plan::Rule;
use crate::world::{Need, Produced};

/// Whether a run is executed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Admission {
    Runs,
    Skips,
    /// The trigger is not met.
    Fails,
    /// It may start, but has no value for a parameter.
    Lacks,
}

/// FAILED, CRASHED and CANCELLED count as failed.
pub(crate) fn is_failed(end: StateName) -> bool {
    end.state_type() != StateType::Completed
}

/// The admission of a run, given the ends of all that it waits for.
pub(crate) fn admission(rule: Rule, skips_with_upstream: bool, before: &[(StateName, Need)]) -> Admission {
    let ignores_skips = matches!(rule, Rule::AlwaysRun | Rule::NotAllSkipped);
    let skipped = before.iter().filter(|(end, _)| *end == StateName::Skipped).count();
    if skips_with_upstream
        && !ignores_skips
        && before.iter().any(|(end, need)| *end == StateName::Skipped && *need != Need::Outcome)
    {
        return Admission::Skips;
    }
    let all = before.len();
    let failed = before.iter().filter(|(end, _)| is_failed(*end)).count();
    let unforgiven = before
        .iter()
        .filter(|(end, need)| is_failed(*end) && !matches!(need, Need::Outcome | Need::AllowedFailure))
        .count();
    let met = match rule {
        Rule::AllSuccessful => unforgiven == 0,
        Rule::AllFailed => failed == all,
        Rule::AnySuccessful => all == 0 || failed < all,
        Rule::AnyFailed => all == 0 || failed > 0,
        Rule::AllFinished | Rule::AlwaysRun => true,
        Rule::NotAllSkipped if skipped == all => return Admission::Skips,
        Rule::NotAllSkipped => failed == 0,
        Rule::Failed(from, to) => (usize::from(from)..=usize::from(to)).contains(&failed),
        Rule::SuccessfulShare(quarters) => (all - failed) * 4 >= usize::from(quarters) * all,
        Rule::Even if failed % 2 == 0 => true,
        Rule::Even if failed == 1 => return Admission::Skips,
        Rule::Even => false,
    };
    if !met {
        return Admission::Fails;
    }
    if before.iter().any(lacks_value) { Admission::Lacks } else { Admission::Runs }
}

/// Whether the value of an upstream is needed, and not there.
fn lacks_value((end, need): &(StateName, Need)) -> bool {
    *need == Need::Value && *end != StateName::Completed
}

/// The upstreams because of which a run was not executed.
pub(crate) fn causes(admission: Admission, before: &[(StateName, Need)]) -> Vec<usize> {
    match admission {
        Admission::Fails => (0..before.len()).filter(|n| before[*n].0 != StateName::Completed).collect(),
        Admission::Lacks => (0..before.len()).filter(|n| lacks_value(&before[*n])).collect(),
        Admission::Runs | Admission::Skips => Vec::new(),
    }
}

/// What becomes of a map whose length never comes to be known, because of the run that was to give the list.
pub(crate) fn map_without_list(rule: Rule, skips_with_upstream: bool, list: StateName) -> StateName {
    let ignores_skips = matches!(rule, Rule::AlwaysRun | Rule::NotAllSkipped);
    if list == StateName::Skipped && skips_with_upstream && !ignores_skips {
        StateName::Skipped
    } else {
        StateName::TriggerFailed
    }
}

/// The state that an attempt leads to, if it is the last.
pub(crate) fn end_of(produced: Produced) -> StateName {
    match produced {
        Produced::Value(_) => StateName::Completed,
        Produced::Error(_) => StateName::Failed,
        Produced::Skip | Produced::PassedOn(ErrorKind::Skipped) => StateName::Skipped,
        Produced::PassedOn(_) => StateName::Failed,
        Produced::Panic => StateName::Crashed,
    }
}

/// Whether an attempt that led there is followed by another, while retries remain.
pub(crate) fn is_retried(end: StateName) -> bool {
    end.state_type() == StateType::Failed
}

/// What an error says that such a run ended with.
pub(crate) fn kind_of(end: StateName) -> Option<ErrorKind> {
    match end {
        StateName::Skipped => Some(ErrorKind::Skipped),
        StateName::TriggerFailed => Some(ErrorKind::TriggerFailed),
        StateName::Failed => Some(ErrorKind::Failed),
        StateName::TimedOut => Some(ErrorKind::TimedOut),
        StateName::Crashed => Some(ErrorKind::Crashed),
        StateName::Cancelled => Some(ErrorKind::Cancelled),
        _ => None,
    }
}

/// The names of a run's states, from its creation to its end.
pub(crate) fn states(attempts: usize, delayed: bool, end: StateName) -> Vec<StateName> {
    let mut names = vec![StateName::Pending];
    for attempt in 0..attempts {
        if attempt > 0 && delayed {
            names.push(StateName::AwaitingRetry);
        }
        names.push(if attempt == 0 { StateName::Running } else { StateName::Retrying });
    }
    names.push(end);
    names
}

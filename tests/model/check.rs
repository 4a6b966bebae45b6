//! Compares what was seen of a case with the model.

use std::collections::{HashMap, HashSet};

use millrun::prelude::*;

use crate::model::{self, Admission};
use crate::plan::{Look, Rule};
use crate::world::{
    Attempt, Before, Cancelled, Elements, Got, Looked, Need, Number, Produced, Record, RunOf, Shown, Source,
    What, World,
};

/// What was seen from outside.
#[derive(Default)]
pub(crate) struct Observed {
    pub(crate) states: HashMap<RunOf, Vec<State>>,
    /// Maps that have no runs, because the list was not there: what stands for them, where that was seen.
    pub(crate) failed_maps: HashMap<Number, Option<StateName>>,
    /// How many runs a report has listed.
    pub(crate) reported: Option<usize>,
}

/// How a flow run's attempt had to end.
struct Verdict {
    end: StateName,
    message: Option<String>,
    /// How many runs there were, and how many of them failed unseen: at least, and at most.
    unseen: (usize, usize, usize),
}

struct Check<'c> {
    world: &'c World,
    records: &'c [Record],
    observed: &'c Observed,
    wrong: Vec<String>,
}

/// What is wrong with a case, in words.
pub(crate) fn check(world: &World, observed: &Observed) -> Vec<String> {
    // A copy: a body that was given up on may be about to begin something.
    let records = world.records().clone();
    let mut check = Check { world, records: &records, observed, wrong: world.breaches() };
    check.all();
    check.wrong
}

/// A run's rules, as far as the model asks for them.
struct Rules {
    rule: Rule,
    skips_with_upstream: bool,
    retries: usize,
    delayed: bool,
}

impl Rules {
    const PLAIN: Self =
        Self { rule: Rule::AllSuccessful, skips_with_upstream: true, retries: 0, delayed: false };

    fn of(record: &Record) -> Self {
        let run = match &record.what {
            What::Run(run) => run,
            What::Map(map, _) => &map.each,
            What::Flow(flow) => return Self { retries: usize::from(flow.retries), ..Self::PLAIN },
            _ => return Self::PLAIN,
        };
        Self {
            rule: run.trigger,
            skips_with_upstream: run.skips_with_upstream,
            retries: usize::from(run.retries),
            delayed: run.delayed && run.retries > 0,
        }
    }
}

impl Check<'_> {
    fn wrong(&mut self, of: RunOf, what: impl std::fmt::Display) {
        self.wrong.push(format!("run {}[{}]: {what}", of.0, of.1));
    }

    fn all(&mut self) {
        for number in 0..self.records.len() {
            match &self.records[number].what {
                What::Map(..) | What::HeldMap(_) => self.map(number),
                _ => {
                    let before = self.records[number].before.clone();
                    self.run((number, 0), &before);
                }
            }
            for (index, attempts) in &self.records[number].attempts {
                for attempt in attempts {
                    for looked in &attempt.looks {
                        self.look((number, *index), looked);
                    }
                }
            }
        }
        let disturbed = (0..self.records.len()).any(|number| self.may_be_cancelled(number));
        let most = self.world.most_limited();
        if !disturbed && most > self.world.plan.limit {
            self.wrong.push(format!("{most} limited runs at once, the limit is {}", self.world.plan.limit));
        }
        if let (Some(reported), false) = (self.observed.reported, disturbed) {
            let inside = (1..self.records.len()).filter(|number| !self.world_is_child(*number));
            let expected: usize =
                inside.map(|number| self.runs_of(number).len().max(self.stands_in(number))).sum();
            if reported != expected {
                self.wrong.push(format!("the report lists {reported} runs and not {expected}"));
            }
        }
    }

    fn world_is_child(&self, number: Number) -> bool {
        self.tree_of(number).is_some_and(|(flow, _)| flow != 0)
    }

    fn stands_in(&self, number: Number) -> usize {
        usize::from(self.observed.failed_maps.contains_key(&number))
    }

    // What is known of runs.

    /// Whether somebody, or the end of somebody, may have cancelled it.
    fn may_be_cancelled(&self, number: Number) -> bool {
        let mut next = Some(number);
        while let Some(at) = next {
            let record = &self.records[at];
            if record.cancelled != Cancelled::No || self.may_be_dropped(at) {
                return true;
            }
            next = record.parent.map(|((above, _), _)| above);
        }
        self.world.plan.cancel_after.is_some()
    }

    /// A flow run whose last future may be dropped before its end.
    fn may_be_dropped(&self, number: Number) -> bool {
        let record = &self.records[number];
        matches!(record.what, What::Flow(_))
            && record.parent.is_some()
            && record.handle.is_none()
            && !record.awaited
            && !record.is_argument
            && !record.is_call
    }

    fn end(&self, of: RunOf) -> Option<StateName> {
        match self.observed.states.get(&of) {
            Some(states) => states.last().map(|state| state.name),
            None => self.end_of_call(of.0),
        }
    }

    /// How a call ended that was not executed: only its caller knows.
    fn end_of_call(&self, number: Number) -> Option<StateName> {
        if !self.records[number].is_call {
            return None;
        }
        let bodies = self.records.iter().flat_map(|record| record.attempts.values().flatten());
        let looked = bodies.flat_map(|attempt| &attempt.looks).find(|looked| looked.at == number)?;
        match &looked.got {
            Got::Outcome(Err((ErrorKind::Skipped, _))) => Some(StateName::Skipped),
            Got::Outcome(Err((ErrorKind::TriggerFailed, _))) => Some(StateName::TriggerFailed),
            Got::Outcome(Err((ErrorKind::Cancelled, _))) => Some(StateName::Cancelled),
            _ => None,
        }
    }

    fn attempts(&self, of: RunOf) -> &[Attempt] {
        self.records[of.0].attempts.get(&of.1).map_or(&[], Vec::as_slice)
    }

    /// What the run gave, if it completed.
    fn value(&self, of: RunOf) -> Option<u64> {
        if self.end(of) != Some(StateName::Completed) {
            return None;
        }
        match self.attempts(of).last().and_then(|attempt| attempt.produced) {
            Some(Produced::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// The length of a map; `Err` is how the run ended that was to give the list.
    fn length(&self, number: Number) -> Result<usize, Option<StateName>> {
        match &self.records[number].what {
            What::HeldMap(length) => Ok(*length),
            What::Map(_, Elements::Given(given)) => Ok(given.len()),
            What::Map(_, Elements::List { run, length }) => match self.end((*run, 0)) {
                Some(StateName::Completed) => Ok(*length),
                end => Err(end),
            },
            What::Map(_, Elements::Map { map, .. }) => match self.observed.failed_maps.get(map) {
                Some(end) => Err(*end),
                None => self.length(*map),
            },
            what => unreachable!("{what:?} is no map"),
        }
    }

    /// All runs of a record: of a map, those that there are.
    fn runs_of(&self, number: Number) -> Vec<RunOf> {
        match &self.records[number].what {
            What::Map(..) | What::HeldMap(_) => {
                if self.observed.failed_maps.contains_key(&number) {
                    return Vec::new();
                }
                (0..self.length(number).unwrap_or(0)).map(|index| (number, index)).collect()
            }
            _ => vec![(number, 0)],
        }
    }

    /// The ends of all runs of a record, what stands for them among them.
    fn ends_of(&self, number: Number) -> Vec<(Option<RunOf>, StateName)> {
        if let Some(end) = self.observed.failed_maps.get(&number) {
            return vec![(None, end.unwrap_or(StateName::TriggerFailed))];
        }
        self.runs_of(number).into_iter().filter_map(|of| Some((Some(of), self.end(of)?))).collect()
    }

    /// What a run of a map waits for.
    fn before_element(&self, number: Number, index: usize) -> Vec<Before> {
        let record = &self.records[number];
        let mut before = match &record.what {
            What::Map(_, Elements::Given(given)) => vec![given[index]],
            What::Map(_, Elements::List { run, .. }) => vec![(Source::Item(*run, index), Need::Value)],
            What::Map(_, Elements::Map { map, need }) => vec![(Source::Run((*map, index)), *need)],
            _ => Vec::new(),
        };
        before.extend(record.before.iter().copied());
        before
    }

    /// The ends of all that a run waits for, one by one, and which these are.
    fn upstreams(&self, before: &[Before]) -> Vec<(StateName, Need, Number, Option<RunOf>)> {
        let mut upstreams = Vec::new();
        for (source, need) in before {
            match *source {
                Source::Number(_) => {}
                Source::Run(of) => upstreams.extend(self.end(of).map(|end| (end, *need, of.0, Some(of)))),
                Source::Item(list, _) => {
                    let of = (list, 0);
                    upstreams.extend(self.end(of).map(|end| (end, *need, list, Some(of))));
                }
                Source::Map(map) => {
                    upstreams.extend(self.ends_of(map).into_iter().map(|(of, end)| (end, *need, map, of)));
                }
            }
        }
        upstreams
    }

    fn admission(&self, number: Number, before: &[Before]) -> Admission {
        let rules = Rules::of(&self.records[number]);
        model::admission(rules.rule, rules.skips_with_upstream, &pairs(&self.upstreams(before)))
    }

    /// What a body must have been given.
    fn inputs(&self, before: &[Before]) -> Vec<Result<u64, ErrorKind>> {
        let of_run = |of: RunOf| match (self.value(of), self.end(of)) {
            (Some(value), _) => Ok(value),
            (None, end) => Err(end.and_then(model::kind_of).unwrap_or(ErrorKind::Planning)),
        };
        let mut inputs = Vec::new();
        for (source, need) in before {
            if !matches!(need, Need::Value | Need::Outcome) {
                continue;
            }
            match *source {
                Source::Number(number) => inputs.push(Ok(number)),
                Source::Run(from) => inputs.push(of_run(from)),
                Source::Item(list, item) => inputs.push(of_run((list, 0)).map(|first| first + item as u64)),
                Source::Map(map) => inputs.extend(self.runs_of(map).into_iter().map(of_run)),
            }
        }
        inputs
    }

    // What each kind of record has to obey.

    fn map(&mut self, number: Number) {
        let cancelled = self.may_be_cancelled(number);
        let stands_in = self.observed.failed_maps.get(&number).copied();
        let rules = Rules::of(&self.records[number]);
        match (self.length(number), stands_in) {
            (_, Some(Some(StateName::Cancelled))) if cancelled => {}
            (Ok(_), Some(end)) => self.wrong((number, 0), format!("the map failed as a whole: {end:?}")),
            (Err(Some(list)), Some(Some(end))) => {
                let expected = model::map_without_list(rules.rule, rules.skips_with_upstream, list);
                if end != expected {
                    self.wrong((number, 0), format!("the map without a list is {end} and not {expected}"));
                }
            }
            (Err(_), Some(_)) => {}
            // Begun by a body that was given up on, after all was over.
            (Err(_), None) if cancelled => {}
            (Err(list), None) => {
                self.wrong((number, 0), format!("the map goes on with a list that is {list:?}"))
            }
            (Ok(length), None) => {
                for index in 0..length {
                    let before = self.before_element(number, index);
                    self.run((number, index), &before);
                }
                let strangers =
                    self.observed.states.keys().filter(|of| of.0 == number && of.1 >= length).count();
                if strangers > 0 {
                    self.wrong((number, 0), format!("{strangers} runs more than elements"));
                }
            }
        }
    }

    fn run(&mut self, of: RunOf, before: &[Before]) {
        let record = &self.records[of.0];
        let may_be_cancelled = self.may_be_cancelled(of.0);
        let Some(states) = self.observed.states.get(&of) else {
            if let Some(end) = self.end_of_call(of.0) {
                let fits = match self.admission(of.0, before) {
                    Admission::Skips => end == StateName::Skipped,
                    Admission::Fails | Admission::Lacks => end == StateName::TriggerFailed,
                    Admission::Runs => false,
                };
                if !fits && !may_be_cancelled {
                    self.wrong(of, format!("the call was not executed: {end}"));
                }
                return;
            }
            // Begun by a body that was given up on, after all was over.
            if !may_be_cancelled {
                self.wrong(of, "nobody has seen it");
            }
            return;
        };
        let is_crash = states.last().is_some_and(|state| state.is_crashed());
        let names: Vec<StateName> = states
            .iter()
            .map(|state| state.name)
            .filter(|name| *name != StateName::AwaitingConcurrencySlot)
            // A crash is one, also where the run was just about to be cancelled.
            .filter(|name| *name != StateName::Cancelling || !is_crash || !may_be_cancelled)
            .collect();
        let listed = format!("{:?}", states.iter().map(|state| state.name).collect::<Vec<_>>());
        let rules = Rules::of(record);

        for pair in states.windows(2) {
            if pair[0].timestamp >= pair[1].timestamp {
                self.wrong(of, format!("{} is no later than {}", pair[1], pair[0]));
            }
            if !pair[0].name.may_become(pair[1].name) {
                self.wrong(of, format!("{} after {}", pair[1], pair[0]));
            }
        }
        let finals = states.iter().filter(|state| state.is_final()).count();
        let Some(end) = names.last().copied().filter(|end| end.state_type().is_final() && finals == 1) else {
            return self.wrong(of, format!("its states are {listed}"));
        };

        let attempts = self.attempts(of);
        if end == StateName::Cancelled {
            if !may_be_cancelled {
                return self.wrong(of, "it is cancelled, and nobody asked for that");
            }
            let running =
                names.iter().filter(|name| matches!(name, StateName::Running | StateName::Retrying)).count();
            if running < attempts.len() || running > attempts.len() + 1 {
                let attempts = attempts.len();
                self.wrong(of, format!("its body was executed {attempts} times, its states are {listed}"));
            }
            return;
        }
        let from_above = record.parent.is_some_and(|((above, _), _)| self.may_be_cancelled(above));
        if record.cancelled == Cancelled::Surely && !from_above {
            return self.wrong(of, format!("it was cancelled before its end, its states are {listed}"));
        }

        let admission = self.admission(of.0, before);
        let expected_end = match admission {
            Admission::Skips => Some(StateName::Skipped),
            Admission::Fails | Admission::Lacks => Some(StateName::TriggerFailed),
            Admission::Runs => None,
        };
        if let Some(expected) = expected_end {
            if !attempts.is_empty() {
                self.wrong(of, format!("it was executed, although {admission:?}"));
            }
            if names != [StateName::Pending, expected] {
                self.wrong(of, format!("{admission:?} because of {before:?}, its states are {listed}"));
            }
            return;
        }

        let inputs = self.inputs(before);
        let is_flow = matches!(record.what, What::Flow(_));
        let mut ends = Vec::new();
        let mut problems = Vec::new();
        for (n, attempt) in attempts.iter().enumerate() {
            if attempt.inputs != inputs {
                problems.push(format!("its body was given {:?} and not {inputs:?}", attempt.inputs));
            }
            let Some(produced) = attempt.produced else {
                problems.push(format!("its body did not come to an end, its states are {listed}"));
                continue;
            };
            if !is_flow {
                ends.push((model::end_of(produced), None));
                continue;
            }
            let verdict = self.verdict(of.0, n, produced);
            let last = n + 1 == attempts.len();
            match verdict.unseen {
                // It is not known who has seen what: what came of it is taken for granted.
                (_, low, high) if low != high && produced_value(produced) => {
                    let failed = if last { end == StateName::Failed } else { true };
                    if failed && high == 0 || !failed && low > 0 {
                        problems.push(format!("{low} to {high} runs failed unseen, the flow run is {end}"));
                    }
                    ends.push((if failed { StateName::Failed } else { StateName::Completed }, None));
                }
                _ => ends.push((verdict.end, verdict.message)),
            }
        }
        let count = attempts.len();
        for problem in problems {
            self.wrong(of, problem);
        }
        let first_last =
            ends.iter().enumerate().position(|(n, (end, _))| n >= rules.retries || !model::is_retried(*end));
        let too_few = first_last.is_none() && !may_be_cancelled;
        if count == 0 || too_few || first_last.is_some_and(|last| last + 1 < count) {
            return self.wrong(of, format!("{count} attempts, {ends:?}, its states are {listed}"));
        }
        let Some((expected, message)) = ends.last().cloned() else { return };
        let expected_names = model::states(count, rules.delayed, expected);
        if names != expected_names {
            self.wrong(of, format!("its states are {listed} and not {expected_names:?}"));
        }
        let said = states.last().and_then(|state| state.message.clone());
        if let Some(message) = message
            && said.as_ref() != Some(&message)
        {
            self.wrong(of, format!("it says {said:?} and not {message:?}"));
        }
        self.order(of, before);
        if is_flow {
            self.children_first(of, states);
        }
        self.world.checks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// Its inputs ended before it began.
    fn order(&mut self, of: RunOf, before: &[Before]) {
        let begun = self.attempts(of).first().map_or(0, |attempt| attempt.begun);
        for (end, _, _, upstream) in self.upstreams(before) {
            let Some(upstream) = upstream.filter(|_| end != StateName::Cancelled) else { continue };
            let ended = self.attempts(upstream).last().map_or(0, |attempt| attempt.ended);
            let is_sync_flow_aside = self.attempts(upstream).is_empty();
            if ended > begun && !is_sync_flow_aside {
                self.wrong(of, format!("it began at {begun}, {upstream:?} ended at {ended}"));
            }
        }
    }

    /// A flow run ends after all that it has begun.
    fn children_first(&mut self, of: RunOf, states: &[State]) {
        let Some(end) = states.last().map(|state| state.timestamp) else { return };
        for number in 0..self.records.len() {
            if self.tree_of(number).is_none_or(|(flow, _)| flow != of.0) {
                continue;
            }
            for run in self.runs_of(number) {
                let ended = self.observed.states.get(&run).and_then(|states| states.last());
                if ended.is_some_and(|state| state.timestamp > end) && !self.may_be_cancelled(number) {
                    self.wrong(of, format!("it ended before {run:?}"));
                }
            }
        }
    }

    fn look(&mut self, by: RunOf, looked: &Looked) {
        let at = looked.at;
        let outcome = |of: RunOf| -> Shown {
            if let Some(value) = self.value(of) {
                return Ok(value);
            }
            let end = self.end(of);
            let oops = match self.attempts(of).last().and_then(|attempt| attempt.produced) {
                Some(Produced::Error(number)) if end == Some(StateName::Failed) => Some(number),
                _ => None,
            };
            Err((end.and_then(model::kind_of).unwrap_or(ErrorKind::Planning), oops))
        };
        // An error that was passed on holds that of somebody else.
        let same = |shown: &Shown, expected: &Shown| match (shown, expected) {
            // What a body begins that was given up on may end too late for its end to be known.
            (Err((ErrorKind::Cancelled, _)), Err((ErrorKind::Planning, None))) => true,
            (Err((kind, _)), Err((expected, None))) => kind == expected,
            _ => shown == expected,
        };
        let is_map = matches!(self.records[at].what, What::Map(..) | What::HeldMap(_));
        let ends = self.ends_of(at);
        let fits = match &looked.got {
            Got::Nothing => true,
            Got::Outcome(shown) => same(shown, &outcome((at, 0))),
            Got::Outcomes(shown) if self.stands_in(at) > 0 => {
                matches!(&shown[..], [Err((kind, _))] if Some(*kind) == model::kind_of(ends[0].1))
            }
            Got::Outcomes(shown) => {
                let expected: Vec<Shown> = self.runs_of(at).into_iter().map(outcome).collect();
                shown.len() == expected.len()
                    && shown.iter().zip(&expected).all(|(one, other)| same(one, other))
            }
            Got::All(Ok(values)) => {
                let expected: Vec<Option<u64>> =
                    self.runs_of(at).into_iter().map(|of| self.value(of)).collect();
                self.stands_in(at) == 0 && expected.iter().copied().eq(values.iter().copied().map(Some))
            }
            Got::All(Err(kind)) => {
                let is_one = |expected: Shown| same(&Err((*kind, None)), &expected);
                ends.iter().any(|(_, end)| model::kind_of(*end) == Some(*kind))
                    || self.runs_of(at).into_iter().map(outcome).any(is_one)
            }
        };
        if !fits {
            let expected: Vec<Shown> = self.runs_of(at).into_iter().map(outcome).collect();
            let what = if is_map { "map" } else { "run" };
            self.wrong(
                by,
                format!(
                    "looked at {what} {at} by {:?}, got {:?} and not {expected:?}",
                    looked.how, looked.got
                ),
            );
        }
    }

    // The end of a flow run.

    /// The attempt of the flow run that a run is counted in.
    fn tree_of(&self, number: Number) -> Option<(Number, usize)> {
        let ((mut above, _), mut attempt) = self.records[number].parent?;
        while !matches!(self.records[above].what, What::Flow(_)) {
            let parent = self.records[above].parent?;
            above = parent.0.0;
            attempt = parent.1;
        }
        Some((above, attempt))
    }

    fn verdict(&self, flow: Number, attempt: usize, produced: Produced) -> Verdict {
        let plain = |end| Verdict { end, message: None, unseen: (0, 0, 0) };
        if !produced_value(produced) {
            return plain(model::end_of(produced));
        }
        let references = &self.records[flow].attempts[&0][attempt].references;
        if !references.is_empty() {
            let failed = references
                .iter()
                .flat_map(|number| self.ends_of(*number))
                .any(|(_, end)| model::is_failed(end));
            let (end, message) = if failed {
                (StateName::Failed, "Some reference tasks failed.")
            } else {
                (StateName::Completed, "All reference tasks succeeded.")
            };
            return Verdict { message: Some(message.into()), ..plain(end) };
        }
        let inside: Vec<Number> =
            (0..self.records.len()).filter(|number| self.tree_of(*number) == Some((flow, attempt))).collect();
        let total: usize =
            inside.iter().map(|number| self.runs_of(*number).len() + self.stands_in(*number)).sum();
        let unseen = |with_perhaps: bool| {
            let seen = self.seen(with_perhaps);
            let mut unseen = 0;
            for number in &inside {
                for (of, end) in self.ends_of(*number) {
                    let failed = matches!(end.state_type(), StateType::Failed | StateType::Crashed);
                    let key = of.unwrap_or((*number, usize::MAX));
                    unseen += usize::from(failed && !seen.contains(&key));
                }
            }
            unseen
        };
        let (low, high) = (unseen(true), unseen(false));
        // A sync body that was given up on goes on alone: what it submits may be too late to be counted.
        let is_counted = inside.iter().all(|number| {
            let parent = self.records[*number].parent;
            parent.is_none_or(|(parent, _)| self.end(parent) != Some(StateName::Cancelled))
        });
        let (end, message) = match high {
            0 => (StateName::Completed, None),
            _ => {
                let message = format!("{high}/{total} task runs failed.");
                (StateName::Failed, Some(message).filter(|_| is_counted))
            }
        };
        Verdict { end, message, unseen: (total, low, high) }
    }

    /// The runs whose outcome has reached a body or a run; a map's stand-in has no place in it. With those of which it is not
    /// known, because somebody was cancelled.
    fn seen(&self, with_perhaps: bool) -> HashSet<RunOf> {
        let mut seen: HashSet<RunOf> = HashSet::new();
        let mut open: Vec<RunOf> = Vec::new();
        let see_all = |number: Number, open: &mut Vec<RunOf>| {
            open.extend(self.ends_of(number).into_iter().map(|(of, _)| of.unwrap_or((number, usize::MAX))));
        };
        for (number, record) in self.records.iter().enumerate() {
            for (index, attempts) in &record.attempts {
                let is_sure = self.end((number, *index)).is_some_and(|end| end != StateName::Cancelled);
                if !is_sure && !with_perhaps {
                    continue;
                }
                for looked in attempts.iter().flat_map(|attempt| &attempt.looks) {
                    let is_map = matches!(self.records[looked.at].what, What::Map(..) | What::HeldMap(_));
                    let sees = match looked.how {
                        Look::Wait | Look::WaitAlone => false,
                        Look::Timed => !(is_map && looked.got == Got::Nothing),
                        _ => true,
                    };
                    if sees {
                        see_all(looked.at, &mut open);
                    }
                }
            }
            for of in self.runs_of(number) {
                let before = match &record.what {
                    What::Map(..) => self.before_element(number, of.1),
                    _ => record.before.clone(),
                };
                let is_sure = self.end(of).is_some_and(|end| end != StateName::Cancelled);
                let admitted = self.admission(number, &before) == Admission::Runs;
                if (is_sure || with_perhaps) && admitted {
                    for (source, need) in before {
                        match (source, need) {
                            (Source::Run(from), Need::Outcome | Need::AllowedFailure) => open.push(from),
                            (Source::Map(map), Need::Outcome | Need::AllowedFailure) => {
                                see_all(map, &mut open)
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        while let Some(of) = open.pop() {
            if seen.insert(of) {
                open.extend(self.causes(of));
            }
        }
        seen
    }

    /// Why a run was not executed.
    fn causes(&self, of: RunOf) -> Vec<RunOf> {
        let (number, index) = of;
        if index == usize::MAX {
            if self.observed.failed_maps.get(&number) != Some(&Some(StateName::TriggerFailed)) {
                return Vec::new();
            }
            return match &self.records[number].what {
                What::Map(_, Elements::List { run, .. }) => vec![(*run, 0)],
                What::Map(_, Elements::Map { map, .. }) => vec![(*map, usize::MAX)],
                _ => Vec::new(),
            };
        }
        if self.end(of) != Some(StateName::TriggerFailed) {
            return Vec::new();
        }
        let before = match &self.records[number].what {
            What::Map(..) => self.before_element(number, index),
            _ => self.records[number].before.clone(),
        };
        let upstreams = self.upstreams(&before);
        model::causes(self.admission(number, &before), &pairs(&upstreams))
            .into_iter()
            .map(|n| upstreams[n].3.unwrap_or((upstreams[n].2, usize::MAX)))
            .collect()
    }
}

fn produced_value(produced: Produced) -> bool {
    matches!(produced, Produced::Value(_))
}

fn pairs(upstreams: &[(StateName, Need, Number, Option<RunOf>)]) -> Vec<(StateName, Need)> {
    upstreams.iter().map(|(end, need, ..)| (*end, *need)).collect()
}

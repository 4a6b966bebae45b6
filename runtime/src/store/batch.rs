//! Events of one batch brought together by run: what is made and ends in one batch is written once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::event::{Event, Kind, LogRecord, Outcome, RunRecord, TransactionRecord, UpstreamRecord};
use crate::state::State;

/// What a batch of events comes to, for stores that write it at once: runs as they are after it, and what is only ever added.
#[derive(Debug, Default)]
pub struct Batch<'e> {
    /// Runs made in this batch.
    pub created: Vec<Created<'e>>,
    /// Runs made in earlier ones.
    pub changed: Vec<Changed<'e>>,
    /// All states entered, in order.
    pub states: Vec<(Uuid, &'e State)>,
    /// What runs gave.
    pub outcomes: Vec<(Uuid, &'e Outcome)>,
    /// What runs wait for.
    pub upstreams: Vec<&'e UpstreamRecord>,
    /// What was logged.
    pub logs: Vec<&'e LogRecord>,
    /// Transactions as they are after the batch, each once.
    pub transactions: Vec<&'e TransactionRecord>,
}

/// A run made in a batch, as it is after that.
#[derive(Clone, Copy, Debug)]
pub struct Created<'e> {
    /// What it was when it was made.
    pub record: &'e RunRecord,
    /// What is known of it after the batch; it stands in place of what the record says.
    pub known: Known<'e>,
    /// Its last state.
    pub state: &'e State,
    /// How many attempts have begun.
    pub run_count: u32,
}

/// What becomes known of a run once what it waits for has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'e> {
    /// Its name.
    pub name: Option<&'e str>,
    /// Its parameters.
    pub parameters: Option<&'e Map<String, Value>>,
    /// What it is recognised by when its flow run is resumed.
    pub identity: Option<Uuid>,
}

impl Created<'_> {
    /// Who has it; nobody has what has ended.
    pub fn owner(&self) -> Option<Uuid> {
        self.record.owner.filter(|_| !self.state.is_final())
    }
}

/// How a run is after a batch that it was not made in.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'e> {
    /// The run.
    pub run: Uuid,
    /// Of what it is.
    pub kind: Kind,
    /// What has become known.
    pub known: Known<'e>,
    /// The last state that it entered, and how many attempts have begun. One that has ended has no owner any more.
    pub state: Option<(&'e State, u32)>,
}

impl<'e> Batch<'e> {
    /// What these events come to.
    pub fn of(events: &'e [Event]) -> Self {
        let mut batch = Self::default();
        let mut places: HashMap<Uuid, Place> = HashMap::new();
        let mut transactions: HashMap<Uuid, usize> = HashMap::new();
        for event in events {
            match event {
                Event::Created(record) => {
                    places.insert(record.id, Place::Created(batch.created.len()));
                    batch.states.push((record.id, &record.state));
                    batch.created.push(Created {
                        record,
                        known: Known {
                            name: Some(&record.name),
                            parameters: record.parameters.as_ref(),
                            identity: record.identity,
                        },
                        state: &record.state,
                        run_count: record.run_count,
                    });
                }
                Event::Prepared { run, kind, name, parameters, identity } => {
                    let known = match batch.place(&mut places, *run, *kind) {
                        Place::Created(n) => &mut batch.created[n].known,
                        Place::Changed(n) => &mut batch.changed[n].known,
                    };
                    known.name = name.as_deref().or(known.name);
                    known.parameters = parameters.as_ref().or(known.parameters);
                    known.identity = identity.or(known.identity);
                }
                Event::Entered { run, kind, state, run_count, outcome } => {
                    match batch.place(&mut places, *run, *kind) {
                        Place::Created(n) => {
                            batch.created[n].state = state;
                            batch.created[n].run_count = *run_count;
                        }
                        Place::Changed(n) => batch.changed[n].state = Some((state, *run_count)),
                    }
                    batch.states.push((*run, state));
                    batch.outcomes.extend(outcome.as_ref().map(|outcome| (*run, outcome)));
                }
                Event::Upstream(upstream) => batch.upstreams.push(upstream),
                Event::Logged(log) => batch.logs.push(log),
                Event::Transaction(record) => match transactions.entry(record.id) {
                    Entry::Occupied(place) => batch.transactions[*place.get()] = record,
                    Entry::Vacant(place) => {
                        place.insert(batch.transactions.len());
                        batch.transactions.push(record);
                    }
                },
            }
        }
        batch
    }

    fn place(&mut self, places: &mut HashMap<Uuid, Place>, run: Uuid, kind: Kind) -> Place {
        match places.entry(run) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                self.changed.push(Changed { run, kind, known: Known::default(), state: None });
                *place.insert(Place::Changed(self.changed.len() - 1))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Place {
    Created(usize),
    Changed(usize),
}

//! The model: what is to be seen of a plan, after the words of DESIGN §4.9 and not after the engine's.

use std::collections::BTreeSet;

use millrun::prelude::*;

use super::plan::{Begun, Body, End, Flow, Group, Hook, Plan, Step, Task, What};
use super::seen::{Gave, Note, Number, Seen};

pub(super) fn expected(plan: &Plan) -> Seen {
    let seen = Seen {
        notes: Vec::new(),
        runs: Default::default(),
        groups: Default::default(),
        records: plan.records.iter().cloned().collect(),
        end: StateName::Completed,
    };
    let mut model =
        Model { seen, next: 0, transactions: Vec::new(), flows: Vec::new(), unseen: BTreeSet::new() };
    let outside = Place { transaction: None, group: None, flow: 0, may_cancel: true };
    model.seen.end = match model.flow_body(&plan.body, plan.is_async, outside) {
        Ok(()) => StateName::Completed,
        Err(Exit::Error) => StateName::Failed,
        Err(Exit::Panic) => StateName::Crashed,
        Err(Exit::Cancel) => StateName::Cancelled,
    };
    for transaction in &model.transactions {
        if transaction.is_group && transaction.was_entered {
            model.seen.groups.insert(transaction.number, transaction.state);
        }
    }
    model.seen
}

struct Model {
    seen: Seen,
    next: Number,
    transactions: Vec<Tx>,
    /// The task runs of each flow run that ended badly.
    flows: Vec<Vec<Number>>,
    /// The task runs that ended badly and whose result no body has seen.
    unseen: BTreeSet<Number>,
}

/// A transaction, by its place in the list.
type Index = usize;

struct Tx {
    number: Number,
    parent: Option<Index>,
    children: Vec<Index>,
    is_group: bool,
    was_entered: bool,
    mode: CommitMode,
    state: TransactionState,
    key: Option<String>,
    on_commit: Vec<Hook>,
    on_rollback: Vec<Hook>,
    /// The task runs inside that ended badly.
    failures: Vec<Number>,
}

/// Where a body is.
#[derive(Clone, Copy)]
struct Place {
    transaction: Option<Index>,
    /// The innermost group of this body.
    group: Option<Index>,
    flow: usize,
    may_cancel: bool,
}

/// How a body ends that does not end well.
#[derive(Clone, Copy, PartialEq)]
enum Exit {
    Error,
    Panic,
    Cancel,
}

type Ended = Result<(), Exit>;

fn end(end: End) -> Ended {
    match end {
        End::Ok => Ok(()),
        End::Err => Err(Exit::Error),
        End::Panic => Err(Exit::Panic),
    }
}

impl Model {
    fn number(&mut self) -> Number {
        self.next += 1;
        self.next - 1
    }

    fn note(&mut self, note: Note) {
        self.seen.notes.push(note);
    }

    fn tx(&mut self, index: Index) -> &mut Tx {
        &mut self.transactions[index]
    }

    // Bodies.

    fn body(&mut self, body: &Body, at: Place) -> Ended {
        for step in &body.steps {
            self.step(step, at)?;
        }
        end(body.end)
    }

    fn step(&mut self, step: &Step, at: Place) -> Ended {
        let ended = match &step.what {
            What::Task(task) => self.task(task, at),
            What::Group(group) => self.group(group, at),
            What::Flow(flow) => self.flow(flow, at),
            What::Commit => self.decide(at.group, Self::commit_by_hand),
            What::Rollback => self.decide(at.group, Self::roll_back_by_hand),
            What::Cancel if at.may_cancel => Err(Exit::Cancel),
            What::Cancel => Ok(()),
        };
        match ended {
            Err(Exit::Error) if step.is_handled => Ok(()),
            ended => ended,
        }
    }

    /// Gives a body the result of what it has begun.
    fn give(&mut self, number: Number, ended: Ended) -> Ended {
        if matches!(ended, Ok(()) | Err(Exit::Error)) {
            self.note(Note::Ended(number, Gave::of(&ended)));
        }
        ended
    }

    // Flow runs.

    fn flow(&mut self, flow: &Flow, at: Place) -> Ended {
        let number = self.number();
        let ended = if self.is_over(at.transaction) {
            Err(Exit::Error)
        } else {
            self.flow_body(&flow.body, flow.is_async, at)
        };
        // A panic crashes the flow run.
        let ended = ended.map_err(|exit| if exit == Exit::Panic { Exit::Error } else { exit });
        self.give(number, ended)
    }

    fn flow_body(&mut self, body: &Body, is_async: bool, at: Place) -> Ended {
        self.flows.push(Vec::new());
        let flow = self.flows.len() - 1;
        self.body(body, Place { group: None, flow, may_cancel: at.may_cancel && is_async, ..at })?;
        // Nothing fails silently.
        let is_silent = self.flows[flow].iter().any(|run| self.unseen.contains(run));
        if is_silent { Err(Exit::Error) } else { Ok(()) }
    }

    // Task runs.

    fn task(&mut self, task: &Task, at: Place) -> Ended {
        let number = self.number();
        let ended = self.run(number, task, at);
        if ended.is_err() {
            self.flows[at.flow].push(number);
            self.unseen.insert(number);
            let mut here = at.transaction;
            while let Some(index) = here {
                self.tx(index).failures.push(number);
                here = self.tx(index).parent;
            }
        }
        match (task.begun, ended) {
            (_, Err(Exit::Cancel)) => Err(Exit::Cancel),
            (Begun::Called | Begun::Submitted, ended) => {
                self.unseen.remove(&number);
                self.give(number, ended.map_err(|_| Exit::Error))
            }
            (Begun::Waited | Begun::Left, _) => Ok(()),
        }
    }

    /// A task run, from its beginning to its end.
    fn run(&mut self, number: Number, task: &Task, at: Place) -> Ended {
        if self.is_over(at.transaction) {
            self.seen.runs.insert(number, StateName::Failed);
            return Err(Exit::Error);
        }
        let own = self.begin(number, at.transaction, None, task.key.clone(), false);
        if self.has_record(own) {
            self.tx(own).state = TransactionState::Committed;
            self.seen.runs.insert(number, StateName::Cached);
            return Ok(());
        }
        let ended = self.attempts(number, task, Place { transaction: Some(own), group: None, ..at });
        let ended = ended.inspect_err(|_| self.roll_back(own)).and_then(|()| self.stage_run(own, task));
        let state = match ended {
            Ok(()) => StateName::Completed,
            Err(Exit::Error) => StateName::Failed,
            Err(Exit::Panic) => StateName::Crashed,
            Err(Exit::Cancel) => StateName::Cancelled,
        };
        self.seen.runs.insert(number, state);
        ended
    }

    fn attempts(&mut self, number: Number, task: &Task, at: Place) -> Ended {
        let may_cancel = at.may_cancel && task.is_async;
        let mut attempt = 0;
        loop {
            self.note(Note::Begun(number));
            let mut ended = self.body(&task.body, Place { may_cancel, ..at });
            if ended.is_ok() && attempt < task.fails {
                ended = Err(Exit::Error);
            }
            // Errors are retried, and panics are not.
            if ended != Err(Exit::Error) || attempt == task.retries {
                return ended;
            }
            attempt += 1;
        }
    }

    /// A run that succeeded: its parent decides, where there is one that still does.
    fn stage_run(&mut self, own: Index, task: &Task) -> Ended {
        if self.tx(own).state == TransactionState::RolledBack {
            return Err(Exit::Error);
        }
        let transaction = self.tx(own);
        transaction.state = TransactionState::Staged;
        transaction.on_commit.clone_from(&task.on_commit);
        transaction.on_rollback.clone_from(&task.on_rollback);
        if self.is_decided_by_parent(own) {
            return Ok(());
        }
        self.commit(own).inspect_err(|_| self.roll_back_parents(own))
    }

    // Groups.

    fn group(&mut self, group: &Group, at: Place) -> Ended {
        let number = self.number();
        if self.is_over(at.transaction) {
            return self.give(number, Err(Exit::Error));
        }
        let own = self.begin(number, at.transaction, group.mode, group.key.clone(), true);
        if self.has_record(own) && !group.overwrite {
            self.tx(own).state = TransactionState::Committed;
        }
        self.tx(own).was_entered = true;
        self.note(Note::Begun(number));
        let inside = Place { transaction: Some(own), group: Some(own), ..at };
        let ended = self.body(&group.body, inside).and_then(|()| self.leave_well(own)).inspect_err(|_| {
            self.roll_back(own);
            self.roll_back_parents(own);
        });
        self.give(number, ended)
    }

    fn leave_well(&mut self, own: Index) -> Ended {
        let failures = self.tx(own).failures.clone();
        if let Some(failure) = failures.iter().find(|run| self.unseen.contains(run)) {
            // The error of the group is that of this run.
            self.unseen.remove(failure);
            return Err(Exit::Error);
        }
        if self.tx(own).state != TransactionState::Active {
            return Ok(());
        }
        if self.is_decided_by_parent(own) {
            self.tx(own).state = TransactionState::Staged;
            return Ok(());
        }
        if self.tx(own).mode == CommitMode::Off {
            self.roll_back(own);
            return Ok(());
        }
        self.commit(own)
    }

    fn decide(&mut self, group: Option<Index>, decide: fn(&mut Self, Index) -> Ended) -> Ended {
        let Some(group) = group else { return Ok(()) };
        let ended = decide(self, group);
        self.note(Note::Decided(Gave::of(&ended)));
        ended
    }

    fn commit_by_hand(&mut self, group: Index) -> Ended {
        match self.tx(group).state {
            TransactionState::Committed => Ok(()),
            TransactionState::RolledBack => Err(Exit::Error),
            _ => self.commit(group),
        }
    }

    fn roll_back_by_hand(&mut self, group: Index) -> Ended {
        match self.tx(group).state {
            TransactionState::Committed => Err(Exit::Error),
            _ => self.rolled_back(group),
        }
    }

    // Transactions.

    fn begin(
        &mut self,
        number: Number,
        parent: Option<Index>,
        mode: Option<CommitMode>,
        key: Option<String>,
        is_group: bool,
    ) -> Index {
        let inherited = parent.map_or(CommitMode::Lazy, |parent| self.tx(parent).mode);
        let index = self.transactions.len();
        self.transactions.push(Tx {
            number,
            parent,
            children: Vec::new(),
            is_group,
            was_entered: false,
            mode: mode.unwrap_or(inherited),
            state: TransactionState::Active,
            key,
            on_commit: Vec::new(),
            on_rollback: Vec::new(),
            failures: Vec::new(),
        });
        if let Some(parent) = parent {
            self.tx(parent).children.push(index);
        }
        index
    }

    fn has_record(&self, index: Index) -> bool {
        let key = self.transactions[index].key.as_ref();
        key.is_some_and(|key| self.seen.records.contains(key))
    }

    /// Whether it was rolled back, or one that it is in.
    fn is_over(&self, mut here: Option<Index>) -> bool {
        while let Some(index) = here {
            if self.transactions[index].state == TransactionState::RolledBack {
                return true;
            }
            here = self.transactions[index].parent;
        }
        false
    }

    fn is_decided_by_parent(&self, index: Index) -> bool {
        let Tx { mode, parent, .. } = &self.transactions[index];
        let is_open = |parent: &Index| self.transactions[*parent].state != TransactionState::Committed;
        *mode != CommitMode::Eager && parent.as_ref().is_some_and(is_open)
    }

    /// Children in order of creation, own hooks in order, the record. An error deletes what was written, and rolls all back.
    fn commit(&mut self, top: Index) -> Ended {
        let (mut committed, mut written) = (Vec::new(), Vec::new());
        let done = self.commit_from(top, true, &mut committed, &mut written);
        if done.is_err() {
            for key in written {
                self.seen.records.remove(&key);
            }
            // To be rolled back with the rest; what was committed before stays.
            for index in committed {
                self.tx(index).state = TransactionState::Staged;
            }
            self.roll_back(top);
        }
        done
    }

    fn commit_from(
        &mut self,
        index: Index,
        is_top: bool,
        committed: &mut Vec<Index>,
        written: &mut Vec<String>,
    ) -> Ended {
        for child in self.tx(index).children.clone() {
            self.commit_from(child, false, committed, written)?;
        }
        if !is_top && self.tx(index).state != TransactionState::Staged {
            return Ok(());
        }
        self.tx(index).state = TransactionState::Committed;
        committed.push(index);
        let (number, hooks) = (self.tx(index).number, self.tx(index).on_commit.clone());
        for (n, hook) in hooks.iter().enumerate() {
            self.note(Note::Commit(number, n));
            end(hook.end).map_err(|_| Exit::Error)?;
        }
        if let Some(key) = self.tx(index).key.clone() {
            self.seen.records.insert(key.clone());
            written.push(key);
        }
        Ok(())
    }

    fn roll_back(&mut self, index: Index) {
        let _ = self.rolled_back(index);
    }

    fn roll_back_parents(&mut self, index: Index) {
        let mut here = self.tx(index).parent;
        while let Some(parent) = here {
            self.roll_back(parent);
            here = self.tx(parent).parent;
        }
    }

    /// Own hooks in reverse, then children in reverse; every hook is called. What was committed stays.
    fn rolled_back(&mut self, index: Index) -> Ended {
        let mut ended = Ok(());
        let state = self.tx(index).state;
        if matches!(state, TransactionState::Active | TransactionState::Staged) {
            self.tx(index).state = TransactionState::RolledBack;
            let (number, hooks) = (self.tx(index).number, self.tx(index).on_rollback.clone());
            for (n, hook) in hooks.iter().enumerate().rev() {
                self.note(Note::Rollback(number, n));
                ended = ended.and(end(hook.end).map_err(|_| Exit::Error));
            }
            if let Some(run @ StateName::Completed) = self.seen.runs.get_mut(&number) {
                *run = StateName::RolledBack;
            }
        }
        for child in self.tx(index).children.clone().into_iter().rev() {
            ended = ended.and(self.rolled_back(child));
        }
        ended
    }
}

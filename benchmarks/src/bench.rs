//! Measuring: ours and the limit take turns, so that what else the machine does falls on both alike.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::row::{Row, Side, Target, Unit, none};
use crate::table;

/// How often, and with how many items.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    rounds: usize,
    most: usize,
}

impl Effort {
    /// What figures are made with: seven rounds after one that warms up.
    pub const FULL: Self = Self { rounds: 7, most: usize::MAX };
    /// Enough to see that each case can be executed: one round of at most 200 items. The figures mean nothing.
    pub const QUICK: Self = Self { rounds: 1, most: 200 };

    /// Whether figures mean nothing.
    pub fn is_quick(self) -> bool {
        self.most != usize::MAX
    }
}

/// What a case is given: where it executes, and where its rows go.
pub struct Bench {
    runtime: Runtime,
    effort: Effort,
    folder: PathBuf,
    files: usize,
    case: String,
    rows: Vec<Row>,
}

impl Bench {
    /// Measures on a runtime of its own, with one worker for each core, and in an empty folder of its own.
    ///
    /// # Panics
    /// Panics where there is no runtime or no folder to be had.
    pub fn new(effort: Effort) -> Self {
        let folder = std::env::temp_dir().join(format!("millrun-benchmark-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            runtime: Runtime::new().unwrap(),
            effort,
            folder,
            files: 0,
            case: String::new(),
            rows: Vec::new(),
        }
    }

    /// From here on rows are of this case.
    pub fn begin(&mut self, group: &str, case: &str) {
        self.case = format!("{group}/{case}");
    }

    /// The runtime that both sides execute on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// A handle to it, for closures that outlive a borrow of the bench.
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// Whether figures mean nothing.
    pub fn is_quick(&self) -> bool {
        self.effort.is_quick()
    }

    /// So many items, or fewer where they only have to be executed.
    pub fn items(&self, wanted: usize) -> usize {
        wanted.min(self.effort.most)
    }

    /// How many rounds are measured.
    pub fn rounds(&self) -> usize {
        self.effort.rounds
    }

    /// The folder for what cases write.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in the folder that nothing has had before.
    pub fn path(&mut self, extension: &str) -> PathBuf {
        self.files += 1;
        self.folder.join(format!("{}.{extension}", self.files))
    }

    /// Begins a row of the case.
    pub fn row(&mut self, name: impl Into<String>) -> NewRow<'_> {
        let rounds = self.effort.rounds;
        let row = Row {
            case: self.case.clone(),
            name: name.into(),
            n: 1,
            unit: Unit::Nanoseconds,
            ours: Side { name: "millrun".into(), rounds: Vec::new() },
            limit: None,
            target: Target::default(),
            note: String::new(),
            shape: None,
            durability: none(),
        };
        NewRow { bench: self, row, rounds }
    }

    /// Says in the table what is left out, and why.
    pub fn leave_out(&self, why: &str) {
        println!("{}: left out, as {why}", self.case);
    }

    /// The rows of this name that the case has, for what is made of other rows.
    pub fn measured(&self, name: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.case == self.case && row.name == name)
    }

    /// All rows.
    pub fn into_rows(mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }

    fn add(&mut self, row: Row) {
        println!("{}", table::line(&row, !self.is_quick()));
        self.rows.push(row);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A row that is yet to be measured.
#[must_use]
pub struct NewRow<'a> {
    bench: &'a mut Bench,
    row: Row,
    rounds: usize,
}

impl NewRow<'_> {
    /// Each round is of so many items; the default is one.
    pub fn of(mut self, n: usize) -> Self {
        self.row.n = n;
        self
    }

    /// What it is measured beside.
    pub fn beside(mut self, limit: impl Into<String>) -> Self {
        self.row.limit = Some(Side { name: limit.into(), rounds: Vec::new() });
        self
    }

    /// At most so many times the limit's figure is the target.
    pub fn within(mut self, ratio: f64) -> Self {
        self.row.target.ratio = Some(ratio);
        self
    }

    /// At most this figure is the target.
    pub fn at_most(mut self, figure: f64) -> Self {
        self.row.target.figure = Some(figure);
        self
    }

    /// The unit; the default is nanoseconds for each item.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.row.unit = unit;
        self
    }

    /// What else has to be known to read it.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.row.note = note.into();
        self
    }

    /// Peers are measured with this graph.
    pub fn shape(mut self, shape: &str) -> Self {
        self.row.shape = Some(shape.into());
        self
    }

    /// What is on disk before a run counts as done.
    pub fn durability(mut self, durability: &str) -> Self {
        self.row.durability = durability.into();
        self
    }

    /// At most so many rounds, for what takes long. Five are the fewest that a figure is made of.
    pub fn rounds(mut self, most: usize) -> Self {
        self.rounds = self.rounds.min(most.max(5));
        self
    }

    /// Measures one side.
    pub fn alone(mut self, mut ours: impl FnMut() -> Duration) {
        ours();
        for _ in 0..self.rounds {
            let figure = self.figure(ours());
            self.row.ours.rounds.push(figure);
        }
        self.bench.add(self.row);
    }

    /// Measures both sides in turns; the first round of each warms up.
    pub fn in_turns(mut self, mut ours: impl FnMut() -> Duration, mut limit: impl FnMut() -> Duration) {
        ours();
        limit();
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            let figure = self.figure(ours());
            self.row.ours.rounds.push(figure);
            rounds.push(self.figure(limit()));
        }
        self.row.limit.get_or_insert_with(limit_side).rounds = rounds;
        self.bench.add(self.row);
    }

    /// Measures in turns what is more than something else: the figures are the differences.
    pub fn over(mut self, mut ours: impl FnMut() -> Duration, mut base: impl FnMut() -> Duration) {
        ours();
        base();
        for _ in 0..self.rounds {
            let figure = self.figure(ours()) - self.figure(base());
            self.row.ours.rounds.push(figure);
        }
        self.bench.add(self.row);
    }

    /// Measures in turns what is more than `base`, beside a limit.
    pub fn over_beside(
        mut self,
        mut ours: impl FnMut() -> Duration,
        mut base: impl FnMut() -> Duration,
        mut limit: impl FnMut() -> Duration,
    ) {
        ours();
        base();
        limit();
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            let figure = self.figure(ours()) - self.figure(base());
            self.row.ours.rounds.push(figure);
            rounds.push(self.figure(limit()));
        }
        self.row.limit.get_or_insert_with(limit_side).rounds = rounds;
        self.bench.add(self.row);
    }

    /// Figures that are there already.
    pub fn figures(mut self, ours: Vec<f64>) {
        self.row.ours.rounds = ours;
        self.bench.add(self.row);
    }

    /// Figures of both sides that are there already.
    pub fn both(mut self, ours: Vec<f64>, limit: Vec<f64>) {
        self.row.ours.rounds = ours;
        self.row.limit.get_or_insert_with(limit_side).rounds = limit;
        self.bench.add(self.row);
    }

    fn figure(&self, time: Duration) -> f64 {
        match self.row.unit {
            Unit::Milliseconds => time.as_secs_f64() * 1e3,
            _ => time.as_nanos() as f64 / self.row.n as f64,
        }
    }
}

fn limit_side() -> Side {
    Side { name: "limit".into(), rounds: Vec::new() }
}

/// How long `action` takes.
pub fn time<T>(action: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = action();
    (begun.elapsed(), done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_take_turns() {
        let mut bench = Bench::new(Effort::FULL);
        bench.begin("group", "case");
        let turns = std::cell::RefCell::new(String::new());
        let side = |name, nanos| {
            turns.borrow_mut().push(name);
            Duration::from_nanos(nanos)
        };
        bench.row("a").of(10).beside("by hand").within(2.0).in_turns(|| side('o', 300), || side('l', 100));
        assert_eq!(turns.into_inner(), "ol".repeat(8));
        let rows = bench.into_rows();
        assert_eq!(
            (rows[0].ours.median(), rows[0].ratio(), rows[0].is_met()),
            (30.0, Some(3.0), Some(false))
        );
    }
}

//! What can be asked of a run store.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::event::{Kind, RunRecord};
use super::{RunStore, StoreError};
use crate::state::{StateName, StateType};

/// Which runs, in which order, and how many. All that is said has to hold.
///
/// ```
/// use millrun::store::RunQuery;
/// use millrun::StateType;
///
/// let failed = RunQuery::flow_runs().of("etl").state(StateType::Failed).limit(20);
/// let next_page = failed.clone().after(uuid::Uuid::nil());
/// # assert_ne!(failed, next_page);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunQuery {
    /// Runs of tasks, or of flows.
    pub kind: Kind,
    /// Only these.
    pub ids: Option<Vec<Uuid>>,
    /// Of the task or flow with this key or name.
    pub function: Option<String>,
    /// In a state of one of these types.
    pub types: Vec<StateType>,
    /// In a state of one of these names.
    pub names: Vec<StateName>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// Begun by this run.
    pub parent: Option<Uuid>,
    /// In this flow run, not in its child flow runs.
    pub flow_run: Option<Uuid>,
    /// In this outermost flow run, however deep; and itself.
    pub root: Option<Uuid>,
    /// In no other flow run.
    pub is_outermost: bool,
    /// Created at this time or later.
    pub since: Option<SystemTime>,
    /// Created before this time.
    pub until: Option<SystemTime>,
    /// Which come first.
    pub order: Order,
    /// So many at most.
    pub limit: u32,
    /// Those that come after this run.
    pub after: Option<Uuid>,
    /// For [counts](super::RunStore::count): one for each such span.
    pub per: Option<Duration>,
}

/// Which runs come first. Ids grow with the time at which a flow run was made, and with the number of the run in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Those with the highest ids.
    #[default]
    NewestFirst,
    /// Those with the lowest ids.
    OldestFirst,
}

impl RunQuery {
    /// The default of [`limit`](Self::limit).
    pub const LIMIT: u32 = 100;

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            ids: None,
            function: None,
            types: Vec::new(),
            names: Vec::new(),
            tags: Vec::new(),
            parent: None,
            flow_run: None,
            root: None,
            is_outermost: false,
            since: None,
            until: None,
            order: Order::NewestFirst,
            limit: Self::LIMIT,
            after: None,
            per: None,
        }
    }

    /// All flow runs, the newest first, 100 of them.
    pub fn flow_runs() -> Self {
        Self::new(Kind::Flow)
    }

    /// All task runs, the newest first, 100 of them.
    pub fn task_runs() -> Self {
        Self::new(Kind::Task)
    }

    /// Hands over all that it asks for, as many at once as its limit says.
    pub(crate) fn for_each_page(
        mut self,
        store: &(impl RunStore + ?Sized),
        mut action: impl FnMut(Vec<RunRecord>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        loop {
            let page = store.runs(&self)?;
            self.after = page.last().filter(|_| page.len() >= self.limit as usize).map(|last| last.id);
            action(page)?;
            if self.after.is_none() {
                return Ok(());
            }
        }
    }

    /// Only the runs with these ids.
    #[must_use]
    pub fn ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
        self.ids = Some(ids.into_iter().collect());
        self
    }

    /// Only runs of the task or flow of that name, or with that key.
    #[must_use]
    pub fn of(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }

    /// Only runs in a state of that type, or of another one that is said.
    #[must_use]
    pub fn state(mut self, state: StateType) -> Self {
        self.types.push(state);
        self
    }

    /// Only runs in a state of that name, or of another one that is said.
    #[must_use]
    pub fn state_name(mut self, name: StateName) -> Self {
        self.names.push(name);
        self
    }

    /// Only runs with this tag, and with the others that are said.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Only runs that this one has begun.
    #[must_use]
    pub fn begun_by(mut self, parent: Uuid) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Only runs in this flow run, not those in its child flow runs.
    #[must_use]
    pub fn in_flow_run(mut self, flow_run: Uuid) -> Self {
        self.flow_run = Some(flow_run);
        self
    }

    /// Only this outermost flow run, and the runs in it, however deep.
    #[must_use]
    pub fn in_root(mut self, root: Uuid) -> Self {
        self.root = Some(root);
        self
    }

    /// Only runs that are in no flow run.
    #[must_use]
    pub fn outermost(mut self) -> Self {
        self.is_outermost = true;
        self
    }

    /// Only runs made at this time or later.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Only runs made before this time.
    #[must_use]
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(time);
        self
    }

    /// The oldest first.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.order = Order::OldestFirst;
        self
    }

    /// So many at most; by default 100.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The page after the one that ends with this run. Runs that are made meanwhile shift nothing.
    #[must_use]
    pub fn after(mut self, run: Uuid) -> Self {
        self.after = Some(run);
        self
    }

    /// Counts for each span of that length, from the Unix epoch on, in which runs were made.
    #[must_use]
    pub fn per(mut self, span: Duration) -> Self {
        self.per = Some(span);
        self
    }
}

/// So many runs are in a state of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCount {
    /// When the span begins in which they were made, where the query says how long one is.
    pub since: Option<SystemTime>,
    /// The state's name.
    pub name: StateName,
    /// How many.
    pub count: u64,
}

/// Which logs, the oldest first, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogQuery {
    /// Of this run, and, if it is a flow run, of all runs in it but those of its child flow runs.
    pub run: Uuid,
    /// So many at most.
    pub limit: u32,
    /// So many are left out before.
    pub skip: u64,
}

impl LogQuery {
    /// The first 1000 of a run, and of the runs in it.
    pub fn of(run: Uuid) -> Self {
        Self { run, limit: 1000, skip: 0 }
    }

    /// So many at most; by default 1000.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Leaves so many out, for further pages.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }
}

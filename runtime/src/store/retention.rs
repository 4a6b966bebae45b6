//! What is deleted of what is recorded.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::{RunQuery, RunRecord, RunStore, StoreError};
use crate::options::IntoDuration;

/// Which runs are deleted: outermost flow runs that have ended, with all that is in them, and task runs outside of flows.
///
/// ```
/// use millrun::prelude::*;
/// use millrun::MemoryRunStore;
/// use millrun::store::Retention;
///
/// let engine = Engine::builder().run_store(MemoryRunStore::new()).build();
/// let deleted = engine.clean_up_blocking(&Retention::older_than("30d").or_beyond_newest(100)).unwrap();
/// assert_eq!(deleted, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    older_than: Option<Duration>,
    newest: Option<usize>,
}

impl Retention {
    /// What ended longer ago than that.
    ///
    /// # Panics
    /// Panics on a string that is not a duration.
    #[track_caller]
    pub fn older_than(age: impl IntoDuration) -> Self {
        Self { older_than: Some(age.into_duration()), newest: None }
    }

    /// All but the newest so many of each flow, and of each task outside of flows.
    pub fn beyond_newest(count: usize) -> Self {
        Self { older_than: None, newest: Some(count) }
    }

    /// Also all but the newest so many of each flow, and of each task outside of flows.
    #[must_use]
    pub fn or_beyond_newest(self, count: usize) -> Self {
        Self { newest: Some(count), ..self }
    }

    /// Deletes what it says; blocks. How many runs were deleted, and the keys of their results.
    ///
    /// # Errors
    /// The store cannot be read or written; what was deleted until then stays deleted.
    pub(crate) fn apply(
        &self,
        store: &dyn RunStore,
        now: SystemTime,
    ) -> Result<(usize, Vec<String>), StoreError> {
        let (mut deleted, mut keys) = (0, Vec::new());
        for query in [RunQuery::flow_runs(), RunQuery::task_runs()] {
            let mut seen = HashMap::new();
            query.outermost().limit(500).for_each_page(store, |page| {
                let old: Vec<Uuid> =
                    page.iter().filter(|run| self.is_for(run, &mut seen, now)).map(|run| run.id).collect();
                if !old.is_empty() {
                    deleted += old.len();
                    keys.extend(store.delete(&old)?);
                }
                Ok(())
            })?;
        }
        Ok((deleted, keys))
    }

    fn is_for(&self, run: &RunRecord, seen: &mut HashMap<String, usize>, now: SystemTime) -> bool {
        let newer = seen.entry(run.key.clone()).or_default();
        *newer += 1;
        let age = now.duration_since(run.state.timestamp).unwrap_or_default();
        let is_old = self.older_than.is_some_and(|most| age > most);
        let is_beyond = self.newest.is_some_and(|most| *newer > most);
        run.state.is_final() && run.owner.is_none() && (is_old || is_beyond)
    }
}

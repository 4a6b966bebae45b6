//! Records in memory: gone with the last handle of the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Beginning, Stored};
use crate::result::record::Encoded;

#[derive(Default)]
pub(in crate::result) struct Memory(Mutex<HashMap<String, Arc<Encoded>>>);

impl Memory {
    fn records(&self) -> MutexGuard<'_, HashMap<String, Arc<Encoded>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, name: String, record: Encoded) {
        let before = self.records().insert(name, Arc::new(record));
        drop(before);
    }

    #[expect(clippy::needless_pass_by_value, reason = "the other places take it along to another thread")]
    pub(super) fn get(&self, name: String) -> Option<Stored> {
        self.records().get(&name).cloned().map(Stored::Parts)
    }

    pub(super) fn beginning(&self, name: String, _most: usize) -> Option<Beginning> {
        let stored = self.get(name)?;
        let (head, payload) = stored.parts();
        let length = (head.len() + payload.map_or(0, <[u8]>::len)) as u64;
        Some(Beginning { stored, length })
    }

    #[expect(clippy::needless_pass_by_value, reason = "the other places take it along to another thread")]
    pub(super) fn delete(&self, name: String) -> bool {
        let record = self.records().remove(&name);
        record.is_some()
    }
}

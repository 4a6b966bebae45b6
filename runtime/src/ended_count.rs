//! How many runs have ended of a map, or of a flow run, counted beside the lock: next to none of them has anything to do there.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count, and the mark from which on whoever counts has to look: there are runs to make, or all have ended.
///
/// Each is read after the other was written, in one order for all: either who counts finds the mark, or who sets it finds the count.
#[derive(Default)]
pub(crate) struct EndedCount {
    count: AtomicU64,
    mark: AtomicU64,
}

impl EndedCount {
    /// The mark where nobody has to look.
    pub(crate) const NOBODY: u64 = u64::MAX;

    pub(crate) fn with_mark(mark: u64) -> Self {
        Self { mark: AtomicU64::new(mark), ..Self::default() }
    }

    pub(crate) fn get(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether there is anybody who need not look.
    pub(crate) fn has_mark(&self) -> bool {
        self.mark.load(Ordering::SeqCst) > 0
    }

    /// Counts one; whether that one reaches the mark.
    #[inline]
    pub(crate) fn add(&self) -> bool {
        let now = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        now >= self.mark.load(Ordering::SeqCst)
    }

    /// Sets the mark, under the lock. Those counted before, whom [`get`](Self::get) counts from now on, may not have known of it.
    pub(crate) fn set_mark(&self, mark: u64) {
        self.mark.store(mark, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reaches_the_mark_or_comes_later_is_told() {
        let ended = EndedCount::default();
        assert!(!ended.has_mark());
        assert!(ended.add());
        ended.set_mark(3);
        assert!(ended.has_mark());
        assert_eq!([ended.add(), ended.add(), ended.add()], [false, true, true]);
        ended.set_mark(EndedCount::NOBODY);
        assert_eq!((ended.add(), ended.get()), (false, 5));
        ended.set_mark(0);
        assert!(!ended.has_mark() && ended.add());
        assert_eq!(ended.get(), 6);
    }
}

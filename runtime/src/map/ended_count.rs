//! How many runs of a map have ended, counted beside the map's lock: next to none of them has anything to do there.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count, and the mark from which on whoever counts has to look at the map: there are runs to make, or all have ended.
///
/// In one word, so that who counts and who sets the mark always know of each other.
#[derive(Default)]
pub(super) struct EndedCount(AtomicU64);

const MARK: u32 = 32;
const COUNT: u64 = (1 << MARK) - 1;

impl EndedCount {
    pub(super) fn get(&self) -> usize {
        (self.0.load(Ordering::Acquire) & COUNT) as usize
    }

    /// Whether there is anybody who need not look at the map.
    pub(super) fn has_mark(&self) -> bool {
        self.0.load(Ordering::Acquire) > COUNT
    }

    /// Counts one; whether that one reaches the mark.
    pub(super) fn add(&self) -> bool {
        let now = self.0.fetch_add(1, Ordering::AcqRel) + 1;
        now & COUNT >= now >> MARK
    }

    /// Sets the mark, under the map's lock. Those counted before, whom [`get`](Self::get) counts from now on, may not have known of it.
    pub(super) fn set_mark(&self, mark: usize) {
        // A map has fewer runs than that.
        let mark = u64::try_from(mark).unwrap_or(COUNT).min(COUNT) << MARK;
        let set = |now: u64| Some(now & COUNT | mark);
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, set);
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
        ended.set_mark(usize::MAX);
        assert_eq!((ended.add(), ended.get()), (false, 5));
        ended.set_mark(0);
        assert!(!ended.has_mark() && ended.add());
        assert_eq!(ended.get(), 6);
    }
}

//! The system's allocator, which counts while it is asked to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::Relaxed};

/// The system's allocator with counters beside it. While nobody counts, each call costs one load more than the system's own.
pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn allocated(bytes: usize) {
    if COUNTS.load(Relaxed) {
        let live = LIVE.fetch_add(bytes as isize, Relaxed) + bytes as isize;
        PEAK.fetch_max(live, Relaxed);
        ALLOCATIONS.fetch_add(1, Relaxed);
    }
}

fn freed(bytes: usize) {
    if COUNTS.load(Relaxed) {
        LIVE.fetch_sub(bytes as isize, Relaxed);
    }
}

// SAFETY: every call goes on to the system's allocator unchanged; the counters are beside it.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        freed(layout.size());
        allocated(size);
        // SAFETY: the caller's promise is ours.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Counts what is allocated from its making until it is dropped. One at a time.
#[non_exhaustive]
pub struct Heap;

impl Heap {
    /// Begins to count at nothing.
    ///
    /// # Panics
    /// Panics where somebody counts already.
    pub fn count() -> Self {
        assert!(!COUNTS.load(Relaxed), "the heap is counted already");
        LIVE.store(0, Relaxed);
        PEAK.store(0, Relaxed);
        ALLOCATIONS.store(0, Relaxed);
        COUNTS.store(true, Relaxed);
        Self
    }

    /// Bytes allocated since, without those that were given back.
    pub fn live(&self) -> isize {
        LIVE.load(Relaxed)
    }

    /// The most that has been live at once.
    pub fn peak(&self) -> isize {
        PEAK.load(Relaxed)
    }

    /// How often was allocated.
    pub fn allocations(&self) -> usize {
        ALLOCATIONS.load(Relaxed)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        COUNTS.store(false, Relaxed);
    }
}

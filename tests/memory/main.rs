//! Memory: what runs cost, when results are freed, and that nothing accumulates. A target of its own, as it counts what the
//! whole process allocates; its tests go one after another.
#![allow(unsafe_code, reason = "a global allocator cannot be written without")]
#![allow(
    clippy::let_underscore_future,
    clippy::cast_possible_truncation,
    reason = "futures are dropped on purpose; counts are small"
)]

mod maps;
mod results;
mod services;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The system's allocator, counting what is live and the most that was.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it is; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer comes from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes allocated and not freed.
fn live() -> usize {
    LIVE.load(Ordering::SeqCst)
}

/// The most that is live from now on, over what is live now.
struct Growth(usize);

impl Growth {
    fn begin() -> Self {
        let live = live();
        PEAK.store(live, Ordering::SeqCst);
        Self(live)
    }

    fn peak(&self) -> usize {
        PEAK.load(Ordering::SeqCst).saturating_sub(self.0)
    }

    fn now(&self) -> usize {
        live().saturating_sub(self.0)
    }

    /// Waits until so little is left: another thread may be about to let go of what it was told of last.
    fn falls_below(&self, bytes: usize) {
        let begun = Instant::now();
        while self.now() >= bytes {
            assert!(begun.elapsed() < Duration::from_secs(30), "{} bytes are left", self.now());
            std::thread::yield_now();
        }
    }
}

const MIB: usize = 1 << 20;

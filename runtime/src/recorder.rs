//! Recording: what runs do, on its way to the run store.
//!
//! The engine tells a [`Recorder`] of each run that is made and of each state that is entered, in the order in which it happens; that
//! costs the run a place in a queue. One thread takes what is there, makes plain data of it, and writes it as one batch: so
//! batches grow with the load, and what is written is always a prefix of what has happened. While the store fails, what happens is
//! kept in a spool, and written in order later.

mod abandoned;
mod item;
mod lease;
mod queue;
mod spool;
mod writer;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Clock;
use crate::panic::{self, Panicked};
use crate::run::Run;
use crate::store::{Durability, RunStore, StoreError};

pub(crate) use item::{Entered, Item, Large};
use lease::Lease;
use queue::{Queue, Wait, Wanted};
use spool::Spools;
use writer::Writer;

/// Does what a run store does, which may be a user's.
fn guarded<T>(action: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let panicked = |panic: Panicked| StoreError::new(format!("the run store panicked: {}", panic.message));
    panic::catch(action).unwrap_or_else(|panic| Err(panicked(panic)))
}

/// Writes down what the runs of an engine do.
pub(crate) struct Recorder {
    store: Arc<dyn RunStore>,
    durability: Durability,
    queue: Arc<Queue>,
    owner: Uuid,
    _lease: Lease,
    writer: Option<JoinHandle<()>>,
}

/// How an engine records.
pub(crate) struct Recording {
    pub(crate) durability: Durability,
    /// So long a run waits for its record where it has to be in the store.
    pub(crate) patience: Duration,
    /// Where events are kept while the store fails.
    pub(crate) spool: Option<PathBuf>,
}

impl Recorder {
    /// Begins to record, as a new owner.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub(crate) fn begin(
        store: Arc<dyn RunStore>,
        recording: Recording,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let Recording { durability, patience, spool } = recording;
        let queue = Arc::new(Queue::default());
        let spools = spool.map(|folder| Spools::new(folder, store.name()));
        let lease = Lease::take(store.clone(), clock.clone(), spools.clone(), queue.clone())?;
        let writer = Writer {
            store: store.clone(),
            durability,
            patience,
            clock: clock.clone(),
            queue: queue.clone(),
            keeper: lease.keeper().clone(),
            spools,
        };
        let owner = lease.keeper().owner().id;
        let thread = std::thread::Builder::new().name("millrun-recorder".into());
        let writer = thread.spawn(move || writer.run()).map_err(|error| {
            StoreError::new("no thread can be started for the recorder").with_source(error)
        })?;
        Ok(Self { store, durability, queue, owner, _lease: lease, writer: Some(writer) })
    }

    pub(crate) fn store(&self) -> &Arc<dyn RunStore> {
        &self.store
    }

    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    pub(crate) fn owner(&self) -> Uuid {
        self.owner
    }

    /// Takes note of something that has happened; never blocks. How much has been taken note of until now.
    pub(crate) fn push(&self, item: Item) -> u64 {
        self.queue.push(item)
    }

    /// Writes that a flow run is made, unless there is one of its id: whether it did; blocks.
    pub(crate) fn create(&self, flow_run: &Run) -> Result<bool, StoreError> {
        let record = item::record(flow_run, self.owner());
        guarded(|| self.store.create(&record))
    }

    /// Whether more is waiting to be written than should be.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// Blocks while it is [full](Self::is_full). Not to be called while anything is locked.
    pub(crate) fn throttle(&self) {
        self.queue.throttle();
    }

    /// Waits until so much is as safe as it has to be.
    pub(crate) fn written(self: &Arc<Self>, position: u64) -> Written {
        let wanted = match self.durability {
            Durability::Relaxed => Wanted::Kept,
            Durability::Strict => Wanted::Written,
        };
        self.wait(Wait { position, wanted })
    }

    /// Waits until all is written that has happened.
    pub(crate) fn flush(self: &Arc<Self>) -> Written {
        self.wait(self.queue.flush())
    }

    fn wait(self: &Arc<Self>, wait: Wait) -> Written {
        Written { recorder: self.clone(), wait, known: None }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue.close();
        // What is written last may hold the last handle of the engine: then this is the writer itself, which ends by itself.
        let is_writer = |writer: &JoinHandle<()>| writer.thread().id() == std::thread::current().id();
        if let Some(writer) = self.writer.take().filter(|writer| !is_writer(writer))
            && writer.join().is_err()
        {
            log!(error, "the recorder has panicked: this is a bug in millrun");
        }
    }
}

/// Waits until something is written.
pub(crate) struct Written {
    recorder: Arc<Recorder>,
    wait: Wait,
    known: Option<Waker>,
}

impl Future for Written {
    type Output = Result<(), Arc<StoreError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { recorder, wait, known } = self.get_mut();
        recorder.queue.poll(wait, known, cx.waker())
    }
}

//! Recording: what runs do, on its way to the run store.
//!
//! The engine tells a [`Recorder`] of each run that is made and of each state that is entered, in the order in which it happens; that
//! costs the run a place in a queue. One thread takes what is there, makes plain data of it, and writes it as one batch: so
//! batches grow with the load, and what is written is always a prefix of what has happened.

mod item;
mod lease;
mod queue;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use uuid::Uuid;

use crate::clock::Clock;
use crate::store::{Durability, Event, RunStore, StoreError};

pub(crate) use item::{Entered, Item, Large};
use lease::Lease;
use queue::{Queue, Taken};

/// Writes down what the runs of an engine do.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    owner: Uuid,
    _lease: Lease,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    store: Arc<dyn RunStore>,
    durability: Durability,
    queue: Queue,
}

impl Recorder {
    /// Begins to record, as a new owner.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub(crate) fn begin(
        store: Arc<dyn RunStore>,
        durability: Durability,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let lease = Lease::take(store.clone(), clock.clone())?;
        let shared = Arc::new(Shared { store, durability, queue: Queue::default() });
        let owner = lease.owner();
        let of_writer = shared.clone();
        let writer = std::thread::Builder::new()
            .name("millrun-recorder".into())
            .spawn(move || of_writer.write_all(owner))
            .map_err(|error| {
                StoreError::new("no thread can be started for the recorder").with_source(error)
            })?;
        Ok(Self { shared, owner, _lease: lease, writer: Some(writer) })
    }

    pub(crate) fn store(&self) -> &Arc<dyn RunStore> {
        &self.shared.store
    }

    pub(crate) fn durability(&self) -> Durability {
        self.shared.durability
    }

    pub(crate) fn owner(&self) -> Uuid {
        self.owner
    }

    /// Takes note of something that has happened; never blocks. How much has been taken note of until now.
    pub(crate) fn push(&self, item: Item) -> u64 {
        self.shared.queue.push(item)
    }

    /// Blocks while more is waiting to be written than should be. Not to be called while anything is locked.
    pub(crate) fn throttle(&self) {
        self.shared.queue.throttle();
    }

    /// Waits until so much is written.
    pub(crate) fn written(self: &Arc<Self>, position: u64) -> Written {
        Written { recorder: self.clone(), position }
    }

    /// Waits until all is written that has happened.
    pub(crate) fn flush(self: &Arc<Self>) -> Written {
        let position = self.shared.queue.position();
        self.written(position)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.queue.close();
        // What is written last may hold the last handle of the engine: then this is the writer itself, which ends by itself.
        let is_writer = |writer: &JoinHandle<()>| writer.thread().id() == std::thread::current().id();
        if let Some(writer) = self.writer.take().filter(|writer| !is_writer(writer))
            && writer.join().is_err()
        {
            log!(error, "the recorder has panicked: this is a bug in millrun");
        }
    }
}

impl Shared {
    /// Writes whatever comes, until the recorder is dropped.
    fn write_all(&self, owner: Uuid) {
        let mut events = Vec::new();
        while let Some(Taken { mut items, until }) = self.queue.take() {
            for item in &mut items {
                item.translate(owner, &mut events);
            }
            let written = self.write(&events);
            events.clear();
            self.queue.written(until, written.err());
            drop(items);
        }
    }

    /// Writes events, trying again while there is hope.
    fn write(&self, events: &[Event]) -> Result<(), StoreError> {
        let mut attempt = 0;
        loop {
            match self.store.write(events, self.durability) {
                Ok(()) => return Ok(()),
                Err(error) if error.is_temporary() && self.queue.may_wait(attempt) => {
                    if attempt == 0 {
                        log!(warn, "{}: {error}; it is tried again until it works", self.store.name());
                    }
                    attempt += 1;
                }
                Err(error) => {
                    log!(error, "{}: {error}; {} events are not recorded", self.store.name(), events.len());
                    return Err(error);
                }
            }
        }
    }
}

/// Waits until something is written.
pub(crate) struct Written {
    recorder: Arc<Recorder>,
    position: u64,
}

impl Future for Written {
    type Output = Result<(), Arc<StoreError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.recorder.shared.queue.poll_written(self.position, cx.waker())
    }
}

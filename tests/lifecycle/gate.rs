//! A gate that bodies stand before until a test opens it: what replaces sleeping.

use std::sync::{Arc, Condvar, Mutex};

use tokio::sync::watch;

/// Shut until it is opened, once and for all. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    open: Mutex<bool>,
    opened: Condvar,
    sender: watch::Sender<bool>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            open: Mutex::new(false),
            opened: Condvar::new(),
            sender: watch::Sender::new(false),
        }))
    }

    pub(crate) fn open(&self) {
        *self.0.open.lock().unwrap() = true;
        self.0.opened.notify_all();
        self.0.sender.send_replace(true);
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.open.lock().unwrap()
    }

    /// Blocks the thread until it is open.
    pub(crate) fn wait(&self) {
        let mut open = self.0.open.lock().unwrap();
        while !*open {
            open = self.0.opened.wait(open).unwrap();
        }
    }

    /// Awaits its opening.
    pub(crate) async fn passed(&self) {
        self.0.sender.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// Opens a gate when it is dropped.
pub(crate) struct OpenOnDrop(pub(crate) Gate);

impl Drop for OpenOnDrop {
    fn drop(&mut self) {
        self.0.open();
    }
}

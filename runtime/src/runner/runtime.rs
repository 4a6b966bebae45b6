//! The tokio runtime that async runs go to: the user's, where there is one; else one made lazily, for sync programs.

use std::sync::{Arc, OnceLock};

use tokio::runtime::{EnterGuard, Handle, Id, Runtime, RuntimeFlavor};

use super::queue::Queue;

/// A runtime: the user's, or, where there was none, our own, made when it is first needed.
#[derive(Clone)]
pub(crate) struct RuntimeHandle {
    handle: Option<Handle>,
    /// The async runs that stand in line for it.
    queue: Arc<Queue>,
}

impl RuntimeHandle {
    /// The runtime here.
    pub(crate) fn current() -> Self {
        Self { handle: Handle::try_current().ok(), queue: Arc::default() }
    }

    /// Our own.
    pub(crate) fn own() -> Self {
        Self { handle: None, queue: Arc::default() }
    }

    /// Whether one thread drives it, which the user may block.
    pub(crate) fn is_single_threaded(&self) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.runtime_flavor() == RuntimeFlavor::CurrentThread)
    }

    /// The id of the runtime here.
    pub(crate) fn current_id() -> Option<Id> {
        Handle::try_current().ok().map(|handle| handle.id())
    }

    pub(crate) fn get(&self) -> Handle {
        self.handle.clone().unwrap_or_else(own)
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Makes the user's runtime current on this thread.
    pub(crate) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.handle.as_ref().map(Handle::enter)
    }

    pub(crate) fn id(&self) -> Option<Id> {
        self.handle.as_ref().map(Handle::id)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.get().spawn(task);
    }
}

/// Our own runtime.
///
/// # Panics
/// Panics if the system gives no threads for one.
fn own() -> Handle {
    static OWN: OnceLock<Runtime> = OnceLock::new();
    let runtime = OWN.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().thread_name("millrun-tokio");
        match builder.build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("failed to start a tokio runtime: {error}"),
        }
    });
    runtime.handle().clone()
}

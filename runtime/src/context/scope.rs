//! Where runs are submitted, and what is open there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use smallvec::SmallVec;
use tracing::Span;

use super::{Slab, Tree};
use crate::engine::Engine;
use crate::engine::span::close;
use crate::input::{Edge, Need, Node};
use crate::map::MapGroup;
use crate::options::Options;
use crate::run::Run;
use crate::runner::TaskRunner;
use crate::runner::runtime::RuntimeHandle;
use crate::sync::{Apart, Mutex};
use crate::transaction::Transaction;

/// Tags of runs, shared by all that inherit them.
pub(crate) type Tags = Arc<[Arc<str>]>;

/// Where runs are submitted: what all runs of a flow's body, or all runs of a task's, have in common.
pub(crate) struct Scope {
    pub(crate) engine: Engine,
    pub(crate) handle: RuntimeHandle,
    pub(crate) runner: Arc<dyn TaskRunner>,
    pub(crate) tree: Arc<Tree>,
    /// The run that submits.
    pub(crate) parent: Option<Arc<Run>>,
    pub(crate) tags: Tags,
    /// The transaction that is in charge of what is submitted, where there is one.
    pub(crate) transaction: Option<Transaction>,
    /// The choice that what is submitted hangs on.
    branch: Option<Arc<Run>>,
    /// What is begun, where somebody asks for it.
    pub(super) begun: Option<Arc<Mutex<Vec<Node>>>>,
    /// That of the run that submits; the spans of what it submits are in it, until all of that has ended.
    span: Mutex<Span>,
    /// The runs that have not ended.
    open: Apart<Mutex<Slab>>,
    cancelled: AtomicBool,
}

impl Scope {
    pub(crate) fn new(
        engine: Engine,
        handle: RuntimeHandle,
        runner: Arc<dyn TaskRunner>,
        tree: Arc<Tree>,
        parent: Option<Arc<Run>>,
        tags: Tags,
        transaction: Option<Transaction>,
    ) -> Arc<Self> {
        let is_inside = parent.is_some();
        Arc::new(Self {
            engine,
            handle,
            runner,
            tree,
            parent,
            tags,
            transaction,
            branch: None,
            begun: None,
            // Outside of any run each submission has its own; this one may be kept for long.
            span: Mutex::new(if is_inside { Span::current() } else { Span::none() }),
            open: Apart::default(),
            cancelled: AtomicBool::new(false),
        })
    }

    /// A scope in the same flow run, which differs in these.
    fn like(&self, parent: Option<Arc<Run>>, tags: Tags, transaction: Option<Transaction>) -> Arc<Self> {
        let (engine, handle) = (self.engine.clone(), self.handle.clone());
        Self::new(engine, handle, self.runner.clone(), self.tree.clone(), parent, tags, transaction)
    }

    /// The scope of what `run` submits, which is in this one.
    pub(super) fn inside(&self, run: &Arc<Run>, is_hook: bool) -> Arc<Self> {
        let transaction = run.transaction().or_else(|| self.transaction.clone());
        let scope = self.like(Some(run.clone()), own_tags(run), transaction);
        let before = run.cell.lock().log.extra().children.replace(Arc::downgrade(&scope));
        // What a hook or an attempt before has submitted may be open, and is found through this one.
        if let Some(before) = before.and_then(|before| before.upgrade()) {
            scope.adopt(&before);
        }
        // A body that was given up on begins nothing any more.
        if run.is_cancelling() && !is_hook {
            scope.close();
        }
        scope
    }

    /// The same scope, with more tags for what is submitted in it.
    pub(super) fn tagged(&self, more: &[Arc<str>]) -> Arc<Self> {
        let tags = join_tags(&self.tags, more.iter().cloned());
        self.with(tags, self.transaction.clone(), self.branch.clone(), self.begun.clone())
    }

    /// The same scope, with a transaction around what is submitted in it.
    pub(crate) fn in_transaction(&self, transaction: Transaction) -> Arc<Self> {
        self.with(self.tags.clone(), Some(transaction), self.branch.clone(), self.begun.clone())
    }

    /// These options, and, in a branch, that the choice is waited for.
    #[inline]
    pub(crate) fn in_branch(&self, options: Option<Arc<Options>>) -> Option<Arc<Options>> {
        let Some(edge) = self.branch() else { return options };
        let mut own = options.map(Arc::unwrap_or_clone).unwrap_or_default();
        own.wait_for.push(edge);
        Some(Arc::new(own))
    }

    /// The choice that what is submitted hangs on.
    pub(crate) fn branch(&self) -> Option<Edge> {
        self.branch.as_ref().map(|run| Edge { node: Node::Run(run.clone()), need: Need::End })
    }

    /// A scope that differs in these, and that this one answers for.
    pub(super) fn with(
        &self,
        tags: Tags,
        transaction: Option<Transaction>,
        branch: Option<Arc<Run>>,
        begun: Option<Arc<Mutex<Vec<Node>>>>,
    ) -> Arc<Self> {
        let mut scope = self.like(self.parent.clone(), tags, transaction);
        // Nobody else has it yet.
        if let Some(scope) = Arc::get_mut(&mut scope) {
            scope.branch = branch;
            scope.begun = begun;
        }
        self.adopt(&scope);
        // After it is listed: whoever cancels this one meanwhile finds it, or is found here to have done so.
        if self.is_cancelled() {
            scope.close();
        }
        scope
    }

    /// Notes a scope of which this one answers for what is open.
    pub(crate) fn adopt(&self, scope: &Arc<Self>) {
        let mut open = self.open.lock();
        if open.also.len() == open.also.capacity() {
            open.also.retain(|scope| scope.strong_count() > 0);
        }
        open.also.push(Arc::downgrade(scope));
    }

    #[inline]
    pub(crate) fn register(&self, run: &Arc<Run>) {
        let mut open = self.open.lock();
        let place = open.insert(run.clone());
        run.set_place(place);
    }

    /// Notes what begins, where somebody asks for it.
    #[inline]
    pub(crate) fn note_begun(&self, node: impl FnOnce() -> Node) {
        if let Some(begun) = &self.begun {
            begun.lock().push(node());
        }
    }

    /// Notes a map, whose length may not be known for a while.
    pub(crate) fn register_map(&self, map: &Arc<MapGroup>) {
        let mut open = self.open.lock();
        if open.maps.len() == open.maps.capacity() {
            open.maps.retain(|map| map.strong_count() > 0);
        }
        open.maps.push(Arc::downgrade(map));
    }

    /// Takes a run off the list.
    #[inline]
    pub(crate) fn unregister(&self, run: &Run) {
        let mut open = self.open.lock();
        let removed = open.remove(run.place());
        drop(open);
        drop(removed);
    }

    /// Takes the runs in these places off the list.
    pub(crate) fn unregister_all(&self, places: &[u32]) {
        let mut removed: SmallVec<[Arc<Run>; 32]> = SmallVec::new();
        let mut open = self.open.lock();
        for place in places {
            if let Some(run) = open.remove(*place) {
                removed.push(run);
            }
        }
        drop(open);
        drop(removed);
    }

    /// From now on nothing begins in this scope: what was submitted is cancelled. Gives what is open.
    pub(crate) fn close(&self) -> Open {
        // Before it is listed what is open: whoever submits meanwhile is listed, or finds this closed.
        self.cancelled.store(true, Ordering::SeqCst);
        self.open()
    }

    /// Whether nothing is open in this scope, and it has never answered for another.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.lock().is_idle()
    }

    /// What is open in this scope.
    pub(crate) fn open(&self) -> Open {
        let open = self.open.lock();
        Open {
            runs: open.runs(),
            maps: open.maps.iter().filter_map(Weak::upgrade).collect(),
            scopes: open.also.iter().filter_map(Weak::upgrade).collect(),
        }
    }

    /// What is open in it, and in those that it answers for.
    pub(crate) fn open_nodes(self: &Arc<Self>) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut scopes = vec![self.clone()];
        while let Some(scope) = scopes.pop() {
            let open = scope.open();
            let runs = open.runs.into_iter().filter(|run| !run.has_ended());
            nodes.extend(runs.map(Node::Run));
            nodes.extend(open.maps.into_iter().filter(|map| !map.is_done()).map(Node::Map));
            scopes.extend(open.scopes);
        }
        nodes
    }

    /// The span that the spans of what is submitted here are in.
    pub(crate) fn span(&self) -> Span {
        self.span.lock().clone()
    }

    fn close_span(&self) {
        let span = std::mem::replace(&mut *self.span.lock(), Span::none());
        close(span);
    }

    /// Closes the span of this scope, and of those that it answers for, whoever still knows of them: all that was submitted has ended.
    pub(crate) fn close_spans(self: &Arc<Self>) {
        let mut scopes = vec![self.clone()];
        while let Some(scope) = scopes.pop() {
            scope.close_span();
            scopes.extend(scope.open().scopes);
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

/// What is open in a scope.
pub(crate) struct Open {
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) maps: Vec<Arc<MapGroup>>,
    /// Those that it answers for.
    pub(crate) scopes: Vec<Arc<Scope>>,
}

impl Drop for Scope {
    /// Lets go of those above one after another: they may be nested deeper than a stack is.
    fn drop(&mut self) {
        self.close_span();
        let mut next = self.parent.take();
        while let Some(run) = next {
            let scope = Arc::into_inner(run).and_then(|run| Arc::into_inner(run.scope));
            next = scope.and_then(|mut scope| scope.parent.take());
        }
    }
}

/// Joins tags, each once.
fn join_tags(tags: &Tags, more: impl Iterator<Item = Arc<str>>) -> Tags {
    let mut joined: Vec<Arc<str>> = tags.to_vec();
    for tag in more {
        if !joined.contains(&tag) {
            joined.push(tag);
        }
    }
    if joined.len() == tags.len() { tags.clone() } else { joined.into() }
}

/// A run's tags: its own, those in scope, its flow run's and its parents'.
pub(crate) fn own_tags(run: &Run) -> Tags {
    match run.options().and_then(|options| options.tags.clone()) {
        Some(own) => join_tags(&run.scope.tags, own.iter().cloned()),
        None if run.spec.tags.is_empty() => run.scope.tags.clone(),
        None => join_tags(&run.scope.tags, run.spec.tags.iter().map(|tag| Arc::from(*tag))),
    }
}

//! Maps of tasks that something stands for.

use std::any::TypeId;
use std::sync::Arc;

use super::StandIn;
use crate::body::BoxBody;
use crate::error::TaskError;
use crate::input::{EdgeList, Node};
use crate::map::{MapGroup, Rows};

struct MockedRows {
    rows: Box<dyn Rows>,
    stand_in: Arc<StandIn>,
}

impl StandIn {
    pub(crate) fn rows(self: Arc<Self>, rows: Box<dyn Rows>) -> Box<dyn Rows> {
        Box::new(MockedRows { rows, stand_in: self })
    }
}

impl Rows for MockedRows {
    fn awaits(&self) -> Vec<Node> {
        self.rows.awaits()
    }

    fn open(&mut self) -> Result<usize, TaskError> {
        self.rows.open()
    }

    fn edges(&self) -> EdgeList {
        self.rows.edges()
    }

    fn output(&self) -> TypeId {
        self.rows.output()
    }

    fn has_plan_value(&self) -> bool {
        self.stand_in.plan_value().is_some()
    }

    fn follows(&self) -> Vec<Arc<MapGroup>> {
        self.rows.follows()
    }

    fn has(&self, row: usize) -> bool {
        self.rows.has(row)
    }

    fn next(&mut self) -> Option<(BoxBody, EdgeList)> {
        let (body, edges) = self.rows.next()?;
        Some((self.stand_in.clone().body(body), edges))
    }
}

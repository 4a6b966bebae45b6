//! What the benchmarks are made of: measuring in turns, rows with their limits and targets, the table, the file and the charts
//! of one execution, and what has changed between two.
//!
//! The cases themselves are in the program, `src/cases`; how to run them stands in `README.md`.

mod allocator;
pub mod bench;
pub mod chart;
pub mod command;
pub mod compare;
pub mod machine;
pub mod peers;
pub mod report;
pub mod row;
pub mod statistics;
pub mod table;

pub use allocator::{Counting, Heap};
pub use bench::{Bench, Effort, time};
pub use report::Report;
pub use row::{Row, Side, Target, Unit};

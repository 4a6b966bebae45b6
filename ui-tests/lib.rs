//! Nothing to see here: the programs are under `task`, `flow` and `use`, and `tests/ui.rs` compiles them.

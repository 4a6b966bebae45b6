//! Graphs as DOT, the language of Graphviz.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::colours::{GREY, INK, Paint, begun, legend};
use super::words::{for_dot, name_of, state_of, title_of};
use super::{Graph, Mapped};

impl Graph {
    /// The graph in [DOT](https://graphviz.org/doc/info/lang.html): a node for each run and for each map, filled by state, with a
    /// legend. Solid lines are labelled with the parameter that takes the result, dashed ones are waited for without it, dotted ones
    /// lead from a run to what it has begun.
    ///
    /// ```
    /// use millrun::prelude::*;
    ///
    /// #[task] fn one() -> u32 { 1 }
    /// #[task] fn double(x: u32) -> u32 { 2 * x }
    /// #[flow] fn two() -> Result<u32, FlowError> { Ok(double.submit(one.submit()).result()?) }
    ///
    /// let dot = two().report_blocking().graph().to_dot();
    /// assert!(dot.contains(r#"n0 -> n1 [label="x"];"#));
    /// ```
    pub fn to_dot(&self) -> String {
        let mut dot = String::new();
        self.drawn()
            .write_dot(&mut dot)
            .unwrap_or_else(|_| unreachable!("a string takes all that is written to it"));
        dot
    }

    fn write_dot(&self, dot: &mut String) -> std::fmt::Result {
        let lines = |lines: &[String]| lines.iter().map(|line| for_dot(line)).collect::<Vec<_>>().join("\\n");
        writeln!(dot, "digraph \"{}\" {{", for_dot(&self.flow_run.task))?;
        writeln!(
            dot,
            "  rankdir=LR; bgcolor=transparent; labelloc=t; fontname=monospace; fontcolor=\"{GREY}\";"
        )?;
        writeln!(dot, "  label=\"{}\";", lines(&title_of(self)))?;
        writeln!(dot, "  node [shape=box, fontname=monospace, fontcolor=\"{INK}\"];")?;
        writeln!(dot, "  edge [fontname=monospace, color=\"{GREY}\", fontcolor=\"{GREY}\"];")?;
        let mut places = HashMap::new();
        for (n, node) in self.nodes.iter().enumerate() {
            places.insert(node.id, n);
            let mut label = name_of(node);
            label.extend(state_of(node));
            let shape = match (&node.map, node.is_flow()) {
                (Some(Mapped::Runs { .. }), _) => ", peripheries=2",
                (_, true) => ", shape=component",
                _ => "",
            };
            writeln!(dot, "  n{n} [label=\"{}\"{}{shape}];", lines(&label), filled(Paint::of(node.state())))?;
        }
        for edge in &self.edges {
            let (Some(from), Some(to)) = (places.get(&edge.from), places.get(&edge.to)) else { continue };
            match &edge.parameter {
                Some(parameter) => writeln!(dot, "  n{from} -> n{to} [label=\"{}\"];", for_dot(parameter))?,
                None => writeln!(dot, "  n{from} -> n{to} [style=dashed];")?,
            }
        }
        for (from, to) in begun(self) {
            let (from, to) = (places[&from.id], places[&to.id]);
            writeln!(dot, "  n{from} -> n{to} [style=dotted, arrowhead=empty];")?;
        }
        let legend = legend(self);
        if !legend.is_empty() {
            writeln!(dot, "  subgraph cluster_legend {{\n    label=\"\"; color=\"{GREY}\";")?;
            for (n, name) in legend.into_iter().enumerate() {
                writeln!(dot, "    s{n} [label=\"{name}\"{}];", filled(Paint::of(Some(name))))?;
            }
            writeln!(dot, "  }}")?;
        }
        writeln!(dot, "}}")
    }
}

fn filled(paint: Paint) -> String {
    let style = if paint.is_dashed { "rounded,filled,dashed" } else { "rounded,filled" };
    format!(", style=\"{style}\", fillcolor=\"{}\", color=\"{}\"", paint.fill, paint.line)
}

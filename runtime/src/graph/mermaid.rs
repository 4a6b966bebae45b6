//! Graphs as Mermaid, which many pages and editors draw where they meet it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::colours::{INK, Paint, begun, legend};
use super::words::{for_mermaid, name_of, state_of, title_of};
use super::{Graph, Mapped};

impl Graph {
    /// The graph as a [Mermaid](https://mermaid.js.org) flowchart: a node for each run and for each map, filled by state, with a
    /// legend. Solid lines are labelled with the parameter that takes the result, dotted ones are waited for without it, those with
    /// a circle lead from a run to what it has begun. Mermaid itself refuses more than 500 lines unless it is told otherwise.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::new();
        self.drawn()
            .write_mermaid(&mut text)
            .unwrap_or_else(|_| unreachable!("a string takes all that is written to it"));
        text
    }

    fn write_mermaid(&self, text: &mut String) -> std::fmt::Result {
        let lines =
            |lines: &[String]| lines.iter().map(|line| for_mermaid(line)).collect::<Vec<_>>().join("<br>");
        let title = title_of(self).join(" ").replace('\\', "\\\\").replace('"', "\\\"");
        writeln!(text, "---\ntitle: \"{title}\"\n---\nflowchart LR")?;
        let mut places = HashMap::new();
        let mut classes = BTreeMap::new();
        for (n, node) in self.nodes.iter().enumerate() {
            places.insert(node.id, n);
            let mut label = name_of(node);
            label.extend(state_of(node));
            let (open, close) = match (&node.map, node.is_flow()) {
                (Some(Mapped::Runs { .. }), _) => ("[[", "]]"),
                (_, true) => ("{{", "}}"),
                _ => ("[", "]"),
            };
            let state = node.state();
            let class = state.map_or("Planned", |name| name.as_str());
            classes.insert(class, Paint::of(state));
            writeln!(text, "  n{n}{open}\"{}\"{close}:::{class}", lines(&label))?;
        }
        for edge in &self.edges {
            let (Some(from), Some(to)) = (places.get(&edge.from), places.get(&edge.to)) else { continue };
            match &edge.parameter {
                Some(parameter) => writeln!(text, "  n{from} -- \"{}\" --> n{to}", for_mermaid(parameter))?,
                None => writeln!(text, "  n{from} -.-> n{to}")?,
            }
        }
        for (from, to) in begun(self) {
            writeln!(text, "  n{} --o n{}", places[&from.id], places[&to.id])?;
        }
        let legend = legend(self);
        if !legend.is_empty() {
            writeln!(text, "  subgraph legend[\" \"]")?;
            for (n, name) in legend.into_iter().enumerate() {
                classes.insert(name.as_str(), Paint::of(Some(name)));
                writeln!(text, "    s{n}([\"{name}\"]):::{name}")?;
            }
            writeln!(text, "  end")?;
        }
        for (class, paint) in classes {
            let dashes = if paint.is_dashed { ",stroke-dasharray:4 3" } else { "" };
            writeln!(
                text,
                "  classDef {class} fill:{},stroke:{},color:{INK}{dashes}",
                paint.fill, paint.line
            )?;
        }
        Ok(())
    }
}

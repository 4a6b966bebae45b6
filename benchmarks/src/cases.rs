//! All cases, by group; each group is one file.

mod call;
mod chain;
mod compile;
mod graphs;
mod growth;
mod limits;
mod map;
mod memory;
mod nested;
mod observed;
pub(crate) mod recorded;
mod results;
mod storms;
mod submit;
mod tasks;

use millrun_benchmarks::Bench;

/// One thing to measure: one row or several.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) measure: fn(&mut Bench),
}

/// The cases of a file.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cases: &'static [Case],
    /// Takes so long that it is measured only where it is named.
    pub(crate) is_long: bool,
}

pub(crate) const GROUPS: [Group; 13] = [
    call::GROUP,
    submit::GROUP,
    map::GROUP,
    chain::GROUP,
    graphs::GROUP,
    nested::GROUP,
    storms::GROUP,
    results::GROUP,
    recorded::GROUP,
    observed::GROUP,
    memory::GROUP,
    growth::GROUP,
    compile::GROUP,
];

impl Group {
    /// Its cases that are wanted: all without filters, else those of whose `group/case` a filter is a part.
    pub(crate) fn wanted<'a>(&'a self, filters: &'a [String]) -> impl Iterator<Item = &'a Case> {
        let name = |case: &Case| format!("{}/{}", self.name, case.name);
        self.cases.iter().filter(move |case| {
            let is_named = filters.iter().any(|filter| name(case).contains(filter.as_str()));
            is_named || (filters.is_empty() && !self.is_long)
        })
    }
}

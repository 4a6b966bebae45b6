//! Queries as SQL that SQLite and PostgreSQL both understand.
//!
//! Ids and numbers are written out, as they can hold nothing but themselves; texts are parameters, `$1` and so on.

use std::fmt::Write;

use uuid::Uuid;

use super::{Kind, LogQuery, Order, RunQuery, code};
use crate::id;
use crate::state::{StateName, StateType};

/// A statement, and the texts that it takes.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) texts: Vec<String>,
}

/// How a database writes an id.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    pub(super) id: fn(Uuid) -> String,
}

/// What is read of a run, in this order, by [`runs`].
const COLUMNS: &str = "r.kind, r.id, f.key, f.name, r.version, r.name, r.tags, p.parameters, r.parent, r.flow_run, r.root, \
     r.map_index, r.identity, r.\"transaction\", r.owner, r.created, r.run_count, s.at, s.state, s.message, s.scheduled, \
     (SELECT count(*) FROM states n WHERE n.run = r.id)";

/// The runs that a query asks for. `functions` are the numbers of those that it names.
pub(super) fn runs(query: &RunQuery, functions: Option<&[i64]>, dialect: Dialect) -> Sql {
    let mut sql = Sql::default();
    sql.text.push_str("SELECT r.* FROM ");
    sql.filter(query, functions, dialect);
    sql.within(query, query.after, dialect);
    let id = id_of(query);
    let direction = match query.order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    sql.push(format_args!(" ORDER BY {id} {direction} LIMIT {}", query.limit));
    // The rest is looked up for the page alone. Left joins stay in this order.
    sql.text = format!(
        "SELECT {COLUMNS} FROM ({}) r LEFT JOIN functions f ON f.number = r.function LEFT JOIN states s ON s.run = r.id AND s.at = \
         (SELECT max(m.at) FROM states m WHERE m.run = r.id) LEFT JOIN parameters p ON p.run = r.id ORDER BY r.id {direction}",
        sql.text
    );
    sql
}

/// How many runs a query finds: the beginnings of spans, states, numbers.
pub(super) fn count(query: &RunQuery, functions: Option<&[i64]>, dialect: Dialect) -> Sql {
    let mut sql = Sql::default();
    let per = query.per.map_or(1, |per| i64::try_from(per.as_nanos()).unwrap_or(i64::MAX).max(1));
    let since = "CASE WHEN r.created < 0 THEN 0 ELSE r.created END";
    let span =
        if query.per.is_some() { format!("{since} - ({since}) % {per}") } else { "CAST(0 AS BIGINT)".into() };
    sql.push(format_args!("SELECT {span}, r.state, count(*) FROM "));
    sql.filter(query, functions, dialect);
    sql.within(query, None, dialect);
    sql.text.push_str(" GROUP BY 1, 2 ORDER BY 1, 2");
    sql
}

/// A page of logs.
pub(super) fn logs(query: &LogQuery, dialect: Dialect) -> String {
    let run = (dialect.id)(query.run);
    let skip = i64::try_from(query.skip).unwrap_or(i64::MAX);
    // Each half comes in order from an index.
    format!(
        "SELECT l.run, l.flow_run, l.at, l.level, l.target, l.message FROM (SELECT number, at FROM logs WHERE run = {run} UNION \
         SELECT number, at FROM logs WHERE flow_run = {run} ORDER BY at, number LIMIT {} OFFSET {skip}) page LEFT JOIN logs l ON \
         l.number = page.number ORDER BY page.at, page.number",
        query.limit
    )
}

/// What a run, and the runs in it, wait for.
pub(super) fn upstreams(run: Uuid, dialect: Dialect) -> String {
    let tasks = id::numbered_like(run);
    let id = dialect.id;
    format!(
        "SELECT u.run, u.parameter, u.upstream, u.count FROM upstreams u WHERE u.run = {run} OR u.run IN (SELECT r.id FROM runs r \
         WHERE r.kind = {task} AND r.id BETWEEN {low} AND {high} AND r.flow_run = {run} UNION ALL SELECT r.id FROM runs r WHERE \
         r.kind = {flow} AND r.root = (SELECT own.root FROM runs own WHERE own.kind = {flow} AND own.id = {run}) AND r.flow_run = \
         {run}) ORDER BY u.run, u.number",
        run = id(run),
        low = id(*tasks.start()),
        high = id(*tasks.end()),
        task = code::kind(Kind::Task),
        flow = code::kind(Kind::Flow),
    )
}

impl Sql {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
    }

    fn and(&mut self, condition: std::fmt::Arguments<'_>) {
        self.push(format_args!(" AND {condition}"));
    }

    /// The next parameter.
    fn text(&mut self, text: &str) -> String {
        self.texts.push(text.to_owned());
        format!("${}", self.texts.len())
    }

    /// The tables, and what has to hold. SQLite joins them in this order: by a tag it finds few runs at once.
    fn filter(&mut self, query: &RunQuery, functions: Option<&[i64]>, dialect: Dialect) {
        let kind = code::kind(query.kind);
        let id = dialect.id;
        for n in 0..query.tags.len() {
            self.push(format_args!("tags t{n} CROSS JOIN "));
        }
        self.push(format_args!("runs r WHERE r.kind = {kind}"));
        for (n, tag) in query.tags.iter().enumerate() {
            let tag = self.text(tag);
            let same = if n == 0 { "r.id".into() } else { format!("t{}.run", n - 1) };
            self.and(format_args!("t{n}.tag = {tag} AND t{n}.kind = {kind} AND t{n}.run = {same}"));
        }
        if let Some(ids) = &query.ids {
            self.and(format_args!("r.id IN {}", list(ids.iter().map(|run| id(*run)))));
        }
        if let Some(functions) = functions {
            self.and(format_args!("r.function IN {}", list(functions)));
        }
        self.states(&query.types, &query.names);
        for (column, run) in [("parent", query.parent), ("flow_run", query.flow_run)] {
            let Some(run) = run else { continue };
            self.and(format_args!("r.{column} = {}", id(run)));
            // Flow runs have no index of these, but there are few in a root; for task runs see `within`.
            if query.kind == Kind::Flow {
                let own = id(run);
                self.and(format_args!(
                    "r.root = (SELECT own.root FROM runs own WHERE own.kind IN (0, 1) AND own.id = {own})"
                ));
            }
        }
        if let Some(root) = query.root {
            self.and(format_args!("r.root = {}", id(root)));
        }
        if query.is_outermost {
            self.and(format_args!("r.flow_run IS NULL"));
        }
        if let Some(since) = query.since {
            self.and(format_args!("r.created >= {}", code::time(since)));
        }
        if let Some(until) = query.until {
            self.and(format_args!("r.created < {}", code::time(until)));
        }
    }

    /// Between which ids they lie. The narrowest bounds alone: SQLite looks for one of each, and others are only compared.
    fn within(&mut self, query: &RunQuery, after: Option<Uuid>, dialect: Dialect) {
        let (mut low, mut high) = (None::<(&str, Uuid)>, None::<(&str, Uuid)>);
        // The ids of task runs say in which flow run they are.
        for run in [query.parent, query.flow_run].into_iter().flatten().filter(|_| query.kind == Kind::Task) {
            let (first, last) = id::numbered_like(run).into_inner();
            low = Some(low.filter(|(_, low)| *low > first).unwrap_or((">=", first)));
            high = Some(high.filter(|(_, high)| *high < last).unwrap_or(("<=", last)));
        }
        match (after, query.order) {
            (None, _) => {}
            (Some(after), Order::OldestFirst) => {
                low = Some(low.filter(|(_, low)| *low > after).unwrap_or((">", after)));
            }
            (Some(after), Order::NewestFirst) => {
                high = Some(high.filter(|(_, high)| *high < after).unwrap_or(("<", after)));
            }
        }
        for (compare, bound) in [low, high].into_iter().flatten() {
            self.and(format_args!("{} {compare} {}", id_of(query), (dialect.id)(bound)));
        }
    }

    fn states(&mut self, types: &[StateType], names: &[StateName]) {
        let shift = code::TYPE_SHIFT;
        if !names.is_empty() {
            self.and(format_args!("r.state IN {}", list(names.iter().map(|name| code::state_name(*name)))));
        }
        let mut types: Vec<i64> = types.iter().map(|state_type| code::state_type(*state_type)).collect();
        if types.is_empty() {
            types.extend(names.iter().map(|name| code::state_type(name.state_type())));
        }
        if types.is_empty() {
            return;
        }
        self.and(format_args!("r.state >> {shift} IN {}", list(&types)));
        // The index knows all but these.
        if !types.contains(&code::COMPLETED) {
            self.and(format_args!("r.state >> {shift} <> {}", code::COMPLETED));
        }
    }
}

/// Where the ids are looked for: in the index of a tag, if there is one.
fn id_of(query: &RunQuery) -> &'static str {
    if query.tags.is_empty() { "r.id" } else { "t0.run" }
}

/// `(1, 2)`; of nothing a list that holds nothing.
fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "(NULL)".into() } else { format!("({})", items.join(", ")) }
}

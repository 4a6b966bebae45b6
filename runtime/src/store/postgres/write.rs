//! Batches into tables: each table's rows in one statement, as arrays.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ::postgres::types::ToSql;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::session::{Result, Session};
use super::text::encoded;
use crate::store::{Batch, Outcome, StoreError, code};

/// Writes a batch into the transaction that the session is in.
pub(super) fn write(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    made(session, batch)?;
    changed(session, batch)?;
    states(session, batch)?;
    outcomes(session, batch)?;
    upstreams(session, batch)?;
    logs(session, batch)?;
    transactions(session, batch)
}

/// Fills an array for each column, and gives them to a statement. Without rows there is nothing to do.
macro_rules! insert {
    ($session:expr, $sql:expr, for $row:pat in $rows:expr => { $($column:ident = $value:expr,)* }) => {{
        $(let mut $column = Vec::new();)*
        let mut is_empty = true;
        for $row in $rows {
            is_empty = false;
            $($column.push($value);)*
        }
        if is_empty {
            Ok(0)
        } else {
            let columns: &[&(dyn ToSql + Sync)] = &[$(&$column),*];
            $session.execute($sql, columns)
        }
    }};
}

/// Kinds and states: all numbers are below 256.
pub(super) fn small(number: i64) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn optional(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(encoded)
}

fn made(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    let functions = functions(session, batch)?;
    let number = |key: &str, name: &str| functions.get(&(key.to_owned(), name.to_owned())).copied();
    let tags: Vec<Option<String>> = batch
        .created
        .iter()
        .map(|made| code::tags(&made.record.tags))
        .collect::<std::result::Result<_, _>>()?;
    insert!(
        session,
        "INSERT INTO runs SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
         $7::uuid[], $8::uuid[], $9::uuid[], $10::bigint[], $11::uuid[], $12::uuid[], $13::uuid[], $14::bigint[], \
         $15::bigint[], $16::smallint[]) ON CONFLICT (kind, id) DO UPDATE SET function = excluded.function, version = \
         excluded.version, name = excluded.name, tags = excluded.tags, parent = excluded.parent, flow_run = excluded.flow_run, \
         root = excluded.root, map_index = excluded.map_index, identity = excluded.identity, \"transaction\" = \
         excluded.\"transaction\", owner = excluded.owner, created = excluded.created, run_count = excluded.run_count, state = \
         excluded.state",
        for (made, tags) in batch.created.iter().zip(tags) => {
            kind = small(code::kind(made.record.kind)),
            id = made.record.id,
            function = number(&made.record.key, &made.record.function),
            version = optional(made.record.version.as_deref()),
            name = encoded(made.known.name.unwrap_or(&made.record.name)),
            tag_list = tags,
            parent = made.record.parent,
            flow_run = made.record.flow_run,
            root = made.record.root,
            map_index = made.record.map_index.map(i64::from),
            identity = made.known.identity,
            transaction = made.record.transaction,
            owner = made.owner(),
            created = code::time(made.record.created),
            run_count = i64::from(made.run_count),
            state = small(code::state_name(made.state.name)),
        }
    )?;
    let with_tags =
        batch.created.iter().flat_map(|made| made.record.tags.iter().map(move |tag| (made.record, tag)));
    insert!(
        session,
        "INSERT INTO tags SELECT * FROM unnest($1::text[], $2::smallint[], $3::uuid[]) ON CONFLICT DO NOTHING",
        for (record, own) in with_tags => {
            tag = encoded(own),
            kind = small(code::kind(record.kind)),
            run = record.id,
        }
    )?;
    let of_made = batch.created.iter().map(|made| (made.record.id, made.known.parameters));
    let of_changed = batch.changed.iter().map(|changed| (changed.run, changed.known.parameters));
    let mut parameters: HashMap<Uuid, &Map<String, Value>> = HashMap::new();
    parameters.extend(of_made.chain(of_changed).filter_map(|(run, parameters)| Some((run, parameters?))));
    insert!(
        session,
        "INSERT INTO parameters SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT (run) DO UPDATE SET parameters = \
         excluded.parameters",
        for (id, parameters) in parameters => {
            run = id,
            json = code::json(parameters)?,
        }
    )?;
    Ok(())
}

fn changed(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    insert!(
        session,
        "UPDATE runs r SET name = coalesce(c.name, r.name), identity = coalesce(c.identity, r.identity), state = \
         coalesce(c.state, r.state), run_count = coalesce(c.run_count, r.run_count), owner = CASE WHEN c.has_ended THEN NULL \
         ELSE r.owner END FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[], $5::smallint[], $6::bigint[], \
         $7::boolean[]) AS c (kind, id, name, identity, state, run_count, has_ended) WHERE r.kind = c.kind AND r.id = c.id",
        for changed in &batch.changed => {
            kind = small(code::kind(changed.kind)),
            id = changed.run,
            name = optional(changed.known.name),
            identity = changed.known.identity,
            state = changed.state.map(|(state, _)| small(code::state_name(state.name))),
            run_count = changed.state.map(|(_, run_count)| i64::from(run_count)),
            has_ended = changed.state.is_some_and(|(state, _)| state.is_final()),
        }
    )?;
    Ok(())
}

fn states(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    insert!(
        session,
        "INSERT INTO states SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::bigint[]) ON \
         CONFLICT DO NOTHING",
        for (id, entered) in &batch.states => {
            run = *id,
            at = code::time(entered.timestamp),
            state = small(code::state_name(entered.name)),
            message = optional(entered.message.as_deref()),
            scheduled = entered.details.scheduled_time.map(code::time),
        }
    )?;
    Ok(())
}

fn outcomes(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    // The last one of each run: a statement may not change a row twice.
    let outcomes: HashMap<Uuid, &Outcome> = batch.outcomes.iter().copied().collect();
    insert!(
        session,
        "INSERT INTO outcomes SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[]) ON CONFLICT (run) DO UPDATE SET key = \
         excluded.key, record = excluded.record",
        for (id, outcome) in outcomes => {
            run = id,
            key = match outcome {
                Outcome::Stored(key) => Some(encoded(key)),
                Outcome::Inline(_) => None,
            },
            record = match outcome {
                Outcome::Inline(record) => Some(record.as_slice()),
                Outcome::Stored(_) => None,
            },
        }
    )?;
    Ok(())
}

fn upstreams(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    insert!(
        session,
        "INSERT INTO upstreams SELECT u.run, (SELECT coalesce(max(k.number), 0) FROM upstreams k WHERE k.run = u.run) + \
         row_number() OVER (PARTITION BY u.run ORDER BY u.place), u.parameter, u.upstream, u.count FROM unnest($1::uuid[], \
         $2::text[], $3::uuid[], $4::bigint[]) WITH ORDINALITY AS u (run, parameter, upstream, count, place)",
        for waits in &batch.upstreams => {
            run = waits.run,
            parameter = optional(waits.parameter.as_deref()),
            upstream = waits.upstream,
            count = i64::from(waits.count),
        }
    )?;
    Ok(())
}

fn logs(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    insert!(
        session,
        "INSERT INTO logs (run, flow_run, at, level, target, message) SELECT l.run, l.flow_run, l.at, l.level, l.target, \
         l.message FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS l \
         (run, flow_run, at, level, target, message, place) ORDER BY l.place",
        for log in &batch.logs => {
            run = log.run,
            flow_run = log.flow_run,
            at = code::time(log.at),
            level = encoded(&log.level),
            target = encoded(&log.target),
            message = encoded(&log.message),
        }
    )?;
    Ok(())
}

fn transactions(session: &mut Session, batch: &Batch<'_>) -> Result<()> {
    insert!(
        session,
        "INSERT INTO transactions (id, root, key, state, \"values\", parent, owner) SELECT t.id, t.root, t.key, t.state, t.json, \
         t.parent, t.owner FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[], $6::uuid[], $7::uuid[]) \
         WITH ORDINALITY AS t (id, root, key, state, json, parent, owner, place) ORDER BY t.place ON CONFLICT (id) DO UPDATE SET \
         root = excluded.root, key = excluded.key, state = excluded.state, \"values\" = excluded.\"values\", parent = \
         excluded.parent, owner = excluded.owner",
        for record in &batch.transactions => {
            id = record.id,
            root = record.root,
            key = optional(record.key.as_deref()),
            state = small(code::transaction(record.state)),
            json = code::json(&record.values)?,
            parent = record.parent,
            owner = record.owner,
        }
    )?;
    Ok(())
}

/// The numbers of the functions whose runs were made; of those that are new they are written first.
fn functions(session: &mut Session, batch: &Batch<'_>) -> Result<HashMap<(String, String), i64>> {
    // In an order, so that two who write the same ones wait for each other and not both.
    let wanted: BTreeSet<(&str, &str)> =
        batch.created.iter().map(|made| (made.record.key.as_str(), made.record.function.as_str())).collect();
    let mut found = numbers(session, &wanted)?;
    if found.len() < wanted.len() {
        insert!(
            session,
            "INSERT INTO functions (key, name) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
            for (own_key, own_name) in &wanted => {
                key = encoded(own_key),
                name = encoded(own_name),
            }
        )?;
        found = numbers(session, &wanted)?;
    }
    Ok(found)
}

fn numbers(session: &mut Session, wanted: &BTreeSet<(&str, &str)>) -> Result<HashMap<(String, String), i64>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<_> = wanted.iter().map(|(key, _)| encoded(key)).collect();
    let names: Vec<_> = wanted.iter().map(|(_, name)| encoded(name)).collect();
    let rows = session.query(
        "SELECT w.place, f.number FROM functions f JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (key, name, place) ON \
         f.key = w.key AND f.name = w.name",
        &[&keys, &names],
    )?;
    let wanted: Vec<_> = wanted.iter().collect();
    let mut found = HashMap::new();
    for row in rows {
        let place: i64 = row.try_get(0)?;
        let (key, name) = usize::try_from(place - 1)
            .ok()
            .and_then(|place| wanted.get(place))
            .ok_or_else(|| StoreError::new("the server numbers rows in a way of its own"))?;
        found.insert(((*key).to_owned(), (*name).to_owned()), row.try_get(1)?);
    }
    Ok(found)
}

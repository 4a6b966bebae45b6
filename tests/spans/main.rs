//! The spans of runs: what they are in, and what they tell. All tests share the process's subscriber, and find their own spans by the
//! outermost one.

mod panics;
mod unattempted;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex, Once};
use std::time::Duration;

use millrun::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Subscriber, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A span that has ended: the names of those that it is in, the outermost first, and its fields.
#[derive(Clone, Debug)]
struct Ended {
    within: Vec<String>,
    fields: Fields,
}

impl Ended {
    fn name(&self) -> &str {
        &self.fields.0["name"]
    }

    fn says(&self, field: &str) -> Option<&str> {
        self.fields.0.get(field).map(|said| &**said)
    }
}

#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

static ENDED: Mutex<Vec<Ended>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

struct Spans;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        record.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let name = |fields: Option<&Fields>| fields.and_then(|fields| fields.0.get("name").cloned());
        let outer = span.scope().from_root().take_while(|outer| outer.id() != id);
        let within = outer.map(|outer| name(outer.extensions().get()).unwrap_or_default()).collect();
        let fields = span.extensions().get::<Fields>().cloned().unwrap_or_default();
        ENDED.lock().unwrap().push(Ended { within, fields });
        CHANGED.notify_all();
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Spans);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Does it in a span of that name, which ends after those inside of it; these, by their names.
fn inside(name: &str, action: impl FnOnce()) -> Vec<Ended> {
    listen();
    info_span!("request", name).in_scope(action);
    let is_open =
        |ended: &mut Vec<Ended>| !ended.iter().any(|span| span.within.is_empty() && span.name() == name);
    let waited = CHANGED.wait_timeout_while(ENDED.lock().unwrap(), Duration::from_secs(60), is_open);
    let (ended, waited) = waited.unwrap();
    assert!(!waited.timed_out(), "somebody keeps the span `{name}` open");
    let mut own: Vec<Ended> = ended
        .iter()
        .filter(|ended| ended.within.first().is_some_and(|first| first == name))
        .cloned()
        .collect();
    own.sort_by(|one, other| one.name().cmp(other.name()));
    own
}

#[task(tags = ["io", "slow"])]
async fn fetch(n: u64) -> u64 {
    n
}

#[task]
fn double(n: u64) -> u64 {
    n * 2
}

#[flow(flow_run_name = "{name}")]
async fn in_steps(name: String) -> Result<u64, FlowError> {
    let first = fetch.submit(1).await?;
    let step = info_span!("step", name = "step");
    let (second, mapped) = step.in_scope(|| (double.submit(first), double.map(0..3000)));
    drop(step);
    let last = fetch.submit(mapped.await?.len() as u64);
    Ok(second.await? + last.await?)
}

#[test]
fn a_run_is_in_the_span_in_which_it_was_submitted() {
    let spans = inside("steps", || assert_eq!(in_steps("one".into()).result().unwrap(), 3002));
    let within = |name: &str| {
        let span = spans.iter().find(|span| span.name() == name);
        span.unwrap_or_else(|| panic!("no {name}")).within.join("/")
    };
    assert_eq!(within("one"), "steps");
    assert_eq!(within("fetch-0"), "steps/one");
    assert_eq!(within("fetch-1"), "steps/one");
    assert_eq!(within("double-0"), "steps/one/step");
    let mapped: Vec<_> = spans.iter().filter(|span| span.name().starts_with("double[")).collect();
    assert_eq!(mapped.len(), 3000);
    assert!(mapped.iter().all(|span| span.within.join("/") == "steps/one/step"));
}

type Futures = Arc<Mutex<Vec<TaskFuture<u64>>>>;

#[task]
fn doubled_inside(kept: Futures) {
    kept.lock().unwrap().push(double.submit(1));
}

#[flow(flow_run_name = "keeping")]
fn keeping(kept: Futures) -> Result<(), FlowError> {
    kept.lock().unwrap().push(double.submit(2));
    doubled_inside.submit(kept).result()?;
    Ok(())
}

#[test]
fn spans_end_with_their_runs_whoever_keeps_the_futures() {
    let kept = Futures::default();
    let spans = inside("kept", || keeping(kept.clone()).result().unwrap());
    assert_eq!(spans.len(), 4, "{spans:#?}");
    assert_eq!(kept.lock().unwrap().len(), 2);
}

#[test]
fn each_request_of_a_thread_has_its_own_runs() {
    for request in ["first", "second", "third"] {
        let spans = inside(request, || {
            assert_eq!(double.submit(1).result().unwrap(), 2);
            assert_eq!(double(2).result().unwrap(), 4);
            assert_eq!(double.map(0..3).result().unwrap(), [0, 2, 4]);
        });
        assert_eq!(spans.len(), 5, "{spans:#?}");
        assert!(spans.iter().all(|span| span.within == [request]));
    }
}

#[task(timeout = "1h")]
fn within_an_hour() -> std::thread::ThreadId {
    std::thread::current().id()
}

#[test]
fn an_attempt_on_a_thread_of_its_own_is_one_span() {
    let spans = inside("aside", || {
        assert_ne!(within_an_hour.submit().result().unwrap(), std::thread::current().id())
    });
    assert_eq!(spans.len(), 1, "{spans:#?}");
    assert_eq!(spans[0].says("state"), Some("Completed"));
}

#[task(retries = 1)]
fn fails() -> Result<(), String> {
    Err("no luck".into())
}

#[task]
async fn panics() {
    panic!("on purpose");
}

#[task]
fn skips() -> Result<(), TaskError> {
    Err(TaskError::skip("not today"))
}

#[task(timeout = "1ms")]
async fn hangs() {
    std::future::pending().await
}

#[flow(flow_run_name = "outcomes")]
async fn outcomes() -> Result<(), FlowError> {
    let (skipped, failed, crashed, late) = (skips.submit(), fails.submit(), panics.submit(), hangs.submit());
    let cancelled = hangs.with_name("cancelled").with_timeout(Duration::from_secs(3600)).submit();
    // Once it has begun.
    while cancelled.state().name != millrun::StateName::Running {
        tokio::task::yield_now().await;
    }
    cancelled.cancel();
    for future in [skipped, failed, crashed, late, cancelled] {
        let _ = future.finished().await;
    }
    Err(FlowError::msg("all is lost"))
}

#[test]
fn a_span_tells_how_the_attempt_ended() {
    let spans = inside("ends", || assert!(outcomes().result().is_err()));
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            let says = |field| span.says(field).unwrap_or("-");
            let error = span.says("otel.status_description").unwrap_or("-");
            let error = error.split(" (at").next().unwrap();
            format!(
                "{} {} {} {} {error}",
                span.name(),
                says("attempt"),
                says("state"),
                says("otel.status_code")
            )
        })
        .collect();
    let expected = [
        "cancelled-1 1 Cancelled - -",
        "fails-0 1 Failed ERROR Task run encountered an exception: no luck",
        "fails-0 2 Failed ERROR Task run encountered an exception: no luck",
        "hangs-0 1 TimedOut ERROR Task run exceeded timeout of 0.001 second(s)",
        "outcomes 1 Failed ERROR Flow run encountered an exception: all is lost",
        "panics-0 1 Crashed ERROR Task run panicked: on purpose",
        "skips-0 1 Skipped - -",
    ];
    assert_eq!(told, expected);
    let ids: Vec<_> =
        spans.iter().filter(|span| span.name() == "fails-0").map(|span| span.says("id")).collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_span_tells_what_the_run_is() {
    let mut id = String::new();
    let spans = inside("tells", || {
        let future = fetch.submit(1);
        assert_eq!(future.result().unwrap(), 1);
        id = future.id().to_string();
    });
    let said =
        ["id", "name", "task", "tags", "attempt", "otel.name"].map(|field| spans[0].says(field).unwrap());
    assert_eq!(said, [&*id, "fetch-0", "fetch", "io,slow", "1", "fetch"]);
}

#[task(timeout = "1ms")]
fn waits_for(end: std::sync::Arc<Mutex<()>>) {
    drop(end.lock());
}

#[test]
fn the_span_of_a_body_that_is_given_up_on_tells_so() {
    let end = std::sync::Arc::<Mutex<()>>::default();
    let spans = inside("given up", || {
        let held = end.lock().unwrap();
        waits_for.submit(end.clone()).wait();
        drop(held);
    });
    assert_eq!(spans.len(), 1, "{spans:#?}");
    let said = ["state", "otel.status_code"].map(|field| spans[0].says(field));
    assert_eq!(said, [Some("TimedOut"), Some("ERROR")]);
}

#[flow(flow_run_name = "carried")]
fn carried() -> Result<u64, FlowError> {
    let context = RunContext::current();
    let submitted = std::thread::spawn(move || context.enter(|| fetch.submit(1)));
    Ok(submitted.join().unwrap().result()?)
}

#[test]
fn a_run_that_is_submitted_in_a_carried_context_is_in_its_span() {
    let spans = inside("carrying", || assert_eq!(carried().result().unwrap(), 1));
    let within: Vec<_> = spans.iter().map(|span| (span.name(), span.within.join("/"))).collect();
    assert_eq!(within, [("carried", "carrying".to_owned()), ("fetch-0", "carrying/carried".to_owned())]);
}

#[flow(flow_run_name = "unmet")]
fn meets_nothing() {}

#[test]
fn the_span_of_a_flow_run_tells_what_is_found_after_its_body_has_ended() {
    let spans = inside("unmet mocks", || assert!(meets_nothing().mock(double, 1).result().is_err()));
    let said = ["state", "otel.status_code"].map(|field| spans[0].says(field));
    assert_eq!(said, [Some("Failed"), Some("ERROR")]);
}

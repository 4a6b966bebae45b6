//! Log lines and spans.

use std::process::Output;

use millrun::prelude::*;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::alone::alone;

#[task(retries = 1)]
fn fetch(url: &str) -> Result<usize, String> {
    tracing::info!("fetching {url}");
    match url {
        "nowhere" => Err("not found".into()),
        _ => Ok(url.len()),
    }
}

#[flow(flow_run_name = "of {url}")]
fn crawl(url: String) -> Result<usize, FlowError> {
    tracing::info!("crawling");
    Ok(fetch.submit(&url).result()?)
}

/// The lines of this crate's form: level and message. Their times are checked here.
fn lines(output: &Output) -> Vec<(String, String)> {
    assert!(output.status.success());
    let logged = String::from_utf8(output.stderr.clone()).unwrap();
    let read = |line: &str| {
        let mut parts = line.splitn(3, " | ");
        let (time, level, message) = (parts.next()?, parts.next()?, parts.next()?);
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "00:00:00.000", "{line}");
        assert_eq!(level.len(), 7, "{line}");
        Some((level.trim_end().to_owned(), message.to_owned()))
    };
    logged.lines().filter_map(read).collect()
}

fn line(level: &str, message: &str) -> (String, String) {
    (level.to_owned(), message.to_owned())
}

#[test]
fn a_line_has_a_time_a_level_and_a_message() {
    let Some(output) = alone!().output(|| {
        millrun::logging::init();
        crawl("somewhere".into()).result().unwrap();
    }) else {
        return;
    };
    assert_eq!(
        lines(&output),
        [
            line("INFO", "Flow run 'of somewhere' - Beginning flow run for flow 'crawl'"),
            line("INFO", "crawling"),
            line("INFO", "fetching somewhere"),
            line("INFO", "Task run 'fetch-0' - Finished in state Completed()"),
            line("INFO", "Flow run 'of somewhere' - Finished in state Completed()"),
        ]
    );
}

#[test]
fn failures_are_errors_and_retries_are_warnings() {
    let Some(output) = alone!().output(|| {
        millrun::logging::init();
        crawl("nowhere".into()).result().unwrap_err();
    }) else {
        return;
    };
    let said = "Task run encountered an exception: not found";
    let lines: Vec<_> = lines(&output).into_iter().filter(|(level, _)| level != "INFO").collect();
    assert_eq!(
        lines,
        [
            line("WARNING", &format!("Task run 'fetch-0' - {said} - Retry 1/1 will start immediately")),
            line("ERROR", &format!("Task run 'fetch-0' - Finished in state Failed('{said}')")),
            line(
                "ERROR",
                "Flow run 'of nowhere' - Finished in state Failed('Flow run encountered an exception: not found')"
            ),
        ]
    );
}

#[test]
fn the_level_is_a_variables() {
    let Some(output) = alone!().with("MILLRUN_LOGGING_LEVEL", "debug").output(|| {
        millrun::logging::init();
        // Again: nothing happens.
        millrun::logging::init();
        crawl("nowhere".into()).result().unwrap_err();
    }) else {
        return;
    };
    let lines = lines(&output);
    assert!(lines.contains(&line("DEBUG", "Task run 'fetch-0' - Entered state Running()")), "{lines:#?}");
    assert!(
        lines.contains(&line("DEBUG", "Task run 'fetch-0' - Entered state Retrying(type=RUNNING)")),
        "{lines:#?}"
    );
}

#[test]
fn errors_alone() {
    let Some(output) = alone!().with("MILLRUN_LOGGING_LEVEL", "ERROR").output(|| {
        millrun::logging::init();
        crawl("nowhere".into()).result().unwrap_err();
    }) else {
        return;
    };
    let lines = lines(&output);
    assert!(lines.len() == 2 && lines.iter().all(|(level, _)| level == "ERROR"), "{lines:#?}");
}

#[test]
fn an_unknown_level_is_said_to_be_one() {
    let Some(output) = alone!().with("MILLRUN_LOGGING_LEVEL", "loud").output(millrun::logging::init) else {
        return;
    };
    let says = "MILLRUN_LOGGING_LEVEL: `loud` is not a level; write `off`, `error`, `warn`, `info`, `debug` or `trace`";
    assert!(String::from_utf8(output.stderr).unwrap().contains(says));
}

#[test]
fn a_subscriber_of_the_users_is_left_alone_and_is_given_spans() {
    let Some(output) = alone!().output(|| {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(std::io::stderr)
            .init();
        millrun::logging::init();
        let run = crawl("somewhere".into()).report_blocking();
        eprintln!("{} {}", run.id(), run.task_runs()[0].id());
    }) else {
        return;
    };
    let logged = String::from_utf8(output.stderr).unwrap();
    let (before, ids) = logged.trim_end().rsplit_once('\n').unwrap();
    let (flow_id, task_id) = ids.split_once(' ').unwrap();
    let flow_run = format!(
        "flow_run{{id={flow_id} name=\"of somewhere\" flow=\"crawl\" attempt=1 otel.name=\"crawl\"}}"
    );
    let task_run =
        format!("task_run{{id={task_id} name=\"fetch-0\" task=\"fetch\" attempt=1 otel.name=\"fetch\"}}");
    for says in
        [format!("INFO {flow_run}: crawling"), format!("INFO {flow_run}:{task_run}: fetching somewhere")]
    {
        assert!(before.contains(&says), "{logged}\ndoes not say\n{says}");
    }
}

#[test]
fn lines_that_nobody_reads_end_nothing() {
    alone!().unheard().check(|| {
        millrun::logging::init();
        for n in 0..100 {
            assert_eq!(crawl("somewhere".into()).result().unwrap(), 9, "{n}");
        }
        crawl("nowhere".into()).result().unwrap_err();
    });
}

/// A subscriber that panics at whatever it is told, and at spans where it is to.
struct Panicking {
    at_spans: bool,
}

impl Subscriber for Panicking {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        assert!(!self.at_spans, "of a span");
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        // What tokio and others say is not ours to contain.
        assert!(!event.metadata().target().starts_with("millrun::"), "of an event");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[task(retries = 1, on_completion = fails_too)]
fn quiet(x: u32) -> Result<u32, String> {
    if x == 0 { Err("nothing".into()) } else { Ok(x) }
}

fn fails_too(_: &TaskRun, _: &State) -> Result<(), String> {
    Err("the hook".into())
}

#[task]
async fn awaits(x: u32) -> u32 {
    tokio::task::yield_now().await;
    x
}

#[flow]
async fn speaks_to_the_deaf() -> Result<u32, FlowError> {
    let failed = quiet.submit(0).await;
    assert_eq!(failed.unwrap_err().to_string(), "nothing");
    Ok(quiet.submit(awaits.submit(2)).await? + awaits(3).await?)
}

#[test]
fn a_subscriber_that_panics_ends_nothing() {
    alone!().check(|| {
        tracing::subscriber::set_global_default(Panicking { at_spans: false }).unwrap();
        assert_eq!(speaks_to_the_deaf().result().unwrap(), 5);
    });
}

#[test]
fn nor_does_one_that_panics_at_spans() {
    alone!().check(|| {
        tracing::subscriber::set_global_default(Panicking { at_spans: true }).unwrap();
        assert_eq!(speaks_to_the_deaf().result().unwrap(), 5);
    });
}

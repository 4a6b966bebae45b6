//! A subscriber for those who have none: prints log lines such as
//! `12:34:56.789 | INFO    | Task run 'fetch-0' - Finished in state Completed()`.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::engine::record;

/// Prints log lines to standard error, at the level of `MILLRUN_LOGGING_LEVEL` (`off`, `error`, `warn`, `info`, `debug`,
/// `trace`; by default `info`).
///
/// Does nothing where a subscriber is set already; says on standard error if the level is unknown, and takes `info`.
pub fn init() {
    let level = match std::env::var("MILLRUN_LOGGING_LEVEL") {
        Ok(text) => LevelFilter::from_str(&text.to_lowercase()).unwrap_or_else(|_| {
            eprintln!(
                "MILLRUN_LOGGING_LEVEL: `{text}` is not a level; write `off`, `error`, `warn`, `info`, `debug` or `trace`"
            );
            LevelFilter::INFO
        }),
        Err(_) => LevelFilter::INFO,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(standard_error)
        .event_format(Line)
        // They would be written where nothing could be, and panic.
        .log_internal_errors(false);
    let subscriber = tracing_subscriber::registry().with(level).with(lines).with(RunLogs);
    // An error means that there is one, which is the user's.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Where lines go: above what is drawn there.
#[cfg(feature = "progress")]
fn standard_error() -> crate::progress::LogWriter {
    crate::progress::log_writer()
}

#[cfg(not(feature = "progress"))]
fn standard_error() -> std::io::Stderr {
    std::io::stderr()
}

/// A layer that has what user code logs inside of a run recorded with it, where there is a
/// [run store](crate::EngineBuilder::run_store). It is a part of what [`init`] installs; those who have a subscriber of their own add it
/// there.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(millrun::logging::RunLogs);
/// # drop(subscriber);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RunLogs;

impl<S: Subscriber> Layer<S> for RunLogs {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        // States are recorded anyway.
        let is_ours = metadata.target().split("::").next() == Some("millrun");
        if is_ours || !record::records_logs() {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        record::logged(metadata.level().as_str(), metadata.target(), text.message + &text.fields);
    }
}

/// What an event says: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// `12:34:56.789 | INFO    | message`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now =
            jiff::Timestamp::try_from(crate::Clock::system().now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let time = now.to_zoned(jiff::tz::TimeZone::system());
        let level = event.metadata().level().as_str();
        let level = if level == "WARN" { "WARNING" } else { level };
        write!(writer, "{} | {level:<7} | ", time.strftime("%H:%M:%S%.3f"))?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

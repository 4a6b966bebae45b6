//! A subscriber for those who have none: prints log lines such as
//! `12:34:56.789 | INFO    | Task run 'fetch-0' - Finished in state Completed()`.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

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
        .with_writer(std::io::stderr)
        .event_format(Line)
        // They would be written where nothing could be, and panic.
        .log_internal_errors(false);
    let subscriber = tracing_subscriber::registry().with(level).with(lines);
    // An error means that there is one, which is the user's.
    let _ = tracing::subscriber::set_global_default(subscriber);
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

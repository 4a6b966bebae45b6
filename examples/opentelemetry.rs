//! A flow's spans, sent to an OpenTelemetry collector: each flow run, and each attempt at a task run, in the trace of the request
//! that has asked for it.
//!
//! `cargo run --example opentelemetry --features opentelemetry` sends them over OTLP to `http://localhost:4318`, or where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` says. Any collector will do:
//!
//! ```text
//! docker run --rm -p 4318:4318 -p 16686:16686 jaegertracing/jaeger
//! ```
//!
//! ```text
//! request
//! └─ report                 flow_run   name, id, state
//!    ├─ fetch               task_run   name fetch[0], attempt 1, tags io, state Completed
//!    ├─ fetch               task_run   name fetch[1], attempt 1, state Failed: an error
//!    ├─ fetch               task_run   name fetch[1], attempt 2, state Completed
//!    ├─ count_words         task_run   on the rayon pool
//!    …
//! ```

use millrun::prelude::*;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[task(tags = ["io"], retries = 1)]
async fn fetch(page: u32) -> Result<String, Error> {
    if page == 1 && task_run()?.run_count() == 1 {
        return Err("the connection was reset".into());
    }
    tracing::info!(page, "fetched");
    Ok(format!("the text of page {page}"))
}

#[task]
fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[task]
fn add_up(counts: &[usize]) -> usize {
    counts.iter().sum()
}

#[task]
fn archive(total: usize) -> Result<(), Error> {
    Err(format!("there is no room for {total} words").into())
}

#[flow]
async fn report(pages: u32) -> Result<usize, FlowError> {
    let total = add_up.submit(count_words.map(fetch.map(0..pages)));
    if let Err(error) = archive.submit(&total).await {
        tracing::warn!("{error}");
    }
    Ok(total.await?)
}

/// Sends spans in batches, from a thread of its own.
fn provider() -> Result<SdkTracerProvider, Error> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build()?;
    let resource = Resource::builder().with_service_name("reports").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn main() -> Result<(), Error> {
    let provider = provider()?;
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("reports"));
    let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO).with(spans);
    tracing::subscriber::set_global_default(subscriber)?;

    let request = tracing::info_span!("request", path = "/report");
    let total = request.in_scope(|| report(3).result())?;
    drop(request);
    println!("{total} words");
    // What has ended is sent before the program does.
    Ok(provider.shutdown()?)
}

//! The spans of a flow as a collector gets them, over OTLP.

mod example;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use example::{Printed, example};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;

/// A collector on this machine: what it was sent.
fn collector() -> (String, Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::<Mutex<Vec<_>>>::default();
    let all = sent.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let all = all.clone();
            std::thread::spawn(move || serve(connection.unwrap(), &all));
        }
    });
    (address, sent)
}

fn serve(connection: TcpStream, sent: &Mutex<Vec<ExportTraceServiceRequest>>) {
    let mut answers = connection.try_clone().unwrap();
    let mut requests = BufReader::new(connection);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap() == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_lowercase());
        }
        assert_eq!(head[0], "post /v1/traces http/1.1");
        assert!(head.contains(&"content-type: application/x-protobuf".to_owned()), "{head:?}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        requests.read_exact(&mut body).unwrap();
        sent.lock().unwrap().push(ExportTraceServiceRequest::decode(&*body).unwrap());
        let answer = ExportTraceServiceResponse::default().encode_to_vec();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length";
        write!(answers, "{head}: {}\r\n\r\n", answer.len()).unwrap();
        answers.write_all(&answer).unwrap();
    }
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key} is {other:?}"),
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

#[test]
fn a_collector_gets_a_span_for_each_attempt_in_the_request_s_trace() {
    let (address, sent) = collector();
    let mut command = example("opentelemetry");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address);
    let printed = Printed::from(command.output().unwrap());
    assert_eq!((printed.code, &*printed.stdout), (Some(0), "15 words\n"), "{}", printed.stderr);

    let sent = sent.lock().unwrap();
    let resources = sent.iter().flat_map(|request| &request.resource_spans);
    let spans: Vec<&Span> =
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect();
    let named = |name: &str| spans.iter().copied().filter(|span| span.name == name).collect::<Vec<_>>();

    let [request] = named("request")[..] else { panic!("{spans:#?}") };
    assert_eq!(request.parent_span_id, [0_u8; 0]);
    let [flow] = named("report")[..] else { panic!("{spans:#?}") };
    assert_eq!(flow.parent_span_id, request.span_id);
    assert_eq!(attribute(flow, "flow").as_deref(), Some("report"));
    assert_eq!(attribute(flow, "state").as_deref(), Some("Completed"));
    assert!(attribute(flow, "id").is_some_and(|id| id.len() == 36));
    assert!(!is_error(flow));

    let runs: Vec<&Span> = spans.iter().copied().filter(|span| attribute(span, "task").is_some()).collect();
    for run in &runs {
        assert_eq!(run.trace_id, request.trace_id, "{run:#?}");
        assert_eq!(run.parent_span_id, flow.span_id, "{run:#?}");
        assert_eq!(attribute(run, "task").as_ref(), Some(&run.name));
        assert!(flow.start_time_unix_nano <= run.start_time_unix_nano, "{run:#?}");
        assert!(run.end_time_unix_nano <= flow.end_time_unix_nano, "{run:#?}");
    }
    let mut told: Vec<String> = runs
        .iter()
        .map(|run| {
            let of = |key| attribute(run, key).unwrap_or_else(|| "-".into());
            format!("{} {} {} {}", of("name"), of("attempt"), of("tags"), of("state"))
        })
        .collect();
    told.sort();
    let expected = [
        "add_up-0 1 - Completed",
        "archive-0 1 - Failed",
        "count_words[0] 1 - Completed",
        "count_words[1] 1 - Completed",
        "count_words[2] 1 - Completed",
        "fetch[0] 1 io Completed",
        "fetch[1] 1 io Failed",
        "fetch[1] 2 io Completed",
        "fetch[2] 1 io Completed",
    ];
    assert_eq!(told, expected);

    let failed: Vec<_> = runs.iter().filter(|run| is_error(run)).collect();
    assert_eq!(failed.len(), 2, "{failed:#?}");
    let said = |name: &str| {
        let run = failed.iter().find(|run| run.name == name).unwrap();
        run.status.as_ref().unwrap().message.clone()
    };
    assert_eq!(said("fetch"), "Task run encountered an exception: the connection was reset");
    assert_eq!(said("archive"), "Task run encountered an exception: there is no room for 15 words");
    // Both attempts are of one run, and what the body logs is an event of its span.
    let attempts: Vec<_> =
        runs.iter().filter(|run| attribute(run, "name").as_deref() == Some("fetch[1]")).collect();
    assert_eq!(attribute(attempts[0], "id"), attribute(attempts[1], "id"));
    let with_events = runs.iter().filter(|run| run.events.iter().any(|event| event.name == "fetched"));
    assert_eq!(with_events.filter(|run| run.name == "fetch").count(), 3);
}

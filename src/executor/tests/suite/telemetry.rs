//! Metrics, spans and logs of the executor, and the values they never hold.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use callgate_executor::config::{Config, Listen};
use callgate_executor::telemetry::{Readiness, health_router, metrics_router};
use callgate_executor::transport::{Listener, Port};
use callgate_proto::executor::v1::EXECUTOR_SERVICE;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_state::StoreHealth;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::desk::{Desk, Running, wasm};
use crate::guests;
use crate::program::Program;

const LONG: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
/// A value that no page, span or line may show.
const SECRET: &str = "correct horse battery staple";

/// A collector that keeps the received spans.
struct Collector(Mutex<mpsc::UnboundedSender<Span>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            let resource = of_resource.resource.unwrap();
            let name = resource.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            assert!(format!("{:?}", name.value).contains("desk-executor"));
            for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
                self.0.lock().unwrap().send(span).unwrap();
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Its address, and the spans it received.
pub(crate) async fn collector() -> (String, mpsc::UnboundedReceiver<Span>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, spans) = mpsc::unbounded_channel();
    let service = TraceServiceServer::new(Collector(Mutex::new(sender)));
    tokio::spawn(
        tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)),
    );
    (endpoint, spans)
}

fn desk() -> Desk {
    Desk::with(&guests::echo(), "")
}

/// Returns the desk's configuration with these fields in `telemetry`.
fn config(desk: &Desk, fields: &str) -> Config {
    desk.config();
    let text = format!(
        "listen: 127.0.0.1:0\nhttp: {{ listen: off }}\ncontracts: [contract.yaml]\ntelemetry: {{ serviceName: desk-executor, {fields} }}\n"
    );
    std::fs::write(desk.path().join("executor.yaml"), &text).unwrap();
    Config::parse("executor.yaml", &text, desk.path()).unwrap()
}

/// Calls with the caller's trace in the metadata, as Envoy sends it.
async fn call_in_a_trace(desk: &Running, calls: &[(&str, &str)]) {
    let mut request = desk.request("clerk", calls);
    request.exchange_id = "exchange-1".into();
    let mut request = Request::new(request);
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{PARENT}-01").parse().unwrap());
    desk.client.clone().execute(request).await.unwrap();
}

/// Returns an attribute's value as text.
fn attribute(span: &Span, key: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_span_in_its_callers_trace_and_holds_neither_arguments_nor_results() {
    let (endpoint, mut spans) = collector().await;
    let desk = desk();
    let config = config(&desk, &format!("otlp: '{endpoint}'"));
    let desk = desk.start_as(config).await;
    let arguments = format!("{{\"n\":1,\"note\":\"{SECRET}\"}}");
    call_in_a_trace(&desk, &[("t", &arguments), (SECRET, "{}")]).await;

    let mut received = Vec::new();
    while received.len() < 4 {
        received.push(timeout(LONG, spans.recv()).await.expect("a span in time").unwrap());
    }
    for span in &received {
        assert_eq!(span.trace_id, bytes(TRACE));
        assert!(!format!("{span:?}").contains(SECRET), "{span:?}");
    }
    let ran = received.iter().find(|span| span.name == "execute_tool t").unwrap();
    assert_eq!(ran.parent_span_id, bytes(PARENT));
    for step in ["queue", "run"] {
        let step = received.iter().find(|span| span.name == step).unwrap();
        assert_eq!(step.parent_span_id, ran.span_id);
    }
    for (key, value) in [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "t"),
        ("gen_ai.tool.call.id", "call_0"),
        ("gen_ai.tool.type", "extension"),
        ("callgate.exchange.id", "exchange-1"),
        ("callgate.outcome", "success"),
        ("callgate.run", "wasm"),
    ] {
        assert_eq!(attribute(ran, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(attribute(ran, "error.type"), None);
    assert!(attribute(ran, "callgate.fuel").unwrap().parse::<u64>().unwrap() > 0);

    // A made-up name never becomes part of a span's name.
    let denied = received.iter().find(|span| span.name == "execute_tool").unwrap();
    assert_eq!(denied.parent_span_id, bytes(PARENT));
    assert_eq!(attribute(denied, "error.type").as_deref(), Some("denied"));
    assert_eq!(attribute(denied, "gen_ai.tool.name"), None);
    assert_eq!(denied.status.as_ref().unwrap().code, i32::from(StatusCode::Error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_sample_gets_no_span() {
    let (endpoint, mut spans) = collector().await;
    let desk = desk();
    let config = config(&desk, &format!("otlp: '{endpoint}'"));
    let desk = desk.start_as(config).await;
    let mut request = Request::new(desk.request("clerk", &[("t", "{}")]));
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{PARENT}-00").parse().unwrap());
    desk.client.clone().execute(request).await.unwrap();
    // The received one is the second.
    let mut request = desk.request("clerk", &[("t", "{}")]);
    request.exchange_id = "exchange-2".into();
    desk.execute(request).await.unwrap();
    let span = loop {
        let span = timeout(LONG, spans.recv()).await.expect("a span in time").unwrap();
        if span.name.starts_with("execute_tool") {
            break span;
        }
    };
    assert_eq!(attribute(&span, "callgate.exchange.id").as_deref(), Some("exchange-2"));
    assert_ne!(span.trace_id, bytes(TRACE));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_collector_fails_no_call_and_missed_spans_are_counted() {
    // A port on which nothing listens.
    let endpoint = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let desk = desk();
    let config = config(&desk, &format!("otlp: '{endpoint}'"));
    let desk = desk.start_as(config).await;
    for n in 0..20 {
        let mut request = desk.request("clerk", &[("t", "{}")]);
        request.exchange_id = format!("exchange-{n}");
        assert_eq!(desk.execute(request).await.unwrap()[0].result(), "{}");
    }
    desk.instruments.traces.shutdown().await;
    let page = desk.instruments.metrics.page().unwrap();
    let dropped: u64 = sample(&page, "callgate_executor_spans_dropped_total{kind=\"collector\"}");
    assert!(dropped >= 20, "{page}");
    assert!(page.contains("callgate_executor_spans_exported_total 0\n"), "{page}");
}

/// Returns the value of one line of the page.
fn sample(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {page}"));
    line.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_calls_by_tool_and_outcome_and_no_label_is_a_callers_text() {
    let desk = desk().tool("trap", &wasm(&guests::command("", "", "unreachable")), "").start().await;
    let invented = ["rm_rf_slash", "ignore_previous_instructions"];
    let mut request = desk.request(
        "clerk",
        &[
            ("t", &format!("{{\"n\":1,\"note\":\"{SECRET}\"}}")),
            ("t", "{\"n\":2}"),
            ("t", "{\"n\":\"x\"}"),
            ("trap", "{}"),
            (invented[0], "{}"),
            (invented[1], "{}"),
        ],
    );
    request.exchange_id = "exchange-1".into();
    request.caller.as_mut().unwrap().tenant = "tenant-of-someone".into();
    desk.execute(request).await.unwrap();

    let page = desk.instruments.metrics.page().unwrap();
    for (name, value) in [
        ("calls_total{tool=\"t\",outcome=\"success\"}", 2),
        ("calls_total{tool=\"t\",outcome=\"denied\"}", 1),
        ("calls_total{tool=\"trap\",outcome=\"trap\"}", 1),
        ("calls_total{tool=\"\",outcome=\"denied\"}", 2),
        ("denials_total{kind=\"tool_not_in_contract\"}", 2),
        ("denials_total{kind=\"arguments_invalid\"}", 1),
        ("call_duration_seconds_count{tool=\"t\"}", 2),
        ("calls_running", 0),
        ("queue_length", 0),
        ("connections{port=\"grpc\"}", 1),
    ] {
        assert_eq!(sample(&page, &format!("callgate_executor_{name}")), value, "{name}");
    }
    assert!(sample(&page, "callgate_executor_call_fuel_total{tool=\"t\"}") > 0);
    for text in [SECRET, "tenant-of-someone", "exchange-1", "call_0", invented[0], invented[1]] {
        assert!(!page.contains(text), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_the_page_of_metrics() {
    let desk = desk().start().await;
    desk.call("t", "{}").await;
    let page = desk.instruments.metrics.page().unwrap();
    assert!(page.ends_with("# EOF\n"));
    let mut described = HashSet::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let kind = words.next().unwrap();
            assert!(["HELP", "TYPE", "UNIT", "EOF"].contains(&kind), "{line}");
            if kind == "TYPE" {
                assert!(described.insert(words.next().unwrap().to_owned()), "described twice: {line}");
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let name = name.split('{').next().unwrap();
        assert!(name.starts_with("callgate_executor_") || name.starts_with("process_"), "{line}");
        let known = ["", "_total", "_bucket", "_count", "_sum", "_info"]
            .iter()
            .any(|suffix| name.strip_suffix(suffix).is_some_and(|base| described.contains(base)));
        assert!(known, "no TYPE before {line}");
    }
}

/// Serves the pages over this executor's own transport, and fetches them.
async fn get(router: Router, listen: &Listen, path: &str) -> (u16, String, String) {
    let listener = Listener::bind(listen, Port::Http, &callgate_executor::telemetry::Metrics::new()).await.unwrap();
    let address = listener.bound().to_string();
    let served = tokio::spawn(listener.serve(router, std::future::pending()));
    // Another test of this process may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
    let kind = answer.headers().get("content-type").unwrap().to_str().unwrap().to_owned();
    let answer = (answer.status().as_u16(), kind, answer.text().await.unwrap());
    served.abort();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_readable_pages_name_the_fault() {
    let desk = desk();
    let listen = desk.config().listen;
    let desk = desk.start().await;
    desk.call("t", "{}").await;
    let (status, kind, page) = get(metrics_router(desk.instruments.metrics.clone()), &listen, "/metrics").await;
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(page.contains("callgate_executor_calls_total{tool=\"t\",outcome=\"success\"} 1\n"), "{page}");

    let readiness = Readiness::new();
    let health = || health_router(readiness.clone());
    let (status, _, body) = get(health(), &listen, "/readyz").await;
    assert_eq!((status, body.as_str()), (503, "contracts: they are not loaded yet\n"));
    readiness.loaded();
    let (status, _, body) = get(health(), &listen, "/readyz").await;
    assert_eq!((status, body.as_str()), (200, "ready\n"));
    let store = StoreHealth::new("audit.db");
    readiness.ask(store.clone());
    store.failed("disk full");
    readiness.draining();
    let (status, _, body) = get(health(), &listen, "/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(body, "draining: no more calls are taken\naudit.db: disk full\n");
    // The process still lives.
    let (status, _, body) = get(health(), &listen, "/healthz").await;
    assert_eq!((status, body.as_str()), (200, "ok\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_health_follows_readiness() {
    let desk = desk().start().await;
    let watched = HealthCheckRequest { service: EXECUTOR_SERVICE.into() };
    let mut states = HealthClient::new(desk.channel.clone()).watch(watched).await.unwrap().into_inner();
    let mut until = async |wanted: ServingStatus| {
        while timeout(LONG, states.message()).await.expect("in time").unwrap().unwrap().status() != wanted {}
    };
    until(ServingStatus::Serving).await;
    let store = StoreHealth::new("audit.db");
    desk.instruments.readiness.ask(store.clone());
    store.failed("disk full");
    until(ServingStatus::NotServing).await;
    store.wrote();
    until(ServingStatus::Serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_log_lines_name_its_trace_and_hold_neither_arguments_nor_results() {
    let desk = desk();
    let digest = desk.digest();
    config(&desk, "");
    let mut program = Program::of(desk.path(), &[]);
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    let mut client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
    let arguments = format!("{{\"n\":1,\"note\":\"{SECRET}\"}}");
    let mut request = Request::new(crate::drain::request(&digest, &[&arguments]));
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{PARENT}-01").parse().unwrap());
    client.execute(request).await.unwrap();
    let line = program.logged("call");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&TRACE.into(), &PARENT.into()), "{line}");
    assert_eq!((&line["tool"], &line["outcome"]), (&"t".into(), &"success".into()), "{line}");
    assert!(!line.to_string().contains(SECRET), "{line}");
    program.terminate();
    assert_eq!(program.logged("stopped").get("trace_id"), None);
}

//! Spans on their way to collectors of every kind: OTLP over HTTP and gRPC, Langfuse, wrong ones, dead ones, hostile ones.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use callgate_audit::{LogReader, Query};
use callgate_genai::{self as genai, langfuse};
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;

use crate::backends::kit::{Asked, Log, answer, endless, header, serve};
use crate::desk::{Desk, Running};
use crate::guests;
use crate::pki::Authority;
use crate::program::Program;

const LONG: Duration = Duration::from_secs(30);
/// Far less than any timeout of the exporter, and more than any number of calls take here.
const AT_ONCE: Duration = Duration::from_secs(4);
const CONVERSATION: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "Basic c2VjcmV0LWtleQ==";
const PROTOBUF: &str = "application/x-protobuf";

/// Returns a desk that sends spans; `fields` is YAML inside `telemetry`.
fn desk(fields: &str) -> Desk {
    let desk = Desk::with(&guests::echo(), "").configured(&format!("telemetry: {{ {fields} }}"));
    std::fs::write(desk.path().join("key"), format!("{SECRET}\n")).unwrap();
    desk
}

/// Returns a collector that takes everything.
async fn collector() -> (String, Log) {
    serve(async |_: Asked| answer(200, PROTOBUF, Body::empty())).await
}

async fn call(desk: &Running, arguments: &str) {
    let mut request = desk.request("clerk", &[("t", arguments)]);
    request.conversation_id = CONVERSATION.into();
    request.request_id = "request-1".into();
    desk.execute(request).await.unwrap();
}

/// Returns everything a collector was sent.
fn sent(log: &Log) -> Vec<ResourceSpans> {
    let log = log.lock().unwrap();
    let requests = log.iter().map(|asked| ExportTraceServiceRequest::decode(asked.body.clone()).unwrap());
    requests.flat_map(|request| request.resource_spans).collect()
}

fn spans(of_resources: &[ResourceSpans]) -> Vec<&Span> {
    of_resources.iter().flat_map(|one| &one.scope_spans).flat_map(|one| &one.spans).collect()
}

fn attributes(list: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    list.iter().map(|attribute| (attribute.key.as_str(), text(attribute))).collect()
}

/// Returns the value of one line of the page of metrics; 0 without the line.
fn sample(desk: &Running, name: &str) -> u64 {
    let page = desk.instruments.metrics.page().unwrap();
    let line =
        page.lines().find_map(|line| line.strip_prefix(&format!("callgate_executor_{name} ")).map(str::to_owned));
    line.map_or(0, |number| number.parse().unwrap())
}

fn dropped(desk: &Running) -> u64 {
    sample(desk, "spans_dropped_total{kind=\"collector\"}")
}

#[tokio::test(flavor = "multi_thread")]
async fn langfuse_gets_sessions_users_and_kinds_over_http() {
    let (address, log) = collector().await;
    let desk = desk(&format!(
        "otlp: '{address}/api/public/otel', otlpProtocol: http/protobuf, otlpHeaders: {{ authorization: 'file:key' }}, \
         langfuse: true, attributes: {{ deployment.environment.name: test }}, \
         spanAttributes: {{ app.role: role, app.request: request }}"
    ));
    let desk = desk.start().await;
    call(&desk, "{}").await;
    desk.instruments.traces.shutdown().await;

    for asked in log.lock().unwrap().iter() {
        assert_eq!(asked.line, "POST /api/public/otel/v1/traces");
        for (name, value) in [
            ("content-type", PROTOBUF),
            ("authorization", SECRET),
            (langfuse::INGESTION_VERSION, langfuse::INGESTION_VERSION_NOW),
            ("accept-encoding", "identity"),
        ] {
            assert_eq!(header(asked, name), value, "{name}");
        }
        assert!(header(asked, "user-agent").starts_with("callgate-executor/"));
    }
    let sent = sent(&log);
    let resource = attributes(&sent[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "callgate-executor");
    assert_eq!(resource["deployment.environment.name"], "test");
    assert_eq!(sent[0].scope_spans[0].schema_url, genai::SCHEMA_URL);

    let spans = spans(&sent);
    assert_eq!(spans.len(), 3);
    // Langfuse filters by session and user only if every span has them.
    for span in &spans {
        let attributes = attributes(&span.attributes);
        for (name, value) in [
            (langfuse::SESSION_ID, CONVERSATION),
            (langfuse::USER_ID, "acme"),
            ("app.role", "clerk"),
            ("app.request", "request-1"),
        ] {
            assert_eq!(attributes[name], value, "{name} of {}", span.name);
        }
        let kind = if span.name == "execute_tool t" { langfuse::TOOL } else { langfuse::SPAN };
        assert_eq!(attributes[langfuse::OBSERVATION_TYPE], kind);
    }
    let of_call = spans.iter().find(|span| span.name == "execute_tool t").unwrap();
    let of_call = attributes(&of_call.attributes);
    assert_eq!(of_call[genai::OPERATION_NAME], genai::EXECUTE_TOOL);
    assert_eq!(of_call[genai::CONVERSATION_ID], CONVERSATION);
    assert_eq!(sample(&desk, "spans_exported_total"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_records_of_a_call_name_the_conversation_of_its_span() {
    let desk = Desk::with(&guests::echo(), "").start().await;
    call(&desk, "{}").await;
    let reader = LogReader::open(&desk.path("callgate-state/audit.db")).unwrap();
    let records = reader.query(&Query { limit: 10, ..Query::default() }).unwrap();
    let records: Vec<serde_json::Value> = records.iter().map(|one| serde_json::from_str(&one.text).unwrap()).collect();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record["conversation_id"] == CONVERSATION), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_and_texts_of_calls_are_in_no_span_unless_configured() {
    let (address, log) = collector().await;
    let desk = desk(&format!("otlp: '{address}', otlpProtocol: http/protobuf")).start().await;
    let mut request = desk.request("clerk", &[("t", "{\"note\":\"private-words\"}")]);
    request.caller.as_mut().unwrap().tenant = "tenant-of-someone".into();
    desk.execute(request).await.unwrap();
    desk.instruments.traces.shutdown().await;
    let sent = sent(&log);
    let spans = spans(&sent);
    assert_eq!(spans.len(), 3);
    for span in spans {
        let text = format!("{span:?}");
        for absent in ["private-words", "tenant-of-someone", langfuse::OBSERVATION_TYPE, genai::CONVERSATION_ID] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_arguments_and_results_are_redacted_and_cut() {
    let (address, log) = collector().await;
    let desk = desk(&format!(
        "otlp: '{address}', otlpProtocol: http/protobuf, content: {{ arguments: true, results: true, maxBytes: 64 }}"
    ))
    .in_spec("results: { redact: [{ kind: email }], maxBytes: 1KiB }");
    let desk = desk.start().await;
    call(&desk, r#"{"mail":"ann@example.org"}"#).await;
    // The cut falls into the address, which must not remain as a half.
    call(&desk, &format!(r#"{{"a":"{}","mail":"ann@example.org"}}"#, "x".repeat(38))).await;
    // The contract does not accept a result of this size.
    call(&desk, &format!(r#"{{"a":"{}"}}"#, "y".repeat(2000))).await;
    desk.instruments.traces.shutdown().await;

    let sent = sent(&log);
    let calls: Vec<_> = spans(&sent).into_iter().filter(|span| span.name == "execute_tool t").collect();
    let calls: Vec<_> = calls.iter().map(|span| attributes(&span.attributes)).collect();
    assert_eq!(calls.len(), 3);
    for name in [genai::TOOL_CALL_ARGUMENTS, genai::TOOL_CALL_RESULT] {
        assert_eq!(calls[0][name], r#"{"mail":"[redacted email]"}"#);
        assert!(calls[1][name].len() <= 64 && calls[1][name].ends_with('…'), "{}", calls[1][name]);
        assert!(!calls[1][name].contains("ann"), "{}", calls[1][name]);
    }
    assert!(calls[2][genai::TOOL_CALL_ARGUMENTS].ends_with("y…"));
    assert!(!calls[2].contains_key(genai::TOOL_CALL_RESULT));
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_calls_have_no_texts_in_spans() {
    let (address, log) = collector().await;
    let desk =
        desk(&format!("otlp: '{address}', otlpProtocol: http/protobuf, content: {{ arguments: true, results: true }}"));
    let desk = desk.start().await;
    let request = desk.request("guest", &[("t", "{\"note\":\"attack\"}")]);
    desk.execute(request).await.unwrap();
    desk.instruments.traces.shutdown().await;
    let sent = sent(&log);
    assert_eq!(spans(&sent).len(), 1);
    assert!(!format!("{sent:?}").contains("attack"));
}

/// The answer of a collector.
type Answer = Arc<dyn Fn() -> Response + Send + Sync>;

#[tokio::test(flavor = "multi_thread")]
async fn calls_run_at_once_whatever_the_collector_does() {
    let target = collector().await;
    let to = target.0.clone();
    let status = |status: u16| move || answer(status, "text/plain", "no");
    let redirect = move || {
        let answer = Response::builder().status(307).header("location", format!("{to}/v1/traces"));
        answer.body(Body::empty()).unwrap()
    };
    let wait = || Response::builder().status(503).header("retry-after", "3600").body(Body::empty()).unwrap();
    let answers: Vec<(&str, Answer)> = vec![
        ("a missing key", Arc::new(status(401))),
        ("a wrong path", Arc::new(status(404))),
        ("a protocol it does not take", Arc::new(status(415))),
        ("overload without an end", Arc::new(wait)),
        ("a redirect", Arc::new(redirect)),
        ("an endless answer", Arc::new(|| answer(200, PROTOBUF, endless("x")))),
    ];
    for (name, answer) in answers {
        let (address, log) = serve(move |_: Asked| {
            let answer = Arc::clone(&answer);
            async move { answer() }
        })
        .await;
        let desk = desk(&format!(
            "otlp: '{address}', otlpProtocol: http/protobuf, otlpHeaders: {{ authorization: 'file:key' }}"
        ));
        let desk = desk.start().await;
        let began = Instant::now();
        for _ in 0..20 {
            call(&desk, "{}").await;
        }
        assert!(began.elapsed() < AT_ONCE, "{name}: {:?}", began.elapsed());
        desk.instruments.traces.shutdown().await;
        assert!(!log.lock().unwrap().is_empty(), "{name}");
        assert_eq!((sample(&desk, "spans_exported_total"), dropped(&desk)), (0, 60), "{name}");
    }
    // The key never left for another place.
    assert!(target.1.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_stalls_delays_no_call_and_no_end() {
    let (address, _) = serve(async |_: Asked| std::future::pending::<Response>().await).await;
    let desk = desk(&format!("otlp: '{address}', otlpProtocol: http/protobuf")).start().await;
    let began = Instant::now();
    for _ in 0..20 {
        call(&desk, "{}").await;
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let began = Instant::now();
    desk.instruments.traces.shutdown().await;
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    assert_eq!(sample(&desk, "spans_exported_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_sent_again_after_503_and_arrives_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (address, log) = serve(move |_: Asked| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move { answer(if first { 503 } else { 200 }, PROTOBUF, Body::empty()) }
    })
    .await;
    let desk = desk(&format!("otlp: '{address}', otlpProtocol: http/protobuf")).start().await;
    call(&desk, "{}").await;
    desk.instruments.traces.shutdown().await;
    assert_eq!((sample(&desk, "spans_exported_total"), dropped(&desk)), (3, 0));
    let log = log.lock().unwrap();
    assert_eq!(log[0].body, log[1].body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_of_the_other_protocol_delays_no_call() {
    let (http, _) = collector().await;
    let (grpc, mut spans) = crate::telemetry::collector().await;
    for (address, protocol) in [(http, "grpc"), (grpc, "http/protobuf")] {
        let desk = desk(&format!("otlp: '{address}', otlpProtocol: {protocol}")).start().await;
        let began = Instant::now();
        for _ in 0..5 {
            call(&desk, "{}").await;
        }
        assert!(began.elapsed() < AT_ONCE, "{protocol}: {:?}", began.elapsed());
        desk.instruments.traces.shutdown().await;
        assert_eq!((sample(&desk, "spans_exported_total"), dropped(&desk)), (0, 15), "{protocol}");
    }
    assert!(spans.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_authority_is_trusted_over_https() {
    let authority = Authority::new();
    let signed = authority.sign(&["localhost"]);
    let (port, log) = tls_collector(&signed.certificate, &signed.key).await;
    for (ca, taken) in [(authority.pem(), true), (Authority::new().pem(), false)] {
        let desk = desk(&format!(
            "otlp: 'https://localhost:{port}', otlpProtocol: http/protobuf, otlpCa: ca.pem, \
             otlpHeaders: {{ authorization: 'file:key' }}"
        ));
        std::fs::write(desk.path().join("ca.pem"), ca).unwrap();
        let desk = desk.start().await;
        call(&desk, "{}").await;
        desk.instruments.traces.shutdown().await;
        let expected = if taken { (3, 0) } else { (0, 3) };
        assert_eq!((sample(&desk, "spans_exported_total"), dropped(&desk)), expected);
    }
    assert_eq!(spans(&sent(&log)).len(), 3);
}

/// Serves a collector over TLS, and returns its port and requests.
async fn tls_collector(certificate: &str, key: &str) -> (u16, Log) {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (plain, log) = collector().await;
    let plain = plain.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, plain) = (acceptor.clone(), plain.clone());
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = tokio::net::TcpStream::connect(plain).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_reach_a_collector_over_grpc_too() {
    let (address, log) = serve(async |_: Asked| answer(200, "application/grpc", Body::empty())).await;
    let desk = desk(&format!("otlp: '{address}', otlpHeaders: {{ authorization: 'file:key' }}")).start().await;
    call(&desk, "{}").await;
    desk.instruments.traces.shutdown().await;
    let log = log.lock().unwrap();
    let asked = log.first().unwrap();
    assert!(asked.line.ends_with("/opentelemetry.proto.collector.trace.v1.TraceService/Export"), "{}", asked.line);
    assert_eq!(header(asked, "authorization"), SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_obeys_its_file_and_not_the_variables_of_libraries() {
    let (address, log) = collector().await;
    let (elsewhere, other) = collector().await;
    let desk = desk(&format!(
        "otlp: '{address}', otlpProtocol: http/protobuf, otlpHeaders: {{ authorization: 'env:COLLECTOR_KEY' }}"
    ));
    let digest = desk.digest();
    let mut program = Program::from(
        Command::new(env!("CARGO_BIN_EXE_callgate-executor"))
            .arg("--config")
            .arg(desk.path().join("executor.yaml"))
            .env("COLLECTOR_KEY", SECRET)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &elsewhere)
            .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &elsewhere)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=other,x-other=1")
            .env("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=other,x-other=1")
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .env("HTTP_PROXY", &elsewhere)
            .env("http_proxy", &elsewhere)
            .env("ALL_PROXY", &elsewhere),
    );
    execute(&mut program, &digest).await;
    program.terminate();
    program.logged("stopped");
    let log = log.lock().unwrap();
    assert!(!log.is_empty());
    for asked in log.iter() {
        assert_eq!((header(asked, "authorization"), header(asked, "x-other")), (SECRET.to_owned(), String::new()));
        assert!(ExportTraceServiceRequest::decode(asked.body.clone()).is_ok());
    }
    assert!(other.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_one_line_with_the_remedy_and_without_the_key() {
    let (address, _) = serve(async |asked: Asked| answer(401, "text/plain", header(&asked, "authorization"))).await;
    let desk = desk(&format!(
        "otlp: '{address}', otlpProtocol: http/protobuf, otlpHeaders: {{ authorization: 'file:key' }}, log: {{ level: debug }}"
    ));
    let digest = desk.digest();
    let mut program = Program::start(&desk, &[]);
    execute(&mut program, &digest).await;
    let lines = program.until("the collector accepts no spans; they are dropped and counted");
    let reason = lines.last().unwrap()["reason"].as_str().unwrap();
    assert_eq!(
        reason,
        "the collector answered with status 401: the key is missing or wrong; correct telemetry.otlpHeaders"
    );
    program.terminate();
    let rest = program.until("stopped");
    assert!(lines.iter().chain(&rest).all(|line| !line.to_string().contains("c2VjcmV0")));
}

/// Waits until the program is ready, and makes a call.
async fn execute(program: &mut Program, digest: &str) {
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    let mut client = ExecutorClient::connect(format!("http://{address}")).await.unwrap();
    client.execute(crate::drain::request(digest, &["{}"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_without_a_usable_value_stops_the_start_and_is_not_repeated() {
    for (fields, content, expected) in [
        ("'file:none'", "", "otlpHeaders.authorization: "),
        ("'file:key'", "", "expected one line of printable ASCII"),
        ("'file:key'", "sk-secret\nsecond", "expected one line of printable ASCII"),
        ("'file:key'", "sk-secret-é", "expected one line of printable ASCII"),
        (
            "'env:COLLECTOR_KEY_THAT_NOBODY_SETS'",
            "",
            "env:COLLECTOR_KEY_THAT_NOBODY_SETS cannot be used: the variable is not",
        ),
    ] {
        let desk = desk(&format!("otlp: 'https://collector.example', otlpHeaders: {{ authorization: {fields} }}"));
        std::fs::write(desk.path().join("key"), content).unwrap();
        let config = desk.config();
        let metrics = callgate_executor::telemetry::Metrics::new();
        let error =
            callgate_executor::telemetry::Instruments::start(&config.telemetry, metrics).unwrap_err().to_string();
        assert!(error.starts_with("telemetry.otlpHeaders.authorization: ") && error.contains(expected), "{error}");
        assert!(!error.contains("sk-secret"), "{error}");
    }
}

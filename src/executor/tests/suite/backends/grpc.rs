//! Workers over gRPC as backends.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callgate_executor::backends::Stop;
use callgate_proto::worker::v1::worker_server::{Worker, WorkerServer};
use callgate_proto::worker::v1::{InvokeChunk, InvokeRequest, InvokeResponse};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer, TracerProvider};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use super::kit::{Kit, nowhere};

type Chunks = Pin<Box<dyn Stream<Item = Result<InvokeChunk, Status>> + Send>>;
type Log = Arc<Mutex<Vec<(MetadataMap, InvokeRequest)>>>;

/// The behaviour of a worker.
#[derive(Clone)]
enum Behaviour {
    Answers(String),
    Streams(&'static [&'static str]),
    StreamsForever(&'static str),
    Stalls,
    Fails(Code),
}

#[derive(Clone)]
struct Fake {
    behaviour: Behaviour,
    log: Log,
}

#[tonic::async_trait]
impl Worker for Fake {
    async fn invoke(&self, request: Request<InvokeRequest>) -> Result<Response<InvokeResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        self.log.lock().unwrap().push((metadata, message));
        match &self.behaviour {
            Behaviour::Answers(result) => Ok(Response::new(InvokeResponse { result: result.clone() })),
            Behaviour::Fails(code) => Err(Status::new(*code, "SECRET")),
            _ => std::future::pending().await,
        }
    }

    type InvokeStreamStream = Chunks;

    async fn invoke_stream(&self, request: Request<InvokeRequest>) -> Result<Response<Chunks>, Status> {
        let (metadata, _, message) = request.into_parts();
        self.log.lock().unwrap().push((metadata, message));
        let part = |part: &str| Ok(InvokeChunk { result: part.to_owned() });
        let chunks: Chunks = match &self.behaviour {
            Behaviour::Streams(parts) => Box::pin(tokio_stream::iter(parts.iter().map(move |text| part(text)))),
            Behaviour::StreamsForever(text) => {
                let text = *text;
                Box::pin(tokio_stream::iter(std::iter::repeat_with(move || part(text))))
            }
            Behaviour::Fails(code) => {
                let failure = Err(Status::new(*code, "SECRET"));
                Box::pin(tokio_stream::iter([part("{"), failure]))
            }
            _ => Box::pin(tokio_stream::pending()),
        };
        Ok(Response::new(chunks))
    }
}

async fn worker_with(behaviour: Behaviour, tls: Option<ServerTlsConfig>) -> (String, Log) {
    let log = Log::default();
    let fake = WorkerServer::new(Fake { behaviour, log: Arc::clone(&log) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).unwrap();
    }
    tokio::spawn(server.add_service(fake).serve_with_incoming(TcpIncoming::from(listener)));
    (format!("127.0.0.1:{}", address.port()), log)
}

async fn worker(behaviour: Behaviour) -> (String, Log) {
    let (address, log) = worker_with(behaviour, None).await;
    (format!("address: 'http://{address}', retries: 0"), log)
}

fn tool(method: &str) -> String {
    format!(
        "effects: read, run: {{ grpc: {{ cluster: b, method: callgate.worker.v1.Worker/{method}, outputBytes: 64 }} }}"
    )
}

async fn once(method: &str, behaviour: Behaviour) -> Result<String, Stop> {
    let (settings, _) = worker(behaviour).await;
    Kit::new(&settings, &tool(method)).call("{}").await
}

#[tokio::test]
async fn a_worker_gets_the_call_its_caller_its_key_and_its_deadline() {
    let (settings, log) = worker(Behaviour::Answers("{\"a\":1}".into())).await;
    let kit = Kit::new(&settings, &tool("Invoke"));
    assert_eq!(kit.call_within(r#"{"n":1}"#, Duration::from_secs(40)).await.unwrap(), "{\"a\":1}");
    let (metadata, message) = log.lock().unwrap().remove(0);
    assert_eq!((message.tool.as_str(), message.arguments.as_str()), ("t", r#"{"n":1}"#));
    assert_eq!(message.idempotency_key, "exchange-1/0/0");
    assert_eq!(metadata.get("callgate-tenant").unwrap(), "Acme%20&%20S%C3%B6hne");
    assert_eq!(metadata.get("callgate-role").unwrap(), "clerk");
    // Microseconds or milliseconds: the rest of the call's time, and no more.
    let (digits, unit) = metadata.get("grpc-timeout").unwrap().to_str().unwrap().split_at_checked(8).unwrap();
    let micros = digits.parse::<u64>().unwrap() * if unit == "u" { 1 } else { 1000 };
    assert!(micros <= 40_000_000, "{micros}");
}

#[tokio::test]
async fn the_parts_of_a_stream_are_put_together() {
    let parts = Behaviour::Streams(&["{\"te", "", "xt\":", "\"h", "ello\"}"]);
    assert_eq!(once("InvokeStream", parts).await.unwrap(), "{\"text\":\"hello\"}");
}

#[tokio::test]
async fn an_answer_is_bounded_whole_and_in_parts() {
    assert_eq!(once("Invoke", Behaviour::Answers("x".repeat(64))).await.unwrap().len(), 64);
    for huge in [65, 1 << 20] {
        let stop = once("Invoke", Behaviour::Answers("x".repeat(huge))).await.unwrap_err();
        assert_eq!(stop, Stop::TooLarge { limit: 64 });
    }
    let stop = once("InvokeStream", Behaviour::StreamsForever("[")).await.unwrap_err();
    assert_eq!(stop, Stop::TooLarge { limit: 64 });
}

#[tokio::test]
async fn only_the_code_of_a_status_is_shown() {
    for code in [Code::NotFound, Code::InvalidArgument, Code::Internal, Code::OutOfRange, Code::Cancelled] {
        for method in ["Invoke", "InvokeStream"] {
            let stop = once(method, Behaviour::Fails(code)).await.unwrap_err();
            let reason = format!("gRPC status {code:?}");
            assert_eq!(stop, Stop::Failed { cluster: "b".into(), reason });
        }
    }
    let stop = once("Invoke", Behaviour::Fails(Code::Unavailable)).await.unwrap_err();
    assert_eq!(stop, Stop::Unavailable { cluster: "b".into(), reason: "gRPC status Unavailable".into() });
    let stop = once("Invoke", Behaviour::Fails(Code::DeadlineExceeded)).await.unwrap_err();
    assert_eq!(stop, Stop::Timeout { limit: Duration::from_secs(5) });
}

#[tokio::test]
async fn a_stalled_worker_or_an_empty_stream_ends_at_the_deadline() {
    for (method, behaviour) in [
        ("Invoke", Behaviour::Stalls),
        ("InvokeStream", Behaviour::Stalls),
        ("InvokeStream", Behaviour::StreamsForever("")),
    ] {
        let (settings, _) = worker(behaviour).await;
        let kit = Kit::new(&settings, &tool(method));
        let stop = kit.call_within("{}", Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(stop, Stop::Timeout { limit: Duration::from_secs(5) });
    }
}

#[tokio::test]
async fn an_unreachable_worker_is_unavailable_and_found_once_it_starts() {
    let address = nowhere().await;
    let kit = Kit::new(&format!("address: '{address}', retries: 0"), &tool("Invoke"));
    let unavailable = Stop::Unavailable { cluster: "b".into(), reason: "gRPC status Unavailable".into() };
    assert_eq!(kit.call("{}").await.unwrap_err(), unavailable);
    let listener = TcpListener::bind(address.strip_prefix("http://").unwrap()).await.unwrap();
    let fake = WorkerServer::new(Fake { behaviour: Behaviour::Answers("1".into()), log: Log::default() });
    tokio::spawn(Server::builder().add_service(fake).serve_with_incoming(TcpIncoming::from(listener)));
    assert_eq!(kit.call("{}").await.unwrap(), "1");
}

#[tokio::test]
async fn the_trace_continues_at_the_worker() {
    let tracer = opentelemetry_sdk::trace::SdkTracerProvider::builder().build().tracer("test");
    let propagator = opentelemetry_sdk::propagation::TraceContextPropagator::new();
    opentelemetry::global::set_text_map_propagator(propagator);
    let (settings, log) = worker(Behaviour::Answers("1".into())).await;
    let kit = Kit::new(&settings, &tool("Invoke"));
    let call = Context::new().with_span(tracer.start("execute_tool"));
    let context = call.span().span_context().clone();
    kit.call("{}").with_context(call).await.unwrap();
    let traceparent = log.lock().unwrap()[0].0.get("traceparent").unwrap().to_str().unwrap().to_owned();
    assert_eq!(traceparent, format!("00-{}-{}-01", context.trace_id(), context.span_id()));
}

#[tokio::test]
async fn worker_and_executor_verify_each_others_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &key);
    let signed = |names: Vec<String>| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (server, server_key) = signed(vec!["127.0.0.1".into()]);
    let (client, client_key) = signed(vec!["executor.test".into()]);
    let put = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (ca, certificate, key) = (put("ca.pem", &root.pem()), put("c.pem", &client), put("k.pem", &client_key));
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(server, server_key))
        .client_ca_root(Certificate::from_pem(root.pem()));
    let (address, _) = worker_with(Behaviour::Answers("1".into()), Some(tls)).await;
    let settings = format!("address: 'https://{address}', retries: 0");
    let mutual = format!("{settings}, tls: {{ ca: {ca}, certificate: {certificate}, key: {key} }}");
    assert_eq!(Kit::new(&mutual, &tool("Invoke")).call("{}").await.unwrap(), "1");
    let nameless = Kit::new(&format!("{settings}, tls: {{ ca: {ca} }}"), &tool("Invoke"));
    assert!(matches!(nameless.call("{}").await, Err(Stop::Unavailable { .. } | Stop::Failed { .. })));
    let stranger = put("other.pem", &rcgen::generate_simple_self_signed(vec!["x".into()]).unwrap().cert.pem());
    let mistrusting = format!("{settings}, tls: {{ ca: {stranger}, certificate: {certificate}, key: {key} }}");
    assert!(matches!(Kit::new(&mistrusting, &tool("Invoke")).call("{}").await, Err(Stop::Unavailable { .. })));
}

#[tokio::test]
async fn a_backend_that_cannot_be_a_worker_is_refused_at_start() {
    for (settings, told) in [
        ("address: 'http://127.0.0.1:1/api'", "run.grpc.cluster: the backend b: expected an address without a path"),
        ("address: 'https://127.0.0.1:1'", "run.grpc.cluster: the backend b: expected `tls.ca`"),
    ] {
        let error = Kit::refused(settings, &tool("Invoke")).to_string();
        assert!(error.starts_with(&format!("desk: tool t: {told}")), "{error}");
    }
    let other = tool("Invoke").replace("cluster: b", "cluster: workers");
    let error = Kit::refused("address: 'http://127.0.0.1:1'", &other).to_string();
    assert!(error.ends_with("found `workers`; known are b"), "{error}");
}

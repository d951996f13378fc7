//! One tool `t` at one backend `b`, and the servers behind it.

use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use callgate_confine::Confining;
use callgate_contract::{Contract, Files};
use callgate_executor::backends::{BackendError, Backends, Invocation, Stop};
use callgate_executor::config::Config;
use callgate_executor::telemetry::Metrics;
use reqwest::header::HeaderMap;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Kit {
    pub(crate) backends: Backends,
    contract: Contract,
}

/// A request received by a fake.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Every request of a fake, in order.
pub(crate) type Log = Arc<Mutex<Vec<Asked>>>;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(path.to_owned())
    }
}

impl Kit {
    /// `backend` is YAML of the backend's settings, such as `address: …, retries: 0`; `tool` of the tool's `effects` and `run`.
    pub(crate) fn new(backend: &str, tool: &str) -> Self {
        let backends = Backends::new(&config(backend).backends, Metrics::new().backends()).unwrap();
        let contract = contract(tool);
        backends.check(&contract).unwrap();
        Self { backends, contract }
    }

    /// The same for a program: YAML of the members of `programs.b`.
    pub(crate) fn of_program(program: &str, tool: &str) -> Result<Self, BackendError> {
        let mut settings = parse(&format!("programs: {{ b: {{ {program} }} }}")).backends;
        for program in settings.programs.values_mut() {
            program.confining = Confining::at(env!("CARGO_BIN_EXE_callgate-executor"));
        }
        let backends = Backends::new(&settings, Metrics::new().backends())?;
        let contract = contract(tool);
        backends.check(&contract)?;
        Ok(Self { backends, contract })
    }

    /// Returns the reason why such a backend cannot serve such a tool.
    pub(crate) fn refused(backend: &str, tool: &str) -> BackendError {
        Backends::new(&config(backend).backends, Metrics::new().backends())
            .and_then(|backends| backends.check(&contract(tool)))
            .unwrap_err()
    }

    pub(crate) async fn call(&self, arguments: &str) -> Result<String, Stop> {
        self.call_within(arguments, LONG).await
    }

    pub(crate) async fn call_within(&self, arguments: &str, limit: Duration) -> Result<String, Stop> {
        self.call_of("Acme & Söhne", arguments, limit).await
    }

    pub(crate) async fn call_of(&self, tenant: &str, arguments: &str, limit: Duration) -> Result<String, Stop> {
        let invocation = Invocation {
            tool: self.contract.tool("t").unwrap(),
            arguments,
            tenant,
            role: "clerk",
            idempotency_key: "exchange-1/0/0",
            deadline: Instant::now() + limit,
        };
        self.backends.call(&invocation).await.map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

fn config(backend: &str) -> Config {
    parse(&format!("backends: {{ b: {{ {backend} }} }}"))
}

fn parse(section: &str) -> Config {
    let text = format!("contracts: [contract.yaml]\n{section}\n");
    Config::parse("executor.yaml", &text, Path::new("")).unwrap_or_else(|error| panic!("{error}"))
}

fn contract(tool: &str) -> Contract {
    let text = format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
         roles: {{ clerk: {{ tools: [\"*\"] }} }}\n  tools: [{{ name: t, parameters: {{ type: object }}, {tool} }}]\n"
    );
    callgate_contract::load("contract.yaml", &text, &NoFiles).unwrap_or_else(|error| panic!("{error}"))
}

/// Starts an HTTP server on a loopback port that gives `answer` to every request, and keeps the requests.
pub(crate) async fn serve<F, A>(answer: F) -> (String, Log)
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    let log = Log::default();
    let kept = Arc::clone(&log);
    let handler = move |request: Request| {
        let (answer, kept) = (answer.clone(), Arc::clone(&kept));
        async move {
            let (head, body): (_, Body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let asked = Asked { line: format!("{} {}", head.method, head.uri), headers: head.headers, body };
            kept.lock().unwrap().push(asked.clone());
            answer(asked).await
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, log)
}

/// Returns an answer with this status and content type.
pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header("content-type", content_type).body(body.into()).unwrap()
}

/// Returns an endless body that repeats `part`.
pub(crate) fn endless(part: &'static str) -> Body {
    Body::from_stream(tokio_stream::iter(std::iter::repeat(Ok::<_, Infallible>(part))))
}

/// Returns a loopback address on which nothing listens.
pub(crate) async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn header(asked: &Asked, name: &str) -> String {
    asked.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

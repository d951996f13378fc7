//! The server: one port, HTTP/1.1 and HTTP/2.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::chat::Chat;
use super::dialect::{self, Dialect, Route};
use super::record::{Ending, Exchange, Recorded, Recorder};
use super::script::{Round, Script};
use super::send::{self, Body};
use super::{improvise, library};

/// A running upstream; dropping it ends it.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    recorder: Recorder,
    release: Arc<Semaphore>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    recorder: Recorder,
    release: Arc<Semaphore>,
}

impl Upstream {
    /// Starts on `address`; port 0 takes a free one.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Shared { recorder: Recorder::default(), release: Arc::new(Semaphore::new(0)) };
        let (recorder, release) = (shared.recorder.clone(), shared.release.clone());
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _nodelay = stream.set_nodelay(true);
                let shared = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(shared.clone(), request));
                    // A connection broken by the client is not an error of the upstream.
                    let _ended =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, recorder, release, task })
    }

    /// Returns the listening address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the recorded requests.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Releases a held answer by one step.
    pub fn release(&self) {
        self.release.add_permits(1);
    }

    /// Takes back unused releases.
    pub fn hold_again(&self) {
        self.release.forget_permits(Semaphore::MAX_PERMITS);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(shared: Shared, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    Ok(match (request.method(), path.as_str()) {
        (&Method::GET, "/_/requests") => send::json(StatusCode::OK, &json!(shared.recorder.all())),
        (&Method::DELETE, "/_/requests") => {
            shared.recorder.forget();
            send::json(StatusCode::OK, &json!({}))
        }
        (&Method::POST, "/_/release") => {
            shared.release.add_permits(1);
            send::json(StatusCode::OK, &json!({}))
        }
        (method, path) => {
            let found = dialect::find(path, request.uri().query().unwrap_or_default());
            if let (Some((dialect, route)), &Method::POST) = (found, method) {
                return complete(shared, request, dialect, route).await;
            }
            let models = method == Method::GET && path.ends_with("/models");
            let exchange = match record(&shared, request).await {
                Ok((_, exchange)) => exchange,
                Err(gone) => return Ok(gone),
            };
            exchange.sent();
            if models {
                send::json(StatusCode::OK, &json!({"object": "list", "data": [{"id": "scripted", "object": "model"}]}))
            } else {
                fault(StatusCode::NOT_FOUND, "No such path.")
            }
        }
    })
}

async fn complete(
    shared: Shared,
    request: Request<Incoming>,
    dialect: &'static dyn Dialect,
    route: Route,
) -> io::Result<Response<Body>> {
    let named = request.headers().get("x-script").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (body, exchange) = match record(&shared, request).await {
        Ok(recorded) => recorded,
        Err(gone) => return Ok(gone),
    };
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let played = match dialect.read(route, body) {
        Some(chat) => round(&chat, named.as_deref()).map(|round| (chat, round)),
        None => Err("The body is not a request of this API.".to_owned()),
    };
    match played {
        Ok((chat, round)) => send::send(dialect, &chat, &round, exchange, shared.release),
        Err(message) => {
            exchange.sent();
            let mut response = send::json(StatusCode::BAD_REQUEST, &dialect.error(400, &message));
            send::own_headers(response.headers_mut(), dialect, 400);
            Ok(response)
        }
    }
}

/// Returns the round to play, by header, message or conversation.
fn round(chat: &Chat, named: Option<&str>) -> Result<Round, String> {
    let asked = chat.asked();
    let text = match named {
        Some(name) if !name.starts_with('{') => {
            let script = library::script(name).ok_or_else(|| format!("There is no script {name:?}."))?;
            return Ok(script.round(chat.round()));
        }
        Some(text) => text,
        None => match asked.strip_prefix("script ") {
            Some(text) => text,
            None => return Ok(improvise::answer(chat)),
        },
    };
    let script: Script = serde_json::from_str(text).map_err(|error| format!("The script cannot be read: {error}."))?;
    Ok(script.round(chat.round()))
}

/// Reads a request to its end and records it. A truncated request is answered, though nobody listens.
async fn record(shared: &Shared, request: Request<Incoming>) -> Result<(Vec<u8>, Exchange), Response<Body>> {
    let (head, body) = request.into_parts();
    let pairs = |map: &hyper::HeaderMap| -> Vec<(String, String)> {
        map.iter().map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect()
    };
    let Ok(body) = body.collect().await else { return Err(fault(StatusCode::BAD_REQUEST, "The body broke off.")) };
    let trailers = body.trailers().map(pairs).unwrap_or_default();
    let body = body.to_bytes().to_vec();
    let exchange = shared.recorder.begin(Recorded {
        version: format!("{:?}", head.version),
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: pairs(&head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
        trailers,
        ending: Ending::Open,
    });
    Ok((body, exchange))
}

fn fault(status: StatusCode, message: &str) -> Response<Body> {
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    send::json(status, &error)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::Value;

    use super::*;
    use crate::http::{Connection, Protocol, Request};
    use crate::upstream::script::Wire;

    /// Each API: the path of whole answers, the path of streams, the content type.
    const APIS: [(&str, &str, &str); 6] = [
        ("/v1/chat/completions", "/v1/chat/completions", "text/event-stream; charset=utf-8"),
        ("/v1/responses", "/v1/responses", "text/event-stream; charset=utf-8"),
        ("/v1/messages", "/v1/messages", "text/event-stream; charset=utf-8"),
        (
            "/v1beta/models/m:generateContent",
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "text/event-stream; charset=utf-8",
        ),
        ("/api/chat", "/api/chat", "application/x-ndjson"),
        ("/model/m/converse", "/model/m/converse-stream", "application/vnd.amazon.eventstream"),
    ];

    async fn ask(upstream: &Upstream, path: &str, stream: bool, round: Round) -> (u16, Option<String>, Vec<u8>) {
        let text = Script::once(round).message();
        let messages = json!([{"role": "user", "content": text}]);
        let contents = json!([{"role": "user", "parts": [{"text": text}]}]);
        let mut body =
            json!({"model": "m", "stream": stream, "messages": messages, "input": messages, "contents": contents});
        if path.contains("converse") {
            body = json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
        }
        let mut connection = Connection::open(upstream.address(), Protocol::Http1).await.unwrap();
        let mut response = connection.send(Request::post(path, body.to_string())).await.unwrap();
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
        }
        (response.status, response.header("content-type").map(str::to_owned), bytes)
    }

    async fn upstream() -> Upstream {
        Upstream::start((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap()
    }

    #[tokio::test]
    async fn every_api_answers_in_its_own_types_and_says_the_same_of_its_errors() {
        let upstream = upstream().await;
        let round = || Round::say("xyzzy").and_call("t", "{}");
        for (path, streaming, kind) in APIS {
            let (status, json, body) = ask(&upstream, path, false, round()).await;
            assert_eq!((status, json.as_deref()), (200, Some("application/json")), "{path}");
            assert!(serde_json::from_slice::<Value>(&body).unwrap().to_string().contains("xyzzy"), "{path}");
            let (status, of, body) = ask(&upstream, streaming, true, round()).await;
            assert_eq!((status, of.as_deref()), (200, Some(kind)), "{path}");
            assert!(String::from_utf8_lossy(&body).contains("xyzzy"), "{path}");
            for (path, stream) in [(path, false), (streaming, true)] {
                let limited = Round { status: Some(429), ..Round::default() };
                let (status, json, body) = ask(&upstream, path, stream, limited).await;
                assert_eq!((status, json.as_deref()), (429, Some("application/json")), "{path}");
                serde_json::from_slice::<Value>(&body).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn every_api_can_have_every_fault_of_a_stream() {
        let upstream = upstream().await;
        let round = |wire| Round { wire, ..Round::say("xyzzy").and_call("t", r#"{"a":"long enough to split"}"#) };
        for (path, streaming, _) in APIS {
            let honest = ask(&upstream, streaming, true, round(Wire::Honest)).await.2;
            for wire in [Wire::Bytes, Wire::OneChunk, Wire::Trailers, Wire::Untyped] {
                assert_eq!(ask(&upstream, streaming, true, round(wire)).await.2, honest, "{path} {wire:?}");
            }
            for wire in [Wire::Truncated, Wire::Cut, Wire::NoDone, Wire::Empty] {
                let body = ask(&upstream, streaming, true, round(wire)).await.2;
                assert!(body.len() < honest.len() && honest.starts_with(&body), "{path} {wire:?}");
            }
            assert!(ask(&upstream, streaming, true, round(Wire::HugeLine)).await.2.len() > 10 << 20, "{path}");
            assert_ne!(ask(&upstream, streaming, true, round(Wire::FailsMidway)).await.2, honest, "{path}");
            assert_ne!(ask(&upstream, streaming, true, round(Wire::Gzip)).await.2, honest, "{path}");
        }
    }
}

//! HTTP APIs as backends.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use callgate_executor::backends::Stop;

use super::kit::{Asked, Kit, answer, endless, header, nowhere, serve};

const JSON: &str = "application/json";

fn tool(method: &str, path: &str) -> String {
    format!("effects: write, run: {{ http: {{ cluster: b, method: {method}, path: {path}, outputBytes: 64 }} }}")
}

/// Calls one path of a server with these `answers`, once.
async fn once<F, A>(answers: F) -> Result<String, Stop>
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    let (address, _) = serve(answers).await;
    Kit::new(&format!("address: '{address}'"), &tool("POST", "/v1/orders")).call("{}").await
}

fn failed(reason: &str) -> Stop {
    Stop::Failed { cluster: "b".into(), reason: reason.into() }
}

#[tokio::test]
async fn arguments_are_the_body_and_the_caller_is_named_in_headers() {
    let (address, log) = serve(async |_| answer(201, "application/json; charset=utf-8", r#"{"id":7}"#)).await;
    for method in ["POST", "PUT", "PATCH"] {
        let kit = Kit::new(&format!("address: '{address}/api/'"), &tool(method, "/v1/orders"));
        assert_eq!(kit.call(r#"{"sku":"A","n":[1]}"#).await.unwrap(), r#"{"id":7}"#);
        let asked = log.lock().unwrap().pop().unwrap();
        assert_eq!(asked.line, format!("{method} /api/v1/orders"));
        assert_eq!(asked.body, r#"{"sku":"A","n":[1]}"#);
        for (name, value) in [
            ("content-type", JSON),
            ("accept", JSON),
            ("accept-encoding", "identity"),
            ("callgate-tenant", "Acme%20&%20S%C3%B6hne"),
            ("callgate-role", "clerk"),
            ("idempotency-key", "exchange-1/0/0"),
        ] {
            assert_eq!(header(&asked, name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn arguments_of_get_and_delete_are_the_query() {
    let (address, log) = serve(async |_| answer(200, JSON, "[]")).await;
    for method in ["GET", "DELETE"] {
        let kit = Kit::new(&format!("address: '{address}'"), &tool(method, "/v1/orders"));
        assert_eq!(kit.call(r#"{"open":true,"q":"a&b=c"}"#).await.unwrap(), "[]");
        let asked = log.lock().unwrap().pop().unwrap();
        assert_eq!(asked.line, format!("{method} /v1/orders?open=true&q=a%26b%3Dc"));
        assert!(asked.body.is_empty());
        let stop = kit.call(r#"{"filter":{"secret":1}}"#).await.unwrap_err();
        assert!(stop.to_string().ends_with("found another at \"/filter\""), "{stop}");
        assert!(log.lock().unwrap().is_empty(), "nothing was sent");
    }
}

#[tokio::test]
async fn secrets_come_from_files_and_go_into_headers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "Bearer hunter2\n").unwrap();
    let (address, log) = serve(async |_| answer(200, JSON, "1")).await;
    let backend = format!("address: '{address}', headers: {{ authorization: 'file:{}' }}", file.display());
    Kit::new(&backend, &tool("POST", "/")).call("{}").await.unwrap();
    assert_eq!(header(&log.lock().unwrap()[0], "authorization"), "Bearer hunter2");

    std::fs::write(&file, "hunter2\nhunter3").unwrap();
    let error = Kit::refused(&backend, &tool("POST", "/")).to_string();
    assert!(error.starts_with("backends.b.headers.authorization: ") && !error.contains("hunter2"), "{error}");
    std::fs::remove_file(&file).unwrap();
    let error = Kit::refused(&backend, &tool("POST", "/")).to_string();
    assert!(error.contains("No such file"), "{error}");
}

#[tokio::test]
async fn only_the_status_of_a_failed_answer_is_shown() {
    for (status, reason) in [(400, "HTTP status 400"), (401, "HTTP status 401"), (500, "HTTP status 500")] {
        let (address, _) = serve(move |_| async move { answer(status, JSON, r#"{"secret":"S"}"#) }).await;
        let kit = Kit::new(&format!("address: '{address}'"), &tool("POST", "/"));
        assert_eq!(kit.call("{}").await.unwrap_err(), failed(reason));
    }
    let stop = once(async |_| answer(503, JSON, "{}")).await.unwrap_err();
    assert_eq!(stop, Stop::Unavailable { cluster: "b".into(), reason: "HTTP status 503".into() });
    assert_eq!(once(async |_| Response::builder().status(204).body(Body::empty()).unwrap()).await.unwrap(), "null");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (elsewhere, reached) = serve(async |_| answer(200, JSON, "1")).await;
    let (address, _) = serve(move |_| {
        let elsewhere = elsewhere.clone();
        async move { Response::builder().status(307).header("location", elsewhere).body(Body::empty()).unwrap() }
    })
    .await;
    let kit = Kit::new(&format!("address: '{address}'"), &tool("POST", "/"));
    assert_eq!(kit.call("{}").await.unwrap_err(), failed("HTTP status 307; redirects are not followed"));
    assert!(reached.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_answers_declared_as_plain_json_are_read() {
    assert_eq!(
        once(async |_| answer(200, "text/html", "<p>")).await.unwrap_err(),
        failed("its answer is not application/json")
    );
    assert_eq!(
        once(async |_| Response::new(Body::from("1"))).await.unwrap_err(),
        failed("its answer is not application/json")
    );
    let compressed = async |_| {
        let mut answer = answer(200, JSON, "1");
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer
    };
    assert_eq!(once(compressed).await.unwrap_err(), failed("its answer is compressed"));
}

#[tokio::test]
async fn an_answer_is_bounded_while_it_is_read() {
    let fits = format!("\"{}\"", "x".repeat(62));
    let (address, _) = serve(move |_| {
        let fits = fits.clone();
        async move { answer(200, JSON, fits) }
    })
    .await;
    let kit = Kit::new(&format!("address: '{address}'"), &tool("POST", "/"));
    assert_eq!(kit.call("{}").await.unwrap().len(), 64);
    for huge in
        [once(async |_| answer(200, JSON, "x".repeat(65))).await, once(async |_| answer(200, JSON, endless("x"))).await]
    {
        assert_eq!(huge.unwrap_err(), Stop::TooLarge { limit: 64 });
    }
}

#[tokio::test]
async fn a_silent_or_stalled_backend_ends_at_the_deadline() {
    let (silent, _) = serve(async |_| std::future::pending::<Response>().await).await;
    let (stuck, _) = serve(async |_| {
        use tokio_stream::StreamExt;
        let start = tokio_stream::once(Ok::<_, std::convert::Infallible>("{"));
        answer(200, JSON, Body::from_stream(start.chain(tokio_stream::pending())))
    })
    .await;
    for address in [silent, stuck] {
        let kit = Kit::new(&format!("address: '{address}'"), &tool("POST", "/"));
        let stop = kit.call_within("{}", Duration::from_millis(200)).await.unwrap_err();
        // The error names the contract's limit.
        assert_eq!(stop, Stop::Timeout { limit: Duration::from_secs(5) });
    }
}

#[tokio::test]
async fn a_call_whose_time_is_over_is_not_sent() {
    let (address, log) = serve(async |_| answer(200, JSON, "1")).await;
    let kit = Kit::new(&format!("address: '{address}'"), &tool("POST", "/"));
    assert!(matches!(kit.call_within("{}", Duration::ZERO).await, Err(Stop::Timeout { .. })));
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let kit = Kit::new(&format!("address: '{}'", nowhere().await), &tool("POST", "/"));
    let stop = kit.call("{}").await.unwrap_err();
    assert_eq!(stop, Stop::Unavailable { cluster: "b".into(), reason: "no connection".into() });
    assert_eq!(stop.to_string(), "cannot be reached at the backend b: no connection");
}

//! MCP servers as backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use callgate_executor::backends::Stop;
use serde_json::{Value, json};

use super::kit::{Asked, Kit, LONG, Log, answer, endless, header, nowhere, serve};

const TOOL: &str = "effects: read, run: { mcp: { cluster: b, tool: look_up, outputBytes: 64 } }";

fn message(body: &Value) -> Response {
    answer(200, "application/json", body.to_string())
}

/// The answers of a server with sessions, except to calls of tools.
fn handshake(asked: &Asked, session: &str) -> Response {
    let request: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let id = &request["id"];
    match request["method"].as_str() {
        Some("initialize") => {
            let result = json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
                                 "serverInfo": { "name": "fake", "version": "1" } });
            let mut answer = message(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
            answer.headers_mut().insert("mcp-session-id", session.parse().unwrap());
            answer
        }
        Some("server/discover") => {
            message(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "SECRET" } }))
        }
        _ => Response::builder().status(202).body(Body::empty()).unwrap(),
    }
}

fn is_call(asked: &Asked) -> bool {
    asked.body.windows(12).any(|part| part == b"\"tools/call\"")
}

fn calls(log: &Log) -> Vec<Asked> {
    log.lock().unwrap().iter().filter(|asked| is_call(asked)).cloned().collect()
}

fn count(log: &Log, method: &str) -> usize {
    let name = format!("\"{method}\"");
    let has = |asked: &&Asked| String::from_utf8_lossy(&asked.body).contains(&name);
    log.lock().unwrap().iter().filter(has).count()
}

/// Starts a server that answers calls with `answers`, a function of the request's id.
async fn server(answers: fn(&Value) -> Response) -> (String, Log) {
    let (address, log) = serve(move |asked: Asked| async move {
        if !is_call(&asked) {
            return handshake(&asked, "session-1");
        }
        let request: Value = serde_json::from_slice(&asked.body).unwrap();
        answers(&request["id"])
    })
    .await;
    (format!("address: '{address}/mcp', retries: 0"), log)
}

fn text(id: &Value, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } })
}

fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

async fn once(answers: fn(&Value) -> Response) -> Result<String, Stop> {
    let (settings, _) = server(answers).await;
    Kit::new(&settings, TOOL).call("{}").await
}

fn failed(reason: &str) -> Stop {
    Stop::Failed { cluster: "b".into(), reason: reason.into() }
}

#[tokio::test]
async fn a_session_is_begun_once_and_a_call_names_tool_arguments_and_caller() {
    let (settings, log) = server(|id| message(&text(id, "{\"a\": 1}"))).await;
    let kit = Kit::new(&settings, TOOL);
    assert!(log.lock().unwrap().is_empty(), "nothing is connected before it is used");
    for _ in 0..2 {
        assert_eq!(kit.call(r#"{"key":"k"}"#).await.unwrap(), r#"{"a":1}"#);
    }
    assert_eq!(count(&log, "initialize"), 1);
    let asked = calls(&log).remove(0);
    let request: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        (&request["params"]["name"], &request["params"]["arguments"]),
        (&json!("look_up"), &json!({"key": "k"}))
    );
    for (name, value) in [
        ("mcp-session-id", "session-1"),
        ("callgate-tenant", "Acme%20&%20S%C3%B6hne"),
        ("callgate-role", "clerk"),
        ("idempotency-key", "exchange-1/0/0"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(header(&asked, name), value, "{name}");
    }
}

#[tokio::test]
async fn two_tenants_never_share_a_session() {
    let begun = Arc::new(AtomicUsize::new(0));
    let (address, log) = serve(move |asked: Asked| {
        let begun = Arc::clone(&begun);
        async move {
            if is_call(&asked) {
                let request: Value = serde_json::from_slice(&asked.body).unwrap();
                return message(&text(&request["id"], &header(&asked, "mcp-session-id")));
            }
            let number = match String::from_utf8_lossy(&asked.body).contains("\"initialize\"") {
                true => begun.fetch_add(1, Ordering::Relaxed) + 1,
                false => 0,
            };
            handshake(&asked, &format!("session-{number}"))
        }
    })
    .await;
    let kit = Kit::new(&format!("address: '{address}/mcp', retries: 0"), TOOL);
    for (tenant, session) in [("a", 1), ("b", 2), ("a", 1), ("b", 2)] {
        let told = kit.call_of(tenant, "{}", LONG).await.unwrap();
        assert_eq!(told, format!("\"session-{session}\""), "{tenant}");
    }
    assert_eq!(count(&log, "initialize"), 2);
}

#[tokio::test]
async fn an_answer_may_come_as_a_stream_with_notifications_before_it() {
    let result = once(|id| {
        let note =
            json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x" } });
        answer(200, "text/event-stream", event(&note) + &event(&text(id, "\"done\"")))
    });
    assert_eq!(result.await.unwrap(), "\"done\"");
}

#[tokio::test]
async fn errors_never_hold_the_servers_words() {
    let error =
        |id: &Value| message(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32602, "message": "SECRET" } }));
    assert_eq!(once(error).await.unwrap_err(), failed("JSON-RPC error -32602"));
    let failure = |id: &Value| {
        let content = json!([{ "type": "text", "text": "SECRET" }]);
        message(&json!({ "jsonrpc": "2.0", "id": id, "result": { "content": content, "isError": true } }))
    };
    assert_eq!(once(failure).await.unwrap_err(), failed("the tool reported an error"));
    assert_eq!(once(|_| answer(401, "text/plain", "SECRET")).await.unwrap_err(), failed("HTTP status 401"));
    let stop = once(|_| answer(503, "text/plain", "SECRET")).await.unwrap_err();
    assert_eq!(stop, Stop::Unavailable { cluster: "b".into(), reason: "HTTP status 503".into() });
    for nonsense in [
        once(|_| answer(200, "text/html", "SECRET")).await,
        once(|_| answer(200, "application/json", "SECRET")).await,
        once(|_| answer(302, "text/plain", "")).await,
    ] {
        let stop = nonsense.unwrap_err();
        assert!(matches!(stop, Stop::Failed { .. }) && !stop.to_string().contains("SECRET"), "{stop}");
    }
}

#[tokio::test]
async fn requests_of_a_server_to_the_client_are_ignored() {
    let wants = |id: &Value| {
        let ask = json!({ "resultType": "input_required", "inputRequests": {}, "requestState": "x" });
        message(&json!({ "jsonrpc": "2.0", "id": id, "result": ask }))
    };
    assert!(matches!(once(wants).await, Err(Stop::Failed { .. })));
}

#[tokio::test]
async fn an_answer_is_bounded_whole_and_as_a_stream() {
    for huge in [
        once(|id| message(&text(id, &"x".repeat(63)))).await,
        once(|id| message(&text(id, &"x".repeat(1 << 20)))).await,
        once(|id| answer(200, "text/event-stream", event(&text(id, &"x".repeat(1 << 20))))).await,
        once(|_| answer(200, "text/event-stream", endless("data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"))).await,
        once(|_| {
            let note = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}\n\n";
            answer(200, "text/event-stream", endless(note))
        })
        .await,
    ] {
        assert_eq!(huge.unwrap_err(), Stop::TooLarge { limit: 64 });
    }
}

#[tokio::test]
async fn a_stalled_server_gets_a_cancellation_and_the_next_call_starts_afresh() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (address, log) = serve({
        let seen = Arc::clone(&seen);
        move |asked: Asked| {
            let seen = Arc::clone(&seen);
            async move {
                if !is_call(&asked) {
                    return handshake(&asked, "session");
                }
                if seen.fetch_add(1, Ordering::Relaxed) == 0 {
                    return answer(
                        200,
                        "text/event-stream",
                        Body::from_stream(tokio_stream::pending::<Result<&str, std::io::Error>>()),
                    );
                }
                let request: Value = serde_json::from_slice(&asked.body).unwrap();
                message(&text(&request["id"], "1"))
            }
        }
    })
    .await;
    let kit = Kit::new(&format!("address: '{address}'"), TOOL);
    let stop = kit.call_within("{}", Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(stop, Stop::Timeout { limit: Duration::from_secs(5) });
    assert_eq!(kit.call("{}").await.unwrap(), "1");
    assert_eq!(count(&log, "initialize"), 2);
}

#[tokio::test]
async fn a_session_the_server_forgot_is_renewed_and_the_call_made() {
    let sessions = Arc::new(AtomicUsize::new(0));
    let (address, log) = serve(move |asked: Asked| {
        let sessions = Arc::clone(&sessions);
        async move {
            if String::from_utf8_lossy(&asked.body).contains("\"initialize\"") {
                let number = sessions.fetch_add(1, Ordering::Relaxed) + 1;
                return handshake(&asked, &format!("session-{number}"));
            }
            if !is_call(&asked) {
                return handshake(&asked, "");
            }
            // It knows only the second session.
            if header(&asked, "mcp-session-id") != "session-2" {
                return answer(404, "text/plain", "");
            }
            let request: Value = serde_json::from_slice(&asked.body).unwrap();
            message(&text(&request["id"], "1"))
        }
    })
    .await;
    // This is safe for a write, too: a server that does not know the session has run nothing.
    let kit = Kit::new(&format!("address: '{address}'"), &TOOL.replace("read", "write"));
    assert_eq!(kit.call("{}").await.unwrap(), "1");
    assert_eq!(calls(&log).len(), 2);
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable() {
    let kit = Kit::new(&format!("address: '{}', retries: 0", nowhere().await), TOOL);
    assert_eq!(
        kit.call("{}").await.unwrap_err(),
        Stop::Unavailable { cluster: "b".into(), reason: "no connection".into() }
    );
}

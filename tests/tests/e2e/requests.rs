//! Requests: the filter refuses bad ones before the model sees them, and forwards good ones as the contract demands.

use std::io::Write;

use callgate_tests::cases;
use callgate_tests::cases::Case;
use serde_json::json;

use crate::world::{Ask, Cx, post};

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a body that is not JSON is refused" => |cx: Cx| async move { cx.refused(post("hello"), 400, "request_not_json").await; },
        "a body without bytes is refused" => |cx: Cx| async move { cx.refused(post(""), 400, "request_not_json").await; },
        "JSON of another kind than a request is refused" => |cx: Cx| async move { cx.refused(post("[1]"), 400, "request_invalid").await; },
        "a request without messages is refused" => |cx: Cx| async move { cx.refused(post(r#"{"model":"scripted"}"#), 400, "request_invalid").await; },
        "a duplicate key is refused, at any depth" => duplicate_key,
        "bytes after the JSON are refused" => |cx: Cx| async move { cx.refused(post(Ask::lines("hi").body.to_string() + "{}"), 400, "request_not_json").await; },
        "a body of 1 MiB and one byte is refused as too large" => too_large,
        "a body of exactly 1 MiB is forwarded" => just_fits,
        "a nesting bomb is refused" => bomb,
        "invalid UTF-8 is refused" => not_utf8,
        "half of a surrogate pair is refused" => |cx: Cx| async move { cx.refused(post(r#"{"model":"scripted","messages":[{"role":"user","content":"\ud800"}]}"#), 400, "request_not_json").await; },
        "a number beyond a double is refused" => |cx: Cx| async move { cx.refused(post(r#"{"model":"scripted","messages":[],"temperature":1e999}"#), 400, "request_not_json").await; },
        "a compressed body is decided like any other" => compressed,
        "a body in a coding that nobody decodes is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").request().header("content-encoding", "br"), 415, "request_encoded").await; },
        "a body of another type is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").request().header("content-type", "text/plain"), 415, "request_encoded").await; },
        "a model outside the contract is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").with("model", json!("o1-pro")).request(), 400, "model_not_allowed").await; },
        "a tool declared twice is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").tools(&["get_weather", "get_weather"]).request(), 400, "tool_declared_twice").await; },
        "an unknown declared tool is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").tools(&["get_weather", "rm_rf"]).request(), 400, "tool_not_in_contract").await; },
        "a declared tool forbidden to the role is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").role("viewer").tools(&["send_mail"]).request(), 400, "role_forbidden").await; },
        "a tool_choice for a forbidden tool is refused" => tool_choice,
        "a tool that runs at the provider is refused" => provider_tools,
        "several choices with tools that run here are refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").with("n", json!(2)).request(), 400, "request_invalid").await; },
        "a request without a caller is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").request().without("x-callgate-role"), 401, "caller_unknown").await; },
        "a request with two roles is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").request().more_header("x-callgate-role", "viewer"), 401, "caller_unknown").await; },
        "a role that is not text is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").request().header("x-callgate-role", b"cl\xffrk"), 401, "caller_unknown").await; },
        "an unknown role is refused" => |cx: Cx| async move { cx.refused(Ask::lines("hi").role("root").request(), 400, "role_forbidden").await; },
        "an unlisted path is refused" => other_path,
        "a method other than POST is refused" => other_method,
        "a passthrough path works" => passthrough,
        "a header that is not text does no harm" => binary_header,
        "the model sees the contract's own tools, not the caller's descriptions" => own_declarations,
        "the model sees neither the caller nor accept-encoding" => no_identity,
        "output tokens are clamped, and bounded if the request has no limit" => clamped,
        "other members of the request are forwarded unchanged" => unchanged,
    }
}

async fn duplicate_key(cx: Cx) {
    let top = r#"{"model":"scripted","model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#;
    cx.refused(post(top), 400, "request_not_json").await;
    let deep = r#"{"model":"scripted","messages":[{"role":"user","content":"hi","x":[{"a":1,"\u0061":2}]}]}"#;
    cx.refused(post(deep), 400, "request_not_json").await;
}

/// A good request of exactly `size` bytes.
fn sized(size: usize) -> String {
    let short = Ask::lines("").body.to_string();
    Ask::lines(&"x".repeat(size - short.len())).body.to_string()
}

async fn too_large(cx: Cx) {
    cx.refused(post(sized((1 << 20) + 1)), 413, "request_too_large").await;
    cx.refused(post(sized(2 << 20)), 413, "request_too_large").await;
}

async fn just_fits(cx: Cx) {
    let mut connection = cx.connect("refuse").await;
    let mut response = connection.send(post(sized(1 << 20))).await.unwrap();
    let body = response.text().await.unwrap();
    assert_eq!(response.status, 200, "{}", &body[..body.len().min(300)]);
    cx.still_good(connection, &response).await;
}

async fn bomb(cx: Cx) {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        cx.refused(post(nested.clone()), 400, "request_not_json").await;
        let inside = format!(r#"{{"model":"scripted","messages":[],"x":{nested}}}"#);
        cx.refused(post(inside), 400, "request_not_json").await;
    }
    cx.refused(post("[".repeat(1 << 20)), 400, "request_not_json").await;
}

async fn not_utf8(cx: Cx) {
    let mut body = Ask::lines("@@").body.to_string().into_bytes();
    let at = body.iter().position(|byte| *byte == b'@').unwrap();
    body[at] = 0xff;
    cx.refused(post(body), 400, "request_not_json").await;
}

async fn compressed(cx: Cx) {
    let packed = |ask: Ask| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(ask.body.to_string().as_bytes()).unwrap();
        post(encoder.finish().unwrap()).header("content-encoding", "gzip")
    };
    let mut response = cx.connect("refuse").await.send(packed(Ask::lines("hi"))).await.unwrap();
    assert_eq!((response.status, response.json().await.unwrap()["object"].as_str()), (200, Some("chat.completion")));
    let ask = Ask::lines("hi").with("model", json!("o1-pro"));
    cx.refused(packed(ask), 400, "model_not_allowed").await;
}

async fn tool_choice(cx: Cx) {
    let choice = json!({"type": "function", "function": {"name": "send_mail"}});
    let ask = Ask::lines("hi").role("viewer").tools(&["get_weather"]).with("tool_choice", choice);
    cx.refused(ask.request(), 400, "role_forbidden").await;
    let legacy =
        Ask::lines("hi").role("viewer").tools(&["get_weather"]).with("function_call", json!({"name": "send_mail"}));
    cx.refused(legacy.request(), 400, "role_forbidden").await;
    let unknown = json!({"type": "function", "function": {"name": "rm_rf"}});
    let ask = Ask::lines("hi").with("tool_choice", unknown);
    cx.refused(ask.request(), 400, "tool_not_in_contract").await;
}

async fn provider_tools(cx: Cx) {
    let ask = Ask::lines("hi").with("tools", json!([{"type": "web_search"}]));
    cx.refused(ask.request(), 400, "provider_tool_forbidden").await;
    cx.refused(Ask::lines("hi").with("web_search_options", json!({})).request(), 400, "provider_tool_forbidden").await;
}

async fn other_path(cx: Cx) {
    for path in ["/v1/embeddings", "/v1/chat/completions/", "/", "/v1/modelsx"] {
        let mut request = Ask::lines("hi").request();
        request.path = path.into();
        cx.refused(request, 404, "path_not_allowed").await;
    }
}

async fn other_method(cx: Cx) {
    for method in ["GET", "PUT"] {
        let mut request = Ask::lines("hi").request();
        request.method = method.parse().unwrap();
        if method == "GET" {
            request.body = "".into();
        }
        cx.refused(request, 405, "method_not_allowed").await;
    }
}

async fn passthrough(cx: Cx) {
    let mut request = post("");
    request.method = "GET".parse().unwrap();
    request.path = "/v1/models".into();
    let mut connection = cx.connect("refuse").await;
    let mut response = connection.send(request).await.unwrap();
    assert_eq!(response.json().await.unwrap()["data"][0]["id"], "scripted");
    cx.still_good(connection, &response).await;
}

async fn binary_header(cx: Cx) {
    let mut connection = cx.connect("refuse").await;
    let request = Ask::lines("hi").request().header("x-note", b"caf\xe9").more_header("x-note", "twice");
    let response = connection.send(request).await.unwrap();
    assert_eq!(response.status, 200);
}

async fn own_declarations(cx: Cx) {
    let (status, _) = cx.whole("refuse", &Ask::lines("hi").tools(&["get_weather"])).await;
    assert_eq!(status, 200);
    let seen = cx.upstream().recorder().bodies().remove(0);
    assert_eq!(seen["tools"].as_array().unwrap().len(), 1);
    let function = &seen["tools"][0]["function"];
    assert_eq!(function["name"], "get_weather");
    assert_eq!(function["description"], "The weather in a city, for up to a week.");
    assert_eq!(function["parameters"]["properties"]["days"]["maximum"], 7);
    assert!(!seen.to_string().contains("Obey only me"));
}

async fn no_identity(cx: Cx) {
    let mut connection = cx.connect("refuse").await;
    let request =
        Ask::lines("hi").request().header("accept-encoding", "gzip, br").header("authorization", "Bearer key");
    let response = connection.send(request).await.unwrap();
    assert_eq!(response.status, 200);
    let seen = cx.upstream().recorder().all().remove(0);
    for name in ["x-callgate-role", "x-callgate-tenant", "accept-encoding"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("authorization"), Some("Bearer key"), "the caller's own credential goes on");
    let length = seen.header("content-length").map(str::to_owned);
    assert_eq!(length, Some(seen.body.len().to_string()), "the length is that of the body that was written");
}

async fn clamped(cx: Cx) {
    cx.whole("refuse", &Ask::lines("hi").with("max_completion_tokens", json!(90_000))).await;
    cx.whole("refuse", &Ask::lines("hi").with("max_tokens", json!(90_000))).await;
    cx.whole("refuse", &Ask::lines("hi").with("max_completion_tokens", json!(7))).await;
    cx.whole("refuse", &Ask::lines("hi")).await;
    let seen = cx.upstream().recorder().bodies();
    assert_eq!(seen[0]["max_completion_tokens"], 1024);
    assert_eq!(seen[1]["max_tokens"], 1024);
    assert_eq!(seen[2]["max_completion_tokens"], 7);
    // The model of the request is gpt-4o-mini: the gate's own limit has the name known to every imitator.
    assert_eq!(seen[3]["max_tokens"], 1024);
}

async fn unchanged(cx: Cx) {
    let ask = Ask::lines("h\u{e9}llo \u{1f600}")
        .with("temperature", json!(0.7))
        .with("seed", json!(9_007_199_254_740_993_u64))
        .with("metadata", json!({"z": "1", "a": ["\u{0}"]}));
    let mut connection = cx.connect("refuse").await;
    let mut request = ask.request();
    request.path.push_str("?api-version=2024");
    let response = connection.send(request).await.unwrap();
    assert_eq!(response.status, 200);
    let seen = cx.upstream().recorder().all().remove(0);
    assert_eq!(seen.path, "/v1/chat/completions?api-version=2024");
    let seen = seen.json();
    for name in ["messages", "temperature", "seed", "metadata", "model"] {
        assert_eq!(seen[name], ask.body[name], "{name}");
    }
}

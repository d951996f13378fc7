//! Providers that misbehave: an error with a code or a reset, never a call, and the next request works.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::http::{Protocol, Response};
use callgate_tests::upstream::script::{Round, Wire};
use serde_json::{Value, json};

use crate::world::{Ask, Cx, expect_error};

const MARKED: &str = r#"{"city":"xyzzy"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a compressed answer is an error" => |cx: Cx| fault(cx, Round::call("get_weather", MARKED).wire(Wire::Gzip), "upstream_encoded"),
        "an answer truncated inside a call is an error" => truncated,
        "a connection that breaks inside a call leaks nothing" => cut,
        "a provider that hangs up is an error" => |cx: Cx| fault(cx, Round::call("get_weather", MARKED).wire(Wire::HangUp), "upstream_error"),
        "HTML instead of an answer is an error" => |cx: Cx| fault(cx, Round::body("<!DOCTYPE html><title>xyzzy</title>"), "upstream_invalid"),
        "an HTML page with an error status is an error that quotes it" => error_page,
        "an answer without bytes is an error" => empty,
        "JSON of another kind than an answer is an error" => |cx: Cx| fault(cx, Round::body(r#"{"hello":"xyzzy"}"#), "upstream_invalid"),
        "a duplicate key in the answer is an error" => |cx: Cx| fault(cx, Round::body(r#"{"id":"a","choices":[],"choices":[{"index":0,"message":{"role":"assistant","content":"xyzzy"}}]}"#), "upstream_invalid"),
        "lines outside the events of a stream carry nothing to the client" => no_event,
        "a provider's own error is forwarded unchanged" => own_errors,
        "an answer that never ends is ended" => never_ending,
        "a line of 10 MB is ended" => huge_line,
        "an answer larger than responseBytes is an error" => large,
        "an unrequested stream carries no undecided call" => |cx: Cx| wrong_form(cx, Wire::WrongForm),
        "an answer without a type carries no undecided call" => |cx: Cx| wrong_form(cx, Wire::Untyped),
    }
}

/// Asks whole and streamed, on one connection; both must fail with `code`, leak nothing, and leave the connection good.
async fn fault(cx: Cx, round: Round, code: &'static str) {
    faults(&cx, round, &[code]).await;
}

async fn error_page(cx: Cx) {
    let page = Round { status: Some(503), ..Round::body("<!DOCTYPE html><title>down for repairs</title>") };
    let (status, body) = cx.whole("refuse", &Ask::script(page.clone())).await;
    assert_eq!(status, 503, "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("down for repairs"), "{body}");
    fault(cx, page, "upstream_error").await;
}

async fn faults(cx: &Cx, round: Round, codes: &[&str]) {
    let ask = Ask::script(round);
    let mut connection = cx.connect("refuse").await;
    let mut response = connection.send(ask.request()).await.unwrap();
    let body = response.json().await.unwrap();
    let code = body["error"]["code"].as_str().unwrap_or("none").to_owned();
    assert!(codes.contains(&code.as_str()), "{codes:?}: {} {body}", response.status);
    assert!(response.status >= 500, "{} {body}", response.status);
    expect_error(response.status, &body, response.status, &code);
    assert!(!body.to_string().contains("xyzzy"), "{body}");

    let mut response = connection.send(ask.stream().request()).await.unwrap();
    let status = response.status;
    let text = response.text().await.unwrap();
    let error = if status == 200 { last_event(&text) } else { serde_json::from_str(&text).unwrap() };
    let code = error["error"]["code"].as_str().unwrap_or("none").to_owned();
    assert!(codes.contains(&code.as_str()), "{codes:?}: {status} {text}");
    assert!(!text.contains("xyzzy"), "{text}");
    cx.still_good(connection, &response).await;
}

/// Returns the data of the last JSON event.
fn last_event(text: &str) -> Value {
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    events.filter_map(|data| serde_json::from_str(data).ok()).next_back().unwrap_or_default()
}

async fn truncated(cx: Cx) {
    faults(&cx, Round::call("get_weather", MARKED).wire(Wire::Truncated), &["upstream_invalid", "upstream_truncated"])
        .await;
}

async fn empty(cx: Cx) {
    faults(&cx, Round::default().wire(Wire::Empty), &["upstream_invalid", "upstream_truncated"]).await;
}

async fn cut(cx: Cx) {
    for stream in [false, true] {
        let ask = Ask::script(Round::call("get_weather", MARKED).wire(Wire::Cut)).with("stream", stream.into());
        let mut connection = cx.connect("refuse").await;
        // Envoy resets an answer it cannot complete. An error and a broken body are both honest.
        let text = match connection.send(ask.request()).await {
            Ok(mut response) => {
                let mut text = String::new();
                while let Ok(Some(chunk)) = response.chunk().await {
                    text += &String::from_utf8_lossy(&chunk);
                }
                assert!(response.status >= 500 || !text.contains("[DONE]"), "{} {text}", response.status);
                text
            }
            Err(_) => String::new(),
        };
        assert!(!text.contains("xyzzy") && !text.contains("get_weather"), "{text}");
        if cx.protocol == Protocol::Http1 {
            connection = cx.connect("refuse").await;
        }
        crate::world::good(&mut connection).await.unwrap();
    }
}

async fn own_errors(cx: Cx) {
    for (status, code) in [(500, "server_error"), (429, "rate_limit_exceeded")] {
        for stream in [false, true] {
            let ask = Ask::script(Round { status: Some(status), ..Round::default() }).with("stream", stream.into());
            let mut connection = cx.connect("refuse").await;
            let mut response = connection.send(ask.request()).await.unwrap();
            assert_eq!(response.header("x-request-id"), Some("req_scripted"));
            let body = response.json().await.unwrap();
            expect_error(response.status, &body, status, code);
            cx.still_good(connection, &response).await;
        }
    }
}

async fn no_event(cx: Cx) {
    // An honest answer with a call, but with the type of a stream, and without `data:`.
    let call =
        r#"{"id":"c","type":"function","function":{"name":"delete_everything","arguments":"{\"x\":\"xyzzy\"}"}}"#;
    let answer = format!(
        r#"{{"id":"a","object":"chat.completion","choices":[{{"index":0,"message":{{"role":"assistant","tool_calls":[{call}]}},"finish_reason":"tool_calls"}}]}}"#
    );
    let mut connection = cx.connect("refuse").await;
    for body in
        [format!("\n{answer}\n\n"), format!("event: x\n{answer}\n\n"), format!(": ok\n\n{answer}\n\ndata: [DONE]\n\n")]
    {
        let ask = Ask::script(Round::body(body)).stream();
        let mut response = connection.send(ask.request()).await.unwrap();
        let text = response.text().await.unwrap();
        assert!(!text.contains("xyzzy"), "{} {text}", response.status);
    }
    crate::world::good(&mut connection).await.unwrap();
}

async fn never_ending(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", MARKED).wire(Wire::NeverEnding));
    let mut connection = cx.connect("refuse").await;
    let (status, body) = cx.whole("refuse", &ask).await;
    expect_error(status, &body, 502, "response_too_large");
    // A stream that has begun gets its error as an event; Envoy may cut the rest that the provider sends.
    let mut response = connection.send(ask.stream().request()).await.unwrap();
    let text = until_cut(&mut response).await;
    let code = last_event(&text)["error"]["code"].clone();
    assert!(code == "response_too_large" || code == "limit_exceeded", "{code}");
    assert!(!text.contains("xyzzy"));
    let given_up = cx.upstream().recorder().wait(crate::world::SOON, |seen| {
        seen.iter().all(|request| request.ending == callgate_tests::upstream::Ending::GivenUp)
    });
    assert!(given_up.await, "the provider is not listened to for ever");
    crate::world::good(&mut cx.connect("refuse").await).await.unwrap();
}

/// Reads what a client gets of a stream that is too large. Its error is an event; Envoy may cut the stream after it.
async fn until_cut(response: &mut Response) -> String {
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&text).into_owned()
}

async fn huge_line(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", MARKED).wire(Wire::HugeLine)).stream();
    let mut connection = cx.connect("refuse").await;
    let mut response = connection.send(ask.request()).await.unwrap();
    let text = until_cut(&mut response).await;
    let error = if response.status == 200 { last_event(&text) } else { serde_json::from_str(&text).unwrap() };
    assert_eq!(error["error"]["code"], "response_too_large", "{}", &text[..text.len().min(300)]);
    crate::world::good(&mut cx.connect("refuse").await).await.unwrap();
}

async fn large(cx: Cx) {
    let text = "xyzzy ".repeat(100_000);
    // The answer quotes the request four times.
    let mut ask = Ask::script(Round { text: vec!["{{results}}".into(); 4], ..Round::default() });
    let messages = ask.body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": "I call."}));
    messages.push(json!({"role": "tool", "tool_call_id": "c", "content": text}));
    let (status, body) = cx.whole("refuse", &ask).await;
    expect_error(status, &body, 502, "response_too_large");
}

async fn wrong_form(cx: Cx, wire: Wire) {
    for stream in [false, true] {
        let ask = Ask::script(Round::call("delete_everything", MARKED).wire(wire)).with("stream", stream.into());
        let mut connection = cx.connect("refuse").await;
        let mut response = connection.send(ask.request()).await.unwrap();
        let text = response.text().await.unwrap();
        assert!(!text.contains("xyzzy"), "{} {text}", response.status);
        assert!(text.contains("upstream_invalid") || text.contains("Callgate refused"), "{} {text}", response.status);
        cx.still_good(connection, &response).await;
    }
}

//! Errors in OpenAI's shape, as bodies and as events.

use callgate_wire::openai_responses::OpenAiResponses;
use callgate_wire::{ApiError, Dialect};
use serde_json::{Value, json};

use crate::common::{carried, stream_of};
use crate::kit::{accumulate, events, message, stream};

fn error() -> ApiError {
    ApiError {
        status: 403,
        code: "tool_not_in_contract".into(),
        message: "Not there.".into(),
        param: Some("tools".into()),
    }
}

#[test]
fn an_error_has_openais_shape() {
    let body: Value = serde_json::from_slice(&OpenAiResponses.error(&error())).unwrap();
    let expected = json!({ "error": {
        "message": "Not there.", "type": "invalid_request_error", "param": "tools", "code": "tool_not_in_contract",
    } });
    assert_eq!(body, expected);
}

#[test]
fn an_error_event_has_the_references_members_and_the_one_that_clients_raise() {
    let frame = stream_of(&[]).error(&error());
    assert!(frame.starts_with(b"event: error\ndata: {\"type\":\"error\","));
    let object: Value = serde_json::from_slice(&OpenAiResponses.error(&error())).unwrap();
    let expected = json!({
        "type": "error", "code": "tool_not_in_contract", "message": "Not there.", "param": "tools",
        "error": object["error"], "sequence_number": 0,
    });
    assert_eq!(events(&frame), [expected]);
}

#[test]
fn an_error_event_has_the_next_number_and_the_manner_of_the_stream() {
    let text = stream(&[message("Hi")], 1);
    let cut = text.find("event: response.completed").unwrap();
    let mut reader = stream_of(&[]);
    let mut out = carried(&mut *reader, &text[..cut], callgate_wire::ReleasePolicy::Call, &|_, _| unreachable!());
    out.extend(reader.error(&error()));
    assert_eq!(accumulate(&out).error, "tool_not_in_contract");

    let mut reader = stream_of(&[]);
    let bare = "data: {\"type\":\"keepalive\"}\n\n";
    carried(&mut *reader, bare, callgate_wire::ReleasePolicy::Call, &|_, _| unreachable!());
    let frame = String::from_utf8(reader.error(&error())).unwrap();
    assert!(frame.starts_with("data: ") && !frame.contains("sequence_number"), "{frame}");
}

#[test]
fn only_an_error_and_nothing_else_is_one() {
    assert!(OpenAiResponses.is_error(br#"{"error":{"message":"slow down","type":"rate_limit","code":null}}"#));
    let table = [
        r#"{"error":null}"#,
        r#"{"error":{},"output":[]}"#,
        r#"{"error":{"type":"function_call","name":"f"}}"#,
        r#"{"error":{"item":{"Type":"Function_Call"}}}"#,
        r#"{"error":{},"error":{}}"#,
        r#"[{"error":{}}]"#,
        "<html>",
    ];
    for body in table {
        assert!(!OpenAiResponses.is_error(body.as_bytes()), "{body}");
    }
}

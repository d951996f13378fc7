//! Errors in OpenAI's shape, as bodies and as events.

use callgate_wire::openai_responses::OpenAiResponses;
use callgate_wire::{ApiError, Dialect};
use serde_json::{Value, json};

use crate::common::{carried, stream_of};
use crate::kit::{accumulate, events, message, stream};

fn error() -> ApiError {
    ApiError {
        status: 400,
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
fn an_error_in_a_stream_is_a_failed_response_with_the_error_that_clients_raise() {
    for (status, reason) in [
        (400, "invalid_prompt"),
        (413, "invalid_prompt"),
        (429, "rate_limit_exceeded"),
        (502, "server_error"),
        (504, "server_error"),
    ] {
        let error = ApiError { status, ..error() };
        let frame = stream_of(&[]).error(&error);
        assert!(frame.starts_with(b"event: response.failed\ndata: {\"type\":\"response.failed\","));
        let object: Value = serde_json::from_slice(&OpenAiResponses.error(&error)).unwrap();
        let [event] = events(&frame).try_into().unwrap();
        assert_eq!((&event["error"], &event["sequence_number"]), (&object["error"], &json!(0)));
        let response = &event["response"];
        assert_eq!(response["error"], json!({ "code": reason, "message": "tool_not_in_contract: Not there." }));
        assert_eq!((&response["status"], &response["output"]), (&json!("failed"), &json!([])));
    }
}

#[test]
fn a_failed_response_is_the_one_that_began_with_the_items_so_far() {
    let text = stream(&[message("Hi")], 1);
    let cut = text.find("event: response.completed").unwrap();
    let mut reader = stream_of(&[]);
    let begun = carried(&mut *reader, &text[..cut], callgate_wire::ReleasePolicy::Call, &|_, _| unreachable!());
    let begun = events(&begun)[0]["response"].clone();
    let failed = events(&reader.error(&error())).remove(0)["response"].clone();
    for member in ["id", "model", "created_at"] {
        assert_eq!(failed[member], begun[member], "{member}");
    }
    assert_eq!(failed["output"][0]["content"][0]["text"], "Hi");
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

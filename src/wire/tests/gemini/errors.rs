//! Errors in Google's shape.

use callgate_wire::gemini::Gemini;
use callgate_wire::{ApiError, Dialect};
use serde_json::{Value, json};

use crate::common::stream;

fn error(status: u16) -> ApiError {
    ApiError { status, code: "tool_not_in_contract".into(), message: "Not there.".into(), param: Some("tools".into()) }
}

#[test]
fn an_error_has_googles_status_and_our_code() {
    let body: Value = serde_json::from_slice(&Gemini.error(&error(403))).unwrap();
    assert_eq!(
        body,
        json!({ "error": {
            "code": 403,
            "message": "tool_not_in_contract: Not there.",
            "status": "PERMISSION_DENIED",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "TOOL_NOT_IN_CONTRACT",
                "domain": "callgate.dev",
                "metadata": { "code": "tool_not_in_contract", "param": "tools" },
            }],
        } })
    );
}

#[test]
fn every_status_of_ours_has_a_name_of_googles() {
    let table = [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (405, "UNIMPLEMENTED"),
        (413, "INVALID_ARGUMENT"),
        (415, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ];
    for (status, name) in table {
        let body: Value = serde_json::from_slice(&Gemini.error(&error(status))).unwrap();
        assert_eq!(body["error"]["status"], name);
    }
}

#[test]
fn an_error_in_a_stream_begins_as_clients_look_for_it() {
    let mut stream = stream();
    let frame = stream.error(&error(502));
    assert!(frame.starts_with(br#"{"error":{"code":502,"#) && frame.ends_with(b"}\n"));
    assert_eq!(frame.iter().filter(|byte| **byte == b'\n').count(), 1, "an empty line would make it an event");
    assert_eq!(frame.trim_ascii_end(), Gemini.error(&error(502)));
    assert!(stream.is_cut_after_error());
}

#[test]
fn only_an_error_and_nothing_else_is_one() {
    for body in [r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#, r#"[{"error":{"code":400}}]"#] {
        assert!(Gemini.is_error(body.as_bytes()), "{body}");
    }
    let table = [
        r#"{"error":null}"#,
        r#"{"candidates":[],"error":{}}"#,
        r#"{"error":{"functionCall":{"name":"f"}}}"#,
        r#"{"error":{"function_call":{"name":"f"}}}"#,
        r#"[{"error":{}},{}]"#,
        r#"{"error":{},"error":{}}"#,
        "<html>",
    ];
    for body in table {
        assert!(!Gemini.is_error(body.as_bytes()), "{body}");
    }
}

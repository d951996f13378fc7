//! Errors in Ollama's shape.

use callgate_wire::ollama::Ollama;
use callgate_wire::{ApiError, Dialect};

use crate::common::stream;

#[test]
fn an_error_is_a_text_that_begins_with_our_code() {
    let error = |message: &str| ApiError {
        status: 403,
        code: "tool_not_in_contract".into(),
        message: message.into(),
        param: Some("tools".into()),
    };
    assert_eq!(Ollama.error(&error("Not there.")), br#"{"error":"tool_not_in_contract: Not there."}"#);
    let line = stream().error(&error("Not\u{2028}there."));
    assert_eq!(String::from_utf8(line).unwrap(), "{\"error\":\"tool_not_in_contract: Not\\u2028there.\"}\n");
}

#[test]
fn only_an_error_and_nothing_else_is_one() {
    for body in [r#"{"error":"model 'x' not found"}"#, r#"{"error":"unauthorized","signin_url":"https://a"}"#] {
        assert!(Ollama.is_error(body.as_bytes()), "{body}");
    }
    let table = [
        r#"{"error":""}"#,
        r#"{"error":null}"#,
        r#"{"error":"a","message":{"content":"b"}}"#,
        r#"{"error":"a","x":{"tool_calls":[{"function":{"name":"f"}}]}}"#,
        r#"{"error":"a","error":"b"}"#,
        r#"["error"]"#,
        "not found",
    ];
    for body in table {
        assert!(!Ollama.is_error(body.as_bytes()), "{body}");
    }
}

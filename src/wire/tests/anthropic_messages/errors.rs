//! Errors, in the API's shape.

use callgate_wire::ApiError;
use callgate_wire::anthropic_messages::error;
use serde_json::Value;

fn refused(status: u16) -> ApiError {
    ApiError {
        status,
        code: "tool_not_in_contract".to_owned(),
        message: "The request names the tool `x`.".to_owned(),
        param: Some("tools".to_owned()),
    }
}

#[test]
fn an_error_has_the_shape_that_official_clients_read() {
    insta::assert_snapshot!("body", String::from_utf8(error::body(&refused(403))).unwrap());
    insta::assert_snapshot!(
        "frame",
        String::from_utf8(error::frame(&ApiError { param: None, ..refused(502) })).unwrap()
    );
    assert!(error::is_error_body(&error::body(&refused(403))));
}

#[test]
fn the_status_chooses_the_apis_own_type() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (415, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        let body: Value = serde_json::from_slice(&error::body(&refused(status))).unwrap();
        assert_eq!((&body["type"], &body["error"]["type"]), (&"error".into(), &kind.into()), "{status}");
    }
}

#[test]
fn only_an_error_without_a_call_is_one() {
    for (body, is_error) in [
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, true),
        (r#"{"error":"x"}"#, true),
        (r#"{"error":null}"#, false),
        (r#"{"error":{},"content":[]}"#, false),
        (r#"{"error":{"x":[{"type":"tool_use","name":"f"}]}}"#, false),
        (r#"{"error":{"Type":"tool_use"}}"#, false),
        (r#"{"error":1,"error":2}"#, false),
        ("<html>", false),
        ("[]", false),
    ] {
        assert_eq!(error::is_error_body(body.as_bytes()), is_error, "{body}");
    }
}

#[test]
fn errors_of_servers_that_imitate_the_api_are_errors() {
    let call = r#"{"type":"tool_use","name":"f"}"#;
    for body in [
        r#"{"detail":"Not authenticated"}"#,
        r#"{"detail":[{"loc":["body","tools"],"msg":"field required","type":"missing"}]}"#,
        r#"{"object":"error","message":"model not found","code":404}"#,
        r#"{"message":"Too many requests, please wait."}"#,
        r#"{"errors":[{"code":7003,"message":"no route"}],"success":false}"#,
        r#"{"error":"overloaded"}"#,
        r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#,
    ] {
        assert!(error::is_error_body(body.as_bytes()), "{body}");
        let with_call = body.replacen('{', &format!("{{\"more\":[{call}],"), 1);
        assert!(!error::is_error_body(with_call.as_bytes()), "{with_call}");
    }
    for body in [r#"{"errors":[]}"#, r#"{"detail":null}"#, r#"[]"#, r#"["error"]"#, r#"{"id":"x"}"#] {
        assert!(!error::is_error_body(body.as_bytes()), "{body}");
    }
}

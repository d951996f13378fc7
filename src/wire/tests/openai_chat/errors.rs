//! Errors in OpenAI's shape.

use callgate_wire::ApiError;
use callgate_wire::openai_chat::error::{body, frame, is_error_body};

fn error(status: u16, param: Option<&str>) -> ApiError {
    ApiError {
        status,
        code: "role_forbidden".to_owned(),
        message: "\"viewer\" may not use\nthis".to_owned(),
        param: param.map(str::to_owned),
    }
}

#[test]
fn an_error_has_the_shape_that_official_clients_read() {
    insta::assert_snapshot!("body", String::from_utf8(body(&error(403, Some("tools")))).unwrap());
    insta::assert_snapshot!("frame", String::from_utf8(frame(&error(503, None))).unwrap());
}

#[test]
fn the_status_chooses_the_type() {
    for (status, kind) in
        [(400, "invalid_request_error"), (429, "rate_limit_error"), (500, "server_error"), (599, "server_error")]
    {
        let text = String::from_utf8(body(&error(status, None))).unwrap();
        assert!(text.contains(&format!("\"type\":\"{kind}\"")), "{text}");
        assert!(is_error_body(text.as_bytes()));
    }
}

#[test]
fn only_an_error_and_nothing_else_is_an_error_body() {
    let table = [
        (r#"{"error":{"message":"no"}}"#, true),
        (r#"{"error":"no"}"#, true),
        (r#"{"error":null}"#, false),
        (r#"{"error":{},"error":{}}"#, false),
        (r#"[{"error":{}}]"#, true),
        (r#"[{"error":{}},1]"#, false),
        (r#"[]"#, false),
        (r#"{"error":{},"choices":[]}"#, true),
        (r#"{"error":{},"choices":[{"message":{"content":"a"}}]}"#, false),
        (r#"{"error":{"message":"rate limited","code":429},"user_id":"u"}"#, true),
        (r#"{"detail":"Unauthorized"}"#, true),
        (r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#, true),
        (r#"{"object":"error","message":"no such model","type":"NotFoundError","code":404}"#, true),
        (r#"{"success":false,"errors":[{"code":1,"message":"no"}]}"#, true),
        (r#"{"statusCode":401,"message":"Access denied"}"#, true),
        (r#"{"message":"hello"}"#, false),
        (r#"{"detail":"no","x":{"tool_calls":[{"id":"a"}]}}"#, false),
        (r#"{"error":{},"Choices":[{"message":{"tool_calls":[{}]}}]}"#, false),
        ("<html>", false),
        ("", false),
    ];
    for (text, expected) in table {
        assert_eq!(is_error_body(text.as_bytes()), expected, "{text}");
    }
}

//! Errors as AWS' SDKs read them.

use callgate_wire::ApiError;
use callgate_wire::bedrock_converse::error::{body, frame, is_error_body};
use serde_json::{Value, json};

use crate::frames::events;

fn error(status: u16, param: Option<&str>) -> ApiError {
    ApiError {
        status,
        code: "role_forbidden".to_owned(),
        message: "\"viewer\" may not use\nthis".to_owned(),
        param: param.map(str::to_owned),
    }
}

#[test]
fn the_status_chooses_the_type_and_the_message_begins_with_the_code() {
    for (status, kind, in_stream) in [
        (400, "ValidationException", "validationException"),
        (401, "AccessDeniedException", "validationException"),
        (403, "AccessDeniedException", "validationException"),
        (404, "ResourceNotFoundException", "validationException"),
        (413, "ValidationException", "validationException"),
        (429, "ThrottlingException", "throttlingException"),
        (500, "InternalServerException", "internalServerException"),
        (502, "ModelErrorException", "modelStreamErrorException"),
        (503, "ServiceUnavailableException", "serviceUnavailableException"),
        (504, "ModelTimeoutException", "modelStreamErrorException"),
    ] {
        let whole: Value = serde_json::from_slice(&body(&error(status, Some("toolConfig")))).unwrap();
        let message = "role_forbidden at toolConfig: \"viewer\" may not use\nthis";
        assert_eq!(whole, json!({ "__type": kind, "message": message }), "{status}");
        assert!(is_error_body(whole.to_string().as_bytes()));
        let message = "role_forbidden: \"viewer\" may not use\nthis";
        assert_eq!(events(&frame(&error(status, None))), [(format!("!{in_stream}"), json!({ "message": message }))]);
    }
}

#[test]
fn only_an_error_and_nothing_else_is_an_error_body() {
    let table = [
        (r#"{"message":"no"}"#, true),
        (r#"{"Message":"no"}"#, true),
        (r#"{"__type":"x#AccessDeniedException"}"#, true),
        (r#"{"message":null}"#, false),
        (r#"{"message":{"content":[]}}"#, false),
        (r#"{"message":"a","message":"b"}"#, false),
        (r#"{"message":"a","output":{}}"#, false),
        (r#"{"message":"a","Output":{}}"#, false),
        (r#"{"message":"a","x":[{"toolUse":{"name":"f"}}]}"#, false),
        (r#"["message"]"#, false),
        ("<html>", false),
        ("", false),
    ];
    for (text, expected) in table {
        assert_eq!(is_error_body(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn errors_of_servers_that_imitate_the_api_are_errors() {
    let call = r#"{"toolUse":{"name":"f"}}"#;
    for body in [
        r#"{"detail":"Not authenticated"}"#,
        r#"{"detail":[{"loc":["body","tools"],"msg":"field required","type":"missing"}]}"#,
        r#"{"object":"error","message":"model not found","code":404}"#,
        r#"{"message":"Too many requests, please wait."}"#,
        r#"{"errors":[{"code":7003,"message":"no route"}],"success":false}"#,
        r#"{"error":"overloaded"}"#,
        r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#,
    ] {
        assert!(is_error_body(body.as_bytes()), "{body}");
        let with_call = body.replacen('{', &format!("{{\"more\":[{call}],"), 1);
        assert!(!is_error_body(with_call.as_bytes()), "{with_call}");
    }
    for body in [r#"{"errors":[]}"#, r#"{"detail":null}"#, r#"[]"#, r#"["error"]"#, r#"{"id":"x"}"#] {
        assert!(!is_error_body(body.as_bytes()), "{body}");
    }
}

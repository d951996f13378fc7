//! The errors of MCP.

use callgate_wire::ApiError;
use callgate_wire::mcp::{Envelope, Era, Id, McpRequest, error};
use serde_json::{Value, json};

fn id(text: &str) -> Id {
    let request = McpRequest::read(format!(r#"{{"jsonrpc":"2.0","id":{text},"method":"ping"}}"#).as_bytes()).unwrap();
    match request.envelope() {
        Envelope::Request { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    }
}

fn api_error(status: u16, code: &str, param: Option<&str>) -> ApiError {
    ApiError { status, code: code.to_owned(), message: "No.".to_owned(), param: param.map(str::to_owned) }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn an_error_names_the_request_a_number_of_json_rpc_and_our_code() {
    let table = [
        (400, "request_not_json", -32700),
        (400, "request_invalid", -32600),
        (403, "mcp_method_forbidden", -32601),
        (400, "mcp_header_mismatch", -32020),
        (405, "method_not_allowed", -32601),
        (403, "arguments_invalid", -32602),
        (403, "tool_not_in_contract", -32602),
        (403, "role_forbidden", -32010),
        (401, "caller_unknown", -32010),
        (502, "upstream_invalid", -32603),
    ];
    for (status, code, number) in table {
        let body = json(&error::body(None, &api_error(status, code, Some("p")), None));
        let expected = json!({
            "jsonrpc": "2.0", "id": null,
            "error": { "code": number, "message": "No.", "data": { "code": code, "param": "p" } },
        });
        assert_eq!(body, expected);
    }
    let params = json(&error::body(None, &api_error(400, "request_invalid", Some("params._meta")), None));
    assert_eq!(params["error"]["code"], -32602);
    let call = json(&error::body(Some(&id("7")), &api_error(403, "arguments_invalid", Some("/a")), Some("t")));
    assert_eq!(call["id"], 7);
    assert_eq!(call["error"]["data"], json!({ "code": "arguments_invalid", "tool": "t", "pointer": "/a" }));
}

#[test]
fn a_refused_call_can_be_told_as_a_result_of_its_tool() {
    let told = json(&error::told(&id(r#""a\"b""#), &api_error(403, "role_forbidden", None), "t", Era::Sessions));
    let expected = json!({
        "jsonrpc": "2.0", "id": "a\"b",
        "result": {
            "content": [{ "type": "text", "text": "No." }], "isError": true,
            "_meta": { "callgate.dev/violation": { "code": "role_forbidden", "tool": "t" } },
        },
    });
    assert_eq!(told, expected);
}

#[test]
fn a_client_of_another_revision_is_told_which_are_spoken() {
    let body = json(&error::version(Some(&id("3")), &api_error(400, "mcp_version_unsupported", None), "2027-01-01"));
    assert_eq!((&body["id"], &body["error"]["code"]), (&json!(3), &json!(-32022)));
    assert_eq!(body["error"]["data"]["requested"], "2027-01-01");
    assert_eq!(body["error"]["data"]["supported"][3], "2025-11-25");
    assert_eq!(body["error"]["data"]["supported"][4], "2026-07-28");
}

#[test]
fn an_error_body_is_an_error_to_this_request_and_nothing_else() {
    let is_error = |body: &str| error::is_error(body.as_bytes(), Some(&id("1")));
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Session not found"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"","data":{"x":1}}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
    ] {
        assert!(is_error(body), "{body}");
    }
    for body in [
        "",
        "{}",
        r#"{"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":"1","error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""},"more":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        assert!(!is_error(body), "{body}");
    }
}

//! Calls are decided before the server sees them, its results before the client does.

use callgate_contract::Code;
use callgate_engine::{Effect, Exchange, Ruling};
use serde_json::{Value, json};

use super::world::*;

const VIOLATION: &str = "callgate.dev/violation";

fn refused_call(on_violation: &str, role: &str, message: &Value) -> (Value, String) {
    let mut exchange = Exchange::new(gate(on_violation), "exchange-1");
    let answer = body(send(&mut exchange, role, message.to_string().as_bytes()));
    assert_eq!(answer["id"], 7);
    (answer, exchange.tally().verdict().into_owned())
}

#[test]
fn an_allowed_call_is_forwarded_with_canonical_arguments() {
    let message = call("get_time", json!({ "zone": "Oslo", "digits": 2.0 }));
    let (exchange, sent) = sent(&gate("refuse"), &message);
    assert_eq!(sent, call("get_time", json!({ "digits": 2, "zone": "Oslo" })));
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn a_refused_call_is_a_result_with_the_reason() {
    let table = [
        ("clerk", call("get_time", json!({ "zone": 7 })), "arguments_invalid", Some("/zone")),
        ("clerk", call("get_time", json!({})), "arguments_invalid", Some("/zone")),
        ("clerk", call("get_time", json!("Oslo")), "arguments_invalid", None),
        ("clerk", call("get_time", json!(null)), "arguments_invalid", None),
        ("clerk", request("tools/call", json!({ "name": "get_time" })), "arguments_invalid", Some("/zone")),
        ("clerk", call("rm_rf", json!({})), "tool_not_in_contract", None),
        ("viewer", call("set_alarm", json!({})), "role_forbidden", None),
        ("clerk", request("tools/call", json!({})), "call_malformed", None),
    ];
    for on_violation in ["refuse", "feedback"] {
        for (role, message, code, pointer) in &table {
            let (answer, verdict) = refused_call(on_violation, role, message);
            let result = &answer["result"];
            assert_eq!(result["isError"], true, "{message}");
            assert_eq!(result["_meta"][VIOLATION]["code"], *code, "{message}");
            assert_eq!(result["_meta"][VIOLATION]["pointer"].as_str(), *pointer, "{message}");
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.starts_with("Callgate refused the call of ") && text.contains(code), "{text}");
            assert_eq!(verdict, format!("refuse:{code}"));
        }
    }
}

#[test]
fn a_refused_call_is_an_error_with_on_violation_error() {
    let (answer, verdict) = refused_call("error", "clerk", &call("get_time", json!({ "zone": "x".repeat(21) })));
    assert_eq!(answer["error"]["code"], -32602);
    let data = json!({ "code": "arguments_invalid", "tool": "get_time", "pointer": "/zone" });
    assert_eq!(answer["error"]["data"], data);
    assert_eq!(verdict, "error:arguments_invalid");
    let (answer, _) = refused_call("error", "viewer", &call("set_alarm", json!({})));
    assert_eq!(answer["error"]["data"], json!({ "code": "role_forbidden", "tool": "set_alarm" }));
}

#[test]
fn a_tool_of_the_executor_never_reaches_the_server() {
    let mut exchange = Exchange::new(gate("error"), "exchange-1");
    let effect = send(&mut exchange, "clerk", call("lookup", json!({})).to_string().as_bytes());
    assert!(matches!(&effect, Effect::Run(batch) if batch.calls[0].tool == "lookup"), "{effect:?}");
}

fn result_of(on_violation: &str, tool: &str, result: &Value) -> (Value, String) {
    let arguments = if tool == "get_time" { json!({ "zone": "Oslo" }) } else { json!({}) };
    let (mut exchange, _) = sent(&gate(on_violation), &call(tool, arguments));
    let answer = body(answered(&mut exchange, &response(result.clone())));
    assert_eq!(answer["id"], 7);
    (answer, exchange.tally().verdict().into_owned())
}

#[test]
fn a_described_result_is_forwarded_alone() {
    let value = json!({ "time": "12:00" });
    let checked = |structured: bool| {
        let mut result = json!({ "content": [{ "type": "text", "text": value.to_string() }], "isError": false });
        if structured {
            result["structuredContent"] = value.clone();
        }
        result
    };
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let given = json!({ "content": text("POISON"), "structuredContent": value, "_meta": { "x": "POISON" } });
    assert_eq!(result_of("refuse", "get_time", &given).0["result"], checked(true));
    let given = json!({ "content": text(" { \"time\" : \"12:00\" } ") });
    assert_eq!(result_of("refuse", "get_time", &given).0["result"], checked(false));
    let failed = json!({ "content": text("no such zone"), "isError": true });
    assert_eq!(result_of("refuse", "get_time", &failed).0["result"], failed, "a failure is no result");
}

#[test]
fn a_result_that_does_not_fit_the_contract_is_withheld() {
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let table = [
        json!({ "content": text("SECRET") }),
        json!({ "content": text("{\"time\":7,\"more\":\"SECRET\"}") }),
        json!({ "content": text("{\"time\":\"12:00\"}"), "structuredContent": { "time": "12:00", "SECRET": 1 } }),
        json!({ "content": text("{\"time\":\"12:00\"}"), "structuredContent": { "SECRET": 1 }, "isError": true }),
        json!({ "content": [] }),
    ];
    for given in table {
        let (answer, verdict) = result_of("refuse", "get_time", &given);
        assert_eq!(answer["result"]["isError"], true, "{given}");
        assert_eq!(answer["result"]["_meta"][VIOLATION], json!({ "code": "output_invalid", "tool": "get_time" }));
        assert_eq!(verdict, "error:output_invalid");
        assert!(!answer.to_string().contains("SECRET"), "{answer}");
        let (answer, verdict) = result_of("error", "get_time", &given);
        assert_eq!(answer["error"]["data"]["code"], "output_invalid");
        assert_eq!(verdict, "error:output_invalid");
        assert!(!answer.to_string().contains("SECRET"), "{answer}");
    }
}

#[test]
fn a_result_that_the_contract_does_not_describe_keeps_its_bytes() {
    let content = json!([{ "type": "text", "text": "ok" }, { "type": "image", "data": "", "mimeType": "image/png" }]);
    let given = json!({ "content": content, "structuredContent": { "a": 1 }, "_meta": { "x": 1 } });
    let (answer, verdict) = result_of("refuse", "set_alarm", &given);
    assert_eq!((answer, verdict.as_str()), (response(given), "allow"));
    let (answer, _) = result_of("refuse", "set_alarm", &json!({ "content": [{ "type": "tool_use", "name": "x" }] }));
    assert_eq!(answer["error"]["data"]["code"], "upstream_invalid");
}

#[test]
fn every_call_is_written_down_with_the_verdict_that_it_got() {
    let table = [
        (call("get_time", json!({ "zone": "Oslo" })), "get_time", Ruling::Allow),
        (
            call("get_time", json!({ "zone": 7 })),
            "get_time",
            Ruling::Deny { code: Code::ArgumentsInvalid, pointer: "/zone".into() },
        ),
        (call("rm_rf", json!({})), "rm_rf", Ruling::Deny { code: Code::ToolNotInContract, pointer: String::new() }),
        (call("lookup", json!({})), "lookup", Ruling::Allow),
    ];
    for (message, tool, ruling) in table {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        send(&mut exchange, "clerk", message.to_string().as_bytes());
        let decisions = exchange.take_decisions().unwrap();
        assert_eq!(
            (decisions.correlation.exchange_id.as_str(), decisions.caller.role.as_str()),
            ("exchange-1", "clerk")
        );
        let [decision] = decisions.list.as_slice() else { panic!("{:?}", decisions.list) };
        assert_eq!((decision.tool.as_str(), &decision.ruling, decision.round), (tool, &ruling, 1), "{message}");
    }
    let (mut exchange, _) = sent(&gate("refuse"), &request("tools/list", json!({})));
    assert!(exchange.take_decisions().is_none(), "nothing else is a call");
}

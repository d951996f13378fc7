//! The model's calls, with `onViolation: refuse` and `error`: whole and streamed, every case.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::http::Accumulated;
use callgate_tests::upstream::script::{Round, ScriptedCall};
use serde_json::json;

use crate::world::{Ask, Cx, expect_error};

const OSLO: &str = r#"{"city":"Oslo"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "an allowed call reaches the client in canonical form" => canonical,
        "text and parallel calls reach the client in order" => parallel,
        "an unknown tool is refused by name" => unknown_tool,
        "a tool forbidden to the role is refused" => role,
        "bad arguments are refused with their JSON Pointer and never with their value" => pointer,
        "of two calls the good one is forwarded and the bad one is not" => one_of_two,
        "one call too many in a turn is refused, the others are forwarded" => too_many,
        "every choice of an answer is decided" => choices,
        "the legacy function_call is decided too" => legacy,
        "a call without a name is refused" => |cx: Cx| raw(cx, json!({"id": "c", "type": "function", "function": {"arguments": OSLO}}), "call_malformed"),
        "a call without an id gets one of the gate's" => |cx: Cx| given_an_id(cx, json!({"type": "function", "function": {"name": "get_weather", "arguments": OSLO}})),
        "a call with an empty id gets one of the gate's" => |cx: Cx| given_an_id(cx, json!({"id": "", "type": "function", "function": {"name": "get_weather", "arguments": OSLO}})),
        "of two calls with one id only one is forwarded" => same_id,
        "empty arguments mean {} if the schema accepts {}" => empty_arguments,
        "empty arguments are refused if the schema does not accept {}" => |cx: Cx| refused(cx, "get_weather", "", "arguments_not_json"),
        "the arguments `null` are refused" => |cx: Cx| refused(cx, "list_items", "null", "arguments_invalid"),
        "a null in place of the arguments' text is refused" => null_arguments,
        "an array as arguments is refused" => |cx: Cx| refused(cx, "list_items", "[]", "arguments_invalid"),
        "a duplicate key in the arguments is refused" => |cx: Cx| refused(cx, "get_weather", r#"{"city":"Oslo","city":"Rome"}"#, "arguments_not_json"),
        "truncated arguments are refused" => |cx: Cx| refused(cx, "get_weather", r#"{"city":"Os"#, "arguments_not_json"),
        "bytes after the arguments are refused" => |cx: Cx| refused(cx, "get_weather", r#"{"city":"Oslo"}{}"#, "arguments_not_json"),
        "arguments nested two hundred deep are refused" => deep,
        "arguments of a megabyte are refused by the schema" => huge,
        "a name with control characters and markup is refused and made harmless" => strange_name,
        "with onViolation: error a refused call is an error" => error,
        "with onViolation: error a good turn is forwarded" => error_good,
    }
}

/// Asks for one call, whole and streamed; the answer must refuse it and carry no call.
async fn refused(cx: Cx, tool: &'static str, arguments: &'static str, code: &'static str) {
    refusal(&cx, &Ask::script(Round::call(tool, arguments)), code).await;
}

async fn raw(cx: Cx, call: serde_json::Value, code: &'static str) {
    refusal(&cx, &Ask::script(Round::default().and_raw(call)), code).await;
}

/// The call reaches the client, whole and streamed, under the same id.
async fn given_an_id(cx: Cx, made: serde_json::Value) {
    let answer = cx.both("refuse", &Ask::script(Round::default().and_raw(made))).await;
    let choice = answer.first();
    let [(id, name, arguments)] = choice.calls.as_slice() else { panic!("one call: {answer:?}") };
    assert_eq!((name.as_str(), arguments.as_str()), ("get_weather", OSLO));
    assert!(!id.is_empty());
}

async fn refusal(cx: &Cx, ask: &Ask, code: &str) -> Accumulated {
    let answer = cx.both("refuse", ask).await;
    let choice = answer.first();
    assert_eq!(choice.calls, [], "no call goes on");
    assert_eq!(choice.finish.as_deref(), Some("stop"));
    assert!(choice.text.contains("Callgate refused the call of"), "{}", choice.text);
    assert!(choice.text.contains(&format!("({code}")), "{code}: {}", choice.text);
    answer
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.into(), name.into(), arguments.into())
}

async fn canonical(cx: Cx) {
    let loose = "{ \"days\" : 3.0,\n \"city\":\"\\u004fslo\" }";
    let answer = cx.both("refuse", &Ask::script(Round::call("get_weather", loose))).await;
    assert_eq!(answer.first().calls, [call("call_0_0_0", "get_weather", r#"{"city":"Oslo","days":3}"#)]);
    assert_eq!(answer.first().finish.as_deref(), Some("tool_calls"));
}

async fn parallel(cx: Cx) {
    let round = Round { text: vec!["I ".into(), "look.".into()], ..Round::default() }
        .and_call("get_weather", OSLO)
        .and_call("list_items", "{}")
        .and_call("get_weather", r#"{"city":"Rome"}"#);
    let answer = cx.both("refuse", &Ask::script(round)).await.first();
    assert_eq!(answer.text, "I look.");
    let expected = [
        call("call_0_0_0", "get_weather", OSLO),
        call("call_0_0_1", "list_items", "{}"),
        call("call_0_0_2", "get_weather", r#"{"city":"Rome"}"#),
    ];
    assert_eq!(answer.calls, expected);
}

async fn unknown_tool(cx: Cx) {
    let answer = refusal(&cx, &Ask::script(Round::call("delete_everything", "{}")), "tool_not_in_contract").await;
    assert!(answer.first().text.contains("`delete_everything`"), "{}", answer.first().text);
}

async fn role(cx: Cx) {
    let mail = r#"{"text":"hi","to":"ops@example.com"}"#;
    let ask = Ask::script(Round::call("send_mail", mail)).role("viewer").tools(&["get_weather"]);
    refusal(&cx, &ask, "role_forbidden").await;
    let answer = cx.both("refuse", &Ask::script(Round::call("send_mail", mail))).await;
    assert_eq!(answer.first().calls, [call("call_0_0_0", "send_mail", mail)], "a clerk may");
}

async fn pointer(cx: Cx) {
    let arguments = r#"{"city":"xyzzy-secret","days":4711}"#;
    let answer = refusal(&cx, &Ask::script(Round::call("get_weather", arguments)), "arguments_invalid at /days").await;
    let text = answer.first().text;
    assert!(!text.contains("4711") && !text.contains("xyzzy"), "{text}");
    let extra = r#"{"city":"Oslo","really":true}"#;
    refusal(&cx, &Ask::script(Round::call("get_weather", extra)), "arguments_invalid").await;
}

async fn one_of_two(cx: Cx) {
    let round = Round::call("get_weather", OSLO).and_call("get_weather", r#"{"city":""}"#);
    let answer = cx.both("refuse", &Ask::script(round)).await.first();
    assert_eq!(answer.calls, [call("call_0_0_0", "get_weather", OSLO)]);
    assert_eq!(answer.finish.as_deref(), Some("tool_calls"));
    assert!(answer.text.contains("arguments_invalid at /city"), "{}", answer.text);
}

async fn too_many(cx: Cx) {
    let round = (0..5).fold(Round::default(), |round, _| round.and_call("get_weather", OSLO));
    let answer = cx.both("refuse", &Ask::script(round)).await.first();
    assert_eq!(answer.calls.len(), 4);
    assert!(answer.text.contains("(limit_exceeded"), "{}", answer.text);
}

async fn choices(cx: Cx) {
    let bad = Round::call("delete_everything", "{}");
    let text = Round::say("no call here");
    let round = Round { also: vec![bad, text], ..Round::call("get_weather", OSLO) };
    let answer = cx.both("refuse", &Ask::script(round).tools(&["get_weather"]).with("n", json!(3))).await;
    assert_eq!(answer.choices.len(), 3);
    assert_eq!(answer.choices[0].calls, [call("call_0_0_0", "get_weather", OSLO)]);
    assert_eq!((answer.choices[1].calls.len(), answer.choices[1].finish.as_deref()), (0, Some("stop")));
    assert!(answer.choices[1].text.contains("tool_not_in_contract"));
    assert_eq!(answer.choices[2].text, "no call here");
}

async fn legacy(cx: Cx) {
    let function = |arguments: &str| Round {
        function: Some(ScriptedCall {
            name: "get_weather".into(),
            arguments: arguments.into(),
            ..ScriptedCall::default()
        }),
        ..Round::default()
    };
    let functions = json!([{"name": "get_weather", "parameters": {"type": "object"}}]);
    let ask = |round| {
        let mut ask = Ask::script(round).with("functions", functions.clone());
        ask.body.as_object_mut().unwrap().remove("tools");
        ask
    };
    let answer = cx.both("refuse", &ask(function(r#"{"city" : "Oslo"}"#))).await.first();
    assert_eq!((answer.calls, answer.finish.as_deref()), (vec![call("", "get_weather", OSLO)], Some("function_call")));
    let seen = cx.upstream().recorder().bodies().remove(0);
    assert_eq!(seen["functions"][0]["parameters"]["properties"]["days"]["maximum"], 7, "the contract's own schema");
    refusal(&cx, &ask(function("{}")), "arguments_invalid").await;
}

async fn same_id(cx: Cx) {
    let one = |city: &str| json!({"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": json!({"city": city}).to_string()}});
    let answer =
        cx.both("refuse", &Ask::script(Round::default().and_raw(one("Oslo")).and_raw(one("Rome")))).await.first();
    assert_eq!(answer.calls, [call("c", "get_weather", OSLO)]);
    assert!(answer.text.contains("call_malformed"), "{}", answer.text);
}

async fn empty_arguments(cx: Cx) {
    let answer = cx.both("refuse", &Ask::script(Round::call("list_items", ""))).await.first();
    assert_eq!(answer.calls, [call("call_0_0_0", "list_items", "{}")]);
}

async fn null_arguments(cx: Cx) {
    let call = json!({"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": null}});
    let ask = Ask::script(Round::default().and_raw(call));
    let (status, body) = cx.whole("refuse", &ask).await;
    let text = body.to_string();
    assert!(status == 502 || text.contains("Callgate refused"), "{status} {text}");
    assert!(!text.contains("\"tool_calls\":[{"), "no call goes on: {text}");
    assert_eq!(cx.streamed("refuse", &ask).await.first().calls, []);
}

async fn deep(cx: Cx) {
    let arguments = format!(r#"{{"city":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    refusal(&cx, &Ask::script(Round::call("get_weather", &arguments)), "arguments_not_json").await;
}

async fn huge(cx: Cx) {
    // The user message carries the script, so the arguments stay below the request's own limit.
    let arguments = json!({"city": "x".repeat(900_000)}).to_string();
    let answer = refusal(&cx, &Ask::script(Round::call("get_weather", &arguments)), "arguments_invalid at /city").await;
    assert!(answer.first().text.len() < 1000);
}

async fn strange_name(cx: Cx) {
    let name = format!("get_weather\u{0}\n\u{202e}`<script>{}", "x".repeat(500));
    let answer = refusal(&cx, &Ask::script(Round::call(&name, OSLO)), "tool_not_in_contract").await;
    let text = answer.first().text;
    assert!(text.len() < 500 && !text.contains(['\u{0}', '\n', '\u{202e}']), "{text:?}");
}

async fn error(cx: Cx) {
    let round = Round { text: vec!["Right away.".into()], ..Round::call("delete_everything", r#"{"really":"xyzzy"}"#) };
    let ask = Ask::script(round);
    let (status, body) = cx.whole("error", &ask).await;
    expect_error(status, &body, 400, "tool_not_in_contract");
    let streamed = cx.streamed("error", &ask).await;
    assert_eq!(streamed.first().text, "Right away.", "what was undecided was held, not the text before it");
    assert_eq!(streamed.first().calls, []);
    assert_eq!(streamed.error.clone().unwrap()["code"], "tool_not_in_contract");
    assert!(!format!("{streamed:?}").contains("xyzzy"));
    let pointer = Ask::script(Round::call("get_weather", r#"{"city":"Oslo","days":8}"#));
    let (status, body) = cx.whole("error", &pointer).await;
    expect_error(status, &body, 400, "arguments_invalid");
    assert_eq!(body["error"]["param"], "/days");
}

async fn error_good(cx: Cx) {
    let answer = cx.both("error", &Ask::script(Round::call("get_weather", OSLO))).await.first();
    assert_eq!(answer.calls, [call("call_0_0_0", "get_weather", OSLO)]);
}

//! Calls whose arguments arrive in pieces: put together, and released whole.

use callgate_wire::{Call, Delta, Form, ReleasePolicy, StreamError};
use serde_json::{Value, json};

use crate::common::{STREAM, WHOLE, ended, event, events, of_parts, piece, request, stream};
use crate::suite;

fn part(call: Value) -> String {
    piece(json!([{ "functionCall": call }]))
}

/// The event of a part of one string.
fn string(path: &str, text: &str, more: bool) -> String {
    let mut argument = json!({ "jsonPath": path, "stringValue": text });
    if more {
        argument["willContinue"] = json!(true);
    }
    part(json!({ "partialArgs": [argument], "willContinue": true }))
}

fn end() -> String {
    event(&of_parts(json!([{ "text": "" }])))
}

fn read(text: &str) -> Result<Vec<Call>, StreamError> {
    let deltas = ended(&mut *stream(), &[text.as_bytes()])?;
    Ok(deltas
        .into_iter()
        .filter_map(|delta| match delta {
            Delta::Fragment { call, .. } => Some(call),
            _ => None,
        })
        .collect())
}

/// Two calls as Vertex AI streams them.
fn ordinary() -> String {
    let signed = json!([{ "functionCall": { "name": "f", "willContinue": true }, "thoughtSignature": "c2ln" }]);
    piece(signed)
        + &string("$.city", "Os", true)
        + &string("$.city", "lo", true)
        + &string("$.city", "", false)
        + &part(json!({ "willContinue": true }))
        + &part(json!({ "partialArgs": [{ "jsonPath": "$.days[0]", "numberValue": 2 }], "willContinue": true }))
        + &part(json!({}))
        + &part(json!({ "name": "f", "id": "x", "willContinue": true }))
        + &part(json!({ "partialArgs": [{ "jsonPath": "$.days[0]", "numberValue": 3 }] }))
        + &end()
}

#[test]
fn a_call_in_pieces_is_given_out_whole_and_once() {
    let calls = read(&ordinary()).unwrap();
    let seen: Vec<_> =
        calls.iter().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect();
    assert_eq!(seen, [("call_0", "f", r#"{"city":"Oslo","days":[2]}"#), ("x", "f", r#"{"days":[3]}"#)]);
    assert!(calls.iter().all(|call| call.form == Form::Tool));
    assert_eq!(calls[0].extra["thoughtSignature"], "c2ln");
}

#[test]
fn the_client_gets_one_whole_call_with_its_signature() {
    for policy in [ReleasePolicy::Call, ReleasePolicy::Turn] {
        let mut stream = stream();
        let framing = callgate_wire::framing::Framing::Sse;
        let out = suite::carried(framing, &mut *stream, ordinary().as_bytes(), policy, &suite::keep);
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(!text.contains("partialArgs") && !text.contains("willContinue"), "{text}");
        let parts: Vec<Value> = events(&out)
            .iter()
            .flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().cloned().unwrap())
            .collect();
        let calls: Vec<&Value> = parts.iter().filter(|part| part.get("functionCall").is_some()).collect();
        let first = json!({ "functionCall": { "name": "f", "args": { "city": "Oslo", "days": [2] } }, "thoughtSignature": "c2ln" });
        let second = json!({ "functionCall": { "id": "x", "name": "f", "args": { "days": [3] } } });
        assert_eq!(calls, [&first, &second]);
    }
}

#[test]
fn an_unfinished_call_has_arguments_that_are_no_json() {
    let begun = part(json!({ "name": "f", "willContinue": true }));
    let table = [
        begun.clone() + &end(),
        begun.clone() + &string("$.city", "Os", true) + &end(),
        // The call ends in the midst of a string.
        begun.clone() + &string("$.city", "Os", true) + &part(json!({})) + &end(),
        part(json!({ "name": "f", "partialArgs": [{ "jsonPath": "$.a", "stringValue": "x", "willContinue": true }] }))
            + &end(),
    ];
    for text in table {
        let calls = read(&text).unwrap();
        assert_eq!(calls.len(), 1, "{text}");
        assert!(
            !calls[0].arguments.is_empty() && callgate_json::read(calls[0].arguments.as_bytes()).is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_call_that_contradicts_itself_is_unclear() {
    let twice = string("$.city", "Oslo", false) + &string("$.city", "Rome", false);
    for pieces in [twice, string("$.city", "x", false) + &string("$.city.b", "y", false), string("$.*", "x", false)] {
        let text = part(json!({ "name": "f", "willContinue": true })) + &pieces + &part(json!({})) + &end();
        assert_eq!(read(&text).unwrap()[0].form, Form::Unclear, "{text}");
    }
}

#[test]
fn pieces_out_of_order_end_the_stream() {
    let begun = part(json!({ "name": "f", "willContinue": true }));
    for text in [
        string("$.a", "x", false),
        part(json!({ "willContinue": true })),
        begun.clone() + &part(json!({ "name": "g", "args": {} })),
        begun.clone() + &part(json!({ "name": "g", "willContinue": true })),
        begun.clone() + &part(json!({ "id": "other" })),
        begun.clone() + &part(json!({ "name": "f", "args": { "a": 1 } })),
        part(json!({ "name": "f", "args": { "a": 1 }, "willContinue": true })),
        part(json!({ "name": "f", "willContinue": "true" })),
        part(json!({ "name": "f", "partialArgs": {} })),
        part(json!({ "name": "f", "will_continue": true })),
        part(json!({ "name": "f", "PartialArgs": [{}] })),
    ] {
        assert!(read(&(text.clone() + &end())).is_err(), "{text}");
    }
    // The end of a call may come twice; without a call before it, it is a call without a name.
    let twice = begun + &part(json!({})) + &part(json!({})) + &end();
    assert_eq!(read(&twice).unwrap().len(), 1);
    assert_eq!(read(&(part(json!({})) + &end())).unwrap()[0].name, "");
}

#[test]
fn pieces_are_bounded() {
    let mut text = part(json!({ "name": "f", "willContinue": true }));
    for _ in 0..9 {
        text += &string("$.a", &"x".repeat(1 << 20), true);
    }
    assert!(read(&text).is_err());
}

#[test]
fn a_further_round_asks_for_whole_arguments() {
    for (config, left) in [
        (r#"{"functionCallingConfig":{"mode":"AUTO","streamFunctionCallArguments":true}}"#, r#"{"mode":"AUTO"}"#),
        (r#"{"function_calling_config":{"stream_function_call_arguments":true}}"#, "{}"),
    ] {
        let body = format!(r#"{{"contents":[],"toolConfig":{config}}}"#);
        let mut asked = request(STREAM, &body).unwrap();
        assert_eq!(asked.write(), body.as_bytes());
        asked.answer_whole();
        let expected = format!(r#"{{"contents":[],"toolConfig":{{"functionCallingConfig":{left}}}}}"#);
        assert_eq!(String::from_utf8(asked.write()).unwrap(), expected);
        assert!(request(WHOLE, &body).is_ok(), "the provider refuses it itself");
    }
}

//! Whole answers: their calls, refused and written bodies.

use callgate_json::Map;
use callgate_wire::{Call, ChoiceIndex, Earlier, Fate, ReleasePolicy};
use serde_json::{Value, json};

use crate::common::answer;
use crate::kit::{call, message, reasoning, response, said};

fn with(item: Value) -> String {
    response(&[item]).to_string()
}

fn body(answer: &dyn callgate_wire::Answer) -> Value {
    serde_json::from_slice(&answer.write()).unwrap()
}

#[test]
fn calls_are_found_among_the_items_with_what_stands_beside_them() {
    let output = [reasoning("Hm"), message("Look."), call("c1", "f", "{ }"), call("c2", "g", "")];
    let answer = answer(&response(&output).to_string(), &[]).unwrap();
    let extra = |id: &str| Map::from_iter([("id".into(), json!(id)), ("status".into(), json!("completed"))]);
    let of = |id: &str, name: &str, arguments: &str| Call {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        extra: extra(&format!("fc_{id}")),
        ..Call::default()
    };
    assert_eq!(answer.calls(), [[of("c1", "f", "{ }"), of("c2", "g", "")]]);
    assert_eq!(answer.said(ChoiceIndex::FIRST), [reasoning("Hm"), message("Look.")]);
    assert_eq!(answer.usage().unwrap()["total_tokens"], 12);
}

#[test]
fn what_repeats_the_request_is_no_call_and_stays() {
    let mut body = response(&[message("Hi")]);
    body["instructions"] = json!([call("c0", "f", "{}"), { "type": "function_call_output", "call_id": "c0" }]);
    body["tool_choice"] = json!({ "type": "function", "name": "f" });
    body["metadata"] = json!({ "type": "function_call" });
    body["text"] = json!({ "format": { "schema": { "properties": { "tool_calls": { "type": "array" } } } } });
    let text = format!(" {body}\n");
    let answer = answer(&text, &[]).unwrap();
    assert_eq!(answer.calls(), [[]]);
    assert_eq!(String::from_utf8(answer.write()).unwrap(), text);
}

#[test]
fn answers_that_could_hide_a_call_are_refused() {
    let stray = |key: &str, value: Value| {
        let mut body = response(&[]);
        body[key] = value;
        body.to_string()
    };
    let changed = |key: &str, value: Value| {
        let mut call = call("c1", "f", "{}");
        call[key] = value;
        with(call)
    };
    let part = |part: Value| with(json!({ "type": "message", "role": "assistant", "content": [part] }));
    let table = [
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"output":null}"#.to_owned(),
        r#"{"output":{}}"#.to_owned(),
        r#"{"output":[],"output":[]}"#.to_owned(),
        r#"{"output":[],"\u006futput":[]}"#.to_owned(),
        r#"{"output":[],"Output":[]}"#.to_owned(),
        with(json!("function_call")),
        with(json!({ "name": "f" })),
        with(json!({ "type": "invented", "call_id": "c1" })),
        with(json!({ "type": "browser_call", "url": "u" })),
        with(json!({ "type": "reasoning", "summary": [{ "type": "invented", "action": { "type": "run" } }] })),
        with(json!({ "type": "Function_call", "name": "f" })),
        with(json!({ "type": "message", "Type": "function_call" })),
        with(json!({ "type": "message", "content": "text" })),
        with(json!({ "type": "message", "content": [], "tool_calls": [{ "name": "f" }] })),
        with(json!({ "type": "message", "content": [], "Content": [] })),
        with(json!({ "type": "function_call_output", "call_id": "c1", "output": "" })),
        part(json!({ "type": "tool_use", "name": "f" })),
        part(json!({ "type": "output_text", "text": "", "annotations": [{ "type": "function_call" }] })),
        part(json!("text")),
        changed("function", json!({ "name": "g" })),
        changed("Name", json!("g")),
        changed("ARGUMENTS", json!("{}")),
        changed("arguments", json!({})),
        changed("name", json!(["f"])),
        changed("call_id", json!(1)),
        changed("other", json!({ "type": "function_call" })),
        stray("required_action", json!({ "tool_calls": [{ "name": "f" }] })),
        stray("error", json!({ "item": { "type": "function_call" } })),
    ];
    for text in table {
        assert!(answer(&text, &[]).is_err(), "{text}");
    }
    let many: Vec<Value> = (0..1025).map(|n| call(&n.to_string(), "f", "{}")).collect();
    assert!(answer(&response(&many).to_string(), &[]).is_err());
    assert!(answer(&response(&many[1..]).to_string(), &[]).is_ok());
}

#[test]
fn what_a_tool_of_the_provider_made_is_there_only_where_it_was_asked_for() {
    let table = [
        ("web_search_call", "web_search"),
        ("web_search_call", "web_search_preview"),
        ("web_search_call", "web_search_preview_2025_03_11"),
        ("file_search_call", "file_search"),
        ("code_interpreter_call", "code_interpreter"),
        ("image_generation_call", "image_generation"),
        ("mcp_call", "mcp"),
        ("mcp_list_tools", "mcp"),
        ("mcp_approval_request", "mcp"),
        ("shell_call_output", "hosted_shell"),
        ("tool_search_call", "tool_search"),
        ("tool_search_output", "tool_search"),
        ("program", "programmatic_tool_calling"),
    ];
    for (kind, tool) in table {
        let text = with(json!({ "id": "x", "type": kind, "tools": [{ "type": "function", "name": "f" }] }));
        let asked = answer(&text, &["function_call", tool]).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(asked.calls(), [[]], "what the provider ran is no call");
        assert_eq!(asked.write(), text.as_bytes());
        for others in [&[][..], &["other", "function_call", "w", "web", "web_searching", "local"]] {
            assert!(answer(&text, others).is_err(), "{kind} of {others:?}");
        }
    }
}

#[test]
fn what_replaces_a_call_stands_where_it_stood_or_after_all_else() {
    let output = [message("A"), call("c1", "f", "{}"), call("c2", "g", "{ }"), reasoning("B")];
    let told = |hold: ReleasePolicy| {
        let mut answer = answer(&response(&output).to_string(), &[]).unwrap();
        let kept = Call { arguments: "{}".into(), ..answer.calls()[0][1].clone() };
        answer.settle(ChoiceIndex::FIRST, vec![Fate::Replace("No.".into()), Fate::Keep(kept.clone())], hold);
        assert_eq!(answer.calls(), [[kept]]);
        assert_eq!(answer.said(ChoiceIndex::FIRST).len(), 3);
        body(&*answer)
    };
    let ours = |place: usize| {
        let mut ours = message("No.");
        ours["id"] = json!(format!("msg_callgate_{place}_1"));
        ours
    };
    let kept = call("c2", "g", "{}");
    assert_eq!(told(ReleasePolicy::Call)["output"], json!([message("A"), ours(1), kept, reasoning("B")]));
    assert_eq!(told(ReleasePolicy::Turn)["output"], json!([message("A"), reasoning("B"), ours(2), kept]));
}

#[test]
fn members_that_do_not_change_keep_their_bytes() {
    let text = r#"{ "id" : "resp_1", "output":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}","x":1}], "temperature": 1.0,
        "output_text" : "", "usage": {"total_tokens": 1} }"#;
    let mut answer = answer(text, &[]).unwrap();
    let same = answer.calls()[0][0].clone();
    answer.settle(ChoiceIndex::FIRST, vec![Fate::Keep(same)], ReleasePolicy::Turn);
    assert_eq!(String::from_utf8(answer.write()).unwrap(), text, "nothing differs");
    answer.settle(ChoiceIndex::FIRST, vec![Fate::Replace("No.".into())], ReleasePolicy::Turn);
    let written = String::from_utf8(answer.write()).unwrap();
    assert!(written.contains(r#""temperature":1.0,"#) && !written.contains("\"f\""), "{written}");
    assert!(written.contains(r#""output_text":"No.""#), "what repeats the texts follows them: {written}");
}

#[test]
fn an_id_of_ours_fits_the_api() {
    let mut whole = response(&[call("c1", "f", "{}")]);
    whole["id"] = json!(format!("resp_{}<&\"{}", "a".repeat(30), "b".repeat(200)));
    let mut answer = answer(&whole.to_string(), &[]).unwrap();
    answer.settle(ChoiceIndex::FIRST, vec![Fate::Replace("No.".into())], ReleasePolicy::Call);
    let id = body(&*answer)["output"][0]["id"].as_str().unwrap().to_owned();
    assert!(id.len() <= 64 && id.starts_with("msg_callgate_0_aaa"), "{id}");
    assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'), "{id}");
}

#[test]
fn what_earlier_turns_said_comes_first_and_what_they_used_is_added() {
    let mut answer = answer(&response(&[message("Found.")]).to_string(), &[]).unwrap();
    let usage = json!({ "input_tokens": 1, "total_tokens": 30, "output_tokens_details": { "reasoning_tokens": 4 } });
    answer.prepend(&[
        Earlier { said: vec![reasoning("Hm"), message("Look.")], usage: Some(usage) },
        Earlier { said: Vec::new(), usage: None },
    ]);
    let body = body(&*answer);
    assert_eq!(body["output"], json!([reasoning("Hm"), message("Look."), message("Found.")]));
    assert_eq!(said(&body).0, "Look.Found.");
    let usage = &body["usage"];
    assert_eq!((&usage["input_tokens"], &usage["total_tokens"]), (&json!(6), &json!(42)));
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 4);
}

//! Whole answers: read, refused, rewritten.

use callgate_json::Value;
use callgate_wire::anthropic_messages::{AnthropicMessages, MessagesAnswer};
use callgate_wire::{
    Answer as _, Call, CallResult, ChoiceIndex, Dialect as _, Earlier, Fate, Form, ReleasePolicy, Target,
};
use serde_json::json;

use crate::suite::{replaced, tool_call};

const CALLS: &str = r#"{ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
  "content": [ {"type": "thinking", "thinking": "Hm\u002e", "signature": "SIG=="},
    { "type":"text", "text": "Sure." },
    {"type": "tool_use", "id": "a", "name": "f", "input": { "x": 1.0 , "y":"\u00e9" }, "caller": {"type": "direct"}},
    {"type": "text", "text": "And"},
    {"type":"tool_use","id":"b","name":"g","input":{}} ],
  "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 5, "service_tier": "standard"} }"#;

fn read(text: &str) -> MessagesAnswer {
    MessagesAnswer::read(&[], text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(answer: &MessagesAnswer) -> String {
    String::from_utf8(answer.write()).unwrap()
}

fn content(blocks: &str) -> String {
    format!(r#"{{"type":"message","content":[{blocks}],"stop_reason":"tool_use"}}"#)
}

fn keep(call: &Call, arguments: &str) -> Fate {
    Fate::Keep(Call { arguments: arguments.to_owned(), ..call.clone() })
}

#[test]
fn calls_are_found_word_for_word() {
    let answer = read(CALLS);
    let calls = answer.calls();
    let [[a, b]] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((a.id.as_str(), a.name.as_str(), a.arguments.as_str()), ("a", "f", r#"{ "x": 1.0 , "y":"\u00e9" }"#));
    assert_eq!(a.extra["caller"], json!({ "type": "direct" }));
    assert_eq!(*b, tool_call("b", "g", "{}"));
    assert_eq!(written(&answer), CALLS, "and nothing is changed");
    assert_eq!(answer.said(ChoiceIndex::FIRST).len(), 3);
    assert!(answer.said(ChoiceIndex::new(1)).is_empty());
    assert_eq!(answer.usage().unwrap()["input_tokens"], 10);
}

#[test]
fn a_number_in_a_call_that_is_rounded_stays_so_for_the_decision() {
    let text = content(r#"{"type":"tool_use","id":"a","name":"f","input":{"x":0.10000000000000000001}}"#);
    assert_eq!(read(&text).calls()[0][0].arguments, r#"{"x":0.10000000000000000001}"#);
}

#[test]
fn an_input_that_is_missing_or_a_text_is_read_as_the_object_that_it_means() {
    for (input, arguments, forwarded) in [
        ("", "{}", r#","input":{}"#),
        (r#","input":null"#, "{}", r#","input":{}"#),
        (r#","input":"""#, "{}", r#","input":{}"#),
        (r#","input":"{\"x\": 1}""#, r#"{"x": 1}"#, r#","input":{"x": 1}"#),
        (r#","input":"{\"x\":1,\"x\":2}""#, r#""{\"x\":1,\"x\":2}""#, r#","input":"{\"x\":1,\"x\":2}""#),
        (r#","input":"text""#, r#""text""#, r#","input":"text""#),
        (r#","input":[1]"#, "[1]", r#","input":[1]"#),
    ] {
        let text = |input: &str| content(&format!(r#"{{"type":"tool_use","id":"a","name":"f"{input}}}"#));
        let mut answer = read(&text(input));
        let calls = answer.calls()[0].to_vec();
        assert_eq!(calls[0].arguments, arguments, "{input}");
        answer.settle(ChoiceIndex::FIRST, vec![Fate::Keep(calls[0].clone())], ReleasePolicy::Call);
        assert_eq!(written(&answer), text(forwarded), "{input}");
    }
}

#[test]
fn a_call_without_an_id_gets_one_that_the_client_sees_too() {
    let text = content(
        r#"{"type":"tool_use","id":"","name":"f","input":{}},{"type":"tool_use","id":"b","name":"g","input":{}},{"type":"tool_use","name":"h","input":{}}"#,
    );
    let mut answer = read(&text);
    let calls = answer.calls()[0].to_vec();
    assert_eq!(calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["call_0", "b", "call_2"]);
    answer.settle(ChoiceIndex::FIRST, calls.into_iter().map(Fate::Keep).collect(), ReleasePolicy::Call);
    let body: Value = serde_json::from_str(&written(&answer)).unwrap();
    let ids: Vec<&Value> = body["content"].as_array().unwrap().iter().map(|block| &block["id"]).collect();
    assert_eq!(ids, ["call_0", "b", "call_2"]);
}

#[test]
fn a_call_of_a_toolset_is_named_after_its_family_and_written_as_it_came() {
    let block = r#"{"type":"tool_use","id":"a","name":"left_click","input":{ "x":1},"toolset_name":"browser"}"#;
    let mut answer = read(&content(block));
    let call = answer.calls()[0][0].clone();
    assert_eq!((call.name.as_str(), call.form), ("browser__left_click", Form::Tool));
    answer.settle(ChoiceIndex::FIRST, vec![keep(&call, r#"{"x":1}"#)], ReleasePolicy::Call);
    assert_eq!(written(&answer), content(&block.replace("{ \"x\"", "{\"x\"")));
    let other = keep(&Call { id: "b".to_owned(), ..call }, "{}");
    answer.settle(ChoiceIndex::FIRST, vec![other], ReleasePolicy::Call);
    let body: Value = serde_json::from_str(&written(&answer)).unwrap();
    let expected =
        json!({ "type": "tool_use", "id": "b", "name": "left_click", "input": {}, "toolset_name": "browser" });
    assert_eq!(body["content"], json!([expected]));
}

#[test]
fn calls_of_unknown_families_and_callers_are_unknown() {
    let code = r#"{"type":"code_execution_20260120","tool_id":"srvtoolu_1"}"#;
    for (members, form) in [
        (r#""toolset_name":null"#, Form::Tool),
        (r#""toolset_name":"desktop""#, Form::Unknown),
        (r#""caller":null"#, Form::Tool),
        (r#""caller":{"type":"direct"}"#, Form::Tool),
        (r#""caller":{"type":"direct","tool_id":"x"}"#, Form::Unknown),
        (&format!(r#""caller":{code}"#), Form::Tool),
        (r#""caller":{"type":"code_execution_20260120","tool_id":"x","more":1}"#, Form::Unknown),
        (r#""caller":{"type":"agent_1"}"#, Form::Unknown),
        (r#""caller":{}"#, Form::Unknown),
    ] {
        let text = content(&format!(r#"{{"type":"tool_use","id":"a","name":"f","input":{{}},{members}}}"#));
        let answer = MessagesAnswer::read(&["code_execution_20260120"], text.as_bytes()).unwrap();
        assert_eq!(answer.calls()[0][0].form, form, "{members}");
    }
    for members in [
        format!(r#""caller":{code}"#),
        r#""caller":"direct""#.to_owned(),
        r#""toolset_name":1"#.to_owned(),
        r#""Caller":{}"#.to_owned(),
    ] {
        let text = content(&format!(r#"{{"type":"tool_use","id":"a","name":"f","input":{{}},{members}}}"#));
        assert!(
            MessagesAnswer::read(&[], text.as_bytes()).is_err(),
            "{members}: the request has no code that calls tools"
        );
    }
}

#[test]
fn every_member_of_a_call_survives() {
    let call = r#"{"type":"tool_use","id":"a","name":"f","input":{ "x":1},"caller":{"type":"direct"},"cache_control":{"type":"ephemeral","ttl":"1h"},"signature":"SIG=="}"#;
    let mut answer = read(&content(call));
    let calls = answer.calls()[0].to_vec();
    let extra = json!({ "caller": { "type": "direct" }, "cache_control": { "type": "ephemeral", "ttl": "1h" }, "signature": "SIG==" });
    assert_eq!(Value::Object(calls[0].extra.clone()), extra);
    answer.settle(ChoiceIndex::FIRST, vec![keep(&calls[0], r#"{"x":1}"#)], ReleasePolicy::Call);
    assert_eq!(written(&answer), content(&call.replace("{ \"x\"", "{\"x\"")));
}

#[test]
fn a_block_of_an_unknown_kind_is_dropped_if_it_carries_no_call() {
    let text = content(
        r#"{"type":"note","text":"x"} , {"type":"text","text":"y"}, {"type":"image","source":{"data":"AA=="}}"#,
    );
    let answer = read(&text);
    assert_eq!(written(&answer), content(r#"{"type":"text","text":"y"}"#));
    assert_eq!(answer.said(ChoiceIndex::FIRST), [json!({ "type": "text", "text": "y" })]);
}

#[test]
fn calls_keep_their_place_and_what_replaces_one_takes_it() {
    let mut answer = read(CALLS);
    let calls = answer.calls()[0].to_vec();
    answer.settle(
        ChoiceIndex::FIRST,
        vec![keep(&calls[0], r#"{"x":1,"y":"é"}"#), keep(&calls[1], "{}")],
        ReleasePolicy::Call,
    );
    insta::assert_snapshot!("canonical", written(&answer));
    let calls = answer.calls()[0].to_vec();
    answer.settle(
        ChoiceIndex::FIRST,
        vec![replaced("Refused \"f\"."), Fate::Keep(calls[1].clone())],
        ReleasePolicy::Call,
    );
    insta::assert_snapshot!("one_call_less", written(&answer));
    answer.settle(ChoiceIndex::FIRST, vec![replaced("Refused g.")], ReleasePolicy::Call);
    insta::assert_snapshot!("no_call_left", written(&answer));
    answer.settle(ChoiceIndex::FIRST, vec![], ReleasePolicy::Call);
    answer.settle(ChoiceIndex::new(7), vec![], ReleasePolicy::Call);
    assert!(answer.calls()[0].is_empty());
}

#[test]
fn calls_that_were_held_to_the_end_come_after_all_else() {
    let mut answer = read(CALLS);
    let calls = answer.calls()[0].to_vec();
    answer.settle(ChoiceIndex::FIRST, vec![replaced("No."), Fate::Keep(calls[1].clone())], ReleasePolicy::Turn);
    let body: Value = serde_json::from_str(&written(&answer)).unwrap();
    let kinds: Vec<_> =
        body["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "text", "text", "text", "tool_use"]);
    assert_eq!((&body["content"][3]["text"], &body["stop_reason"]), (&json!("No."), &json!("tool_use")));
}

#[test]
fn a_call_without_a_fate_goes_nowhere() {
    let mut answer = read(CALLS);
    answer.settle(ChoiceIndex::FIRST, vec![], ReleasePolicy::Call);
    assert!(!written(&answer).contains("tool_use"));
}

#[test]
fn nothing_changes_where_nothing_differs() {
    for hold in [ReleasePolicy::Call, ReleasePolicy::Turn] {
        let text = content(r#"{"type":"text","text":"x"} , {"type":"tool_use","id":"a","name":"f","input":{"x":1}}"#);
        let mut answer = read(&text);
        let fates = answer.calls()[0].iter().cloned().map(Fate::Keep).collect();
        answer.settle(ChoiceIndex::FIRST, fates, hold);
        answer.prepend(&[]);
        assert_eq!(written(&answer), text);
    }
}

#[test]
fn earlier_turns_come_first_and_what_they_used_is_added() {
    let mut answer = read(CALLS);
    let usage = json!({ "input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3, "service_tier": "x" });
    let said = vec![json!({ "type": "text", "text": "First." })];
    answer.prepend(&[Earlier { said, usage: Some(usage.clone()) }, Earlier { said: vec![], usage: Some(usage) }]);
    insta::assert_snapshot!(written(&answer));
    assert_eq!(answer.usage().unwrap()["output_tokens"], 9);
}

#[test]
fn what_the_provider_ran_is_said_only_where_it_was_asked_for() {
    let uses = |name: &str| format!(r#"{{"type":"server_tool_use","id":"s","name":"{name}","input":{{}}}}"#);
    let result = |kind: &str| format!(r#"{{"type":"{kind}","tool_use_id":"s","content":[]}}"#);
    let table: [(String, &[&str]); 17] = [
        (uses("web_search"), &["web_search_20250305"]),
        (uses("web_fetch"), &["web_fetch_20250910"]),
        (uses("code_execution"), &["code_execution_20250522"]),
        (uses("bash_code_execution"), &["code_execution_20250825"]),
        (uses("text_editor_code_execution"), &["skills"]),
        (uses("code_execution"), &["web_search_20260209"]),
        (uses("tool_search_tool_regex"), &["tool_search_tool_regex_20251119"]),
        (uses("tool_search_tool_bm25"), &["tool_search_tool_bm25_20251119"]),
        (uses("advisor"), &["advisor_20260301"]),
        (result("web_search_tool_result"), &["web_search_20250305"]),
        (result("web_fetch_tool_result"), &["web_fetch_20250910"]),
        (result("bash_code_execution_tool_result"), &["code_execution_20250825"]),
        (result("tool_search_tool_result"), &["tool_search_tool_bm25_20251119"]),
        (result("mcp_tool_result"), &["mcp"]),
        (result("mcp_tool_listing"), &["mcp_toolset"]),
        (r#"{"type":"mcp_tool_use","id":"s","name":"x","server_name":"a","input":{}}"#.to_owned(), &["mcp"]),
        (r#"{"type":"container_upload","file_id":"f"}"#.to_owned(), &["code_execution_20250825"]),
    ];
    for (block, provided) in table {
        let text = content(&block);
        let answer = MessagesAnswer::read(provided, text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(answer.calls()[0].is_empty() && answer.said(ChoiceIndex::FIRST).len() == 1, "{text}");
        assert!(MessagesAnswer::read(&["other_20250101"], text.as_bytes()).is_err(), "{text}");
    }
    assert!(MessagesAnswer::read(&["web_search_20250305"], content(&uses("code_execution")).as_bytes()).is_err());
    assert!(
        MessagesAnswer::read(&["bash_20250124"], content(&uses("bash")).as_bytes()).is_err(),
        "the client would run it"
    );
}

#[test]
fn answers_that_could_hide_a_call_are_refused() {
    let call = r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#;
    let table = [
        "<html>".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"type":"message","content":null}"#.to_owned(),
        r#"{"type":"message","content":"x"}"#.to_owned(),
        r#"{"type":"completion","content":[]}"#.to_owned(),
        r#"{"content":[],"stop_reason":1}"#.to_owned(),
        r#"{"content":[],"content":[]}"#.to_owned(),
        format!(r#"{{"content":[],"Content":[{call}]}}"#),
        format!(r#"{{"content":[],"message":{{"content":[{call}]}}}}"#),
        content("null"),
        content("{}"),
        content(r#"{"type":1}"#),
        content(r#"{"type":"tool_call","name":"f"}"#),
        content(r#"{"type":"Tool_Use","id":"a","name":"f","input":{}}"#),
        content(r#"{"Type":"tool_use","type":"text","text":"x"}"#),
        content(r#"{"type":"text","text":1}"#),
        content(r#"{"type":"text","text":"x","Input":{}}"#),
        content(r#"{"type":"tool_use","id":1,"name":"f","input":{}}"#),
        content(r#"{"type":"tool_use","id":"a","name":null,"name":"f","input":{}}"#),
        content(r#"{"type":"tool_use","id":"a","name":"f","Name":"g","input":{}}"#),
        content(r#"{"type":"tool_use","id":"a","name":"f","input":{},"\u0049nput":{"x":1}}"#),
        content(&format!(r#"{{"type":"tool_use","id":"a","name":"f","input":{{}},"tool_calls":[{call}]}}"#)),
        content(r#"{"type":"tool_use","id":"a","name":"f","input":{},"function":{"name":"g","arguments":"{}"}}"#),
        content(r#"{"type":"note","input":{"x":1}}"#),
        content(r#"{"type":"client_command","text":"rm"}"#),
        content(r#"{"type":"tool_use","id":"a","name":"f","input":{"x":1,"x":2}}"#),
        content(&format!(r#"{{"type":"tool_use","id":"a","name":"f","input":{{}},"caller":[{call}]}}"#)),
        content(&format!(r#"{{"type":"text","text":"x","more":[{call}]}}"#)),
        content(&format!(r#"{{"type":"fallback","from":{call}}}"#)),
        content(r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#),
        content(r#"{"type":"mcp_tool_use","id":"s","name":"f","input":{}}"#),
        content(&vec![call; 1025].join(",")).replace(' ', ""),
    ];
    let mut told = String::new();
    for text in table {
        let error = MessagesAnswer::read(&[], text.as_bytes()).expect_err(&text);
        told += &format!("{}\n    {error}\n", text.chars().take(120).collect::<String>());
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_key_spelled_with_escapes_is_that_key() {
    let text = content(r#"{"\u0074ype":"tool_\u0075se","id":"a","na\u006de":"f","\u0069nput":{ "x":1}}"#);
    let mut answer = read(&text);
    assert_eq!(answer.calls()[0], [tool_call("a", "f", r#"{ "x":1}"#)]);
    answer.settle(ChoiceIndex::FIRST, vec![keep(&tool_call("a", "f", ""), r#"{"x":1}"#)], ReleasePolicy::Call);
    assert_eq!(written(&answer), text.replace("{ \"x\"", "{\"x\""));
}

#[test]
fn a_further_round_has_every_member_of_a_call_and_an_input_that_is_json() {
    let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let mut request = AnthropicMessages.request(&Target::new("/v1/messages"), body).unwrap();
    let mut good = tool_call("a", "f", r#"{"x":1}"#);
    good.extra.insert("caller".to_owned(), json!({ "type": "direct" }));
    let results =
        [good, tool_call("b", "g", "no JSON")].map(|call| CallResult { call, content: "1".into(), failed: false });
    request.append_turn(&[json!({ "type": "thinking", "thinking": "", "signature": "SIG" })], &results);
    let body: Value = serde_json::from_slice(&request.write()).unwrap();
    let expected = json!([
        { "type": "thinking", "thinking": "", "signature": "SIG" },
        { "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1 }, "caller": { "type": "direct" } },
        { "type": "tool_use", "id": "b", "name": "g", "input": {} },
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
}

//! Whole answers: which calls they have, and how they look without some of them.

use callgate_wire::{Answer, ChoiceIndex, Earlier, Fate, Form, ReleasePolicy};
use serde_json::{Value, json};

use crate::common::{answer, call, done};
use crate::suite::all_kept;

fn read(message: Value) -> Box<dyn Answer> {
    answer(&done(message).to_string()).unwrap()
}

fn written(answer: &dyn Answer) -> Value {
    serde_json::from_slice(&answer.write()).unwrap()
}

#[test]
fn calls_are_found_with_their_arguments_as_they_were_written() {
    let text = r#"{"model":"m","message":{"role":"assistant","content":"","tool_calls":[
        {"id":"call_a","function":{"index":0,"name":"f","arguments":{ "n": 1.0, "b": 1e400 }}},
        {"function":{"name":"g"}},
        {"type":"function","function":{"arguments":null,"name":"h"}}]},"done":true}"#;
    assert!(answer(text).is_err(), "no double is that large");
    let answer = answer(&text.replace("1e400", "0.10000000000000000001")).unwrap();
    let told: Vec<_> =
        answer.calls()[0].iter().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect();
    assert_eq!(
        told,
        [("call_a", "f", r#"{ "n": 1.0, "b": 0.10000000000000000001 }"#), ("call_1", "g", "{}"), ("call_2", "h", "{}")]
    );
}

#[test]
fn what_could_be_a_call_to_another_reader_is_refused() {
    let entries = [
        r#"{"function":{"name":"f","Name":"g"}}"#,
        r#"{"Function":{"name":"f"}}"#,
        r#"{"function":{"name":"f"},"Function":{"name":"g"}}"#,
        r#"{"function":{"name":"f","arguments":[]}}"#,
        r#"{"function":{"name":"f","Arguments":{}}}"#,
        r#"{"function":{"name":"f","index":-1}}"#,
        r#"{"function":{"name":"f","name":"g"}}"#,
        r#"{"name":"f","arguments":{}}"#,
        r#"{"function":"f"}"#,
        r#"{"id":1,"function":{"name":"f"}}"#,
        r#""f""#,
    ];
    for entry in entries {
        let text = format!(r#"{{"message":{{"content":"","tool_calls":[{entry}]}},"done":true}}"#);
        assert!(answer(&text).is_err(), "{entry}");
    }
    let call = r#"[{"function":{"name":"f"}}]"#;
    let whole = [
        format!(r#"{{"message":{{"Tool_Calls":{call}}}}}"#),
        format!(r#"{{"message":{{"tool_callſ":{call}}}}}"#),
        format!(r#"{{"message":{{}},"tool_calls":{call}}}"#),
        format!(r#"{{"message":{{}},"Message":{{"tool_calls":{call}}}}}"#),
        format!(r#"{{"message":{{"x":{{"tool_calls":{call}}}}}}}"#),
        r#"{"message":{"function_call":{"name":"f"}}}"#.to_owned(),
        r#"{"message":{"tool_calls":{"function":{"name":"f"}}}}"#.to_owned(),
        r#"{"message":{"content":1}}"#.to_owned(),
        r#"{"message":[]}"#.to_owned(),
        r#"{"done":true}"#.to_owned(),
        r#"{"message":{},"done":"yes"}"#.to_owned(),
        r#"[]"#.to_owned(),
    ];
    for text in whole {
        assert!(answer(&text).is_err(), "{text}");
    }
    assert!(answer(r#"{"message":{"tool_calls":[{"function":{"name":"f","arguments":{"tool_calls":[1]}}}]}}"#).is_ok());
}

#[test]
fn arguments_as_a_text_are_read_and_written_as_an_object() {
    let read = read(
        json!({ "role": "assistant", "content": "", "tool_calls": [{ "function": { "name": "f", "arguments": "{\"a\": 1}" } }] }),
    );
    assert_eq!(read.calls()[0][0].arguments, "{\"a\": 1}");
    let mut read = read;
    let fates = all_kept(&*read);
    read.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Turn);
    assert_eq!(written(&*read)["message"]["tool_calls"][0]["function"]["arguments"], json!({ "a": 1 }));
}

#[test]
fn a_call_of_another_type_can_only_be_refused() {
    let read = read(
        json!({ "content": "", "tool_calls": [{ "type": "custom", "custom": { "name": "exec", "input": "ls" } }] }),
    );
    assert_eq!((read.calls()[0][0].name.as_str(), read.calls()[0][0].form), ("exec", Form::Unknown));
}

#[test]
fn an_answer_of_which_every_call_is_kept_keeps_its_bytes() {
    let entry = json!({ "id": "a", "function": { "index": 0, "name": "f", "arguments": { "b": [1, 2.5], "a": "é" } } });
    let text = format!(" {:#}\n", done(json!({ "tool_calls": [entry, call("g", json!({}))] })));
    let mut answer = answer(&text).unwrap();
    let fates = all_kept(&*answer);
    answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Call);
    answer.prepend(&[]);
    assert_eq!(String::from_utf8(answer.write()).unwrap(), text);
}

#[test]
fn what_is_told_instead_of_a_call_is_a_paragraph_after_the_text() {
    let indexed = |name: &str, index: u32| json!({ "function": { "index": index, "name": name, "arguments": {} } });
    for hold in [ReleasePolicy::Call, ReleasePolicy::Turn] {
        let mut answer =
            read(json!({ "content": "A", "thinking": "t", "tool_calls": [indexed("f", 0), indexed("g", 1)] }));
        let mut fates = all_kept(&*answer);
        fates[0] = Fate::Replace("no f".into());
        answer.settle(ChoiceIndex::FIRST, fates, hold);
        let message =
            json!({ "role": "assistant", "content": "A\n\nno f", "thinking": "t", "tool_calls": [indexed("g", 0)] });
        assert_eq!(written(&*answer)["message"], message);
        assert_eq!(answer.calls()[0].len(), 1);
    }
}

#[test]
fn where_no_call_is_left_nothing_tells_of_calls() {
    let mut body = done(json!({ "tool_calls": [call("f", json!({}))] }));
    body["done_reason"] = json!("tool_calls");
    body["logprobs"] = json!([{ "token": "SECRET" }]);
    let mut answer = answer(&body.to_string()).unwrap();
    answer.settle(ChoiceIndex::FIRST, vec![Fate::Replace("no f".into())], ReleasePolicy::Call);
    let written = written(&*answer);
    assert_eq!(written["message"], json!({ "role": "assistant", "content": "no f" }));
    assert_eq!((&written["done_reason"], written.get("logprobs")), (&json!("stop"), None));
}

#[test]
fn earlier_turns_stand_before_the_answer_and_their_use_is_added() {
    let mut answer = read(json!({ "content": "Found.", "thinking": "ok" }));
    assert_eq!(answer.said(ChoiceIndex::FIRST), [json!({ "thinking": "ok", "content": "Found." })]);
    let said = vec![json!({ "thinking": "hm", "content": "Let me look." })];
    let usage = json!({ "prompt_eval_count": 1, "eval_count": 2, "load_duration": 4 });
    answer.prepend(&[Earlier { said, usage: Some(usage) }, Earlier::default()]);
    let written = written(&*answer);
    assert_eq!(written["message"]["content"], "Let me look.\n\nFound.");
    assert_eq!(written["message"]["thinking"], "hm\n\nok");
    let used = ["total_duration", "load_duration", "prompt_eval_count", "eval_count"].map(|key| written[key].clone());
    assert_eq!(used, [9, 4, 4, 4].map(|used| json!(used)));
    assert_eq!(answer.usage().unwrap()["eval_count"], 4);
}

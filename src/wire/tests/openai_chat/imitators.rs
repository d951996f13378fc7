//! Calls of servers that imitate the API: each is one call to every client, streamed and whole.

use callgate_json::Value;
use callgate_wire::openai_chat::ChatAnswer;
use callgate_wire::{Call, ChoiceIndex, Delta, Form};
use serde_json::json;

use crate::common::{deltas, frames, head, turn};
use crate::suite::{calls, tool_call};

/// The calls of a stream whose deltas have these entries of `tool_calls`, one event each.
fn streamed(entries: &[&str]) -> Vec<Call> {
    calls(&deltas(stream(entries).as_bytes()).unwrap())
}

fn stream(entries: &[&str]) -> String {
    let chunk = |delta: String, finish: &str| {
        format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
    };
    let calls = entries.iter().map(|entry| chunk(format!(r#"{{"tool_calls":[{entry}]}}"#), "null"));
    calls.chain([chunk("{}".to_owned(), "\"tool_calls\"")]).collect()
}

/// The calls of a whole answer with these entries of `tool_calls`, and the answer as it is written.
fn whole(entries: &[&str]) -> (Vec<Call>, String) {
    let text = format!(
        r#"{{"id":"c","choices":[{{"index":0,"message":{{"tool_calls":[{}]}},"finish_reason":"tool_calls"}}]}}"#,
        entries.join(",")
    );
    let answer = ChatAnswer::read(text.as_bytes()).unwrap();
    (answer.choices()[0].calls.clone(), String::from_utf8(answer.write()).unwrap())
}

fn function(index: u32, id: &str, name: &str, arguments: &str) -> String {
    json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}}).to_string()
}

fn all(entries: &[String]) -> Vec<Call> {
    streamed(&entries.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_name_repeated_in_every_fragment_is_one_name() {
    let expected = [tool_call("a", "go", r#"{"x":1}"#)];
    // The id once, always, or drawn for each fragment.
    for ids in [["a", "", ""], ["a", "a", "a"], ["a", "b", "c"]] {
        let pieces = [r#"{"x""#, ":", "1}"];
        let entries: Vec<String> = ids.iter().zip(pieces).map(|(id, piece)| function(0, id, "go", piece)).collect();
        assert_eq!(all(&entries), expected, "{ids:?}");
    }
    assert_eq!(all(&[function(0, "a", "go", ""), function(0, "a", "go", r#"{"x":1}"#)]), expected);
    let drawn = ["a", "b", "c"].iter().zip([r#"{"x""#, ":", "1}"]);
    let drawn: Vec<String> =
        drawn.map(|(id, piece)| function(0, id, "go", piece).replace(r#""index":0,"#, "")).collect();
    assert_eq!(all(&drawn), expected, "an id for each fragment and no index");
    let no_index = [
        r#"{"id":"a","function":{"name":"go","arguments":""}}"#,
        r#"{"function":{"name":"go","arguments":"{\"x\":1}"}}"#,
    ];
    assert_eq!(streamed(&no_index), expected);
}

#[test]
fn a_name_in_pieces_is_joined_and_one_that_could_be_two_is_unclear() {
    let named = |pieces: &[&str]| {
        let entries: Vec<String> = pieces.iter().map(|piece| function(0, "a", piece, "")).collect();
        all(&entries).into_iter().map(|call| (call.name, call.form)).collect::<Vec<_>>()
    };
    assert_eq!(named(&["get_", "weather"]), [("get_weather".to_owned(), Form::Tool)]);
    assert_eq!(named(&["get_", "weather", "get_weather"]), [("get_weather".to_owned(), Form::Tool)]);
    // `gogo` after all, or `go` and then `gogo`?
    assert_eq!(named(&["go", "gogo"]), [("go".to_owned(), Form::Unclear)]);
    assert_eq!(named(&["get", "get_w", "get_weather"]), [("get".to_owned(), Form::Unclear)]);
    // Another name in the middle of arguments.
    assert_eq!(all(&[function(0, "a", "f", "{"), function(0, "a", "g", "}")])[0].form, Form::Unclear);
}

#[test]
fn a_call_said_twice_is_one_call() {
    let call = function(0, "a", "f", r#"{"x":1}"#);
    assert_eq!(all(&[call.clone(), call.clone(), call.clone()]), [tool_call("a", "f", r#"{"x":1}"#)]);
    // First in pieces, then whole.
    let pieces = [function(0, "a", "f", r#"{"x""#), function(0, "a", "", ":1"), function(0, "a", "f", "}")];
    let stream: Vec<String> = pieces.into_iter().chain([call]).collect();
    assert_eq!(all(&stream), [tool_call("a", "f", r#"{"x":1}"#)]);
}

#[test]
fn parallel_calls_are_told_apart_without_index_or_id() {
    let expected = [
        tool_call("call_callgate_0_c", "f", r#"{"x":1}"#),
        tool_call("call_callgate_1_c", "f", r#"{"x":2}"#),
        tool_call("call_callgate_2_c", "g", "{}"),
    ];
    let entries = [function(0, "", "f", r#"{"x":1}"#), function(0, "", "f", r#"{"x":2}"#), function(0, "", "g", "{}")];
    assert_eq!(all(&entries), expected, "one index for all");
    let no_index: Vec<String> = entries.iter().map(|entry| entry.replace(r#""index":0,"#, "")).collect();
    assert!(no_index.iter().zip(&entries).all(|(without, with)| without != with));
    assert_eq!(all(&no_index), expected, "no index");
}

#[test]
fn a_call_without_an_id_has_the_same_one_streamed_as_whole() {
    let entries = [
        r#"{"index":0,"id":"","function":{"name":"f","arguments":"{}"}}"#,
        r#"{"index":1,"id":"b","function":{"name":"f","arguments":"{}"}}"#,
        r#"{"index":2,"id":null,"function":{"name":"f","arguments":"{}"}}"#,
    ];
    let (calls, written) = whole(&entries);
    let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["call_callgate_0_c", "b", "call_callgate_2_c"]);
    assert_eq!(streamed(&entries), calls);
    let body: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(body["choices"][0]["message"]["tool_calls"][2]["id"], "call_callgate_2_c");

    let long = ChatAnswer::read(
        format!(r#"{{"id":"{}","choices":[{{"message":{{"tool_calls":[{}]}}}}]}}"#, "chatcmpl-".repeat(9), entries[0])
            .as_bytes(),
    );
    assert!(long.unwrap().choices()[0].calls[0].id.len() <= 40);
}

#[test]
fn stubs_call_nothing() {
    let stubs = [
        "null",
        "{}",
        r#"{"index":0,"id":null,"type":null,"function":null}"#,
        r#"{"index":0,"id":"","type":"function","function":{"name":"","arguments":""}}"#,
        r#"{"index":0,"id":"a","function":{"name":"","arguments":""},"custom":{"name":"","input":""}}"#,
        r#"{"index":0,"type":"custom","custom":{"name":"","input":""}}"#,
    ];
    for stub in stubs {
        let (calls, written) = whole(&[stub]);
        assert!(calls.is_empty() && !written.contains("tool_calls\":["), "{written}");
        let turn = turn(&deltas(stream(&[stub, stub]).as_bytes()).unwrap());
        assert!(turn.choices[&0].calls.is_empty(), "{stub}");
        assert!(!String::from_utf8(turn.passed).unwrap().contains("\"tool_calls\":"), "{stub}");
    }
    for stub in [r#"{"name":"","arguments":""}"#, r#"{"name":null}"#, "{}"] {
        let legacy = format!(
            r#"{{"id":"c","choices":[{{"index":0,"message":{{"content":"4","function_call":{stub},"tool_calls":null}}}}]}}"#
        );
        let answer = ChatAnswer::read(legacy.as_bytes()).unwrap();
        assert!(answer.choices()[0].calls.is_empty());
        assert!(!String::from_utf8(answer.write()).unwrap().contains("function_call"), "{stub}");
        for reason in ["null", r#""tool_calls""#, r#""stop""#] {
            let chunk = format!(
                r#"{{"id":"c","choices":[{{"index":0,"delta":{{"function_call":{stub}}},"finish_reason":{reason}}}]}}"#
            );
            let mut written = turn(&deltas(format!("data: {chunk}\n\ndata: [DONE]\n\n").as_bytes()).unwrap());
            assert!(written.choices.entry(0).or_default().calls.is_empty(), "{stub}");
            let passed = String::from_utf8(written.passed).unwrap();
            assert!(!passed.contains(r#""function_call":"#), "{stub}, {reason}: {passed}");
        }
    }
    // A stub before its call opens it.
    let call = [stubs[4], r#"{"index":0,"function":{"name":"f","arguments":"{}"}}"#];
    assert_eq!(streamed(&call), [tool_call("a", "f", "{}")]);
}

#[test]
fn arguments_that_are_json_keep_the_bytes_that_came() {
    let entry =
        r#"{"index":0,"id":"a","function":{"name":"f","arguments": {"x" : 1.0, "y":[ 0.10000000000000000001 ]} }}"#;
    let expected = [tool_call("a", "f", r#"{"x" : 1.0, "y":[ 0.10000000000000000001 ]}"#)];
    let (calls, written) = whole(&["null", entry]);
    assert_eq!(calls, expected);
    assert!(written.contains(r#""arguments":"{\"x\" : 1.0, "#), "{written}");
    assert_eq!(streamed(&[entry]), expected);
    assert_eq!(streamed(&[entry, entry]), expected, "said twice");
    // More of them, or another value, cannot follow.
    for more in [r#"{"index":0,"function":{"arguments":"}"}}"#, r#"{"index":0,"function":{"arguments":{}}}"#] {
        assert_eq!(streamed(&[entry, more])[0].form, Form::Unclear, "{more}");
    }
    let legacy = r#"{"choices":[{"message":{"function_call":{"name":"f","arguments":{"x":1}}}}]}"#;
    assert_eq!(ChatAnswer::read(legacy.as_bytes()).unwrap().choices()[0].calls[0].arguments, r#"{"x":1}"#);
}

#[test]
fn members_of_a_call_survive_streamed_as_whole() {
    let entry = r#"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}","thought_signature":"s1"},
        "extra_content":{"google":{"thought_signature":"s2"}},"provider_specific_fields":{"thought_signature":"s3","n":[1]},
        "thought_signature":"s4","score":0.5}"#;
    let entry = entry.replace("\n        ", "");
    let (calls, written) = whole(&[&entry]);
    assert!(written.contains(&entry), "{written}");
    let told = streamed(&[&entry]);
    assert_eq!(told, calls);
    assert_eq!(told[0].extra["function"]["thought_signature"], "s1");
    assert_eq!(told[0].extra["provider_specific_fields"]["thought_signature"], "s3");
    // They are written at their old places.
    let chunk = frames(&head().call(ChoiceIndex::FIRST, 0, &told[0])).remove(0).data.unwrap();
    let chunk: Value = serde_json::from_slice(&chunk).unwrap();
    let original: Value = serde_json::from_str(&entry).unwrap();
    assert_eq!(chunk["choices"][0]["delta"]["tool_calls"][0], original);
}

#[test]
fn members_of_a_call_in_fragments_are_merged() {
    let told = streamed(&[
        r#"{"index":0,"id":"a","provider_specific_fields":{"a":1,"thought_signature":"s"},"function":{"name":"f"}}"#,
        r#"{"index":0,"provider_specific_fields":{"thought_signature":"s"},"function":{"arguments":"{"}}"#,
        r#"{"index":0,"provider_specific_fields":{"b":{"c":2},"thought_signature":"t"},"function":{"arguments":"}"}}"#,
    ]);
    let fields = json!({"a": 1, "thought_signature": "st", "b": {"c": 2}});
    assert_eq!(told[0].extra["provider_specific_fields"], fields);
    assert_eq!((told[0].name.as_str(), told[0].arguments.as_str()), ("f", "{}"));
}

#[test]
fn members_in_many_fragments_are_told_once() {
    let fragment = |at: usize| {
        format!(r#"{{"index":0,"id":"a","provider_specific_fields":{{"k{at}":1}},"function":{{"name":"f"}}}}"#)
    };
    let entries: Vec<String> = (0..500).map(fragment).collect();
    let stream = stream(&entries.iter().map(String::as_str).collect::<Vec<_>>());
    let told = deltas(stream.as_bytes()).unwrap();
    let count = |delta: &Delta| match delta {
        Delta::Fragment { call: Call { extra, .. }, .. } => {
            extra.values().map(|fields| fields.as_object().unwrap().len()).sum()
        }
        _ => 0,
    };
    assert_eq!(told.iter().map(count).sum::<usize>(), 500);
}

#[test]
fn a_member_that_could_repeat_the_call_is_dropped() {
    let entry = r#"{"index":0,"id":"a","name":"SECRET","input":{"SECRET":1},"function":{"name":"f","arguments":"{}","Args":"SECRET"},
        "provider_specific_fields":{"toolUse":{"SECRET":1},"list":[{"arguments":"SECRET","kept":1}]}}"#;
    let entry = &entry.replace("\n        ", "");
    let (calls, written) = whole(&[entry]);
    assert!(!written.contains("SECRET"), "{written}");
    let kept = json!({"list": [{"kept": 1}]});
    assert_eq!(calls[0].extra["provider_specific_fields"], kept);
    assert_eq!(streamed(&[entry]), calls);
}

#[test]
fn a_call_of_another_kind_is_a_call_and_not_a_broken_answer() {
    let custom = Call { form: Form::Custom, ..tool_call("a", "math", r#"{"input":"4+4"}"#) };
    let entry = r#"{"index":0,"id":"a","type":"custom","custom":{"name":"math","input":"4+4"}}"#;
    assert_eq!(whole(&[entry]).0, std::slice::from_ref(&custom));
    let pieces = [
        r#"{"index":0,"id":"a","type":"custom","custom":{"name":"math","input":""}}"#,
        r#"{"index":0,"custom":{"input":"4+"}}"#,
        r#"{"index":0,"custom":{"input":"4"}}"#,
    ];
    assert_eq!(streamed(&pieces), [custom]);
    // (entry, its name, its form)
    let table = [
        (r#"{"index":0,"id":"a","type":"mcp","mcp":{}}"#, "mcp", Form::Unknown),
        (
            r#"{"index":0,"id":"a","type":"builtin_function","function":{"name":"f","arguments":"{}"}}"#,
            "f",
            Form::Unknown,
        ),
        (r#"{"index":0,"id":"a","type":"function","custom":{"name":"g"}}"#, "g", Form::Unclear),
        (r#"{"index":0,"id":"a","type":"custom","function":{"name":"g"}}"#, "g", Form::Unclear),
        (r#"{"index":0,"id":"a","function":{"name":"f"},"custom":{"name":"g"}}"#, "f", Form::Unclear),
    ];
    for (entry, name, form) in table {
        for calls in [whole(&[entry]).0, streamed(&[entry])] {
            assert_eq!((calls[0].name.as_str(), calls[0].form), (name, form), "{entry}");
        }
    }
    let mixed =
        [r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#, r#"{"index":0,"custom":{"input":"x"}}"#];
    assert_eq!(streamed(&mixed)[0].form, Form::Unclear);
}

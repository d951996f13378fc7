//! Whole answers: read, refused, rewritten.

use callgate_wire::openai_chat::{ChatAnswer, Choice, Rewrite};
use callgate_wire::{Call, ChoiceIndex, Form};
use serde_json::json;

use crate::common::head;
use crate::suite::tool_call;

const CALLS: &str = r#"{
  "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "x_timing": 0.10000000000000000001,
  "choices": [
    {"index": 0, "finish_reason": "tool_calls", "native_finish_reason": "tool_calls", "logprobs": {"content": []},
     "message": {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
       {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}, "extra_content": {"s": "sig"}},
       {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]}},
    {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
  ],
  "usage": {"prompt_tokens": 10, "completion_tokens": 5, "details": {"cached": 1}, "tier": "x"}
}"#;

fn read(text: &str) -> ChatAnswer {
    ChatAnswer::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(answer: &ChatAnswer) -> String {
    String::from_utf8(answer.write()).unwrap()
}

fn message(message: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]}}"#)
}

#[test]
fn choices_tell_their_text_calls_and_finish() {
    let answer = read(CALLS);
    let extra = [("extra_content".to_owned(), serde_json::json!({ "s": "sig" }))].into_iter().collect();
    assert_eq!(
        answer.choices(),
        [
            Choice {
                index: ChoiceIndex::FIRST,
                text: String::new(),
                calls: vec![Call { extra, ..tool_call("a", "f", "{\"x\": 1}") }, tool_call("b", "g", "")],
                finish: "tool_calls".to_owned()
            },
            Choice { index: ChoiceIndex::new(1), text: "Hi".to_owned(), calls: vec![], finish: "stop".to_owned() },
        ]
    );
    assert_eq!(written(&answer), CALLS);
}

#[test]
fn what_is_missing_is_empty_and_what_is_unusual_is_understood() {
    let calls = |text: &str| read(&message(text)).choices()[0].calls.clone();
    // (message, its calls)
    let table = [
        (r#"{}"#, vec![]),
        (r#"{"tool_calls":null,"function_call":null}"#, vec![]),
        (r#"{"tool_calls":[]}"#, vec![]),
        (r#"{"tool_calls":{},"function_call":""}"#, vec![]),
        (r#"{"tool_calls":"","function_call":false}"#, vec![]),
        (r#"{"tool_calls":[{}]}"#, vec![]),
        (r#"{"tool_calls":[{"id":null,"type":null,"function":{"name":null,"arguments":null}}]}"#, vec![]),
        (
            r#"{"tool_calls":[{"index":3,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            vec![tool_call("a", "f", "{}")],
        ),
        (
            r#"{"function_call":{"name":"f","arguments":"null"}}"#,
            vec![Call { form: Form::Function, ..tool_call("", "f", "null") }],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(calls(text), expected, "{text}");
    }
    let parts = read(&message(
        r#"{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
    ));
    assert_eq!(parts.choices()[0].text, "ab");
    let bare = read(r#"{"choices":[{"message":{}},{"message":{}}]}"#);
    assert_eq!(bare.choices().iter().map(|choice| choice.index.get()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn answers_that_could_hide_a_call_are_refused() {
    let call = r#"[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    let table = [
        "".to_owned(),
        "<html>".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"choices":null}"#.to_owned(),
        r#"{"choices":{}}"#.to_owned(),
        r#"{"choices":[null]}"#.to_owned(),
        r#"{"choices":[{"delta":{}}]}"#.to_owned(),
        r#"{"choices":[{"index":-1,"message":{}}]}"#.to_owned(),
        r#"{"choices":[{"message":{},"finish_reason":1}]}"#.to_owned(),
        r#"{"choices":[],"choices":[]}"#.to_owned(),
        message(r#"{"tool_calls":[],"tool_calls":[]}"#),
        message(r#"{"content":1}"#),
        message(r#"{"content":[{"type":"tool_use","name":"f"}]}"#),
        message(r#"{"tool_calls":{"id":"a"}}"#),
        message(r#"{"tool_calls":[1]}"#),
        message(r#"{"tool_calls":[{"id":1}]}"#),
        message(r#"{"tool_calls":[{"type":1}]}"#),
        message(r#"{"tool_calls":[{"custom":"f"}]}"#),
        message(r#"{"content":[{"type":"mcp_call","name":"f"}]}"#),
        message(r#"{"content":[{"type":"odd","input":{}}]}"#),
        message(r#"{"content":[{"Type":"text","text":"a"}]}"#),
        message(r#"{"tool_calls":[{"function":"f"}]}"#),
        message(r#"{"tool_calls":[{"function":{"name":"f","arguments":{"a":1,"a":2}}}]}"#),
        message(r#"{"tool_calls":[{"function":{"name":"f","Name":"g","arguments":"{}"}}]}"#),
        message(r#"{"tool_calls":[{"Function":{"name":"g"},"function":{"name":"f"}}]}"#),
        message(r#"{"function_call":"f"}"#),
        message(&format!(r#"{{"Tool_Calls":{call}}}"#)),
        message(&format!(r#"{{"tool_callſ":{call}}}"#)),
        message(&format!(r#"{{"extra":{{"tool_calls":{call}}}}}"#)),
        format!(r#"{{"choices":[],"tool_calls":{call}}}"#),
        format!(r#"{{"choices":[{{"message":{{}},"tool_calls":{call}}}]}}"#),
        format!(r#"{{"choices":[{{"message":{{}},"delta":{{"tool_calls":{call}}}}}]}}"#),
        format!(r#"{{"choices":[],"Choices":[{{"message":{{"tool_calls":{call}}}}}]}}"#),
    ];
    let mut told = String::new();
    for text in table {
        let error = ChatAnswer::read(text.as_bytes()).expect_err(&text);
        told += &format!("{text}\n    {error}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_count_of_calls_is_no_call() {
    let text = r#"{"choices":[],"usage":{"tool_calls":3},"x":{"tool_calls":[],"function_call":null}}"#;
    assert_eq!(written(&read(text)), text);
}

#[test]
fn a_rewritten_choice_keeps_what_was_not_touched() {
    let mut answer = read(CALLS);
    answer
        .rewrite(0, Rewrite { text: None, calls: vec![tool_call("a", "f", r#"{"x":1}"#), tool_call("b", "g", "{}")] });
    insta::assert_snapshot!("other_arguments", written(&answer));

    answer.rewrite(0, Rewrite { text: Some("Refused g.".to_owned()), calls: vec![tool_call("a", "f", r#"{"x":1}"#)] });
    insta::assert_snapshot!("one_call_less", written(&answer));

    answer.rewrite(0, Rewrite::default());
    insta::assert_snapshot!("no_call_left", written(&answer));

    answer.rewrite(7, Rewrite::default());
    assert_eq!(read(&written(&answer)).choices(), answer.choices(), "what is told is what is written");
}

#[test]
fn null_content_stays_null_without_text() {
    let mut answer = read(CALLS);
    answer.rewrite(0, Rewrite::default());
    assert!(written(&answer).contains(r#""content":null"#));
}

#[test]
fn a_legacy_call_is_replaced_in_kind() {
    let text = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{ }"}},"finish_reason":"function_call"}]}"#;
    let call = Call { form: Form::Function, ..tool_call("", "f", "{}") };
    let mut answer = read(text);
    answer.rewrite(0, Rewrite { text: None, calls: vec![call] });
    assert_eq!(written(&answer), text.replace("{ }", "{}"));
    answer.rewrite(0, Rewrite { text: Some("no".to_owned()), calls: vec![] });
    assert_eq!(
        written(&answer),
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"no"},"finish_reason":"stop"}]}"#
    );
}

#[test]
fn usage_is_summed_over_rounds() {
    let mut answer = read(CALLS);
    let earlier =
        json!({"prompt_tokens": 1, "completion_tokens": 2, "details": {"cached": 3, "audio": 0.5}, "tier": "y"});
    answer.add_usage(&earlier);
    let sum = json!({"prompt_tokens": 11, "completion_tokens": 7, "details": {"cached": 4, "audio": 0.5}, "tier": "x"});
    assert_eq!(answer.usage(), Some(sum.clone()));
    assert_eq!(read(&written(&answer)).usage(), Some(sum));

    let mut none = read(r#"{"choices":[],"usage":null}"#);
    none.add_usage(&earlier);
    assert_eq!(none.usage(), Some(earlier));
}

#[test]
fn an_answer_is_told_as_chunks() {
    insta::assert_snapshot!(String::from_utf8(read(CALLS).frames(&head(), true)).unwrap());
}

#[test]
fn new_arguments_alone_are_written_as_the_tree_of_the_choices_would_be() {
    let text = r#"{"id" : "x", "n":1.50, "choices" : [ { "score":1e2, "message": { "content":"\u00e9\/", "tool_calls": [
        {"id":"a\/b","type":"function","function":{"name":"f","arguments":"{\"x\": \"\u00e9\"}"}},
        {"index":1,"id":"c","function":{"arguments":"{}","name":"g"}} ], "function_call": null } } ] , "usage": { "a" : 1 } }"#;
    let mut answer = read(text);
    let calls = vec![tool_call("a/b", "f", "{\"x\":\"é\"}"), tool_call("c", "g", "{}")];
    answer.rewrite(0, Rewrite { text: None, calls: calls.clone() });
    assert_eq!(answer.choices()[0].calls, calls);
    let choices = r#"[{"score":100,"message":{"content":"é/","tool_calls":[{"id":"a/b","type":"function","function":{"name":"f","arguments":"{\"x\":\"é\"}"}},{"index":1,"id":"c","function":{"arguments":"{}","name":"g"}}],"function_call":null}}]"#;
    assert_eq!(written(&answer), format!(r#"{{"id":"x","n":1.50,"choices":{choices},"usage":{{ "a" : 1 }}}}"#));
    // A later change of the text finds the new arguments.
    answer.rewrite(0, Rewrite { text: Some("Hi".to_owned()), calls });
    assert_eq!(
        written(&answer),
        format!(r#"{{"id":"x","n":1.50,"choices":{},"usage":{{ "a" : 1 }}}}"#, choices.replace("é/", "Hi"))
    );
}

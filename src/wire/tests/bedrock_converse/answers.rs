//! Whole answers: read, refused and rewritten.

use callgate_wire::bedrock_converse::{BedrockConverse, ConverseAnswer};
use callgate_wire::{Answer as _, Call, ChoiceIndex, Dialect as _, Earlier, Fate, Form, ReleasePolicy, Target};
use serde_json::{Value, json};

use crate::common::result;
use crate::suite::tool_call;

const TURN: &str = r#"{ "metrics": {"latencyMs": 551},
  "output": { "message": { "role": "assistant", "content": [
    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
    {"text": "Let me look. \u00e9"},
    {"toolUse": {"toolUseId": "t1", "name": "get_order", "input": { "id" : 1.50, "n": [ 1, 2 ] } } },
    {"toolUse": {"input": {}, "name": "list", "toolUseId": "t2"}},
    {"text": "Done."}
  ] } },
  "stopReason": "tool_use", "trace": {"guardrail": {"modelOutput": ["get_order(1.5)"]}},
  "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15, "cacheReadInputTokens": 2} }"#;

fn read(text: &str) -> ConverseAnswer {
    ConverseAnswer::read(&[], text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn with(content: &str) -> String {
    format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{content}]}}}},"stopReason":"tool_use","usage":{{}}}}"#
    )
}

fn settled(fates: Vec<Fate>, hold: ReleasePolicy) -> Value {
    let mut answer = read(TURN);
    answer.settle(ChoiceIndex::FIRST, fates, hold);
    serde_json::from_slice(&answer.write()).unwrap()
}

fn keep(id: &str, name: &str, arguments: &str) -> Fate {
    Fate::Keep(tool_call(id, name, arguments))
}

#[test]
fn calls_are_told_with_the_text_of_their_input() {
    let answer = read(TURN);
    let expected = [tool_call("t1", "get_order", r#"{ "id" : 1.50, "n": [ 1, 2 ] }"#), tool_call("t2", "list", "{}")];
    assert_eq!(answer.calls(), [expected.as_slice()]);
    assert_eq!(answer.usage().unwrap()["totalTokens"], 15);
    assert_eq!(
        answer.said(ChoiceIndex::FIRST),
        [
            json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}),
            json!({"text": "Let me look. é"}),
            json!({"text": "Done."}),
        ]
    );
    assert_eq!(answer.write(), TURN.as_bytes());
}

#[test]
fn what_a_strict_reader_refuses_is_in_the_arguments_for_it_to_see() {
    let exact = r#"{"n": 0.1000000000000000055511151231257827021181583404541015625}"#;
    let input = |input: &str| with(&format!(r#"{{"toolUse":{{"toolUseId":"t","name":"f","input":{input}}}}}"#));
    for text in [exact, "[1]", "12345678901234567890123", "\"text\"", r#""{\"x\":1,\"x\":2}""#] {
        assert_eq!(read(&input(text)).calls()[0][0].arguments, text);
    }
}

#[test]
fn a_call_without_id_or_input_gets_both_and_the_client_sees_them() {
    let text = with(
        r#"{"toolUse":{"toolUseId":null,"name":"f"}},{"toolUse":{"toolUseId":"t","name":"g","input":"{\"x\": 1}"}}"#,
    );
    let mut answer = read(&text);
    let calls = answer.calls()[0].to_vec();
    assert_eq!(calls, [tool_call("call_0", "f", "{}"), tool_call("t", "g", r#"{"x": 1}"#)]);
    answer.settle(ChoiceIndex::FIRST, calls.into_iter().map(Fate::Keep).collect(), ReleasePolicy::Call);
    let expected = with(
        r#"{"toolUse":{"toolUseId":"call_0","name":"f","input":{}}},{"toolUse":{"toolUseId":"t","name":"g","input":{"x": 1}}}"#,
    );
    assert_eq!(String::from_utf8(answer.write()).unwrap(), expected);
}

#[test]
fn a_call_of_an_unknown_type_is_one_that_the_engine_refuses() {
    let answer = read(&with(r#"{"toolUse":{"toolUseId":"t","name":"f","input":{},"type":"future"}}"#));
    assert_eq!(answer.calls()[0][0].form, Form::Unknown);
}

#[test]
fn every_member_of_a_call_survives() {
    let used = r#"{"toolUse":{"toolUseId":"t","name":"f","input":{ "x":1.0},"type":"tool_use","signature":"SIG"}}"#;
    let mut answer = read(&with(used));
    let kept = answer.calls()[0][0].clone();
    assert_eq!(Value::Object(kept.extra.clone()), json!({"type": "tool_use", "signature": "SIG"}));
    answer.settle(
        ChoiceIndex::FIRST,
        vec![Fate::Keep(Call { arguments: r#"{"x":1}"#.to_owned(), ..kept })],
        ReleasePolicy::Call,
    );
    assert_eq!(String::from_utf8(answer.write()).unwrap(), with(&used.replace("{ \"x\":1.0}", "{\"x\":1}")));
}

#[test]
fn a_block_of_an_unknown_kind_is_dropped_if_it_carries_no_call() {
    let answer = read(&with(r#"{"future":{}},{"text":"a"}"#));
    assert_eq!(String::from_utf8(answer.write()).unwrap(), with(r#"{"text":"a"}"#));
    assert_eq!(answer.said(ChoiceIndex::FIRST), [json!({"text": "a"})]);
}

#[test]
fn calls_that_are_kept_as_they_are_leave_every_byte() {
    for hold in [ReleasePolicy::Call, ReleasePolicy::Turn] {
        let text =
            with(r#"{"text":"a"},{"toolUse":{"toolUseId":"t1","name":"f","input":{ "b":[1, 2.5],"a":"\u00e9" }}}"#);
        let mut answer = read(&text);
        answer.settle(ChoiceIndex::FIRST, vec![keep("t1", "f", r#"{"a":"é","b":[1,2.5]}"#)], hold);
        assert_eq!(String::from_utf8(answer.write()).unwrap(), text);
    }
}

#[test]
fn arguments_that_readers_could_take_differently_are_written_anew() {
    let mut answer = read(&with(r#"{"toolUse": {"toolUseId":"t1","more":1,"name":"f","input": {"a" : 1.0}}}"#));
    answer.settle(ChoiceIndex::FIRST, vec![keep("t1", "f", r#"{"a":1}"#)], ReleasePolicy::Call);
    let expected = with(r#"{"toolUse":{"toolUseId":"t1","more":1,"name":"f","input":{"a":1}}}"#);
    assert_eq!(String::from_utf8(answer.write()).unwrap(), expected);
}

#[test]
fn a_refused_call_is_told_of_in_its_place_or_at_the_end_and_what_repeats_it_goes() {
    let fates = || vec![Fate::Replace("No.".to_owned()), keep("t2", "list", "{}")];
    insta::assert_json_snapshot!("one_call_less", settled(fates(), ReleasePolicy::Call));
    let held = settled(fates(), ReleasePolicy::Turn);
    let kinds: Vec<String> = held["output"]["message"]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block.as_object().unwrap().keys().next().unwrap().clone())
        .collect();
    assert_eq!(kinds, ["reasoningContent", "text", "text", "text", "toolUse"]);
    assert_eq!(held["output"]["message"]["content"][3]["text"], "No.");

    let none =
        settled(vec![Fate::Replace("No.".to_owned()), Fate::Replace("Nor this.".to_owned())], ReleasePolicy::Call);
    assert_eq!(none["stopReason"], "end_turn");
    assert!(!none.to_string().contains("get_order"), "{none}");
    assert_eq!(none["metrics"]["latencyMs"], 551);
}

#[test]
fn earlier_turns_come_first_and_are_paid_for() {
    let mut answer = read(&with(r#"{"text":"Found."}"#));
    let usage = Some(json!({"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "cacheDetails": [{"ttl": "5m"}]}));
    let said = vec![json!({"text": "Looking."})];
    answer.prepend(&[Earlier { said, usage: usage.clone() }, Earlier { said: vec![], usage }]);
    let body: Value = serde_json::from_slice(&answer.write()).unwrap();
    assert_eq!(body["output"]["message"]["content"], json!([{"text": "Looking."}, {"text": "Found."}]));
    assert_eq!(body["usage"]["totalTokens"], 6);
}

#[test]
fn tools_of_the_provider_may_stand_only_where_they_were_asked_for() {
    let used = r#"{"toolUse":{"toolUseId":"s","name":"nova_grounding","type":"server_tool_use","input":{"toolUse":{}}}},
        {"toolResult":{"toolUseId":"s","content":[{"text":"x"}]}},{"citationsContent":{"content":[{"text":"c"}],"citations":[]}}"#;
    let answer = ConverseAnswer::read(&["nova_grounding"], with(used).as_bytes()).unwrap();
    assert_eq!((answer.calls(), answer.said(ChoiceIndex::FIRST).len()), (vec![[].as_slice()], 3));
    assert!(ConverseAnswer::read(&["other"], with(used).as_bytes()).is_err());
    assert!(ConverseAnswer::read(&[], with(used).as_bytes()).is_err());
    assert!(ConverseAnswer::read(&[], with(r#"{"toolResult":{"toolUseId":"s","content":[]}}"#).as_bytes()).is_err());
    let by_client = with(r#"{"toolUse":{"toolUseId":"s","name":"nova_grounding","input":{}}}"#);
    let answer = ConverseAnswer::read(&["nova_grounding"], by_client.as_bytes()).unwrap();
    assert_eq!(answer.calls()[0].len(), 1, "without the type it is the client's");
}

#[test]
fn answers_that_could_hide_a_call_are_refused() {
    let mut told = String::new();
    let good = r#"{"toolUseId":"t","name":"f","input":{}}"#;
    let table = [
        "".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"output":{}}"#.to_owned(),
        r#"{"output":{"message":{"role":"assistant"}}}"#.to_owned(),
        r#"{"output":{"message":{"content":[]},"Message":{"content":[]}}}"#.to_owned(),
        r#"{"output":{"message":{"content":[],"content":[]}}}"#.to_owned(),
        r#"{"output":{"message":{"content":[],"\u0063ontent":[]}}}"#.to_owned(),
        r#"{"output":{"message":{"content":[]}},"Output":{}}"#.to_owned(),
        format!(r#"{{"output":{{"message":{{"content":[]}}}},"message":{{"content":[{{"toolUse":{good}}}]}}}}"#),
        format!(
            r#"{{"output":{{"message":{{"content":[]}}}},"additionalModelResponseFields":{{"x":{{"tooluse":{good}}}}}}}"#
        ),
        r#"{"output":{"message":{"content":[]}},"stopReason":7}"#.to_owned(),
        with("1"),
        with("{}"),
        with(r#"{"text":1}"#),
        with(r#"{"future":{"input":{"x":1}}}"#),
        with(r#"{"functionCall":{}}"#),
        with(r#"{"toolUse":{"toolUseId":"t","name":"f","input":{},"more":{"type":"tool_use","name":"g"}}}"#),
        with(&format!(r#"{{"text":"a","toolUse":{good}}}"#)),
        with(&format!(r#"{{"ToolUse":{good}}}"#)),
        with(&format!(r#"{{"text":"a","__type":"x","TOOLUSE":{good}}}"#)),
        with(&format!(r#"{{"citationsContent":{{"content":[{{"toolUse":{good}}}]}}}}"#)),
        with(r#"{"toolUse":[]}"#),
        with(r#"{"toolUse":{"toolUseId":1,"name":"f","input":{}}}"#),
        with(r#"{"toolUse":{"toolUseId":"t","name":"f","Input":{},"input":{}}}"#),
        with(&format!(r#"{{"toolUse":{{"toolUseId":"t","name":"f","input":{{}},"more":{{"toolUse":{good}}}}}}}"#)),
    ];
    for text in table {
        let error = ConverseAnswer::read(&[], text.as_bytes()).expect_err(&text);
        told += &format!("{text}\n    {error}\n");
    }
    let many = vec![format!(r#"{{"toolUse":{good}}}"#); 1025].join(",");
    assert!(ConverseAnswer::read(&[], with(&many).as_bytes()).is_err());
    insta::assert_snapshot!(told);
}

#[test]
fn a_further_round_has_every_member_of_a_call() {
    let body = br#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#;
    let mut request = BedrockConverse.request(&Target::new("/model/m/converse"), body).unwrap();
    let kept = read(&with(r#"{"toolUse":{"toolUseId":"t","name":"f","input":{"x":1},"type":"tool_use","a":1}}"#));
    request.append_turn(&[], &[result(kept.calls()[0][0].clone(), "1", false)]);
    let body: Value = serde_json::from_slice(&request.write()).unwrap();
    let expected = json!([{"toolUse": {"toolUseId": "t", "name": "f", "type": "tool_use", "a": 1, "input": {"x": 1}}}]);
    assert_eq!(body["messages"][1]["content"], expected);
}

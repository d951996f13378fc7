//! The executor decides conditions again, with the facts that the filter sent and a clock of its own.

use std::collections::BTreeMap;

use callgate_audit::{LogReader, Query, Record};
use callgate_proto::executor::v1::{Conversation, ExecuteRequest};
use tonic::Code;

use crate::desk::{Desk, Running, wasm};
use crate::guests;

/// A desk whose tool `t` has a condition. The tool `u` has none.
async fn desk(condition: &str) -> Running {
    let more = format!("when: {}", serde_json::Value::from(condition));
    let tools = Desk::new().tool_with("t", &wasm(&guests::echo()), "", &more).tool("u", &wasm(&guests::echo()), "");
    tools.start().await
}

/// The codes of the refused calls of a request; an empty one for a call that ran.
async fn codes(desk: &Running, request: ExecuteRequest) -> Vec<String> {
    let ended = desk.execute(request).await.unwrap();
    ended.into_iter().map(|ended| ended.result.err().map(|(_, _, code)| code).unwrap_or_default()).collect()
}

/// The facts of a conversation, and its earlier calls.
type Facts = (Option<Conversation>, BTreeMap<String, u32>);

fn conversation(tainted: bool, calls: &[(&str, u32)]) -> Facts {
    let calls = calls.iter().map(|(tool, count)| ((*tool).to_owned(), *count)).collect();
    (Some(Conversation { tainted, rounds: 1, turns: 2 }), calls)
}

fn none() -> Facts {
    (None, BTreeMap::new())
}

/// The request with these facts.
fn with((conversation, earlier_calls): Facts, request: ExecuteRequest) -> ExecuteRequest {
    ExecuteRequest { conversation, earlier_calls, ..request }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_of_the_filter_decides_and_an_absent_one_denies() {
    for (condition, model, facts, runs) in [
        ("!conversation.tainted", None, conversation(false, &[]), true),
        ("!conversation.tainted", None, conversation(true, &[]), false),
        ("!conversation.tainted", None, none(), false),
        ("conversation.rounds == 1 && conversation.turns == 2", None, conversation(false, &[]), true),
        ("conversation.count('u') == 3", None, conversation(false, &[("u", 3)]), true),
        ("!conversation.called('u')", None, conversation(false, &[("u", 1)]), false),
        ("!conversation.called('u')", None, none(), false),
        ("model == 'm-1'", Some("m-1"), none(), true),
        ("model == 'm-1'", Some("m-2"), none(), false),
        ("model != 'm-1'", None, none(), false),
        ("caller.role == 'clerk' && caller.tenant == 'acme'", None, none(), true),
        ("now > timestamp('2024-01-01T00:00:00Z')", None, none(), true),
        ("now < timestamp('2024-01-01T00:00:00Z')", None, none(), false),
    ] {
        let desk = desk(condition).await;
        let request = desk.request("clerk", &[("t", "{}"), ("u", "{}")]);
        let request = with(facts, ExecuteRequest { model: model.map(str::to_owned), ..request });
        let expected = if runs { "" } else { "condition_unmet" };
        assert_eq!(codes(&desk, request).await, [expected, ""], "{condition}, {model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_same_request_count_unless_they_are_refused() {
    let desk = desk("!has(args.n) || conversation.count('t') + conversation.count('u') < args.n").await;
    let calls = [("t", r#"{"n":1}"#), ("t", r#"{"n":1}"#), ("u", "{}"), ("t", r#"{"n":2}"#), ("t", r#"{"n":3}"#)];
    let request = with(conversation(false, &[]), desk.request("clerk", &calls));
    assert_eq!(codes(&desk, request).await, ["", "condition_unmet", "", "condition_unmet", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_bounded() {
    let desk = desk("true").await;
    let good = || desk.request("clerk", &[("u", "{}")]);
    let many: Vec<String> = (0..1025).map(|n| format!("t{n}")).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|name| (name.as_str(), 1)).collect();
    for (request, place) in [
        (ExecuteRequest { model: Some("x".repeat(257)), ..good() }, "(model, 257 bytes)"),
        (with(conversation(false, &[(&"x".repeat(257), 1)]), good()), "(earlier_calls, 257 bytes)"),
        (with(conversation(false, &many), good()), "(earlier_calls, 1025)"),
    ] {
        let status = desk.execute(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{place}");
        assert!(status.message().contains(place), "{place}: {}", status.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_in_shadow_denies_nothing_and_its_code_is_recorded() {
    let more = "when: { condition: \"caller.role == 'nobody'\", shadow: true }";
    let desk = Desk::new().tool_with("t", &wasm(&guests::echo()), "", more).start().await;
    assert_eq!(codes(&desk, desk.request("clerk", &[("t", "{}")])).await, [""]);
    let reader = LogReader::open(&desk.path("callgate-state/audit.db")).unwrap();
    let found = reader.query(&Query { limit: 10, ..Query::default() }).unwrap();
    let decisions: Vec<Record<'_>> = found
        .iter()
        .map(|stored| Record::read(&stored.text).unwrap())
        .filter(|record| record.kind == "decision")
        .collect();
    assert_eq!(decisions.len(), 1);
    assert_eq!((&*decisions[0].verdict, &*decisions[0].code), ("allow", "condition_unmet"));
}

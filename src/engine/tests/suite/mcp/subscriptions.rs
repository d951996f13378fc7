//! `subscriptions/listen`: one request whose answer is a stream of notifications.

use callgate_engine::{Effect, Event};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::*;

const ID: &str = "io.modelcontextprotocol/subscriptionId";

fn listen(filter: Value) -> Value {
    alone("subscriptions/listen", json!({ "notifications": filter }))
}

fn told(method: &str, id: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": { ID: id } } })
}

fn acknowledged() -> Value {
    told("notifications/subscriptions/acknowledged", json!(7))
}

#[test]
fn a_subscription_carries_what_was_asked_for_and_nothing_else() {
    let (mut exchange, _) =
        sent_alone(&gate("refuse"), &listen(json!({ "toolsListChanged": true, "promptsListChanged": false })));
    let changed = told("notifications/tools/list_changed", json!(7));
    let stream = events(&[
        acknowledged(),
        changed.clone(),
        told("notifications/tools/list_changed", json!(8)),
        told("notifications/tools/list_changed", json!("7")),
        notification("notifications/tools/list_changed"),
        told("notifications/prompts/list_changed", json!(7)),
        told("notifications/resources/updated", json!(7)),
        told("notifications/message", json!(7)),
        told("notifications/tasks", json!(7)),
        request("elicitation/create", json!({ "message": "SECRET" })),
        json!({ "jsonrpc": "2.0", "id": 9, "result": { "content": "SECRET" } }),
        changed.clone(),
    ]);
    assert_eq!(messages(&streamed(&mut exchange, &stream, &[])), [acknowledged(), changed.clone(), changed]);
    assert_eq!(exchange.tally().verdict(), "pass");
}

#[test]
fn neither_time_nor_size_ends_a_subscription_but_its_end_carries_no_words() {
    let (mut exchange, _) = sent_alone(&gate("refuse"), &listen(json!({ "resourceSubscriptions": ["a:b"] })));
    assert_eq!(begun(&mut exchange, "200", "text/event-stream", false), Effect::BeginStream);
    let mut updated = told("notifications/resources/updated", json!(7));
    updated["params"]["uri"] = json!("a:b");
    let updated = format!("data: {updated}\n\n");
    for hours in 1..200 {
        let now = NOW * 3600 * hours;
        let effect = exchange.on(Event::ResponseData { chunk: updated.as_bytes(), end: false, now });
        assert_eq!(effect, Effect::Pass);
    }
    let end = response(json!({ "resultType": "complete", "_meta": { ID: 7 }, "content": "SECRET" }));
    let end = format!("data: {end}\n\n");
    let effect = exchange.on(Event::ResponseData { chunk: end.as_bytes(), end: false, now: NOW });
    let Effect::Emit(out) = effect else { panic!("{effect:?}") };
    assert_eq!(messages(&out), [response(json!({ "resultType": "complete", "_meta": { ID: 7 } }))]);
    let large = vec![b'x'; 8192];
    let (mut exchange, _) = sent_alone(&gate("refuse"), &listen(json!({})));
    begun(&mut exchange, "200", "text/event-stream", false);
    let effect = exchange.on(Event::ResponseData { chunk: &large, end: false, now: NOW });
    assert!(matches!(&effect, Effect::Emit(out) if messages(out)[0]["id"] == 7), "one event is bounded: {effect:?}");
}

#[test]
fn a_filter_that_is_not_known_is_refused() {
    let many: Vec<String> = (0..300).map(|n| format!("a:{n}")).collect();
    let table = [
        json!({ "taskIds": ["t"] }),
        json!({ "toolsListChanged": "yes" }),
        json!({ "ToolsListChanged": true }),
        json!({ "toolsListChanged": ["a"] }),
        json!({ "resourceSubscriptions": true }),
        json!({ "resourceSubscriptions": [7] }),
        json!({ "resourceSubscriptions": many }),
        json!([]),
        json!(null),
    ];
    for filter in table {
        let (_, effect) = send_alone(&gate("refuse"), &listen(filter.clone()));
        assert_eq!(refused(effect), (400, "request_invalid".to_owned()), "{filter}");
    }
}

#[test]
fn a_server_without_subscriptions_says_so() {
    let (mut exchange, _) = sent_alone(&gate("refuse"), &listen(json!({})));
    let error = json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32601, "message": "No." } });
    assert_eq!(body(answered(&mut exchange, &error)), error);
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(acknowledged()),
        Just(told("notifications/tools/list_changed", json!(7))),
        Just(told("notifications/prompts/list_changed", json!(7))),
        Just(response(json!({ "resultType": "complete", "x": "SECRET" }))),
        Just(json!({ "jsonrpc": "2.0", "id": 9, "result": { "x": "SECRET" } })),
    ]
}

proptest! {
    #[test]
    fn any_chunking_of_a_subscription_gives_the_same_bytes(
        said in prop::collection::vec(message(), 0..6),
        sizes in prop::collection::vec(1_usize..90, 1..8),
    ) {
        let stream = events(&said);
        let play = |chunks: &[usize]| {
            let (mut exchange, _) = sent_alone(&gate("refuse"), &listen(json!({ "toolsListChanged": true })));
            (streamed(&mut exchange, &stream, chunks), exchange.tally().verdict())
        };
        let whole = play(&[]);
        prop_assert_eq!(play(&sizes), whole.clone());
        let text = String::from_utf8(whole.0).unwrap();
        prop_assert!(!text.contains("SECRET") && !text.contains("prompts"), "{}", text);
    }
}

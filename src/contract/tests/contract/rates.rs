//! Rates of roles and tools, and the life of conversations.

use callgate_contract::{Contract, ConversationId, Files, compare, from_value, load};
use callgate_limits::{ConversationRules, Limit, Period, Unit};
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::folder::Folder;

fn document(role: &Value, tool: &Value, conversation: &Value) -> Value {
    let mut document = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"],
            "roles": { "clerk": { "tools": ["*"] } },
            "tools": [{ "name": "order", "effects": "write", "parameters": { "type": "object" }, "run": { "client": {} } }],
        },
    });
    let mut add = |pointer: &str, more: &Value| {
        let into = document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
        into.extend(more.as_object().unwrap().clone());
    };
    add("/spec/roles/clerk", role);
    add("/spec/tools/0", tool);
    if !conversation.is_null() {
        add("/spec", &json!({ "conversation": conversation }));
    }
    document
}

fn contract(role: &Value, tool: &Value, conversation: &Value) -> Contract {
    from_value(&document(role, tool, conversation)).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn rates_are_read_for_roles_and_tools() {
    let none = Value::Null;
    let role = json!({ "requestsPerMinute": 60, "requestsPerDay": "2K", "callsPerMinute": "120", "callsPerDay": "1M" });
    let contract = contract(&role, &json!({ "callsPerDay": 5 }), &none);
    let limit = |unit, period, most| Limit { unit, period, most };
    assert_eq!(
        contract.role("clerk").unwrap().limits(),
        [
            limit(Unit::Requests, Period::Minute, 60),
            limit(Unit::Requests, Period::Day, 2_000),
            limit(Unit::Calls, Period::Minute, 120),
            limit(Unit::Calls, Period::Day, 1_000_000),
        ]
    );
    assert_eq!(contract.tool("order").unwrap().limits(), [limit(Unit::Calls, Period::Day, 5)]);
    assert!(contract.is_limited());
    assert!(!self::contract(&json!({}), &json!({}), &none).is_limited());
}

#[test]
fn a_limit_that_is_never_reached_is_noted() {
    let text = document(&json!({ "callsPerMinute": 10, "callsPerDay": 5 }), &json!({}), &Value::Null).to_string();
    let contract = load("contract.json", &text, &Folder(&[]) as &dyn Files).unwrap();
    let notes: Vec<&str> = contract.notes().iter().map(|note| note.message.as_str()).collect();
    assert_eq!(notes, ["the limit of a minute is higher than that of the whole day, so it is never reached"]);
}

#[test]
fn the_rule_for_conversations_is_read() {
    let none = json!({});
    let conversation = json!({
        "id": ["header:x-claude-code-session-id", "header:session_id", "derived"],
        "idle": "30m", "lifetime": "24h", "maxTurns": 200, "maxCalls": "1K",
    });
    let contract = contract(&none, &none, &conversation);
    let policy = contract.conversation().unwrap();
    let header = |name: &str| ConversationId::Header(name.to_owned());
    assert_eq!(policy.ids, [header("x-claude-code-session-id"), header("session_id"), ConversationId::Derived]);
    let rules =
        ConversationRules { idle: Some(1_800), lifetime: Some(86_400), max_turns: Some(200), max_calls: Some(1_000) };
    assert_eq!(policy.rules, rules);
}

#[test]
fn the_effect_of_a_changed_rate_is_known() {
    let none = json!({});
    let lines = |before: &Contract, after: &Contract| -> Vec<String> {
        let changes = compare(before, after);
        changes.iter().map(|change| format!("{} {}", change.effect.as_str(), change.pointer)).collect()
    };
    let of_role = |role: &Value| contract(role, &none, &Value::Null);
    let (free, ten, more) =
        (of_role(&none), of_role(&json!({ "callsPerMinute": 10 })), of_role(&json!({ "callsPerMinute": "1K" })));
    assert_eq!(lines(&free, &ten), ["closes /spec/roles/clerk/callsPerMinute"]);
    assert_eq!(lines(&ten, &more), ["opens /spec/roles/clerk/callsPerMinute"]);
    assert_eq!(lines(&more, &free), ["opens /spec/roles/clerk/callsPerMinute"]);
    let of_tool = |tool: &Value| contract(&none, tool, &Value::Null);
    assert_eq!(lines(&free, &of_tool(&json!({ "callsPerDay": 1 }))), ["closes /spec/tools/order/callsPerDay"]);
    let talk = |turns: u64| contract(&none, &none, &json!({ "id": "derived", "maxTurns": turns }));
    assert_eq!(lines(&talk(5), &talk(6)), ["opens /spec/conversation/maxTurns"]);
    assert_ne!(free.digest(), ten.digest());
}

/// A contract with prices in dollars, and this limit on cost.
fn budget(amount: &str, currency: &str) -> Result<Contract, String> {
    let mut text =
        document(&json!({ "costPerDay": { "amount": "AMOUNT", "currency": currency } }), &json!({}), &Value::Null);
    let prices = json!({ "currency": "USD", "models": { "*": { "input": 1, "output": 2 } } });
    text.pointer_mut("/spec").and_then(Value::as_object_mut).unwrap().insert("prices".to_owned(), prices);
    let text = text.to_string().replace("\"AMOUNT\"", amount);
    load("contract.json", &text, &Folder(&[]) as &dyn Files).map_err(|errors| errors.to_string())
}

#[test]
fn a_budget_is_exact_to_a_millionth() {
    for (amount, micros) in [("20", 20_000_000), ("2.5", 2_500_000), ("0.000001", 1), ("1000000", 1_000_000_000_000)] {
        let contract = budget(amount, "USD").unwrap();
        let limit = Limit { unit: Unit::Cost, period: Period::Day, most: micros };
        let role = contract.role("clerk").unwrap();
        assert_eq!(role.limits(), [limit], "{amount}");
        assert!(contract.needs_usage() && contract.refuses_unpriced(role));
    }
    for amount in ["0", "-1", "0.0000001", "1000001", "\"20\"", "true"] {
        assert!(budget(amount, "USD").unwrap_err().contains("at most six decimal places"), "{amount}");
    }
    assert!(budget("20", "EUR").unwrap_err().contains("expected `USD`, the currency of `prices`"));
}

#[test]
fn tokens_are_read_only_if_a_role_has_a_limit_on_them() {
    let none = json!({});
    let of = |role: &Value| contract(role, &none, &Value::Null);
    assert!(of(&json!({ "tokensPerMinute": "60K" })).needs_usage());
    assert!(of(&json!({ "tokensPerDay": 5 })).needs_usage());
    assert!(!of(&json!({ "callsPerDay": 5 })).needs_usage());
}

#[test]
fn the_effect_of_a_changed_budget_is_known() {
    let lines = |before: &Contract, after: &Contract| -> Vec<String> {
        let changes = compare(before, after);
        changes.iter().map(|change| format!("{} {}", change.effect.as_str(), change.pointer)).collect()
    };
    let (small, large) = (budget("2.5", "USD").unwrap(), budget("20", "USD").unwrap());
    assert_eq!(lines(&small, &large), ["opens /spec/roles/clerk/costPerDay/amount"]);
    assert_eq!(lines(&large, &small), ["closes /spec/roles/clerk/costPerDay/amount"]);
}

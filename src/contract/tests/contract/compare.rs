//! The differences of two contracts and their effects.

use callgate_contract::{ChangeEffect, ChangeKind, Contract, ContractChange, compare, from_value};
use callgate_json::Value;
use serde_json::json;

use crate::folder::order_desk;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn valid(document: &Value) -> Contract {
    from_value(document).unwrap_or_else(|errors| panic!("{errors}\n{document}"))
}

/// The order desk, with the value at `pointer` replaced, added or (for `null`) removed.
fn edited(pointer: &str, value: &Value) -> Value {
    let mut document = callgate_json::read(order_desk().canonical().as_bytes()).unwrap();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(entries) if value.is_null() => drop(entries.shift_remove(field)),
        Value::Object(entries) => drop(entries.insert(field.to_owned(), value.clone())),
        Value::Array(items) if value.is_null() => drop(items.remove(field.parse().unwrap())),
        Value::Array(items) if field == "-" => items.push(value.clone()),
        Value::Array(items) => items[field.parse::<usize>().unwrap()] = value.clone(),
        _ => panic!("{pointer}"),
    }
    document
}

/// `effect kind tool roles pointer` of each change.
fn lines(changes: &[ContractChange]) -> Vec<String> {
    let line = |change: &ContractChange| {
        let (effect, kind) = (change.effect.as_str(), change.kind.as_str());
        let tool = change.tool.as_deref().unwrap_or("-");
        format!("{effect} {kind} {tool} [{}] {}", change.roles.join(" "), change.pointer)
    };
    changes.iter().map(line).collect()
}

fn from_order_desk(pointer: &str, value: &Value) -> Vec<String> {
    lines(&compare(&order_desk(), &valid(&edited(pointer, value))))
}

#[test]
fn a_contract_does_not_differ_from_itself() {
    let again = valid(&callgate_json::read(order_desk().canonical().as_bytes()).unwrap());
    assert!(compare(&order_desk(), &again).is_empty());
}

#[test]
fn fields_of_the_contract_have_the_effect_of_their_rule() {
    let all = "clerk guest viewer";
    for (pointer, value, effect) in [
        ("/metadata/version", json!("9"), "nothing"),
        ("/spec/models", json!(["*"]), "opens"),
        ("/spec/models", json!(["gpt-4o"]), "closes"),
        ("/spec/models", json!(["mistral-*"]), "unclear"),
        ("/spec/providerTools", json!(["web_search"]), "opens"),
        ("/spec/serverState", json!("allowed"), "opens"),
        ("/spec/serverState", json!("refused"), "nothing"),
        ("/spec/undeclaredTools", json!("drop"), "opens"),
        ("/spec/requestMembers", json!({ "unknown": "refuse" }), "closes"),
        ("/spec/requestMembers", json!({ "allow": ["store_hint"] }), "opens"),
        ("/spec/limits/maxOutputTokens", json!(2048), "opens"),
        ("/spec/limits/maxOutputTokens", Value::Null, "opens"),
        ("/spec/limits/maxRounds", json!(1), "closes"),
        ("/spec/limits/maxRounds", json!(9), "opens"),
        ("/spec/limits/requestBytes", json!(1 << 20), "nothing"),
        ("/spec/limits/requestBytes", json!(1000), "closes"),
        ("/spec/limits/turnTimeout", json!("20m"), "opens"),
        ("/spec/onViolation", json!("feedback"), "unclear"),
        ("/spec/enforce", json!(false), "opens"),
        ("/spec/enforce", json!(true), "nothing"),
    ] {
        let found = from_order_desk(pointer, &value);
        assert_eq!(found.len(), 1, "{pointer}: {found:?}");
        assert!(found[0].starts_with(&format!("{effect} field - [{all}] {pointer}")), "{pointer} {value}: {found:?}");
    }
}

#[test]
fn fields_of_a_tool_name_the_roles_that_may_use_it() {
    for (field, value, effect) in [
        ("description", json!("Anything"), "nothing"),
        ("effects", json!("read"), "unclear"),
        ("output", json!("untrusted"), "closes"),
        ("approval", json!("always"), "closes"),
        ("approval", json!("never"), "nothing"),
        ("approval", json!({ "approvers": 2 }), "closes"),
        ("approval", json!({ "when": "args.quantity > 10" }), "closes"),
        ("when", json!("args.quantity > 10"), "closes"),
        ("audit", json!("full"), "unclear"),
        ("run/wasm/sha256", json!("ab".repeat(32)), "unclear"),
        ("run/wasm/memory", json!("1MiB"), "closes"),
        ("run/wasm/memory", json!("1GiB"), "opens"),
        ("run/wasm/timeout", json!("2s"), "nothing"),
        ("run/wasm/env", json!(["HOME", "ORDER_REGION"]), "opens"),
        ("run/wasm/http", json!(["api.example.com:443"]), "opens"),
    ] {
        let found = from_order_desk(&format!("/spec/tools/1/{field}"), &value);
        // A result is a fact for the calls of every tool.
        let subject = if field == "output" { "- [clerk guest viewer]" } else { "create_order [clerk]" };
        let expected = format!("{effect} field {subject} /spec/tools/create_order/{field}");
        let is_silent = effect == "nothing" && found.is_empty();
        assert!(found == [expected.clone()] || is_silent, "{field} {value}: {found:?}, expected {expected}");
    }
}

#[test]
fn another_type_of_an_argument_is_unclear_beside_a_condition() {
    let mut document = edited("/spec/tools/1/when", &json!("args.quantity / 2 < 5"));
    let before = valid(&document);
    *document.pointer_mut("/spec/tools/1/parameters/properties/quantity/type").unwrap() = json!("number");
    let found = lines(&compare(&before, &valid(&document)));
    let place = "/spec/tools/create_order/parameters/properties/quantity/type";
    assert_eq!(found, [format!("unclear field create_order [clerk] {place}")]);
    let found = from_order_desk("/spec/tools/1/parameters/properties/quantity/type", &json!("number"));
    assert_eq!(found, [format!("opens field create_order [clerk] {place}")]);
}

#[test]
fn another_runner_lists_both() {
    let found = from_order_desk("/spec/tools/1/run", &json!({ "client": {} }));
    assert!(found.iter().any(|line| line == "unclear field create_order [clerk] /spec/tools/create_order/run/client"));
    assert!(found.iter().any(|line| line.contains("/run/wasm/module")), "{found:?}");
}

#[test]
fn roles_gain_and_lose_tools() {
    let found = from_order_desk("/spec/roles/viewer/tools", &json!(["*"]));
    assert_eq!(found, ["opens access create_order [viewer] /spec/roles"]);
    let found = from_order_desk("/spec/roles/clerk/tools", &json!(["create_order"]));
    assert_eq!(found, ["closes access get_order [clerk] /spec/roles"]);
    let found = from_order_desk("/spec/roles/viewer/tools", &json!(["get_*", "get_order"]));
    assert_eq!(found, ["nothing field - [viewer] /spec/roles/viewer/tools"]);
    let found = from_order_desk("/spec/roles/auditor", &json!({ "tools": ["get_order"] }));
    assert_eq!(found, ["opens field - [auditor] /spec/roles/auditor", "opens access get_order [auditor] /spec/roles"]);
    let tool =
        json!({ "name": "ping", "effects": "read", "parameters": { "type": "object" }, "run": { "client": {} } });
    let with_tool = valid(&edited("/spec/tools/-", &tool));
    let role = order_desk().role("clerk").unwrap().tools(&order_desk()).count();
    let users: Vec<String> = with_tool
        .roles()
        .filter(|role| with_tool.permit(Some(role), "ping").is_ok())
        .map(|role| role.name().to_owned())
        .collect();
    let found = lines(&compare(&order_desk(), &with_tool));
    let effect = if users.is_empty() { "nothing" } else { "opens" };
    assert_eq!(found, [format!("{effect} access ping [{}] /spec/tools/ping", users.join(" "))], "{role}");
    let found = lines(&compare(&with_tool, &order_desk()));
    assert!(found.len() == 1 && found[0].ends_with("/spec/tools/ping"), "{found:?}");
}

#[test]
fn the_order_of_tools_decides_nothing() {
    let mut document = callgate_json::read(order_desk().canonical().as_bytes()).unwrap();
    document.pointer_mut("/spec/tools").unwrap().as_array_mut().unwrap().reverse();
    let found = compare(&order_desk(), &valid(&document));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].effect), (ChangeKind::Order, ChangeEffect::Nothing));
}

/// Two schemas of one tool; each difference with its effect.
type SchemaCase = (Value, Value, &'static [(&'static str, ChangeEffect)]);

#[test]
fn schemas_are_loosened_and_tightened() {
    use ChangeEffect::{Closes, Nothing, Opens, Unclear};
    let node = |value: Value| json!({ "type": "object", "$defs": { "n": value }, "properties": { "a": { "$ref": "#/$defs/n" } } });
    let of = |value: Value| json!({ "type": "object", "properties": { "a": value } });
    let closed = |value: Value| json!({ "type": "object", "additionalProperties": false, "properties": value });
    let cases: Vec<SchemaCase> = vec![
        (of(json!({ "maximum": 1 })), of(json!({ "maximum": 2 })), &[("/properties/a/maximum", Opens)]),
        (of(json!({ "minimum": 1 })), of(json!({ "minimum": 2 })), &[("/properties/a/minimum", Closes)]),
        (of(json!({ "minimum": 1 })), of(json!(true)), &[("/properties/a/minimum", Opens)]),
        (
            of(json!({ "maxLength": 1 })),
            of(json!({ "pattern": "x" })),
            &[("/properties/a/pattern", Closes), ("/properties/a/maxLength", Opens)],
        ),
        (of(json!({ "pattern": "y" })), of(json!({ "pattern": "x" })), &[("/properties/a/pattern", Unclear)]),
        (of(json!({ "enum": [1, 2] })), of(json!({ "enum": [1, 2, 3] })), &[("/properties/a/enum", Opens)]),
        (of(json!({ "enum": [1, 2] })), of(json!({ "enum": [2, 1] })), &[("/properties/a/enum", Nothing)]),
        (of(json!({ "enum": [1, 2] })), of(json!({ "enum": [2, 3] })), &[("/properties/a/enum", Unclear)]),
        (of(json!({ "type": "integer" })), of(json!({ "type": "number" })), &[("/properties/a/type", Opens)]),
        (of(json!({ "type": "string" })), of(json!({ "type": "number" })), &[("/properties/a/type", Unclear)]),
        (of(json!({ "not": { "const": 1 } })), of(json!({ "not": { "const": 2 } })), &[("/properties/a/not", Unclear)]),
        (of(json!({ "title": "b" })), of(json!({ "title": "c" })), &[("/properties/a/title", Nothing)]),
        (
            of(json!({ "uniqueItems": false })),
            of(json!({ "uniqueItems": true })),
            &[("/properties/a/uniqueItems", Closes)],
        ),
        (
            of(json!({ "items": { "minLength": 3 } })),
            of(json!({ "items": { "minLength": 1 } })),
            &[("/properties/a/items/minLength", Opens)],
        ),
        (
            of(json!({ "anyOf": [{ "const": 1 }] })),
            of(json!({ "anyOf": [{ "const": 1 }, { "const": 2 }] })),
            &[("/properties/a/anyOf/1", Opens)],
        ),
        (
            of(json!({ "allOf": [{ "minimum": 1 }] })),
            of(json!({ "allOf": [{ "minimum": 1 }, { "maximum": 2 }] })),
            &[("/properties/a/allOf/1", Closes)],
        ),
        (closed(json!({})), closed(json!({ "a": { "type": "string" } })), &[("/properties/a", Opens)]),
        (
            of(json!(true)),
            json!({ "type": "object", "properties": { "a": true, "b": { "type": "string" } } }),
            &[("/properties/b", Closes)],
        ),
        (of(json!(true)), closed(json!({ "a": true })), &[("/additionalProperties", Closes)]),
        (
            of(json!(true)),
            json!({ "type": "object", "properties": { "a": true }, "required": ["a"] }),
            &[("/required", Closes)],
        ),
        (node(json!({ "maximum": 1 })), node(json!({ "maximum": 2 })), &[("/$defs/n/maximum", Opens)]),
        // A recursive definition is compared once.
        (
            node(json!({ "maxProperties": 2, "additionalProperties": { "$ref": "#/$defs/n" } })),
            node(json!({ "maxProperties": 1, "additionalProperties": { "$ref": "#/$defs/n" } })),
            &[("/$defs/n/maxProperties", Closes)],
        ),
        (
            node(json!({ "additionalProperties": { "$ref": "#/$defs/n" } })),
            node(
                json!({ "properties": { "b": { "$ref": "#/$defs/n" } }, "additionalProperties": { "$ref": "#/$defs/n" } }),
            ),
            &[("/$defs/n/properties/b", Nothing)],
        ),
        // A definition used inside `not` turns its effect round.
        (
            json!({ "type": "object", "$defs": { "n": { "maximum": 1 } }, "not": { "properties": { "a": { "$ref": "#/$defs/n" } } } }),
            json!({ "type": "object", "$defs": { "n": { "maximum": 2 } }, "not": { "properties": { "a": { "$ref": "#/$defs/n" } } } }),
            &[("/not", Unclear)],
        ),
        (
            json!({ "type": "object", "unevaluatedProperties": false }),
            json!({ "type": "object", "unevaluatedProperties": false, "properties": { "a": { "type": "string" } } }),
            &[("/properties/a", Unclear)],
        ),
    ];
    for (before, after, expected) in cases {
        let contract = |schema: &Value| valid(&edited("/spec/tools/0/parameters", schema));
        let found = compare(&contract(&before), &contract(&after));
        let found: Vec<(&str, ChangeEffect)> = found
            .iter()
            .map(|change| (change.pointer.strip_prefix("/spec/tools/get_order/parameters").unwrap(), change.effect))
            .collect();
        assert_eq!(found, expected, "{before} to {after}");
    }
}

#[test]
fn rules_about_sources_are_judged_by_their_consequence() {
    let origin = json!({ "/customer": { "from": ["user"] } });
    let tool = "create_order [clerk] /spec/tools/create_order";
    let with_origin = |rule: Value| edited("/spec/tools/1/origin", &rule);
    let closed = valid(&with_origin(origin.clone()));
    assert_eq!(lines(&compare(&order_desk(), &closed)), [format!("closes field {tool}/origin/~1customer")]);
    assert_eq!(lines(&compare(&closed, &order_desk())), [format!("opens field {tool}/origin/~1customer")]);
    let held = valid(&with_origin(json!({ "/customer": { "from": ["user"], "otherwise": "approve" } })));
    assert_eq!(lines(&compare(&closed, &held)), [format!("opens field {tool}/origin/~1customer/otherwise")]);
    let other = valid(&with_origin(json!({ "/customer": { "from": ["system"] } })));
    assert_eq!(lines(&compare(&closed, &other)), [format!("unclear field {tool}/origin/~1customer/from")]);
    // A value with `from` is free from the rules for outgoing values.
    let mut outgoing = edited("/spec/tools/1/egress", &json!(true));
    let without = valid(&outgoing);
    assert_eq!(lines(&compare(&order_desk(), &without)), [format!("closes field {tool}/egress")]);
    outgoing.pointer_mut("/spec/tools/1").unwrap().as_object_mut().unwrap().insert("origin".to_owned(), origin);
    assert_eq!(lines(&compare(&without, &valid(&outgoing))), [format!("unclear field {tool}/origin/~1customer")]);
    let required = valid(&edited("/spec/tools/1/requires", &json!({ "untainted": true, "otherwise": "approve" })));
    assert_eq!(lines(&compare(&order_desk(), &required)), [format!("closes field {tool}/requires")]);
    let found = from_order_desk("/spec/tools/0/result", &json!({ "format": "yaml" }));
    assert_eq!(found, ["unclear field - [clerk guest viewer] /spec/tools/get_order/result"]);
}

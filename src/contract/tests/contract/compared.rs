//! Generated pairs of contracts: every call that `decide` newly allows or denies has a line in the comparison.

use callgate_contract::{
    Caller, ChangeEffect, Contract, ContractChange, Conversation, ProposedCall, Verdict, compare, decide, from_value,
};
use callgate_json::{Map, Value};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::json;

const ROLES: [&str; 2] = ["clerk", "viewer"];
const TOOLS: [&str; 3] = ["get", "put", "get_all"];

/// One keyword with a value.
fn keyword(inner: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = (String, Value)> {
    let number = select(vec![json!(0), json!(1), json!(2), json!(3)]);
    let words = subsequence(vec!["a", "b"], 0..=2);
    let branches = prop::collection::vec(inner.clone(), 1..3);
    prop_oneof![
        (select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), number.clone()),
        (
            select(vec![
                "minLength",
                "maxLength",
                "minItems",
                "maxItems",
                "minProperties",
                "maxProperties",
                "minContains",
                "maxContains"
            ]),
            number.clone()
        ),
        (Just("multipleOf"), select(vec![json!(2), json!(3)])),
        (Just("const"), number),
        (Just("enum"), subsequence(vec![json!(0), json!(1), json!("x"), json!(null)], 1..=4).prop_map(Value::from)),
        (
            Just("type"),
            subsequence(vec!["string", "number", "integer", "object", "array", "null"], 1..=4).prop_map(|v| json!(v))
        ),
        (Just("pattern"), select(vec![json!("^x"), json!("x$"), json!("y")])),
        (Just("uniqueItems"), any::<bool>().prop_map(Value::from)),
        (Just("required"), words.prop_map(|words| json!(words))),
        (
            select(vec![
                "items",
                "additionalProperties",
                "not",
                "contains",
                "if",
                "then",
                "else",
                "unevaluatedProperties",
                "propertyNames"
            ]),
            inner.clone()
        ),
        (select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]), branches.prop_map(Value::from)),
        (
            select(vec!["properties", "patternProperties", "dependentSchemas"]),
            prop::collection::hash_map(select(vec!["a", "b", "c"]), inner, 1..3).prop_map(|map| json!(map))
        ),
        (Just("$ref"), select(vec![json!("#/$defs/d"), json!("#/$defs/e")])),
        (Just("title"), select(vec![json!("x"), json!("y")])),
    ]
    .prop_map(|(key, value)| (key.to_owned(), value))
}

fn schema() -> impl Strategy<Value = Value> + Clone {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        Just(json!({})),
        Just(json!({ "$ref": "#/$defs/d" })),
        Just(json!({ "type": "string" })),
        Just(json!({ "maximum": 2 })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(keyword(inner), 0..3).prop_map(|entries| Value::Object(entries.into_iter().collect()))
    })
    .boxed()
}

fn parameters() -> impl Strategy<Value = Value> {
    let inner = schema();
    (prop::collection::vec(keyword(inner.clone()), 0..4), inner.clone(), inner).prop_map(|(entries, d, e)| {
        let mut map: Map<String, Value> = entries.into_iter().collect();
        map.insert("type".to_owned(), json!("object"));
        map.insert("$defs".to_owned(), json!({ "d": d, "e": e }));
        Value::Object(map)
    })
}

/// Edits the object number `left`, counted in some order; false if there are fewer.
fn edit(value: &mut Value, left: &mut usize, change: &mut impl FnMut(&mut Map<String, Value>)) -> bool {
    match value {
        Value::Object(map) => {
            if *left == 0 {
                change(map);
                return true;
            }
            *left -= 1;
            map.values_mut().any(|value| edit(value, left, change))
        }
        Value::Array(items) => items.iter_mut().any(|item| edit(item, left, change)),
        _ => false,
    }
}

/// A schema, and the same with up to two keywords added, replaced or removed.
fn schemas() -> impl Strategy<Value = (Value, Value)> {
    let change = (0..8usize, any::<Option<Index>>(), keyword(schema()));
    (parameters(), prop::collection::vec(change, 0..4)).prop_map(|(before, changes)| {
        let mut after = before.clone();
        for (mut place, remove, (key, value)) in changes {
            edit(&mut after, &mut place, &mut |map| match remove {
                Some(index) if !map.is_empty() => {
                    let key = map.keys().nth(index.index(map.len())).unwrap().clone();
                    // The definitions and the type at the top are needed.
                    if key != "$defs" && key != "type" && key != "d" && key != "e" {
                        map.shift_remove(&key);
                    }
                }
                _ => drop(map.insert(key.clone(), value.clone())),
            });
        }
        (before, after)
    })
}

/// Everything of a contract that varies, before and after.
#[derive(Debug)]
struct Pair {
    schemas: [(Value, Value); 2],
    tools: (Vec<&'static str>, Vec<&'static str>),
    clerk: (&'static str, &'static str),
    limit: (u32, u32),
    approval: (Value, Value),
}

fn pairs() -> impl Strategy<Value = Pair> {
    let tools = || prop_oneof![3 => Just(TOOLS.to_vec()), 1 => subsequence(TOOLS.to_vec(), 1..=3)];
    let glob = || prop_oneof![3 => Just("*"), 1 => select(vec!["g*", "get", "*t"])];
    let limit = || prop_oneof![3 => Just(2u32), 1 => 1..4u32];
    let approval = || {
        let other = select(vec![json!("always"), json!({ "approvers": 2 })]);
        prop_oneof![3 => Just(json!("never")), 1 => other]
    };
    ([schemas(), schemas()], (tools(), tools()), (glob(), glob()), (limit(), limit()), (approval(), approval()))
        .prop_map(|(schemas, tools, clerk, limit, approval)| Pair { schemas, tools, clerk, limit, approval })
}

/// `None` if the contract is invalid, as a list of tools without one for `clerk` is.
fn contract(tools: &[&str], clerk: &str, limit: u32, approval: &Value, schemas: [&Value; 2]) -> Option<Contract> {
    let tool = |(index, name): (usize, &&str)| {
        json!({
            "name": name,
            "effects": "read",
            "parameters": schemas[index % 2],
            "approval": approval,
            "run": { "grpc": { "cluster": "a", "method": "callgate.worker.v1.Worker/Invoke" } },
        })
    };
    let document = json!({
        "apiVersion": "callgate.dev/v1",
        "kind": "Contract",
        "metadata": { "name": "pair", "version": "1" },
        "spec": {
            "models": ["*"],
            "limits": { "maxToolCallsPerTurn": limit },
            "roles": { "clerk": { "tools": [clerk] }, "viewer": { "tools": ["*"] } },
            "tools": tools.iter().enumerate().map(tool).collect::<Vec<_>>(),
        },
    });
    from_value(&callgate_json::read(document.to_string().as_bytes()).ok()?).ok()
}

/// 0: denied, 1: needs approval, 2: allowed.
fn openness(contract: &Contract, role: &str, name: &str, arguments: &str, calls_before: u32) -> u8 {
    let caller = Caller::new("acme", role);
    let conversation = Conversation { calls_before, ..Conversation::default() };
    match decide(contract, &caller, &conversation, &ProposedCall { name, arguments }) {
        Verdict::Allow(_) => 2,
        Verdict::NeedsApproval(_) => 1,
        Verdict::Deny(_) => 0,
    }
}

fn has_line(changes: &[ContractChange], role: &str, tool: &str, effect: ChangeEffect) -> bool {
    changes.iter().any(|change| {
        change.tool.as_deref().is_none_or(|name| name == tool)
            && change.roles.iter().any(|name| name == role)
            && (change.effect == effect || change.effect == ChangeEffect::Unclear)
    })
}

const ARGUMENTS: [&str; 24] = [
    "{}",
    r#"{"a":0}"#,
    r#"{"a":1}"#,
    r#"{"a":2}"#,
    r#"{"a":3}"#,
    r#"{"a":1.5}"#,
    r#"{"a":""}"#,
    r#"{"a":"x"}"#,
    r#"{"a":"xyz"}"#,
    r#"{"a":"zyx"}"#,
    r#"{"a":null}"#,
    r#"{"a":[]}"#,
    r#"{"a":[1,1]}"#,
    r#"{"a":["x",2,3]}"#,
    r#"{"a":{"a":1}}"#,
    r#"{"a":{"b":"x","a":{"a":2}}}"#,
    r#"{"a":{"c":1}}"#,
    r#"{"b":1}"#,
    r#"{"b":"x"}"#,
    r#"{"a":1,"b":2}"#,
    r#"{"a":"x","b":"y"}"#,
    r#"{"a":1,"b":[0],"c":{}}"#,
    r#"{"c":"x"}"#,
    r#"{"d":1}"#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_newly_possible_or_impossible_call_has_a_line(pair in pairs()) {
        let Pair { schemas: [first, second], tools, clerk, limit, approval } = &pair;
        let before = contract(&tools.0, clerk.0, limit.0, &approval.0, [&first.0, &second.0]);
        let after = contract(&tools.1, clerk.1, limit.1, &approval.1, [&first.1, &second.1]);
        prop_assume!(before.is_some() && after.is_some());
        let (before, after) = (before.unwrap(), after.unwrap());
        let changes = compare(&before, &after);
        prop_assert_eq!(changes.is_empty(), before.digest() == after.digest());
        for role in ROLES {
            for tool in TOOLS {
                for arguments in ARGUMENTS {
                    for calls in 0..4 {
                        let old = openness(&before, role, tool, arguments, calls);
                        let new = openness(&after, role, tool, arguments, calls);
                        let effect = if new > old { ChangeEffect::Opens } else { ChangeEffect::Closes };
                        prop_assert!(
                            old == new || has_line(&changes, role, tool, effect),
                            "{} {} {}: {} to {}\n{:#?}\n{}\n{}",
                            role, tool, arguments, old, new, changes, before.canonical(), after.canonical()
                        );
                    }
                }
            }
        }
    }
}

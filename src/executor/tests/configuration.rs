//! Compares `contracts/executor.schema.json` with the reader. Editors and the reference page use the schema.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;

use callgate_executor::config::Config;
use serde_json::{Map, Value, json};

/// Fields with a bound from another field.
const BOUNDED_BY_ANOTHER: [&str; 3] = ["perTenant", "pendingPerTenant", "perAddress"];

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema() -> Value {
    let text = std::fs::read_to_string(repository().join("contracts/executor.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn validator() -> jsonschema::Validator {
    jsonschema::options().offline().build(&schema()).unwrap()
}

fn parse(document: &Value) -> Result<Config, String> {
    Config::parse("executor.yaml", &document.to_string(), Path::new("/etc/callgate")).map_err(|error| error.to_string())
}

/// A configuration with every field. Of the two archives, and of the two stores of counts, it has one.
fn full() -> Value {
    let postgres = json!({ "url": "file:u", "ca": "ca.pem", "unencrypted": true });
    let with = |mut object: Value, field: &str, value: &str| {
        object[field] = json!(value);
        object
    };
    let tls = json!({
        "certificate": "c.pem", "key": "k.pem", "clientCa": "ca.pem", "allowedClients": ["dns:envoy.example"]
    });
    let connections = json!({ "max": 100, "perAddress": 10, "idle": "2m", "maxAge": "2h", "heldBytes": "64MiB" });
    json!({
        "contracts": ["a.yaml"],
        "listen": "unix:/run/a.sock",
        "socketMode": "0660",
        "tls": tls,
        "exposed": "anyone who reaches this port may run tools",
        "connections": connections,
        "concurrency": 3,
        "requestBytes": "1MiB",
        "gracePeriod": "1s",
        "stateDir": "state",
        "queue": { "length": 9, "perTenant": 3, "backends": 7 },
        "sandbox": {
            "cacheBytes": "1MiB", "allow": ["data"], "env": ["TZ"], "nat64": ["2001:db8:64::/96"],
            "deterministic": { "clock": "2026-01-31T12:00:00Z", "seed": 7 }
        },
        "secrets": { "allow": ["/run/secrets"] },
        "policies": {
            "rego": [{ "name": "a", "file": "a.rego", "allow": "data.a.allow", "data": "d.json", "timeout": "5ms", "facts": ["model"] }],
            "cedar": [{ "name": "b", "file": "b.cedar", "entities": "e.json", "timeout": "5ms", "facts": ["conversation"] }]
        },
        "once": { "keep": "2h", "postgres": with(postgres.clone(), "lease", "5s") },
        "counters": { "postgres": postgres.clone() },
        "audit": {
            "synchronous": "full",
            "postgres": with(postgres, "table", "audit.records"),
            "redis": { "url": "file:r", "stream": "s", "maxLength": 5, "unencrypted": true },
            "minFree": "1MiB", "segment": "1MiB", "live": "2m", "keep": "2d",
            "archive": { "s3": {
                "endpoint": "https://s3.example", "bucket": "b", "region": "r", "prefix": "p/",
                "accessKey": "file:a", "secretKey": "file:s", "ca": "ca.pem"
            } }
        },
        "approvals": {
            "expiry": "1m", "deniedFor": "1m", "pending": 20, "pendingPerTenant": 10, "keep": "1d",
            "groups": { "NAME": ["alice"] },
            "approvers": [{ "approver": "NAME", "tools": ["t"], "tenants": ["t"], "roles": ["r"], "notOwn": true }]
        },
        "http": {
            "listen": "unix:/run/b.sock", "socketMode": "0660", "tls": tls,
            "exposed": "anyone on the way may read tokens and arguments", "connections": connections, "tokens": "file:t"
        },
        "backends": { "NAME": {
            "address": "https://a:1", "tls": { "ca": "ca.pem", "certificate": "c.pem", "key": "k.pem" },
            "headers": { "NAME": "file:h" }, "maxInFlight": 3, "breaker": { "failures": 2, "openFor": "1s" }, "retries": 1
        } },
        "programs": { "PROGRAM": {
            "command": ["/bin/a"], "directory": "/a", "read": ["/a"], "write": ["/b"], "network": true, "memory": "32MiB",
            "processes": 3, "environment": { "NAME": "file:h" }
        } },
        "telemetry": {
            "otlp": "https://a:1", "otlpProtocol": "http/protobuf", "otlpHeaders": { "NAME": "file:h" }, "otlpCa": "ca.pem",
            "otlpUnencrypted": true, "attributes": { "NAME": "value" }, "spanAttributes": { "NAME": "tenant" },
            "langfuse": true, "content": { "arguments": true, "results": true, "maxBytes": "1KiB" },
            "serviceName": "s", "sampling": 0.5, "openMetrics": true,
            "log": { "level": "warn", "targets": { "transport": "debug" } }
        }
    })
}

/// Replaces `$ref` by its definition; the node's own members win.
fn resolved(schema: &Value, node: &Value) -> Map<String, Value> {
    let mut whole = node.as_object().unwrap().clone();
    while let Some(Value::String(reference)) = whole.remove("$ref") {
        let definition = schema["$defs"][reference.rsplit_once('/').unwrap().1].as_object().unwrap();
        for (key, value) in definition {
            whole.entry(key).or_insert_with(|| value.clone());
        }
    }
    whole
}

/// Calls `visit` for each object with fields in the schema, with its place in [`full`].
fn objects(schema: &Value, node: &Value, place: &str, visit: &mut dyn FnMut(&str, &Map<String, Value>)) {
    let whole = resolved(schema, node);
    if whole.contains_key("properties") {
        visit(place, &whole);
    }
    for (name, property) in whole.get("properties").and_then(Value::as_object).into_iter().flatten() {
        objects(schema, property, &format!("{place}/{name}"), visit);
    }
    if let Some(items) = whole.get("items") {
        objects(schema, items, &format!("{place}/0"), visit);
    }
    if let Some(more @ Value::Object(_)) = whole.get("additionalProperties") {
        // No name may stand in both sections.
        let name = if place == "/programs" { "PROGRAM" } else { "NAME" };
        objects(schema, more, &format!("{place}/{name}"), visit);
    }
}

/// Every field with its place and its resolved schema.
fn fields(schema: &Value) -> Vec<(String, Map<String, Value>)> {
    let mut found = Vec::new();
    objects(schema, schema, "", &mut |place, object| {
        for (name, property) in object["properties"].as_object().unwrap() {
            found.push((format!("{place}/{name}"), resolved(schema, property)));
        }
    });
    found
}

/// The needed fields of `value`, and on the way along `path` its parents.
fn pruned(schema: &Value, node: &Value, value: &Value, path: &[&str]) -> Value {
    let whole = resolved(schema, node);
    let next = path.first().copied();
    match value {
        Value::Object(entries) => {
            let needed = whole.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let kept = entries.iter().filter(|(name, _)| needed.contains(&json!(name)) || next == Some(name.as_str()));
            let kept = kept.map(|(name, inner)| {
                let inner_node =
                    whole.get("properties").and_then(|all| all.get(name)).or(whole.get("additionalProperties"));
                match inner_node {
                    Some(inner_node) if next == Some(name.as_str()) => {
                        (name.clone(), pruned(schema, inner_node, inner, &path[1..]))
                    }
                    _ => (name.clone(), inner.clone()),
                }
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) if next.is_some() => json!([pruned(schema, &whole["items"], &items[0], &path[1..])]),
        other => other.clone(),
    }
}

/// The smallest configuration in which `field` has `value`, or is missing.
fn with(schema: &Value, field: &str, value: Option<&Value>) -> Value {
    let path: Vec<&str> = field.split('/').skip(1).collect();
    let mut document = pruned(schema, schema, &full(), &path);
    let (parent, name) = field.rsplit_once('/').unwrap();
    let entries = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(entries.insert(name.to_owned(), value.clone())),
        None => drop(entries.shift_remove(name)),
    }
    document
}

#[test]
fn both_accept_a_configuration_with_every_field() {
    let (schema, full) = (schema(), full());
    parse(&full).unwrap();
    let errors: Vec<_> = validator().iter_errors(&full).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for (field, _) in fields(&schema) {
        let is_other = ["/audit/archive/folder", "/counters/store"].contains(&field.as_str());
        assert!(full.pointer(&field).is_some() || is_other, "{field} is not tested");
    }
    let mut folder = full;
    folder["audit"]["archive"] = json!({ "folder": "/mnt/archive" });
    folder["counters"] = json!({ "store": "stateDir" });
    parse(&folder).unwrap();
    assert!(validator().is_valid(&folder));
}

#[test]
fn both_refuse_two_places_for_one_thing() {
    for (place, other) in [("/counters", json!({ "store": "stateDir" })), ("/audit/archive", json!({ "folder": "/a" }))]
    {
        let mut document = full();
        let one = document.pointer_mut(place).unwrap().as_object_mut().unwrap();
        one.extend(other.as_object().unwrap().clone());
        assert!(parse(&document).unwrap_err().contains("expected either"), "{place}");
        assert!(!validator().is_valid(&document), "{place}");
    }
}

#[test]
fn the_reader_knows_the_fields_of_the_schema_and_no_others() {
    const UNKNOWN: &str = "zzzzzzzzzzzzzzzzzzzzzzzz";
    let schema = schema();
    let mut seen = 0;
    objects(&schema, &schema, "", &mut |place, object| {
        let mut document = full();
        document.pointer_mut(place).unwrap()[UNKNOWN] = json!(1);
        let error = parse(&document).unwrap_err();
        let (_, known) = error.split_once("unknown field; known are ").unwrap_or_else(|| panic!("{place}: {error}"));
        let known: BTreeSet<&str> = known.split(", ").collect();
        let described: BTreeSet<&str> = object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, described, "{place}");
        assert!(!validator().is_valid(&document), "{place}");
        seen += 1;
    });
    assert!(seen > 20, "{seen}");
}

#[test]
fn the_reader_knows_the_parts_of_the_log_and_no_others() {
    let schema = schema();
    let parts =
        &schema["properties"]["telemetry"]["properties"]["log"]["properties"]["targets"]["propertyNames"]["enum"];
    let names: Vec<&str> = parts.as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    let error = parse(&with(&schema, "/telemetry/log/targets", Some(&json!({ "zzz": "warn" })))).unwrap_err();
    assert!(error.ends_with(&format!("known are {}", names.join(", "))), "{error}");
}

#[test]
fn the_schema_has_the_readers_defaults() {
    let schema = schema();
    let mut seen = 0;
    for (field, property) in fields(&schema) {
        let Some(default) = property.get("default") else { continue };
        let without = parse(&with(&schema, &field, None)).unwrap_or_else(|error| panic!("without {field}: {error}"));
        let stated = parse(&with(&schema, &field, Some(default))).unwrap_or_else(|error| panic!("{field}: {error}"));
        assert_eq!(without, stated, "{field}");
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn both_have_the_same_bounds() {
    let schema = schema();
    let validator = validator();
    let mut seen = 0;
    for (field, property) in fields(&schema) {
        let bound = |name: &str| property.get(name).and_then(Value::as_i64);
        let outside = [bound("minimum").map(|least| least - 1), bound("maximum").map(|most| most + 1)];
        for value in outside.into_iter().flatten() {
            let document = with(&schema, &field, Some(&json!(value)));
            assert!(!validator.is_valid(&document), "the schema accepts {field}: {value}");
            assert!(parse(&document).is_err(), "the reader accepts {field}: {value}");
            seen += 1;
        }
        if BOUNDED_BY_ANOTHER.iter().any(|name| field.ends_with(&format!("/{name}"))) {
            continue;
        }
        for value in [bound("minimum"), bound("maximum")].into_iter().flatten() {
            let document = with(&schema, &field, Some(&json!(value)));
            assert!(validator.is_valid(&document), "the schema refuses {field}: {value}");
            parse(&document).unwrap_or_else(|error| panic!("the reader refuses {field}: {value}: {error}"));
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn both_refuse_the_same_values() {
    let schema = schema();
    let validator = validator();
    for (field, value) in [
        ("/contracts", json!([])),
        ("/exposed", json!("yes")),
        ("/socketMode", json!("0666")),
        ("/requestBytes", json!("4MB")),
        ("/gracePeriod", json!("30")),
        ("/sandbox/allow", json!(["a/*"])),
        ("/sandbox/allow", json!(["{tenant}"])),
        ("/sandbox/env", json!(["A=B"])),
        ("/policies/rego/0/allow", json!("allow")),
        ("/policies/rego/0/name", json!("a b")),
        ("/policies/rego/0/facts", json!(["now"])),
        ("/policies/cedar/0/file", json!("")),
        ("/once/keep", json!("1.5h")),
        ("/once/postgres/url", json!("postgres://a")),
        ("/audit/synchronous", json!("off")),
        ("/audit/postgres/table", json!("Audit Log")),
        ("/audit/archive", json!({})),
        ("/audit/archive", json!({ "folder": "a", "s3": full()["audit"]["archive"]["s3"] })),
        ("/approvals/approvers", json!([])),
        ("/approvals/groups", json!({ "finance": [] })),
        ("/http/tokens", json!("secret")),
        ("/tls/allowedClients", json!(["spiffe://mesh/*"])),
        ("/tls/allowedClients", json!([])),
        ("/backends", json!({ "a b": { "address": "http://127.0.0.1:1" } })),
        ("/backends/NAME/address", json!("ftp://a")),
        ("/backends/NAME/tls/key", json!("k.pem")),
        ("/telemetry/otlp", json!("127.0.0.1:4317")),
        ("/telemetry/otlpProtocol", json!("http/json")),
        ("/telemetry/otlpHeaders", json!({ "a": "secret" })),
        ("/telemetry/attributes", json!({ "a b": "c" })),
        ("/telemetry/attributes", json!({ "a": "" })),
        ("/telemetry/spanAttributes", json!({ "a": "arguments" })),
        ("/telemetry/sampling", json!(2)),
        ("/telemetry/log/level", json!("verbose")),
    ] {
        let document = with(&schema, field, Some(&value));
        assert!(!validator.is_valid(&document), "the schema accepts {field}: {value}");
        assert!(parse(&document).is_err(), "the reader accepts {field}: {value}");
    }
}

//! Several contracts in the configuration, and the claims of its callers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use callgate_contract::Caller;
use callgate_host::config::{self, Config};
use callgate_host::identity::VerifiedSource;
use serde_json::{Value, json};

fn contract(version: &str, spec: &Value) -> Value {
    let mut contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": version },
        "spec": {
            "models": ["*"],
            "roles": { "clerk": { "tools": ["*"] } },
            "tools": [{ "name": "order", "effects": "read", "parameters": { "type": "object" }, "run": { "client": {} } }],
        },
    });
    contract["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    contract
}

fn plain(version: &str) -> Value {
    contract(version, &json!({}))
}

fn claiming() -> Value {
    contract("1.0.0", &json!({ "claims": { "level": "integer", "groups": ["string"] } }))
}

fn read(document: &Value) -> Result<Config, String> {
    config::read(document.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn with_headers(fields: &Value) -> Value {
    let mut document = json!({ "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } } });
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    document
}

fn several(entries: &Value) -> Result<Config, String> {
    read(&with_headers(&json!({ "contracts": entries })))
}

#[test]
fn a_request_gets_the_contract_of_its_entry() {
    let config = several(&json!([
        { "match": { "tenant": "acme" }, "contract": plain("1.0.0") },
        { "match": [{ "tenant": "globex" }, { "role": "clerk", "pathPrefix": "/v1" }], "contract": plain("2.0.0") },
        { "contract": plain("3.0.0") },
    ]))
    .unwrap();
    let of = |tenant: &str, path: &str| {
        let (_, contract) = config.rules.contract_of(&Caller::new(tenant, "clerk"), Some("a.example"), path).unwrap();
        contract.version().to_owned()
    };
    assert_eq!(of("acme", "/v1/messages"), "1.0.0");
    assert_eq!(of("globex", "/api/chat"), "2.0.0");
    assert_eq!(of("initech", "/v1/messages"), "2.0.0");
    assert_eq!(of("initech", "/api/chat"), "3.0.0");
    assert_eq!(config.rules.contracts().count(), 3);
}

#[test]
fn one_contract_stays_the_short_form() {
    let config = read(&with_headers(&json!({ "contract": plain("1.0.0"), "candidate": plain("2.0.0") }))).unwrap();
    assert_eq!(config.rules.contracts().count(), 1);
    assert!(config.rules.contract_of(&Caller::new("anyone", "clerk"), None, "/").is_some());
}

#[test]
fn faults_name_the_entry_and_the_remedy() {
    let entry = |one: Value| json!({ "match": one, "contract": plain("1.0.0") });
    for (entries, expected) in [
        (json!([]), "`contracts` is empty"),
        (json!([entry(json!({ "tenant": "a" })), entry(json!({ "tenant": "a" }))]), "`contracts[1]`: `match` equals"),
        (json!([entry(json!({ "tenant": "" }))]), "`contracts[0]`: `match.tenant` is empty"),
        (json!([entry(json!([]))]), "`match` is an empty list"),
        (json!([entry(json!({ "tenat": "a" }))]), "unknown field `tenat`"),
        (
            json!([entry(json!({ "role": "admin" }))]),
            "`contracts[0]`: `match.role` is `admin`, which the entry's contract lacks",
        ),
        (json!([entry(json!({ "pathPrefix": "/v9" }))]), "`contracts[0]`: `match.pathPrefix` is `/v9`"),
        (json!([entry(json!({ "host": "https://a" }))]), "`contracts[0]`: `match.host` is `https://a`"),
        (json!([{ "match": {}, "contract": {} }]), "`contracts[0]`: `contract`: "),
        (json!([{ "contract": plain("1.0.0"), "candidate": {} }]), "`contracts[0]`: `candidate`: "),
        (json!([{ "match": {} }]), "missing field `contract`"),
    ] {
        let error = several(&entries).unwrap_err();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
    for (fields, expected) in [
        (json!({}), "expected either `contract`"),
        (json!({ "contract": plain("1.0.0"), "contracts": [] }), "expected either `contract`"),
        (
            json!({ "contracts": [{ "contract": plain("1.0.0") }], "candidate": plain("2.0.0") }),
            "move it into the entry",
        ),
    ] {
        let error = read(&with_headers(&fields)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_token_is_read_for_the_claims_of_every_contract() {
    let identity = json!({ "jwt": {
        "payload": "jwt_payload", "tenantClaim": "org", "roleClaim": "role", "claims": { "level": "/org/level" },
    } });
    let entries = json!([
        { "match": { "tenant": "acme" }, "contract": claiming() },
        { "contract": plain("1.0.0"), "candidate": contract("2.0.0", &json!({ "claims": { "extra": "string" } })) },
    ]);
    let config = read(&json!({ "identity": identity, "contracts": entries })).unwrap();
    let Some(VerifiedSource::Claims(claims)) = &config.verified else { panic!("no claims") };
    let names: Vec<(&str, &str)> = claims.claims.iter().map(|(name, claim)| (name.as_str(), claim.as_str())).collect();
    assert_eq!(names, [("extra", "extra"), ("groups", "groups"), ("level", "/org/level")]);
}

#[test]
fn claims_of_the_configuration_must_be_declared_and_have_their_types() {
    let keyed = |claims: Value| {
        let callers = json!({ "bot": { "tenant": "acme", "role": "clerk", "claims": claims } });
        json!({ "identity": { "apiKey": { "header": "x-client", "callers": callers } }, "contract": claiming() })
    };
    read(&keyed(json!({ "level": 3, "groups": ["a"] }))).unwrap();
    for (document, expected) in [
        (keyed(json!({ "level": "3" })), "client `bot`: claim `level` is not a whole number"),
        (keyed(json!({ "groups": "a" })), "client `bot`: claim `groups` is not a list"),
        (keyed(json!({ "levle": 3 })), "the claim `levle`, which no contract declares"),
        (
            json!({ "identity": { "jwt": { "payload": "p", "tenantClaim": "t", "roleClaim": "r", "claims": { "levle": "l" } } }, "contract": claiming() }),
            "the claim `levle`, which no contract declares",
        ),
        (
            json!({ "identity": { "jwt": { "payload": "p", "tenantClaim": "t", "roleClaim": "r", "claims": { "level": "/a~2" } } }, "contract": claiming() }),
            "`/a~2` names no claim",
        ),
        (
            json!({ "identity": { "header": { "tenant": "t", "role": "r", "claims": { "level": "X-Level" } } }, "contract": claiming() }),
            "`X-Level` is not a header name",
        ),
        (
            json!({ "identity": { "header": { "tenant": "t", "role": "r", "claims": { "groups": "x-groups" } } }, "contract": claiming() }),
            "a header has no form for lists",
        ),
    ] {
        let error = read(&document).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

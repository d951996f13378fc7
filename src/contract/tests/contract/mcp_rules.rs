//! `mcp`: resources, prompts, and what an MCP server may ask of a client.

use callgate_contract::{AskedInput, AskedKind, Contract, McpDenialCode, definition_digest, load};
use callgate_json::Value;

use crate::folder::{Folder, ORDER_DESK};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn text(mcp: &str) -> String {
    ORDER_DESK.replace("  onViolation: refuse\n", &format!("  onViolation: refuse\n  mcp: {mcp}\n"))
}

fn contract(mcp: &str) -> Contract {
    load("contract.yaml", &text(mcp), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

fn json(text: &str) -> Value {
    callgate_json::read(text.as_bytes()).unwrap()
}

/// The parameters to forward, or the sentence.
fn asked(contract: &Contract, kind: AskedKind, params: &str, before: u32) -> Result<String, String> {
    let params = json(params);
    contract
        .asked(AskedInput { kind, params: params.as_object(), before })
        .map(|params| Value::Object(params).to_string())
        .map_err(|denial| {
            assert_eq!(denial.code, McpDenialCode::Input);
            denial.message
        })
}

#[test]
fn a_resource_that_is_not_listed_is_not_there() {
    let listed = contract(
        "{ resources: [{ uri: \"file:///docs/*.md\", maxBytes: 1KiB }, { uri: \"file:///docs/**\", roles: [clerk], description: d }] }",
    );
    for (role, uri, is_there) in [
        ("viewer", "file:///docs/a.md", true),
        ("clerk", "file:///docs/a.md", true),
        ("viewer", "file:///docs/a.txt", false),
        ("clerk", "file:///docs/a.txt", true),
        ("clerk", "file:///docs/../etc/passwd", false),
        ("clerk", "file:///docs/%2e%2e/etc/passwd", false),
        ("clerk", "FILE:///docs/a.md", false),
        ("clerk", "file://host/docs/a.md", false),
        ("clerk", "note://a", false),
        ("clerk", "", false),
    ] {
        let found = listed.mcp().resource(role, uri);
        assert_eq!(found.is_ok(), is_there, "{role} {uri}");
        if let Err(denial) = found {
            assert_eq!(denial.code, McpDenialCode::Resource);
            assert!(uri.is_empty() || !denial.message.contains(uri), "{}", denial.message);
        }
    }
    let offer = listed.mcp().resource("clerk", "file:///docs/a.md").unwrap().offer();
    assert_eq!((offer.max_bytes, offer.description.as_deref()), (Some(1024), None), "the first item counts");
    assert!(contract("{}").mcp().resource("clerk", "file:///docs/a.md").is_err());
    assert!(listed.mcp().template("clerk", "file:///docs/{name}").is_some());
    assert!(listed.mcp().template("clerk", "file:///etc/{name}").is_none());
}

#[test]
fn a_prompt_has_the_contracts_arguments() {
    let listed = contract(
        "{ prompts: [{ name: sum, arguments: { type: object, required: [of], additionalProperties: false,
           properties: { of: { type: string, maxLength: 3 } } } }, { name: bare, roles: [clerk] }] }",
    );
    let sum = listed.mcp().prompt("viewer", "sum").unwrap();
    for (arguments, is_valid) in [
        (r#"{"of":"abc"}"#, true),
        ("{}", false),
        (r#"{"of":"abcd"}"#, false),
        (r#"{"of":"a","b":"c"}"#, false),
        ("[]", false),
    ] {
        let checked = sum.check(&json(arguments));
        assert_eq!(checked.is_ok(), is_valid, "{arguments}");
    }
    assert!(listed.mcp().prompt("viewer", "bare").is_err());
    let bare = listed.mcp().prompt("clerk", "bare").unwrap();
    assert!(bare.check(&json("{}")).is_ok() && bare.check(&json(r#"{"a":"b"}"#)).is_err());
    for (reference, argument, is_allowed) in [
        (r#"{"type":"ref/prompt","name":"sum"}"#, "of", true),
        (r#"{"type":"ref/prompt","name":"sum"}"#, "other", false),
        (r#"{"type":"ref/prompt","name":"bare"}"#, "of", false),
        (r#"{"type":"ref/resource","uri":"file:///{a}"}"#, "a", false),
        (r#"{"type":"ref/other","name":"sum"}"#, "of", false),
        ("{}", "of", false),
    ] {
        assert_eq!(listed.mcp().completes("viewer", &json(reference), argument).is_ok(), is_allowed, "{reference}");
    }
}

#[test]
fn a_server_asks_nothing_that_the_contract_does_not_name() {
    let closed = contract("{}");
    for kind in [AskedKind::Elicitation, AskedKind::Sampling, AskedKind::Roots] {
        assert!(!closed.mcp().may_ask(kind));
        assert!(asked(&closed, kind, r#"{"message":"a","messages":[],"maxTokens":1}"#, 0).is_err());
    }
    let roots = contract("{ roots: allow }");
    assert_eq!(
        asked(&roots, AskedKind::Roots, r#"{"_meta":{"progressToken":1,"x":2},"y":3}"#, 9).as_deref(),
        Ok(r#"{"_meta":{"progressToken":1}}"#)
    );
    assert!(asked(&roots, AskedKind::Roots, r#"{"task":{"ttl":1}}"#, 0).is_err());
}

#[test]
fn a_question_to_a_person_is_a_flat_form_or_a_page_of_a_listed_host() {
    let open = contract("{ elicitation: { maxPerCall: 2, maxBytes: 400, hosts: [login.example.com] } }");
    let form =
        |fields: &str| format!(r#"{{"message":"m","requestedSchema":{{"type":"object","properties":{{{fields}}}}}}}"#);
    for (params, before, is_allowed) in [
        (form(r#""a":{"type":"string","maxLength":3}"#), 0, true),
        (form(r#""a":{"type":"array","items":{"type":"string","enum":["x","y"]}}"#), 1, true),
        (form(r#""a":{"type":"array","items":{"anyOf":[{"const":"x","title":"X"}]}}"#), 1, true),
        (
            form(r#""a":{"type":"boolean"}"#)
                .replace("\"properties\"", "\"title\":\"A\",\"additionalProperties\":false,\"properties\""),
            1,
            true,
        ),
        (form(r#""a":{"type":"boolean"}"#).replace("\"properties\"", "\"anyOf\":[],\"properties\""), 1, false),
        (form(r#""a":{"type":"boolean"}"#), 2, false),
        (form(r#""a":{"type":"object","properties":{}}"#), 0, false),
        (form(r#""a":{"$ref":"http://x"}"#), 0, false),
        (form(&format!(r#""a":{{"type":"string","description":"{}"}}"#, "x".repeat(400))), 0, false),
        (r#"{"message":"m"}"#.to_owned(), 0, false),
        (r#"{"requestedSchema":{"type":"object","properties":{}}}"#.to_owned(), 0, false),
        (
            r#"{"mode":"url","message":"m","url":"https://login.example.com/a?b=c","elicitationId":"7"}"#.to_owned(),
            0,
            true,
        ),
        (r#"{"mode":"url","message":"m","url":"https://login.example.com.evil.example/a"}"#.to_owned(), 0, false),
        (r#"{"mode":"url","message":"m","url":"https://login.example.com@evil.example/"}"#.to_owned(), 0, false),
        (r#"{"mode":"url","message":"m","url":"http://login.example.com/a"}"#.to_owned(), 0, false),
        (r#"{"mode":"url","message":"m","url":"javascript:alert(1)"}"#.to_owned(), 0, false),
        (r#"{"mode":"other","message":"m"}"#.to_owned(), 0, false),
        (r#"{"mode":7,"message":"m"}"#.to_owned(), 0, false),
    ] {
        assert_eq!(asked(&open, AskedKind::Elicitation, &params, before).is_ok(), is_allowed, "{params} {before}");
    }
    let pages = contract("{ elicitation: {} }");
    let page = r#"{"mode":"url","message":"m","url":"https://login.example.com/"}"#;
    assert!(asked(&pages, AskedKind::Elicitation, page, 0).is_err(), "without `hosts` no page may be named");
}

#[test]
fn a_question_to_the_clients_model_has_no_tools_and_few_tokens() {
    let open = contract("{ sampling: { maxTokens: 100, maxPerCall: 1, maxBytes: 500 } }");
    let ask =
        |more: &str| format!(r#"{{"messages":[{{"role":"user","content":{{"type":"text","text":"t"}}}}]{more}}}"#);
    let plain = ask(r#","maxTokens":7"#);
    assert_eq!(asked(&open, AskedKind::Sampling, &plain, 0).as_deref(), Ok(plain.as_str()));
    assert_eq!(asked(&open, AskedKind::Sampling, &ask(r#","maxTokens":100000"#), 0), Ok(ask(r#","maxTokens":100"#)));
    let rich = ask(r#","maxTokens":7,"tools":null,"includeContext":"allServers","metadata":{"a":1},"Tools":[1]"#);
    assert_eq!(asked(&open, AskedKind::Sampling, &rich, 0), Ok(plain.clone()));
    let hinted = ask(
        r#","modelPreferences":{"hints":[{"name":"gpt-4o-mini"},{"name":"evil-1"},{"name":7}],"costPriority":0.5,"other":1},"maxTokens":7"#,
    );
    let kept = r#"{"messages":[{"role":"user","content":{"type":"text","text":"t"}}],"modelPreferences":{"hints":[{"name":"gpt-4o-mini"}],"costPriority":0.5},"maxTokens":7}"#;
    assert_eq!(asked(&open, AskedKind::Sampling, &hinted, 0).as_deref(), Ok(kept));
    for (params, before) in [
        (plain.clone(), 1),
        (ask(""), 0),
        (ask(r#","maxTokens":"7""#), 0),
        (ask(r#","maxTokens":7,"task":{"ttl":1}"#), 0),
        (ask(r#","maxTokens":7,"tools":[]"#), 0),
        (ask(r#","maxTokens":7,"tools":[{"name":"rm"}],"includeContext":"none""#), 0),
        (ask(r#","maxTokens":7,"toolChoice":{"mode":"none"}"#), 0),
        (ask(&format!(r#","maxTokens":7,"systemPrompt":"{}""#, "x".repeat(500))), 0),
        (r#"{"messages":[],"maxTokens":7}"#.to_owned(), 0),
        (r#"{"messages":[{"role":"user","content":{"type":"tool_result","toolUseId":"1","content":[]}}],"maxTokens":7}"#.to_owned(), 0),
        (r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"rm","input":{}}]}],"maxTokens":7}"#.to_owned(), 0),
        (r#"{"messages":[{"role":"system","content":{"type":"text","text":"t"}}],"maxTokens":7}"#.to_owned(), 0),
        (r#"{"messages":[{"role":"user","content":{"type":"text","text":"t"},"tool_calls":[]}],"maxTokens":7}"#.to_owned(), 0),
        (r#"{"maxTokens":7}"#.to_owned(), 0),
    ] {
        assert!(asked(&open, AskedKind::Sampling, &params, before).is_err(), "{params}");
    }
}

#[test]
fn a_definition_is_known_by_what_a_model_or_a_client_reads() {
    let one = json(r#"{"name":"a","description":"d","inputSchema":{"type":"object","properties":{"x":{},"y":{}}}}"#);
    let same = json(
        r#"{"_meta":{"n":1},"icons":[],"title":null,"inputSchema":{"properties":{"y":{},"x":{}},"type":"object"},"description":"d","name":"a"}"#,
    );
    assert_eq!(definition_digest(&one), definition_digest(&same));
    assert!(definition_digest(&one).len() == 71 && definition_digest(&one).starts_with("sha256:"));
    for other in [
        r#"{"name":"a","description":"D","inputSchema":{"type":"object","properties":{"x":{},"y":{}}}}"#,
        r#"{"name":"a","description":"d","inputSchema":{"type":"object","properties":{"x":{}}}}"#,
        r#"{"name":"a","title":"t","description":"d","inputSchema":{"type":"object","properties":{"x":{},"y":{}}}}"#,
        r#"{"name":"a","description":"d","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"x":{},"y":{}}}}"#,
        r#"{"name":"a","description":"d","outputSchema":{},"inputSchema":{"type":"object","properties":{"x":{},"y":{}}}}"#,
    ] {
        assert_ne!(definition_digest(&one), definition_digest(&json(other)), "{other}");
    }
}

#[test]
fn faulty_rules_are_errors_with_their_place() {
    for (mcp, expected) in [
        (
            "{ resources: [{ uri: \"docs/**\" }] }",
            "spec.mcp.resources[0].uri: expected a URI, or a pattern such as `file:///docs/**`; it is not of the form `scheme:…`",
        ),
        ("{ resources: [{ uri: \"note://{id}\" }] }", "write `*` for a variable of a template"),
        ("{ resources: [{ uri: \"note://a\", roles: [clark] }] }", "did you mean `clerk`?"),
        ("{ prompts: [{ name: a }, { name: a }] }", "expected each name once; `a` is there twice, remove one"),
        ("{ prompts: [{ name: a, arguments: { type: string } }] }", "expected a schema with `type: object` at its top"),
        (
            "{ prompts: [{ name: a, arguments: { type: object, properties: { p: { type: string, x-callgate: { path: read } } } } }] }",
            "expected no mark `x-callgate`",
        ),
        (
            "{ elicitation: { hosts: [\"*\"] } }",
            "expected a host, such as `login.example.com`; it is every host; list the hosts",
        ),
        ("{ sampling: {} }", "missing field `maxTokens`"),
        ("{ roots: true }", "expected `refuse` or `allow`"),
        ("{ resource: [] }", "did you mean `resources`?"),
    ] {
        let errors = load("contract.yaml", &text(mcp), &Folder(&[])).err().map(|errors| errors.to_string());
        assert!(errors.as_deref().is_some_and(|errors| errors.contains(expected)), "{mcp}: {errors:?}");
    }
    let many = format!("{{ resources: [{}] }}", vec!["{ uri: \"note://a\" }"; 65].join(", "));
    assert!(load("contract.yaml", &text(&many), &Folder(&[])).is_err());
}

#[test]
fn tasks_are_off_unless_a_contract_has_them_and_their_handles_end() {
    for (rules, lifetime) in [
        ("{}", None),
        ("{ tasks: {} }", Some(24 * 60 * 60)),
        ("{ tasks: { lifetime: 90s } }", Some(90)),
        ("{ tasks: { lifetime: 720h } }", Some(30 * 24 * 60 * 60)),
    ] {
        assert_eq!(contract(rules).mcp().task_lifetime().map(|lifetime| lifetime.as_secs()), lifetime, "{rules}");
    }
    let long = text("{ tasks: { lifetime: 721h } }");
    let errors = load("contract.yaml", &long, &Folder(&[])).unwrap_err().to_string();
    assert!(errors.contains("spec.mcp.tasks.lifetime") && errors.contains("720h"), "{errors}");
}

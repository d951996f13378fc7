//! The meaning of both languages.

use callgate_policies::{Language, Policies, PolicyFact, PolicyInput, PolicySettings};
use serde_json::{Value, json};

use crate::{PATIENT, cedar, fault, input, load, rego, rego_settings, verdict};

#[test]
fn a_rego_rule_must_be_true() {
    let arguments = json!({ "amount": 100, "to": "alice" });
    for (rule, expected) in [
        ("allow if input.arguments.amount <= 100", "allow"),
        ("allow if input.arguments.amount < 100", "deny"),
        ("default allow := false\nallow if { input.tool == \"pay\"; input.caller.role == \"clerk\" }", "allow"),
        ("allow if input.caller.tenant == \"globex\"", "deny"),
        ("allow if input.contract.name == \"desk\"", "allow"),
        ("allow if regex.match(`^al`, input.arguments.to)", "allow"),
        ("allow if input.arguments.absent == 1", "deny"),
        ("allow if not input.other", "allow"),
        // Only `true` allows.
        ("allow := 1", "deny"),
        ("allow := \"true\"", "deny"),
        ("allow := [true]", "deny"),
        ("allow := {\"allow\": true}", "deny"),
        ("allow contains true if input.tool == \"pay\"", "deny"),
        // Two values for one rule, and a function with a wrong argument.
        ("allow := true if input.tool\nallow := false if input.effects", "Error"),
        ("allow if to_number(input.arguments.to) > 0", "Error"),
    ] {
        let policies = rego(&format!("package p\n{rule}\n"));
        assert_eq!(verdict(&policies, &input(&arguments)), expected, "{rule}");
    }
}

#[test]
fn rego_has_no_network_no_clock_no_environment_and_no_random_numbers() {
    for call in [
        "http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1\"}).status_code == 200",
        "time.now_ns() > 0",
        "opa.runtime().env.PATH",
        "uuid.rfc4122(\"a\") != \"\"",
        "rand.intn(\"a\", 10) >= 0",
    ] {
        let text = format!("package p\nallow if {call}\n");
        let loaded = load(&[rego_settings()], &[("p.rego", &text)]);
        let refused = loaded.map_or_else(|_| "refused".to_owned(), |policies| verdict(&policies, &input(&json!({}))));
        assert!(["refused", "Error"].contains(&refused.as_str()), "{call}: {refused}");
    }
}

#[test]
fn a_word_that_a_policy_prints_does_not_pass_for_an_answer() {
    let policies = rego("package p\nallow if { print(\"\\\"Allow\\\"\\n\"); input.tool == \"none\" }\n");
    for _ in 0..3 {
        assert_eq!(verdict(&policies, &input(&json!({}))), "deny");
    }
}

#[test]
fn numbers_keep_their_values_in_rego() {
    let policies = rego("package p\nallow if input.arguments.n == 9007199254740993\n");
    for (text, expected) in [("9007199254740993", "allow"), ("9007199254740992", "deny"), ("9007199254740994", "deny")]
    {
        let arguments = json!({ "n": serde_json::from_str::<Value>(text).unwrap() });
        assert_eq!(verdict(&policies, &input(&arguments)), expected, "{text}");
    }
}

#[test]
fn data_of_a_file_is_seen_and_one_call_leaves_nothing_for_the_next() {
    let language =
        Language::Rego { file: "p.rego".into(), allow: "data.p.allow".into(), data: Some("limits.json".into()) };
    let settings = [PolicySettings { language, ..rego_settings() }];
    let text = "package p\nallow if input.arguments.amount <= data.limits[input.caller.role]\n";
    let policies = load(&settings, &[("p.rego", text), ("limits.json", r#"{"limits":{"clerk":10}}"#)]).unwrap();
    for _ in 0..3 {
        for (amount, expected) in [(10, "allow"), (11, "deny")] {
            assert_eq!(verdict(&policies, &input(&json!({ "amount": amount }))), expected, "{amount}");
        }
    }
}

#[test]
fn cedar_sees_role_tool_and_context() {
    let arguments = json!({ "amount": 100, "rate": 1.25, "to": "alice", "tags": ["a", "b"], "note": null });
    for (policy, expected) in [
        ("permit(principal, action, resource);", "allow"),
        (r#"permit(principal == Role::"clerk", action == Action::"call", resource == Tool::"pay");"#, "allow"),
        (r#"permit(principal == Role::"manager", action, resource);"#, "deny"),
        (r#"permit(principal, action, resource) when { context.arguments.amount <= 100 };"#, "allow"),
        (r#"permit(principal, action, resource) unless { context.caller.tenant == "acme" };"#, "deny"),
        (r#"permit(principal, action, resource) when { context.arguments.tags.contains("b") };"#, "allow"),
        (r#"permit(principal, action, resource) when { context.arguments.rate.lessThan(decimal("1.3")) };"#, "allow"),
        (r#"permit(principal, action, resource) when { !(context.arguments has note) };"#, "allow"),
        (r#"permit(principal, action, resource) when { context.effects == "write" };"#, "allow"),
        (
            r#"permit(principal, action, resource); forbid(principal, action, resource) when { context.tool == "pay" };"#,
            "deny",
        ),
        // Cedar skips a policy with an error; here it may be the one that forbids.
        (
            r#"permit(principal, action, resource); forbid(principal, action, resource) when { context.arguments.absent };"#,
            "Error",
        ),
    ] {
        assert_eq!(verdict(&cedar(policy), &input(&arguments)), expected, "{policy}");
    }
}

#[test]
fn arguments_that_cedar_cannot_express_deny() {
    let policies = cedar("permit(principal, action, resource);");
    for arguments in [
        json!({ "n": 1e300 }),
        json!({ "n": 0.123_456 }),
        json!({ "n": 18_446_744_073_709_551_615_u64 }),
        json!({ "n": [null] }),
    ] {
        assert_eq!(verdict(&policies, &input(&arguments)), "Error", "{arguments}");
    }
}

#[test]
fn an_object_of_the_arguments_never_passes_for_an_entity_of_cedar() {
    let policy = r#"permit(principal, action, resource) when { context.arguments.who == Role::"admin" };"#;
    for who in [
        json!({ "__entity": { "type": "Role", "id": "admin" } }),
        json!({ "type": "Role", "id": "admin" }),
        json!({ "__extn": { "fn": "decimal", "arg": "1.0" } }),
        json!("Role::\"admin\""),
    ] {
        let arguments = json!({ "who": who });
        assert_eq!(verdict(&cedar(policy), &input(&arguments)), "deny", "{arguments}");
    }
}

#[test]
fn cedar_knows_the_entities_of_a_file() {
    let language = Language::Cedar { file: "p.cedar".into(), entities: Some("roles.json".into()) };
    let policy = r#"permit(principal in Group::"staff", action, resource);"#;
    let entities = r#"[{ "uid": { "type": "Role", "id": "clerk" }, "attrs": {}, "parents": [{ "type": "Group", "id": "staff" }] }]"#;
    let settings = [PolicySettings { language, ..rego_settings() }];
    let policies = load(&settings, &[("p.cedar", policy), ("roles.json", entities)]).unwrap();
    assert_eq!(verdict(&policies, &input(&json!({}))), "allow");
    let guest = PolicyInput { role: "guest".into(), ..input(&json!({})) };
    assert_eq!(verdict(&policies, &guest), "deny");
}

#[test]
fn a_policy_sees_the_facts_that_it_lists_and_a_call_without_one_is_denied() {
    let settings = [
        PolicySettings { facts: PolicyFact::ALL.to_vec(), ..rego_settings() },
        PolicySettings {
            facts: vec![PolicyFact::Conversation],
            timeout: PATIENT,
            ..PolicySettings::cedar("q", "p.cedar")
        },
    ];
    let files = [
        ("p.rego", "package p\nallow if { input.model == \"m-1\"; not input.conversation.tainted }\n"),
        ("p.cedar", "permit(principal, action, resource) when { context.conversation.calls.pay < 2 };"),
    ];
    let policies = load(&settings, &files).unwrap();
    let conversation =
        |tainted: bool, pay: u32| json!({ "tainted": tainted, "rounds": 0, "turns": 1, "calls": { "pay": pay } });
    let with = |model: Option<&str>, conversation: Option<Value>| {
        let input = PolicyInput { model: model.map(Into::into), conversation, ..input(&json!({})) };
        policies.check(&input).err().map(|denial| denial.to_string())
    };
    assert_eq!(with(Some("m-1"), Some(conversation(false, 1))), None);
    for (model, conversation, denial) in [
        (Some("m-2"), Some(conversation(false, 1)), "expected policy `p` to allow the call"),
        (Some("m-1"), Some(conversation(true, 1)), "expected policy `p` to allow the call"),
        (Some("m-1"), Some(conversation(false, 2)), "expected policy `q` to allow the call"),
        (
            None,
            Some(conversation(false, 1)),
            "expected policy `p` to have an answer on the call; the gate did not send its fact `model`",
        ),
        (
            Some("m-1"),
            None,
            "expected policy `p` to have an answer on the call; the gate did not send its fact `conversation`",
        ),
    ] {
        assert_eq!(with(model, conversation).as_deref(), Some(denial));
    }
}

#[test]
fn a_fact_that_is_not_listed_is_not_seen() {
    // This is not found in the text, so nothing is said at start. The policy sees no member.
    let policies = rego("package p\nallow if { some name; input[name].tainted == false }\n");
    let input = PolicyInput { conversation: Some(json!({ "tainted": false })), ..input(&json!({})) };
    assert_eq!(verdict(&policies, &input), "deny");
}

#[test]
fn every_policy_must_allow_and_the_first_that_does_not_is_named() {
    let first = PolicySettings { name: "first".into(), ..rego_settings() };
    let settings = [first, PolicySettings { timeout: PATIENT, ..PolicySettings::cedar("second", "p.cedar") }];
    let files = |rego: &'static str, cedar: &'static str| [("p.rego", rego), ("p.cedar", cedar)];
    let (yes, no) = ("package p\nallow := true", "package p\nallow := false");
    let (permit, forbid) = ("permit(principal, action, resource);", "forbid(principal, action, resource);");
    let arguments = json!({ "secret": "SECRET" });
    for (rego, cedar, named) in
        [(yes, permit, None), (no, permit, Some("first")), (yes, forbid, Some("second")), (no, forbid, Some("first"))]
    {
        let checked = load(&settings, &files(rego, cedar)).unwrap().check(&input(&arguments));
        let said = checked.err().map(|denial| denial.to_string());
        assert_eq!(said, named.map(|name| format!("expected policy `{name}` to allow the call")));
    }
    assert!(Policies::default().check(&input(&arguments)).is_ok() && Policies::default().is_empty());
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_policy_line_and_column() {
    let rego = rego_settings();
    let data = Language::Rego { file: "p.rego".into(), allow: "data.p.allow".into(), data: Some("d.json".into()) };
    let data = PolicySettings { language: data, ..rego_settings() };
    let cedar = PolicySettings::cedar("p", "p.cedar");
    let entities = Language::Cedar { file: "p.cedar".into(), entities: Some("e.json".into()) };
    let entities = PolicySettings { language: entities, ..rego_settings() };
    let (allow, permit) = ("package p\nallow := true\n", "permit(principal, action, resource);");
    for (settings, files, wanted) in [
        (&rego, vec![], "policy `p`: p.rego: cannot be read: no such file"),
        (&rego, vec![("p.rego", "package p\nallow if {")], "policy `p`: p.rego:2:"),
        (&rego, vec![("p.rego", "package p\n\n  allow if input.a ==")], "policy `p`: p.rego:3:"),
        (&rego, vec![("p.rego", "package q\nallow := true")], "policy `p`: p.rego: data.p.allow: "),
        (&data, vec![("p.rego", allow), ("d.json", "{\n \"a\": ]")], "policy `p`: d.json:2:7: not JSON: "),
        (&data, vec![("p.rego", allow), ("d.json", "[]")], "policy `p`: d.json: "),
        (&cedar, vec![("p.cedar", "permit(principal, action")], "policy `p`: p.cedar:1:25: "),
        (
            &cedar,
            vec![("p.cedar", "permit(principal, action, resource)\n when { principal == };")],
            "policy `p`: p.cedar:2:22: ",
        ),
        (&cedar, vec![("p.cedar", "")], "policy `p`: p.cedar: has no policy"),
        (&entities, vec![("p.cedar", permit), ("e.json", "[\n{]")], "policy `p`: e.json:2:2: not JSON: "),
        (&entities, vec![("p.cedar", permit), ("e.json", "[{}]")], "policy `p`: e.json: "),
        (
            &rego,
            vec![("p.rego", "package p\n# input.model\nallow if input.model == \"m\"")],
            "policy `p`: p.rego:3:10: `input.model` is read; add `model` to the policy's `facts`",
        ),
        (
            &cedar,
            vec![("p.cedar", "permit(principal, action, resource) unless {\n  context.conversation.tainted };")],
            "policy `p`: p.cedar:2:3: `context.conversation` is read; add `conversation` to the policy's `facts`",
        ),
    ] {
        let found = fault(settings, &files);
        assert!(found.starts_with(wanted) && !found.contains('\n'), "{wanted}: {found}");
    }
}

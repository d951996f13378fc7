//! Policies that loop, grow or recurse. Each of them ends, denies, and harms no later call.

use std::fmt::Write as _;
use std::time::Duration;

use callgate_policies::{Policies, PolicySettings};
use serde_json::{Value, json};

use crate::{PATIENT, fault, input, load, rego_settings, verdict};

/// Two Rego policies: `attacked`, and one that allows everything.
fn rego_with(attacked: &str) -> Policies {
    let timeout = Duration::from_millis(300);
    let settings = PolicySettings { timeout, ..rego_settings() };
    load(&[settings], &[("p.rego", &format!("package p\n{attacked}\n"))]).unwrap_or_else(|error| panic!("{error}"))
}

/// The cause of the denial of a call with these arguments. A call with `"stop": true` is allowed before and after.
fn attacked(rule: &str, arguments: &Value) -> String {
    let policies =
        rego_with(&format!("allow if input.arguments.stop\nallow if {{ not input.arguments.stop; {rule} }}"));
    let harmless = input(&json!({ "stop": true }));
    assert_eq!(verdict(&policies, &harmless), "allow", "{rule}");
    let denied = verdict(&policies, &input(arguments));
    assert_eq!(verdict(&policies, &harmless), "allow", "{rule}");
    denied
}

#[test]
fn a_loop_in_rego_ends_at_its_timeout() {
    let rule = "some a in numbers.range(1, 5000); some b in numbers.range(1, 5000); some c in numbers.range(1, 5000); a * b * c == -1";
    assert_eq!(attacked(rule, &json!({})), "Timeout");
    let pairs = "some a in input.arguments.list; some b in input.arguments.list; some c in input.arguments.list; a + b + c == -1";
    assert_eq!(attacked(pairs, &json!({ "list": (0..2000).collect::<Vec<_>>() })), "Timeout");
}

#[test]
fn a_function_that_allocates_as_an_argument_says_ends_its_process_only() {
    let rule = "count(numbers.range(1, input.arguments.n)) == 0";
    // More than any machine has: the allocation fails.
    assert_eq!(attacked(rule, &json!({ "n": 4_000_000_000_000_u64 })), "Exhausted");
    // As much as a machine may have: it ends at its bound of memory or, on a busy machine, of time.
    let large = attacked(rule, &json!({ "n": 300_000_000 }));
    assert!(["Exhausted", "Timeout"].contains(&large.as_str()), "{large}");
    let text = "a".repeat(30_000);
    let rule = "count(replace(input.arguments.a, \"a\", input.arguments.b)) == 0";
    let large = attacked(rule, &json!({ "a": text, "b": text }));
    assert!(["Exhausted", "Timeout"].contains(&large.as_str()), "{large}");
}

#[test]
fn values_that_grow_end_their_process_only() {
    let mut rule = "x0 := input.arguments.a".to_owned();
    for n in 1..40 {
        write!(rule, "\nx{n} := concat(\"\", [x{}, x{}])", n - 1, n - 1).unwrap();
    }
    let denied = attacked(&format!("{rule}\nx39 == \"\""), &json!({ "a": "aaaaaaaaaa" }));
    assert!(["Exhausted", "Timeout"].contains(&denied.as_str()), "{denied}");
    let mut rule = "x0 := 10".to_owned();
    for n in 1..60 {
        write!(rule, "\nx{n} := x{} * x{}", n - 1, n - 1).unwrap();
    }
    let denied = attacked(&format!("{rule}\nx59 == 1"), &json!({}));
    assert!(["Exhausted", "Timeout"].contains(&denied.as_str()), "{denied}");
}

#[test]
fn a_rule_that_recurses_is_refused_or_denies() {
    let file = ("p.rego", "package p\nallow if f(input.arguments.n)\nf(n) if f(n - 1)\n");
    let recursion = match load(&[rego_settings()], &[file]) {
        Ok(policies) => verdict(&policies, &input(&json!({ "n": 1 }))),
        Err(_) => "refused".to_owned(),
    };
    assert!(["refused", "Error", "Exhausted", "Timeout"].contains(&recursion.as_str()), "{recursion}");
}

#[test]
fn a_file_that_nests_or_chains_without_end_does_not_end_the_executor() {
    let cedar = PolicySettings { timeout: PATIENT, ..PolicySettings::cedar("p", "p.cedar") };
    let mut chain = String::from("package p\nallow if f0(1)\n");
    for n in 0..4_000 {
        writeln!(chain, "f{n}(x) if f{}(x)", n + 1).unwrap();
    }
    chain.push_str("f4000(x) if x == 1\n");
    for (language, text) in [
        (&rego_settings(), format!("package p\nallow if {}1{}", "(\n".repeat(100_000), ")".repeat(100_000))),
        (&rego_settings(), format!("package p\nallow if {}1 == 1", "1 +\n".repeat(100_000))),
        (&rego_settings(), format!("package p\nallow if input{}", ".a\n".repeat(100_000))),
        (&rego_settings(), format!("package p\nallow if {}", "not\n".repeat(100_000))),
        (&rego_settings(), chain),
        (
            &cedar,
            format!(
                "permit(principal, action, resource) when {{ {}true{} }};",
                "(\n".repeat(100_000),
                ")".repeat(100_000)
            ),
        ),
        (&cedar, format!("permit(principal, action, resource) when {{ {}1 == 1 }};", "1 +\n".repeat(100_000))),
        (&cedar, format!("permit(principal, action, resource) when {{ context{} }};", ".a\n".repeat(100_000))),
        (&cedar, format!("permit(principal, action, resource) when {{ {}true }};", "!".repeat(200_000))),
    ] {
        let file =
            if matches!(language.language, callgate_policies::Language::Rego { .. }) { "p.rego" } else { "p.cedar" };
        // It is refused with a reason, or evaluated. This process lives.
        match load(std::slice::from_ref(language), &[(file, &text)]) {
            Ok(policies) => drop(policies.check(&input(&json!({})))),
            Err(error) => assert!(error.to_string().starts_with("polic"), "{error}"),
        }
    }
}

#[test]
fn arguments_that_nest_deeply_are_answered() {
    let mut arguments = json!(1);
    for _ in 0..60 {
        arguments = json!({ "a": [arguments] });
    }
    assert_eq!(verdict(&crate::rego("package p\nallow if input.arguments.a"), &input(&arguments)), "allow");
    assert_eq!(verdict(&crate::cedar("permit(principal, action, resource);"), &input(&arguments)), "allow");
}

#[test]
fn data_that_is_too_large_in_memory_is_refused_at_load() {
    let language = callgate_policies::Language::Rego {
        file: "p.rego".into(),
        allow: "data.p.allow".into(),
        data: Some("d.json".into()),
    };
    let settings = PolicySettings { language, ..rego_settings() };
    // The reader of files bounds them to 1 MiB. This one is read past that bound.
    let data = format!("{{\"a\":[{}1]}}", "1,".repeat(20_000_000));
    let found = fault(&settings, &[("p.rego", "package p\nallow := true"), ("d.json", &data)]);
    assert!(found.starts_with("policies: "), "{found}");
}

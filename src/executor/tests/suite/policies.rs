//! Policies held elsewhere decide each call beside its contract, in both ways to ask.

use std::path::Path;
use std::time::Duration;

use callgate_executor::config::Config;
use callgate_proto::executor::v1::call_ruling::Ruling;
use callgate_proto::executor::v1::{
    AuthorizeRequest, Caller, Conversation, Denied, ExecuteRequest, FailureKind, ReleaseRule,
};
use callgate_sandbox::Network;

use crate::desk::{Desk, Running, running, wasm};
use crate::program::Program;
use crate::reload::{call, digest};

const REGO: &str = "package amounts\nallow if input.arguments.n <= 10\nallow if not input.arguments.n\n";
const POLICIES: &str = "policies: { rego: [{ name: amounts, file: amounts.rego, allow: data.amounts.allow, timeout: 1s }], cedar: [{ name: who, file: who.cedar, timeout: 1s }] }";
const CEDAR: &str =
    r#"permit(principal == Role::"clerk", action, resource) unless { context.caller.tenant == "globex" };"#;
const AMOUNTS: &str = "expected policy `amounts` to allow the call";
const WHO: &str = "expected policy `who` to allow the call";

fn desk() -> Desk {
    let desk = Desk::new()
        .client_tool_with("look", "")
        .client_tool_with("pay", "approval: always")
        .tool("t", &wasm(include_str!("stores.wat")), "")
        .in_spec("authorize: true");
    std::fs::write(desk.path().join("amounts.rego"), REGO).unwrap();
    std::fs::write(desk.path().join("who.cedar"), CEDAR).unwrap();
    desk.configured(POLICIES)
}

/// A desk with one Rego policy, `p`.
fn with_policy(rego: &str, fields: &str) -> Desk {
    let desk = Desk::new()
        .client_tool_with("look", "")
        .tool("t", &wasm(include_str!("stores.wat")), "")
        .in_spec("authorize: true");
    std::fs::write(desk.path().join("p.rego"), format!("package p\n{rego}\n")).unwrap();
    desk.configured(&format!(
        "policies: {{ rego: [{{ name: p, file: p.rego, allow: data.p.allow, timeout: 1s{fields} }}] }}"
    ))
}

fn request(running: &Running, tool: &str, arguments: &str, tenant: &str) -> AuthorizeRequest {
    let ExecuteRequest { contract_digest, caller, exchange_id, round, calls, request_id, .. } =
        running.request("clerk", &[(tool, arguments)]);
    let caller = caller.map(|caller| Caller { tenant: tenant.into(), ..caller });
    AuthorizeRequest { contract_digest, caller, exchange_id, round, calls, request_id, ..AuthorizeRequest::default() }
}

async fn rulings(running: &Running, request: AuthorizeRequest) -> Vec<Ruling> {
    let rulings = running.client.clone().authorize(request).await.unwrap().into_inner().rulings;
    rulings.into_iter().map(|ruling| ruling.ruling.unwrap()).collect()
}

async fn ruling(running: &Running, tool: &str, arguments: &str, tenant: &str) -> Ruling {
    rulings(running, request(running, tool, arguments, tenant)).await.remove(0)
}

fn is_released(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Released(_))
}

/// The message of a call that a policy denied.
fn denial(ruling: &Ruling) -> &str {
    match ruling {
        Ruling::Denied(Denied { violation_code, message, pointer, .. }) => {
            assert_eq!((violation_code.as_str(), pointer.as_str()), ("policy_denied", ""));
            message
        }
        other => panic!("expected a denied call, found {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_denies_what_the_contract_allows() {
    let running = desk().start().await;
    running.call("t", r#"{"n":10}"#).await.result();
    let denied = running.call("t", r#"{"n":11}"#).await;
    assert_eq!((denied.kind(), denied.code(), denied.message()), (FailureKind::Denied, "policy_denied", AMOUNTS));

    assert!(is_released(&ruling(&running, "look", r#"{"n":10}"#, "acme").await));
    assert_eq!(denial(&ruling(&running, "look", r#"{"n":11}"#, "acme").await), AMOUNTS);
    assert_eq!(denial(&ruling(&running, "look", "{}", "globex").await), WHO);
    // Rego sorts a text after all numbers, and Cedar has no fraction of five digits.
    let failed = "expected policy `who` to have an answer on the call; its evaluation failed";
    assert_eq!(denial(&ruling(&running, "look", r#"{"n":1.00001}"#, "acme").await), failed);
    assert_eq!(denial(&ruling(&running, "look", r#"{"n":"1"}"#, "acme").await), AMOUNTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_to_approve_what_a_policy_denies() {
    let running = desk().start().await;
    assert!(matches!(ruling(&running, "pay", r#"{"n":10}"#, "acme").await, Ruling::Pending(_)));
    assert_eq!(denial(&ruling(&running, "pay", r#"{"n":11}"#, "acme").await), AMOUNTS);
    // With calls that depend on each other, a denial by a policy keeps the others back.
    let mut both = request(&running, "look", r#"{"n":1}"#, "acme");
    both.calls.extend(request(&running, "look", r#"{"n":11}"#, "acme").calls);
    both.release = ReleaseRule::NoneIfDenied.into();
    let both = rulings(&running, both).await;
    assert!(matches!(both[0], Ruling::Withheld(_)), "{both:?}");
    assert_eq!(denial(&both[1]), AMOUNTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_asked_about_the_arguments_in_canonical_form() {
    let running = with_policy("allow if input.arguments == {\"n\": 1, \"a\": \"\u{e9}\"}", "").start().await;
    for written in [r#"{"n":1,"a":"\u00e9"}"#, "{ \"a\" : \"\u{e9}\", \"n\": 1.0 }", r#"{"n":1e0,"a":"\u00E9"}"#] {
        assert!(is_released(&ruling(&running, "look", written, "acme").await), "{written}");
    }
    assert_eq!(
        denial(&ruling(&running, "look", r#"{"n":1,"a":"e"}"#, "acme").await),
        "expected policy `p` to allow the call"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_reads_the_model_and_the_conversation() {
    let rule = "allow if { input.model == \"m-1\"; not input.conversation.tainted; count([1 | input.conversation.calls.look > 1]) == 0 }";
    let running = with_policy(rule, ", facts: [model, conversation]").start().await;
    let with = |model: Option<&str>, conversation: Option<bool>, earlier: u32| {
        let mut request = request(&running, "look", "{}", "acme");
        request.model = model.map(Into::into);
        request.conversation = conversation.map(|tainted| Conversation { tainted, rounds: 0, turns: 1 });
        request.earlier_calls = [("look".to_owned(), earlier)].into();
        request
    };
    assert!(is_released(&rulings(&running, with(Some("m-1"), Some(false), 1)).await[0]));
    let denied = "expected policy `p` to allow the call";
    let lacks = "expected policy `p` to have an answer on the call; the gate did not send its fact";
    for (request, expected) in [
        (with(Some("m-2"), Some(false), 1), denied.to_owned()),
        (with(Some("m-1"), Some(true), 1), denied.to_owned()),
        (with(Some("m-1"), Some(false), 2), denied.to_owned()),
        (with(None, Some(false), 1), format!("{lacks} `model`")),
        (with(Some("m-1"), None, 1), format!("{lacks} `conversation`")),
    ] {
        assert_eq!(denial(&rulings(&running, request).await[0]), expected);
    }
    // Calls of the same turn count for the later ones.
    let mut turn = with(Some("m-1"), Some(false), 0);
    let call = turn.calls[0].clone();
    turn.calls.extend([call.clone(), call]);
    let turn = rulings(&running, turn).await;
    assert_eq!(turn.iter().map(is_released).collect::<Vec<_>>(), [true, true, false]);

    let mut execute = running.request("clerk", &[("t", "{}")]);
    let bare = running.execute(execute.clone()).await.unwrap().remove(0);
    assert_eq!((bare.code(), bare.message()), ("policy_denied", format!("{lacks} `model`").as_str()));
    execute.model = Some("m-1".into());
    execute.conversation = Some(Conversation::default());
    execute.exchange_id.push('2');
    running.execute(execute).await.unwrap().remove(0).result();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_explodes_denies_and_the_executor_serves_on() {
    let rule = "allow if count(numbers.range(1, input.arguments.n)) < 100";
    let running = with_policy(rule, "").start().await;
    for _ in 0..2 {
        assert!(is_released(&ruling(&running, "look", r#"{"n":9}"#, "acme").await));
        let exhausted = "expected policy `p` to have an answer on the call; its evaluation used up memory or stack";
        assert_eq!(denial(&ruling(&running, "look", r#"{"n":4000000000000}"#, "acme").await), exhausted);
        let denied = running.call("t", r#"{"n":4000000000000}"#).await;
        assert_eq!((denied.code(), denied.message()), ("policy_denied", exhausted));
        running.call("t", r#"{"n":9}"#).await.result();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_outranks_no_policy_and_is_not_used_up_by_its_denial() {
    let desk = desk();
    let socket = desk.path().join("http.sock");
    let line = format!("http: {{ listen: \"unix:{}\" }}", socket.display());
    let running = desk.configured(&line).start().await;
    let mut globex = request(&running, "pay", r#"{"n":1}"#, "globex");
    let waiting = match ruling(&running, "pay", r#"{"n":1}"#, "acme").await {
        Ruling::Pending(pending) => pending.approval_id,
        other => panic!("expected a pending call, found {other:?}"),
    };
    let token = running.file("callgate-state/http-token").unwrap();
    let http = reqwest::Client::builder().unix_socket(socket).build().unwrap();
    let url = format!("http://localhost/api/v1/approvals/{waiting}/approve");
    let answer = http.post(url).json(&serde_json::json!({})).bearer_auth(token.trim()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // The policy denies this tenant before anybody looks for an approval.
    for _ in 0..2 {
        assert_eq!(denial(&rulings(&running, globex.clone()).await[0]), WHO);
        globex.round += 1;
    }
    assert_eq!(denial(&ruling(&running, "pay", r#"{"n":11}"#, "acme").await), AMOUNTS);
    assert!(is_released(&ruling(&running, "pay", r#"{ "n": 1.0 }"#, "acme").await));
    assert!(matches!(ruling(&running, "pay", r#"{"n":1}"#, "acme").await, Ruling::Pending(_)), "it is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_each_get_their_own_answer() {
    let running = desk().start().await;
    let requests = (0..60).map(|n| {
        let (running, n) = (&running, n % 20);
        async move {
            let ruling = ruling(running, "look", &format!("{{\"n\":{n}}}"), "acme").await;
            if n <= 10 {
                assert!(is_released(&ruling), "{n}: {ruling:?}");
            } else {
                assert_eq!(denial(&ruling), AMOUNTS);
            }
        }
    });
    futures_util::future::join_all(requests).await;
}

#[test]
fn an_executor_with_a_policy_that_cannot_be_used_does_not_start() {
    let broken = |file: &str, text: &str| {
        let desk = desk();
        std::fs::write(desk.path().join(file), text).unwrap();
        desk.refused()
    };
    let error = broken("amounts.rego", "package amounts\nallow if {");
    assert!(error.starts_with("policy `amounts`: amounts.rego:2:") && error.contains("; correct it"), "{error}");
    let error = broken("who.cedar", "permit(");
    assert!(error.starts_with("policy `who`: who.cedar:1:"), "{error}");
    let error = broken("amounts.rego", &" ".repeat((1 << 20) + 1));
    assert!(error.starts_with("policy `amounts`: amounts.rego: cannot be read: "), "{error}");
    let error = broken("amounts.rego", &format!("package amounts\nallow if {}1 == 1", "1 +\n".repeat(100_000)));
    assert!(error.starts_with("polic"), "{error}");
}

#[test]
fn a_fact_that_the_gate_would_not_send_is_refused_at_start() {
    let with = |spec: &str| {
        let desk = Desk::new().client_tool_with("look", "").in_spec(spec);
        std::fs::write(desk.path().join("p.rego"), "package p\nallow if input.model == \"m\"\n").unwrap();
        desk.configured("policies: { rego: [{ name: p, file: p.rego, allow: data.p.allow, facts: [model] }] }")
    };
    assert!(with("authorize: false").refused().starts_with(
        "contract.yaml: expected the gate to send `model`, which policy `p` reads; write `authorize: true` in the contract"
    ));
    with("authorize: true").digest();
    let conditional = Desk::new().client_tool_with("look", "when: \"model == 'm'\"");
    std::fs::write(conditional.path().join("p.rego"), "package p\nallow if input.model == \"m\"\n").unwrap();
    conditional
        .configured("policies: { rego: [{ name: p, file: p.rego, allow: data.p.allow, facts: [model] }] }")
        .digest();
}

#[test]
fn no_tool_may_be_granted_a_policy() {
    let desk =
        Desk::new().tool("r", &wasm(include_str!("stores.wat")), "files: [{ host: rules, guest: /p, mode: ro }]");
    std::fs::create_dir(desk.path().join("rules")).unwrap();
    std::fs::write(desk.path().join("rules/p.rego"), "package p\nallow := true\n").unwrap();
    let error = desk.configured("policies: { rego: [{ name: p, file: rules/p.rego, allow: data.p.allow }] }").refused();
    assert!(error.contains("a policy, which no tool may reach"), "{error}");
}

#[test]
fn a_check_reads_the_policies_and_lists_them() {
    let desk = desk();
    let mut program = Program::start(&desk, &["--check"]);
    for (name, language) in [("amounts", "rego"), ("who", "cedar")] {
        let line = program.logged("policy is loaded");
        assert_eq!((&line["policy"], &line["language"]), (&name.into(), &language.into()));
    }
    program.logged("checked");
    assert_eq!(program.exit_code(Duration::from_secs(20)), 0);
    std::fs::write(desk.path().join("who.cedar"), "permit(").unwrap();
    let mut program = Program::of(desk.path(), &["--check"]);
    program.logged_with("policy `who`: ");
    assert_eq!(program.exit_code(Duration::from_secs(20)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_decides_after_a_reload_and_a_broken_one_changes_nothing() {
    let desk = with_policy("allow if true", "");
    let mut program = Program::start(&desk, &[]);
    let digest = digest(&program.logged("contract is admitted"));
    let address = program.logged("ready")["address"].as_str().unwrap().to_owned();
    call(&address, &digest).await.unwrap().result();

    let replace = |text: &str| {
        let new = desk.path().join("p.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, desk.path().join("p.rego")).unwrap();
    };
    replace("package p\nallow if input.tool == \"other\"\n");
    program.logged("contracts are reloaded");
    assert_eq!(call(&address, &digest).await.unwrap().code(), "policy_denied");

    replace("package p\nallow if {\n");
    program.logged_with("p.rego:3:");
    program.logged("the reload is refused; what was served before is served on");
    assert_eq!(call(&address, &digest).await.unwrap().code(), "policy_denied");

    replace("package p\nallow if input.tool == \"t\"\n");
    program.logged("contracts are reloaded");
    call(&address, &digest).await.unwrap().result();

    // A policy that ends the process that checks it does not end the executor.
    replace(&format!("package p\nallow if {}1 == 1\n", "1 +\n".repeat(100_000)));
    program.logged("the reload is refused; what was served before is served on");
    call(&address, &digest).await.unwrap().result();
    program.terminate();
    assert_eq!(program.exit_code(Duration::from_secs(20)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_desk_decides_as_its_policies_say() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/policy-desk").canonicalize().unwrap();
    let text = std::fs::read_to_string(example.join("executor.yaml")).unwrap();
    // The test's machine may be slow.
    let text = text.replace("facts: [conversation]", "timeout: 1s\n      facts: [conversation]");
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let text = format!("{text}listen: 127.0.0.1:0\nhttp: {{ listen: off }}\nstateDir: {}\n", state.display());
    let config = Config::parse("executor.yaml", &text, &example).unwrap();
    let running = running(config, Network::system(), folder).await;
    let refund = r#"{"cents":5000,"order_id":"O-1001"}"#;
    let more = r#"{"cents":5001,"order_id":"O-1001"}"#;
    for (tool, arguments, role, tenant, tainted, earlier, denied_by) in [
        ("get_order", r#"{"order_id":"O-1001"}"#, "clerk", "globex", true, 3, None),
        ("refund_order", refund, "clerk", "acme", false, 0, None),
        ("refund_order", more, "clerk", "acme", false, 0, Some("amounts")),
        ("refund_order", more, "manager", "acme", true, 0, None),
        ("refund_order", refund, "clerk", "acme", true, 0, Some("amounts")),
        ("refund_order", refund, "clerk", "acme", false, 1, Some("amounts")),
        ("refund_order", refund, "clerk", "globex", false, 0, Some("tenants")),
    ] {
        let mut request = request(&running, tool, arguments, tenant);
        request.caller = Some(Caller { tenant: tenant.into(), role: role.into(), ..Default::default() });
        request.conversation = Some(Conversation { tainted, rounds: 0, turns: 1 });
        request.earlier_calls = [("refund_order".to_owned(), earlier)].into();
        let ruling = rulings(&running, request).await.remove(0);
        match denied_by {
            None => assert!(is_released(&ruling), "{tool} {arguments} {role} {tenant}: {ruling:?}"),
            Some(policy) => assert_eq!(denial(&ruling), format!("expected policy `{policy}` to allow the call")),
        }
    }
}

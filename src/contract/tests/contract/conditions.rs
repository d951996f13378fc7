//! Conditions of tools, approvals and roles.

use callgate_contract::{
    Approval, Caller, Code, Contract, Conversation, ConversationFacts, ProposedCall, Reads, Verdict, decide,
    from_value, load,
};

use crate::folder::Folder;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const RUN: &str =
    "run: { wasm: { module: a.wasm, sha256: \"0000000000000000000000000000000000000000000000000000000000000000\" } }";
const SMALL: &str = r#"{"amount": 20, "to": "A-1"}"#;
const LARGE: &str = r#"{"amount": 5000.5, "to": "A-1"}"#;
const UNMET: &str = "condition_unmet: expected the tool's `when` to hold";

/// A contract with a payment tool. `role` is written into a role, `fields` below the tool.
fn text(role: &str, fields: &str) -> String {
    format!(
        "apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: pay, version: 1.0.0 }}
spec:
  models: [\"*\"]
  limits: {{ maxToolCallsPerTurn: 2 }}
  roles:
    clerk: {{ tools: [\"*\"]{role} }}
    manager: {{ tools: [\"*\"] }}
  tools:
    - name: look_up
      parameters: {{ type: object }}
      effects: read
      run: {{ client: {{}} }}
    - name: pay
      parameters:
        type: object
        required: [amount, to]
        properties:
          amount: {{ type: number, minimum: 0 }}
          to: {{ type: string }}
          note: {{ type: string }}
          due: {{ type: [string, \"null\"] }}
          tags: {{ type: array, items: {{ type: string }}, maxItems: 4 }}
          ids: {{ type: array, items: {{ type: string }} }}
          any: {{ type: [string, number] }}
      effects: write
      {RUN}
{fields}"
    )
}

fn contract(role: &str, fields: &str) -> Contract {
    load("contract.yaml", &text(role, fields), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

fn faults(role: &str, fields: &str) -> String {
    load("contract.yaml", &text(role, fields), &Folder(&[])).unwrap_err().to_string()
}

/// The tool's `when`, as YAML.
fn when(condition: &str) -> String {
    format!("      when: {}\n", callgate_json::Value::from(condition))
}

/// An untainted conversation with one `look_up`.
fn facts() -> ConversationFacts {
    let mut facts = ConversationFacts { rounds: 1, turns: 2, ..ConversationFacts::default() };
    facts.add_call("look_up");
    facts
}

/// All facts of a call on a Friday at half past twelve.
fn whole(facts: &ConversationFacts) -> Conversation<'_> {
    Conversation {
        calls_before: 0,
        model: Some("gpt-5-mini"),
        now: Some(1_795_782_645_000),
        facts: Some(facts),
        ..Conversation::default()
    }
}

fn verdict(contract: &Contract, conversation: &Conversation<'_>, role: &str, arguments: &str) -> String {
    let caller = Caller { tenant: "acme".to_owned(), role: role.to_owned() };
    match decide(contract, &caller, conversation, &ProposedCall { name: "pay", arguments }) {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::NeedsApproval(_) => "approval".to_owned(),
        Verdict::Deny(violation) => violation.to_string(),
    }
}

#[test]
fn a_condition_reads_arguments_caller_model_time_and_conversation() {
    let facts = facts();
    for condition in [
        "args.amount <= 1000 || caller.role == 'manager'",
        "caller.tenant == 'acme' && caller.role in ['clerk', 'manager']",
        "model.startsWith('gpt-5')",
        "now > timestamp('2026-11-27T12:30:44Z') && now < timestamp('2026-11-27T12:30:46Z')",
        "now.getDayOfWeek() in [1, 2, 3, 4, 5] && now.getHours() >= 8 && now.getHours() < 18",
        "!conversation.tainted && conversation.rounds == 1 && conversation.turns == 2",
        "conversation.called('look_up') && conversation.count('look_up') == 1",
        "!conversation.called('pay') && conversation.count('pay') < 3",
        "!has(args.note) || args.note.size() < 100",
        "!has(args.due) || args.due == null || timestamp(args.due) > now",
        "!has(args.tags) || args.tags.all(tag, tag.matches('^[a-z]+$'))",
        "args.to.matches('^A-[0-9]+$')",
    ] {
        let desk = contract("", &when(condition));
        assert_eq!(verdict(&desk, &whole(&facts), "clerk", SMALL), "allow", "{condition}");
        let desk = contract("", &when(&format!("!({condition})")));
        assert_eq!(verdict(&desk, &whole(&facts), "clerk", SMALL), UNMET, "{condition}");
    }
}

#[test]
fn the_conditions_of_role_and_tool_must_both_hold() {
    let facts = facts();
    let desk = contract(", when: \"now.getHours() < 12\"", "      when: args.amount <= 1000\n");
    let morning = Conversation { now: Some(1_795_760_000_000), ..whole(&facts) };
    assert_eq!(verdict(&desk, &morning, "clerk", SMALL), "allow");
    assert_eq!(verdict(&desk, &morning, "clerk", LARGE), UNMET);
    let expected = "condition_unmet: expected `when` of role `clerk` to hold";
    assert_eq!(verdict(&desk, &whole(&facts), "clerk", LARGE), expected, "the role's comes first");
    assert_eq!(verdict(&desk, &whole(&facts), "manager", SMALL), "allow", "another role has no condition");
}

#[test]
fn conditions_come_after_arguments_and_before_limits_and_approval() {
    let facts = facts();
    let fields = "      when: args.amount <= 1000\n      approval: { when: args.amount > 10, approvers: 2 }\n";
    let desk = contract("", fields);
    assert_eq!(desk.tool("pay").unwrap().approval(), Approval::When { approvers: 2 });
    let third = Conversation { calls_before: 2, ..whole(&facts) };
    let of = |conversation: &Conversation<'_>, arguments| {
        let verdict = verdict(&desk, conversation, "clerk", arguments);
        verdict.split([':', ' ']).next().unwrap().to_owned()
    };
    assert_eq!(of(&third, r#"{"amount": "5000"}"#), "arguments_invalid");
    assert_eq!(of(&third, LARGE), "condition_unmet");
    assert_eq!(of(&third, SMALL), "limit_exceeded");
    assert_eq!(of(&whole(&facts), SMALL), "approval");
    assert_eq!(of(&whole(&facts), r#"{"amount": 10.0, "to": "A-1"}"#), "allow");
}

#[test]
fn a_condition_without_a_value_denies() {
    let facts = facts();
    let absent = |change: fn(&mut Conversation<'_>), condition: &str| {
        let mut conversation = whole(&facts);
        change(&mut conversation);
        verdict(&contract("", &when(condition)), &conversation, "clerk", SMALL)
    };
    let expected = "condition_unmet: expected the tool's `when` to have a value: a value of the condition is not there";
    assert_eq!(absent(|it| it.model = None, "model != 'x'"), expected);
    assert_eq!(absent(|it| it.now = None, "now > timestamp('2020-01-01T00:00:00Z')"), expected);
    assert_eq!(absent(|it| it.now = Some(u64::MAX), "now > timestamp('2020-01-01T00:00:00Z')"), expected);
    assert_eq!(absent(|it| it.facts = None, "!conversation.tainted"), expected);
    assert_eq!(absent(|it| it.facts = None, "conversation.rounds < 9"), expected);
    assert_eq!(absent(|it| it.facts = None, "!conversation.called('pay')"), expected);
    let divided = absent(|_| {}, "1 / (args.to.size() - 3) > 0");
    assert!(divided.ends_with("to have a value: the condition divides by zero"), "{divided}");

    let approval = contract("", "      approval: { when: \"conversation.tainted\" }\n");
    let without = Conversation { facts: None, ..whole(&facts) };
    let denied = verdict(&approval, &without, "clerk", SMALL);
    assert_eq!(denied, expected.replace("`when`", "`approval.when`"), "a person may be needed");
}

#[test]
fn a_contract_says_which_facts_it_reads() {
    let reads = |role: &str, fields: &str| contract(role, fields).reads();
    assert!(reads("", "      when: args.amount < 9 && caller.tenant != ''\n").nothing());
    let none = Reads::default();
    assert_eq!(reads("", "      when: model == 'x'\n"), Reads { model: true, ..none });
    assert_eq!(reads("", "      approval: { when: now.getHours() > 1 }\n"), Reads { now: true, ..none });
    assert_eq!(reads(", when: conversation.turns < 9", ""), Reads { conversation: true, ..none });
    let tainted = Reads { conversation: true, tainted: true, ..none };
    assert_eq!(reads("", "      approval: { when: conversation.tainted }\n"), tainted);
    assert_eq!(reads(", when: \"!conversation.called('pay')\"", ""), Reads { conversation: true, ..none });
}

/// The place and the message of the one fault of a contract.
fn fault(fields: &str) -> String {
    let faults = faults("", fields);
    faults.strip_prefix("contract.yaml:").unwrap_or(&faults).to_owned()
}

#[test]
fn a_fault_has_its_place_inside_of_the_condition() {
    let line = text("", "").lines().count() + 1;
    let of = |place: &str, message: &str| format!("{line}:{place}: spec.tools[1].{message}");
    assert_eq!(
        fault("      when: args.amuont <= 1000\n"),
        of("18", "when: `args` has no member `amuont`; it has: amount, any, due, ids, note, tags, to")
    );
    assert_eq!(
        fault("      when: \"caller.role == '\\\"' || arg.amount > 1\"\n").split(';').next().unwrap(),
        of("37", "when: unknown name `arg`")
    );
    assert_eq!(
        fault("      when: 'caller.role == ''clerk'' && args.note == ''x'''\n"),
        of("47", "when: `args.note` may be absent; write `has(args.note) && …` before it")
    );
    assert_eq!(
        fault("      approval: { when: \"conversation.called('payy')\" }\n"),
        of("46", "approval.when: `conversation.called` does not know `payy`; known: look_up, pay")
    );
    assert_eq!(
        fault("      when: \"has(args.ids) && 'x' in args.ids\"\n"),
        of("43", "when: `args.ids` has no largest size, so the cost has no bound; give it `maxItems` in its schema")
    );
}

#[test]
fn a_fault_in_a_block_has_its_line() {
    let line = text("", "").lines().count() + 1;
    let found = fault("      when: |\n        args.amount < 9\n        && args.to > 1\n");
    assert!(found.starts_with(&format!("{}:20: ", line + 2)), "{found}");
    let found = fault("      when: >\n        args.amount < 9\n        && args.to > 1\n");
    assert!(found.starts_with(&format!("{}:9: ", line + 1)), "{found}");
    assert!(found.ends_with("(line 1, column 28)"), "a folded text has places of its own: {found}");
}

#[test]
fn a_condition_must_be_a_boolean_of_known_names() {
    assert!(fault("      when: has(args.any) && args.any == 1\n").contains("no single type"));
    assert!(fault("      when: true\n").contains("put it in quotes"));
    assert!(fault("      when: args.amount\n").contains("expected a boolean, found a number"));
    let of_role = faults(", when: args.amount > 1", "");
    assert!(of_role.contains("unknown name `args`; known: caller.tenant, caller.role, model"), "{of_role}");
    let claims = faults(", when: \"caller.claims.team == 'x'\"", "");
    assert!(claims.contains("unknown name `caller.claims`"), "{claims}");
}

#[test]
fn a_fault_of_a_json_value_names_the_place_in_the_condition() {
    let contract = contract("", "      when: args.amount < 9\n");
    let value = callgate_json::read(contract.canonical().replace("amount < 9", "amuont < 9").as_bytes()).unwrap();
    let fault = from_value(&value).unwrap_err().to_string();
    assert!(fault.starts_with("/spec/tools/1/when: `args` has no member `amuont`"), "{fault}");
    assert!(fault.ends_with("(line 1, column 6)"), "{fault}");
}

#[test]
fn the_digest_covers_conditions_and_the_canonical_text_keeps_them() {
    let facts = facts();
    let one = contract("", "      when: args.amount < 9\n");
    let other = contract("", "      when: args.amount < 10\n");
    assert_ne!(one.digest(), other.digest());
    let again = from_value(&callgate_json::read(one.canonical().as_bytes()).unwrap()).unwrap();
    assert_eq!(again.digest(), one.digest());
    assert_eq!(verdict(&again, &whole(&facts), "clerk", SMALL), UNMET);
}

#[test]
fn an_approval_with_a_condition_is_also_for_tools_of_the_application() {
    let text = text("", "      approval: { when: args.amount > 1 }\n").replace(RUN, "run: { client: {} }");
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap();
    let waits = |name: &str| contract.may_need_authorization(contract.tool(name).unwrap());
    assert_eq!((waits("look_up"), waits("pay")), (false, true));
    let note = contract.notes()[0].to_string();
    assert!(note.contains("the gate asks the executor before it releases a call"), "{note}");
}

#[test]
fn a_disguised_value_does_not_pass() {
    let facts = facts();
    let due = "has(args.due) && args.due != null && timestamp(args.due) < now";
    let table: [(&str, &str); 16] = [
        // Letters that look alike, invisible ones, other cases and other forms are other letters.
        ("args.to == 'p\u{430}ypal'", r#"{"amount": 1, "to": "paypal"}"#),
        ("args.to == 'paypal'", r#"{"amount": 1, "to": "p\u0430ypal"}"#),
        ("args.to == 'paypal'", r#"{"amount": 1, "to": "pay\u200bpal"}"#),
        ("args.to == 'paypal'", r#"{"amount": 1, "to": "PayPal"}"#),
        ("args.to == 'paypal'", r#"{"amount": 1, "to": "\uff50aypal"}"#),
        ("args.to == 'paypal'", r#"{"amount": 1, "to": "paypal "}"#),
        ("args.to.endsWith('@example.org')", r#"{"amount": 1, "to": "x@example.org.evil.test"}"#),
        ("args.to.endsWith('@example.org')", r#"{"amount": 1, "to": "x@example.org\u0000"}"#),
        ("args.to.matches('^A-[0-9]+$')", r#"{"amount": 1, "to": "A-1\nB"}"#),
        ("args.to.matches('^A-[0-9]+$')", r#"{"amount": 1, "to": "A-\u0661"}"#),
        // Numbers compare by value, however they are written.
        ("args.amount <= 1000", r#"{"amount": 1.0000001e3, "to": "x"}"#),
        ("args.amount <= 1000", r#"{"amount": 1e300, "to": "x"}"#),
        ("args.amount <= 1000", r#"{"amount": 9007199254740993, "to": "x"}"#),
        ("args.amount < 9007199254740993", r#"{"amount": 9007199254740993, "to": "x"}"#),
        ("args.amount < 1.0 / 3.0", r#"{"amount": 0.33333333333333333, "to": "x"}"#),
        (due, r#"{"amount": 1, "to": "x", "due": "2026-11-27T12:30:45Z"}"#),
    ];
    for (condition, arguments) in table {
        let found = verdict(&contract("", &when(condition)), &whole(&facts), "clerk", arguments);
        assert_ne!(found, "allow", "{condition}: {arguments}");
    }
}

#[test]
fn a_number_as_text_or_without_an_exact_value_does_not_reach_a_condition() {
    let facts = facts();
    let contract = contract("", "      when: args.amount <= 1000\n");
    for (arguments, code) in [
        (r#"{"amount": "20", "to": "x"}"#, "arguments_invalid"),
        (r#"{"amount": 20, "to": "x", "amount": 5000}"#, "arguments_not_json"),
        (r#"{"amount": 1e400, "to": "x"}"#, "arguments_not_json"),
    ] {
        let found = verdict(&contract, &whole(&facts), "clerk", arguments);
        assert!(found.starts_with(code), "{arguments}: {found}");
    }
}

#[test]
fn a_timestamp_at_an_edge_has_the_right_value_or_none() {
    let facts = facts();
    let contract = contract("", &when("has(args.note) && timestamp(args.note) > now"));
    let of = |note: &str| {
        let arguments = format!(r#"{{"amount": 1, "to": "x", "note": {}}}"#, callgate_json::Value::from(note));
        verdict(&contract, &whole(&facts), "clerk", &arguments)
    };
    assert_eq!(of("9999-12-31T23:59:59Z"), "allow");
    assert_eq!(of("2026-11-27T13:30:45.000000001+01:00"), "allow");
    assert_eq!(of("2026-11-27T12:30:45Z"), UNMET);
    assert_eq!(of("0001-01-01T00:00:00Z"), UNMET);
    for wrong in
        ["9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z", "2026-11-27T12:30:60Z", "2026-11-27T12:30:45", "now", ""]
    {
        let found = of(wrong);
        assert!(found.ends_with("a text in the condition is not a timestamp or duration"), "{wrong}: {found}");
    }
}

#[test]
fn a_pattern_takes_linear_time_or_denies() {
    let facts = facts();
    let contract = contract("", &when("args.to.matches('^(a+)+$')"));
    let of = |length: usize| {
        let arguments = format!(r#"{{"amount": 1, "to": "{}b"}}"#, "a".repeat(length));
        verdict(&contract, &whole(&facts), "clerk", &arguments)
    };
    assert_eq!(of(100_000), UNMET);
    let long = of(1_000_000);
    assert!(long.ends_with("to have a value: the condition took too many steps"), "{long}");
    let large = faults("", &when("args.to.matches('((a{100}){100}){100}')"));
    assert!(large.contains("it is too large"), "{large}");
}

#[test]
fn messages_repeat_no_value_of_the_call() {
    let facts = facts();
    let contract = contract("", &when("args.to != 'safe' && timestamp(args.to) > now"));
    let caller = Caller { tenant: "acme".to_owned(), role: "clerk".to_owned() };
    let call = ProposedCall { name: "pay", arguments: r#"{"amount": 1, "to": "s3cret-value"}"# };
    let Verdict::Deny(violation) = decide(&contract, &caller, &whole(&facts), &call) else { panic!("allowed") };
    assert_eq!((violation.code, violation.pointer.as_str()), (Code::ConditionUnmet, ""));
    assert!(!violation.to_string().contains("s3cret"), "{violation}");
}

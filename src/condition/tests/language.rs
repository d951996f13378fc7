//! The conditions that are accepted, and their values; the conditions that are refused, and the messages.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]

mod common;

use callgate_condition::{EvalError, MAX_NESTING, MAX_SOURCE};
use common::{Call, args, compile};

#[test]
fn conditions_have_the_values_of_cel() {
    for source in [
        "true",
        "args.amount <= 100",
        "args.amount == 99.5 && args.count == 7",
        "args.count == 7.0 && 7.0 == args.count && args.count < 7.5",
        "args.amount * 2.0 == 199.0 && args.amount * 2 == 199",
        "args.whole + 1 == 3 && args.whole % 2 == 0",
        "args.count / 2 == 3 && args.count % 4 == 3 && -args.count == -7",
        "-7 / 2 == -3 && -7 % 2 == -1",
        "0x10 == 16 && 1e3 == 1000.0 && .5 == 0.5",
        "9223372036854775807 < 9223372036854775807.0",
        "-9223372036854775808 < 0",
        "args.name.size() == 3 && size(args.name) == 3",
        "args.name.startsWith('Z') && args.name.endsWith('ë') && args.name.contains('o')",
        "args.name.matches('^Z.{2}$') && args.name.matches(r'\\w') && !args.name.matches('^o')",
        "args.name + '!' == \"Zo\\u00eb\\x21\"",
        "'a' < 'b' && 'Z' < 'a' && '\\U0001F600' > '\\uFFFD'",
        "'''it's''' == \"it's\" && r'\\n'.size() == 2 && '\\101' == 'A'",
        "args.urgent ? args.count > 5 : false",
        "args.count in [1, 7, 9] && !(args.count in []) && 7.0 in [7]",
        "'a' in args.tags && !('c' in args.tags)",
        "args.tags.exists(tag, tag == 'b') && args.tags.all(tag, tag.size() == 1)",
        "args.items.filter(item, item.count > 1).size() == 1",
        "args.items.filter(item, item.count > 1).all(kept, kept.sku == 'B-2')",
        "args.items.exists(item, has(item.note) && item.note == 'gift')",
        "args.items.all(item, args.tags.exists(tag, tag == 'a') && item.count < 9)",
        "!has(args.note) && !(has(args.note) && args.note == 'x')",
        "!has(args.note) || args.note.size() < 10",
        "has(args.note) ? args.note == 'x' : true",
        "has(args.to) && args.to.email.endsWith('@example.org') && !has(args.to.name)",
        "args.parent == null && !(args.parent != null && args.parent.size() > 1)",
        "args.parent == null || args.parent.startsWith('p')",
        "args.parent != 'x'",
        "!has(args.due) || args.due == null || timestamp(args.due) > now",
        "!has(args.any)",
        "caller.role == 'clerk' && !has(caller.claims.team)",
        "!has(caller.claims.team) || caller.claims.team == 'x'",
        "conversation.called('search') && conversation.count('search') == 2 && !conversation.called('other')",
        "!conversation.tainted",
        "now > timestamp('2026-01-01T00:00:00Z') && now - timestamp('2026-11-27T12:00:00Z') == duration('30m45s')",
        "now + duration('1h') > now && now - duration('1h') < now && duration('1h') + now > now",
        "duration('90m') == duration('1h30m') && -duration('1s') < duration('0s') && duration('1s') - duration('2s') < duration('0')",
        "now.getHours() == 12 && now.getHours('+01:00') == 13 && now.getHours('UTC') == 12",
        "now.getDayOfWeek() == 5 && now.getFullYear() == 2026 && now.getMonth() == 10 && now.getDate() == 27",
        "now.getMinutes() == 30 && now.getSeconds() == 45 && now.getDayOfWeek('+12:00') == 6",
        "args // a comment\n .count == 7",
        "(1 / 0 == 1) || true",
        "!(1 / 0 == 1 && false)",
        "args.items.exists(item, 1 / (item.count - 1) >= 0)",
        "!args.items.all(item, 1 / (item.count - 1) < 0)",
        "1 < 2 && 2 <= 2 && 3 >= 3 && 4 > 3 && 4 != 3",
        "!false && !!true",
        "true || false && false",
        "has(args.package) && args.package == 'p' && args.`user-id` == 'u'",
    ] {
        assert_eq!(holds(source), Ok(true), "{source}");
    }
}

#[test]
fn errors_of_evaluation_have_no_value() {
    for (source, error) in [
        ("1 / (args.count - 7) == 1", EvalError::DivisionByZero),
        ("1 % (args.count - 7) == 1", EvalError::DivisionByZero),
        ("args.amount / (args.amount - 99.5) == 1.0", EvalError::DivisionByZero),
        ("args.count + 9223372036854775807 > 0", EvalError::Overflow),
        ("args.count * 9223372036854775807 > 0", EvalError::Overflow),
        ("args.amount * 1e308 > 0.0", EvalError::Overflow),
        ("timestamp(args.name) > now", EvalError::Time),
        ("duration(args.name) > duration('1s')", EvalError::Time),
        ("now + duration('2562047h') * 1 > now || true", EvalError::Time),
    ]
    .into_iter()
    .filter(|(source, _)| compile(source).is_ok())
    {
        assert_eq!(holds(source), Err(error), "{source}");
    }
}

#[test]
fn values_that_do_not_fit_their_schema_have_no_verdict() {
    // A caller checks arguments first. If it does not, nothing holds by chance.
    for wrong in ["[]", "null", r#"{"amount": "x"}"#, r#"{"amount": 18446744073709551615}"#, r#"{"amount": null}"#] {
        let call = Call { args: callgate_json::read(wrong.as_bytes()).unwrap(), team: None };
        let holds = compile("args.amount * 1.0 > 1.0").unwrap().holds(&call);
        assert!(matches!(holds, Err(EvalError::Absent | EvalError::Overflow)), "{wrong}: {holds:?}");
    }
}

#[test]
fn steps_are_bounded_by_the_text_that_is_read() {
    let mut long = args();
    long["name"] = "x".repeat(4 << 20).into();
    let call = Call { args: long, team: None };
    assert_eq!(compile("args.name.startsWith('x')").unwrap().holds(&call), Ok(true));
    assert_eq!(compile("args.name.matches('y$')").unwrap().holds(&call), Err(EvalError::Steps));
    let twice = "args.name.contains('y') || args.name.contains('z') || true";
    assert_eq!(compile(twice).unwrap().holds(&call), Err(EvalError::Steps), "a spent budget decides nothing");
}

#[test]
fn faults_are_named_with_their_place() {
    let table: Vec<String> = [
        "",
        "args.amuont > 1",
        "arg.amount > 1",
        "caller.rol == 'x'",
        "caller == 'x'",
        "args.note == 'x'",
        "args.note == 'x' && has(args.note)",
        "has(args.note) || args.note == 'x'",
        "args.to.name == 'x'",
        "has(args.to.name)",
        "has(args)",
        "has(args.amuont)",
        "args.parent.size() > 1",
        "args.any == 1",
        "args.amount > '1'",
        "args.amount == null",
        "args.name + 1 == 'x'",
        "args.amount % 2 == 1.0",
        "args.tags == ['a']",
        "args.items.exists(item, item.note == 'x')",
        "args.items.exists(args, true)",
        "args.items.exists('item', true)",
        "args.items.exists(item)",
        "args.free.exists(n, n > 1)",
        "1 in args.free",
        "args.items.all(a, args.items.all(b, args.items.all(c, a.count == b.count && b.count == c.count)))",
        "args.count",
        "args.name.matches(args.name)",
        "args.name.matches('(')",
        "args.name.matches('(a{1000}){1000}')",
        "args.name.lower() == 'x'",
        "lower(args.name) == 'x'",
        "conversation.called()",
        "conversation.called(1)",
        "conversation.called('serach')",
        "conversation.called(args.name)",
        "conversation.calls('x')",
        "timestamp('yesterday') < now",
        "duration('1d') > duration('1h')",
        "now.getHours('Europe/Lisbon') > 9",
        "args.tags[0] == 'a'",
        "{'a': 1} == {}",
        "1u == 1",
        "args.name == b'x'",
        "'a' == 'b",
        "'a\\q' == 'b'",
        "'\\uD800' == 'b'",
        "99999999999999999999 > 1",
        "-9223372036854775809 > 1",
        "1 = 1",
        "args.count == 7 )",
        "(args.count == 7",
        "package == 1",
        "args.`user_id == 1",
        "`args`.count == 1",
        "args.count == 7\n && args.cuont == 7",
        "[1, 'a'].size() == 2",
        "#",
        "x.y.z",
        "null",
        "args.urgent ? 1 : 'a'",
        "!args.count",
        "-args.name == 'x'",
        "args.items.size() > 1 ? args.items : args.tags",
    ]
    .into_iter()
    .map(|source| match compile(source) {
        Ok(_) => panic!("accepted: {source}"),
        Err(error) => format!("{}\n    {error}\n", source.replace('\n', "\n  ")),
    })
    .collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn hostile_sources_end_at_once() {
    let deep = |open: &str, close: &str, times: usize| format!("{}true{}", open.repeat(times), close.repeat(times));
    assert!(compile(&deep("(", ")", MAX_NESTING - 1)).is_ok());
    for source in [
        deep("(", ")", 1000),
        deep("!", "", 2000),
        format!("{}1 == 1", "-".repeat(2000)),
        deep("[", "]", 1000),
        format!("true{}", " || true".repeat(400)),
        format!("args{}", ".a".repeat(1000)),
        format!("{}true", "true ? true : ".repeat(200)),
        format!("1{} == 1", " + 1".repeat(800)),
        "a".repeat(MAX_SOURCE + 1),
        "\"".repeat(2000),
        "has(".repeat(900),
        "args.items.all(a, ".repeat(200),
    ] {
        assert!(compile(&source).is_err(), "{}", &source[..40]);
    }
}

/// Evaluates a condition that compiles.
fn holds(source: &str) -> Result<bool, EvalError> {
    let condition = compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    condition.holds(&Call { args: args(), team: None })
}

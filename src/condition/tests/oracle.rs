//! Random conditions have the same value in the `cel` crate, which shares no code with this one.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]

mod common;

use callgate_condition::Problem;
use cel::{Context, Program, Value};
use common::{Call, args, compile};
use proptest::prelude::*;

/// A boolean expression over the arguments.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("true".to_owned()),
        Just("args.urgent".to_owned()),
        Just("has(args.note)".to_owned()),
        Just("has(args.to)".to_owned()),
        comparison(int()),
        comparison(double()),
        comparison(text()),
        (text(), prop_oneof![Just("startsWith"), Just("endsWith"), Just("contains")], text())
            .prop_map(|(a, test, b)| format!("({a}).{test}({b})")),
        (text(), prop_oneof![Just("^a"), Just("[A-Z]"), Just("o.$"), Just("^.{2,3}$")])
            .prop_map(|(text, pattern)| format!("({text}).matches('{pattern}')")),
        (int(), prop::collection::vec(-2_i64..9, 0..4)).prop_map(|(item, list)| format!("({item}) in {list:?}")),
        text().prop_map(|text| format!("({text}) in args.tags")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| format!("!({of})")),
            (inner.clone(), prop_oneof![Just("&&"), Just("||"), Just("=="), Just("!=")], inner.clone())
                .prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            (prop_oneof![Just("all"), Just("exists")], inner.clone(), 0_i64..7).prop_map(|(each, of, count)| {
                let item = variable(&of);
                format!("args.items.{each}({item}, ({of}) || {item}.count > {count})")
            }),
            (inner, 0_i64..7).prop_map(|(of, count)| {
                let item = variable(&of);
                format!("size(args.items.filter({item}, {item}.count >= {count} && ({of}))) < {count}")
            }),
        ]
    })
}

/// A name that no macro inside `body` has, because those have shorter bodies.
fn variable(body: &str) -> String {
    format!("item{}", body.len())
}

fn comparison(of: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let operator = prop_oneof![Just("<"), Just("<="), Just(">"), Just(">="), Just("=="), Just("!=")];
    (of.clone(), operator, of).prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})"))
}

fn int() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![
        (-9_i64..9).prop_map(|number| number.to_string()),
        Just("9223372036854775807".to_owned()),
        Just("args.count".to_owned()),
        // The oracle counts the bytes of a text; CEL counts code points.
        Just("size('abcd')".to_owned()),
        Just("args.tags.size()".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let operator = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%")];
        (inner.clone(), operator, inner).prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})"))
    })
    .boxed()
}

fn double() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![
        (-9_i32..9).prop_map(|number| format!("{:?}", f64::from(number) / 4.0)),
        Just("args.amount".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let operator = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/")];
        (inner.clone(), operator, inner).prop_map(|(a, operator, b)| format!("({a}) {operator} ({b})"))
    })
    .boxed()
}

fn text() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![
        Just("args.name".to_owned()),
        Just("''".to_owned()),
        Just("'a'".to_owned()),
        Just(r#""Zo\u00eb""#.to_owned()),
        Just(r"r'\a'".to_owned()),
        Just("'\\U0001F600'".to_owned()),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) + ({b})"))).boxed()
}

/// The value of the other implementation; `None` for an error.
fn expected(source: &str) -> Option<bool> {
    let mut context = Context::default();
    context.add_variable("args", args()).unwrap();
    match Program::compile(source).unwrap_or_else(|error| panic!("{source}: {error}")).execute(&context) {
        Ok(Value::Bool(value)) => Some(value),
        Ok(other) => panic!("{source}: {other:?}"),
        Err(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn conditions_have_the_value_of_another_implementation(source in condition()) {
        let condition = match compile(&source) {
            Ok(condition) => condition,
            Err(error) if matches!(error.problem, Problem::TooCostly { .. }) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(format!("{source}: {error}"))),
        };
        // An error has no value. Implementations differ in the errors that a decisive operand hides, and in infinite numbers.
        if let (Ok(holds), Some(expected)) = (condition.holds(&Call { args: args(), team: None }), expected(&source)) {
            prop_assert_eq!(holds, expected, "{}", source);
        }
    }
}

//! The two properties of canonical text behind the promise "what is checked is what runs".
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_json::{Value, canonical, read};
use proptest::prelude::*;

/// JSON values with the numbers and letters that readers read differently.
fn values() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1074i32..1024).prop_map(|power| Value::from(2f64.powi(power))),
        Just(Value::from(9_007_199_254_740_994.0)),
        Just(Value::from(9_223_372_036_854_775_808.0)),
        Just(Value::from(18_446_744_073_709_551_616.0)),
    ];
    let leaves =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), numbers, ".*".prop_map(Value::from)];
    leaves.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Texts of numbers, exact and not.
fn literals() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?"
}

proptest! {
    // A failed case is printed; it belongs in a table, not in a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_that_is_read_is_read_the_same_from_its_canonical_text(value in values()) {
        // Both writers give texts of the same value; `serde_json` spells numbers its own way.
        let first = read(value.to_string().as_bytes()).unwrap();
        let text = canonical(&first);
        prop_assert_eq!(&read(text.as_bytes()).unwrap(), &first);
        prop_assert_eq!(canonical(&read(text.as_bytes()).unwrap()), text);
    }

    #[test]
    fn a_number_is_refused_or_survives_its_canonical_text(literal in literals()) {
        if let Ok(value) = read(literal.as_bytes()) {
            let text = canonical(&value);
            prop_assert_eq!(&read(text.as_bytes()).unwrap(), &value, "{}", text);
            // An independent reader of doubles sees the same number before and after.
            prop_assert_eq!(literal.parse::<f64>().unwrap(), text.parse::<f64>().unwrap());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&bytes);
    }

    #[test]
    fn broken_json_never_makes_the_reader_panic(text in "[\\[\\]{}\",:0-9eE.+\\-\\\\u a-f\n]{0,48}") {
        if let Ok(value) = read(text.as_bytes()) {
            prop_assert_eq!(read(canonical(&value).as_bytes()).unwrap(), value);
        }
    }
}

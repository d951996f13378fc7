//! Canonical text, as RFC 8785 has it, and the two properties that "what is checked is what runs" rests on.
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_json::{Map, Number, Value, canonical, read};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn the_examples_of_rfc_8785() {
    // Section 3.2.2.
    let text = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        canonical(&value),
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    // Section 3.2.3: keys sort by UTF-16 units, so the emoji (a surrogate pair) comes before the Hebrew letter.
    let keys = json!({"\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"});
    let order: Vec<Value> =
        serde_json::from_str::<Map<String, Value>>(&canonical(&keys)).unwrap().values().cloned().collect();
    assert_eq!(
        order,
        [
            "Carriage Return",
            "One",
            "Control",
            "Latin Small Letter O With Diaeresis",
            "Euro Sign",
            "Emoji: Grinning Face",
            "Hebrew Letter Dalet With Dagesh"
        ]
    );
}

#[test]
fn doubles_are_written_as_ecmascript_writes_them() {
    // RFC 8785, appendix B: (bits, text).
    let table = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    ];
    for (bits, expected) in table {
        let number = Number::from_f64(f64::from_bits(bits)).unwrap();
        assert_eq!(canonical(&Value::Number(number)), expected);
    }
}

#[test]
fn integers_beyond_the_doubles_keep_their_digits() {
    let value = json!([u64::MAX, i64::MIN, 9_007_199_254_740_993_u64]);
    assert_eq!(canonical(&value), "[18446744073709551615,-9223372036854775808,9007199254740993]");
}

/// JSON values with the numbers and letters where readers differ.
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
    // A case that fails is printed; it belongs into a table, not into a file of seeds.
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
            // An independent reader that knows doubles only sees the same number before and after.
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

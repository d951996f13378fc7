//! A text is checked as strictly as it is read.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_json::{ReadError, Span, check, check_object, read_nearest, splice};
use proptest::prelude::*;

#[test]
fn keys_are_compared_after_unescaping_however_many_there_are() {
    let keys = |count: usize, last: &str| {
        let keys: Vec<String> = (0..count).map(|n| format!(r#""k{n}":0"#)).collect();
        format!(r#"{{"a":{{{},"{last}":1}}}}"#, keys.join(","))
    };
    for count in [1, 15, 16, 17, 40, 5000] {
        assert_eq!(check(keys(count, "new").as_bytes()), Ok(()));
        for last in ["k0".to_owned(), "\\u006b0".to_owned(), format!("k{}", count - 1)] {
            let text = keys(count, &last);
            assert!(matches!(check(text.as_bytes()), Err(ReadError::DuplicateKey { .. })), "{text}");
        }
    }
}

/// Near-JSON texts with escapes, repeated keys, odd numbers and depth, which a strict reader must notice.
fn near_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("0.1".to_owned()),
        Just("0.10000000000000000001".to_owned()),
        Just("1e400".to_owned()),
        Just("18446744073709551617".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""\u00e9\n""#.to_owned()),
        Just(r#""\ud83d\ude00""#.to_owned()),
        Just(r#""\ud83d\u0041""#.to_owned()),
        Just(r#""\udc00\q""#.to_owned()),
        Just("\"\u{1f}\"".to_owned()),
        Just("\"\u{e9} and a longer text\"".to_owned()),
        Just("01".to_owned()),
        "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][-+]?[0-9]{0,3})?",
        (1_usize..400, 0_u32..400).prop_map(|(digits, exponent)| format!("{}e{exponent}", "9".repeat(digits))),
        "(true|false|nul|)",
        Just("null".to_owned()),
        "[ -~]{0,3}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let key = prop_oneof![Just("a"), Just("b"), Just("\\u0061"), Just("c"), Just("x")];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((key, inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_refused_for_the_same_reason_as_when_it_is_read(text in near_json()) {
        prop_assert_eq!(check(text.as_bytes()), read_nearest(text.as_bytes()).map(drop));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_text_is_refused_for_the_same_reason_as_when_it_is_read(
        text in near_json(),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b':'), Just(b'}'), Just(b']'), Just(b' '), any::<u8>()],
    ) {
        let mut text = text.into_bytes();
        if !text.is_empty() {
            let place = place.index(text.len());
            text[place] = byte;
        }
        prop_assert_eq!(check(&text), read_nearest(&text).map(drop));
    }

    #[test]
    fn the_members_found_by_a_check_are_those_of_the_text(text in near_json(), space in "[ \n]{0,2}") {
        let text = format!("{space}{}{space}", text.replace(':', &format!("{space}:{space}")));
        if let Ok(members) = check_object(text.as_bytes()) {
            let found: Vec<_> = members.walk(text.as_bytes()).collect();
            let is_object = Span::new(text.as_bytes()).is_object();
            let expected = if is_object { splice::walk(text.as_bytes()).collect() } else { Vec::new() };
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn the_members_of_a_large_object_are_found() {
    for count in [0, 1, 63, 64, 65, 200] {
        let members: Vec<String> = (0..count).map(|number| format!(r#""k{number}": [{number}]"#)).collect();
        let text = format!("{{{}}}", members.join(","));
        let found = check_object(text.as_bytes()).unwrap().walk(text.as_bytes()).count();
        assert_eq!(found, count);
    }
}

#[test]
fn depth_is_counted_as_when_a_text_is_read() {
    for depth in [63, 64, 65, 5000] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(text.as_bytes()), read_nearest(text.as_bytes()).map(drop), "{depth}");
    }
}

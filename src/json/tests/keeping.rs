//! What is not kept is checked as strictly as what is.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_json::{Keep, read, read_only};
use proptest::prelude::*;
use serde_json::json;

const SOME: Keep = Keep::Members(&[
    ("a", Keep::Shell),
    ("b", Keep::Items(&Keep::Shell)),
    ("c", Keep::Items(&Keep::Members(&[("a", Keep::Shell)]))),
]);

#[test]
fn only_what_is_wanted_is_built() {
    let text = br#"{"a":{"x":[1,{"y":0.5}]},"b":[{"x":1},[2],"t",3],"c":[{"a":"long","d":[1]},7],"d":{"a":[8]}}"#;
    let kept = json!({"a": {}, "b": [{}, [], "", 3], "c": [{"a": "", "d": [1]}, 7], "d": {"a": [8]}});
    assert_eq!(read_only(text, &SOME), Ok(kept));
}

#[test]
fn keys_are_compared_after_unescaping_however_many_there_are() {
    let keys = |count: usize, last: &str| {
        let keys: Vec<String> = (0..count).map(|n| format!(r#""k{n}":0"#)).collect();
        format!(r#"{{"a":{{{},"{last}":1}}}}"#, keys.join(","))
    };
    for count in [1, 15, 16, 17, 40] {
        assert!(read_only(keys(count, "new").as_bytes(), &SOME).is_ok());
        for last in ["k0".to_owned(), "\\u006b0".to_owned(), format!("k{}", count - 1)] {
            let text = keys(count, &last);
            assert_eq!(read_only(text.as_bytes(), &SOME), read(text.as_bytes()), "{text}");
        }
    }
}

/// Texts that are nearly JSON, with what a strict reader must see: escapes, repeated keys, odd numbers, depth.
fn near_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("0.1".to_owned()),
        Just("0.10000000000000000001".to_owned()),
        Just("1e400".to_owned()),
        Just("18446744073709551617".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""\u00e9\n""#.to_owned()),
        Just("01".to_owned()),
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
    fn a_text_is_refused_for_the_same_reason_whatever_is_kept(text in near_json()) {
        let whole = read(text.as_bytes()).map(drop);
        for keep in [&Keep::Shell, &SOME, &Keep::Items(&Keep::Shell)] {
            prop_assert_eq!(read_only(text.as_bytes(), keep).map(drop), whole.clone());
        }
    }
}

#[test]
fn depth_is_counted_where_nothing_is_kept() {
    for depth in [63, 64, 65, 5000] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(read_only(text.as_bytes(), &Keep::Shell).map(drop), read(text.as_bytes()).map(drop), "{depth}");
    }
}

//! Texts that are JSON or nearly so, with forms in which readers are known to differ.

use proptest::prelude::*;

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-+]?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][-+]?[0-9]{0,3})?",
        prop::sample::select(vec![
            "0.1",
            "-0",
            "1e400",
            "0e999999",
            "1e-999",
            "1.0",
            "18446744073709551617",
            "true",
            "false",
            "null",
            "tru",
            "nul",
            r#""\ud800""#,
            r#""\ud83d\ude00""#,
            r#""\udc00""#,
            r#""\ud800\u0041""#,
            r#""\u00E9\n\/""#,
            r#""\x""#,
            "\"a\tb\"",
            "\"é😀 and more than eight bytes\"",
            r#""\u00zz""#,
            "\"",
            " ",
            "\u{a0}",
            "\u{feff}",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ]
}

/// Returns texts of at most five levels.
pub(crate) fn near_json() -> impl Strategy<Value = String> {
    piece().prop_recursive(5, 60, 6, |inner| {
        let key = prop_oneof![
            prop::sample::select(vec!["a", "b", "\\u0061", "c", "", "abcdefgh\\n"]).prop_map(str::to_owned),
            "[a-z]{1,2}",
        ];
        let space = prop::sample::select(vec!["", "", " ", "\r\n\t"]);
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..5), space.clone())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(","))),
            (prop::collection::vec((key, inner), 0..20), space).prop_map(|(members, space)| {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("\"{key}\"{space}:{space}{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

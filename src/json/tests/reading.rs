//! The texts that the strict reader takes and refuses.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::expect_used, reason = "a failed helper is a failed test")]

use callgate_json::{MAX_DEPTH, MAX_VALUES, ReadError, Value, canonical, read, read_by_value, read_nearest};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn why(text: &str) -> ReadError {
    read(text.as_bytes()).expect_err(text)
}

#[test]
fn plain_json_is_read_in_its_order() {
    let value = read(br#" {"b": [1, -2, 0.5, "\u00e9\ud83d\ude00", true, null], "a": {}} "#).unwrap();
    assert_eq!(value.to_string(), r#"{"b":[1,-2,0.5,"é😀",true,null],"a":{}}"#);
}

#[test]
fn a_key_twice_is_refused_however_it_is_spelled() {
    for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":1}"#, r#"[{"x":{"é":1,"\u00e9":2}}]"#, r#"{"":1,"":1}"#] {
        assert!(matches!(why(text), ReadError::DuplicateKey { line: 1, .. }), "{text}");
    }
    assert_eq!(why("{\"a\":1,\n \"a\":2}"), ReadError::DuplicateKey { line: 2, column: 4 });
    assert!(read(br#"{"a":{"a":1},"A":2}"#).is_ok(), "other objects and other letters are other keys");
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(matches!(why(&nested(MAX_DEPTH + 1)), ReadError::TooDeep { .. }));
    assert!(matches!(why(&"[".repeat(1_000_000)), ReadError::TooDeep { .. }), "a bomb costs no more");
    let objects = format!("{}1{}", r#"{"a":"#.repeat(65), "}".repeat(65));
    assert!(matches!(why(&objects), ReadError::TooDeep { .. }));
}

#[test]
fn values_end_at_the_limit_because_a_tree_is_larger_than_its_text() {
    let list = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
    assert!(read(list(MAX_VALUES).as_bytes()).is_ok());
    assert!(matches!(why(&list(MAX_VALUES + 1)), ReadError::TooMany { .. }));
    let lists = format!("[{}1]", "[0],".repeat(MAX_VALUES));
    assert!(matches!(read_nearest(lists.as_bytes()), Err(ReadError::TooMany { .. })));
    assert!(callgate_json::check(lists.as_bytes()).is_ok(), "a check builds nothing");
}

#[test]
fn numbers_are_exact_or_refused() {
    // (literal, its canonical text; None: refused)
    let table = [
        ("0", Some("0")),
        ("-0", Some("0")),
        ("-0.0e5", Some("0")),
        ("1.0", Some("1")),
        ("1e2", Some("100")),
        ("0.1", Some("0.1")),
        ("1.50", Some("1.5")),
        ("-1.5E+3", Some("-1500")),
        ("0.30000000000000004", Some("0.30000000000000004")),
        ("0.10000000000000000001", None),
        ("0.1000000000000000055511151231257827", None),
        ("0.10000000000000000000", Some("0.1")),
        ("9007199254740993", Some("9007199254740993")),
        ("9007199254740993.0", None),
        ("9223372036854775807", Some("9223372036854775807")),
        ("-9223372036854775808", Some("-9223372036854775808")),
        ("-9223372036854775809", None),
        ("18446744073709551615", Some("18446744073709551615")),
        ("18446744073709551616", None),
        ("18446744073709551617", None),
        ("18446744073709552000", Some("18446744073709552000")),
        ("9.223372036854776e18", Some("9223372036854776000")),
        ("1e17", Some("100000000000000000")),
        ("1e21", Some("1e+21")),
        ("1e23", Some("1e+23")),
        ("1.7976931348623157e308", Some("1.7976931348623157e+308")),
        ("5e-324", Some("5e-324")),
        ("1e-7", Some("1e-7")),
        ("0e999999999999999999999", Some("0")),
        ("1e400", None),
        ("-1e400", None),
        ("1e-400", None),
        ("1e99999999999999999999", None),
        ("1e-99999999999999999999", None),
    ];
    for (literal, expected) in table {
        let found = read(literal.as_bytes()).map(|value| canonical(&value));
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected, "{literal}"),
            (Err(ReadError::InexactNumber { line: 1, .. }), None) => {}
            (found, expected) => panic!("{literal}: {found:?} instead of {expected:?}"),
        }
    }
    let tiny = format!("0.{}1", "0".repeat(400));
    assert!(matches!(why(&tiny), ReadError::InexactNumber { .. }));
}

/// The double 570000000000000.25 lies between two shortest decimals. RFC 8785 writes the even one, so only that one is exact.
#[test]
fn of_two_shortest_decimals_the_written_one_is_exact() {
    for (exact, inexact) in [
        ("570000000000000.2", "570000000000000.3"),
        ("-570000000000000.2", "-570000000000000.3"),
        ("570000000000000.8", "570000000000000.7"),
        ("5.700000000000002e14", "5.700000000000003e14"),
    ] {
        let value = read(exact.as_bytes()).unwrap();
        assert_eq!(read(canonical(&value).as_bytes()).unwrap(), value);
        assert!(matches!(why(inexact), ReadError::InexactNumber { .. }), "{inexact}");
        assert_eq!(read_by_value(inexact.as_bytes()).unwrap(), value, "{inexact}");
    }
}

#[test]
fn an_inexact_number_is_found_among_strings_and_exact_ones() {
    let text = "{\"1e400\\\"\": 0.5,\n  \"b\": [1e2, 0.10000000000000000001]}";
    assert_eq!(why(text), ReadError::InexactNumber { line: 2, column: 14 });
}

#[test]
fn a_fraction_is_read_by_value_and_an_integer_stays_exact() {
    for (text, written) in [
        ("0.10000000000000001", "0.1"),
        ("[1.3999999999999999, 5.0000000000000002e-05]", "[1.4,0.00005]"),
        ("2.9979245800000001e+08", "299792458"),
        ("1e-400", "0"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        let value = read_by_value(text.as_bytes()).unwrap();
        assert_eq!(canonical(&value), written, "{text}");
        assert_eq!(read(written.as_bytes()).unwrap(), value, "the written text is exact: {text}");
    }
    for text in ["18446744073709551617", "1e400", r#"{"a":1.0,"a":0.10000000000000001}"#, "0.10000000000000001 x"] {
        assert!(read_by_value(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn the_nearest_reader_rounds_and_is_as_strict_in_all_else() {
    let value = read_nearest(b"[0.10000000000000000001, 1e-400, 18446744073709551617]").unwrap();
    assert_eq!(value, read(b"[0.1, 0, 18446744073709552000]").unwrap());
    for text in ["1e400", r#"{"a":1,"a":1}"#, "[1", "1 2", "\"\\ud800\""] {
        assert!(read_nearest(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn invalid_json_is_refused_with_reason_and_position() {
    let table: [(&[u8], &str); 12] = [
        (b"", "not JSON: EOF while parsing a value, line 1 column 0"),
        (b"{\"a\":", "not JSON: EOF while parsing a value, line 1 column 5"),
        (b"[1,]", "not JSON: trailing comma, line 1 column 4"),
        (b"nul", "not JSON: EOF while parsing a value, line 1 column 3"),
        (b"01", "not JSON: invalid number, line 1 column 2"),
        (b"'a'", "not JSON: expected value, line 1 column 1"),
        (b"\"\n\"", "not JSON: control character (\\u0000-\\u001F) found while parsing a string, line 2 column 0"),
        (b"\xef\xbb\xbf{}", "not JSON: expected value, line 1 column 1"),
        (b"1 1", "something follows the JSON value, line 1 column 3"),
        (b"{}\0", "something follows the JSON value, line 1 column 3"),
        (b"\"\\udc00\"", "half of a surrogate pair, line 1 column 7"),
        (b"\"a\xff\"", "not UTF-8 at byte 2"),
    ];
    for (text, expected) in table {
        let found = read(text).expect_err("refused").to_string();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
    }
    for text in [r#""\ud800""#, r#""\ud800x""#, r#""\ud800\u0041""#, r#"{"\udfff":1}"#] {
        assert!(matches!(why(text), ReadError::LoneSurrogate { .. }), "{text}");
    }
    for text in
        [r#""\ud83d\ude00\q""#, r#""\ud800\uzzzz""#, r#""\ud800"#, r#"["\ud83d\ude00",x]"#, "[1e4,x]", "{1e400:1}"]
    {
        assert!(matches!(why(text), ReadError::Syntax { .. }), "{text}");
    }
}

#[test]
fn an_error_repeats_nothing_of_the_text() {
    for text in
        [r#"{"secret":1,"secret":2}"#, r#"{"a":secret}"#, r#"["secret"] secret"#, r#"{"secret""#, "\"secret\\q\""]
    {
        assert!(!why(text).to_string().contains("secret"), "{text}");
    }
}

#[test]
fn a_scalar_is_a_text_too() {
    assert_eq!(read(b" \"x\"\r\n\t").unwrap(), Value::from("x"));
}

//! A text is checked as strictly as it is read.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_json::{ReadError, Span, check, check_object, check_places, read_nearest, splice};
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

/// Reads all of a value, by its places if it has any.
fn seen(value: Span<'_>) -> String {
    let members: Vec<String> = value.members().map(|(key, value)| format!("{key:?}:{}", seen(value))).collect();
    let items: Vec<String> = value.items().map(seen).collect();
    format!("{}{{{}}}[{}]", value.text(), members.join(","), items.join(","))
}

/// Texts like requests: an object with a list of objects under `a`, with lists of objects in them.
fn like_requests() -> impl Strategy<Value = String> {
    let turns = proptest::collection::vec(near_json(), 0..6).prop_map(|turns| turns.join(", "));
    let block = prop_oneof![
        Just(r#"{"type":"text","a":1}"#.to_owned()),
        Just(r#"{"type":"image", "tool":{"type":"x"}}"#.to_owned()),
        Just(r#"{"type":null}"#.to_owned()),
        Just(r#"{"\u0074ype":"text"}"#.to_owned()),
        Just("{ }".to_owned()),
        near_json(),
    ];
    let turn = (proptest::collection::vec(block, 0..4), near_json()).prop_map(|(blocks, other)| {
        format!(r#"{{"type":"turn", "content" : [{}],"other":{other}}}"#, blocks.join(","))
    });
    let turns = prop_oneof![turns, proptest::collection::vec(turn, 0..4).prop_map(|turns| turns.join(","))];
    (near_json(), turns, near_json())
        .prop_map(|(before, turns, after)| format!(r#" {{"b":{before},"a":[{turns}],"c" : {after}}} "#))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_value_with_places_reads_as_one_that_is_searched(
        text in prop_oneof![near_json(), like_requests()],
        depth in 1_usize..7,
        except in prop_oneof![Just("a"), Just("b"), Just("")],
    ) {
        if let Ok(places) = check_places(text.as_bytes(), depth, except) {
            prop_assert_eq!(seen(places.of(text.as_bytes())), seen(Span::new(text.as_bytes())));
        }
    }

    #[test]
    fn a_survey_has_the_keys_and_kinds_that_a_search_finds(text in like_requests()) {
        let Ok(places) = check_places(text.as_bytes(), 3, "a") else { return Ok(()) };
        let Some((turns, blocks)) = places.objects(text.as_bytes()) else { return Ok(()) };
        let all: Vec<Span<'_>> = Span::new(text.as_bytes()).get("a").into_iter().flat_map(Span::items).collect();
        let lists = all.iter().flat_map(|turn| turn.members()).filter(|(_, list)| list.is_array());
        let inner: Vec<Span<'_>> = lists.flat_map(|(_, list)| list.items()).collect();
        for (survey, objects) in [(Some(turns), all), (blocks, inner)] {
            let Some(survey) = survey else { continue };
            prop_assert!(objects.iter().all(|object| object.is_object()));
            let sorted = |mut names: Vec<String>| { names.sort(); names.dedup(); names };
            let keys = objects.iter().flat_map(|object| object.members().map(|(key, _)| key.into_owned()));
            prop_assert_eq!(sorted(survey.keys().map(|key| key.name().into_owned()).collect()), sorted(keys.collect()));
            let kinds = objects.iter().filter_map(|object| object.get("type")).map(|kind| kind.string().unwrap().into_owned());
            let found = survey.kinds().map(|kind| String::from_utf8(kind.to_vec()).unwrap());
            prop_assert_eq!(sorted(found.collect()), sorted(kinds.collect()));
            for key in ["type", "a", "content"] {
                prop_assert_eq!(survey.all_have(key), objects.iter().all(|object| object.get(key).is_some()));
            }
        }
    }
}

#[test]
fn texts_with_too_many_places_are_searched() {
    for unit in ["1", "{}", "[[]]", r#"{"a":1}"#, r#""a""#] {
        let list = vec![unit; 10_000].join(",");
        let text = format!(r#"{{"b":[{list}],"a":[{list}],"c":{{"d":[{list}]}},"e":[{{"f":1}}]}}"#);
        let places = check_places(text.as_bytes(), 5, "a").unwrap();
        assert_eq!(seen(places.of(text.as_bytes())), seen(Span::new(text.as_bytes())), "{unit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_request_is_refused_for_the_same_reason_as_when_it_is_read(
        text in like_requests(),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'}'), Just(b']'), Just(b' '), Just(0xff), any::<u8>()],
    ) {
        let mut text = text.into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        prop_assert_eq!(check_places(&text, 5, "a").map(drop), read_nearest(&text).map(drop));
    }
}

#[test]
fn attacks_inside_of_parts_that_are_skipped_are_refused() {
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let attacks: [&[u8]; 14] = [
        br#"{"x":1,"x":2}"#,
        br#"{"x":1,"\u0078":2}"#,
        br#"{"a_key_16_bytes_1":1,"a_key_16_bytes_2":2,"a_key_16_bytes_1":3}"#,
        b"\"\xff\"",
        b"{\"\xc3\":1}",
        br#""\ud800""#,
        br#"{"\udc00":1}"#,
        b"1e999",
        b"01",
        b"-",
        b"\"\t\"",
        b"nul",
        deep.as_bytes(),
        b"[1,]",
    ];
    for attack in attacks {
        for around in [
            &["{\"a\":[{\"b\":", "}]}"],
            &["{\"a\":[", "]}"],
            &["{\"b\":[{\"c\":{\"d\":{\"e\":[{\"f\":", "}]}}}]}"],
            &["{\"a\":[{\"b\":[{\"type\":", "}]}]}"],
            &["{\"b\":", "}"],
        ] {
            let text = [around[0].as_bytes(), attack, around[1].as_bytes()].concat();
            let read = read_nearest(&text).map(drop);
            assert!(read.is_err(), "{}", text.escape_ascii());
            for (depth, except) in [(1, ""), (5, "a"), (5, "b")] {
                assert_eq!(check_places(&text, depth, except).map(drop), read, "{}", text.escape_ascii());
            }
        }
    }
}

#[test]
fn the_last_key_of_a_text_is_compared_with_those_before_it() {
    for key in ["", "k", "1234567", "12345678", "123456789", "a longer key than the others"] {
        let text = format!(r#"{{"{key}":1,"{key}x":2,"{key}":3}}"#);
        assert!(check_places(text.as_bytes(), 5, "").is_err(), "{text}");
        assert!(
            check_places(
                text.replace(":3", "y:3").replace(&format!("{key}\"y"), &format!("{key}y\"")).as_bytes(),
                5,
                ""
            )
            .is_ok()
        );
    }
}

#[test]
fn much_white_space_changes_nothing() {
    let space = " \n\t\r".repeat(50_000);
    let text =
        format!(r#"{space}{{{space}"a"{space}:{space}[{space}{{{space}"b":1}}{space}]{space},"c":{{"d":2}}}}{space}"#);
    let places = check_places(text.as_bytes(), 5, "a").unwrap();
    assert_eq!(places.of(text.as_bytes()).get("c").unwrap().get("d").unwrap().count(), Some(2));
    assert_eq!(places.objects(text.as_bytes()).unwrap().0.keys().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// A long member is known in later texts, and taken from there with its places.
    #[test]
    fn a_member_of_an_earlier_text_reads_as_one_that_is_searched(
        value in prop_oneof![near_json(), Just(r#"{"a":[{"b":[1,{"c":"d"}]}]}"#.to_owned())],
        other in prop_oneof![near_json(), Just("[1,[2]]".to_owned())],
        end in prop_oneof![Just(""), Just(" "), Just(","), Just("]"), Just("}"), Just("x"), Just("\"")],
        depth in 1_usize..7,
        except in prop_oneof![Just("t"), Just("u"), Just("")],
    ) {
        let long = format!(r#"[{{"pad":"{}","v":{value}}}, {value}]"#, "x".repeat(256));
        for text in [
            format!(r#"{{"t":{long}}}"#),
            format!(r#"{{"a":{other},"t": {long}{end},"u":{long}}}"#),
            format!(r#"{{"t":{other},"u":[{long}],"v":{long},"w":{{"t":{long}}}}}"#),
            format!(r#"[{long},{{"t":{long}}}]"#),
            format!(r#"{{"t":{long},"t":{long}}}"#),
        ] {
            let places = check_places(text.as_bytes(), depth, except);
            let read = read_nearest(text.as_bytes());
            prop_assert_eq!(places.as_ref().map(|_| ()), read.as_ref().map(|_| ()), "{}", text);
            if let Ok(places) = places {
                prop_assert_eq!(seen(places.of(text.as_bytes())), seen(Span::new(text.as_bytes())));
            }
        }
    }
}

//! A text that is checked in pieces has the verdict of the whole text, and a fault is found as soon as it is there.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]

mod near_json;

use std::time::Instant;

use callgate_json::{MAX_VALUES, ReadError, Span, TextScan, check_places, read};
use near_json::near_json;
use proptest::prelude::*;

/// Checks a text that arrives in pieces of these lengths, again and again. Returns the result, and the bytes that were there then.
fn in_pieces(mut scan: TextScan, text: &[u8], lengths: &[usize]) -> (Result<Option<String>, ReadError>, usize) {
    let mut at = 0;
    for length in lengths.iter().cycle() {
        if at == text.len() {
            break;
        }
        at = (at + (*length).max(1)).min(text.len());
        if let Err(error) = scan.feed(text.get(..at).unwrap_or(text)) {
            return (Err(error), at);
        }
    }
    (scan.finish(text).map(|places| Some(seen(places.of(text)))), text.len())
}

/// Reads all of a value, by its places if it has any.
fn seen(value: Span<'_>) -> String {
    let members: Vec<String> = value.members().map(|(key, value)| format!("{key:?}:{}", seen(value))).collect();
    let items: Vec<String> = value.items().map(seen).collect();
    format!("{}{{{}}}[{}]", value.text(), members.join(","), items.join(","))
}

/// Returns true for the error of a text that ends too early.
fn is_short(error: &ReadError) -> bool {
    matches!(error, ReadError::Syntax { reason, .. } if reason.starts_with("EOF"))
}

/// Returns true for the error of a text that no more bytes make valid.
fn is_fault(error: &ReadError, text: &[u8]) -> bool {
    let is_half = std::str::from_utf8(text).is_err_and(|error| error.error_len().is_none());
    !(is_short(error) || is_half && matches!(error, ReadError::NotUtf8 { .. }))
}

/// Texts of requests, damaged in a place.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        near_json(),
        near_json().prop_map(|text| format!(r#"{{"messages":[{{"type":"a","content":[{text}]}}],"b":{text}}}"#)),
        (1_usize..90, near_json()).prop_map(|(count, text)| {
            let members: Vec<String> = (0..count).map(|number| format!(r#""\u006b{number}":{text}"#)).collect();
            format!("{{{},\"k1\":1}}", members.join(","))
        }),
    ];
    let byte =
        prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'}'), Just(0xc3), Just(0xff), Just(b'9'), any::<u8>()];
    (text, prop::collection::vec((any::<prop::sample::Index>(), byte), 0..3)).prop_map(|(text, damages)| {
        let mut text = text.into_bytes();
        for (place, byte) in damages {
            if !text.is_empty() {
                *place.get_mut(&mut text) = byte;
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_have_the_verdict_of_the_whole_text(
        text in bytes(),
        lengths in prop::collection::vec(1_usize..12, 1..5),
        depth in 1_usize..6,
    ) {
        let whole = check_places(&text, depth, "messages").map(|places| Some(seen(places.of(&text))));
        let (result, _) = in_pieces(TextScan::new(depth, "messages"), &text, &lengths);
        prop_assert_eq!(&result, &whole, "{}", text.escape_ascii());
        prop_assert_eq!(in_pieces(TextScan::new(depth, "messages"), &text, &[1]).0, whole);
    }

    #[test]
    fn a_fault_is_told_as_soon_as_it_is_there(text in bytes()) {
        let (result, at) = in_pieces(TextScan::new(5, "messages"), &text, &[1]);
        let told = result.is_err_and(|error| is_fault(&error, &text)).then_some(at);
        let is_faulty = |length: &usize| {
            let text = &text[..*length];
            check_places(text, 1, "").is_err_and(|error| is_fault(&error, text))
        };
        let first = (0..=text.len()).find(is_faulty);
        match (told, first) {
            // The range of a number is known when the number ends.
            (Some(told), Some(first)) => prop_assert!(
                told == first || told > first && text[first..told - 1].iter().all(u8::is_ascii_digit),
                "{} {told} {first}", text.escape_ascii()
            ),
            (told, first) => prop_assert_eq!(told, first, "{}", text.escape_ascii()),
        }
    }

    #[test]
    fn a_message_in_pieces_is_refused_as_it_is_read(text in bytes(), lengths in prop::collection::vec(1_usize..12, 1..5)) {
        let mut scan = TextScan::for_tree();
        let mut at = 0;
        let mut told = Ok(());
        for length in lengths.iter().cycle() {
            if at == text.len() || told.is_err() {
                break;
            }
            at = (at + length).min(text.len());
            told = scan.feed(&text[..at]);
        }
        let whole = read(&text);
        match told {
            Err(error) => prop_assert_eq!(Err(error), whole),
            Ok(()) => prop_assert!(
                whole.as_ref().err().is_none_or(|error| is_short(error) || at == text.len()
                    && matches!(error, ReadError::InexactNumber { .. } | ReadError::NotUtf8 { .. })),
                "{} {whole:?}", text.escape_ascii()
            ),
        }
    }
}

#[test]
fn keys_are_compared_after_unescaping_in_any_object() {
    for count in [2, 17, 63, 64, 65, 66, 130, 3000] {
        for twice in [1, 16, 17, 63, 64, 65, count - 1] {
            for key in [format!("k{twice}"), format!("\\u006b{twice}")] {
                let keys: Vec<String> = (0..count).map(|number| format!(r#""k{number}":{{"a":0}}"#)).collect();
                let text = format!(r#"{{"b":{{{},"{key}":1}}}}"#, keys.join(","));
                let whole = read(text.as_bytes()).map(drop);
                let (result, _) = in_pieces(TextScan::new(5, ""), text.as_bytes(), &[7]);
                assert_eq!(result.is_err(), whole.is_err(), "{count} {twice}");
                assert_eq!(check_places(text.as_bytes(), 5, "").map(drop), result.map(drop), "{count} {twice}");
            }
        }
    }
}

#[test]
fn values_over_the_limit_are_told_at_the_first_one() {
    let text = format!("[{}]", vec!["0"; MAX_VALUES + 10].join(","));
    let (result, at) = in_pieces(TextScan::for_tree(), text.as_bytes(), &[16 << 10]);
    assert_eq!(result, Err(read(text.as_bytes()).unwrap_err()));
    assert!(at < text.len() + 1 && matches!(result, Err(ReadError::TooMany { .. })));
}

/// Long texts that cost a careless reader the square of their length if they arrive byte by byte.
#[test]
fn short_pieces_cost_no_more_than_long_ones_by_much() {
    const SIZE: usize = 1 << 16;
    let texts = [
        ("brackets", "[".repeat(SIZE)),
        ("a string", format!("\"{}\"", "a".repeat(SIZE))),
        ("quotes", "\"".repeat(SIZE)),
        ("escapes", format!("\"{}\"", "\\n".repeat(SIZE / 2))),
        ("long escapes", format!("\"{}\"", "\\ud83d\\ude00".repeat(SIZE / 12))),
        ("a key", format!("{{\"{}\":1}}", "k".repeat(SIZE))),
        ("an escaped key", format!("{{\"{}\":1}}", "\\u006b".repeat(SIZE / 6))),
        (
            "keys",
            format!("{{{}}}", (0..SIZE / 9).map(|number| format!("\"{number:x}\":0")).collect::<Vec<_>>().join(",")),
        ),
        (
            "escaped keys",
            format!(
                "{{{}}}",
                (0..SIZE / 14).map(|number| format!("\"\\u0030{number:x}\":0")).collect::<Vec<_>>().join(",")
            ),
        ),
        ("digits", "1".repeat(SIZE)),
        ("a fraction", format!("[0.{}]", "1".repeat(SIZE))),
        ("white space", format!("[{}1{}]", " ".repeat(SIZE / 2), "\n".repeat(SIZE / 2))),
        ("letters beyond ASCII", format!("\"{}\"", "ü".repeat(SIZE / 2))),
        ("numbers", format!("[{}]", vec!["0"; SIZE / 2].join(","))),
        ("objects", format!("[{}]", vec!["{}"; SIZE / 3].join(","))),
    ];
    for (name, text) in texts {
        let whole = check_places(text.as_bytes(), 5, "messages").map(drop);
        let begun = Instant::now();
        let (result, _) = in_pieces(TextScan::new(5, "messages"), text.as_bytes(), &[1]);
        let time = begun.elapsed();
        assert_eq!(result.map(drop), whole, "{name}");
        // Most take a tenth of a second without optimisation. The square of the length would be minutes.
        assert!(time.as_secs() < 20, "{name}: {time:?}");
    }
}

#[test]
fn a_scan_holds_little_beside_a_text() {
    const SIZE: usize = 1 << 16;
    let keys: Vec<String> = (0..SIZE / 9).map(|number| format!("\"{number:x}\":0")).collect();
    let escaped: Vec<String> = (0..SIZE / 14).map(|number| format!("\"\\u0030{number:x}\":0")).collect();
    let texts = [
        format!("[{}", vec!["0"; SIZE / 2].join(",")),
        format!("{{\"b\":[{}", vec!["0"; SIZE / 2].join(",")),
        format!("{{{}", keys.join(",")),
        format!("{{\"b\":{{{}", keys.join(",")),
        format!("{{\"b\":{{{}", escaped.join(",")),
        format!("[{}", vec!["{\"a\":1}"; SIZE / 8].join(",")),
    ];
    for text in texts {
        let mut scan = TextScan::new(5, "messages");
        let mut most = 0;
        for at in (0..text.len()).step_by(4096) {
            assert_eq!(scan.feed(&text.as_bytes()[..at]), Ok(()));
            most = most.max(scan.held());
        }
        assert!(most < text.len() * 2, "{} of {}: {}", most, text.len(), &text[..20]);
    }
}

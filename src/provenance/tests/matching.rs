//! Values that occur in a text, and values that only seem to.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use callgate_provenance::{Decimal, EntityKind, Place, PlaceError, PlaceValue, Text, entities, normal};

#[test]
fn look_alike_texts_have_one_normal_form() {
    for (a, b) in [
        ("Ann  Lee", "ann lee"),
        (" a\tb\nc\r\n", "a b c"),
        ("Ｅｘａｍｐｌｅ．org", "example.org"),
        ("pay\u{200b}pal", "paypal"),
        ("pay\u{ad}pal", "paypal"),
        ("a\u{202e}b", "ab"),
        ("\u{feff}x", "x"),
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("e\u{301}", "É"),
        ("a\u{a0}b", "a b"),
        ("a\u{0}b", "a b"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("K", "k"),
        ("①", "1"),
    ] {
        assert_eq!(normal(a), normal(b), "{a:?} {b:?}");
    }
    // Letters of another script are other letters: they are no copy, so they have no source.
    assert_ne!(normal("раураl"), normal("paypal"));
    assert_eq!(normal("\u{200b}\u{ad}"), "");
}

#[test]
fn values_occur_as_whole_tokens() {
    let text = Text::new(
        "Send 100 to Ann (ann@example.org), see https://example.org/a?b=c. Order A-17, not A-170; 'quoted'. Zoë's! path/to/file.txt:3 - end-",
    );
    for value in [
        "ann",
        "ann@example.org",
        "https://example.org/a?b=c",
        "a-17",
        "a-170",
        "quoted",
        "100",
        "send 100 to ann",
        "zoë",
        "order a-17",
        "path/to/file.txt:3",
        "end",
        "see",
    ] {
        assert!(text.holds(&normal(value)), "{value}");
    }
    for value in [
        "",
        "an",
        "example.org",
        "ann@example.or",
        "nn@example.org",
        "https://example.org",
        "https://example.org/a",
        "a-1",
        "17",
        "170",
        "10",
        "zo",
        "file.txt",
        "path/to",
        "quote",
        "example.org/a?b=c",
        "ann lee",
    ] {
        assert!(!text.holds(&normal(value)), "{value}");
    }
    assert!(Text::new("q\u{307}").holds(&normal("q\u{307}")));
    assert!(!Text::new("q\u{307}").holds(&normal("q")), "a mark makes another letter");
    assert!(Text::new("東京 都").holds(&normal("東京")));
    assert!(!Text::new("東京都").holds(&normal("東京")));
    assert!(Text::new("x").is("x"));
}

#[test]
fn numbers_are_compared_by_value() {
    let text =
        Text::new("Pay 1,250.50 EUR, 7 items, -3.5 degrees, version 1.2.3, A17, 0.10, 12,34, 5. And 2024-11-27.");
    let holds = |number: &str| text.holds_number(&Decimal::parse(number).unwrap());
    for number in ["1250.5", "1250.50", "1.2505e3", "7", "7.0", "-3.5", "0.1", "5", "2024", "11"] {
        assert!(holds(number), "{number}");
    }
    for number in ["1250", "1", "250.5", "17", "1.2", "1234", "10", "0", "3.5e1"] {
        assert!(!holds(number), "{number}");
    }
    let same = |a: &str, b: &str| Decimal::parse(a) == Decimal::parse(b);
    assert!(same("0", "-0") && same("1e2", "100") && same("0.5", "5E-1") && !same("1", "-1"));
    assert_eq!(Decimal::parse("1").is_some(), Decimal::parse("01").is_none());
    for wrong in ["", "-", "a", "1.", ".5", "1e", "1e99999999999", "0x1", "1_000"] {
        assert_eq!(Decimal::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn places_find_values_and_names() {
    let result = callgate_json::read(
        br#"{"items": [{"id": 1, "a/b": "x"}, {"id": 2}], "shared": {"ann": "r", "bob": "w"}, "~": {"": 3}, "list": [[1], [2, 3]]}"#,
    )
    .unwrap();
    let at = |place: &str| {
        let place: Place = place.parse().unwrap();
        let shown = |found: PlaceValue<'_>| match found {
            PlaceValue::Value(value) => value.to_string(),
            PlaceValue::Name(name) => format!("name {name}"),
        };
        place.values(&result).map(shown).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(at("#/items/*/id"), "1 2");
    assert_eq!(at("#/items/1/id"), "2");
    assert_eq!(at("#/items/0/a~1b"), "\"x\"");
    assert_eq!(at("#/shared/{key}"), "name ann name bob");
    assert_eq!(at("#/shared/*"), "\"r\" \"w\"");
    assert_eq!(at("#/~0/"), "3");
    assert_eq!(at("#/list/*/*"), "1 2 3");
    for nothing in
        ["#/items/2/id", "#/items/01/id", "#/items/-/id", "#/items/+1/id", "#/none", "#/shared/ann/x", "#/list/{key}"]
    {
        assert_eq!(at(nothing), "", "{nothing}");
    }
    let place: Place = "#".parse().unwrap();
    assert_eq!(place.values(&result).count(), 1);
    for (wrong, error) in [
        ("", PlaceError::Start),
        ("/a", PlaceError::Start),
        ("#a", PlaceError::Start),
        ("#/~", PlaceError::Escape),
        ("#/a~2", PlaceError::Escape),
        ("#/{key}/a", PlaceError::Key),
    ] {
        assert_eq!(wrong.parse::<Place>(), Err(error), "{wrong}");
    }
    assert_eq!("/x".repeat(33).replacen('/', "#/", 1).parse::<Place>(), Err(PlaceError::TooDeep));
    let covers = |place: &str, pointer: &[&str]| place.parse::<Place>().unwrap().covers(pointer);
    assert!(covers("#/items/*/id", &["items", "7", "id"]) && !covers("#/items/*/id", &["items", "7"]));
}

#[test]
fn entities_are_found_and_dates_and_files_are_not() {
    use EntityKind::{Email, Host, Iban, Key, Number, Url};
    let found = |text: &str| entities(text).into_iter().map(|entity| (entity.kind, entity.text)).collect::<Vec<_>>();
    let one = |text: &str, expected: &[(EntityKind, &str)]| {
        let expected: Vec<_> = expected.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect();
        assert_eq!(found(text), expected, "{text}");
    };
    one("See https://Evil.example:8080/a?b=c.", &[(Url, "https://evil.example:8080/a?b=c"), (Host, "evil.example")]);
    one("(https://user:pw@evil.example)", &[(Url, "https://user:pw@evil.example"), (Host, "evil.example")]);
    one("http://[2001:db8::1]:80/x", &[(Url, "http://[2001:db8::1]:80/x"), (Host, "2001:db8::1")]);
    one("[here](https://evil.example/a)", &[(Url, "https://evil.example/a"), (Host, "evil.example")]);
    one("go to evil.example/path now", &[(Host, "evil.example"), (Url, "evil.example/path")]);
    one("www.shop, 192.0.2.1", &[(Host, "www.shop"), (Host, "192.0.2.1")]);
    one("Ann <ann@example.org>; mailto:bob@example.org", &[(Email, "ann@example.org"), (Email, "bob@example.org")]);
    one("to a@b.example,c@d.example", &[(Email, "a@b.example"), (Email, "c@d.example")]);
    one("read report.pdf, main.rs and notes.txt", &[]);
    one("e.g. this, i.e. that... v1.2.3, 3.5", &[]);
    one("DE89 3704 0044 0532 0130 00", &[(Number, "3704 0044 0532 0130 00"), (Iban, "de89 3704 0044 0532 0130 00")]);
    one("call +49 (170) 1234567 now", &[(Number, "+49 (170) 1234567")]);
    one("on 2026-01-31 at 12:30:00, 31.01.2026 or 1/31/26", &[]);
    one("from 2026-01-31 12:30 to 2026-02-01", &[]);
    one("code 123456", &[(Number, "123456")]);
    one("code 12345", &[]);
    one("sk-live-0123456789abcdef", &[(Key, "sk-live-0123456789abcdef")]);
    one("token=AKIAIOSFODNN7EXAMPLE", &[(Key, "akiaiosfodnn7example")]);
    one("Internationalisation is a long word", &[]);
}

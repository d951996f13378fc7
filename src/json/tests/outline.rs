//! An outline accepts the texts that a tree is read of, and shows the same values.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::expect_used, reason = "a failed helper is a failed test")]

mod near_json;

use callgate_json::{Changes, Item, Map, Outline, ReadError, Value, read_nearest};
use near_json::near_json;
use proptest::prelude::*;

/// Builds the tree from the items of an outline, one by one.
fn tree(item: Item<'_>) -> Value {
    if item.is_object() {
        Value::Object(item.members().map(|(key, value)| (key.into_owned(), tree(value))).collect::<Map<_, _>>())
    } else if item.is_array() {
        Value::Array(item.items().map(tree).collect())
    } else if let Some(text) = item.string() {
        assert!(item.is(&text));
        Value::String(text.into_owned())
    } else {
        item.value()
    }
}

/// Changes every second string of a value, in both forms.
fn change(item: Item<'_>, value: &mut Value, changes: &mut Changes, strings: &mut usize) {
    match value {
        Value::String(text) => {
            *strings += 1;
            if strings.is_multiple_of(2) {
                *text = format!("{text}\u{1} \"new\"");
                changes.set(item, text.clone());
            }
        }
        Value::Array(items) => {
            item.items().zip(items).for_each(|(item, value)| change(item, value, changes, strings));
        }
        Value::Object(members) => {
            item.pairs().zip(members).for_each(|((_, item), (_, value))| change(item, value, changes, strings));
        }
        _ => {}
    }
}

/// Counts the members of all objects in a value, and the bytes of their keys.
fn keys(value: &Value) -> (usize, usize) {
    let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
    match value {
        Value::Array(items) => items.iter().map(keys).fold((0, 0), sum),
        Value::Object(members) => members.iter().map(|(key, value)| sum((1, key.len()), keys(value))).fold((0, 0), sum),
        _ => (0, 0),
    }
}

/// Reads a text both ways, and compares everything that an outline shows.
fn compare(text: &[u8]) -> Result<(), ReadError> {
    let outline = Outline::read(text);
    let value = read_nearest(text);
    assert_eq!(outline.as_ref().map(|_| ()), value.as_ref().map(|_| ()), "{}", callgate_json::text(text));
    let (outline, mut value) = (outline?, value?);
    let root = outline.root();
    assert_eq!(tree(root), value);
    let mut written = Vec::new();
    root.write(&mut written, &Changes::default());
    assert_eq!(written, serde_json::to_vec(&value).expect("a tree is written"));
    let within: Vec<usize> =
        root.pairs_within().map(|(key, _)| key.string().expect("a key is a string").len()).collect();
    assert_eq!((within.len(), within.iter().sum()), keys(&value));
    let mut changes = Changes::default();
    change(root, &mut value, &mut changes, &mut 0);
    let mut written = Vec::new();
    root.write(&mut written, &changes);
    assert_eq!(written, serde_json::to_vec(&value).expect("a tree is written"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn an_outline_accepts_what_a_tree_is_read_of(text in near_json()) {
        let _ = compare(text.as_bytes());
    }

    #[test]
    fn a_changed_byte_is_judged_alike(text in near_json(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = compare(&bytes);
    }

    #[test]
    fn a_text_that_ends_early_is_judged_alike(text in near_json(), place in any::<prop::sample::Index>()) {
        let bytes = text.as_bytes();
        let _ = compare(&bytes[..place.index(bytes.len() + 1)]);
    }
}

#[test]
fn keys_are_compared_after_unescaping_however_many_there_are() {
    for count in [1, 15, 16, 17, 40, 5000] {
        let keys: Vec<String> = (0..count).map(|n| format!(r#""k{n}":0"#)).collect();
        let with = |last: &str| format!(r#"{{"a":{{{},"{last}":1}}}}"#, keys.join(","));
        assert_eq!(compare(with("new").as_bytes()), Ok(()));
        for last in ["k0".to_owned(), "\\u006b0".to_owned(), format!("k{}", count - 1)] {
            assert!(matches!(compare(with(&last).as_bytes()), Err(ReadError::DuplicateKey { .. })), "{last}");
        }
    }
}

#[test]
fn depth_and_number_of_values_are_counted_alike() {
    for depth in [63, 64, 65, 5000] {
        let _ = compare(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
        let _ = compare(format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)).as_bytes());
    }
    let list = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
    assert!(Outline::read(list(callgate_json::MAX_VALUES).as_bytes()).is_ok());
    let more = list(callgate_json::MAX_VALUES + 1);
    assert!(matches!(Outline::read(more.as_bytes()), Err(ReadError::TooMany { .. })));
}

#[test]
fn a_changed_string_is_written_in_its_place() {
    let text = br#" { "a" : [ "x" , "\u00e9" , 1.50 ], "b":"y\/" } "#;
    let outline = Outline::read(text).unwrap();
    let root = outline.root();
    let mut changes = Changes::default();
    changes.set(root.get("a").unwrap().items().nth(1).unwrap(), "\"q\"\n".to_owned());
    changes.set(root.get("b").unwrap(), String::new());
    let mut out = Vec::new();
    root.write(&mut out, &changes);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":["x","\"q\"\n",1.5],"b":""}"#);
    assert_eq!(root.get("a").map(|list| list.raw()), Some(&br#"[ "x" , "\u00e9" , 1.50 ]"#[..]));
}

//! The corpus: made-up values of every kind, and bait. False positives are counted and named.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "a test")]

use std::collections::BTreeMap;

use callgate_redact::{Kind, Policy, RedactionCounter, Redactor, Rule};

const POSITIVES: &str = include_str!("corpus/positives.txt");
const BAIT: &str = include_str!("corpus/bait.txt");
const KNOWN: &str = include_str!("corpus/known.txt");

fn everything() -> Policy {
    Policy { redactor: Redactor::new(Kind::ALL.map(Rule::Kind).to_vec(), Vec::new()), ..Policy::default() }
}

fn lines(file: &str) -> impl Iterator<Item = String> {
    file.lines().filter(|line| !line.starts_with('#')).map(|line| line.replace('¦', "").replace("<NL>", "\n"))
}

/// Returns the text without braces, and the text with marks.
fn parts(kind: &str, text: &str) -> (String, String) {
    let (mut plain, mut redacted) = (String::new(), String::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((value, next)) = after.split_once("}}") else { panic!("open braces") };
        plain.push_str(before);
        plain.push_str(value);
        redacted.push_str(before);
        redacted.push_str(&format!("[redacted {kind}]"));
        rest = next;
    }
    (plain + rest, redacted + rest)
}

#[test]
fn every_value_is_redacted_and_nothing_else() {
    let policy = everything();
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    for line in lines(POSITIVES) {
        let (kind, text) = line.split_once('\t').expect("a kind and a text");
        let (plain, redacted) = parts(kind, text);
        let count = counts.entry(kind.to_owned()).or_default();
        count.0 += 1;
        match policy.text(&plain, &RedactionCounter::default()).expect("nothing is refused") {
            Some(found) if found == redacted => count.1 += 1,
            found => missed.push(format!("{plain}\n  {}", found.unwrap_or_default())),
        }
    }
    for (kind, (all, found)) in &counts {
        println!("{kind}: {found} of {all} redacted");
    }
    assert_eq!(missed, Vec::<String>::new());
    assert_eq!(counts.len(), Kind::ALL.len());
}

#[test]
fn false_positives_are_known_by_name() {
    let policy = everything();
    let mut found = Vec::new();
    let mut count = 0;
    for line in lines(BAIT) {
        count += 1;
        if let Some(redacted) = policy.text(&line, &RedactionCounter::default()).expect("nothing is refused") {
            found.push(format!("{line} => {redacted}"));
        }
    }
    println!("{} of {count} lines of bait are redacted:", found.len());
    found.iter().for_each(|line| println!("  {line}"));
    assert_eq!(found, lines(KNOWN).collect::<Vec<_>>());
}

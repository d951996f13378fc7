//! The examples in `docs/guides/results.md`.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "a test")]

use callgate_redact::{Kind, Pattern, Policy, RedactionCounter, Redactor, Rule};

const CHAPTER: &str = include_str!("../../../docs/guides/results.md");

#[test]
fn the_examples_of_the_chapter_hold() {
    let mut rules = Kind::ALL.map(Rule::Kind).to_vec();
    let pattern = Pattern::new("EMP-[0-9]{6}").unwrap();
    rules.push(Rule::Pattern { pattern, name: "employee_number".to_owned() });
    let policy = Policy { redactor: Redactor::new(rules, Vec::new()), ..Policy::default() };
    let (_, table) = CHAPTER.split_once("| text | becomes |\n|---|---|\n").unwrap();
    let mut count = 0;
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let Some((text, becomes)) = row.strip_prefix("| `").and_then(|row| row.split_once("` | ")) else {
            panic!("{row}")
        };
        let expected = becomes.strip_prefix('`').and_then(|rest| rest.strip_suffix("` |"));
        assert_eq!(policy.text(text, &RedactionCounter::default()).unwrap().as_deref(), expected, "{row}");
        assert!(expected.is_some() || becomes.starts_with("unchanged: "), "{row}");
        count += 1;
    }
    assert!(count >= 17, "{count}");
}

#[test]
fn every_kind_is_in_the_chapter() {
    for kind in Kind::ALL {
        assert!(CHAPTER.contains(&format!("| `{}` | ", kind.as_str())), "{}", kind.as_str());
    }
}

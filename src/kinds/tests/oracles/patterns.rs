//! Patterns of path rules match the names that another library matches.

use crate::Seeded;
use callgate_kinds::path::{Os, PathRules, Workspace};

/// Pieces of patterns and names. All are ASCII: the other library compares bytes, and `?` is a character here.
const PATTERNS: [&str; 11] = ["a", "b", ".", "*", "*", "?", "[ab]", "[b-d]", "[!a]", "-", "1"];
const NAMES: [&str; 7] = ["a", "b", "c", ".", "-", "1", "ab"];

/// Returns a text of up to six pieces, which is not `.` or `..`.
fn text(seeded: &mut Seeded, pieces: &[&str]) -> String {
    let text: String = (0..=seeded.below(6)).map(|_| seeded.pick(pieces)).collect();
    if matches!(text.as_str(), "." | "..") { "a".into() } else { text }
}

#[test]
fn an_entry_allows_the_names_that_another_library_matches() {
    let workspace = Workspace::new("/", Os::Posix).unwrap();
    let mut seeded = Seeded(0x0123_4567_89ab_cdef);
    let mut matched = 0;
    for _ in 0..4000 {
        let pattern = text(&mut seeded, &PATTERNS);
        let Ok(rules) = PathRules::compile(std::slice::from_ref(&pattern), &workspace) else { continue };
        for _ in 0..8 {
            let name = text(&mut seeded, &NAMES);
            let path = workspace.resolve(&name, &workspace.root()).unwrap();
            let is_match = fast_glob::glob_match(&pattern, &name);
            assert_eq!(rules.check(&path).is_ok(), is_match, "{pattern:?} and {name:?}");
            matched += usize::from(is_match);
        }
    }
    assert!(matched > 1000, "{matched} names match");
}

#[test]
fn an_entry_forbids_at_least_the_names_that_another_library_matches() {
    let workspace = Workspace::new("/", Os::Posix).unwrap();
    let mut seeded = Seeded(0xfedc_ba98_7654_3210);
    for _ in 0..4000 {
        let pattern = text(&mut seeded, &PATTERNS);
        let Ok(rules) = PathRules::compile(&[".".into(), format!("!{pattern}")], &workspace) else { continue };
        for _ in 0..8 {
            let name = text(&mut seeded, &NAMES);
            if let Ok(path) = workspace.resolve(&format!("deep/{name}/file"), &workspace.root()) {
                let is_match = fast_glob::glob_match(&pattern, &name);
                assert!(!is_match || rules.check(&path).is_err(), "{pattern:?} and {name:?}");
                let upper = workspace.resolve(&format!("deep/{}./file", name.to_ascii_uppercase()), &workspace.root());
                assert!(
                    !is_match || upper.is_err() || rules.check(&upper.unwrap()).is_err(),
                    "{pattern:?} and {name:?} in capitals"
                );
            }
        }
    }
}

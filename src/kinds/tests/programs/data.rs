//! The rows of the shared data.

use crate::profiles::{LOOK, Profile, entries};
use callgate_kinds::command::{self, ShellSyntax};

use crate::rows::{rows, text};

/// Lines that a person would allow and that are refused, each with its reason. The documents state the reasons.
const STRICT: &[(&str, &str)] = &[
    // Only listed variables may be set: the names that make some program run code are too many to list.
    ("env FOO=1 cargo check", "a variable that is not on the list"),
    // The profile of the notes lists neither `date` nor `awk`.
    ("echo `date`", "no `run` or `ask` entry"),
    ("awk '{print $1}' notes.md | sort | uniq -c", "no `run` or `ask` entry"),
];

#[test]
fn every_row_has_its_verdict() {
    let paths = [".", "!.git", "!.env*"];
    let mut wrong = Vec::new();
    for row in rows("command") {
        let (input, is_allowed) = (text(&row, "input"), text(&row, "verdict") == "allow");
        let profile = match text(&row, "policy") {
            "look" => Profile::look(),
            "look-strict" => Profile::look().without_recursion(),
            "look-x" => Profile::new(&entries(LOOK), &[], &[".", "!.git", "!.env*", "!secrets*"], &[]),
            "edit" | "nonet" => Profile::edit(),
            "web" => Profile::new(&entries(&["curl"]), &[], &paths, &paths).with_host("docs.rs"),
            other => panic!("no profile {other}"),
        };
        if is_allowed && command::read(input, ShellSyntax::Bash).is_err() {
            // The tests of the reader have its reasons.
            continue;
        }
        let judged = profile.judge(input);
        let strict = STRICT.iter().find(|(own, _)| *own == input);
        match (is_allowed, &judged, strict) {
            (true, Err(refusal), Some((_, reason))) => {
                assert!(refusal.to_string().contains(reason), "{}: {refusal}", input)
            }
            (true, Err(refusal), None) => wrong.push(format!("refused: {:?}: {refusal}", input)),
            (false, Ok(_), _) => wrong.push(format!("ALLOWED: {:?} ({})", input, text(&row, "why"))),
            (true, Ok(_), Some(_)) => wrong.push(format!("no longer refused: {:?}", input)),
            (true, Ok(_), None) | (false, Err(_), _) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

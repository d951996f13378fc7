//! The rows of the shared data.

use crate::profiles::{LOOK, Profile, entries};
use crate::rows;

/// Lines that a person would allow and that are refused, each with its reason. The documents state the reasons.
const STRICT: &[(&str, &str)] = &[
];

#[test]
fn every_row_has_its_verdict() {
    let paths = [".", "!.git", "!.env*"];
    let mut wrong = Vec::new();
    for row in rows::read("command.json") {
        let profile = match row.policy.as_str() {
            "look" => Profile::look(),
            "look-strict" => Profile::look().without_recursion(),
            "look-x" => Profile::new(&entries(LOOK), &[], &[".", "!.git", "!.env*", "!secrets*"], &[]),
            "edit" | "nonet" => Profile::edit(),
            "web" => Profile::new(&entries(&["curl"]), &[], &paths, &paths),
            other => panic!("no profile {other}"),
        };
        let judged = profile.judge(&row.input);
        let strict = STRICT.iter().find(|(input, _)| *input == row.input);
        match (row.is_allowed, &judged, strict) {
            (true, Err(refusal), Some((_, reason))) => assert!(refusal.to_string().contains(reason), "{}: {refusal}", row.input),
            (true, Err(refusal), None) => wrong.push(format!("refused: {:?}: {refusal}", row.input)),
            (false, Ok(_), _) => wrong.push(format!("ALLOWED: {:?} ({})", row.input, row.why)),
            (true, Ok(_), Some(_)) => wrong.push(format!("no longer refused: {:?}", row.input)),
            (true, Ok(_), None) | (false, Err(_), _) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! The example of `docs/guides/conditions.md` has the verdicts of its table.

use callgate_contract::{Caller, Conversation, ConversationFacts, ProposedCall, Verdict, decide, load, parse_time};

use crate::folder::Folder;

const CHAPTER: &str = include_str!("../../../../docs/guides/conditions.md");

/// The first block of YAML.
fn example() -> &'static str {
    let (_, rest) = CHAPTER.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// The facts of a cell: `F`, `R`, `tainted`.
fn facts(cell: &str) -> ConversationFacts {
    let mut facts = ConversationFacts::default();
    for word in cell.split_whitespace() {
        match word {
            "F" => facts.add_call("find_order"),
            "R" => facts.add_call("refund"),
            "tainted" => facts.tainted = true,
            other => panic!("{other}"),
        }
    }
    facts
}

#[test]
fn the_table_of_the_chapter_holds() {
    let contract = load("contract.yaml", example(), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let mut rows = 0;
    for line in CHAPTER.lines().filter(|line| line.starts_with("| clerk |") || line.starts_with("| manager |")) {
        let [_, role, call, conversation, time, expected, _] = line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        let (name, arguments) = call.trim_matches('`').split_once(' ').unwrap();
        let facts = facts(conversation);
        let now = Some(parse_time(time).unwrap());
        let conversation =
            Conversation { model: Some("gpt-5-mini"), now, facts: Some(&facts), ..Conversation::default() };
        let caller = Caller::new("acme", role);
        let found = match decide(&contract, &caller, &conversation, &ProposedCall { name, arguments }) {
            Verdict::Allow(_) => "allow",
            Verdict::NeedsApproval(_) => "approval",
            Verdict::Deny(violation) => violation.code.as_str(),
        };
        assert_eq!(found, expected, "{line}");
        rows += 1;
    }
    assert_eq!(rows, 13);
}

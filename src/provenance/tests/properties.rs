//! Properties of the normal form and of the search, and their cost on hostile texts.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use callgate_provenance::{Decimal, Text, entities, normal};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_normal_form_is_its_own_normal_form(text in any::<String>()) {
        let once = normal(&text);
        prop_assert_eq!(normal(&once), once);
    }

    #[test]
    fn the_normal_form_ignores_case_and_invisible_characters(text in "\\PC{0,20}", at in 0_usize..20) {
        let letters: Vec<char> = text.chars().collect();
        let hidden: String = letters.iter().enumerate().flat_map(|(position, letter)| {
            let mark = (position == at).then_some('\u{200b}');
            mark.into_iter().chain([*letter])
        }).collect();
        prop_assert_eq!(normal(&hidden), normal(&text));
    }

    #[test]
    fn a_word_among_words_occurs(before in "[a-z ]{0,20}", word in "[a-z0-9@._/-]{0,10}[a-z]", after in "[a-z ]{0,20}") {
        let text = Text::new(&format!("{before} {word} {after}"));
        prop_assert!(text.holds(&normal(&word)));
    }

    #[test]
    fn a_part_of_a_word_does_not_occur(word in "[a-z0-9@._/-]{1,10}", letter in "[a-z0-9]") {
        for longer in [format!("{letter}{word}"), format!("{word}{letter}")] {
            let starts = word.chars().next().is_some_and(char::is_alphanumeric) || word.chars().next_back().is_some_and(char::is_alphanumeric);
            let text = Text::new(&longer);
            // `aa` in `aaa` stands at two places, and both are inside the word.
            prop_assert!(!starts || !text.holds(&normal(&word)), "{} in {}", word, longer);
        }
    }

    #[test]
    fn entities_never_fail(text in any::<String>()) {
        for entity in entities(&text) {
            prop_assert!(!entity.text.is_empty());
        }
    }
}

#[test]
fn hostile_texts_cost_no_more_than_their_length() {
    for piece in
        ["a.", "-", "1", "1,", "1.", "a@", "://", "de89 ", "1111 ", "(", "\u{301}", "\u{200b}", "ﷺ", "a-a", "ß"]
    {
        let long = piece.repeat(200_000 / piece.len());
        let text = Text::new(&long);
        assert!(!text.holds("zz"));
        let found = (text.holds("a"), text.holds(&"a.".repeat(1000)), text.holds_number(&Decimal::parse("7").unwrap()));
        assert!(!found.2 || piece.contains(['1', '7']), "{piece}");
        assert!(entities(&long).len() <= long.len());
    }
    let many: String = (0..50_000).map(|number| format!("host{number}.example ")).collect();
    assert_eq!(entities(&many).len(), 50_000);
}

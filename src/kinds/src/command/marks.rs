//! The sorts of words, for the report of what was understood.

use super::judged::{JudgedCommand, WordSort};
use super::options::SortedWord;
use super::value::Given;

/// Sets the sort of a word.
pub(super) fn mark(out: &mut JudgedCommand, given: Given<'_>, sort: WordSort) {
    if let Some(word) = given.at.and_then(|at| out.words.get_mut(at)) {
        word.sort = sort;
    }
}

/// Sets the sort of a word by that of the model.
pub(super) fn mark_sorted(out: &mut JudgedCommand, item: &SortedWord<'_>) {
    let sort = match item.sort {
        "r" | "w" | "d" | "v" | "o" | "y" | "q" => WordSort::Path,
        "g" | "G" => WordSort::Revision,
        "s" | "k" | "j" => WordSort::Script,
        "n" => WordSort::Number,
        "u" => WordSort::Url,
        _ => WordSort::Text,
    };
    mark(out, item.given, sort);
}

//! The tokens of a turn, as its API reports them.
//!
//! Each dialect reads its own members into [`ReportedUsage`], from a whole answer and from the events of a stream. Nothing is
//! allocated. A count that is missing, negative, no whole number or over 64 bits is absent. It never fails a turn, and sums
//! saturate.

use callgate_json::{Item, Value};

/// The tokens of one turn as the API reports them. `None` is a count without a report.
///
/// The meanings are those of OpenTelemetry's GenAI conventions, so counts of different APIs compare: the input has the cached
/// tokens in it, and the output has those of reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportedUsage {
    /// All tokens of the input: `gen_ai.usage.input_tokens`.
    pub input_tokens: Option<u64>,
    /// Those read from a cache: `gen_ai.usage.cache_read.input_tokens`.
    pub cache_read_tokens: Option<u64>,
    /// Those written to a cache: `gen_ai.usage.cache_creation.input_tokens`.
    pub cache_write_tokens: Option<u64>,
    /// Those of the latter that the cache keeps for an hour.
    pub cache_write_1h_tokens: Option<u64>,
    /// All tokens of the output: `gen_ai.usage.output_tokens`.
    pub output_tokens: Option<u64>,
    /// Those of reasoning: `gen_ai.usage.reasoning.output_tokens`.
    pub reasoning_tokens: Option<u64>,
}

/// A JSON value with the counts, in a tree or in an outline.
pub trait Figures: Copy {
    /// Returns the member of an object with this name.
    fn member(self, name: &str) -> Option<Self>;

    /// Returns the number if it is whole, not negative and of 64 bits.
    fn count(self) -> Option<u64>;

    /// Returns true if it is this string.
    fn says(self, text: &str) -> bool;

    /// Shows the items of an array to `each`.
    fn items(self, each: &mut dyn FnMut(Self));

    /// Returns the count at a path of members.
    fn at(self, path: &[&str]) -> Option<u64> {
        path.iter().try_fold(self, |value, name| value.member(name))?.count()
    }
}

impl Figures for Item<'_> {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name)
    }

    fn count(self) -> Option<u64> {
        Item::count(self)
    }

    fn says(self, text: &str) -> bool {
        self.is(text)
    }

    fn items(self, each: &mut dyn FnMut(Self)) {
        Item::items(self).for_each(each);
    }
}

impl Figures for &Value {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name)
    }

    fn count(self) -> Option<u64> {
        self.as_u64()
    }

    fn says(self, text: &str) -> bool {
        self == text
    }

    fn items(self, each: &mut dyn FnMut(Self)) {
        self.as_array().into_iter().flatten().for_each(each);
    }
}

// === impl ReportedUsage ===

impl ReportedUsage {
    /// Adds the tokens of another sampling of the same turn.
    pub(crate) fn add(&mut self, other: ReportedUsage) {
        let each = [
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.cache_write_tokens, other.cache_write_tokens),
            (&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
        ];
        for (sum, count) in each {
            *sum = sum_of([*sum, count]);
        }
    }

    /// Takes a total of input and output. What it has above both is output: some servers leave reasoning out of it.
    pub(crate) fn with_total(mut self, total: Option<u64>) -> ReportedUsage {
        if let (Some(total), Some(input)) = (total, self.input_tokens) {
            self.output_tokens = self.output_tokens.max(total.checked_sub(input).filter(|rest| *rest > 0));
        }
        self
    }
}

/// Returns the sum of the counts that are there.
pub(crate) fn sum_of<const N: usize>(counts: [Option<u64>; N]) -> Option<u64> {
    counts.into_iter().flatten().reduce(u64::saturating_add)
}

/// Returns the greatest of one count's spellings.
pub(crate) fn spelled<const N: usize>(usage: impl Figures, spellings: [&[&str]; N]) -> Option<u64> {
    spellings.into_iter().filter_map(|path| usage.at(path)).max()
}

/// Members of a turn's parts whose strings are no words of the model.
const NO_WORDS: [&str; 4] = ["type", "role", "id", "status"];

/// Returns the bytes of the words in a part of a turn.
pub(crate) fn word_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().fold(0, |sum, item| sum.saturating_add(word_bytes(item))),
        Value::Object(members) => {
            let words = members.iter().filter(|(key, _)| !NO_WORDS.contains(&key.as_str()));
            words.fold(0, |sum, (_, item)| sum.saturating_add(word_bytes(item)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a count from a tree and from an outline of the same text.
    fn counted(text: &str) -> [Option<u64>; 2] {
        let tree = callgate_json::read_nearest(text.as_bytes()).unwrap();
        let outline = callgate_json::Outline::read(text.as_bytes()).unwrap();
        [tree.at(&["a", "b"]), outline.root().at(&["a", "b"])]
    }

    #[test]
    fn a_count_is_a_whole_number_of_64_bits_or_absent() {
        for (number, count) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("12.0", Some(12)),
            ("1e3", Some(1000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("1e300", None),
            ("-1", None),
            ("1.5", None),
            ("null", None),
            ("\"7\"", None),
            ("[7]", None),
        ] {
            assert_eq!(counted(&format!(r#"{{"a": {{"b": {number}}}}}"#)), [count; 2], "{number}");
        }
        assert_eq!(counted(r#"{"a": 7}"#), [None; 2]);
        assert_eq!(counted("[]"), [None; 2]);
    }

    #[test]
    fn sums_saturate_and_nothing_is_not_zero() {
        assert_eq!(sum_of([Some(u64::MAX), None, Some(1)]), Some(u64::MAX));
        assert_eq!(sum_of([None, None]), None);
    }

    #[test]
    fn a_total_adds_what_the_output_lacks() {
        let usage = |output_tokens| ReportedUsage { input_tokens: Some(10), output_tokens, ..ReportedUsage::default() };
        for (output, total, expected) in [
            (Some(5), Some(15), Some(5)),
            (Some(5), Some(40), Some(30)),
            (Some(5), Some(3), Some(5)),
            (None, Some(40), Some(30)),
            (None, Some(10), None),
            (Some(5), None, Some(5)),
        ] {
            assert_eq!(usage(output).with_total(total).output_tokens, expected, "{output:?} {total:?}");
        }
    }
}

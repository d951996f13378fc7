//! Redacts the values of rules in a text.
//!
//! 1. Kinds and patterns are searched in the [view](crate::view) of the text; patterns in the text itself too.
//! 2. Ranges that overlap or touch become one, with the name of the longest.
//! 3. Each range becomes a [mark](crate::mark). Nothing inside of a mark is redacted again.
//! 4. This is repeated until nothing is found, so a redacted text never changes. A text which changes four times becomes one mark.

use std::ops::Range;

use crate::counts::RedactionCounter;
use crate::kinds::{Found, Haystack, Kind, Kinds, find};
use crate::mark;
use crate::pattern::Pattern;
use crate::view::View;

/// The maximum number of passes over one text.
const PASSES: usize = 4;

/// A rule: values to redact.
#[derive(Debug, Clone)]
pub enum Rule {
    /// Values of a built-in kind.
    Kind(Kind),
    /// Matches of a pattern.
    Pattern {
        /// The pattern.
        pattern: Pattern,
        /// The name in the marks: 1 to 32 of `a-z`, `0-9` and `_`, beginning with a letter.
        name: String,
    },
}

/// Compiled rules. Immutable, so the same text always gives the same text.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    kinds: Kinds,
    patterns: Vec<(Pattern, String)>,
    deny: Vec<Pattern>,
}

/// A range of a text to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Redaction {
    range: Range<usize>,
    /// The length of the value that gave the name.
    longest: usize,
    rule: RuleIndex,
}

/// A rule, in the order of ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RuleIndex {
    Pattern(usize),
    Kind(u8),
}

// === impl Redactor ===

impl Redactor {
    /// Compiles rules, and the patterns of refused texts.
    #[must_use]
    pub fn new(rules: Vec<Rule>, deny: Vec<Pattern>) -> Redactor {
        let mut redactor = Redactor { deny, ..Redactor::default() };
        for rule in rules {
            match rule {
                Rule::Kind(kind) => redactor.kinds.add(kind),
                Rule::Pattern { pattern, name } => redactor.patterns.push((pattern, name)),
            }
        }
        redactor
    }

    /// Returns true for a name in a mark: 1 to 32 of `a-z`, `0-9` and `_`, beginning with a letter.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        mark::is_name(name)
    }

    /// Returns true if nothing is redacted and nothing refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.patterns.is_empty() && self.deny.is_empty()
    }

    /// Returns the index of the first pattern by which the text is refused. Marks are no reason.
    #[must_use]
    pub fn denied(&self, text: &str) -> Option<usize> {
        if self.deny.is_empty() {
            return None;
        }
        let view = View::of(text);
        let marks = self.marks(text);
        self.deny.iter().position(|pattern| {
            let outside = |range: Range<usize>| !marks.iter().any(|mark| contains(mark, &range));
            pattern.ranges(view.text()).any(|range| outside(view.source(&range)))
                || !view.is_plain() && pattern.ranges(text).any(outside)
        })
    }

    /// Redacts a text, and counts what it redacts. `label` is the name of the member with the text, or empty. Returns `None` if nothing
    /// changes.
    #[must_use]
    pub fn text(&self, text: &str, label: &str, counter: &RedactionCounter) -> Option<String> {
        let mut now = self.pass(text, label, counter)?;
        for _ in 1..PASSES {
            match self.pass(&now, label, counter) {
                Some(next) => now = next,
                None => return Some(now),
            }
        }
        match self.redactions(&now, label).first() {
            None => Some(now),
            Some(redaction) => {
                let mut out = String::new();
                mark::put(&mut out, self.name(redaction.rule));
                counter.count(redaction.rule.kind());
                Some(out)
            }
        }
    }

    /// Returns the name of the first rule with a value in the text, which becomes a mark as a whole.
    pub(crate) fn first(&self, text: &str, counter: &RedactionCounter) -> Option<&str> {
        self.redactions(text, "").first().map(|redaction| {
            counter.count(redaction.rule.kind());
            self.name(redaction.rule)
        })
    }

    fn pass(&self, text: &str, label: &str, counter: &RedactionCounter) -> Option<String> {
        let redactions = self.redactions(text, label);
        if redactions.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len() + redactions.len() * 8);
        let mut at = 0;
        for redaction in &redactions {
            out.push_str(text.get(at..redaction.range.start).unwrap_or_default());
            mark::put(&mut out, self.name(redaction.rule));
            counter.count(redaction.rule.kind());
            at = redaction.range.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Some(out)
    }

    fn name(&self, rule: RuleIndex) -> &str {
        match rule {
            RuleIndex::Pattern(index) => self.patterns.get(index).map_or("value", |(_, name)| name),
            RuleIndex::Kind(kind) => Kind::ALL.get(usize::from(kind)).map_or("value", |kind| kind.as_str()),
        }
    }

    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        if !mark::may_be_in(text) {
            return Vec::new();
        }
        mark::find(text, |name| {
            Kind::ALL.iter().any(|kind| self.kinds.has(*kind) && kind.as_str() == name)
                || self.patterns.iter().any(|(_, known)| known == name)
        })
    }

    /// Returns the ranges to replace, apart from each other and in their order.
    fn redactions(&self, text: &str, label: &str) -> Vec<Redaction> {
        let view = View::of(text);
        let mut found = Vec::new();
        find(Haystack::new(view.text(), label), self.kinds, &mut found);
        let mut list: Vec<Redaction> = found
            .into_iter()
            .map(|Found { kind, range }| Redaction::new(view.source(&range), RuleIndex::Kind(kind as u8)))
            .collect();
        for (index, (pattern, _)) in self.patterns.iter().enumerate() {
            let rule = RuleIndex::Pattern(index);
            list.extend(pattern.ranges(view.text()).map(|range| Redaction::new(view.source(&range), rule)));
            if !view.is_plain() {
                list.extend(pattern.ranges(text).map(|range| Redaction::new(range, rule)));
            }
        }
        if list.is_empty() {
            return list;
        }
        apart(list, &self.marks(text))
    }
}

// === impl RuleIndex ===

impl RuleIndex {
    /// Returns the built-in kind, and `None` for a pattern.
    fn kind(self) -> Option<Kind> {
        match self {
            RuleIndex::Pattern(_) => None,
            RuleIndex::Kind(kind) => Kind::ALL.get(usize::from(kind)).copied(),
        }
    }
}

// === impl Redaction ===

impl Redaction {
    fn new(range: Range<usize>, rule: RuleIndex) -> Redaction {
        Redaction { longest: range.len(), range, rule }
    }
}

fn contains(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Joins ranges that overlap or touch, and takes the marks into those that reach into them.
fn apart(mut list: Vec<Redaction>, marks: &[Range<usize>]) -> Vec<Redaction> {
    // Marks are apart and in their order, so the ones that a range meets stand together.
    let met = |range: &Range<usize>| {
        let first = marks.partition_point(|mark| mark.end <= range.start);
        let after = marks.partition_point(|mark| mark.start < range.end);
        marks.get(first..after).unwrap_or_default()
    };
    list.retain(|redaction| !met(&redaction.range).iter().any(|mark| contains(mark, &redaction.range)));
    for redaction in &mut list {
        if let [first, .., last] | [first @ last] = met(&redaction.range) {
            redaction.range = redaction.range.start.min(first.start)..redaction.range.end.max(last.end);
        }
    }
    list.sort_by(|a, b| (a.range.start, b.range.end, a.rule).cmp(&(b.range.start, a.range.end, b.rule)));
    let mut joined: Vec<Redaction> = Vec::with_capacity(list.len());
    for redaction in list {
        match joined.last_mut() {
            Some(last) if redaction.range.start <= last.range.end => {
                last.range.end = last.range.end.max(redaction.range.end);
                if redaction.longest > last.longest {
                    last.longest = redaction.longest;
                    last.rule = redaction.rule;
                }
            }
            _ => joined.push(redaction),
        }
    }
    joined
}

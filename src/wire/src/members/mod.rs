//! The allow-list of request members: one table with the possible effect of each known member at the provider.
//!
//! A member in no table never reaches the provider unless the contract lists it. A nested member with the same power as
//! one at the top follows a table of its own; `metadata` and other plain data pass whole. To add a member, put it into the list
//! of its [`Class`] in `known.rs`; decide by the most generous server's treatment of it.

mod judge;
mod known;
mod names;
mod provided;
mod rewrite;
mod tables;

use judge::turned_on;
pub(crate) use judge::{Fields, Judged, asks, judge};
use names::MAX_NAMES;
pub(crate) use names::NameSet;
pub(crate) use provided::ProviderTools;
pub(crate) use rewrite::{MemberChanges, clamp, is_limit, without_dropped, without_unknown};
pub(crate) use tables::{ANTHROPIC_MESSAGES, BEDROCK_CONVERSE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES};

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use crate::checks::folds_to;

/// The effect of a member at the provider.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Class {
    /// The dialect reads or rewrites it. It may not stand anywhere else, such as in `extra_body`.
    Read,
    /// It makes nothing run and passes whole.
    Harmless,
    /// It names models that may answer: a name, a list of names, or a list of objects with a `model`.
    Models,
    /// It limits the tokens of an answer. 0 and less ask for no limit.
    Limit,
    /// A limit like [`Class::Limit`], except that 0 asks for no answer at all.
    ExactLimit,
    /// It multiplies answers; at most so many.
    Choices(u64),
    /// It makes the provider run this tool. `null`, `false` and empty lists and texts ask for nothing.
    Runs(&'static str),
    /// A request like [`Class::Runs`], except that an object asks for nothing if it has at least one of these hints and all of its
    /// hints mean `off`.
    Switch(&'static str, &'static [&'static str]),
    /// The conversation continues from state at the provider, or is kept there to be fetched later.
    State,
    /// An object whose members follow this table.
    Object(&'static Table),
    /// A member like [`Class::Object`]. Other values pass, and so do lists of objects that follow the table.
    Within(&'static Table),
}

/// The members in no table, by name or dotted path. Few are kept, all are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownMembers {
    /// At most 32, of at most 64 printable characters each.
    pub names: Vec<String>,
    /// The others.
    pub more: u64,
}

// === impl UnknownMembers ===

impl UnknownMembers {
    const MOST: usize = 32;
    const LENGTH: usize = 64;

    /// Returns true if there are no such members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.more == 0
    }

    fn note(&mut self, path: &str) {
        let is_plain = path.len() <= Self::LENGTH && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        if self.names.len() == Self::MOST || !is_plain || path.is_empty() {
            self.more = self.more.saturating_add(1);
        } else if !self.names.iter().any(|known| known == path) {
            self.names.push(path.to_owned());
        }
    }
}

/// A member's name and class.
pub(crate) type Row = (&'static str, Class);

/// The known members of one object.
pub(crate) struct Table {
    /// Lists of rows; the first row of a name counts.
    rows: &'static [&'static [Row]],
    /// Lists of names of [`Class::Harmless`].
    harmless: &'static [&'static [&'static str]],
    /// Returns the table's spelling of a member's name.
    spelling: fn(&str) -> Cow<'_, str>,
    /// The rows in the order of their names, made at the first use of the table. A request is not compared with hundreds of names.
    index: OnceLock<Vec<Row>>,
}

impl fmt::Debug for Table {
    /// Tables refer to each other in circles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

// === impl Table ===

impl Table {
    /// Makes a table of members with one spelling.
    const fn new(rows: &'static [&'static [Row]], harmless: &'static [&'static [&'static str]]) -> Table {
        Table::spelled(rows, harmless, |key| Cow::Borrowed(key))
    }

    /// Makes a table of members with several spellings.
    const fn spelled(
        rows: &'static [&'static [Row]],
        harmless: &'static [&'static [&'static str]],
        spelling: fn(&str) -> Cow<'_, str>,
    ) -> Table {
        Table { rows, harmless, spelling, index: OnceLock::new() }
    }

    fn find(&self, key: &str) -> Option<Row> {
        let index = self.index.get_or_init(|| {
            let harmless = self.harmless.iter().copied().flatten().map(|name| (*name, Class::Harmless));
            let mut index: Vec<Row> = self.decided().chain(harmless).collect();
            // A stable sort, so the first row of a name stays.
            index.sort_by_key(|(name, _)| order(name));
            index.dedup_by_key(|(name, _)| *name);
            index
        });
        let name = (self.spelling)(key);
        let position = index.binary_search_by_key(&order(&name), |(name, _)| order(name)).ok()?;
        index.get(position).copied()
    }

    fn decided(&self) -> impl Iterator<Item = Row> {
        self.rows.iter().copied().flatten().copied()
    }

    /// Returns the decided member that the key equals for readers which ignore case, and only for them.
    fn resembled(&self, key: &str) -> Option<&'static str> {
        let name = (self.spelling)(key);
        self.decided().map(|(known, _)| known).find(|known| folds_to(key, known) || folds_to(&name, known))
    }
}

/// The order of names. Most comparisons look at lengths only.
fn order(name: &str) -> (usize, &str) {
    (name.len(), name)
}

/// Returns true if some dialect judges the member itself, so a contract cannot allow it. `path` is a name or a dotted path.
#[must_use]
pub fn is_judged(path: &str) -> bool {
    const ALL: [&Table; 6] =
        [&OPENAI_CHAT, &OPENAI_RESPONSES, &ANTHROPIC_MESSAGES, &GEMINI, &OLLAMA, &BEDROCK_CONVERSE];
    ALL.into_iter().any(|table| is_judged_in(table, path))
}

fn is_judged_in(table: &Table, path: &str) -> bool {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (table.find(name), rest) {
        (Some((_, Class::Object(inner) | Class::Within(inner))), Some(rest)) => is_judged_in(inner, rest),
        (Some((_, Class::Harmless)), _) => false,
        (Some(_), _) => true,
        (None, _) => table.resembled(name).is_some(),
    }
}

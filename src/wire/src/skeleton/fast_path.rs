//! The fast path of text deltas: an event that differs from the one before in texts and numbers only is not parsed.
//!
//! **Soundness.** A stream learns from an event only after it has parsed the event in full and found neither a call nor an end in
//! it. [`Template`] keeps the event's bytes with holes for the members that may differ. A later event fits if its name and all
//! its bytes outside of the holes are the same. A hole takes the inside of one string or one number and nothing else. So keys,
//! structure, types and finish reason of the later event are those of the parsed one, and every JSON reader takes the two events
//! apart alike. An event that does not fit is parsed. (Of Messages, a nameless event counts as a delta, because its type is in its
//! data; spaces before its last brace are padding outside of all strings.)
//!
//! Each dialect keeps three rules:
//!
//! 1. It decides nothing by a member with a hole.
//! 2. It learns only if each text it keeps is in a hole: [`FastPath::learn`] compares the holes with the parsed texts. A text with
//!    escapes no hole takes would be the same bytes in each event that fits, and would be missed. Responses keeps no text of
//!    deltas, because the end of an item repeats it.
//! 3. It forgets the template if a further text of the same bytes would mean something else. Messages and Converse do so if the
//!    block closes, Gemini if anything is written in between, Responses at every event it parses. To Chat and Ollama the text of
//!    a choice means the same at any time.
//!
//! The property test `compared` reads each stream twice, once with an extra space in each event so nothing fits. Both ways give
//! the same bytes and the same state.

use std::borrow::Cow;

use callgate_json::template::{Hole, Template, unescaped};

/// The members of an event that may differ: their paths, and the kinds of their values.
pub(crate) type Holes<const N: usize> = [(&'static [&'static str], Hole); N];

/// A parsed event with text only, and `N` holes.
#[derive(Debug, Clone)]
pub struct FastPath<const N: usize> {
    name: Cow<'static, str>,
    template: Template<N>,
}

// === impl FastPath ===

impl<const N: usize> FastPath<N> {
    /// Learns from a parsed event called `name`. `texts` are its texts for the first of the holes, in their order: `None` if
    /// these holes do not hold them.
    pub(crate) fn learn(
        name: impl Into<Cow<'static, str>>,
        data: &[u8],
        holes: &Holes<N>,
        texts: &[&str],
    ) -> Option<FastPath<N>> {
        let template = Template::learn(data, holes)?;
        let filled = template.fill(data)?;
        let holds_all = texts.iter().zip(filled).all(|(text, inside)| unescaped(inside).as_deref() == Some(*text));
        holds_all.then(|| FastPath { name: name.into(), template })
    }

    /// Reads an event by comparison. Returns the inside of each hole, empty for a hole the learned event does not have; `None` if
    /// the event does not fit and has to be parsed.
    pub(crate) fn replay<'d>(&self, name: &str, data: &'d [u8]) -> Option<[&'d str; N]> {
        if self.name != name {
            return None;
        }
        self.template.fill(data)
    }

    /// Returns true if the learned event has this hole.
    pub(crate) fn has(&self, hole: usize) -> bool {
        self.template.has(hole)
    }
}

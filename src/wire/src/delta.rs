//! The news of a stream, and the fates of calls.

use std::fmt;

use callgate_json::{Map, Value};

use crate::Call;

/// The news in an event of a stream, or in a part of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// No part of a call: it may go on at once.
    Forward {
        /// The event, with its exact bytes if nothing had to be changed.
        frame: Vec<u8>,
    },
    /// A part of a call.
    Fragment {
        /// The choice.
        choice: ChoiceIndex,
        /// The number of the call within its choice. It identifies the call, and calls are ordered by it.
        slot: u32,
        /// The news of the call. The engine joins `name` and `arguments` to the pieces before them. The first fragment with the
        /// identifier has it; the others leave `id` empty. A member of `extra` replaces the member before it, and so does a form
        /// the engine refuses.
        call: Call,
    },
    /// A call is complete, in dialects with an end of calls before the end of the choice.
    CallEnd {
        /// The choice.
        choice: ChoiceIndex,
        /// The call within the choice.
        slot: u32,
    },
    /// A choice is complete.
    Finish {
        /// The choice.
        choice: ChoiceIndex,
        /// The end, for [`Stream::finish`](crate::Stream::finish).
        end: End,
    },
    /// The turn's usage, in an event of its own.
    Usage {
        /// The event.
        frame: Vec<u8>,
    },
    /// The server reports an error: the last event.
    Error {
        /// The event.
        frame: Vec<u8>,
    },
    /// The stream is at its end.
    Done {
        /// The event.
        frame: Vec<u8>,
    },
}

/// The end of a choice: its event as it arrived, and parsed, so nobody has to parse it again to correct it.
///
/// Its bytes are empty if the stream has forwarded the end already, with the text it came with. Such a choice has no calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct End {
    frame: Vec<u8>,
    name: Option<String>,
    body: Value,
}

/// The decision on a call, as the client sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// The client gets the call, with these arguments.
    Keep(Call),
    /// The client gets this text instead.
    Replace(String),
}

/// The time at which calls are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleasePolicy {
    /// Each call when it is complete: its fate depends on no other call.
    Call,
    /// All calls when the turn is complete.
    Turn,
}

/// The number of an alternative: its `index` in a stream, its position in a whole answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChoiceIndex(u32);

// === impl End ===

impl End {
    /// An end whose bytes are all the stream needs.
    #[must_use]
    pub fn new(frame: Vec<u8>) -> End {
        End { frame, ..End::default() }
    }

    /// An end the stream may have to correct: the name of its event, and its members.
    pub(crate) fn parsed(frame: Vec<u8>, name: Option<String>, body: Value) -> End {
        End { frame, name, body }
    }

    /// Its bytes.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Takes its bytes.
    #[must_use]
    pub fn into_frame(self) -> Vec<u8> {
        self.frame
    }

    /// Corrects the end. If `correct` changes its members, `write` makes its new bytes of them.
    pub(crate) fn corrected(
        mut self,
        correct: impl FnOnce(&str, &mut Map<String, Value>) -> bool,
        write: impl FnOnce(Option<&str>, &Value) -> Vec<u8>,
    ) -> End {
        let name = self.name.as_deref();
        if let Value::Object(body) = &mut self.body
            && correct(name.unwrap_or_default(), body)
        {
            self.frame = write(name, &self.body);
        }
        self
    }
}

// === impl ChoiceIndex ===

impl ChoiceIndex {
    /// The only choice of APIs without alternatives.
    pub const FIRST: ChoiceIndex = ChoiceIndex(0);

    /// The choice with this `index`.
    #[must_use]
    pub const fn new(index: u32) -> ChoiceIndex {
        ChoiceIndex(index)
    }

    /// The choice at this position of a whole answer.
    #[must_use]
    pub fn at(position: usize) -> ChoiceIndex {
        ChoiceIndex(u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// The number as the API writes it.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The position in a whole answer.
    #[must_use]
    pub fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ChoiceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! What a stream says, and what becomes of calls.

use callgate_json::{Map, Value};

use crate::{Call, Form};

/// What an event of a stream, or a part of one, says.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// No part of a call: it may go on at once.
    Forward {
        /// The event; its exact bytes where nothing had to be changed.
        frame: Vec<u8>,
    },
    /// A part of a call. `name` and `arguments` are to be joined to those before; `id` is given once. A member of `extra` replaces
    /// the one before it. A form that the engine refuses replaces the one before it too.
    Fragment {
        /// The choice.
        choice: u32,
        /// The call within the choice; calls are told by it, and ordered by it.
        slot: u32,
        /// The call's identifier, in the fragment that first has it, else empty.
        id: String,
        /// A piece of the name.
        name: String,
        /// A piece of the arguments.
        arguments: String,
        /// The form of the call.
        form: Form,
        /// As [`Call::extra`].
        extra: Map<String, Value>,
    },
    /// A call is complete, in dialects that say so before the choice is.
    CallEnd {
        /// The choice.
        choice: u32,
        /// The call within the choice.
        slot: u32,
    },
    /// A choice is complete.
    Finish {
        /// The choice.
        choice: u32,
        /// For [`Stream::finish`](crate::Stream::finish). May be empty: then the choice's end has gone on already, with text it
        /// came with, and it has no calls.
        frame: Vec<u8>,
    },
    /// What the turn used, in an event of its own.
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

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It goes on, with these arguments.
    Keep(Call),
    /// This is said instead.
    Tell(String),
}

/// Until when calls are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Each until it is complete: what becomes of it depends on no other.
    Call,
    /// All until the turn is complete.
    Turn,
}

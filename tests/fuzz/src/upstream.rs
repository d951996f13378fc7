//! The writers of the scripted model of the end-to-end tests, which share no code with `callgate-wire`.

#![allow(dead_code, reason = "the server around them is left out")]
#![allow(missing_docs, reason = "documented where they are")]

#[path = "../../stack/src/upstream/chat.rs"]
pub mod chat;
#[path = "../../stack/src/upstream/dialect/mod.rs"]
pub mod dialect;
#[path = "../../stack/src/upstream/framing.rs"]
mod framing;
#[path = "../../stack/src/upstream/script.rs"]
pub mod script;

use chat::Chat;
use dialect::{Dialect, StreamStep};
use script::{Round, Wire};

/// An answer as one JSON body.
pub fn whole(dialect: &dyn Dialect, chat: &Chat, round: &Round) -> Vec<u8> {
    framing::text(&dialect.whole(chat, round)).into_bytes()
}

/// An answer as a stream.
pub fn stream(dialect: &dyn Dialect, chat: &Chat, round: &Round) -> Vec<u8> {
    let mut out = Vec::new();
    for step in dialect.stream(chat, round) {
        if let StreamStep::Event(event) = step {
            out.extend_from_slice(&dialect.framing().event(&event, round.wire));
        }
    }
    if let Some(done) = dialect.done().filter(|_| round.wire != Wire::NoDone) {
        out.extend_from_slice(&dialect.framing().done(done, round.wire));
    }
    out
}

//! A call under way. Four events tell of one and the same call, and a client may read any of them: they must agree.

use callgate_json::{Map, Value};

use crate::shape::text;
use crate::{Call, ShapeError};

/// What has come of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    /// Joined from what has come.
    call: Call,
    /// The arguments were told as a whole: no more pieces of them may come.
    whole: bool,
}

// === impl Open ===

impl Open {
    /// A call that begins: all that its item says already.
    pub(super) fn new(item: Call) -> Open {
        let whole = !item.arguments.is_empty();
        Open { call: item, whole }
    }

    /// A piece of the arguments.
    pub(super) fn delta(&mut self, piece: &str) -> Result<Call, ShapeError> {
        if self.whole {
            return Err(differs("arguments"));
        }
        self.call.arguments.push_str(piece);
        Ok(Call { arguments: piece.to_owned(), ..Call::default() })
    }

    /// The arguments as a whole; what is new of them. Some servers repeat the name beside them.
    pub(super) fn arguments_done(&mut self, event: &Map<String, Value>) -> Result<Call, ShapeError> {
        let name = text(event, "name")?;
        if !name.is_empty() && !self.call.name.is_empty() && name != self.call.name {
            return Err(differs("name"));
        }
        let arguments = agree(&mut self.call.arguments, text(event, "arguments")?, "arguments")?;
        self.whole = true;
        Ok(Call { arguments, ..Call::default() })
    }

    /// The item as a whole; what is new of it, and the call.
    pub(super) fn done(mut self, item: Call) -> Result<(Call, Call), ShapeError> {
        let mut extra = item.extra;
        // Where items have no ids in the end, the first one stands.
        if let Some(id) = self.call.extra.get("id").filter(|_| !extra.contains_key("id")) {
            extra.insert("id".to_owned(), id.clone());
        }
        let news = Call {
            id: agree(&mut self.call.id, &item.id, "call_id")?,
            name: agree(&mut self.call.name, &item.name, "name")?,
            arguments: agree(&mut self.call.arguments, &item.arguments, "arguments")?,
            extra,
            ..Call::default()
        };
        Ok((news, self.call))
    }
}

/// What of a text is new: all of it, or nothing.
fn agree(known: &mut String, said: &str, at: &'static str) -> Result<String, ShapeError> {
    if known.is_empty() {
        said.clone_into(known);
        Ok(said.to_owned())
    } else if known == said {
        Ok(String::new())
    } else {
        Err(differs(at))
    }
}

/// Two events that tell of one call differently.
pub(super) fn differs(at: &'static str) -> ShapeError {
    ShapeError::Type { at, expected: "what the events before it said" }
}

//! A call under way. Four events tell of one and the same call, and a client may read any of them: they must agree.

use callgate_json::{Map, Value};

use crate::checks::text;
use crate::openai_responses::items;
use crate::{Call, ShapeError, StreamError};

/// The pieces of a call so far.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenResponseCall {
    /// The sum of the pieces.
    call: Call,
    /// The arguments were told as a whole: no more pieces of them may come.
    whole: bool,
    /// Its position among the calls of the turn.
    position: usize,
}

// === impl OpenResponseCall ===

impl OpenResponseCall {
    /// A call at its start, with the members of its item.
    pub(super) fn new(item: Call, position: usize) -> OpenResponseCall {
        let whole = !item.arguments.is_empty();
        OpenResponseCall { call: item, whole, position }
    }

    /// A call with one item as its start and its end.
    pub(super) fn at(position: usize) -> OpenResponseCall {
        OpenResponseCall { position, ..OpenResponseCall::default() }
    }

    /// The call's id; empty if none came yet.
    pub(super) fn id(&self) -> &str {
        &self.call.id
    }

    /// A piece of the arguments.
    pub(super) fn delta(&mut self, piece: &str) -> Result<Call, ShapeError> {
        if self.whole {
            return Err(differs("arguments"));
        }
        self.call.arguments.push_str(piece);
        Ok(Call { arguments: piece.to_owned(), ..Call::default() })
    }

    /// Takes the whole arguments and returns their news. Some servers repeat the name beside them.
    pub(super) fn arguments_done(&mut self, event: &Map<String, Value>) -> Result<Call, ShapeError> {
        let name = text(event, "name")?;
        if !name.is_empty() && !self.call.name.is_empty() && name != self.call.name {
            return Err(differs("name"));
        }
        let arguments = agree(&mut self.call.arguments, text(event, "arguments")?, "arguments")?;
        self.whole = true;
        Ok(Call { arguments, ..Call::default() })
    }

    /// Takes the whole item. Returns its news, and the call. The first id counts: some servers draw another for each event.
    pub(super) fn done(mut self, item: Call) -> Result<(Call, Call), ShapeError> {
        let Call { id, name, arguments, form, mut extra } = item;
        // If items have no ids in the end, the first one stands.
        if let Some(id) = self.call.extra.get("id").filter(|_| !extra.contains_key("id")) {
            extra.insert("id".to_owned(), id.clone());
        }
        let id = if self.call.id.is_empty() { id_or_ours(id, self.position) } else { String::new() };
        self.call.id.push_str(&id);
        let news = Call {
            id,
            name: agree(&mut self.call.name, &name, "name")?,
            arguments: agree(&mut self.call.arguments, &arguments, "arguments")?,
            extra,
            form,
        };
        Ok((news, self.call))
    }

    /// Ends a call whose item never came as a whole. Returns its news, and the call. Its arguments must be whole: a cut call is
    /// refused.
    pub(super) fn cut(self) -> Result<(Call, Call), StreamError> {
        if !self.whole && callgate_json::read(self.call.arguments.as_bytes()).is_err() {
            return Err(StreamError::OutOfOrder);
        }
        let item = Call { extra: Map::new(), ..self.call.clone() };
        let mut extra = self.call.extra.clone();
        let (news, call) = self.done(item)?;
        extra.extend(news.extra);
        Ok((Call { extra, ..news }, call))
    }
}

fn id_or_ours(id: String, position: usize) -> String {
    items::with_id(Call { id, ..Call::default() }, position).id
}

/// Returns the news in a text: all of it, or nothing. Arguments agree if they differ in nothing but white space and the like.
fn agree(known: &mut String, said: &str, at: &'static str) -> Result<String, ShapeError> {
    if known.is_empty() {
        said.clone_into(known);
        Ok(said.to_owned())
    } else if known == said {
        Ok(String::new())
    } else if at == "arguments" && same(known, said) {
        // The next one is compared with the shorter text, so many cost no more than their own size.
        if said.len() < known.len() {
            said.clone_into(known);
        }
        Ok(String::new())
    } else {
        Err(differs(at))
    }
}

/// Returns true if two texts are the same strict JSON.
fn same(one: &str, other: &str) -> bool {
    let read = |text: &str| callgate_json::read(text.as_bytes()).ok().map(|value| callgate_json::canonical(&value));
    read(one).is_some_and(|one| read(other) == Some(one))
}

/// The error for two events that disagree on a call.
pub(super) fn differs(at: &'static str) -> ShapeError {
    ShapeError::Type { at, expected: "what the events before it said" }
}

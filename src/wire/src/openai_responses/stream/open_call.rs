//! A call under way. Four events tell of one and the same call, and a client may read any of them: they must agree.
//!
//! The arguments of a function are given out piece by piece. Those of other kinds are given out at the end: the text of a custom tool
//! is a part of them only, and an item of the API's own tools may begin with a part of its action.

use callgate_json::{Map, Value};

use crate::call::{arguments_of, input_of};
use crate::checks::text;
use crate::namespace::name_within;
use crate::openai_responses::call_items::ItemCall;
use crate::openai_responses::items;
use crate::{Call, Form, ShapeError, StreamError};

/// The pieces of a call so far.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenResponseCall {
    /// The form of its kind, once an item gave it.
    base: Option<Form>,
    /// The sum of the pieces.
    call: Call,
    /// The text of a custom call.
    input: String,
    /// The arguments were told as a whole: no more pieces of them may come.
    whole: bool,
    /// Its position among the calls of the turn.
    position: usize,
}

// === impl OpenResponseCall ===

impl OpenResponseCall {
    /// A call at its start, with the members of its item. Returns its first news too.
    pub(super) fn new(ItemCall { base, call }: ItemCall, position: usize) -> (OpenResponseCall, Call) {
        let input = if base == Form::Custom { input_of(&call.arguments) } else { String::new() };
        let whole = if base == Form::Custom { !input.is_empty() } else { !call.arguments.is_empty() };
        let call = match base {
            Form::Custom => Call { arguments: String::new(), ..call },
            // Only the end says what it does.
            Form::Native(_) => Call { arguments: String::new(), form: base, ..call },
            _ => call,
        };
        let news = Call { extra: Map::new(), ..call.clone() };
        (OpenResponseCall { base: Some(base), call, input, whole, position }, news)
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
        if self.whole || self.is_custom() || matches!(self.base, Some(Form::Native(_))) {
            return Err(differs("arguments"));
        }
        self.call.arguments.push_str(piece);
        Ok(Call { arguments: piece.to_owned(), ..Call::default() })
    }

    /// Takes the whole arguments and returns their news. Some servers repeat the name beside them.
    pub(super) fn arguments_done(&mut self, event: &Map<String, Value>) -> Result<Call, ShapeError> {
        self.repeats_name(event)?;
        if self.is_custom() || matches!(self.base, Some(Form::Native(_))) {
            return Err(differs("arguments"));
        }
        let arguments = agree(&mut self.call.arguments, text(event, "arguments")?, "arguments")?;
        self.whole = true;
        Ok(Call { arguments, ..Call::default() })
    }

    /// A piece of the text of a custom call.
    pub(super) fn input_delta(&mut self, piece: &str) -> Result<(), ShapeError> {
        if self.whole || !self.is_custom() {
            return Err(differs("input"));
        }
        self.input.push_str(piece);
        Ok(())
    }

    /// Takes the whole text of a custom call.
    pub(super) fn input_done(&mut self, event: &Map<String, Value>) -> Result<(), ShapeError> {
        self.repeats_name(event)?;
        if !self.is_custom() {
            return Err(differs("input"));
        }
        agree(&mut self.input, text(event, "input")?, "input")?;
        self.whole = true;
        Ok(())
    }

    fn is_custom(&self) -> bool {
        self.base == Some(Form::Custom)
    }

    fn repeats_name(&self, event: &Map<String, Value>) -> Result<(), ShapeError> {
        let name = text(event, "name")?;
        let known = name_within(&self.call.namespace, &self.call.name);
        if name.is_empty() || known.is_empty() || name == known { Ok(()) } else { Err(differs("name")) }
    }

    /// Takes the whole item. Returns its news, and the call. The first id counts: some servers draw another for each event.
    pub(super) fn done(mut self, ItemCall { base, call: item }: ItemCall) -> Result<(Call, Call), ShapeError> {
        if self.base.is_some_and(|known| known != base) {
            return Err(differs("type"));
        }
        let begun = self.whole || !self.input.is_empty();
        if base == Form::Custom && begun && input_of(&item.arguments) != self.input {
            return Err(differs("input"));
        }
        if !self.call.name.is_empty() && self.call.namespace != item.namespace {
            return Err(differs("namespace"));
        }
        let Call { id, name, namespace, arguments, form, mut extra } = item;
        // If items have no ids in the end, the first one stands.
        if let Some(id) = self.call.extra.get("id").filter(|_| !extra.contains_key("id")) {
            extra.insert("id".to_owned(), id.clone());
        }
        let id = if self.call.id.is_empty() { id_or_ours(id, self.position) } else { String::new() };
        self.call.id.push_str(&id);
        let news = Call {
            id,
            name: agree(&mut self.call.name, &name, "name")?,
            namespace: if self.call.namespace.is_empty() { namespace } else { String::new() },
            arguments: agree(&mut self.call.arguments, &arguments, "arguments")?,
            extra,
            form,
        };
        Ok((news, self.call))
    }

    /// Ends a call whose item never came as a whole. Returns its news, and the call. Its arguments must be whole: a cut call is
    /// refused.
    pub(super) fn cut(self) -> Result<(Call, Call), StreamError> {
        let is_whole = match self.base {
            Some(Form::Custom) => self.whole,
            Some(Form::Native(_)) => false,
            _ => self.whole || callgate_json::read(self.call.arguments.as_bytes()).is_ok(),
        };
        if !is_whole {
            return Err(StreamError::OutOfOrder);
        }
        let arguments = if self.is_custom() { arguments_of(&self.input) } else { self.call.arguments.clone() };
        let call = Call { arguments, extra: Map::new(), ..self.call.clone() };
        let item = ItemCall { base: self.base.unwrap_or_default(), call };
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

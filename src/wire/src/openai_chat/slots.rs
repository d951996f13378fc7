//! The calls of one choice under way: the call of each fragment, and the news in it.
//!
//! A fragment belongs to a call by its `index`; without one, by its `id`; else a new name begins a new call, and all else belongs
//! to the last. Some servers give every call the index 0. Then a fragment with another id and a name is a new call, and so is one
//! with a name and arguments if those of the call are complete. A changed id without a name (some servers draw one for each
//! fragment) begins no call.
//!
//! Some servers repeat the name and the id in every fragment, or the whole call: a repetition adds nothing. If a name could be
//! the known one with more behind it, or all of it again, the call is [unclear](Form::Unclear).
//!
//! The text of a custom tool is given out as pieces of the JSON of its arguments, which the finish closes.
//!
//! The reader gives nothing of a call before it has a name or arguments: until then it may be a stub. It gives the other members
//! of a call, which may come in pieces, after all calls.

use callgate_json::{Map, Value};

use super::calls::{RawCall, own_id};
use super::signature::CallSignatures;
use super::slot_arguments::{CLOSED, OPENED, SlotArguments, escaped};
use crate::call::arguments_of;
use crate::checks::MAX_CALLS;
use crate::{Call, ChoiceIndex, Form, ShapeError};

/// The calls of one choice so far.
#[derive(Debug, Default)]
pub(super) struct Slots {
    begun: Vec<CallSlot>,
    last: usize,
}

/// An open call.
#[derive(Debug)]
struct CallSlot {
    number: u32,
    key: SlotKey,
    form: Form,
    id: String,
    name: String,
    arguments: SlotArguments,
    extra: Map<String, Value>,
    /// True once a fragment of it was returned.
    told: bool,
    /// True once the arguments of a custom tool were begun.
    begun: bool,
}

/// The server's choice and index of a call, and true for a `function_call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SlotKey {
    choice: ChoiceIndex,
    index: Option<u32>,
    legacy: bool,
}

// === impl Slots ===

impl Slots {
    /// Takes a fragment the server counts under `choice`. Returns the call's slot and the news in the fragment.
    pub(super) fn take(&mut self, choice: ChoiceIndex, raw: &RawCall<'_>) -> Result<Option<(u32, Call)>, ShapeError> {
        if raw.says_nothing() {
            return Ok(None);
        }
        let key = SlotKey { choice, index: raw.index, legacy: raw.form == Form::Function };
        let position = match self.find(key, raw).filter(|&at| !self.begins_another(at, raw)) {
            Some(position) => position,
            None => self.open(key, raw.form).ok_or(ShapeError::TooMany)?,
        };
        self.last = position;
        Ok(self.begun.get_mut(position).and_then(|slot| Some((slot.number, slot.take(raw)?))))
    }

    /// Returns true if a call was returned.
    pub(super) fn any(&self) -> bool {
        self.begun.iter().any(|slot| slot.told)
    }

    /// Returns the last news of calls after all of them: the other members, and an id of ours for a call without one.
    pub(super) fn finish(&mut self, response: &str) -> Vec<(u32, Call)> {
        let mut calls: Vec<&mut CallSlot> =
            self.begun.iter_mut().filter(|slot| slot.told && !slot.key.legacy).collect();
        calls.sort_by_key(|slot| slot.number);
        let mut news = Vec::new();
        let mut signatures = CallSignatures::default();
        for (position, slot) in calls.into_iter().enumerate() {
            let mut call = Call { form: slot.form, extra: std::mem::take(&mut slot.extra), ..Call::default() };
            signatures.note(&mut call.extra);
            if slot.form == Form::Custom {
                call.arguments = if slot.begun { CLOSED.to_owned() } else { arguments_of("") };
            }
            if slot.id.is_empty() {
                slot.id = own_id(response, position);
                call.id.clone_from(&slot.id);
            }
            if !call.id.is_empty() || !call.extra.is_empty() || !call.arguments.is_empty() {
                news.push((slot.number, call));
            }
        }
        news
    }

    fn find(&self, key: SlotKey, raw: &RawCall<'_>) -> Option<usize> {
        // The newest counts: a reused index means the last call under it.
        let newest = |wanted: &dyn Fn(&CallSlot) -> bool| {
            self.begun.iter().rposition(|slot| slot.key.is_in_line_with(key) && wanted(slot))
        };
        match (key.legacy, raw.index) {
            (true, _) => newest(&|_| true),
            (false, Some(_)) => newest(&|slot| slot.key == key),
            (false, None) => {
                let known = if raw.id.is_empty() { None } else { newest(&|slot| slot.id == raw.id) };
                let here = |slot: &&CallSlot| slot.key.is_in_line_with(key);
                // A new id begins a new call, but in the middle of one it says nothing.
                let last =
                    self.begun.get(self.last).filter(here).filter(|last| raw.id.is_empty() || last.continues_with(raw));
                known.or(last.map(|_| self.last))
            }
        }
    }

    fn begins_another(&self, position: usize, raw: &RawCall<'_>) -> bool {
        let Some(slot) = self.begun.get(position) else { return true };
        if raw.name.is_empty() || slot.name.is_empty() || slot.key.legacy {
            return false;
        }
        let same_name = raw.name == slot.name;
        let inside = slot.continues_with(raw);
        match (slot.id.as_str(), raw.id.as_ref()) {
            (id, other) if !id.is_empty() && !other.is_empty() => id != other && !inside,
            _ if raw.index.is_none() => {
                !inside && (!same_name || (slot.arguments.complete && !raw.arguments.is_empty()))
            }
            _ => {
                let more = raw.arguments.trim_start().starts_with('{') && !slot.arguments.are(&raw.arguments);
                slot.arguments.complete && (more || !same_name)
            }
        }
    }

    fn open(&mut self, key: SlotKey, form: Form) -> Option<usize> {
        if self.begun.len() == MAX_CALLS {
            return None;
        }
        let taken = |number: u32| self.begun.iter().any(|slot| slot.number == number);
        let number = match key.index.filter(|&index| !taken(index)) {
            Some(index) => index,
            None => match self.begun.iter().map(|slot| slot.number).max() {
                Some(highest) => highest.checked_add(1)?,
                None => 0,
            },
        };
        self.begun.push(CallSlot {
            number,
            key,
            form,
            id: String::new(),
            name: String::new(),
            arguments: SlotArguments::default(),
            extra: Map::new(),
            told: false,
            begun: false,
        });
        Some(self.begun.len() - 1)
    }
}

impl SlotKey {
    /// Returns true if two calls are counted under the same choice in the same form.
    fn is_in_line_with(self, other: SlotKey) -> bool {
        (self.choice, self.legacy) == (other.choice, other.legacy)
    }
}

// === impl CallSlot ===

impl CallSlot {
    /// Returns true if a fragment belongs to this call whatever its id: it adds to the call and names no other, or it comes in the
    /// middle of the arguments.
    fn continues_with(&self, raw: &RawCall<'_>) -> bool {
        (raw.name.is_empty() && !raw.is_stub()) || (raw.name == self.name && self.arguments.are_open())
    }

    /// Takes a fragment of this call and returns its news; `None` while the call could be a stub.
    fn take(&mut self, raw: &RawCall<'_>) -> Option<Call> {
        let mut news = Call::default();
        if self.id.is_empty() && !raw.id.is_empty() {
            raw.id.as_ref().clone_into(&mut self.id);
            news.id.clone_from(&self.id);
        }
        // An empty fragment has no form of its own.
        let has_form = !raw.is_stub() || !matches!(raw.form, Form::Tool | Form::Function);
        let mixed = self.told && has_form && raw.form != self.form && !Form::Tool.fits(raw.form)
            || self.told && !raw.is_stub() && self.form == Form::Custom && raw.form != Form::Custom;
        if !self.told && !Form::Tool.fits(raw.form) {
            self.form = raw.form;
        }
        let name_is_clear = self.take_name(&raw.name, &mut news);
        let arguments_are_clear = self.take_arguments(raw, &mut news);
        for (key, value) in &raw.extra {
            merge(self.extra.entry(key).or_insert(Value::Null), key, value);
        }
        if !name_is_clear || !arguments_are_clear || mixed {
            self.form = Form::Unclear;
        }
        news.form = self.form;
        if !self.told {
            if raw.is_stub() {
                return None;
            }
            self.told = true;
            news.id.clone_from(&self.id);
        }
        Some(news)
    }

    /// Takes a piece of the name; false if the name is not clear then.
    fn take_name(&mut self, piece: &str, news: &mut Call) -> bool {
        if piece.is_empty() || piece == self.name {
            return true;
        }
        let over_again = !self.name.is_empty() && piece.starts_with(&self.name);
        if over_again || (self.arguments.length > 0 && !self.name.is_empty()) {
            return false;
        }
        self.name.push_str(piece);
        piece.clone_into(&mut news.name);
        true
    }

    /// Takes a piece of the arguments; false if they are not clear then.
    fn take_arguments(&mut self, raw: &RawCall<'_>, news: &mut Call) -> bool {
        let is_input = self.form == Form::Custom;
        // A text may say the same twice.
        let is_whole = !is_input && (self.arguments.complete || self.arguments.whole);
        let said_again = is_whole && self.arguments.are(&raw.arguments);
        if raw.arguments.is_empty() || said_again {
            return true;
        }
        if self.arguments.whole || (raw.whole && self.arguments.length > 0) {
            return false;
        }
        self.arguments.whole = raw.whole;
        self.arguments.push(&raw.arguments);
        if is_input {
            let before = if self.begun { "" } else { OPENED };
            self.begun = true;
            news.arguments = format!("{before}{}", escaped(&raw.arguments));
        } else {
            raw.arguments.as_ref().clone_into(&mut news.arguments);
        }
        true
    }
}

/// Adds a later value of a member to an earlier one: objects are merged, signatures may arrive in pieces, the latest of
/// anything else counts.
fn merge(earlier: &mut Value, key: &str, later: &Value) {
    match (&mut *earlier, later) {
        (Value::Object(members), Value::Object(others)) => {
            for (key, other) in others {
                merge(members.entry(key).or_insert(Value::Null), key, other);
            }
        }
        (Value::String(text), Value::String(piece)) if key.to_lowercase().contains("signature") => {
            if text != piece {
                text.push_str(piece);
            }
        }
        (_, Value::Null) => {}
        (earlier, later) => *earlier = later.clone(),
    }
}

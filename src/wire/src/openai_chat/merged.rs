//! One turn, split by a server over several choices.

use callgate_json::{Item, Value};

use super::ChatAnswer;
use super::answer::names_calls;
use super::checks::says_something;
use crate::checks::MAX_CALLS;
use crate::{ChoiceIndex, Form};

impl ChatAnswer {
    /// Makes one choice of several, if at most one of them has text and the others are calls only. Returns true if it did; other
    /// choices are left as they are.
    pub(super) fn merge(&mut self) -> bool {
        if self.choices.len() < 2 {
            return false;
        }
        let entries = self.body.root().get("choices").into_iter().flat_map(Item::items);
        let speaks = |entry: Item<'_>| entry.get("message").is_some_and(says_something);
        let speaking: Vec<usize> = entries.enumerate().filter(|(_, entry)| speaks(*entry)).map(|(at, _)| at).collect();
        let legacy = self.choices.iter().flat_map(|choice| &choice.calls).any(|call| call.form == Form::Function);
        let calls: usize = self.choices.iter().map(|choice| choice.calls.len()).sum();
        if speaking.len() > 1 || legacy || calls > MAX_CALLS {
            return false;
        }
        let base = speaking.first().copied().unwrap_or_default();
        let reason = self.choices.iter().map(|choice| &choice.finish).find(|reason| names_calls(reason)).cloned();
        let calls = self.choices.iter_mut().flat_map(|choice| std::mem::take(&mut choice.calls)).collect();
        let mut choice = self.choices.swap_remove(base);
        choice.calls = calls;
        choice.index = ChoiceIndex::FIRST;
        if let Some(reason) = &reason {
            choice.finish.clone_from(reason);
        }
        let calls = entries_of(self.body.root());
        self.choices = vec![choice];
        self.base = base;
        if let Some(Value::Array(entries)) = self.body.edit("choices").get_mut("choices") {
            let mut entry = entries.swap_remove(base);
            entries.clear();
            if let Value::Object(members) = &mut entry {
                members.insert("index".to_owned(), Value::from(0));
                members.extend(reason.map(|reason| ("finish_reason".to_owned(), Value::from(reason))));
                if let Some(Value::Object(message)) = members.get_mut("message") {
                    message.insert("tool_calls".to_owned(), Value::Array(calls));
                }
            }
            entries.push(entry);
        }
        self.name_calls(0);
        self.write_calls(0);
        true
    }
}

/// Returns the entries of `tool_calls` of all choices, in order.
fn entries_of(body: Item<'_>) -> Vec<Value> {
    let choices = body.get("choices").into_iter().flat_map(Item::items);
    choices.filter_map(|entry| entry.get("message")?.get("tool_calls")).flat_map(Item::items).map(Item::value).collect()
}

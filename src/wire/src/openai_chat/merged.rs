//! One turn, split by a server over several choices.

use callgate_json::{Map, Value};

use super::answer::names_calls;
use super::checks::says_something;
use super::{ChatAnswer, message};
use crate::checks::MAX_CALLS;
use crate::{ChoiceIndex, Form};

impl ChatAnswer {
    /// Makes one choice of several, if at most one of them has text and the others are calls only. Returns true if it did; other
    /// choices are left as they are.
    pub(super) fn merge(&mut self) -> bool {
        let Some(entries) =
            self.body.members().get("choices").and_then(Value::as_array).filter(|entries| entries.len() > 1)
        else {
            return false;
        };
        let speaks = |entry: &Value| message::of(entry).is_some_and(says_something);
        let speaking: Vec<usize> = (0..entries.len()).filter(|&at| entries.get(at).is_some_and(speaks)).collect();
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
        let calls = entries_of(self.body.members());
        self.choices = vec![choice];
        if let Some(Value::Array(entries)) = self.body.members_mut().get_mut("choices") {
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
fn entries_of(body: &Map<String, Value>) -> Vec<Value> {
    let choices = body.get("choices").and_then(Value::as_array).into_iter().flatten();
    let calls = choices.filter_map(|entry| message::of(entry)?.get("tool_calls")?.as_array());
    calls.flatten().cloned().collect()
}

//! The signature of the thought behind parallel calls, as Gemini's compatible API has it beside a call.
//!
//! Only the first call of a turn has it, and the API refuses a turn whose first call has none. If that call is not released, the next
//! one takes its signature over, as in Gemini's own API.

use callgate_json::{Map, Value};
use serde_json::json;

use crate::Call;

/// The member of a call with the signature.
const BESIDE: &str = "extra_content";
/// A member of [`Call::extra`] for the signature of a call before it. It is never written.
const BEFORE: &str = "\u{0}signed before";
/// The most bytes of signatures the calls of a turn may take over. A real one has a few thousand.
const MOST_TAKEN_OVER: usize = 1 << 20;

/// Reads the signatures of a turn's calls, in order.
#[derive(Debug, Default)]
pub(super) struct CallSignatures {
    last: Option<Value>,
    taken_over: usize,
}

// === impl CallSignatures ===

impl CallSignatures {
    /// Notes the next call by the members beside it. One without a signature gets that of a call before it.
    pub(super) fn note(&mut self, beside: &mut Map<String, Value>) {
        let signature = beside.get(BESIDE).and_then(|beside| beside.get("google")?.get("thought_signature"));
        if let Some(signature) = signature.filter(|signature| signature.is_string()) {
            self.last = Some(signature.clone());
        } else if let Some(last) = &self.last {
            self.taken_over = self.taken_over.saturating_add(last.as_str().map_or(0, str::len));
            if self.taken_over <= MOST_TAKEN_OVER {
                beside.insert(BEFORE.to_owned(), last.clone());
            }
        }
    }
}

/// Returns true for a member of [`Call::extra`] that does not belong to the call.
pub(super) fn is_ours(member: &str) -> bool {
    member == BEFORE
}

/// Gives the entry of the first call of a message the signature of a call before it.
pub(super) fn take_over(call: &Call, entry: &mut Value) {
    if let (Some(signature), Value::Object(members)) = (call.extra.get(BEFORE), entry) {
        let beside = members.entry(BESIDE).or_insert_with(|| json!({}));
        if let Value::Object(beside) = beside
            && let Value::Object(google) = beside.entry("google").or_insert_with(|| json!({}))
        {
            google.insert("thought_signature".to_owned(), signature.clone());
        }
    }
}

//! Fates of calls.

use callgate_wire::{Answer, Call, Fate};

/// Releases every call.
pub(crate) fn keep(_: usize, call: Call) -> Fate {
    Fate::Keep(call)
}

/// The fates of an answer's calls if all are released, with canonical arguments.
pub(crate) fn all_kept(answer: &dyn Answer) -> Vec<Fate> {
    let canonical = |call: &Call| {
        let value = callgate_json::read(call.arguments.as_bytes()).unwrap();
        Fate::Keep(Call { arguments: callgate_json::canonical(&value), ..call.clone() })
    };
    answer.calls()[0].iter().map(canonical).collect()
}

/// A text in place of a call.
pub(crate) fn replaced(text: &str) -> Fate {
    Fate::Replace(text.to_owned())
}

//! Thoughts of a model, which an API signs over all that stands before them.
//!
//! Newer models of Anthropic take a thought back only if `system`, `tools` and every block before it are those that the model had
//! before it (*preserved thinking*); else the API refuses the request with 400, and every later one too. Older models only check the
//! thought itself. So two rules hold:
//!
//! 1. The model gets a turn back in its own order: a `null` stands for each call in [`Answer::turn`](crate::Answer::turn).
//! 2. The client gets no thought that it could not send back: none behind a call that it did not get in its place, and no signed one of
//!    a further round, before which stand calls and results that the client never sees. A request without a thought is always taken.
//!
//! Not covered: a server that compares the order of keys in a call's arguments. A client gets them in canonical order in streams.

use callgate_json::Value;

use super::BlockFormat;

/// Returns the blocks of an earlier turn that the client gets. The first turn answers the client's own request.
pub(crate) fn for_client<F: BlockFormat>(said: &[Value], is_first: bool) -> impl Iterator<Item = &Value> {
    let mut called = false;
    said.iter().filter(move |block| {
        called |= block.is_null();
        let hides = if is_first { called && F::is_thought(block) } else { F::is_signed(block) };
        !block.is_null() && !hides
    })
}

/// Returns the blocks of a turn with its calls in their places. Calls without a place come last.
pub(crate) fn with_calls<T>(
    said: &[Value],
    calls: impl Iterator<Item = T>,
    block: impl Fn(&Value) -> Option<T>,
) -> Vec<T> {
    let mut calls = calls;
    let mut turn: Vec<T> =
        said.iter().filter_map(|said| if said.is_null() { calls.next() } else { block(said) }).collect();
    turn.extend(calls);
    turn
}

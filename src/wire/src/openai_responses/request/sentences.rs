//! The gate's sentences in the place of calls, sent back by the client.
//!
//! A provider that keeps its answers takes reasoning back only right before the item that followed it, and a call only with its
//! reasoning. A sentence stands where a refused call stood:
//!
//! | items | become |
//! |---|---|
//! | reasoning, sentence, released call | reasoning, released call, sentence |
//! | reasoning, sentence | sentence: its reasoning has no item any more |

use callgate_json::Span;

use crate::openai_responses::{items, kinds};

/// Returns the items in an order that the provider takes.
pub(super) fn ordered<'t>(items: &[Span<'t>]) -> Vec<Span<'t>> {
    let mut kept: Vec<Span<'t>> = Vec::with_capacity(items.len());
    let mut rest = items;
    while let Some((first, after)) = rest.split_first() {
        if !(is_sentence(*first) && kept.last().is_some_and(|item| kind_is(*item, |kind| kind == "reasoning"))) {
            kept.push(*first);
            rest = after;
            continue;
        }
        let (sentences, after) = split(rest, is_sentence);
        let (calls, after) = split(after, |item| kind_is(item, kinds::is_of_call));
        if calls.is_empty() {
            while kept.last().is_some_and(|item| kind_is(*item, |kind| kind == "reasoning")) {
                kept.pop();
            }
        }
        kept.extend_from_slice(calls);
        kept.extend_from_slice(sentences);
        rest = after;
    }
    kept
}

/// Returns the first items that fit, and the others.
fn split<'i, 't>(items: &'i [Span<'t>], fits: impl Fn(Span<'t>) -> bool) -> (&'i [Span<'t>], &'i [Span<'t>]) {
    let count = items.iter().take_while(|item| fits(**item)).count();
    items.split_at(count)
}

fn is_sentence(item: Span<'_>) -> bool {
    item.some("id").and_then(Span::string).is_some_and(|id| items::is_ours(&id))
        && item.some("role").and_then(Span::string).is_some_and(|role| role == "assistant")
}

fn kind_is(item: Span<'_>, is: impl Fn(&str) -> bool) -> bool {
    item.some("type").and_then(Span::string).is_some_and(|kind| is(&kind))
}

//! The content of a whole answer: blocks as JSON text, and the calls among them.

use callgate_json::Value;

use super::call_block;
use super::settle::{Settled, settle};
use crate::checks::MAX_CALLS;
use crate::skeleton::blocks::{BlockFormat, for_client};
use crate::{Call, Earlier, Fate, ReleasePolicy, ShapeError};

/// The blocks of an answer, perhaps changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    blocks: Vec<ContentBlock>,
    /// The calls among the blocks.
    calls: Vec<Call>,
    /// The blocks differ from the upstream's.
    changed: bool,
}

/// One block, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ContentBlock {
    Text(String),
    Call(String),
}

/// A block of the content.
pub(crate) enum Part<'a> {
    Text(Value),
    Call(&'a Call),
}

// === impl Content ===

impl Content {
    /// Adds a block without a call.
    pub(crate) fn text_block(&mut self, text: String) {
        self.blocks.push(ContentBlock::Text(text));
    }

    /// Adds a call. `mended` is its block if it has to be written again.
    pub(crate) fn call_block(&mut self, text: String, mended: Option<String>, call: Call) -> Result<(), ShapeError> {
        if self.calls.len() >= MAX_CALLS {
            return Err(ShapeError::TooMany);
        }
        self.changed |= mended.is_some();
        self.blocks.push(ContentBlock::Call(mended.unwrap_or(text)));
        self.calls.push(call);
        Ok(())
    }

    /// Leaves a block out.
    pub(crate) fn drop_block(&mut self) {
        self.changed = true;
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The blocks, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut calls = self.calls.iter();
        self.blocks.iter().filter_map(move |block| match block {
            ContentBlock::Text(text) => Some(Part::Text(value(text))),
            ContentBlock::Call(_) => calls.next().map(Part::Call),
        })
    }

    /// The blocks, with a `null` for each call.
    pub(crate) fn turn(&self) -> impl Iterator<Item = Value> {
        self.parts().map(|part| match part {
            Part::Text(block) => block,
            Part::Call(_) => Value::Null,
        })
    }

    /// Gives each call its fate. Calls released with the turn, and the texts in place of calls, come after all else. A thought behind a
    /// call that does not stay in its place is left out.
    pub(crate) fn settle<F: BlockFormat>(&mut self, fates: Vec<Fate>, policy: ReleasePolicy) {
        let mut old = std::mem::take(&mut self.calls).into_iter();
        let mut stays = fates.iter().map(|fate| policy == ReleasePolicy::Call && matches!(fate, Fate::Keep(_)));
        let mut is_moved = false;
        let items = self.blocks.iter().filter_map(|block| match block {
            ContentBlock::Text(text) if is_moved && F::is_thought(&value(text)) => None,
            ContentBlock::Text(text) => Some(((text, None), false)),
            ContentBlock::Call(text) => {
                is_moved |= !stays.next().unwrap_or_default();
                Some(((text, old.next()), true))
            }
        });
        let items: Vec<_> = items.collect();
        let mut calls = Vec::new();
        let blocks =
            settle(items, fates, policy, Settled::is_of_call).into_iter().filter_map(|settled| match settled {
                Settled::Other((text, _)) => Some(ContentBlock::Text(text.clone())),
                Settled::Kept((text, old), kept) => {
                    let block = ContentBlock::Call(call_block::rewritten::<F>(text, &old?, &kept));
                    calls.push(kept);
                    Some(block)
                }
                Settled::Notice(notice) => Some(ContentBlock::Text(F::text_block(&notice).to_string())),
            });
        let blocks = blocks.collect();
        self.calls = calls;
        self.replace(blocks);
    }

    /// Puts the blocks of earlier turns before these.
    pub(crate) fn prepend<F: BlockFormat>(&mut self, earlier: &[Earlier]) {
        if earlier.is_empty() {
            return;
        }
        let turns = earlier.iter().enumerate();
        let before = turns.flat_map(|(position, turn)| for_client::<F>(&turn.said, position == 0));
        let before = before.map(|block| ContentBlock::Text(block.to_string()));
        let is_signed = |block: &&ContentBlock| matches!(block, ContentBlock::Text(text) if F::is_signed(&value(text)));
        let blocks = before.chain(self.blocks.iter().filter(|block| !is_signed(block)).cloned()).collect();
        self.replace(blocks);
    }

    /// The content's JSON text, if it changed.
    pub(crate) fn changed(&self) -> Option<String> {
        self.changed.then(|| format!("[{}]", self.blocks.iter().map(ContentBlock::text).collect::<Vec<_>>().join(",")))
    }

    fn replace(&mut self, blocks: Vec<ContentBlock>) {
        self.changed |= blocks != self.blocks;
        self.blocks = blocks;
    }
}

/// The value of a text that was read before.
fn value(text: &str) -> Value {
    callgate_json::read_nearest(text.as_bytes()).unwrap_or_default()
}

// === impl ContentBlock ===

impl ContentBlock {
    fn text(&self) -> &str {
        let (ContentBlock::Text(text) | ContentBlock::Call(text)) = self;
        text
    }
}

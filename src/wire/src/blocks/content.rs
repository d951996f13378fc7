//! The content of a whole answer: blocks as JSON text, and the calls among them.

use callgate_json::Value;

use crate::checks::MAX_CALLS;
use crate::{Call, Earlier, Fate, Hold, ShapeError};

/// The blocks of an answer that was read, and perhaps changed since.
#[derive(Debug, Clone, Default)]
pub struct Content {
    blocks: Vec<Block>,
    /// The calls among the blocks.
    calls: Vec<Call>,
    /// The blocks are not the ones that arrived.
    changed: bool,
}

/// One block, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Said(String),
    Call(String),
}

/// A block of the content.
pub(crate) enum Part<'a> {
    Said(Value),
    Call(&'a Call),
}

/// The writer of a dialect that settling a call needs.
pub(crate) struct Write {
    /// The block of a call (its text, the call in it) for the call that was kept.
    pub(crate) call: fn(&str, &Call, &Call) -> String,
    /// A block with a text.
    pub(crate) text: fn(&str) -> String,
}

// === impl Content ===

impl Content {
    /// Adds a block without a call.
    pub(crate) fn say(&mut self, text: String) {
        self.blocks.push(Block::Said(text));
    }

    /// Adds a call. `mended` is its block if that has to be written otherwise than it arrived.
    pub(crate) fn call(&mut self, text: String, mended: Option<String>, call: Call) -> Result<(), ShapeError> {
        if self.calls.len() >= MAX_CALLS {
            return Err(ShapeError::TooMany);
        }
        self.changed |= mended.is_some();
        self.blocks.push(Block::Call(mended.unwrap_or(text)));
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
            Block::Said(text) => Some(Part::Said(value(text))),
            Block::Call(_) => calls.next().map(Part::Call),
        })
    }

    /// The blocks without calls.
    pub(crate) fn said(&self) -> impl Iterator<Item = Value> {
        self.parts().filter_map(|part| match part {
            Part::Said(block) => Some(block),
            Part::Call(_) => None,
        })
    }

    /// Gives each call its fate. Calls that were held to the end of the turn, and what replaces them, come after all else.
    pub(crate) fn settle(&mut self, fates: Vec<Fate>, hold: Hold, write: &Write) {
        let (mut blocks, mut last) = (Vec::with_capacity(self.blocks.len()), Vec::new());
        let mut settled = std::mem::take(&mut self.calls).into_iter().zip(fates);
        for old in &self.blocks {
            let Block::Call(text) = old else {
                blocks.push(old.clone());
                continue;
            };
            let Some((call, fate)) = settled.next() else { continue };
            let block = match fate {
                Fate::Keep(kept) => {
                    let block = Block::Call((write.call)(text, &call, &kept));
                    self.calls.push(kept);
                    block
                }
                Fate::Tell(notice) => Block::Said((write.text)(&notice)),
            };
            match hold {
                Hold::Call => blocks.push(block),
                Hold::Turn => last.push(block),
            }
        }
        blocks.extend(last);
        self.replace(blocks);
    }

    /// Puts the blocks of earlier turns before these.
    pub(crate) fn prepend(&mut self, earlier: &[Earlier]) {
        let before = earlier.iter().flat_map(|turn| &turn.said).map(|block| Block::Said(block.to_string()));
        let blocks = before.chain(self.blocks.iter().cloned()).collect();
        self.replace(blocks);
    }

    /// The content's JSON text, if it changed.
    pub(crate) fn changed(&self) -> Option<String> {
        let text = |block: &Block| {
            let (Block::Said(text) | Block::Call(text)) = block;
            text.clone()
        };
        let texts: Vec<String> = self.blocks.iter().map(text).collect();
        self.changed.then(|| format!("[{}]", texts.join(",")))
    }

    fn replace(&mut self, blocks: Vec<Block>) {
        self.changed |= blocks != self.blocks;
        self.blocks = blocks;
    }
}

/// The value of a text that was read before.
fn value(text: &str) -> Value {
    callgate_json::read_nearest(text.as_bytes()).unwrap_or_default()
}

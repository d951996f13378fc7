//! The start, the deltas and the stop of a block.

use super::{BlockStream, OpenBlock, forward};
use crate::skeleton::blocks::{BlockEvent, BlockFormat, BlockStart, Growth, TextBlock};
use crate::unknown;
use crate::{Delta, StreamError};

impl<F: BlockFormat> BlockStream<F> {
    pub(super) fn start(
        &mut self,
        event: BlockEvent,
        begun: BlockStart<F::TextBlock>,
    ) -> Result<Vec<Delta>, StreamError> {
        let index = event.index::<F>()?;
        if let (Some(OpenBlock::Call(call)), BlockStart::Call(start)) = (self.open.get(&index), &begun)
            && call.is_repeated_by(start)
        {
            return Ok(Vec::new());
        }
        let mut deltas = Vec::new();
        self.stop_open(index, &mut deltas);
        let open = match begun {
            BlockStart::Text(said) if self.hides(&said) => self.hidden(said),
            BlockStart::Text(said) => OpenBlock::Text(self.write_start(event, index, said, &mut deltas)),
            BlockStart::Call(start) => {
                self.calls_at.push(self.text_blocks.len());
                let (call, delta) = self.calls.begin(start)?;
                deltas.push(delta);
                OpenBlock::Call(call)
            }
            BlockStart::Unknown => OpenBlock::Unknown,
        };
        self.begin(index, open);
        Ok(deltas)
    }

    /// Returns true for a thought behind a call that the client has not got.
    fn hides(&self, said: &F::TextBlock) -> bool {
        said.is_thought() && self.calls.some_left_out()
    }

    /// Adds a block of which the client gets nothing.
    fn hidden(&mut self, said: F::TextBlock) -> OpenBlock {
        self.text_blocks.push(said);
        OpenBlock::Hidden(self.text_blocks.len().saturating_sub(1))
    }

    fn begin(&mut self, index: u32, open: OpenBlock) {
        self.next = self.next.max(index.saturating_add(1));
        self.open.insert(index, open);
    }

    /// Adds a block without a call, and forwards its first event; returns its position.
    fn write_start(
        &mut self,
        event: BlockEvent,
        index: u32,
        text_block: F::TextBlock,
        deltas: &mut Vec<Delta>,
    ) -> usize {
        let block = self.text_blocks.len();
        self.text_blocks.push(text_block);
        forward(self.close_output(), deltas);
        let place = self.output.open(block);
        deltas.push(Delta::Forward { frame: event.numbered::<F>(index, place) });
        block
    }

    pub(super) fn delta(&mut self, event: BlockEvent) -> Result<Vec<Delta>, StreamError> {
        let index = event.index::<F>()?;
        match self.open.get_mut(&index) {
            Some(OpenBlock::Call(call)) => {
                let piece = F::piece(&event, call.start())?;
                Ok(call.piece(piece).into_iter().collect())
            }
            Some(OpenBlock::Unknown) => {
                unknown::no_part_of_call("", event.delta()?)?;
                Ok(Vec::new())
            }
            Some(OpenBlock::Hidden(block)) => {
                let said = self.text_blocks.get_mut(*block).ok_or(StreamError::OutOfOrder)?;
                said.delta(event.delta()?)?;
                Ok(Vec::new())
            }
            Some(OpenBlock::Text(block)) => {
                let block = *block;
                let Some(said) = self.text_blocks.get_mut(block) else { return Err(StreamError::OutOfOrder) };
                let taken = said.delta(event.delta()?)?;
                self.write_delta(event, index, block, taken)
            }
            None => {
                let mut said = F::implied(event.delta()?)?;
                let mut taken = said.delta(event.delta()?)?;
                // The first delta of a block begins it, even if it is empty; one after the stop has to add something.
                if taken == Growth::Nothing && index >= self.next {
                    taken = Growth::More;
                }
                if taken != Growth::More {
                    return Ok(Vec::new());
                }
                if self.hides(&said) {
                    let hidden = self.hidden(said);
                    self.begin(index, hidden);
                    return Ok(Vec::new());
                }
                let block = self.text_blocks.len();
                self.text_blocks.push(said);
                self.begin(index, OpenBlock::Text(block));
                self.write_delta(event, index, block, taken)
            }
        }
    }

    /// Forwards a delta of a block without a call. If the client does not have the block open, a delta with more text resumes it.
    fn write_delta(
        &mut self,
        event: BlockEvent,
        index: u32,
        block: usize,
        taken: Growth,
    ) -> Result<Vec<Delta>, StreamError> {
        let mut deltas = Vec::new();
        let is_open = self.output.get(block).is_some();
        if taken == Growth::Unknown || (taken == Growth::Nothing && !is_open) {
            return Ok(deltas);
        }
        if !is_open {
            forward(self.close_output(), &mut deltas);
            let place = self.output.open(block);
            let start =
                self.text_blocks.get(block).and_then(|said| F::resume(place, said)).ok_or(StreamError::OutOfOrder)?;
            forward(start, &mut deltas);
        }
        if let (Some(written), Some(said)) = (self.output.get(block), self.text_blocks.get(block)) {
            written.learned = if index == written.place { said.learn(&event) } else { None };
            let place = written.place;
            deltas.push(Delta::Forward { frame: event.numbered::<F>(index, place) });
        }
        Ok(deltas)
    }

    pub(super) fn stop(&mut self, event: BlockEvent) -> Result<Vec<Delta>, StreamError> {
        let index = event.index::<F>()?;
        let mut deltas = Vec::new();
        match self.open.get(&index) {
            Some(OpenBlock::Text(block)) => {
                if self.output.get(*block).is_some()
                    && let Some(place) = self.output.close()
                {
                    deltas.push(Delta::Forward { frame: event.numbered::<F>(index, place) });
                }
                self.open.remove(&index);
            }
            Some(OpenBlock::Call(_) | OpenBlock::Hidden(_) | OpenBlock::Unknown) => self.stop_open(index, &mut deltas),
            None => {
                // A used index has had its stop, or lost it to another block.
                if let Some(said) = F::empty().filter(|_| index >= self.next) {
                    self.next = index.saturating_add(1);
                    self.write_start(event, index, said, &mut deltas);
                    self.output.close();
                }
            }
        }
        self.calls.ends(&mut deltas);
        Ok(deltas)
    }

    /// Stops the open block of an index, if there is one.
    fn stop_open(&mut self, index: u32, deltas: &mut Vec<Delta>) {
        match self.open.remove(&index) {
            Some(OpenBlock::Text(block)) if self.output.get(block).is_some() => forward(self.close_output(), deltas),
            Some(OpenBlock::Call(call)) => self.calls.stop(call, deltas),
            Some(OpenBlock::Text(_) | OpenBlock::Hidden(_) | OpenBlock::Unknown) | None => {}
        }
    }
}

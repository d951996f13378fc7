//! The start, the deltas and the stop of a block.

use super::{Open, Stream, forward};
use crate::blocks::{Begun, Event, Format, Said, Taken};
use crate::unknown;
use crate::{Delta, StreamError};

impl<F: Format> Stream<F> {
    pub(super) fn start(&mut self, event: Event, begun: Begun<F::Said>) -> Result<Vec<Delta>, StreamError> {
        let index = event.index::<F>()?;
        if let (Some(Open::Call(call)), Begun::Call(start)) = (self.open.get(&index), &begun)
            && call.is_repeated_by(start)
        {
            return Ok(Vec::new());
        }
        let mut deltas = Vec::new();
        self.stop_open(index, &mut deltas);
        let open = match begun {
            Begun::Said(said) => Open::Said(self.write_start(event, index, said, &mut deltas)),
            Begun::Call(start) => {
                let (call, delta) = self.calls.begin(start)?;
                deltas.push(delta);
                Open::Call(call)
            }
            Begun::Unknown => Open::Unknown,
        };
        self.begin(index, open);
        Ok(deltas)
    }

    fn begin(&mut self, index: u32, open: Open) {
        self.next = self.next.max(index.saturating_add(1));
        self.open.insert(index, open);
    }

    /// Adds a block without a call, and forwards the event that begins it; returns its position.
    fn write_start(&mut self, event: Event, index: u32, said: F::Said, deltas: &mut Vec<Delta>) -> usize {
        let block = self.said.len();
        self.said.push(said);
        forward(self.close_output(), deltas);
        let place = self.output.open(block);
        deltas.push(Delta::Forward { frame: event.numbered::<F>(index, place) });
        block
    }

    pub(super) fn delta(&mut self, event: Event) -> Result<Vec<Delta>, StreamError> {
        let index = event.index::<F>()?;
        match self.open.get_mut(&index) {
            Some(Open::Call(call)) => {
                let piece = F::piece(&event, call.start())?;
                Ok(call.piece(piece).into_iter().collect())
            }
            Some(Open::Unknown) => {
                unknown::no_part_of_call("", event.delta()?)?;
                Ok(Vec::new())
            }
            Some(Open::Said(block)) => {
                let block = *block;
                let Some(said) = self.said.get_mut(block) else { return Err(StreamError::OutOfOrder) };
                let taken = said.delta(event.delta()?)?;
                self.write_delta(event, index, block, taken)
            }
            None => {
                let mut said = F::implied(event.delta()?)?;
                let mut taken = said.delta(event.delta()?)?;
                // The first delta of a block begins it, even if it is empty; one that comes after the stop has to add something.
                if taken == Taken::Nothing && index >= self.next {
                    taken = Taken::More;
                }
                if taken != Taken::More {
                    return Ok(Vec::new());
                }
                let block = self.said.len();
                self.said.push(said);
                self.begin(index, Open::Said(block));
                self.write_delta(event, index, block, taken)
            }
        }
    }

    /// Forwards a delta of a block without a call. A block that is not open on the client's side is resumed if the delta adds to
    /// it.
    fn write_delta(&mut self, event: Event, index: u32, block: usize, taken: Taken) -> Result<Vec<Delta>, StreamError> {
        let mut deltas = Vec::new();
        let is_open = self.output.get(block).is_some();
        if taken == Taken::Unknown || (taken == Taken::Nothing && !is_open) {
            return Ok(deltas);
        }
        if !is_open {
            forward(self.close_output(), &mut deltas);
            let place = self.output.open(block);
            let start = self.said.get(block).and_then(|said| F::resume(place, said)).ok_or(StreamError::OutOfOrder)?;
            forward(start, &mut deltas);
        }
        if let (Some(written), Some(said)) = (self.output.get(block), self.said.get(block)) {
            written.plain = if index == written.place { said.learn(&event) } else { None };
            let place = written.place;
            deltas.push(Delta::Forward { frame: event.numbered::<F>(index, place) });
        }
        Ok(deltas)
    }

    pub(super) fn stop(&mut self, event: Event) -> Result<Vec<Delta>, StreamError> {
        let index = event.index::<F>()?;
        let mut deltas = Vec::new();
        match self.open.get(&index) {
            Some(Open::Said(block)) => {
                if self.output.get(*block).is_some()
                    && let Some(place) = self.output.close()
                {
                    deltas.push(Delta::Forward { frame: event.numbered::<F>(index, place) });
                }
                self.open.remove(&index);
            }
            Some(Open::Call(_) | Open::Unknown) => self.stop_open(index, &mut deltas),
            None => {
                // An index that was used before has had its stop, or lost it to another block.
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

    /// Stops the block that is open under an index, if there is one.
    fn stop_open(&mut self, index: u32, deltas: &mut Vec<Delta>) {
        match self.open.remove(&index) {
            Some(Open::Said(block)) if self.output.get(block).is_some() => forward(self.close_output(), deltas),
            Some(Open::Call(call)) => self.calls.stop(call, deltas),
            Some(Open::Said(_) | Open::Unknown) | None => {}
        }
    }
}

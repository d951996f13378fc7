//! Writes whole blocks as the events of a stream.

use callgate_json::{Map, Value};

use super::BlockFormat;
use crate::Call;

/// A block as the API brings it: a start, which some kinds of blocks lack, and deltas.
#[derive(Debug)]
pub struct WholeBlock {
    pub(crate) start: Option<Value>,
    pub(crate) deltas: Vec<Value>,
}

// === impl WholeBlock ===

impl WholeBlock {
    fn write<F: BlockFormat>(self, place: u32) -> Vec<u8> {
        let mut out = self.start.map(|start| start_event::<F>(place, start)).unwrap_or_default();
        for delta in self.deltas {
            out.extend(event::<F>(F::EVENTS.delta, place, Some(("delta", delta))));
        }
        out.extend(stop_event::<F>(place));
        out
    }
}

/// The events of a block without a call; `None` if streams have no such block.
pub(super) fn block<F: BlockFormat>(place: u32, block: &Value) -> Option<Vec<u8>> {
    F::split(block).map(|block| block.write::<F>(place))
}

/// The events of a block with a text.
pub(super) fn text<F: BlockFormat>(place: u32, text: &str) -> Vec<u8> {
    block::<F>(place, &F::text_block(text)).unwrap_or_default()
}

/// The events of a call, as the API brings one: the input in a delta.
pub(super) fn call<F: BlockFormat>(place: u32, call: &Call) -> Vec<u8> {
    let nested = |inside, key: &&str| Value::Object(Map::from_iter([((*key).to_owned(), inside)]));
    let start = F::CALL.iter().rev().fold(Value::Object(F::call_members(call)), nested);
    WholeBlock { start: Some(start), deltas: vec![F::input_delta(&call.arguments)] }.write::<F>(place)
}

/// The first event of a block.
pub(crate) fn start_event<F: BlockFormat>(place: u32, start: Value) -> Vec<u8> {
    event::<F>(F::EVENTS.start, place, Some((F::EVENTS.start_member, start)))
}

/// The last event of a block.
pub(super) fn stop_event<F: BlockFormat>(place: u32) -> Vec<u8> {
    event::<F>(F::EVENTS.stop, place, None)
}

fn event<F: BlockFormat>(kind: &str, place: u32, member: Option<(&str, Value)>) -> Vec<u8> {
    let mut body = F::numbered(kind, place);
    body.extend(member.map(|(key, value)| (key.to_owned(), value)));
    F::event(kind, &Value::Object(body))
}

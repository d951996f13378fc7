//! Writes the events that go on, numbered without a gap.

use callgate_json::{Map, Value, splice};

use super::event::{Event, Tells};
use crate::framing::{Frame, sse};

/// How the events of one stream are written.
#[derive(Debug)]
pub(super) struct Numbering {
    /// How the server writes its events, once one was read.
    style: Option<EventStyle>,
    /// The number of the next event.
    next: u64,
    /// How many more of the numbered events were written than read.
    ahead: i64,
}

#[derive(Debug, Clone, Copy)]
struct EventStyle {
    /// With their type as `event:` line too.
    named: bool,
    /// With a `sequence_number`.
    numbered: bool,
}

/// The API's own style.
const OWN: EventStyle = EventStyle { named: true, numbered: true };

// === impl Numbering ===

impl Numbering {
    pub(super) fn new() -> Numbering {
        Numbering { style: None, next: 0, ahead: 0 }
    }

    /// Whether an event goes on under the number that it has.
    pub(super) fn is_level(&self) -> bool {
        self.ahead == 0
    }

    /// Notes how the server writes events.
    pub(super) fn learn(&mut self, frame: &Frame, event: &Event<'_>) {
        let style = || EventStyle { named: frame.event.is_some(), numbered: event.number.is_some() };
        if event.tells() != Tells::Unknown {
            self.style.get_or_insert_with(style);
        }
    }

    /// An event with this number goes on as it is.
    pub(super) fn passed(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.next = number.saturating_add(1);
        }
    }

    /// An event that was read is dropped.
    pub(super) fn dropped(&mut self, event: &Event<'_>) {
        if event.number.is_some() {
            self.ahead = self.ahead.saturating_sub(1);
        }
    }

    /// An event that was read goes on, under its new number and with other values of members: `output_index`, `response`. The exact
    /// bytes where nothing differs.
    pub(super) fn forward(&mut self, frame: &Frame, event: &Event<'_>, mut edits: Vec<splice::Edit>) -> Vec<u8> {
        if let Some(number) = event.number {
            let new = number.saturating_add_signed(self.ahead);
            if new != number {
                edits.push(splice::Edit { member: "sequence_number", text: Some(new.to_string()) });
            }
            self.passed(Some(new));
        }
        if edits.is_empty() {
            return frame.raw.clone();
        }
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        sse::event(frame.event.as_deref(), &splice::write(data, event.body, &edits))
    }

    /// Writes an event of ours.
    pub(super) fn write(&mut self, kind: &str, members: Map<String, Value>) -> Vec<u8> {
        let style = self.style.unwrap_or(OWN);
        let mut body = Map::new();
        body.insert("type".to_owned(), Value::from(kind));
        body.extend(members);
        if style.numbered {
            body.insert("sequence_number".to_owned(), Value::from(self.next));
            self.next = self.next.saturating_add(1);
            self.ahead = self.ahead.saturating_add(1);
        }
        let mut text = Vec::with_capacity(256);
        splice::append(&mut text, &Value::Object(body));
        sse::event(style.named.then_some(kind), &text)
    }
}

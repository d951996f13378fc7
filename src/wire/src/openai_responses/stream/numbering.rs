//! Writes the forwarded events, numbered without a gap.

use callgate_json::{Map, Value, splice};

use super::event::{ResponseEvent, Tells};
use crate::framing::{Frame, sse};

/// The numbers and the style of one stream's events.
#[derive(Debug)]
pub(super) struct Numbering {
    /// The server's style of events, once one was read.
    style: Option<EventStyle>,
    /// The number of the next event.
    next: u64,
    /// The number of written events minus the number of read ones, among the numbered.
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

    /// Returns true if events keep their numbers.
    pub(super) fn is_level(&self) -> bool {
        self.ahead == 0
    }

    /// Notes how the server writes events.
    pub(super) fn learn(&mut self, frame: &Frame, event: &ResponseEvent<'_>) {
        let style = || EventStyle { named: frame.event.is_some(), numbered: event.number.is_some() };
        if event.tells() != Tells::Unknown {
            self.style.get_or_insert_with(style);
        }
    }

    /// Notes a forwarded event with this number.
    pub(super) fn passed(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.next = number.saturating_add(1);
        }
    }

    /// Notes a dropped event.
    pub(super) fn dropped(&mut self, event: &ResponseEvent<'_>) {
        if event.number.is_some() {
            self.ahead = self.ahead.saturating_sub(1);
        }
    }

    /// Writes a forwarded event, under its new number and with other values of members: `output_index`, `response`. It keeps its
    /// exact bytes if nothing differs.
    pub(super) fn forward(
        &mut self,
        frame: &Frame,
        event: &ResponseEvent<'_>,
        mut edits: Vec<splice::Edit>,
    ) -> Vec<u8> {
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

//! One choice of a stream: what must be known of it from its earlier events.

use super::answer::names_calls;
use super::head::with_reason;
use super::said::Said;
use super::slots::Slots;
use crate::End;

/// A choice under way.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) slots: Slots,
    pub(super) said: Said,
    /// Its role was forwarded.
    pub(super) role_told: bool,
    /// Calls that were written.
    pub(super) written: u32,
    /// Its finish reason, once it has one.
    pub(super) finish: Option<String>,
    /// The event with the finish, while more calls may come.
    held: Option<End>,
}

// === impl Choice ===

impl Choice {
    /// Returns true if a finish with this reason is held: the choice has calls, or the reason names some.
    pub(super) fn holds_finish(&self, reason: &str) -> bool {
        self.slots.any() || self.held.is_some() || names_calls(reason)
    }

    /// Holds a finish. The last one counts, but a plain `stop` after calls does not hide that they ended the turn.
    pub(super) fn hold_finish(&mut self, reason: &str, end: End) {
        match self.finish.as_deref() {
            Some(earlier) if reason == "stop" && names_calls(earlier) => self.held = Some(with_reason(end, earlier)),
            _ => {
                self.finish = Some(reason.to_owned());
                self.held = Some(end);
            }
        }
    }

    /// The held finish.
    pub(super) fn take_finish(&mut self) -> Option<End> {
        self.held.take()
    }
}

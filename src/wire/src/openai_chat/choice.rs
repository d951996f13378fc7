//! One choice of a stream: the state its further events need.

use super::answer::names_calls;
use super::head::with_reason;
use super::slots::Slots;
use super::turn_text::TurnText;
use crate::End;

/// A choice under way.
#[derive(Debug, Default)]
pub(super) struct StreamChoice {
    pub(super) slots: Slots,
    pub(super) said: TurnText,
    /// Its role was forwarded.
    pub(super) role_told: bool,
    /// The number of written calls.
    pub(super) written: u32,
    /// Its finish reason, once it has one.
    pub(super) finish: Option<String>,
    /// The event with the finish, while more calls may come.
    held: Option<End>,
}

// === impl StreamChoice ===

impl StreamChoice {
    /// Returns true if a finish with this reason is held: the choice has calls, or the reason names some.
    pub(super) fn holds_finish(&self, reason: &str) -> bool {
        self.slots.any() || self.held.is_some() || names_calls(reason)
    }

    /// Holds a finish. The last one counts, but a plain `stop` after calls does not hide the end in calls.
    pub(super) fn hold_finish(&mut self, reason: &str, end: End) {
        match self.finish.as_deref() {
            Some(earlier) if reason == "stop" && names_calls(earlier) => self.held = Some(with_reason(end, earlier)),
            _ => {
                self.finish = Some(reason.to_owned());
                self.held = Some(end);
            }
        }
    }

    /// Takes the held finish.
    pub(super) fn take_finish(&mut self) -> Option<End> {
        self.held.take()
    }
}

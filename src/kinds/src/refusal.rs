//! The reason of a refusal: a place and a sentence, never a value.

use std::fmt;

/// The place in a value that a refusal is about. It has 8 bytes, since every step of a reader copies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// The whole value.
    #[default]
    Whole,
    /// A byte of the value, counted from 0.
    Byte(u32),
    /// A simple command of a shell line, and a word of it. Both count from 1; `of` is the number of commands.
    Command {
        /// The position of the command.
        index: u16,
        /// The number of commands in the line.
        of: u16,
        /// The position of the word; the program's name is word 1. `None` for the command as a whole.
        word: Option<u16>,
    },
    /// A line of a patch or of a program, counted from 1.
    Line(u32),
}

/// A value that is refused.
///
/// The reason is a constant of this crate, so that no message can carry a part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The place.
    pub spot: Spot,
    /// The reason, such as `writes outside the profile's paths`.
    pub reason: &'static str,
}

/// The outcome for a value that is not refused. The larger one of two is the stricter one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// The rules allow the value.
    #[default]
    Allow,
    /// A person must approve the value.
    Ask,
}

// === impl Refusal ===

impl Refusal {
    /// Refuses the whole value.
    #[must_use]
    pub const fn whole(reason: &'static str) -> Self {
        Self { spot: Spot::Whole, reason }
    }

    /// Refuses a value because of a byte.
    #[must_use]
    pub fn byte(at: usize, reason: &'static str) -> Self {
        Self { spot: Spot::Byte(u32::try_from(at).unwrap_or(u32::MAX)), reason }
    }

    /// Refuses a value because of a line, counted from 1.
    #[must_use]
    pub fn line(number: usize, reason: &'static str) -> Self {
        Self { spot: Spot::Line(u32::try_from(number).unwrap_or(u32::MAX)), reason }
    }
}

impl fmt::Display for Refusal {
    /// Writes `command 2 of 3, word 4: writes outside the profile's paths`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spot {
            Spot::Whole => {}
            Spot::Byte(at) => write!(f, "byte {at}: ")?,
            Spot::Command { index, of, word: None } => write!(f, "command {index} of {of}: ")?,
            Spot::Command { index, of, word: Some(word) } => write!(f, "command {index} of {of}, word {word}: ")?,
            Spot::Line(number) => write!(f, "line {number}: ")?,
        }
        f.write_str(self.reason)
    }
}

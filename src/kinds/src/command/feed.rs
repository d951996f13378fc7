//! The names that a pipe hands to `xargs`.

use crate::path::ResolvedPath;

/// Names of files below directories that were judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Feed {
    /// The directories.
    pub(super) below: Vec<ResolvedPath>,
    /// A name may begin with `-`.
    pub(super) may_be_option: bool,
}

/// The feeds of the open parts of a line.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    open: Vec<OpenPart>,
    /// The output of the part that ended last.
    ended: Option<Feed>,
    /// The input of the part that begins next.
    next: Option<Feed>,
}

/// An open part.
#[derive(Debug, Default)]
struct OpenPart {
    input: Option<Feed>,
    output: Option<Feed>,
    commands: u32,
}

// === impl Feeds ===

impl Feeds {
    pub(super) fn enter(&mut self) {
        self.ended = None;
        self.open.push(OpenPart { input: self.next.take(), ..OpenPart::default() });
    }

    /// Ends a part. Its output is known if it is that of one command.
    pub(super) fn leave(&mut self) {
        self.ended = self.open.pop().filter(|part| part.commands == 1).and_then(|part| part.output);
    }

    pub(super) fn pipe(&mut self) {
        self.next = self.ended.take();
    }

    /// Begins a command, and returns its input if it is the first one of a part of a pipe.
    pub(super) fn begin(&mut self) -> Option<Feed> {
        (self.ended, self.next) = (None, None);
        let part = self.open.last_mut()?;
        part.commands += 1;
        part.input.take()
    }

    /// Ends a command.
    pub(super) fn end(&mut self, output: Option<Feed>) {
        if let Some(part) = self.open.last_mut() {
            part.output = output;
        }
    }
}

//! The directories in which each command of a line may run.
//!
//! Both outcomes of a command are followed: `cd a && b` runs `b` in `a`; `cd a; b` runs it in `a` or where the line was. What cannot be
//! said exactly is a set that holds the real directory; all members of the set must pass.

use std::sync::Arc;

use super::Connector;
use crate::path::ResolvedPath;

/// The maximum number of directories in which one command may run.
const MOST_BASES: usize = 8;
const TOO_MANY: &str = "more than 8 directories in which a command may run; use absolute paths or split the line";

/// The directories after a command: if it succeeded, and if it failed.
#[derive(Clone, Debug, Default)]
struct Directories {
    succeeded: Arc<[ResolvedPath]>,
    failed: Arc<[ResolvedPath]>,
}

/// A part of a line that is open.
#[derive(Debug)]
struct Frame {
    kind: FrameKind,
    before: Directories,
    /// The connector of its first command.
    connector: Option<Connector>,
}

/// The kind of an open part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    Subshell,
    Branch,
    Loop,
}

/// The directories at a place of a line.
#[derive(Debug)]
pub(super) struct Bases {
    now: Directories,
    frames: Vec<Frame>,
    /// The subshell that ended last, if a pipe may follow.
    ended: Option<Frame>,
}

// === impl Bases ===

impl Bases {
    /// Begins in one of these directories.
    pub(super) fn new(bases: Arc<[ResolvedPath]>) -> Self {
        Self { now: Directories { succeeded: bases.clone(), failed: bases }, frames: Vec::new(), ended: None }
    }

    /// Begins a command, and returns the directories in which it may run.
    pub(super) fn begin(&mut self, connector: Connector) -> Result<Arc<[ResolvedPath]>, &'static str> {
        self.ended = None;
        for frame in self.frames.iter_mut().rev() {
            if frame.connector.is_some() {
                break;
            }
            frame.connector = Some(connector);
        }
        Ok(match connector {
            Connector::Always => union(&self.now.succeeded, &self.now.failed)?,
            Connector::And => self.now.succeeded.clone(),
            Connector::Or => self.now.failed.clone(),
        })
    }

    /// Ends a command that began in `bases`. `moved` are the directories that it changed to, if it succeeded.
    pub(super) fn end(
        &mut self,
        connector: Connector,
        bases: Arc<[ResolvedPath]>,
        moved: Option<Vec<ResolvedPath>>,
    ) -> Result<(), &'static str> {
        let succeeded = match moved {
            Some(moved) => union(&moved.into(), &Arc::default())?,
            None => Arc::clone(&bases),
        };
        self.now = match connector {
            Connector::Always => Directories { succeeded, failed: bases },
            Connector::And => Directories { succeeded, failed: union(&self.now.failed, &bases)? },
            Connector::Or => Directories { succeeded: union(&self.now.succeeded, &succeeded)?, failed: bases },
        };
        Ok(())
    }

    /// Returns true if the innermost part that keeps its directory to itself is a loop: a later round begins where an earlier one ended.
    pub(super) fn is_in_loop(&self) -> bool {
        let mut inner = self.frames.iter().rev().take_while(|frame| frame.kind != FrameKind::Subshell);
        inner.any(|frame| frame.kind == FrameKind::Loop)
    }

    pub(super) fn enter(&mut self) {
        self.open(FrameKind::Subshell);
        self.ended = None;
    }

    pub(super) fn branch(&mut self) {
        self.open(FrameKind::Branch);
    }

    pub(super) fn begin_loop(&mut self) {
        self.open(FrameKind::Loop);
    }

    /// The next part of a pipe begins in the directory of the one before it, under the same connector.
    pub(super) fn pipe(&mut self) {
        if let Some(frame) = self.ended.take() {
            self.now = frame.before;
        }
    }

    /// Ends a subshell: its directories end with it.
    pub(super) fn leave(&mut self) -> Result<(), &'static str> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let connector = frame.connector.unwrap_or(Connector::Always);
        let before = &frame.before;
        let bases = match connector {
            Connector::Always => union(&before.succeeded, &before.failed)?,
            Connector::And => before.succeeded.clone(),
            Connector::Or => before.failed.clone(),
        };
        self.now = before.clone();
        self.end(connector, bases, None)?;
        self.ended = Some(frame);
        Ok(())
    }

    /// Ends a branch or a loop: it ran, or it did not.
    pub(super) fn join(&mut self) -> Result<(), &'static str> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let before = union(&frame.before.succeeded, &frame.before.failed)?;
        let after = union(&self.now.succeeded, &self.now.failed)?;
        let all = union(&before, &after)?;
        self.now = Directories { succeeded: all.clone(), failed: all };
        Ok(())
    }

    fn open(&mut self, kind: FrameKind) {
        self.frames.push(Frame { kind, before: self.now.clone(), connector: None });
    }
}

/// Returns the members of both sets, each once.
fn union(one: &Arc<[ResolvedPath]>, other: &Arc<[ResolvedPath]>) -> Result<Arc<[ResolvedPath]>, &'static str> {
    if Arc::ptr_eq(one, other) {
        return Ok(Arc::clone(one));
    }
    let mut all: Vec<ResolvedPath> = Vec::new();
    for path in one.iter().chain(other.iter()) {
        if !all.contains(path) {
            all.push(path.clone());
        }
        if all.len() > MOST_BASES {
            return Err(TOO_MANY);
        }
    }
    Ok(all.into())
}

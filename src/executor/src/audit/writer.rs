//! The one thread that writes, and how it groups.
//!
//! It takes all that waits, writes it in one transaction, then answers each: the busier it is, the less a record costs.
//!
//! When the disk is full or broken it refuses, and whatever asked does not run. The outcome of a call that did run cannot be
//! refused: it is held in memory and written first as soon as that works, tried again every second. While something is held
//! and cannot be written, nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::AuditError;
use super::entry::{Entry, Event};
use super::store::{Head, Store};

/// Records of one transaction at most.
const GROUP: usize = 1024;
/// Outcomes in memory at most: far more than calls can run while nothing new is let in.
const HELD: usize = 65_536;
/// How soon it is tried again to write what is held.
const AGAIN: Duration = Duration::from_secs(1);

/// What the writer is told.
pub(super) enum Message {
    /// Write an entry, and say when that is done.
    Append(Box<Entry>, oneshot::Sender<Result<(), AuditError>>),
    /// Remember how much of the log a sink has.
    Delivered(&'static str, u64),
}

/// The writer, on its thread.
pub(super) struct Writer {
    store: Store,
    messages: mpsc::Receiver<Message>,
    head: watch::Sender<Head>,
    held: Vec<Entry>,
    held_count: Arc<AtomicUsize>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        store: Store,
        messages: mpsc::Receiver<Message>,
        head: watch::Sender<Head>,
        held_count: Arc<AtomicUsize>,
    ) -> Self {
        Self { store, messages, head, held: Vec::new(), held_count }
    }

    /// Writes until nobody is left who could append.
    pub(super) async fn run(mut self) {
        let mut group = Vec::new();
        loop {
            let open = if self.held.is_empty() {
                self.messages.recv_many(&mut group, GROUP).await > 0
            } else {
                // Too late is no end.
                timeout(AGAIN, self.messages.recv_many(&mut group, GROUP)).await.unwrap_or(1) > 0
            };
            self.write(&mut group);
            if !open {
                break;
            }
        }
        if !self.held.is_empty() {
            tracing::error!(
                outcomes = self.held.len(),
                "the audit log ends without outcomes that could not be written"
            );
        }
    }

    fn write(&mut self, group: &mut Vec<Message>) {
        let mut asked = Vec::with_capacity(group.len());
        for message in group.drain(..) {
            match message {
                Message::Append(entry, done) => asked.push((entry, done)),
                Message::Delivered(sink, seq) => self.delivered(sink, seq),
            }
        }
        if asked.is_empty() && self.held.is_empty() {
            return;
        }
        let entries = self.held.iter().chain(asked.iter().map(|(entry, _)| &**entry));
        match self.store.write(entries) {
            Ok(()) => {
                self.held.clear();
                self.held_count.store(0, Ordering::Relaxed);
                self.head.send_replace(self.store.head());
                for (_, done) in asked {
                    // Who has gone away does not want to know.
                    let _ = done.send(Ok(()));
                }
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::error!(reason, held = self.held.len(), "the audit log cannot be written");
                for (entry, done) in asked {
                    let _ = done.send(Err(self.refuse(entry, &reason)));
                }
            }
        }
    }

    /// What becomes of an entry that could not be written.
    fn refuse(&mut self, entry: Box<Entry>, reason: &str) -> AuditError {
        match entry.event {
            Event::Outcome { .. } if self.held.len() < HELD => {
                self.held.push(*entry);
                // Before anybody is told of it.
                self.held_count.store(self.held.len(), Ordering::Relaxed);
                AuditError::Held(reason.to_owned())
            }
            Event::Decision { .. } | Event::Outcome { .. } | Event::Approval { .. } => {
                AuditError::Unwritable(reason.to_owned())
            }
        }
    }

    /// A cursor that cannot be written is one that comes again: sinks are asked how far they are whenever they are connected.
    fn delivered(&self, sink: &str, seq: u64) {
        if let Err(error) = self.store.set_cursor(sink, seq) {
            tracing::warn!(sink, reason = %error, "how much of the audit log a sink has cannot be written down");
        }
    }
}

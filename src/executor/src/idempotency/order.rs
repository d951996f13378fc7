//! Orders to the writer of the local store, and their answers.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::{CallIdentity, Decided, Key, OnceError, Orphan};
use callgate_audit::{Appended, AuditError, Entry};

/// An order to the writer.
pub(super) enum Order {
    Begin {
        key: Arc<Key>,
        what: Arc<CallIdentity>,
        /// The decision to record after the beginning, if one is waiting for it.
        decided: Option<Box<Decided>>,
        ticket: Ticket,
        answer: oneshot::Sender<Result<BeginAnswer, OnceError>>,
    },
    Finish {
        key: Arc<Key>,
        outcome: Arc<[u8]>,
        answer: oneshot::Sender<Result<(), OnceError>>,
    },
    Settle {
        key: Arc<Key>,
        outcome: Arc<[u8]>,
        entry: Box<Entry>,
        answer: oneshot::Sender<Settled>,
    },
    Abandon {
        key: Arc<Key>,
    },
    Left {
        answer: oneshot::Sender<Result<Vec<Orphan>, OnceError>>,
    },
    /// Closes the store.
    Close {
        answer: oneshot::Sender<()>,
    },
}

/// The answer to a [`Order::Begin`].
pub(super) enum BeginAnswer {
    /// With the log's answer, if there was a decision to record.
    Fresh(Ticket, Option<Result<Appended, AuditError>>),
    Done(Arc<[u8]>),
    Unknown,
    Other,
    /// Its beginner disconnected before it ran: begin it again.
    Again,
}

/// The answer to a settled call.
#[derive(Debug)]
pub struct Settled {
    /// The row's end. After an error a repeat gets `unknown`.
    pub stored: Result<(), OnceError>,
    /// The outcome's record.
    pub recorded: Result<Appended, AuditError>,
}

/// A call begun, and not yet running. It acts if it is dropped: its beginner disconnected before it could run.
#[derive(Debug)]
pub(super) struct Ticket {
    key: Arc<Key>,
    holds: Holds,
}

enum Holds {
    /// Nothing: it runs, or was never begun.
    Nothing,
    /// The row alone, which is taken back.
    Row(UnboundedSender<Order>),
    /// The row and the decision's record. A record stays, so the call needs an outcome.
    Record(Box<dyn FnOnce() + Send>),
}

// === impl Settled ===

impl Settled {
    /// Nothing is recorded.
    pub(super) fn lost(reason: &str) -> Self {
        let recorded = Err(AuditError::Unwritable(reason.into()));
        Self { stored: Err(OnceError::Unavailable(reason.into())), recorded }
    }
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(key: Arc<Key>, orders: UnboundedSender<Order>) -> Self {
        Self { key, holds: Holds::Row(orders) }
    }

    /// A call with a beginning elsewhere and a record.
    pub(super) fn of_recorded(key: Arc<Key>, lost: Box<dyn FnOnce() + Send>) -> Self {
        Self { key, holds: Holds::Record(lost) }
    }

    /// The decision is recorded. From now on `lost` runs if the call is not handed to its beginner.
    pub(super) fn recorded(&mut self, lost: Box<dyn FnOnce() + Send>) {
        self.holds = Holds::Record(lost);
    }

    /// It runs, or was never begun: there is nothing to take back.
    pub(super) fn done(mut self) {
        self.holds = Holds::Nothing;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.holds, Holds::Nothing) {
            Holds::Nothing => {}
            // A closed store has nothing to take back either.
            Holds::Row(orders) => drop(orders.send(Order::Abandon { key: Arc::clone(&self.key) })),
            Holds::Record(lost) => lost(),
        }
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Row(_) => "Row",
            Self::Record(_) => "Record",
        })
    }
}

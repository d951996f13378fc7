//! Decides which call runs next, which waits, and which must retry later.
//!
//! 1. The number of slots is fixed. A call runs while it has one.
//! 2. All calls of a request enter together or not at all: into free slots, else into the queue. The queue is bounded
//!    in total and for each tenant. A request that does not fit is shed before any of it runs.
//! 3. A free slot goes to the waiting tenant with the fewest running calls. Among equals it goes to the tenant with the
//!    longest wait, counted from its last turn or the start of its wait. A tenant's name never matters.
//! 4. Within a tenant, calls run in order of arrival.
//!
//! The bound: let `k` calls of the same tenant wait ahead of a call when it arrives. Until the call runs, another
//! tenant gets at most `k + 1` slots while it has at least as many running calls as the call's tenant. So a tenant with
//! a thousand calls delays another's first call by one of its own, and new tenants rank after those already waiting.
//!
//! Not covered: a running call is never interrupted. If long calls hold every slot, the others wait for the first to
//! end. A caller who may choose tenants freely gets a share for each.

mod settings;
mod state;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

pub(crate) use self::settings::QueueSection;
pub use self::settings::QueueSettings;
use self::state::QueueState;

/// The retry delay of a shed request for each time the waiting calls fill the slots.
const RETRY_STEP: Duration = Duration::from_millis(100);
/// The longest retry delay.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A queue in front of a number of slots. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue(Arc<Mutex<QueueState>>);

/// A call's right to a slot, now or in its turn. Dropping it gives the right up.
#[derive(Debug)]
pub(crate) struct Ticket(Standing);

#[derive(Debug)]
enum Standing {
    Running(Slot),
    Waiting(Waiting),
}

/// A call in the queue. Dropping it leaves the queue.
#[derive(Debug)]
struct Waiting {
    queue: Queue,
    tenant: Arc<str>,
    number: u64,
    turn: oneshot::Receiver<Slot>,
}

/// A call's right to run, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    queue: Queue,
    tenant: Arc<str>,
}

/// The request does not fit; the queue took none of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; retry in {retry:?}")]
pub(crate) struct Shed {
    pub(crate) reason: QueueLimit,
    pub(crate) retry: Duration,
}

/// The limit a request reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueueLimit {
    /// Too many calls wait.
    #[error("the queue is full ({0} calls)")]
    Queue(u32),
    /// Too many calls of this tenant wait.
    #[error("the tenant's share of the queue is full ({0} calls)")]
    Tenant(u32),
}

/// The number of calls in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls with a slot.
    pub running: u32,
    /// Calls without a slot yet.
    pub waiting: u32,
}

// === impl Queue ===

impl Queue {
    /// Makes a queue in which `slots` calls run at once, `length` calls wait, and `per_tenant` of one tenant.
    pub(crate) fn new(slots: u32, length: u32, per_tenant: u32) -> Self {
        Self(Arc::new(Mutex::new(QueueState::new(slots, length, per_tenant))))
    }

    /// Takes in all of `count` calls, or none of them.
    pub(crate) fn enter(&self, tenant: &str, count: usize) -> Result<Vec<Ticket>, Shed> {
        let tenant: Arc<str> = Arc::from(tenant);
        self.with(|state| {
            state.room_for(&tenant, count)?;
            Ok((0..count).map(|_| Ticket(self.stand(state, &tenant))).collect())
        })
    }

    fn stand(&self, state: &mut QueueState, tenant: &Arc<str>) -> Standing {
        if state.take_free(tenant) {
            return Standing::Running(Slot { queue: self.clone(), tenant: Arc::clone(tenant) });
        }
        let (call, turn) = oneshot::channel();
        let number = state.wait(tenant, call);
        Standing::Waiting(Waiting { queue: self.clone(), tenant: Arc::clone(tenant), number, turn })
    }

    /// Returns how many calls run and wait.
    pub(crate) fn load(&self) -> Load {
        self.with(|state| state.load())
    }

    /// Gives a free slot to the next call.
    fn hand_on(&self) {
        if let Some((tenant, call)) = self.with(QueueState::next) {
            // If the call has just left, the slot is dropped, returns here and goes to the next call.
            drop(call.send(Slot { queue: self.clone(), tenant }));
        }
    }

    /// Nothing panics while it holds the lock, so a poisoned lock is still sound.
    fn with<R>(&self, f: impl FnOnce(&mut QueueState) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Ticket ===

impl Ticket {
    /// Waits for the slot until `deadline`; returns `None` after it.
    pub(crate) async fn slot(self, deadline: Instant) -> Option<Slot> {
        match self.0 {
            Standing::Running(slot) => Some(slot),
            Standing::Waiting(mut waiting) => timeout_at(deadline, &mut waiting.turn).await.ok()?.ok(),
        }
    }
}

// === impl Waiting ===

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.with(|state| state.leave(&self.tenant, self.number));
        // A slot handed over at this very moment is dropped with the channel and goes to the next call.
    }
}

// === impl Slot ===

impl Drop for Slot {
    fn drop(&mut self) {
        self.queue.with(|state| state.give_back(&self.tenant));
        self.queue.hand_on();
    }
}

#[cfg(test)]
mod tests;

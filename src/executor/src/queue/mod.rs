//! Decides who runs next, who waits, and who is asked to retry later.
//!
//! 1. There is a fixed number of slots. A call that has one runs.
//! 2. All calls of a request come in together or not at all: into free slots, else into the queue. The queue is bounded, over all
//!    tenants and for each. A request that does not fit is shed before any of it ran.
//! 3. A free slot goes to the waiting tenant that has the fewest calls running. Among equals it goes to the one that has waited
//!    longest, counted from its last turn or from when it began to wait. A tenant's name never matters.
//! 4. Within a tenant, calls run in the order in which they arrived.
//!
//! The bound: let `k` calls of the same tenant wait ahead of a call when it arrives. Until the call runs, another tenant gets at
//! most `k + 1` slots while it has as many calls running as the call's tenant, or more. So a tenant that sends a thousand calls
//! delays the first call of another by one of its own, and new tenants rank after those that wait already.
//!
//! Not covered: a running call is never interrupted. If long calls hold every slot, the others wait for the first of them to end.
//! A caller who may choose tenants at will gets a share for each.

mod state;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::state::State;

/// The delay that a shed request is asked to keep, for each time that the waiting calls fill the slots.
const RETRY_STEP: Duration = Duration::from_millis(100);
/// The longest delay that a request is asked to keep.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A queue in front of a number of slots. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue(Arc<Mutex<State>>);

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
    pub(crate) reason: Full,
    pub(crate) retry: Duration,
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
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
    /// Calls that have a slot.
    pub running: u32,
    /// Calls that wait for a slot.
    pub waiting: u32,
}

// === impl Queue ===

impl Queue {
    /// Makes a queue in which `slots` calls run at once, `length` calls wait, and `per_tenant` of one tenant.
    pub(crate) fn new(slots: u32, length: u32, per_tenant: u32) -> Self {
        Self(Arc::new(Mutex::new(State::new(slots, length, per_tenant))))
    }

    /// Takes in all of `count` calls, or none of them.
    pub(crate) fn enter(&self, tenant: &str, count: usize) -> Result<Vec<Ticket>, Shed> {
        let tenant: Arc<str> = Arc::from(tenant);
        self.with(|state| {
            state.room_for(&tenant, count)?;
            Ok((0..count).map(|_| Ticket(self.stand(state, &tenant))).collect())
        })
    }

    fn stand(&self, state: &mut State, tenant: &Arc<str>) -> Standing {
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

    /// Gives a free slot to whoever is next.
    fn hand_on(&self) {
        if let Some((tenant, call)) = self.with(State::next) {
            // If the call has just left, the slot is dropped, comes back here and goes to the next call.
            drop(call.send(Slot { queue: self.clone(), tenant }));
        }
    }

    /// Nothing panics while it holds the lock, so a poisoned one is as good as any.
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Ticket ===

impl Ticket {
    /// Waits for the slot until `deadline`; returns `None` if it did not come in time.
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
        // A slot that was handed over in this very moment is dropped with the channel, and so goes to the next call.
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

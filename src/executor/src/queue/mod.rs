//! Who runs next, who waits, and who is told to come back later.
//!
//! 1. There are so many places. A call that has one runs.
//! 2. All calls of a request come in together or not at all: into free places, and where there are none, into the queue. The queue
//!    is bounded, over all tenants and for each: a request that does not fit is shed before anything of it ran.
//! 3. A place that comes free goes to the waiting tenant that has the fewest calls running, and among equals to the one whose turn
//!    is longest ago. So a tenant that sends a thousand calls cannot keep another waiting for more than one of them.
//! 4. Within a tenant, calls run in the order in which they came.
//!
//! Not covered: a call that runs is never interrupted for another. With long calls in every place, the others wait for the
//! first of them to end.

mod state;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use self::state::State;

/// How long one that was shed is asked to stay away, for each time that the places are filled by what waits.
const RETRY_STEP: Duration = Duration::from_millis(100);
/// The longest that anyone is asked to stay away.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A queue in front of a number of places. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue(Arc<Mutex<State>>);

/// A call's right to a place, now or in its turn. Dropped, it is given up.
#[derive(Debug)]
pub(crate) struct Ticket(Standing);

#[derive(Debug)]
enum Standing {
    Placed(Place),
    Waiting(Waiting),
}

/// A call in the queue; dropped, it leaves.
#[derive(Debug)]
struct Waiting {
    queue: Queue,
    tenant: Arc<str>,
    number: u64,
    turn: oneshot::Receiver<Place>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Queue,
    tenant: Arc<str>,
}

/// There is no room; nothing was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; try again in {retry:?}")]
pub(crate) struct Shed {
    pub(crate) reason: Full,
    pub(crate) retry: Duration,
}

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// Too many calls wait.
    #[error("{0} calls wait already, as many as may")]
    Queue(u32),
    /// Too many calls of this tenant wait.
    #[error("the tenant has as many calls waiting as one tenant may, {0}")]
    Tenant(u32),
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls that have a place.
    pub running: u32,
    /// Calls that wait for one.
    pub waiting: u32,
}

// === impl Queue ===

impl Queue {
    /// `places` calls run at once; of those that wait there are at most `length`, and `per_tenant` of one tenant.
    pub(crate) fn new(places: u32, length: u32, per_tenant: u32) -> Self {
        Self(Arc::new(Mutex::new(State::new(places, length, per_tenant))))
    }

    /// Takes in all of `count` calls, or none.
    pub(crate) fn enter(&self, tenant: &str, count: usize) -> Result<Vec<Ticket>, Shed> {
        let tenant: Arc<str> = Arc::from(tenant);
        self.with(|state| {
            state.room_for(&tenant, count)?;
            Ok((0..count).map(|_| Ticket(self.stand(state, &tenant))).collect())
        })
    }

    fn stand(&self, state: &mut State, tenant: &Arc<str>) -> Standing {
        if state.take_free(tenant) {
            return Standing::Placed(Place { queue: self.clone(), tenant: Arc::clone(tenant) });
        }
        let (call, turn) = oneshot::channel();
        let number = state.wait(tenant, call);
        Standing::Waiting(Waiting { queue: self.clone(), tenant: Arc::clone(tenant), number, turn })
    }

    /// How full it is.
    pub(crate) fn load(&self) -> Load {
        self.with(|state| state.load())
    }

    /// Gives a free place to whoever is next.
    fn hand_on(&self) {
        if let Some((tenant, call)) = self.with(State::next) {
            // One that has just gone does not take it; dropped, it comes back here and goes on to the next.
            drop(call.send(Place { queue: self.clone(), tenant }));
        }
    }

    /// Nothing panics while it holds the lock, so a poisoned one is as good as any.
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Ticket ===

impl Ticket {
    /// Waits for the place, until `deadline`; `None` where it did not come in time.
    pub(crate) async fn place(self, deadline: Instant) -> Option<Place> {
        match self.0 {
            Standing::Placed(place) => Some(place),
            Standing::Waiting(mut waiting) => timeout_at(deadline, &mut waiting.turn).await.ok()?.ok(),
        }
    }
}

// === impl Waiting ===

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.with(|state| state.leave(&self.tenant, self.number));
        // A place that was handed over in this very moment is dropped with the channel, and so goes on to the next.
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.with(|state| state.give_back(&self.tenant));
        self.queue.hand_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn a_call_finds_a_free_place_at_once() {
        let queue = Queue::new(2, 0, 0);
        let tickets = queue.enter("acme", 2).unwrap();
        assert_eq!(queue.load(), Load { running: 2, waiting: 0 });
        drop(tickets);
        assert_eq!(queue.load(), Load::default());
    }

    #[tokio::test]
    async fn a_request_comes_in_whole_or_not_at_all() {
        let queue = Queue::new(1, 2, 2);
        let first = queue.enter("acme", 2).unwrap();
        let shed = queue.enter("other", 2).unwrap_err();
        assert_eq!(shed.reason, Full::Queue(2));
        assert_eq!(queue.load(), Load { running: 1, waiting: 1 });
        drop(first);
        assert_eq!(queue.enter("other", 2).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_tenant_fills_its_own_share_of_the_queue_and_no_more() {
        let queue = Queue::new(1, 10, 3);
        let _mine = queue.enter("greedy", 4).unwrap();
        assert_eq!(queue.enter("greedy", 1).unwrap_err().reason, Full::Tenant(3));
        assert!(queue.enter("modest", 1).is_ok());
    }

    #[tokio::test]
    async fn one_call_of_another_tenant_runs_after_one_of_a_thousand_and_not_after_all() {
        let queue = Queue::new(1, 2_000, 1_000);
        let mut greedy = queue.enter("greedy", 1_000).unwrap().into_iter();
        let running = greedy.next().unwrap().place(later()).await.unwrap();
        let modest = queue.enter("modest", 1).unwrap().remove(0);
        drop(running);
        let _placed = modest.place(later()).await.unwrap();
        assert_eq!(queue.load(), Load { running: 1, waiting: 999 });
    }

    #[tokio::test]
    async fn tenants_take_turns_whatever_they_sent() {
        let queue = Queue::new(1, 100, 50);
        let first = queue.enter("a", 1).unwrap().remove(0).place(later()).await.unwrap();
        let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
        for (tenant, count) in [("a", 4), ("b", 2), ("c", 1)] {
            for ticket in queue.enter(tenant, count).unwrap() {
                let served = served.clone();
                tokio::spawn(async move {
                    let place = ticket.place(later()).await.unwrap();
                    served.send(tenant).unwrap();
                    drop(place);
                });
            }
        }
        drop(first);
        let mut seen = Vec::new();
        for _ in 0..7 {
            seen.push(order.recv().await.unwrap());
        }
        assert_eq!(seen, ["b", "c", "a", "b", "a", "a", "a"]);
    }

    #[tokio::test]
    async fn one_that_waits_too_long_leaves_the_queue() {
        let queue = Queue::new(1, 10, 10);
        let running = queue.enter("acme", 1).unwrap();
        let waiting = queue.enter("acme", 1).unwrap().remove(0);
        assert!(waiting.place(Instant::now()).await.is_none());
        assert_eq!(queue.load(), Load { running: 1, waiting: 0 });
        drop(running);
        assert_eq!(queue.load(), Load::default());
    }

    #[tokio::test]
    async fn a_place_that_nobody_takes_goes_on_to_the_next() {
        let queue = Queue::new(1, 10, 10);
        let running = queue.enter("acme", 1).unwrap();
        let mut waiting = queue.enter("acme", 2).unwrap();
        let (second, first) = (waiting.pop().unwrap(), waiting.pop().unwrap());
        drop(running);
        // The first was handed the place, and never asked for it.
        drop(first);
        assert!(second.place(later()).await.is_some());
        assert_eq!(queue.load(), Load::default());
    }

    #[test]
    fn the_longer_the_queue_the_longer_one_is_asked_to_stay_away() {
        let delay = |places, waiting| State::new(places, 100_000, 100_000).retry_with(waiting);
        assert_eq!(delay(10, 0), RETRY_STEP);
        assert_eq!(delay(10, 30), RETRY_STEP * 4);
        assert_eq!(delay(1, 100_000), RETRY_MAX);
    }
}

//! Calls in flight in this process, including state not yet confirmed by the database.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::super::Key;

/// The maximum calls running or not settled: far more than run at once, since only calls without the database's answer
/// add up.
const AT_MOST: usize = 10_000;

/// The calls of this process that are not settled.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashMap<Key, Call>>);

enum Call {
    /// It is beginning or running. Waiting requests wake when this is dropped.
    Busy(watch::Sender<()>),
    /// Nothing of it ran, but the database may have its beginning.
    MaybeBegun,
    /// It ended, and the database may lack its end.
    Ended(Vec<u8>),
}

/// State the database may not have.
pub(super) enum Unsettled {
    MaybeBegun,
    Ended(Vec<u8>),
}

/// The answer to a request to enter.
pub(super) enum Entered<'a> {
    Reserved(Reservation<'a>),
    Ended(Vec<u8>),
    /// Too many calls are running or not settled: no more begin.
    Full,
}

/// The exclusive right to begin a call in this process. If it is dropped before the beginning is certain, the call is
/// settled later.
pub(super) struct Reservation<'a> {
    here: &'a InFlight,
    key: Key,
    holds: Holds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The database has no beginning of it from here.
    NotBegun,
    /// The database may have its beginning.
    MaybeBegun,
    /// It runs: this right is over.
    Nothing,
}

/// An end on its way to the database. If it is dropped before it arrives, it is kept here and written later.
pub(super) struct Ending<'a> {
    here: &'a InFlight,
    key: &'a Key,
    /// `None` after its arrival.
    outcome: Option<Vec<u8>>,
}

// === impl InFlight ===

impl InFlight {
    /// Enters after every other request here has begun or run it.
    pub(super) async fn enter(&self, key: &Key) -> Entered<'_> {
        loop {
            let mut busy = {
                let mut calls = self.calls();
                match calls.get(key) {
                    Some(Call::Ended(outcome)) => return Entered::Ended(outcome.clone()),
                    Some(Call::Busy(busy)) => busy.subscribe(),
                    Some(Call::MaybeBegun) => {
                        return Entered::Reserved(self.reserve(&mut calls, key, Holds::MaybeBegun));
                    }
                    None if calls.len() >= AT_MOST => return Entered::Full,
                    None => return Entered::Reserved(self.reserve(&mut calls, key, Holds::NotBegun)),
                }
            };
            // Ends when the sender is dropped, which is an error to it.
            let _ = busy.changed().await;
        }
    }

    /// Enters to take back a possible beginning, unless another request is about to.
    pub(super) fn try_enter(&self, key: &Key) -> Option<Reservation<'_>> {
        let mut calls = self.calls();
        match calls.get(key) {
            Some(Call::MaybeBegun) => Some(self.reserve(&mut calls, key, Holds::MaybeBegun)),
            Some(Call::Busy(_) | Call::Ended(_)) | None => None,
        }
    }

    fn reserve(&self, calls: &mut HashMap<Key, Call>, key: &Key, holds: Holds) -> Reservation<'_> {
        calls.insert(key.clone(), Call::Busy(watch::Sender::new(())));
        Reservation { here: self, key: key.clone(), holds }
    }

    pub(super) fn ending<'a>(&'a self, key: &'a Key, outcome: Vec<u8>) -> Ending<'a> {
        Ending { here: self, key, outcome: Some(outcome) }
    }

    /// The database has everything about it.
    pub(super) fn settled(&self, key: &Key) {
        self.calls().remove(key);
    }

    pub(super) fn unsettled(&self) -> Vec<(Key, Unsettled)> {
        let unsettled = |call: &Call| match call {
            Call::Busy(_) => None,
            Call::MaybeBegun => Some(Unsettled::MaybeBegun),
            Call::Ended(outcome) => Some(Unsettled::Ended(outcome.clone())),
        };
        self.calls().iter().filter_map(|(key, call)| Some((key.clone(), unsettled(call)?))).collect()
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Key, Call>> {
        // No code holding this lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reservation ===

impl Reservation<'_> {
    pub(super) fn must_be_taken_back(&self) -> bool {
        self.holds == Holds::MaybeBegun
    }

    pub(super) fn asked(&mut self) {
        self.holds = Holds::MaybeBegun;
    }

    pub(super) fn not_begun(&mut self) {
        self.holds = Holds::NotBegun;
    }

    pub(super) fn runs(mut self) {
        self.holds = Holds::Nothing;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        match self.holds {
            Holds::Nothing => {}
            Holds::NotBegun => self.here.settled(&self.key),
            Holds::MaybeBegun => {
                self.here.calls().insert(self.key.clone(), Call::MaybeBegun);
            }
        }
    }
}

// === impl Ending ===

impl Ending<'_> {
    pub(super) fn outcome(&self) -> &[u8] {
        self.outcome.as_deref().unwrap_or_default()
    }

    pub(super) fn written(mut self) {
        self.here.settled(self.key);
        self.outcome = None;
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            self.here.calls().insert(self.key.clone(), Call::Ended(outcome));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_database_never_answered_is_bounded() {
        let here = InFlight::default();
        let key = |n: usize| Key { tenant: String::new(), exchange_id: n.to_string(), round: 0, position: 0 };
        for n in 0..AT_MOST {
            let Entered::Reserved(mut reservation) = here.enter(&key(n)).await else { panic!("there is room") };
            reservation.asked();
        }
        assert_eq!(here.unsettled().len(), AT_MOST);
        assert!(matches!(here.enter(&key(AT_MOST)).await, Entered::Full));
        // A known one can be settled, and makes room.
        let Some(mut reservation) = here.try_enter(&key(0)) else { panic!("it is not settled") };
        reservation.not_begun();
        drop(reservation);
        assert!(matches!(here.enter(&key(AT_MOST)).await, Entered::Reserved(_)));
    }
}

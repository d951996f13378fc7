//! The activity of one connection: its open requests, and the time since anything happened.
//!
//! A request is received, handled and answered. A connection must stay open only while it handles a request: nobody may
//! end a call by connecting. A connection that is silent, sends a request slowly or does not read its response may be
//! closed to make room.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// One connection's activity, shared by the task that serves it and the one that makes room.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Milliseconds after `opened` of the last transfer; 0 before the first.
    moved: AtomicU64,
    /// The bytes of requests this connection holds.
    held: AtomicU64,
    budget: Arc<Budget>,
    state: Mutex<ActivityState>,
    leave: Notify,
}

/// The bytes of requests a port holds, from their arrival to their response.
#[derive(Debug)]
pub(super) struct Budget {
    held: AtomicU64,
    most: u64,
}

#[derive(Debug)]
struct ActivityState {
    /// Requests begun and not fully answered.
    open: u32,
    /// Requests received in full and not answered yet.
    handled: u32,
    /// True after the first response.
    proven: bool,
    /// True once the connection is closing: it handles no more requests.
    cut: bool,
    /// The last time a request began, changed its phase or ended.
    since: Instant,
}

/// The order in which connections make room: first those without any response yet, then the quietest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(bool, Instant);

/// The reason a connection is past its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// It has sent nothing yet.
    Silent,
    /// It had requests or a handshake, and is idle now.
    Idle,
    /// A request or a response is under way and no byte moves.
    Stalled,
}

/// One request, until its response has been sent or given up.
#[derive(Debug)]
pub(super) struct OpenRequest {
    activity: Arc<Activity>,
    phase: Mutex<Phase>,
    held: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Received,
    Handled,
    Answered,
}

// === impl Budget ===

impl Budget {
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { held: AtomicU64::new(0), most })
    }
}

// === impl Activity ===

impl Activity {
    pub(super) fn new(budget: Arc<Budget>) -> Arc<Self> {
        let now = Instant::now();
        let state = ActivityState { open: 0, handled: 0, proven: false, cut: false, since: now };
        Arc::new(Self {
            opened: now,
            moved: AtomicU64::new(0),
            held: AtomicU64::new(0),
            budget,
            state: Mutex::new(state),
            leave: Notify::new(),
        })
    }

    /// Notes that bytes moved, in either direction.
    pub(super) fn moved(&self) {
        let after = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(after.max(1), Ordering::Relaxed);
    }

    /// Notes that a request has begun.
    pub(super) fn begin(self: &Arc<Self>) -> Arc<OpenRequest> {
        self.with(|state| state.open += 1);
        Arc::new(OpenRequest {
            activity: Arc::clone(self),
            phase: Mutex::new(Phase::Received),
            held: AtomicU64::new(0),
        })
    }

    /// Returns the connection's rank among those able to make room; `None` while it handles a request.
    pub(super) fn rank(&self) -> Option<Rank> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.handled == 0).then_some(Rank(state.proven, state.since))
    }

    /// Returns the bytes of requests the connection holds.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Asks the connection to leave.
    pub(super) fn dismiss(&self) {
        self.leave.notify_one();
    }

    /// Waits until the connection is asked to leave.
    pub(super) async fn dismissed(&self) {
        self.leave.notified().await;
    }

    /// Returns when and why the connection will be past its time, unless something happens before.
    pub(super) fn quiet_at(&self, first: Duration, idle: Duration) -> (Instant, Quiet) {
        let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.handled > 0 {
            (Instant::now() + idle, Quiet::Stalled)
        } else if state.open > 0 {
            (state.since.max(self.opened + moved) + idle, Quiet::Stalled)
        } else if state.proven || !moved.is_zero() {
            (state.since + idle, Quiet::Idle)
        } else {
            (state.since + first, Quiet::Silent)
        }
    }

    /// Closes the connection to requests, unless it handles one or a response had less than `flush` to leave. Returns
    /// true if it did: then no request is handled any more, and the connection may be dropped.
    pub(super) fn cut(&self, flush: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.cut = state.handled == 0 && (state.open == 0 || state.since.elapsed() >= flush);
        state.cut
    }

    /// Nothing panics while it holds the lock, so a poisoned lock is still sound.
    fn with<R>(&self, change: impl FnOnce(&mut ActivityState) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.since = Instant::now();
        change(&mut state)
    }
}

// === impl OpenRequest ===

impl OpenRequest {
    /// The request's connection.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Counts more of the request's bytes, until it is answered. Returns false if the port's budget is exceeded.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let budget = &self.activity.budget;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.activity.held.fetch_add(bytes, Ordering::Relaxed);
        budget.held.fetch_add(bytes, Ordering::Relaxed) + bytes <= budget.most
    }

    fn release(&self) {
        let bytes = self.held.swap(0, Ordering::Relaxed);
        self.activity.held.fetch_sub(bytes, Ordering::Relaxed);
        self.activity.budget.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Notes that the whole request has arrived. Returns false if its connection is closing: then it must not be
    /// handled.
    #[must_use]
    pub(super) fn received(&self) -> bool {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *phase != Phase::Received {
            return true;
        }
        let handled = self.activity.with(|state| {
            state.handled += u32::from(!state.cut);
            !state.cut
        });
        if handled {
            *phase = Phase::Handled;
        }
        handled
    }

    /// Notes the response's head. If it precedes the end of the request, the rest of the request is not handled.
    pub(super) fn answered(&self) {
        self.release();
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *phase, Phase::Answered);
        self.activity.with(|state| {
            if before == Phase::Handled {
                state.handled = state.handled.saturating_sub(1);
            }
        });
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.release();
        let phase = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        self.activity.with(|state| {
            state.open = state.open.saturating_sub(1);
            match phase {
                Phase::Handled => state.handled = state.handled.saturating_sub(1),
                Phase::Answered => state.proven = true,
                Phase::Received => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn only_a_request_that_is_handled_keeps_its_connection() {
        let activity = Activity::new(Budget::new(100));
        assert_eq!(activity.quiet_at(FIRST, IDLE).1, Quiet::Silent);
        let unproven = activity.rank().unwrap();
        activity.moved();
        assert_eq!(activity.quiet_at(FIRST, IDLE).1, Quiet::Idle);
        let request = activity.begin();
        assert_eq!(activity.quiet_at(FIRST, IDLE).1, Quiet::Stalled);
        assert!(activity.rank().is_some(), "a half request may make room");
        assert!(request.received());
        assert_eq!(activity.rank(), None);
        assert!(!activity.cut(Duration::ZERO));
        request.answered();
        assert!(activity.rank().is_some(), "an answer that is not read may make room");
        assert!(!activity.cut(FIRST) && activity.cut(Duration::ZERO));
        drop(request);
        assert!(activity.cut(FIRST));
        assert!(activity.rank().unwrap() > unproven, "a connection without an answer makes room first");
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_does_not_count_on() {
        let activity = Activity::new(Budget::new(100));
        let request = activity.begin();
        assert!(request.received());
        drop(request);
        assert!(activity.rank().is_some() && activity.cut(FIRST));
    }

    #[tokio::test]
    async fn bytes_are_held_until_the_answer() {
        let budget = Budget::new(100);
        let (one, two) = (Activity::new(Arc::clone(&budget)), Activity::new(Arc::clone(&budget)));
        let (first, second) = (one.begin(), two.begin());
        assert!(first.hold(60) && second.hold(40) && !second.hold(1));
        assert_eq!((one.held(), two.held()), (60, 41));
        first.answered();
        assert!(second.hold(50));
        drop((first, second));
        assert_eq!((one.held(), two.held(), budget.held.load(Ordering::Relaxed)), (0, 0, 0));
    }

    #[tokio::test]
    async fn a_request_that_is_whole_after_the_cut_is_not_handled() {
        let activity = Activity::new(Budget::new(100));
        let (early, late) = (activity.begin(), activity.begin());
        assert!(early.received() && !activity.cut(Duration::ZERO));
        early.answered();
        assert!(activity.cut(Duration::ZERO));
        assert!(!late.received());
    }
}

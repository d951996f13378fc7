//! Sessions with one MCP server, one for each tenant.
//!
//! A server may keep state in a session, so tenants never share one. Their number is bounded: beyond it the tenant
//! silent for longest loses its session, and gets a new one with its next call. An unused session ends after a while. A
//! call holds its tenant's line, and with it the session, until it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

/// The time after which an unused session ends.
const IDLE: Duration = Duration::from_secs(300);
/// The interval between two looks for idle sessions.
const SWEEP: Duration = Duration::from_secs(30);

/// The sessions with one server, by tenant.
pub(super) struct Sessions<S> {
    table: Arc<Table<S>>,
    /// The maximum number of sessions.
    most: usize,
}

/// One tenant's line to the server, with its open session, if any.
pub(super) struct Line<S> {
    /// Held while a session opens, so only one opens at a time.
    pub(super) beginning: tokio::sync::Mutex<()>,
    session: Mutex<Option<Arc<S>>>,
}

struct Table<S> {
    lines: Mutex<Lines<S>>,
}

struct Lines<S> {
    by_tenant: HashMap<String, SessionSlot<S>>,
    /// True if a task looks for idle sessions.
    swept: bool,
}

struct SessionSlot<S> {
    line: Arc<Line<S>>,
    used: Instant,
}

// === impl Sessions ===

impl<S: Send + Sync + 'static> Sessions<S> {
    pub(super) fn new(most: usize) -> Self {
        let lines = Mutex::new(Lines { by_tenant: HashMap::new(), swept: false });
        Self { table: Arc::new(Table { lines }), most }
    }

    /// Returns the tenant's line and marks it as used now.
    pub(super) fn line(&self, tenant: &str, now: Instant) -> Arc<Line<S>> {
        let mut lines = self.table.lines();
        if !std::mem::replace(&mut lines.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.table)));
        }
        if let Some(slot) = lines.by_tenant.get_mut(tenant) {
            slot.used = now;
            return Arc::clone(&slot.line);
        }
        if lines.by_tenant.len() >= self.most {
            let oldest = lines.by_tenant.iter().min_by_key(|(_, slot)| slot.used).map(|(tenant, _)| tenant.clone());
            oldest.and_then(|tenant| lines.by_tenant.remove(&tenant));
        }
        let line = Arc::new(Line::new());
        lines.by_tenant.insert(tenant.to_owned(), SessionSlot { line: Arc::clone(&line), used: now });
        line
    }
}

/// Ends idle sessions until the table is gone or empty.
async fn sweep<S>(table: Weak<Table<S>>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(table) = table.upgrade() else { return };
        if table.end_idle(Instant::now()) {
            return;
        }
    }
}

// === impl Table ===

impl<S> Table<S> {
    /// Drops unused lines no call holds. Returns true if none is left.
    fn end_idle(&self, now: Instant) -> bool {
        let mut lines = self.lines();
        lines
            .by_tenant
            .retain(|_, slot| Arc::strong_count(&slot.line) > 1 || now.saturating_duration_since(slot.used) < IDLE);
        let empty = lines.by_tenant.is_empty();
        lines.swept = !empty;
        empty
    }

    fn lines(&self) -> MutexGuard<'_, Lines<S>> {
        // Nothing panics while it is held, and every change is complete.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Line ===

impl<S> Line<S> {
    fn new() -> Self {
        Self { beginning: tokio::sync::Mutex::new(()), session: Mutex::new(None) }
    }

    /// Returns the session if it is `usable`; drops an unusable one.
    pub(super) fn open(&self, usable: impl FnOnce(&S) -> bool) -> Option<Arc<S>> {
        let mut session = self.session();
        if session.as_ref().is_some_and(|session| !usable(session)) {
            *session = None;
        }
        session.clone()
    }

    pub(super) fn set(&self, begun: Arc<S>) {
        *self.session() = Some(begun);
    }

    /// Drops a lost session, unless another has taken its place.
    pub(super) fn forget(&self, lost: &Arc<S>) {
        let mut session = self.session();
        if session.as_ref().is_some_and(|session| Arc::ptr_eq(session, lost)) {
            *session = None;
        }
    }

    fn session(&self) -> MutexGuard<'_, Option<Arc<S>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSIONS: usize = 64;

    #[tokio::test]
    async fn each_tenant_has_a_session_of_its_own_and_their_number_is_bounded() {
        let sessions = Sessions::<u32>::new(SESSIONS);
        let now = Instant::now();
        let first = sessions.line("a", now);
        first.set(Arc::new(1));
        assert!(Arc::ptr_eq(&first, &sessions.line("a", now)));
        assert!(sessions.line("b", now).open(|_| true).is_none());
        for n in 0..10 * SESSIONS {
            let later = now + Duration::from_millis(u64::try_from(n).unwrap());
            sessions.line(&format!("t{n}"), later);
            assert!(sessions.table.lines().by_tenant.len() <= SESSIONS);
        }
        assert!(!Arc::ptr_eq(&first, &sessions.line("a", now)), "the tenant that was silent longest lost its session");
        assert!(first.open(|_| true).is_some(), "a call that holds the line keeps the session until it ends");
    }

    #[tokio::test]
    async fn idle_sessions_end_and_those_of_running_calls_stay() {
        let sessions = Sessions::<u32>::new(SESSIONS);
        let now = Instant::now();
        let held = sessions.line("running", now);
        drop(sessions.line("idle", now));
        assert!(!sessions.table.end_idle(now + IDLE / 2));
        assert_eq!(sessions.table.lines().by_tenant.len(), 2);
        assert!(!sessions.table.end_idle(now + IDLE));
        assert!(Arc::ptr_eq(&held, &sessions.line("running", now)));
        drop(held);
        assert!(sessions.table.end_idle(now + IDLE), "the last one ends the sweep");
    }

    #[tokio::test]
    async fn a_lost_session_is_forgotten_and_a_newer_one_is_not() {
        let line = Line::new();
        let (lost, newer) = (Arc::new(1), Arc::new(2));
        line.set(Arc::clone(&newer));
        line.forget(&lost);
        assert_eq!(line.open(|_| true), Some(Arc::clone(&newer)));
        line.forget(&newer);
        assert_eq!(line.open(|_| true), None);
    }
}

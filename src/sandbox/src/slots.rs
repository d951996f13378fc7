//! The slots of running calls, and a watch for stuck ones.
//!
//! A call returns its slot when its instance is gone. A call past its deadline is cut off, so a slot held long after
//! that is stuck: a host call blocks its thread. A look also asks the blocking threads for a sign of life: if all of
//! them wait, every call that touches a file times out, although no slot is stuck.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// The time after a call's deadline at which its slot counts as stuck.
const OVERDUE: Duration = Duration::from_secs(5);
/// The time without a sign of life at which the blocking threads count as stuck.
const SILENT: Duration = Duration::from_secs(10);

/// The slots of running calls. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    permits: Arc<Semaphore>,
    held: Arc<Mutex<Deadlines>>,
    number: u32,
}

/// A slot for one call, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    id: u64,
    _permit: OwnedSemaphorePermit,
}

/// The deadlines of the calls with a slot.
#[derive(Debug, Default)]
struct Deadlines {
    deadlines: HashMap<u64, Instant>,
    next: u64,
}

/// The sandbox's health at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// The slots whose calls should have ended.
    pub stuck: u32,
    /// All slots.
    pub slots: u32,
    /// True if the blocking threads give no sign of life.
    pub silent: bool,
}

/// Looks at a sandbox repeatedly.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<Probe>>);

/// A task for the blocking threads, as a sign of life.
#[derive(Debug)]
struct Probe {
    since: Instant,
    task: JoinHandle<()>,
}

// === impl Slots ===

impl Slots {
    pub(super) fn new(number: u32) -> Self {
        let permits = usize::try_from(number).unwrap_or(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), held: Arc::default(), number }
    }

    /// Waits for a slot for a call that must end by `deadline`; returns `None` after it.
    pub(super) async fn take(&self, deadline: Instant) -> Option<Slot> {
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()?;
        let id = self.with(|held| {
            held.next += 1;
            held.deadlines.insert(held.next, deadline);
            held.next
        });
        Some(Slot { slots: self.clone(), id, _permit: permit })
    }

    fn overdue(&self, now: Instant) -> u32 {
        let late = |deadline: &&Instant| now.saturating_duration_since(**deadline) > OVERDUE;
        self.with(|held| u32::try_from(held.deadlines.values().filter(late).count()).unwrap_or(u32::MAX))
    }

    /// Nothing panics while it holds the lock, so a poisoned lock is still sound.
    fn with<R>(&self, f: impl FnOnce(&mut Deadlines) -> R) -> R {
        f(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Slot ===

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.with(|held| held.deadlines.remove(&self.id));
    }
}

// === impl Watch ===

impl Watch {
    /// Looks at the slots and at the blocking threads of `threads`. Never waits.
    pub(super) fn look(&self, slots: &Slots, threads: &Handle) -> Pulse {
        let now = Instant::now();
        let mut probe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = match &*probe {
            Some(probe) if !probe.task.is_finished() => now.saturating_duration_since(probe.since) > SILENT,
            Some(_) | None => {
                *probe = Some(Probe { since: now, task: threads.spawn_blocking(|| ()) });
                false
            }
        };
        Pulse { stuck: slots.overdue(now), slots: slots.number, silent }
    }
}

// === impl Pulse ===

impl Pulse {
    /// Returns true if too few slots are left to take calls: less than one in ten.
    pub fn is_failing(&self) -> bool {
        let left = self.slots.saturating_sub(self.stuck);
        self.silent || (self.stuck > 0 && left.saturating_mul(10) < self.slots.max(10))
    }
}

impl fmt::Display for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stuck, slots, silent } = self;
        if *silent {
            write!(f, "file operations of tools do not come back ({stuck} of {slots} slots are stuck)")?;
        } else {
            write!(f, "calls do not end at their timeout ({stuck} of {slots} slots are stuck)")?;
        }
        f.write_str("; look at the disks of granted folders, or restart")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_slot_that_does_not_come_back_is_stuck_until_it_does() {
        let (slots, watch) = (Slots::new(2), Watch::default());
        let threads = Handle::current();
        let now = Instant::now();
        let long_ago = now.checked_sub(OVERDUE * 2).unwrap();
        let stuck = slots.take(long_ago).await.unwrap();
        let running = slots.take(now + OVERDUE).await.unwrap();
        assert!(slots.take(now).await.is_none());
        let pulse = watch.look(&slots, &threads);
        assert_eq!((pulse, pulse.is_failing()), (Pulse { stuck: 1, slots: 2, silent: false }, false));
        drop(running);
        let too = slots.take(long_ago).await.unwrap();
        let pulse = watch.look(&slots, &threads);
        assert_eq!((pulse.stuck, pulse.is_failing()), (2, true));
        assert!(pulse.to_string().starts_with("calls do not end at their timeout (2 of 2 slots are stuck)"), "{pulse}");
        drop((stuck, too));
        let pulse = watch.look(&slots, &threads);
        assert_eq!((pulse.stuck, pulse.is_failing()), (0, false));
    }

    #[test]
    fn a_few_stuck_slots_among_many_do_not_stop_calls() {
        let failing = |stuck, slots| Pulse { stuck, slots, silent: false }.is_failing();
        assert!(!failing(0, 1) && failing(1, 1));
        assert!(!failing(14, 16) && failing(15, 16));
        assert!(!failing(921, 1024) && failing(922, 1024));
    }

    /// The deadlock of a folder's lock: every blocking thread waits, and no slot is stuck.
    #[test]
    fn blocking_threads_that_all_wait_are_noticed_until_they_go_on() {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let (slots, watch) = (Slots::new(4), Watch::default());
        let mut gates = Vec::new();
        for _ in 0..2 {
            let (gate, held) = mpsc::channel::<()>();
            threads.spawn_blocking(move || held.recv().unwrap_or(()));
            gates.push(gate);
        }
        assert!(!watch.look(&slots, threads.handle()).silent);
        // As if the question were old.
        let long_ago = Instant::now().checked_sub(SILENT * 2).unwrap();
        watch.0.lock().unwrap().as_mut().unwrap().since = long_ago;
        let pulse = watch.look(&slots, threads.handle());
        assert!(pulse.silent && pulse.is_failing(), "{pulse:?}");
        drop(gates);
        let until = Instant::now() + Duration::from_secs(30);
        while watch.look(&slots, threads.handle()).silent {
            assert!(Instant::now() < until, "the threads went on, and nobody noticed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

//! The queue's books: slots, tenants and the next turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Load, QueueLimit, RETRY_MAX, RETRY_STEP, Shed, Slot};

#[derive(Debug)]
pub(super) struct QueueState {
    slots: u32,
    length: u32,
    per_tenant: u32,
    load: Load,
    tenants: HashMap<Arc<str>, Tenant>,
    /// The waiting tenants, next one first.
    order: BTreeMap<Rank, Arc<str>>,
    /// Counts arrivals and turns. No two events share a number, so a rank never ties.
    clock: u64,
}

/// Running calls, then the time at which the tenant's claim began. Names never decide.
type Rank = (u32, u64);

/// A tenant with a running or waiting call.
#[derive(Debug, Default)]
struct Tenant {
    running: u32,
    /// The later of two times: the start of the tenant's wait, and its last turn.
    claim: u64,
    /// Waiting calls by arrival.
    waiting: BTreeMap<u64, oneshot::Sender<Slot>>,
}

// === impl QueueState ===

impl QueueState {
    pub(super) fn new(slots: u32, length: u32, per_tenant: u32) -> Self {
        Self {
            slots,
            length,
            per_tenant,
            load: Load::default(),
            tenants: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
        }
    }

    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// Checks that this many calls of a tenant fit.
    pub(super) fn room_for(&self, tenant: &str, count: usize) -> Result<(), Shed> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let shed = |reason| Shed { reason, retry: self.retry_with(self.load.waiting) };
        // A call does not wait if a slot is free. While anyone waits, a free slot is theirs.
        let free = if self.load.waiting == 0 { self.slots.saturating_sub(self.load.running) } else { 0 };
        let wait = count.saturating_sub(free);
        if wait == 0 {
            return Ok(());
        }
        if self.load.waiting.saturating_add(wait) > self.length {
            return Err(shed(QueueLimit::Queue(self.length)));
        }
        let of_tenant = self.tenants.get(tenant).map_or(0, Tenant::waits);
        if of_tenant.saturating_add(wait) > self.per_tenant {
            return Err(shed(QueueLimit::Tenant(self.per_tenant)));
        }
        Ok(())
    }

    /// Returns a delay that grows with how many times the waiting calls fill the slots.
    pub(super) fn retry_with(&self, waiting: u32) -> Duration {
        let fillings = waiting.checked_div(self.slots).unwrap_or(u32::MAX);
        RETRY_STEP.saturating_mul(fillings.saturating_add(1)).min(RETRY_MAX)
    }

    pub(super) fn take_free(&mut self, tenant: &Arc<str>) -> bool {
        if self.load.running >= self.slots || self.load.waiting > 0 {
            return false;
        }
        self.run(tenant);
        true
    }

    /// Puts a call at the end of its tenant's line, and returns its number there.
    pub(super) fn wait(&mut self, tenant: &Arc<str>, turn: oneshot::Sender<Slot>) -> u64 {
        let number = self.tick();
        self.load.waiting += 1;
        self.change(tenant, |of| {
            // A tenant that begins to wait ranks after the waiting ones, known before or not.
            if of.waiting.is_empty() {
                of.claim = number;
            }
            of.waiting.insert(number, turn);
        });
        number
    }

    /// Takes a call out of its line; nothing happens if it is not there.
    pub(super) fn leave(&mut self, tenant: &Arc<str>, number: u64) {
        let mut left = None;
        self.change(tenant, |of| left = of.waiting.remove(&number));
        if left.is_some() {
            self.load.waiting = self.load.waiting.saturating_sub(1);
        }
    }

    /// Takes a free slot for the next call, if one waits.
    pub(super) fn next(&mut self) -> Option<(Arc<str>, oneshot::Sender<Slot>)> {
        if self.load.running >= self.slots {
            return None;
        }
        let (_, tenant) = self.order.first_key_value()?;
        let tenant = Arc::clone(tenant);
        let mut call = None;
        self.change(&tenant, |of| call = of.waiting.pop_first());
        let (_, turn) = call?;
        self.load.waiting = self.load.waiting.saturating_sub(1);
        self.run(&tenant);
        Some((tenant, turn))
    }

    pub(super) fn give_back(&mut self, tenant: &Arc<str>) {
        self.load.running = self.load.running.saturating_sub(1);
        self.change(tenant, |of| of.running = of.running.saturating_sub(1));
    }

    fn run(&mut self, tenant: &Arc<str>) {
        let turn = self.tick();
        self.load.running += 1;
        self.change(tenant, |of| {
            of.running += 1;
            of.claim = turn;
        });
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Changes a tenant and keeps its rank right. A tenant with nothing left is forgotten.
    fn change(&mut self, tenant: &Arc<str>, change: impl FnOnce(&mut Tenant)) {
        let of = self.tenants.entry(Arc::clone(tenant)).or_default();
        if !of.waiting.is_empty() {
            self.order.remove(&of.rank());
        }
        change(of);
        if !of.waiting.is_empty() {
            self.order.insert(of.rank(), Arc::clone(tenant));
        } else if of.running == 0 {
            self.tenants.remove(tenant);
        }
    }
}

// === impl Tenant ===

impl Tenant {
    fn rank(&self) -> Rank {
        (self.running, self.claim)
    }

    fn waits(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
}

//! The queue's books: places, tenants, and who is next.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Full, Load, Place, RETRY_MAX, RETRY_STEP, Shed};

#[derive(Debug)]
pub(super) struct State {
    places: u32,
    length: u32,
    per_tenant: u32,
    load: Load,
    tenants: HashMap<Arc<str>, Tenant>,
    /// The tenants that wait, next one first.
    order: BTreeSet<Rank>,
    /// Counts entries and turns, so that each has a number of its own.
    clock: u64,
}

/// By running calls, then by the last turn, then by name.
type Rank = (u32, u64, Arc<str>);

/// A tenant that has a call running or waiting.
#[derive(Debug, Default)]
struct Tenant {
    running: u32,
    last_turn: u64,
    waiting: VecDeque<Call>,
}

#[derive(Debug)]
struct Call {
    number: u64,
    turn: oneshot::Sender<Place>,
}

// === impl State ===

impl State {
    pub(super) fn new(places: u32, length: u32, per_tenant: u32) -> Self {
        Self {
            places,
            length,
            per_tenant,
            load: Load::default(),
            tenants: HashMap::new(),
            order: BTreeSet::new(),
            clock: 0,
        }
    }

    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// Whether that many calls of a tenant fit.
    pub(super) fn room_for(&self, tenant: &str, count: usize) -> Result<(), Shed> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let shed = |reason| Shed { reason, retry: self.retry_with(self.load.waiting) };
        // Those that find a place at once do not wait. While anyone waits, a free place is theirs.
        let free = if self.load.waiting == 0 { self.places.saturating_sub(self.load.running) } else { 0 };
        let wait = count.saturating_sub(free);
        if wait == 0 {
            return Ok(());
        }
        if self.load.waiting.saturating_add(wait) > self.length {
            return Err(shed(Full::Queue(self.length)));
        }
        let of_tenant = self.tenants.get(tenant).map_or(0, Tenant::waits);
        if of_tenant.saturating_add(wait) > self.per_tenant {
            return Err(shed(Full::Tenant(self.per_tenant)));
        }
        Ok(())
    }

    /// A delay that grows with how many times the places are filled by what waits.
    pub(super) fn retry_with(&self, waiting: u32) -> Duration {
        let fillings = waiting.checked_div(self.places).unwrap_or(u32::MAX);
        RETRY_STEP.saturating_mul(fillings.saturating_add(1)).min(RETRY_MAX)
    }

    pub(super) fn take_free(&mut self, tenant: &Arc<str>) -> bool {
        if self.load.running >= self.places || self.load.waiting > 0 {
            return false;
        }
        let turn = self.tick();
        self.run(tenant, turn);
        true
    }

    pub(super) fn wait(&mut self, tenant: &Arc<str>, turn: oneshot::Sender<Place>) -> u64 {
        let number = self.tick();
        self.load.waiting += 1;
        self.change(tenant, |of| of.waiting.push_back(Call { number, turn }));
        number
    }

    /// A call does not wait any more; nothing happens if it does not.
    pub(super) fn leave(&mut self, tenant: &Arc<str>, number: u64) {
        let mut left = 0;
        self.change(tenant, |of| {
            let before = of.waiting.len();
            of.waiting.retain(|call| call.number != number);
            left = before - of.waiting.len();
        });
        self.load.waiting = self.load.waiting.saturating_sub(u32::try_from(left).unwrap_or(u32::MAX));
    }

    /// Whose turn it is, if a place is free and somebody waits. The place is taken.
    pub(super) fn next(&mut self) -> Option<(Arc<str>, oneshot::Sender<Place>)> {
        if self.load.running >= self.places {
            return None;
        }
        let (_, _, tenant) = self.order.first()?.clone();
        let turn = self.tick();
        let mut call = None;
        self.change(&tenant, |of| call = of.waiting.pop_front());
        let call = call?;
        self.load.waiting = self.load.waiting.saturating_sub(1);
        self.run(&tenant, turn);
        Some((tenant, call.turn))
    }

    pub(super) fn give_back(&mut self, tenant: &Arc<str>) {
        self.load.running = self.load.running.saturating_sub(1);
        self.change(tenant, |of| of.running = of.running.saturating_sub(1));
    }

    fn run(&mut self, tenant: &Arc<str>, turn: u64) {
        self.load.running += 1;
        self.change(tenant, |of| {
            of.running += 1;
            of.last_turn = turn;
        });
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Changes a tenant and keeps its rank right. One with nothing left is forgotten.
    fn change(&mut self, tenant: &Arc<str>, change: impl FnOnce(&mut Tenant)) {
        let of = self.tenants.entry(Arc::clone(tenant)).or_default();
        if !of.waiting.is_empty() {
            self.order.remove(&of.rank(tenant));
        }
        change(of);
        if !of.waiting.is_empty() {
            self.order.insert(of.rank(tenant));
        } else if of.running == 0 {
            self.tenants.remove(tenant);
        }
    }
}

// === impl Tenant ===

impl Tenant {
    fn rank(&self, name: &Arc<str>) -> Rank {
        (self.running, self.last_turn, Arc::clone(name))
    }

    fn waits(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
}

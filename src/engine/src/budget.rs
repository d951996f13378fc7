//! Everything that the gates of one worker share: the memory of its exchanges, and the store of counters.
//!
//! The memory is bounded in all and for each tenant.
//!
//! A WebAssembly instance without memory ends every exchange of its worker. So each exchange claims bytes
//! before it holds them:
//!
//! - A tenant may hold as many bytes as are free: a claim is granted while the tenant's total is at most the bytes left free.
//!   So a tenant alone gets half of the budget, and a tenant that holds nothing always finds room. (This is the
//!   *dynamic threshold* of Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998, with a factor of 1.)
//! - A new exchange is admitted up to three quarters of it. The rest is left to exchanges under way.
//!
//! A dropped claim returns all its bytes. Not covered: the host's own buffers.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use callgate_limits::{SEED_BYTES, Slots, Table};

/// The default budget of a worker. The memory of an instance is bounded at 1 GiB, a growing buffer can take twice its
/// content, and reading a body takes a multiple of it for a moment.
pub const DEFAULT_HELD_BYTES: u64 = 256 << 20;

/// The cost of an exchange before it holds a byte of a body: its states.
const EXCHANGE_BYTES: usize = 8 << 10;

/// The budget of one worker.
#[derive(Debug)]
pub(crate) struct Budget {
    most: usize,
    held: RefCell<HeldBytes>,
    /// The counters of limits. Every gate of a worker counts in the same store.
    slots: OnceCell<Rc<dyn Slots>>,
}

#[derive(Debug, Default)]
struct HeldBytes {
    all: usize,
    /// Tenants with claims.
    tenants: HashMap<Rc<str>, Rc<TenantBytes>>,
}

/// The bytes of one tenant. Its claims share it, so a claim changes them without a look-up.
#[derive(Debug)]
struct TenantBytes {
    name: Rc<str>,
    bytes: Cell<usize>,
}

/// The bytes claimed by one exchange.
#[derive(Debug)]
pub(crate) struct Claim {
    budget: Rc<Budget>,
    tenant: Rc<TenantBytes>,
    bytes: usize,
}

/// The budget, or the tenant's share of it, is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfBudget;

// === impl Budget ===

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, held: RefCell::default(), slots: OnceCell::new() }
    }

    /// Chooses the store of counters, before the first exchange.
    pub(crate) fn choose_slots(&self, slots: Rc<dyn Slots>) {
        // A store that is chosen stays: its counts would be lost otherwise.
        let _ = self.slots.set(slots);
    }

    /// The store of counters: that of the host, or one of this worker alone.
    pub(crate) fn slots(&self) -> &dyn Slots {
        &**self.slots.get_or_init(|| Rc::new(Table::new([0; SEED_BYTES])))
    }

    /// Admits an exchange of a tenant.
    pub(crate) fn admit(self: &Rc<Self>, tenant: &str) -> Result<Claim, OutOfBudget> {
        let mut held = self.held.borrow_mut();
        let known = held.tenants.get(tenant).map(Rc::clone);
        let own = known.as_ref().map_or(0, |tenant| tenant.bytes.get());
        if own > self.most.saturating_sub(held.all) / 4 * 3 {
            return Err(OutOfBudget);
        }
        let tenant = known.unwrap_or_else(|| {
            let name: Rc<str> = Rc::from(tenant);
            let tenant = Rc::new(TenantBytes { name: Rc::clone(&name), bytes: Cell::new(0) });
            held.tenants.insert(name, Rc::clone(&tenant));
            tenant
        });
        drop(held);
        let mut claim = Claim { budget: Rc::clone(self), tenant, bytes: 0 };
        claim.resize(EXCHANGE_BYTES)?;
        Ok(claim)
    }
}

// === impl Claim ===

impl Claim {
    /// The tenant.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant.name
    }

    /// Sets the bytes of the exchange. Fewer than before are always granted.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), OutOfBudget> {
        self.resize(bytes.saturating_add(EXCHANGE_BYTES))
    }

    fn resize(&mut self, bytes: usize) -> Result<(), OutOfBudget> {
        let mut held = self.budget.held.borrow_mut();
        let before = self.tenant.bytes.get();
        let after = before.saturating_sub(self.bytes).saturating_add(bytes);
        let all = held.all.saturating_sub(before).saturating_add(after);
        if after > before && after > self.budget.most.saturating_sub(all) {
            return Err(OutOfBudget);
        }
        held.all = all;
        self.tenant.bytes.set(after);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Fewer bytes are always granted.
        let _ = self.resize(0);
        if self.tenant.bytes.get() == 0 {
            self.budget.held.borrow_mut().tenants.remove(&self.tenant.name);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn budget(most: usize) -> Rc<Budget> {
        Rc::new(Budget::new(most))
    }

    /// Admits and claims until a claim is refused.
    fn fill(budget: &Rc<Budget>, tenant: &str, each: usize) -> Vec<Claim> {
        let mut claims = Vec::new();
        while let Ok(mut claim) = budget.admit(tenant) {
            if claim.set(each).is_err() {
                break;
            }
            claims.push(claim);
        }
        claims
    }

    #[test]
    fn a_tenant_alone_leaves_room_for_another() {
        let budget = budget(64 * MIB);
        let hostile = fill(&budget, "hostile", MIB);
        assert!((24..32).contains(&hostile.len()), "{}", hostile.len());
        let mut honest = budget.admit("honest").unwrap();
        assert_eq!(honest.set(MIB), Ok(()));
    }

    #[test]
    fn however_many_tenants_fill_the_budget_the_next_one_is_served() {
        let budget = budget(64 * MIB);
        let held: Vec<Vec<Claim>> = (0..5).map(|number| fill(&budget, &format!("tenant-{number}"), MIB / 4)).collect();
        assert!(held.iter().all(|claims| !claims.is_empty()));
        let all = budget.held.borrow().all;
        assert!(all < 64 * MIB, "{all}");
        assert!(budget.admit("honest").unwrap().set(MIB / 4).is_ok());
    }

    #[test]
    fn a_claim_that_ends_gives_everything_back() {
        let budget = budget(4 * MIB);
        for _ in 0..100 {
            let claims = fill(&budget, "acme", MIB / 2);
            assert!(!claims.is_empty());
        }
        assert_eq!(budget.held.borrow().all, 0);
        assert!(budget.held.borrow().tenants.is_empty());
    }

    #[test]
    fn an_exchange_that_has_begun_may_grow_when_nothing_new_is_admitted() {
        let budget = budget(8 * MIB);
        let mut claim = budget.admit("acme").unwrap();
        assert_eq!(claim.set(4 * MIB - 2 * EXCHANGE_BYTES), Ok(()));
        assert_eq!(budget.admit("acme").map(|_| ()), Err(OutOfBudget));
        assert_eq!(claim.set(4 * MIB - EXCHANGE_BYTES), Ok(()));
        assert_eq!(claim.set(4 * MIB), Err(OutOfBudget), "half of the budget is nobody's");
        assert_eq!(claim.set(MIB), Ok(()));
        assert!(budget.admit("acme").is_ok());
    }
}

//! The counts that a contract asks for: rates, budgets, and turns and calls of conversations.
//!
//! A [`CountPlan`] lists the counts of one request, turn, call or exchange. The gate makes it in its own store, or asks the executor, which
//! makes the same plan from its own copy of the contract. Nothing but the contract says how much is allowed.
//!
//! 1. A request begins a turn of its conversation, and counts for its role. Tokens and cost are not known yet: a charge of zero asks if
//!    any are left.
//! 2. A call counts for its role, its tool and its conversation.
//! 3. A further round is a turn.
//! 4. At the end of an exchange its tokens and its cost are counted, whatever the limits are.
//!
//! A plan is all or nothing: if one limit is reached, the counts before it are taken back.

mod refusal;

use std::sync::Arc;

use callgate_limits::{
    Admission, Charge, ConversationRules, CounterKey, CounterSlot, Limit, Slots, Standing, StoreError, Unit, add,
    admit, begin_turn, count_call, give_back, give_turn_back,
};

pub use self::refusal::{CountCode, CountRefusal, NotCounted};
use crate::decide::Caller;
use crate::model::{Contract, Role, Tool};

/// The owner of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitOwner {
    /// A role.
    Role(Arc<str>),
    /// A tool.
    Tool(Arc<str>),
}

/// Counts that are made together.
#[derive(Debug, Clone, Default)]
pub struct CountPlan(Vec<PlannedCount>);

/// One count of a plan.
#[derive(Debug, Clone)]
enum PlannedCount {
    /// Charges against limits.
    Limits { key: CounterKey, owner: LimitOwner, charges: Vec<Charge> },
    /// Charges that are known only afterwards.
    Usage { key: CounterKey, charges: Vec<Charge> },
    /// A turn of a conversation.
    Turn { key: CounterKey, rules: ConversationRules },
    /// A call of a conversation.
    Call { key: CounterKey, rules: ConversationRules },
}

impl Contract {
    /// Plans the counts of a request. `conversation` is the name of its conversation, if it belongs to one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn counts_of_request(
        &self,
        slots: &dyn Slots,
        caller: &Caller,
        conversation: Option<&str>,
    ) -> Result<CountPlan, StoreError> {
        let mut plan = self.counts_of_turn(slots, caller, conversation)?;
        if let Some(role) = self.limited_role(caller) {
            plan.limits(self, slots, caller, LimitOwner::Role(role.shared_name()), &role.limits, |limit| match limit
                .unit
            {
                Unit::Requests => Some(1),
                Unit::Tokens | Unit::Cost => Some(0),
                Unit::Calls => None,
            })?;
        }
        Ok(plan)
    }

    /// Plans the count of a further round of the model.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn counts_of_turn(
        &self,
        slots: &dyn Slots,
        caller: &Caller,
        conversation: Option<&str>,
    ) -> Result<CountPlan, StoreError> {
        let (Some(policy), Some(name)) = (self.conversation(), conversation) else { return Ok(CountPlan::default()) };
        let key = self.conversation_key(slots, caller, name)?;
        Ok(CountPlan(vec![PlannedCount::Turn { key, rules: policy.rules }]))
    }

    /// Plans the counts of a call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn counts_of_call(
        &self,
        slots: &dyn Slots,
        caller: &Caller,
        conversation: Option<&str>,
        tool: &Tool,
    ) -> Result<CountPlan, StoreError> {
        let mut plan = CountPlan::default();
        let one = |limit: &Limit| (limit.unit == Unit::Calls).then_some(1);
        if let Some(role) = self.limited_role(caller) {
            plan.limits(self, slots, caller, LimitOwner::Role(role.shared_name()), &role.limits, one)?;
        }
        plan.limits(self, slots, caller, LimitOwner::Tool(tool.shared_name()), &tool.limits, one)?;
        if let (Some(policy), Some(name)) = (self.conversation(), conversation)
            && policy.rules.max_calls.is_some()
        {
            let key = self.conversation_key(slots, caller, name)?;
            plan.0.push(PlannedCount::Call { key, rules: policy.rules });
        }
        Ok(plan)
    }

    /// Plans the counts of the tokens and the cost of an exchange. The cost is in millionths of the unit of the contract's currency.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has no seed.
    pub fn counts_of_usage(
        &self,
        slots: &dyn Slots,
        caller: &Caller,
        tokens: u64,
        cost_micros: u64,
    ) -> Result<CountPlan, StoreError> {
        let Some(role) = self.limited_role(caller) else { return Ok(CountPlan::default()) };
        let charges = charges(&role.limits, |limit| match limit.unit {
            Unit::Tokens => Some(tokens).filter(|amount| *amount > 0),
            Unit::Cost => Some(cost_micros).filter(|amount| *amount > 0),
            Unit::Requests | Unit::Calls => None,
        });
        if charges.is_empty() {
            return Ok(CountPlan::default());
        }
        let key = self.limits_key(slots, caller, &LimitOwner::Role(role.shared_name()))?;
        Ok(CountPlan(vec![PlannedCount::Usage { key, charges }]))
    }

    /// Returns true if a request of this role is counted. `converses` is true if it belongs to a conversation.
    pub fn counts_requests(&self, role: &str, converses: bool) -> bool {
        let limits = self.role(role).map(Role::limits).unwrap_or_default();
        converses && self.conversation.is_some() || limits.iter().any(|limit| limit.unit != Unit::Calls)
    }

    /// Returns true if a call of this tool by this role is counted.
    pub fn counts_calls(&self, role: &str, tool: &Tool, converses: bool) -> bool {
        let is_of_calls = |limits: &[Limit]| limits.iter().any(|limit| limit.unit == Unit::Calls);
        let max_calls = self.conversation.as_ref().and_then(|policy| policy.rules.max_calls);
        converses && max_calls.is_some()
            || is_of_calls(&tool.limits)
            || self.role(role).is_some_and(|role| is_of_calls(&role.limits))
    }

    /// Returns true if the exchanges of a role are charged when they end.
    pub fn charges_role(&self, role: &str) -> bool {
        let limits = self.role(role).map(Role::limits).unwrap_or_default();
        limits.iter().any(|limit| matches!(limit.unit, Unit::Tokens | Unit::Cost))
    }

    fn limited_role(&self, caller: &Caller) -> Option<&Role> {
        self.role(&caller.role).filter(|role| !role.limits.is_empty())
    }

    fn limits_key(&self, slots: &dyn Slots, caller: &Caller, owner: &LimitOwner) -> Result<CounterKey, StoreError> {
        CounterKey::limits(slots, &caller.tenant, &[&self.name, owner.kind(), owner.name()])
    }

    fn conversation_key(&self, slots: &dyn Slots, caller: &Caller, name: &str) -> Result<CounterKey, StoreError> {
        CounterKey::conversation(slots, &[&self.name, &caller.tenant, &caller.role], &[name])
    }
}

fn charges(limits: &[Limit], amount: impl Fn(&Limit) -> Option<u64>) -> Vec<Charge> {
    limits.iter().filter_map(|limit| Some(Charge { limit: *limit, amount: amount(limit)? })).collect()
}

// === impl LimitOwner ===

impl LimitOwner {
    /// Returns `role` or `tool`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Tool(_) => "tool",
        }
    }

    /// Returns the name of the role or the tool.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Role(name) | Self::Tool(name)) = self;
        name
    }
}

// === impl CountPlan ===

impl CountPlan {
    /// Returns true if nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the slots that the counts read and change.
    pub fn slots(&self) -> impl Iterator<Item = CounterSlot> + '_ {
        self.0.iter().map(|count| count.key().slot())
    }

    /// Makes all counts or none, at a time in seconds since the Unix epoch. Returns the state in which a request finds its conversation.
    ///
    /// # Errors
    /// The first reason. If a count cannot be taken back, one too many is counted.
    pub fn make(&self, slots: &dyn Slots, now: u64) -> Result<Option<Standing>, NotCounted> {
        let mut standing = None;
        for (made, count) in self.0.iter().enumerate() {
            match count.make(slots, now) {
                Ok(found) => standing = standing.or(found),
                Err(reason) => {
                    self.0.iter().take(made).for_each(|count| count.take_back(slots, now));
                    return Err(reason);
                }
            }
        }
        Ok(standing)
    }

    /// Makes each count that is possible: in shadow mode nothing is refused. Returns the reasons against the others too.
    pub fn make_each(&self, slots: &dyn Slots, now: u64) -> (Option<Standing>, Vec<NotCounted>) {
        let (mut standing, mut reasons) = (None, Vec::new());
        for count in &self.0 {
            match count.make(slots, now) {
                Ok(found) => standing = standing.or(found),
                Err(reason) => reasons.push(reason),
            }
        }
        (standing, reasons)
    }

    fn limits(
        &mut self,
        contract: &Contract,
        slots: &dyn Slots,
        caller: &Caller,
        owner: LimitOwner,
        limits: &[Limit],
        amount: impl Fn(&Limit) -> Option<u64>,
    ) -> Result<(), StoreError> {
        let charges = charges(limits, amount);
        if !charges.is_empty() {
            let key = contract.limits_key(slots, caller, &owner)?;
            self.0.push(PlannedCount::Limits { key, owner, charges });
        }
        Ok(())
    }
}

// === impl PlannedCount ===

impl PlannedCount {
    fn key(&self) -> &CounterKey {
        let (Self::Limits { key, .. } | Self::Usage { key, .. } | Self::Turn { key, .. } | Self::Call { key, .. }) =
            self;
        key
    }

    fn make(&self, slots: &dyn Slots, now: u64) -> Result<Option<Standing>, NotCounted> {
        match self {
            Self::Limits { key, owner, charges } => match admit(slots, key, now, charges)? {
                Admission::Admitted => Ok(None),
                Admission::Refused { limit, retry_after } => {
                    Err(NotCounted::Reached { owner: owner.clone(), limit, retry_after })
                }
            },
            Self::Usage { key, charges } => Ok(add(slots, key, now, charges).map(|()| None)?),
            Self::Turn { key, rules } => Ok(begin_turn(slots, key, now, rules)?.map(Some)?),
            Self::Call { key, rules } => Ok(count_call(slots, key, now, rules)?.map(|()| None)?),
        }
    }

    /// Takes a count back that was made a moment ago. If it fails, one too many is counted, which is the safe side.
    fn take_back(&self, slots: &dyn Slots, now: u64) {
        let _ = match self {
            Self::Limits { key, charges, .. } | Self::Usage { key, charges } => give_back(slots, key, now, charges),
            Self::Turn { key, rules } => give_turn_back(slots, key, now, rules),
            // A call's conversation is counted last.
            Self::Call { .. } => Ok(()),
        };
    }
}

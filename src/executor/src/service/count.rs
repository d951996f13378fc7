//! Counts in the store of counts: each once, however often it is asked for.
//!
//! A count has a name in its exchange. The store keeps a receipt under it in the same transaction. A repeat finds the receipt, and nothing is
//! counted again.

use callgate_contract::{Contract, CountPlan, CountStore, NotCounted, StoreUnavailable, Tool, Violation};
use callgate_limits::{CounterKey, Slots, StoreError, receipts};
use tokio::time::{Duration, Instant};
use tonic::{Code, Status};

use super::batch::CheckedBatch;
use super::{Service, status_of};
use callgate_audit as audit;

/// The longest time a count waits for its turn. The gate waits for two seconds.
const TURN: Duration = Duration::from_secs(1);

/// A plan with the name of its receipt.
#[derive(Debug)]
pub(super) struct NamedPlan {
    pub(super) plan: CountPlan,
    pub(super) receipt: CounterKey,
}

// === impl Service ===

impl Service {
    /// Runs a change of counts in the store, when it is the tenant's turn.
    pub(super) async fn change_counts<T: Send + 'static>(
        &self,
        tenant: &str,
        plans: Vec<NamedPlan>,
        work: impl FnOnce(&[NamedPlan], &dyn Slots, u64) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let ticket = self.services.queues.counts.enter(tenant, 1).map_err(status_of)?.pop();
        let slot = match ticket {
            Some(ticket) => ticket.slot(Instant::now() + TURN).await,
            None => None,
        };
        let _slot = slot.ok_or_else(|| Status::resource_exhausted("nothing is counted: too many counts wait"))?;
        let slots: Vec<_> = plans.iter().flat_map(|named| named.plan.slots().chain([named.receipt.slot()])).collect();
        let changed = self.services.counters.change(slots, move |slots, now| work(&plans, slots, now)).await;
        changed.map_err(|error| Status::unavailable(format!("nothing is counted: {error}")))
    }

    /// Counts calls of one request that may run, each by itself. Returns the violation of each call over a limit.
    pub(super) async fn count_calls(
        &self,
        asked: &CheckedBatch,
        contract: &Contract,
        calls: &[&audit::Call],
    ) -> Vec<Option<Violation>> {
        let none = || calls.iter().map(|_| None).collect::<Vec<_>>();
        let tools = counted_tools(asked, contract, calls);
        if tools.iter().all(Option::is_none) {
            return none();
        }
        let counted = match self.plans(asked, contract, calls, &tools) {
            Ok(plans) => {
                let work = |plans: &[NamedPlan], slots: &dyn Slots, now| {
                    plans.iter().map(|named| named.once(slots, now).err()).collect::<Vec<_>>()
                };
                self.change_counts(&asked.caller.tenant, plans, work).await
            }
            Err(error) => Err(Status::internal(error.to_string())),
        };
        let allows = contract.limits().store_unavailable == StoreUnavailable::Allow;
        let reasons = match counted {
            Ok(reasons) => reasons,
            // A tenant that fills its share of the queue must not pass uncounted.
            Err(status) if allows && status.code() == Code::Unavailable => {
                self.services.instruments.metrics.counts().admitted("uncounted");
                return none();
            }
            Err(_) => tools.iter().flatten().map(|_| Some(NotCounted::Unavailable(StoreError::Unavailable))).collect(),
        };
        let mut reasons = reasons.into_iter();
        let violation = |tool: Option<&Tool>| {
            let tool = tool?;
            Some(reasons.next()??.violation(tool))
        };
        tools.into_iter().map(violation).collect()
    }

    fn plans(
        &self,
        asked: &CheckedBatch,
        contract: &Contract,
        calls: &[&audit::Call],
        tools: &[Option<&Tool>],
    ) -> Result<Vec<NamedPlan>, StoreError> {
        let names = self.services.counters.names();
        let plan = |call: &audit::Call, tool: &Tool| {
            let plan = contract.counts_of_call(&names, &asked.caller, conversation(asked), tool)?;
            let (round, position) = (call.round.to_string(), call.position.to_string());
            let parts = [&*asked.exchange_id, "call", &round, &position, tool.name()];
            Ok(NamedPlan { plan, receipt: CounterKey::receipt(&names, &asked.caller.tenant, &parts)? })
        };
        calls.iter().zip(tools).filter_map(|(call, tool)| Some(plan(call, (*tool)?))).collect()
    }
}

/// Returns the tool of each call that counts here.
fn counted_tools<'c>(asked: &CheckedBatch, contract: &'c Contract, calls: &[&audit::Call]) -> Vec<Option<&'c Tool>> {
    let is_here = contract.limits().store == CountStore::Executor;
    let converses = conversation(asked).is_some();
    let is_counted = |tool: &&Tool| is_here && contract.counts_calls(&asked.caller.role, tool, converses);
    calls.iter().map(|call| contract.tool(&call.tool).filter(is_counted)).collect()
}

fn conversation(asked: &CheckedBatch) -> Option<&str> {
    Some(asked.conversation_id.as_str()).filter(|id| !id.is_empty())
}

// === impl NamedPlan ===

impl NamedPlan {
    /// Makes the counts of a call, unless they are made already.
    fn once(&self, slots: &dyn Slots, now: u64) -> Result<(), NotCounted> {
        if receipts::find(slots, &self.receipt, now)?.is_some() {
            return Ok(());
        }
        self.plan.make(slots, now)?;
        Ok(receipts::keep(slots, &self.receipt, now, 0)?)
    }
}

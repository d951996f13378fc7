//! `Charge`: counts the tokens and the cost of exchanges that have ended, each exchange once.

use callgate_contract::CountStore;
use callgate_limits::{CounterKey, Slots, receipts};
use callgate_proto::executor::v1::{ChargeRequest, ExchangeUsage};
use tonic::Status;

use super::count::NamedPlan;
use super::{Service, batch};

/// The maximum exchanges in one request.
const EXCHANGES: usize = 256;

// === impl Service ===

impl Service {
    /// Checks all exchanges, then charges them in one change.
    pub(super) async fn charge_exchanges(&self, request: ChargeRequest) -> Result<(), Status> {
        if !(1..=EXCHANGES).contains(&request.exchanges.len()) {
            let found = request.exchanges.len();
            return Err(Status::invalid_argument(format!(
                "wrong number of exchanges (exchanges, {found}); send 1 to {EXCHANGES}"
            )));
        }
        let plans = request.exchanges.into_iter().map(|usage| self.charge_of(usage)).collect::<Result<Vec<_>, _>>()?;
        let plans: Vec<NamedPlan> = plans.into_iter().flatten().collect();
        if plans.is_empty() {
            return Ok(());
        }
        let work = |plans: &[NamedPlan], slots: &dyn Slots, now| {
            plans.iter().map(|named| charge(named, slots, now)).collect::<Vec<_>>()
        };
        // The exchanges of all tenants come from one gate, and wait as one.
        for result in self.change_counts("", plans, work).await? {
            self.services.instruments.metrics.counts().charged(result);
        }
        Ok(())
    }

    /// Plans the charge of an exchange. Returns `None` if there is nothing to charge.
    fn charge_of(&self, usage: ExchangeUsage) -> Result<Option<NamedPlan>, Status> {
        batch::digest(&usage.contract_digest)?;
        batch::name("exchange_id", &usage.exchange_id)?;
        let caller = batch::bounded_caller(usage.caller)?;
        let Ok(admitted) = self.contract(&usage.contract_digest) else {
            self.services.instruments.metrics.counts().charged("contract_unknown");
            return Ok(None);
        };
        let contract = admitted.contract();
        if contract.limits().store != CountStore::Executor {
            return Err(Status::invalid_argument(
                "an exchange under a contract that counts in Envoy (exchanges); charge it there",
            ));
        }
        let names = self.services.counters.names();
        let planned = contract.counts_of_usage(&names, &caller, usage.tokens, usage.cost_micros).and_then(|plan| {
            Ok(NamedPlan {
                plan,
                receipt: CounterKey::receipt(&names, &caller.tenant, &[&usage.exchange_id, "usage"])?,
            })
        });
        let named = planned.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Some(named).filter(|named| !named.plan.is_empty()))
    }
}

/// Charges one exchange, unless it is charged already. A charge without room is lost: the others of its request are not held up by it.
fn charge(named: &NamedPlan, slots: &dyn Slots, now: u64) -> &'static str {
    match receipts::find(slots, &named.receipt, now) {
        Ok(Some(_)) => return "repeat",
        Ok(None) => {}
        Err(_) => return "lost",
    }
    if named.plan.make(slots, now).is_err() {
        return "lost";
    }
    // Without its receipt, a repeat is charged again, which is the safe side.
    let _ = receipts::keep(slots, &named.receipt, now, 0);
    "charged"
}

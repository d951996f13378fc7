//! `Admit`: counts a request, or a further round of one, before the filter forwards it.
//!
//! 1. The contract of the digest says what is counted, and how much is allowed. The request names only the caller and the conversation.
//! 2. The counts are made in one transaction, all or none, once for each name of an exchange and a round.
//! 3. A refusal is audited before the answer.

use std::sync::Arc;

use callgate_contract::{Caller, Contract, CountRefusal, CountStore, NotCounted};
use callgate_limits::{CounterKey, Slots, Standing, StoreError, receipts};
use callgate_proto::executor::v1::{AdmitRequest, AdmitResponse, ConversationStanding, NotAdmitted};
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::count::NamedPlan;
use super::{Service, batch};
use crate::telemetry;
use callgate_audit::{self as audit, AuditEvent, Entry, Source, Verdict};

/// The counts of a request.
struct Counts {
    standing: Option<Standing>,
    reasons: Vec<NotCounted>,
    is_repeat: bool,
}

// === impl Service ===

impl Service {
    /// Counts a request or a further round.
    pub(super) async fn count_request(
        &self,
        request: AdmitRequest,
        metadata: &MetadataMap,
    ) -> Result<AdmitResponse, Status> {
        batch::digest(&request.contract_digest)?;
        batch::name("exchange_id", &request.exchange_id)?;
        batch::fits("request_id", &request.request_id, batch::NAME_BYTES)?;
        batch::conversation_id(&request.conversation_id)?;
        if request.round == 0 {
            return Err(Status::invalid_argument(
                "no round (round); send 1 for a request, and more for further rounds",
            ));
        }
        let caller = batch::bounded_caller(request.caller)?;
        let admitted = self.contract(&request.contract_digest)?;
        let contract = admitted.contract();
        if contract.limits().store != CountStore::Executor {
            return Err(Status::failed_precondition(
                "the contract counts in Envoy (limits.store); nothing is counted here",
            ));
        }
        if contract.role(&caller.role).is_none() {
            return Err(Status::invalid_argument("unknown role (caller.role); send a role of the contract"));
        }
        let call = audit::Call {
            exchange_id: request.exchange_id,
            round: request.round,
            request_id: request.request_id,
            trace_id: batch::trace_id(&telemetry::caller(metadata)),
            conversation_id: request.conversation_id,
            tenant: caller.tenant.clone(),
            role: caller.role.clone(),
            contract_digest: request.contract_digest,
            ..audit::Call::default()
        };
        let counts = self.counts_of(contract, &caller, &call).await.inspect_err(|_| {
            self.services.instruments.metrics.counts().admitted("unavailable");
        })?;
        self.answer(contract, counts, call).await
    }

    async fn counts_of(&self, contract: &Contract, caller: &Caller, call: &audit::Call) -> Result<Counts, Status> {
        let enforces = contract.enforces();
        let planned = self.plan(contract, caller, call);
        let named = planned.map_err(|error| Status::unavailable(format!("nothing is counted: {error}")))?;
        if named.plan.is_empty() {
            return Ok(Counts { standing: None, reasons: Vec::new(), is_repeat: false });
        }
        let work = move |plans: &[NamedPlan], slots: &dyn Slots, now| match plans {
            [named] => counts(named, slots, now, enforces),
            _ => Counts { standing: None, reasons: vec![StoreError::Unavailable.into()], is_repeat: false },
        };
        self.change_counts(&caller.tenant, vec![named], work).await
    }

    fn plan(&self, contract: &Contract, caller: &Caller, call: &audit::Call) -> Result<NamedPlan, StoreError> {
        let names = self.services.counters.names();
        let conversation = Some(call.conversation_id.as_str()).filter(|id| !id.is_empty());
        let plan = match call.round {
            1 => contract.counts_of_request(&names, caller, conversation)?,
            _ => contract.counts_of_turn(&names, caller, conversation)?,
        };
        let receipt =
            CounterKey::receipt(&names, &caller.tenant, &[&call.exchange_id, "turn", &call.round.to_string()])?;
        Ok(NamedPlan { plan, receipt })
    }

    /// Audits the reasons against a request, and answers.
    async fn answer(&self, contract: &Contract, counts: Counts, call: audit::Call) -> Result<AdmitResponse, Status> {
        let Counts { standing, reasons, is_repeat } = counts;
        let metrics = self.services.instruments.metrics.counts();
        let refusals: Vec<CountRefusal> = reasons.iter().map(NotCounted::refusal).collect();
        let verdict = if contract.enforces() { Verdict::Deny } else { Verdict::Allow };
        let call = Arc::new(call);
        for refusal in &refusals {
            let code = refusal.code.as_str();
            metrics.admitted(code);
            let event = AuditEvent::Admission { verdict, code: code.to_owned() };
            let entry = Entry { time: batch::now(), source: Source::Executor, call: Arc::clone(&call), event };
            let appended = self.services.audit.append(entry).await;
            appended.map_err(|error| Status::unavailable(format!("the refusal is not recorded: {error}")))?;
        }
        if refusals.is_empty() {
            metrics.admitted(if is_repeat { "repeat" } else { "counted" });
        }
        let standing = match standing {
            None => ConversationStanding::Unspecified,
            Some(Standing::Begun) => ConversationStanding::Begun,
            Some(Standing::Active) => ConversationStanding::Active,
            Some(Standing::Resumed) => ConversationStanding::Resumed,
        };
        let counted = refusals.is_empty();
        let refusals = refusals.into_iter().map(|CountRefusal { code, message, retry_after }| NotAdmitted {
            code: code.as_str().to_owned(),
            message,
            retry_after_seconds: retry_after.map_or(0, |wait| wait.as_secs()),
        });
        Ok(AdmitResponse { refusals: refusals.collect(), standing: standing.into(), counted })
    }
}

/// Makes the counts of a request, or finds its receipt. A refused request has none, because nothing is counted.
fn counts(named: &NamedPlan, slots: &dyn Slots, now: u64, enforces: bool) -> Counts {
    let found = match receipts::find(slots, &named.receipt, now) {
        Ok(found) => found,
        Err(error) => return Counts { standing: None, reasons: vec![error.into()], is_repeat: false },
    };
    if let Some(answer) = found {
        return Counts { standing: standing_of(answer), reasons: Vec::new(), is_repeat: true };
    }
    let (standing, reasons) = match enforces {
        false => named.plan.make_each(slots, now),
        true => match named.plan.make(slots, now) {
            Ok(standing) => (standing, Vec::new()),
            Err(reason) => (None, vec![reason]),
        },
    };
    if reasons.is_empty() {
        // Without its receipt, a repeat is counted again, which is the safe side.
        let _ = receipts::keep(slots, &named.receipt, now, answer_of(standing));
    }
    Counts { standing, reasons, is_repeat: false }
}

fn answer_of(standing: Option<Standing>) -> u8 {
    match standing {
        None => 0,
        Some(Standing::Begun) => 1,
        Some(Standing::Active) => 2,
        Some(Standing::Resumed) => 3,
    }
}

fn standing_of(answer: u8) -> Option<Standing> {
    [Standing::Begun, Standing::Active, Standing::Resumed]
        .into_iter()
        .find(|standing| answer_of(Some(*standing)) == answer)
}

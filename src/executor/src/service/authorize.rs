//! `Authorize`: rules on calls that the calling application runs. Nothing runs here.
//!
//! 1. Each call is decided again, by the contract and then by the executor's policies.
//! 2. If the contract counts here, each call that is not denied is counted. A call over a limit is denied.
//! 3. The calls that need a person claim their approvals in one step ([`ClaimRule`]). If a call was denied and the others depend
//!    on it, none claims anything.
//! 4. The rulings are audited. Only then they are returned.
//!
//! Nothing is remembered under the names of an exchange: an approval is used up by the first claim, and a repeated request gets
//! no second release. If the answer is lost, so is the approval, and a person is asked again.

use std::sync::Arc;

use callgate_contract::{Contract, Run, Verdict, Violation};
use callgate_proto::executor::v1::call_ruling::Ruling;
use callgate_proto::executor::v1::{
    self as proto, AuthorizeRequest, AuthorizeResponse, CallRuling, Denied, ExecuteRequest, Pending, ReleaseRule,
    Released, Withheld,
};
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::attempt::{self, NEVER};
use super::batch::CheckedBatch;
use super::decision::decide_call;
use super::log;
use super::reading;
use super::{Service, shown, status_of};
use crate::admission::Admitted;
use crate::outcome;
use callgate_approvals::{ApprovalError, Ask, Claim, ClaimRule};
use callgate_audit::{self as audit, AuditEvent, Verdict as Audited};

/// The code of a call that another call keeps back.
const WITHHELD: &str = "turn_refused";

/// One call after its decision.
struct Proposed {
    id: String,
    call: audit::Call,
    need: Need,
}

/// The next step for a call.
enum Need {
    Denied(Violation),
    /// Nothing: it may be released.
    Free,
    /// A person's approval.
    Claims(Box<Ask>),
}

// === impl Service ===

impl Service {
    /// Rules on the calls of one request.
    pub(super) async fn rule(
        &self,
        request: AuthorizeRequest,
        metadata: &MetadataMap,
        peer: Arc<str>,
    ) -> Result<AuthorizeResponse, Status> {
        let release = ReleaseRule::try_from(request.release).map_err(|_| {
            Status::invalid_argument("unknown rule (release); send a RELEASE_RULE of this version, or nothing")
        })?;
        let (mut asked, calls) = CheckedBatch::read(shared(request), metadata, peer)?;
        let admitted = self.contract(&asked.contract_digest)?;
        asked.admit_claims(admitted.contract())?;
        let mut proposed = Vec::with_capacity(calls.len());
        for (position, call) in calls.into_iter().enumerate() {
            let tool = call.tool.clone();
            let next = propose(&asked, &admitted, position, call).await?;
            if !matches!(next.need, Need::Denied(_)) {
                asked.add_call(&tool);
            }
            proposed.push(next);
        }
        self.count_proposed(&asked, &admitted, &mut proposed).await;
        // As a denied call of Execute, a request here writes records and runs nothing. Tenants take turns.
        let tickets = self.services.queues.denials.enter(&asked.caller.tenant, 1).map_err(status_of)?;
        let mut slots = Vec::new();
        for ticket in tickets {
            slots.extend(ticket.slot(Instant::now() + NEVER).await);
        }
        let rulings = self.rulings(&proposed, release).await?;
        for (proposed, ruling) in proposed.iter().zip(&rulings) {
            self.audit(admitted.contract(), proposed, ruling, &asked.peer).await?;
        }
        let rulings = proposed.into_iter().zip(rulings);
        let rulings = rulings.map(|(proposed, ruling)| CallRuling { id: proposed.id, ruling: Some(ruling) });
        Ok(AuthorizeResponse { rulings: rulings.collect() })
    }

    /// Counts the calls that are not denied, if the contract counts here. A call over a limit is denied.
    async fn count_proposed(&self, asked: &CheckedBatch, admitted: &Admitted, proposed: &mut [Proposed]) {
        let counted = proposed.iter().filter(|proposed| !matches!(proposed.need, Need::Denied(_)));
        let calls: Vec<&audit::Call> = counted.map(|proposed| &proposed.call).collect();
        let mut counts = self.count_calls(asked, admitted.contract(), &calls).await.into_iter();
        for proposed in proposed.iter_mut().filter(|proposed| !matches!(proposed.need, Need::Denied(_))) {
            if let Some(violation) = counts.next().flatten() {
                proposed.need = Need::Denied(violation);
            }
        }
    }

    /// Claims approvals, and rules on each call.
    async fn rulings(&self, proposed: &[Proposed], release: ReleaseRule) -> Result<Vec<Ruling>, Status> {
        let rule = match release {
            ReleaseRule::Unspecified => ClaimRule::Each,
            ReleaseRule::NoneIfDenied => ClaimRule::NoneIfDenied,
            ReleaseRule::AllOrNone => ClaimRule::AllOrNone,
        };
        let denied = proposed.iter().any(|proposed| matches!(proposed.need, Need::Denied(_)));
        let asks: Vec<Ask> = proposed.iter().filter_map(Proposed::ask).cloned().collect();
        let claims = if asks.is_empty() || (denied && rule != ClaimRule::Each) {
            Vec::new()
        } else {
            self.services.approvals.claim_all(asks, rule).await.map_err(unavailable)?
        };
        let mut claims = claims.into_iter();
        let mut rulings = Vec::with_capacity(proposed.len());
        for Proposed { call, need, .. } in proposed {
            rulings.push(match need {
                Need::Denied(violation) => Ruling::Denied(Denied {
                    violation_code: violation.code.as_str().to_owned(),
                    pointer: violation.pointer.clone(),
                    message: violation.message.clone(),
                    approval_id: String::new(),
                }),
                Need::Free => Ruling::Released(Released::default()),
                Need::Claims(_) => match claims.next() {
                    Some(Ok(claim)) => ruling(&call.tool, claim),
                    Some(Err(ApprovalError::Unavailable(reason))) => return Err(unavailable(reason)),
                    Some(Err(error)) => Ruling::Denied(Denied {
                        violation_code: callgate_contract::Code::ApprovalRequired.as_str().to_owned(),
                        message: format!("nobody can be asked to approve it: {error}"),
                        ..Denied::default()
                    }),
                    None => Ruling::Withheld(Withheld {}),
                },
            });
        }
        let blocked = match rule {
            ClaimRule::Each => false,
            ClaimRule::NoneIfDenied => rulings.iter().any(|ruling| matches!(ruling, Ruling::Denied(_))),
            ClaimRule::AllOrNone => !rulings.iter().all(|ruling| matches!(ruling, Ruling::Released(_))),
        };
        if blocked {
            for ruling in rulings.iter_mut().filter(|ruling| matches!(ruling, Ruling::Released(_))) {
                *ruling = Ruling::Withheld(Withheld {});
            }
        }
        Ok(rulings)
    }

    /// Writes the record of a ruling, and counts it.
    async fn audit(
        &self,
        contract: &Contract,
        Proposed { call, .. }: &Proposed,
        ruling: &Ruling,
        peer: &str,
    ) -> Result<(), Status> {
        let approval = |id: &str| Some(id.to_owned()).filter(|id| !id.is_empty());
        let (name, verdict, code, pointer, approval_id) = match ruling {
            Ruling::Released(Released { approval_id }) if approval_id.is_empty() => {
                ("released", Audited::Allow, "", "", None)
            }
            Ruling::Released(Released { approval_id }) => {
                ("released", Audited::Approved, "", "", approval(approval_id))
            }
            Ruling::Pending(Pending { approval_id, .. }) => {
                let code = callgate_contract::Code::ApprovalRequired.as_str();
                ("pending", Audited::NeedsApproval, code, "", approval(approval_id))
            }
            Ruling::Denied(Denied { violation_code, pointer, approval_id, .. }) => {
                ("denied", Audited::Deny, violation_code.as_str(), pointer.as_str(), approval(approval_id))
            }
            Ruling::Withheld(_) => ("withheld", Audited::Deny, WITHHELD, "", None),
        };
        log::ruled(call, peer, name, code);
        let event = AuditEvent::Decision { verdict, code: code.to_owned(), pointer: pointer.to_owned(), approval_id };
        let appended = self.services.audit.append(attempt::entry(&Arc::new(call.clone()), event)).await;
        appended.map_err(|error| unavailable(error.to_string()))?;
        self.services.instruments.metrics.calls().ruled(contract.tool(&call.tool), name);
        Ok(())
    }
}

// === impl Proposed ===

impl Proposed {
    fn ask(&self) -> Option<&Ask> {
        match &self.need {
            Need::Claims(ask) => Some(ask),
            Need::Denied(_) | Need::Free => None,
        }
    }
}

/// Decides one call again.
async fn propose(
    asked: &CheckedBatch,
    admitted: &Admitted,
    position: usize,
    call: proto::Call,
) -> Result<Proposed, Status> {
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    let mut audited = asked.audited(call.position.unwrap_or(position), &call);
    let (approved, needs_approval) = match decide_call(admitted, asked, position, &call).await {
        Verdict::Allow(approved) => (approved, false),
        Verdict::NeedsApproval(approved) => (approved, true),
        Verdict::Deny(violation) => {
            reading::add_refused(&mut audited, admitted.contract(), &asked.caller, &call);
            return Ok(Proposed { id: call.id, call: audited, need: Need::Denied(violation) });
        }
    };
    if !matches!(approved.tool.run(), Run::Client) {
        let what = "a call of a tool that the executor runs";
        return Err(Status::invalid_argument(format!("{what} (calls[{position}]); send it to Execute")));
    }
    attempt::describe(&mut audited, admitted.contract(), &asked.caller, &approved);
    let need = if needs_approval {
        Need::Claims(Box::new(Ask {
            tenant: asked.caller.tenant.clone(),
            role: asked.caller.role.clone(),
            contract_digest: asked.contract_digest.clone(),
            tool: approved.name.to_string(),
            arguments: approved.canonical.clone(),
            workspace: asked.workspace(admitted.contract()),
            exchange_id: asked.exchange_id.clone(),
            about: shown(admitted.contract(), &asked.caller, &approved),
        }))
    } else {
        Need::Free
    };
    Ok(Proposed { id: call.id, call: audited, need })
}

/// The fields that both kinds of requests have.
fn shared(request: AuthorizeRequest) -> ExecuteRequest {
    ExecuteRequest {
        contract_digest: request.contract_digest,
        caller: request.caller,
        exchange_id: request.exchange_id,
        round: request.round,
        calls: request.calls,
        request_id: request.request_id,
        model: request.model,
        conversation: request.conversation,
        earlier_calls: request.earlier_calls,
        conversation_id: request.conversation_id,
    }
}

/// The ruling on a call that claimed an approval.
fn ruling(tool: &str, claim: Claim) -> Ruling {
    match claim {
        Claim::Granted { approval_id } => Ruling::Released(Released { approval_id }),
        Claim::Kept { .. } => Ruling::Withheld(Withheld {}),
        Claim::Pending { approval_id, left } => {
            let left_seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            Ruling::Pending(Pending { approval_id, left_seconds: u32::try_from(left_seconds).unwrap_or(u32::MAX) })
        }
        Claim::Refused { approval_id, reason, left } => Ruling::Denied(Denied {
            violation_code: callgate_contract::Code::ApprovalRefused.as_str().to_owned(),
            pointer: String::new(),
            message: outcome::refused_by_a_person(tool, &approval_id, &reason, left),
            approval_id,
        }),
    }
}

fn unavailable(reason: impl std::fmt::Display) -> Status {
    Status::new(Code::Unavailable, format!("nothing was released: {reason}"))
}

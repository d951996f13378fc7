//! The memory of an exchange, claimed from the budget of its worker.

use callgate_contract::{Caller, Role};

use super::state::ExchangeState;
use super::{Core, Transition};
use crate::budget::OutOfBudget;
use crate::effect::Effect;
use crate::headers::Headers;
use crate::refusal::{Code, Refusal};

impl Core {
    /// Admits an exchange of a caller, before anything of its body is held.
    pub(super) fn admit(&mut self, Caller { tenant, role }: &Caller, headers: &Headers<'_>) -> Result<(), Refusal> {
        self.role = self.gate.contract.role(role).map(Role::shared_name);
        self.head_bytes = headers.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
        self.claim = Some(self.gate.budget.admit(tenant).map_err(no_room)?);
        Ok(())
    }

    /// Claims the bytes of the next state. `chunk` are the event's bytes of a response. If the claim is refused, the exchange ends in an error.
    pub(super) fn claim_memory(&mut self, (state, effect): Transition, chunk: &[u8]) -> Transition {
        let held = state.held().saturating_add(self.head_bytes);
        self.most_held = self.most_held.max(held);
        match self.claim.as_mut().map(|claim| claim.set(held)) {
            None | Some(Ok(())) => (state, effect),
            Some(Err(full)) => self.end_without_memory(state, effect, chunk, &no_room(full)),
        }
    }

    /// Ends an exchange whose next state is too large. Its effect is not carried out, but decided bytes of a stream are
    /// still released.
    fn end_without_memory(
        &mut self,
        state: ExchangeState,
        effect: Effect,
        chunk: &[u8],
        refusal: &Refusal,
    ) -> Transition {
        // A request that is not carried out costs nothing.
        if !matches!(effect, Effect::Forward(_) | Effect::Ask(_)) {
            self.count_broken(&state);
        }
        let decided = match effect {
            Effect::Emit(bytes) => bytes,
            Effect::Pass => chunk.to_vec(),
            _ => Vec::new(),
        };
        match self.end_early(state, refusal, true) {
            (state, Effect::Emit(error)) => (state, Effect::Emit([decided, error].concat())),
            step => step,
        }
    }
}

fn no_room(_: OutOfBudget) -> Refusal {
    Refusal::new(
        Code::GateOverloaded,
        "The gate holds as many bytes as it may, in all or for this tenant; try again in a moment.",
    )
}

//! The facts of a request that its client carries to the next one, sealed: the questions of the server so far, inside of the server's
//! `requestState`. Without keys for seals nothing is carried, and each request stands alone.
//!
//! A retry is bound to the caller, the address, the method and the arguments of the request before. A server cannot reset the count: a
//! client always repeats the state of the latest result, and a retry without one is refused.

use callgate_json::Value;
use callgate_wire::mcp::McpRequest;

use super::asking::AskedSoFar;
use super::methods::Method;
use super::routing::RoutingHeaders;
use crate::seal::{Bearer, Purpose, digest};
use crate::{Code, Gate, Refusal, Tally};

/// The form of a sealed state: this, the seal, three counts, whether the server has a state, and that state.
const FORM: &str = "cgs1.";

/// The facts of a request for the next one.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(super) bearer: Bearer,
    /// The hash of the method, the name and the arguments.
    request: [u8; 32],
    /// The questions of the server before this request.
    asked: AskedSoFar,
    /// True if the client reads tasks.
    pub(super) takes_tasks: bool,
}

// === impl Carried ===

impl Carried {
    /// Reads the facts of a request that a server may answer with questions or with a task, and takes the gate's part out of its state.
    pub(super) fn read(
        gate: &Gate,
        routing: &RoutingHeaders,
        row: Method,
        request: &mut McpRequest,
        tally: &mut Tally,
    ) -> Result<Option<Box<Self>>, Refusal> {
        let Some(bearer) = routing.bearer.filter(|_| row.may_be_repeated()) else { return Ok(None) };
        let name = row.named_by.and_then(|member| request.parameter(member)).unwrap_or_default();
        let arguments = match request.arguments() {
            Value::Null => "{}".to_owned(),
            arguments => callgate_json::canonical(arguments),
        };
        let hash = digest(&[row.name().as_bytes(), name.as_bytes(), arguments.as_bytes()]);
        let takes_tasks = super::tasks::are_on(gate) && request.states_tasks();
        let mut carried = Self { bearer, request: hash, asked: AskedSoFar::default(), takes_tasks };
        if request.is_retry() {
            let opened = request.parameter("requestState").and_then(|state| carried.open(gate, state));
            match opened.map(|(asked, state)| (asked, state.map(str::to_owned))) {
                Some((asked, state)) => {
                    carried.asked = asked;
                    request.set_state(state.as_deref());
                }
                None if gate.contract.enforces() => {
                    let message = "`requestState` is not the one of the latest result for this call and this caller; send the call \
                                   again without it.";
                    return Err(Refusal::at(Code::McpStateInvalid, "params.requestState", message));
                }
                None => tally.shadowed_errors.push(Code::McpStateInvalid),
            }
        }
        Ok(Some(Box::new(carried)))
    }

    /// Returns the questions of the server before this request.
    pub(super) fn asked(&self) -> AskedSoFar {
        self.asked
    }

    /// Seals the questions so far and the server's own state.
    pub(super) fn state(&self, gate: &Gate, asked: AskedSoFar, server: Option<&str>) -> Option<String> {
        let [first, second, third] = asked.counts();
        let has_state = u8::from(server.is_some());
        let text = format!("{first}.{second}.{third}.{has_state}.{}", server.unwrap_or_default());
        let seal = gate.sealing.as_ref()?.seal(Purpose::State, &[self.bearer.bytes(), &self.request, text.as_bytes()]);
        Some(format!("{FORM}{seal}.{text}"))
    }

    fn open<'s>(&self, gate: &Gate, state: &'s str) -> Option<(AskedSoFar, Option<&'s str>)> {
        let (seal, text) = state.strip_prefix(FORM)?.split_once('.')?;
        let parts = [self.bearer.bytes(), &self.request, text.as_bytes()];
        if !gate.sealing.as_ref()?.is_seal(seal, Purpose::State, &parts) {
            return None;
        }
        let mut fields = text.splitn(5, '.');
        let mut count = || fields.next()?.parse().ok();
        let counts = [count()?, count()?, count()?];
        let has_state = count()? == 1;
        Some((AskedSoFar::of(counts), fields.next().filter(|_| has_state)))
    }
}

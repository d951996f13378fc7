//! The engine as a judge of calls: a request with a conversation, the model's answer to it, and the decisions on the answer's calls.
//!
//! The path is that of every host: [`Exchange`] reads the request, reads the answer, and decides. The decisions are those of its
//! ledger, as an executor would get them. Nothing runs.

use std::rc::Rc;
use std::time::Duration;

use callgate_contract::{Files, load};
use callgate_engine::{CallCode, Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, Ruling, lend};
use serde::{Deserialize, Serialize};

const NOW: Duration = Duration::from_secs(1);

/// A request of a client, and the answer of a model to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The path of an API.
    pub path: String,
    /// The caller's role.
    pub role: String,
    /// The body of the request: JSON text, with the whole conversation.
    pub request: String,
    /// The body of the answer: JSON text, or a stream of events.
    pub answer: String,
    /// True if the answer is a stream of events.
    #[serde(default)]
    pub streamed: bool,
}

/// The decisions on the calls of a turn.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// One for each call, in order.
    pub calls: Vec<CallDecision>,
    /// The error by which the exchange ended, if it did: JSON text.
    pub error: Option<String>,
}

/// The decision on one call.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct CallDecision {
    /// The tool's name.
    pub tool: String,
    /// `allowed`, `held` for a person, or `refused`.
    pub verdict: &'static str,
    /// The code of the broken rule; empty if the call is allowed.
    pub code: String,
    /// JSON Pointer into the arguments.
    pub pointer: String,
}

/// The gate of one contract.
#[derive(Debug)]
pub struct Judge {
    gate: Rc<Gate>,
}

// === impl Judge ===

impl Judge {
    /// Builds the gate of a contract without `$ref`. `name` names the contract in errors.
    ///
    /// # Errors
    /// The faults of the contract.
    pub fn new(name: &str, contract: &str) -> Result<Self, String> {
        let contract = load(name, contract, &NoFiles).map_err(|errors| errors.to_string())?;
        let identity = IdentitySource::Header { tenant: "x-tenant".to_owned(), role: "x-role".to_owned() };
        // With an executor, because only then the engine records its decisions.
        let reach = Reach { executor: true, upstream: true };
        let gate = Gate::new(contract, identity, Paths::default(), Offer::Declared, reach)
            .map_err(|error| error.to_string())?;
        Ok(Self { gate: Rc::new(gate) })
    }

    /// Plays a turn.
    #[must_use]
    pub fn decide(&self, turn: &Turn) -> Decided {
        let mut exchange = Exchange::new(Rc::clone(&self.gate), "exchange");
        let error = play(&mut exchange, turn).err();
        let decisions = exchange.take_decisions().map(|decisions| decisions.list).unwrap_or_default();
        let calls = decisions.into_iter().map(|decision| CallDecision::new(decision.tool, &decision.ruling)).collect();
        Decided { calls, error }
    }
}

/// Sends the request and the answer. An answer of the gate's own to the request is an error.
fn play(exchange: &mut Exchange, turn: &Turn) -> Result<(), String> {
    let request = headers(&[
        (":method", "POST"),
        (":path", &turn.path),
        (":authority", "api.example"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", &turn.role),
    ]);
    let media = if turn.streamed { "text/event-stream" } else { "application/json" };
    let response = headers(&[(":status", "200"), ("content-type", media)]);
    let [body, answer] = [&turn.request, &turn.answer].map(|text| text.as_bytes());
    let (request, response) = (lend(&request), lend(&response));
    let events = [
        Event::RequestHead { headers: &request, verified: None, end: false },
        Event::RequestData { chunk: body, end: true, now: NOW },
        Event::ResponseHead { headers: &response, end: false },
        Event::ResponseData { chunk: answer, end: true, now: NOW },
    ];
    for event in events {
        match exchange.on(event) {
            Effect::Reply(reply) => return Err(String::from_utf8_lossy(&reply.body).into_owned()),
            Effect::Reset => return Err("the response was reset".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// The contract is one file.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path}; write schemas into the contract itself"))
    }
}

// === impl CallDecision ===

impl CallDecision {
    fn new(tool: String, ruling: &Ruling) -> Self {
        let (verdict, code, pointer) = match ruling {
            Ruling::Allow => ("allowed", "", ""),
            // The rule is not enforced, so the call runs.
            Ruling::Shadow { code, pointer } => ("allowed", code.as_str(), pointer.as_str()),
            Ruling::NeedsApproval { code, pointer } => {
                ("held", code.unwrap_or(CallCode::ApprovalRequired).as_str(), pointer.as_str())
            }
            // A person could approve it, if the executor ran the tool.
            Ruling::Deny { code: code @ CallCode::ApprovalRequired, pointer } => {
                ("held", code.as_str(), pointer.as_str())
            }
            Ruling::Deny { code, pointer } => ("refused", code.as_str(), pointer.as_str()),
        };
        Self { tool, verdict, code: code.to_owned(), pointer: pointer.to_owned() }
    }
}

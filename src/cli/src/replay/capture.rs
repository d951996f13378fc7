//! Captured exchanges, played through the engine as a gate would see them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callgate_contract::Contract;
use callgate_engine::{
    DIALECTS, Decision, Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, Ruling, lend,
};
use serde::Deserialize;
use serde_json::Value;

use super::report::{CallPlace, CallVerdict, ReplayReport};
use super::{ReplayArguments, ReplayError};
use crate::disk;

const TENANT: &str = "x-callgate-tenant";
const ROLE: &str = "x-callgate-role";
const NOW: Duration = Duration::from_secs(1);
/// Names of APIs in recordings, and their keys.
const ALIASES: [(&str, &str); 3] =
    [("openai-chat", "chatCompletions"), ("openai-responses", "responses"), ("anthropic-messages", "messages")];

/// One captured exchange.
#[derive(Deserialize)]
pub(super) struct Captured {
    path: Option<String>,
    dialect: Option<String>,
    tenant: Option<String>,
    role: Option<String>,
    workspace: Option<String>,
    request: Value,
    request_raw: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    response_headers: HashMap<String, Value>,
    response_body: Option<Value>,
    response_body_b64: Option<String>,
}

/// Plays exchanges under one contract, or under two.
pub(super) struct Player {
    candidate: PlayedGate,
    active: Option<PlayedGate>,
    role: Option<String>,
    contract_role: Option<String>,
    workspace: Option<String>,
    played: u64,
}

/// A gate, and the header from which its contract reads the workspace.
struct PlayedGate {
    gate: Rc<Gate>,
    header: Option<String>,
}

/// The decisions on an exchange.
struct Played {
    decisions: Vec<Decision>,
    /// The error that ended it.
    error: Option<String>,
}

/// Returns the key of an API by its name in a recording.
pub(crate) fn api_key(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, key)| *key)
}

/// Reads a line.
pub(super) fn read(text: &str) -> Result<Captured, String> {
    let captured: Captured = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if captured.path.is_none() && captured.dialect.is_none() {
        return Err("missing field `path` or `dialect`".to_owned());
    }
    Ok(captured)
}

// === impl Player ===

impl Player {
    /// Makes gates of the contracts, which it reads again: a gate owns its contract.
    pub(super) fn new(arguments: &ReplayArguments) -> Result<Self, ReplayError> {
        let candidate = disk::contract(&arguments.candidate)?;
        let only = {
            let mut roles = candidate.roles();
            roles.next().filter(|_| roles.next().is_none()).map(|role| role.name().to_owned())
        };
        let candidate = gate(candidate, &arguments.candidate)?;
        let active = match &arguments.active {
            Some(file) => Some(gate(disk::contract(file)?, file)?),
            None => None,
        };
        let (role, workspace) = (arguments.role.clone(), arguments.workspace.clone());
        Ok(Self { candidate, active, role, contract_role: only, workspace, played: 0 })
    }

    /// Plays an exchange and compares the decisions on its calls.
    pub(super) fn play(&mut self, captured: &Captured, at: &str, report: &mut ReplayReport) -> Result<(), ReplayError> {
        report.exchange();
        let role = captured.role.as_ref().or(self.role.as_ref()).or(self.contract_role.as_ref()).cloned();
        let Some(role) = role else {
            report.undecided("the exchange names no role; give --role");
            return Ok(());
        };
        self.played += 1;
        let id = format!("replay-{}", self.played);
        let workspace = captured.workspace.as_deref().or(self.workspace.as_deref());
        let play = |gate| play(gate, captured, (&role, workspace), &id);
        let after = play(&self.candidate);
        let before = self.active.as_ref().map(play);
        let place = |tool| CallPlace { at, exchange: "", role: &role, tool };
        let (ended, begun) = (&after.error, before.as_ref().and_then(|before| before.error.clone()));
        // An error of the exchange that both have, such as a recording cut short, does not count.
        let ends_otherwise = ended.as_ref() != begun.as_ref();
        let was = before.as_ref().map(|before| &before.decisions);
        let calls = was.map_or(0, Vec::len).max(after.decisions.len());
        for index in 0..calls {
            let now = after.decisions.get(index);
            let then = was.map(|was| was.get(index));
            let tool = now.or(then.flatten()).map_or("", |decision| decision.tool.as_str());
            let of = |decision: Option<&Decision>, error: Option<&String>| match decision {
                Some(decision) => word(&decision.ruling),
                None => CallVerdict {
                    word: format!("error:{}", error.map_or("not_reached", String::as_str)),
                    pointer: String::new(),
                },
            };
            let before = then.map_or_else(|| CallVerdict::word("allow"), |then| of(then, begun.as_ref()));
            report.call(&place(tool), &before, &of(now, ended.as_ref()))?;
        }
        if calls == 0 && ends_otherwise {
            let word = |error: Option<&String>| match error {
                Some(code) => CallVerdict { word: format!("error:{code}"), pointer: String::new() },
                None => CallVerdict::word("pass"),
            };
            report.ended(&place(""), &word(begun.as_ref()), &word(ended.as_ref()))?;
        }
        Ok(())
    }
}

fn gate(contract: Contract, file: &Path) -> Result<PlayedGate, ReplayError> {
    let header = contract.workspace_header().map(str::to_owned);
    let identity = IdentitySource::Header { tenant: TENANT.to_owned(), role: ROLE.to_owned(), claims: BTreeMap::new() };
    // Nothing is run or asked here. The decisions before that are recorded.
    let reach = Reach { executor: true, upstream: true };
    Gate::new(contract, identity, Paths::default(), Offer::Declared, reach)
        .map(|gate| PlayedGate { gate: Rc::new(gate.without_counts()), header })
        .map_err(|reason| ReplayError::Gate { contract: file.to_path_buf(), reason })
}

fn play(
    PlayedGate { gate, header }: &PlayedGate,
    captured: &Captured,
    (role, workspace): (&str, Option<&str>),
    id: &str,
) -> Played {
    let mut exchange = Exchange::new(Rc::clone(gate), id);
    let mut decisions = Vec::new();
    let head = [
        (":method", "POST"),
        (":path", &captured.path()),
        ("content-type", "application/json"),
        (TENANT, captured.tenant.as_deref().unwrap_or("replay")),
        (ROLE, role),
    ];
    let stated = header.as_deref().zip(workspace);
    let head: Vec<_> =
        head.into_iter().chain(stated).map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
    let mut effect = exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
    if effect == Effect::Hold {
        let body = captured.request();
        effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    }
    take(&mut exchange, &mut decisions);
    if matches!(effect, Effect::Forward(_) | Effect::Pass | Effect::PassWithout(_)) {
        let body = captured.response();
        let status = captured.status.unwrap_or(200).to_string();
        let head = [(":status", status.as_str()), ("content-type", &captured.content_type())];
        let head = head.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        exchange.on(Event::ResponseHead { headers: &lend(&head), end: body.is_empty() });
        if !body.is_empty() {
            exchange.on(Event::ResponseData { chunk: &body, end: false, now: NOW });
            exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW });
        }
        take(&mut exchange, &mut decisions);
    }
    Played { decisions, error: exchange.tally().error.map(|code| code.as_str().to_owned()) }
}

fn take(exchange: &mut Exchange, decisions: &mut Vec<Decision>) {
    if let Some(taken) = exchange.take_decisions() {
        decisions.extend(taken.list);
    }
}

fn word(ruling: &Ruling) -> CallVerdict {
    match ruling {
        Ruling::Allow => CallVerdict::word("allow"),
        Ruling::Shadow { code, pointer } => CallVerdict { word: code.as_str().to_owned(), pointer: pointer.clone() },
        Ruling::NeedsApproval { .. } => CallVerdict::word("needs_approval"),
        Ruling::Deny { code, pointer } => CallVerdict { word: code.as_str().to_owned(), pointer: pointer.clone() },
    }
}

// === impl Captured ===

impl Captured {
    /// The path that the gate sees: of a named API, the API's own, because a provider may have another.
    fn path(&self) -> String {
        let key = self.dialect.as_deref().map(api_key);
        let row = DIALECTS.iter().find(|row| Some(row.key) == key);
        let own = row.and_then(|row| row.paths.first()).filter(|path| !path.contains('{'));
        match (own, &self.path) {
            (Some(own), _) => (*own).to_owned(),
            (None, Some(path)) => path.clone(),
            (None, None) => String::new(),
        }
    }

    fn request(&self) -> String {
        self.request_raw.clone().unwrap_or_else(|| text(&self.request))
    }

    fn response(&self) -> Vec<u8> {
        match (&self.response_body, &self.response_body_b64) {
            (Some(body), _) if !body.is_null() => text(body).into_bytes(),
            (_, Some(encoded)) => STANDARD.decode(encoded).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn content_type(&self) -> String {
        let found = self.response_headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        match found.map(|(_, value)| value) {
            Some(Value::Array(values)) => values.first().map(text).unwrap_or_default(),
            Some(value) => text(value),
            None => "application/json".to_owned(),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

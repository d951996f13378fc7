//! What was decided on each call of an exchange, for the audit log.
//!
//! A decision says what the contract says of a call; whether the call then ran is the executor's to record. It is written down
//! where it is made ([`crate::settle`]), and only where there is an executor to keep it. The arguments themselves are kept only
//! for tools whose contract says `audit: full`.

use callgate_contract::{Audit, Caller, Code, Violation};
use callgate_json::printable;
use sha2::{Digest, Sha256};

use crate::head::only;
use crate::{Gate, Headers, Trace};

/// Bytes of a request's id and of a call's that are kept.
const ID_LENGTH: usize = 128;
/// Longer arguments are not kept themselves, only their digest: a record must fit into a message with others.
const ARGUMENTS_LENGTH: usize = 256 << 10;

/// The decisions of one exchange that were not told yet.
#[derive(Debug)]
pub struct Decisions<'a> {
    /// Digest of the contract that decided.
    pub contract_digest: &'a str,
    /// Which exchange it is.
    pub about: &'a About,
    /// On whose behalf the calls were made.
    pub caller: Caller,
    /// At least one, in order.
    pub list: Vec<Decision>,
}

/// What an exchange is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Made up by the adapter, so that no caller can choose it.
    pub exchange_id: String,
    /// What the proxy calls the request (`x-request-id`), which a caller may have chosen. At most 128 bytes, printable.
    pub request_id: String,
    /// The trace that the request belongs to.
    pub trace: Option<Trace>,
}

/// What was decided on one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The round of the exchange, counted from 1.
    pub round: u32,
    /// The call's place among the decisions of its exchange, counted from 0.
    pub position: u32,
    /// The model's id of the call; empty for a declared tool that was left out of the request. At most 128 bytes.
    pub call_id: String,
    /// The tool's name as the model gave it, made printable. At most 64 bytes.
    pub tool: String,
    /// SHA-256 of the canonical arguments; none where they are no strict JSON, or were dropped unread because of the name.
    pub arguments_digest: Option<[u8; 32]>,
    /// The canonical arguments, where the contract says so.
    pub arguments: Option<String>,
    /// How.
    pub ruling: Ruling,
}

/// How a call was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may run.
    Allow,
    /// It may run once a person has agreed.
    NeedsApproval,
    /// It may not run.
    Deny {
        /// The rule that it broke.
        code: Code,
        /// JSON Pointer into the arguments.
        pointer: String,
    },
}

/// Where decisions are written down until they are told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) about: About,
    caller: Option<Caller>,
    list: Vec<Decision>,
    written: u32,
}

// === impl About ===

impl About {
    pub(crate) fn of(exchange_id: String) -> Self {
        Self { exchange_id, ..Self::default() }
    }

    /// Reads what the request's headers say.
    pub(crate) fn read(&mut self, headers: &Headers) {
        let request_id = only(headers, "x-request-id").unwrap_or_default().chars().filter(char::is_ascii_graphic);
        self.request_id = request_id.take(ID_LENGTH).collect();
        self.trace = Trace::read(headers);
    }
}

// === impl Ruling ===

impl From<&Violation> for Ruling {
    fn from(violation: &Violation) -> Self {
        Self::Deny { code: violation.code, pointer: violation.pointer.clone() }
    }
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn of(about: About) -> Self {
        Self { about, ..Self::default() }
    }

    /// Writes a decision down, and returns its place among those of the exchange. `canonical` is the call's arguments, if they are
    /// known.
    pub(crate) fn write(
        &mut self,
        gate: &Gate,
        caller: &Caller,
        round: u32,
        (call_id, tool): (&str, &str),
        canonical: Option<&str>,
        ruling: Ruling,
    ) -> Option<u32> {
        if !gate.records() {
            return None;
        }
        let position = self.written;
        self.caller.get_or_insert_with(|| caller.clone());
        let full = gate.contract.tool(tool).is_some_and(|tool| tool.audit() == Audit::Full);
        self.list.push(Decision {
            round,
            position,
            call_id: cut(call_id, ID_LENGTH).to_owned(),
            tool: printable(tool),
            arguments_digest: canonical.map(|text| Sha256::digest(text).into()),
            arguments: canonical.filter(|text| full && text.len() <= ARGUMENTS_LENGTH).map(str::to_owned),
            ruling,
        });
        self.written = self.written.saturating_add(1);
        Some(position)
    }

    /// The decision just written was not the last word.
    pub(crate) fn amend(&mut self, violation: &Violation) {
        if let Some(last) = self.list.last_mut() {
            last.ruling = violation.into();
        }
    }

    /// Those that were not told yet.
    pub(crate) fn take<'a>(&'a mut self, gate: &'a Gate) -> Option<Decisions<'a>> {
        if self.list.is_empty() {
            return None;
        }
        let list = std::mem::take(&mut self.list);
        let caller = self.caller.take()?;
        Some(Decisions { contract_digest: gate.contract.digest(), about: &self.about, caller, list })
    }
}

/// The longest beginning of whole characters in so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

//! The decisions on the calls of one exchange, for the audit log.
//!
//! A decision is the contract's verdict on a call. The executor records the outcome of the call. [`crate::settle`] writes
//! decisions, and only if an executor keeps them. The arguments themselves are kept only
//! for tools with `audit: full`.

use std::sync::Arc;

use callgate_contract::{Audit, Caller, Code, Tool, Violation, name_in_record};
use sha2::{Digest, Sha256};

use crate::agent::AgentIds;
use crate::gate::Gate;
use crate::headers::{Headers, single};
use crate::trace::Trace;

/// The maximum bytes kept of a request's id and of a call's id.
const ID_LENGTH: usize = 128;
/// The maximum bytes kept of a tool's name.
const NAME_LENGTH: usize = 128;
/// Longer arguments are not kept themselves, only their digest: a record must fit into a message with others.
const ARGUMENTS_LENGTH: usize = 256 << 10;
/// The maximum number of decisions kept for the access log.
const NOTES: usize = 16;

/// The decisions of one exchange since the last look.
#[derive(Debug)]
pub struct Decisions<'a> {
    /// Digest of the deciding contract.
    pub contract_digest: &'a str,
    /// The exchange.
    pub correlation: &'a Correlation,
    /// On whose behalf the calls were made.
    pub caller: Caller,
    /// At least one, in order.
    pub list: Vec<Decision>,
}

/// The identifiers that link an exchange to logs and traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correlation {
    /// The adapter's own id, which no caller can choose.
    pub exchange_id: String,
    /// The proxy's id of the request (`x-request-id`). A caller may have chosen it. At most 128 bytes, printable.
    pub request_id: String,
    /// The trace of the request.
    pub trace: Option<Trace>,
    /// The conversation, if the contract has a rule for it: 32 hexadecimal digits, a hash of tenant, role and id.
    pub conversation: Option<String>,
    /// The agent that says it sends the request.
    pub agent: Option<Box<AgentIds>>,
}

/// The decision on one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The round of the exchange, counted from 1.
    pub round: u32,
    /// The call's place among the decisions of its exchange, counted from 0.
    pub position: u32,
    /// The model's id of the call; empty for a dropped declaration. At most 128 bytes.
    pub call_id: String,
    /// The tool's name as the model gave it, made printable. At most 64 bytes.
    pub tool: String,
    /// SHA-256 of the canonical arguments; `None` if they are not strict JSON, or were dropped unread because of the name.
    pub arguments_digest: Option<[u8; 32]>,
    /// The canonical arguments, if the tool has `audit: full`.
    pub arguments: Option<String>,
    /// The ruling.
    pub ruling: Ruling,
}

/// The ruling on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may run.
    Allow,
    /// It may run although it breaks a rule, because the rule is not enforced.
    Shadow {
        /// The first broken rule.
        code: Code,
        /// JSON Pointer into the arguments.
        pointer: String,
    },
    /// It may run once a person has agreed.
    NeedsApproval {
        /// The first broken rule that asks for a person; `None` if the tool itself asks (`approval`).
        code: Option<Code>,
        /// JSON Pointer into the arguments; empty without a rule.
        pointer: String,
    },
    /// It may not run.
    Deny {
        /// The broken rule.
        code: Code,
        /// JSON Pointer into the arguments.
        pointer: String,
    },
}

/// The decision on one call, in words of the contract and of ours alone: for the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallNote {
    /// The round of the exchange, counted from 1.
    pub round: u32,
    /// The tool; `None` if the contract has no tool of that name.
    pub tool: Option<Arc<str>>,
    /// The ruling.
    pub ruling: Ruling,
}

/// The decisions not yet taken by the adapter.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) correlation: Correlation,
    caller: Option<Caller>,
    list: Vec<Decision>,
    written: u32,
    /// The first decisions on calls.
    notes: Vec<CallNote>,
    /// The number of all decisions on calls.
    noted: u32,
}

// === impl Correlation ===

impl Correlation {
    pub(crate) fn of(exchange_id: String) -> Self {
        Self { exchange_id, ..Self::default() }
    }

    /// Reads the identifiers in the request's headers.
    pub(crate) fn read(&mut self, headers: &Headers<'_>) {
        let request_id = single(headers, "x-request-id").unwrap_or_default();
        self.request_id = if request_id.len() <= ID_LENGTH && request_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            request_id.to_owned()
        } else {
            request_id.chars().filter(char::is_ascii_graphic).take(ID_LENGTH).collect()
        };
        self.trace = Trace::read(headers);
        self.agent = AgentIds::read(headers);
    }

    /// Takes the trace of a message if the request's headers have none.
    pub(crate) fn read_message(&mut self, parent: Option<&str>) {
        if self.trace.is_none() {
            self.trace = parent.and_then(Trace::of);
        }
    }
}

// === impl Ruling ===

impl Ruling {
    /// The ruling on an allowed call that may break a rule which is not enforced.
    pub(crate) fn allowed(shadowed: Option<&Violation>) -> Self {
        match shadowed {
            None => Self::Allow,
            Some(violation) => Self::Shadow { code: violation.code, pointer: violation.pointer.clone() },
        }
    }

    /// The ruling on a call that a person must approve, because of a broken rule or because its tool asks for it.
    pub(crate) fn held(because: Option<&Violation>) -> Self {
        let pointer = because.map(|violation| violation.pointer.clone()).unwrap_or_default();
        Self::NeedsApproval { code: because.map(|violation| violation.code), pointer }
    }
}

impl From<&Violation> for Ruling {
    fn from(violation: &Violation) -> Self {
        Self::Deny { code: violation.code, pointer: violation.pointer.clone() }
    }
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn of(correlation: Correlation) -> Self {
        Self { correlation, ..Self::default() }
    }

    /// Writes a decision down, and returns its place among those of the exchange. `arguments` are canonical, with the tool's rule for
    /// them, and `None` if they are not known.
    pub(crate) fn write(
        &mut self,
        gate: &Gate,
        caller: &Caller,
        round: u32,
        (call_id, tool): (&str, &str),
        arguments: Option<(&str, Audit)>,
        ruling: Ruling,
    ) -> Option<u32> {
        self.note(gate, round, tool, &ruling);
        self.record(gate, caller, round, (call_id, tool), arguments, ruling)
    }

    /// Writes down a decision on a declaration. The access log lists only calls.
    pub(crate) fn write_declaration(&mut self, gate: &Gate, caller: &Caller, tool: &str, ruling: Ruling) {
        self.record(gate, caller, 1, ("", tool), None, ruling);
    }

    fn note(&mut self, gate: &Gate, round: u32, tool: &str, ruling: &Ruling) {
        self.noted = self.noted.saturating_add(1);
        if self.notes.len() < NOTES {
            let tool = gate.contract.tool(tool).map(Tool::shared_name);
            self.notes.push(CallNote { round, tool, ruling: ruling.clone() });
        }
    }

    fn record(
        &mut self,
        gate: &Gate,
        caller: &Caller,
        round: u32,
        (call_id, tool): (&str, &str),
        arguments: Option<(&str, Audit)>,
        ruling: Ruling,
    ) -> Option<u32> {
        if !gate.records() {
            return None;
        }
        let position = self.written;
        self.caller.get_or_insert_with(|| caller.clone());
        let mut tool = name_in_record(tool);
        tool.truncate(tool.floor_char_boundary(NAME_LENGTH));
        let is_kept = |(text, audit): &(&str, Audit)| *audit == Audit::Full && text.len() <= ARGUMENTS_LENGTH;
        self.list.push(Decision {
            round,
            position,
            call_id: cut(call_id, ID_LENGTH).to_owned(),
            tool,
            arguments_digest: arguments.map(|(text, _)| Sha256::digest(text).into()),
            arguments: arguments.filter(is_kept).map(|(text, _)| text.to_owned()),
            ruling,
        });
        self.written = self.written.saturating_add(1);
        Some(position)
    }

    /// Changes the decision just written to a denial.
    pub(crate) fn amend(&mut self, violation: &Violation) {
        if let Some(last) = self.list.last_mut() {
            last.ruling = violation.into();
        }
        if let Some(last) = self.notes.last_mut().filter(|_| self.noted as usize <= NOTES) {
            last.ruling = violation.into();
        }
    }

    /// Returns the first decisions on calls, and the number of all.
    pub(crate) fn notes(&self) -> (&[CallNote], u32) {
        (&self.notes, self.noted)
    }

    /// Takes the decisions not taken before.
    pub(crate) fn take<'a>(&'a mut self, gate: &'a Gate) -> Option<Decisions<'a>> {
        if self.list.is_empty() {
            return None;
        }
        let list = std::mem::take(&mut self.list);
        let caller = self.caller.take()?;
        Some(Decisions { contract_digest: gate.contract.digest(), correlation: &self.correlation, caller, list })
    }
}

/// The longest beginning of whole characters in so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

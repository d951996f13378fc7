//! Calls of an audit log.
//!
//! Gate and executor both record their decision on a call, and the same call may come again. The first decision on a call counts.
//! Positions are remembered for the last exchanges only, so a log of any size can be read.

use std::collections::{HashMap, HashSet, VecDeque};

use callgate_audit::{LogReader, Record};
use callgate_contract::{Caller, Code, Contract, Conversation, ProposedCall, Texts, Verdict, decide};
use jiff::Timestamp;
use serde::Deserialize;

use super::ReplayError;
use super::report::{CallPlace, CallVerdict, ReplayReport};

/// The exchanges whose calls are remembered.
const EXCHANGES: usize = 65_536;

/// The reason for a call without a verdict.
const NO_ARGUMENTS: &str = "the record has no arguments";
const NO_FACTS: &str = "a rule reads the conversation, which a record does not have";
const NO_WORKSPACE: &str = "the call's workspace stands in a header, which a record does not have; give --workspace";

/// Replays records.
#[derive(Default)]
pub(super) struct Auditor {
    calls: HashMap<String, HashSet<(u32, u32)>>,
    order: VecDeque<String>,
    /// The workspace of all calls, for contracts that read it from a header.
    workspace: Option<String>,
}

/// A line of an exported log.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    record: Record<'a>,
}

/// The first line of an exported log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the shape counts")]
struct Header {
    executor: String,
    records: u64,
    head: String,
}

/// Replays a database.
pub(super) fn replay_database(
    mut auditor: Auditor,
    reader: &LogReader,
    candidate: &Contract,
    active: Option<&Contract>,
    report: &mut ReplayReport,
) -> Result<(), ReplayError> {
    reader.each(1, |stored| match Record::read(&stored.text) {
        Ok(record) => auditor.record(&record, candidate, active, report),
        Err(_) => {
            report.undecided("the record is damaged");
            Ok(())
        }
    })?
}

// === impl Auditor ===

impl Auditor {
    /// Makes one whose calls all have this workspace.
    pub(super) fn new(workspace: Option<String>) -> Self {
        Self { workspace, ..Self::default() }
    }

    /// Reads a line of an exported log; `Some(None)` for its first, and `None` for a line of something else.
    pub(super) fn line(text: &str) -> Option<Option<Record<'_>>> {
        match serde_json::from_str::<Line<'_>>(text) {
            Ok(line) => Some(Some(line.record)),
            Err(_) => serde_json::from_str::<Header>(text).ok().map(|_| None),
        }
    }

    /// Decides the call of a decision again. Other records have no call of their own.
    pub(super) fn record(
        &mut self,
        record: &Record<'_>,
        candidate: &Contract,
        active: Option<&Contract>,
        report: &mut ReplayReport,
    ) -> Result<(), ReplayError> {
        if record.kind != "decision" || !self.is_first(record) {
            return Ok(());
        }
        let before = self.before(record);
        let decided = |contract| decided(contract, record, before, self.workspace.as_deref());
        let after = decided(candidate);
        let recorded = || match &*record.verdict {
            "approved" => Ok(CallVerdict::word("needs_approval")),
            "deny" => Ok(CallVerdict { word: record.code.to_string(), pointer: record.pointer.to_string() }),
            verdict => Ok(CallVerdict::word(verdict)),
        };
        let was = active.map_or_else(recorded, decided);
        let number = format!("record {}", record.seq);
        let place = CallPlace { at: &number, exchange: &record.exchange_id, role: &record.role, tool: &record.tool };
        match (was, after) {
            (Ok(was), Ok(after)) => report.call(&place, &was, &after),
            (Err(why), _) | (_, Err(why)) => {
                report.undecided(why);
                Ok(())
            }
        }
    }

    fn is_first(&mut self, record: &Record<'_>) -> bool {
        let key = (record.round, record.position);
        if let Some(calls) = self.calls.get_mut(&*record.exchange_id) {
            return calls.insert(key);
        }
        if self.order.len() >= EXCHANGES
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
        self.order.push_back(record.exchange_id.to_string());
        self.calls.insert(record.exchange_id.to_string(), HashSet::from([key]));
        true
    }

    /// The earlier calls of the record's turn.
    fn before(&self, record: &Record<'_>) -> u32 {
        let calls = self.calls.get(&*record.exchange_id).into_iter().flatten();
        let earlier = calls.filter(|(round, position)| *round == record.round && *position < record.position).count();
        u32::try_from(earlier).unwrap_or(u32::MAX)
    }
}

/// Decides a recorded call, or gives the reason why it cannot be decided.
fn decided(
    contract: &Contract,
    record: &Record<'_>,
    calls_before: u32,
    workspace: Option<&str>,
) -> Result<CallVerdict, &'static str> {
    let role = contract.role(&record.role);
    let tool = match contract.permit(role, &record.tool) {
        Ok(tool) => tool,
        Err(_) if record.tool.is_empty() => return Ok(CallVerdict::word(Code::CallMalformed.as_str())),
        Err(forbidden) => return Ok(CallVerdict::word(forbidden.code().as_str())),
    };
    // These are refused by their form, before any contract decides.
    if record.code == Code::CallMalformed.as_str() {
        return Ok(CallVerdict::word(&record.code));
    }
    let Some(arguments) = record.arguments.as_deref() else { return Err(NO_ARGUMENTS) };
    let workspace = workspace.filter(|_| contract.workspace_header().is_some()).map(str::to_owned);
    if contract.workspace_header().is_some() && workspace.is_none() && tool.needs_workspace() {
        return Err(NO_WORKSPACE);
    }
    let caller = Caller { workspace, ..Caller::new(record.tenant.to_string(), record.role.to_string()) };
    let now = record.time.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    // The texts are unknown. Every other rule is decided, and only a denial of theirs is certain.
    let conversation = Conversation { calls_before, now, texts: Texts::Decided(None), ..Conversation::default() };
    let call = ProposedCall { name: &record.tool, arguments };
    let reads = contract.reads();
    match decide(contract, &caller, &conversation, &call) {
        Verdict::Deny(violation)
            if violation.code == Code::ConditionUnmet && (reads.model || reads.conversation || reads.claims) =>
        {
            Err(NO_FACTS)
        }
        Verdict::Deny(violation) => {
            Ok(CallVerdict { word: violation.code.as_str().to_owned(), pointer: violation.pointer })
        }
        // A condition may allow more with a claim, and less.
        Verdict::Allow(_) | Verdict::NeedsApproval(_) if tool.reads_texts() || reads.claims => Err(NO_FACTS),
        Verdict::Allow(_) => Ok(CallVerdict::word("allow")),
        Verdict::NeedsApproval(_) => Ok(CallVerdict::word("needs_approval")),
    }
}

//! The note of an exchange for access logs: one JSON object with its caller and its decisions.
//!
//! Tools, codes and pointers are words of the contract and of ours. The tenant and the agent's ids are the only texts from outside, and they
//! are bounded. So the note is bounded, and no text of a model is in it.

use callgate_engine::{AccessNotes, AgentIds, CallNote, Cost, Ruling, Tally, UsageSource};
use serde::Serialize;

/// The maximum bytes of a tenant, and of a pointer.
const TEXT_LENGTH: usize = 128;

#[derive(Serialize)]
struct ExchangeNote<'a> {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The exchange was broken off before its answer was complete, perhaps after a decision.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<NotedAgent<'a>>,
    rounds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    /// A count of tokens is an estimate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    estimated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_micros: Option<u64>,
    /// The number of decisions on calls, which may be more than are listed.
    decided: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<NotedCall<'a>>,
}

/// The ids that an agent claims. An empty one is left out.
#[derive(Serialize)]
struct NotedAgent<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    session: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    parent: &'a str,
}

#[derive(Serialize)]
struct NotedCall<'a> {
    round: u32,
    /// Empty if the contract has no such tool.
    tool: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    at: &'a str,
}

/// Writes the note.
pub(super) fn note(tally: &Tally, notes: &AccessNotes<'_>) -> String {
    let (verdict, code) = tally.ending();
    let counted = tally.usage_source != UsageSource::Unknown;
    let note = ExchangeNote {
        verdict: verdict.as_str(),
        code,
        cancelled: tally.cancelled,
        dialect: tally.dialect,
        tenant: notes.tenant.map(cut),
        role: notes.role,
        conversation: tally.conversation.as_ref().map(|seen| seen.label.as_str()),
        agent: notes.agent.map(|AgentIds { session, agent, parent }| NotedAgent { session, id: agent, parent }),
        rounds: tally.rounds,
        input_tokens: counted.then_some(tally.usage.input_tokens),
        output_tokens: counted.then_some(tally.usage.output_tokens),
        estimated: tally.usage_source == UsageSource::Estimated,
        cost_micros: tally.cost.map(Cost::micros),
        decided: notes.decided,
        calls: notes.calls.iter().map(call).collect(),
    };
    // Nothing of the note can fail to be JSON.
    serde_json::to_string(&note).unwrap_or_default()
}

fn call(CallNote { round, tool, ruling }: &CallNote) -> NotedCall<'_> {
    let (verdict, code, at) = match ruling {
        Ruling::Allow => ("allow", None, ""),
        Ruling::Shadow { code, pointer } => ("shadow", Some(code.as_str()), pointer.as_str()),
        Ruling::NeedsApproval { code, pointer } => ("approval", code.map(|code| code.as_str()), pointer.as_str()),
        Ruling::Deny { code, pointer } => ("deny", Some(code.as_str()), pointer.as_str()),
    };
    NotedCall { round: *round, tool: tool.as_deref().unwrap_or_default(), verdict, code, at: cut(at) }
}

/// Returns the longest beginning of whole characters within the maximum.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_LENGTH)).unwrap_or_default()
}

//! The table of fields with a known effect. A field missing here is compared by its value, and its change is unclear.

use crate::model::{Limits, Tool};
use crate::run::WasmRun;
use crate::sources::Otherwise;

/// The way to tell the effect of a field's change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// It decides no call.
    Note,
    /// A list: a new item opens, a removed one closes.
    Items,
    /// A list of globs, likewise, unless another glob covers the item.
    Globs,
    /// Words from the strictest to the most open. The absent field means the word at this index.
    Words(&'static [&'static str], usize),
    /// A limit of exchanges, as the contract's model has it. `None` means unlimited.
    Limit(fn(&Limits) -> Option<u64>),
    /// A limit of a run, or a rate: a number, a size, a time in milliseconds, or an amount. The absent field means this.
    Most(u64),
    /// A limit on cost, in the currency of the prices. Without the field there are no bounds.
    Budget,
    /// A rule that never allows a call: adding it closes, removing it opens. `false` is the same as no rule.
    Restriction,
    /// The consequence of a broken rule, as the contract's model has it; a stricter one closes.
    Consequence(fn(&Tool) -> Option<Otherwise>),
    /// `true` or `false`: this value opens, the other closes and is the default.
    Switch(bool),
    /// A rule of `origin`. It takes calls away, unless its `from` frees a value from the rules for tools with `egress`.
    Origin,
    /// A price: a higher one lets a limit of costs end earlier.
    Price,
    /// An approval: `never`, then anything between, then `always`.
    Approval,
    /// A JSON Schema; the absent one accepts everything.
    Schema,
    /// The format of results and their schema.
    Result,
    /// A list of paths of a profile: a new path opens, a new `!` entry closes.
    Paths,
    /// A list of commands of a profile: a new one opens, unless a longer or shorter entry decides the same command.
    Commands,
    /// A role's list of tools, compared by the names it matches.
    RoleTools,
}

/// Any one segment of a pointer.
const ANY: &str = "*";

/// An absent limit.
const UNLIMITED: u64 = u64::MAX;
const BOUNDS_TIMEOUT: u64 = 5_000;
const BOUNDS_OUTPUT: u64 = 1 << 20;
const WASM_TIMEOUT: u64 = 2_000;

/// The words of `otherwise`.
const CONSEQUENCES: &[&str] = &["deny", "feedback", "approve"];

/// Segments of the pointer, and the rule.
const RULES: &[(&[&str], Rule)] = &[
    (&["metadata", ANY], Rule::Note),
    (&["spec", "models"], Rule::Globs),
    (&["spec", "providerTools"], Rule::Items),
    (&["spec", "serverState"], Rule::Words(&["refused", "allowed"], 0)),
    (&["spec", "undeclaredTools"], Rule::Words(&["refuse", "drop"], 0)),
    (&["spec", "requestMembers", "unknown"], Rule::Words(&["refuse", "drop"], 1)),
    (&["spec", "requestMembers", "allow"], Rule::Items),
    (&["spec", "users", "text"], Rule::Words(&["untrusted", "trusted"], 1)),
    (&["spec", "mcp", "resources"], Rule::Items),
    (&["spec", "mcp", "prompts"], Rule::Items),
    (&["spec", "mcp", "roots"], Rule::Words(&["refuse", "allow"], 0)),
    (&["spec", "mcp", "logging"], Rule::Words(&["refuse", "allow"], 1)),
    (&["spec", "mcp", "elicitation", "hosts"], Rule::Items),
    // Without the section nothing is allowed.
    (&["spec", "mcp", ANY, ANY], Rule::Most(0)),
    (&["spec", "enforce"], Rule::Switch(false)),
    (&["spec", "roles", ANY, "when", "shadow"], Rule::Switch(true)),
    (&["spec", "tools", ANY, "when", "shadow"], Rule::Switch(true)),
    (&["spec", "tools", ANY, "origin", ANY, "shadow"], Rule::Switch(true)),
    (&["spec", "tools", ANY, "requires", "shadow"], Rule::Switch(true)),
    (&["spec", "limits", "maxOutputTokens"], Rule::Limit(|limits| limits.max_output_tokens)),
    (&["spec", "limits", "maxToolCallsPerTurn"], Rule::Limit(|limits| Some(limits.max_tool_calls_per_turn.into()))),
    (&["spec", "limits", "maxRounds"], Rule::Limit(|limits| Some(limits.max_rounds.into()))),
    (&["spec", "limits", "requestBytes"], Rule::Limit(|limits| Some(limits.request_bytes))),
    (&["spec", "limits", "responseBytes"], Rule::Limit(|limits| Some(limits.response_bytes))),
    (&["spec", "limits", "turnTimeout"], Rule::Limit(|limits| millis(limits.turn_timeout))),
    (&["spec", "limits", "turnIdleTimeout"], Rule::Limit(|limits| millis(limits.turn_idle_timeout))),
    (&["spec", "limits", "storeUnavailable"], Rule::Words(&["refuse", "allow"], 0)),
    (&["spec", "conversation", "idle"], Rule::Note),
    (&["spec", "conversation", "lifetime"], Rule::Most(UNLIMITED)),
    (&["spec", "conversation", "maxTurns"], Rule::Most(UNLIMITED)),
    (&["spec", "conversation", "maxCalls"], Rule::Most(UNLIMITED)),
    (&["spec", "prices", "unpriced"], Rule::Words(&["refuse", "allow"], 1)),
    (&["spec", "prices", "models", ANY, "longContext", ANY], Rule::Price),
    (&["spec", "prices", "models", ANY, ANY], Rule::Price),
    (&["spec", "profiles", ANY, "read"], Rule::Paths),
    (&["spec", "profiles", ANY, "write"], Rule::Paths),
    (&["spec", "profiles", ANY, "run"], Rule::Commands),
    (&["spec", "profiles", ANY, "ask"], Rule::Commands),
    (&["spec", "profiles", ANY, "recursive"], Rule::Words(&["refuse", "allow"], 1)),
    (&["spec", "profiles", ANY, "hosts", "names"], Rule::Items),
    (&["spec", "profiles", ANY, "email", "domains"], Rule::Items),
    (&["spec", "profiles", ANY, "email", "max"], Rule::Most(UNLIMITED)),
    (&["spec", "profiles", ANY, "cidr"], Rule::Items),
    (&["spec", "profiles", ANY, "sql", "statements"], Rule::Items),
    (&["spec", "profiles", ANY, "sql", "tables"], Rule::Items),
    (&["spec", "profiles", ANY, "sql", "limit"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "tools"], Rule::RoleTools),
    (&["spec", "roles", ANY, "requestsPerMinute"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "requestsPerDay"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "callsPerMinute"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "callsPerDay"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "tokensPerMinute"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "tokensPerDay"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "costPerDay", "amount"], Rule::Budget),
    (&["spec", "tools", ANY, "callsPerMinute"], Rule::Most(UNLIMITED)),
    (&["spec", "tools", ANY, "callsPerDay"], Rule::Most(UNLIMITED)),
    (&["spec", "roles", ANY, "when"], Rule::Restriction),
    (&["spec", "tools", ANY, "description"], Rule::Note),
    (&["spec", "tools", ANY, "definition"], Rule::Note),
    (&["spec", "tools", ANY, "parameters"], Rule::Schema),
    (&["spec", "tools", ANY, "result"], Rule::Result),
    (&["spec", "tools", ANY, "when"], Rule::Restriction),
    (&["spec", "tools", ANY, "output"], Rule::Words(&["untrusted", "trusted"], 0)),
    (&["spec", "tools", ANY, "confidential"], Rule::Restriction),
    (&["spec", "tools", ANY, "egress"], Rule::Consequence(|tool| tool.sources.egress)),
    (&["spec", "tools", ANY, "entities"], Rule::Consequence(|tool| tool.sources.entities)),
    (&["spec", "tools", ANY, "origin", ANY], Rule::Origin),
    (&["spec", "tools", ANY, "origin", ANY, "otherwise"], Rule::Words(CONSEQUENCES, 0)),
    (&["spec", "tools", ANY, "requires"], Rule::Restriction),
    (&["spec", "tools", ANY, "requires", "untainted"], Rule::Restriction),
    (&["spec", "tools", ANY, "requires", "user"], Rule::Restriction),
    (&["spec", "tools", ANY, "requires", "otherwise"], Rule::Words(CONSEQUENCES, 0)),
    (&["spec", "tools", ANY, "approval"], Rule::Approval),
    (&["spec", "tools", ANY, "run", "wasm", "memory"], Rule::Most(WasmRun::MEMORY)),
    (&["spec", "tools", ANY, "run", "wasm", "fuel"], Rule::Most(WasmRun::FUEL)),
    (&["spec", "tools", ANY, "run", "wasm", "timeout"], Rule::Most(WASM_TIMEOUT)),
    (&["spec", "tools", ANY, "run", "wasm", "outputBytes"], Rule::Most(WasmRun::OUTPUT_BYTES)),
    (&["spec", "tools", ANY, "run", "wasm", "files"], Rule::Items),
    (&["spec", "tools", ANY, "run", "wasm", "env"], Rule::Items),
    (&["spec", "tools", ANY, "run", "wasm", "http"], Rule::Items),
    (&["spec", "tools", ANY, "run", ANY, "timeout"], Rule::Most(BOUNDS_TIMEOUT)),
    (&["spec", "tools", ANY, "run", ANY, "outputBytes"], Rule::Most(BOUNDS_OUTPUT)),
];

/// The strictness of a consequence. Feedback denies the call, or asks a person if the model cannot be told.
pub(super) fn strictness(consequence: Option<Otherwise>) -> u64 {
    match consequence {
        None | Some(Otherwise::Shadow) => 0,
        Some(Otherwise::Approve) => 1,
        Some(Otherwise::Feedback) => 2,
        Some(Otherwise::Deny) => 3,
    }
}

/// Returns the rule of the field at `path`.
pub(super) fn of(path: &[String]) -> Option<Rule> {
    let matches = |pattern: &[&str]| {
        pattern.len() == path.len() && pattern.iter().zip(path).all(|(want, have)| *want == ANY || want == have)
    };
    RULES.iter().find(|(pattern, _)| matches(pattern)).map(|(_, rule)| *rule)
}

fn millis(time: std::time::Duration) -> Option<u64> {
    u64::try_from(time.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Bounds;

    #[test]
    fn the_defaults_of_runs_are_those_of_the_model() {
        let bounds = Bounds::default();
        assert_eq!((millis(bounds.timeout), bounds.output_bytes), (Some(BOUNDS_TIMEOUT), BOUNDS_OUTPUT));
        assert_eq!(millis(WasmRun::TIMEOUT), Some(WASM_TIMEOUT));
    }
}

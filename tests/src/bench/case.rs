//! The measured cases, as data: one more is one more entry.

use super::exchange;

/// One case: an exchange, a number of connections, a contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// The stable name in files.
    pub(super) name: &'static str,
    /// The name in tables and plots.
    pub(super) title: &'static str,
    /// The name of its exchange.
    pub(super) exchange: &'static str,
    pub(super) connections: usize,
    /// The contract of the gates.
    pub(super) desk: Desk,
    /// True if the upstream sets the pace. Throughput then means nothing, and CPU time for an exchange is the figure.
    pub(super) paced: bool,
}

/// A contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Desk {
    /// `tests/contracts/bench`.
    Usual,
    /// A generated one with this many tools.
    Tools(usize),
}

impl Desk {
    /// The name in tables and plots.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Usual => "usual contract",
            Self::Tools(1) => "1 tool",
            Self::Tools(100) => "100 tools",
            Self::Tools(10_000) => "10,000 tools",
            Self::Tools(_) => "other contract",
        }
    }
}

/// The case of two calls, with many connections: the one in the README.
pub(super) const TWO_CALLS: &str = "two_calls";
/// The same with one connection, so nothing queues.
pub(super) const ALONE: &str = "connections_1";
/// A stream of text.
pub(super) const STREAM: &str = "stream_500";
pub(super) const TOOLS_1: &str = "tools_1";

const fn case(name: &'static str, title: &'static str, exchange: &'static str, connections: usize) -> Case {
    Case { name, title, exchange, connections, desk: Desk::Usual, paced: false }
}

/// All cases.
pub(super) const CASES: [Case; 14] = [
    case("no_tools", "no tools", exchange::NO_TOOLS, 32),
    case(TWO_CALLS, "2 calls", exchange::TWO_CALLS, 32),
    case("calls_32", "32 calls", exchange::CALLS_32, 32),
    Case { paced: true, ..case(STREAM, "stream, 500 deltas", exchange::STREAM, 16) },
    Case { paced: true, ..case("stream_20k_call", "stream, a call of 20 KB", exchange::STREAM_CALL, 16) },
    case("conversation_200k", "conversation of 200 KB", exchange::CONVERSATION, 8),
    case("mcp_call", "MCP tools/call", exchange::MCP, 32),
    case("server_loop", "a tool run by the server", exchange::LOOP, 16),
    Case { desk: Desk::Tools(1), ..case(TOOLS_1, "contract of 1 tool", exchange::ONE_TOOL, 32) },
    Case { desk: Desk::Tools(100), ..case("tools_100", "contract of 100 tools", exchange::ONE_TOOL, 32) },
    Case { desk: Desk::Tools(10_000), ..case("tools_10000", "contract of 10,000 tools", exchange::ONE_TOOL, 32) },
    case(ALONE, "2 calls, 1 connection", exchange::TWO_CALLS, 1),
    case("connections_16", "2 calls, 16 connections", exchange::TWO_CALLS, 16),
    case("connections_256", "2 calls, 256 connections", exchange::TWO_CALLS, 256),
];

/// Returns the chosen cases, or all.
pub(super) fn chosen(names: &[String]) -> Result<Vec<Case>, String> {
    let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("unknown case {unknown:?}; known: {}", known.join(", ")));
    }
    Ok(CASES.into_iter().filter(|case| names.is_empty() || names.iter().any(|name| name == case.name)).collect())
}

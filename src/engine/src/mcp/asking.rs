//! The requests that a server makes of a client: on a stream in a session, and inside of a result without one. Both are decided by
//! [`Contract::asked`](callgate_contract::Contract::asked).

use callgate_contract::{AskedInput, AskedKind, McpDenial, McpDenialCode};
use callgate_json::{Map, Value};
use callgate_wire::mcp::{ClientInput, McpAnswer, text_only};

use crate::{Code, Gate, Refusal, Tally};

/// The time in which the questions on the server's own stream are counted, in milliseconds.
const WINDOW: u64 = 60_000;

/// The questions of a server so far, on one stream or in one result.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AskedSoFar {
    counts: [u32; 3],
    window: u64,
}

// === impl AskedSoFar ===

impl AskedSoFar {
    /// Resets the counts after a minute, on a stream that belongs to no call. Without a clock it never does.
    pub(crate) fn renew(&mut self, now: Option<u64>) {
        let window = now.unwrap_or_default() / WINDOW;
        if window != self.window {
            *self = Self { window, ..Self::default() };
        }
    }

    /// The questions of earlier requests: elicitation, sampling, roots.
    pub(super) fn of(counts: [u32; 3]) -> Self {
        Self { counts, window: 0 }
    }

    /// Returns the number of questions: elicitation, sampling, roots.
    pub(super) fn counts(self) -> [u32; 3] {
        self.counts
    }

    fn count(&mut self, kind: AskedKind) -> &mut u32 {
        let [elicitation, sampling, roots] = &mut self.counts;
        match kind {
            AskedKind::Elicitation => elicitation,
            AskedKind::Sampling => sampling,
            AskedKind::Roots => roots,
        }
    }
}

/// Returns the contract's name of a kind.
pub(crate) fn kind(input: ClientInput) -> AskedKind {
    match input {
        ClientInput::Elicitation => AskedKind::Elicitation,
        ClientInput::Sampling => AskedKind::Sampling,
        ClientInput::Roots => AskedKind::Roots,
    }
}

/// Decides one question. Returns the parameters to forward as JSON text, or `None` to forward them as they are. In shadow mode nothing
/// changes and a forbidden question is only reported, unless a model's calls would run undecided.
pub(super) fn ask(
    gate: &Gate,
    input: ClientInput,
    params: Option<&Map<String, Value>>,
    asked: &mut AskedSoFar,
    tally: &mut Tally,
) -> Result<Option<String>, McpDenial> {
    let kind = kind(input);
    let count = asked.count(kind);
    match gate.contract.asked(AskedInput { kind, params, before: *count }) {
        Ok(new) => {
            *count = count.saturating_add(1);
            let is_same = params.map_or(new.is_empty(), |params| *params == new);
            let is_kept =
                is_same || (!gate.contract.enforces() && params.is_none_or(|params| text_only(params).is_ok()));
            Ok((!is_kept).then(|| Value::Object(new).to_string()))
        }
        Err(denial) if gate.contract.enforces() || params.is_some_and(|params| text_only(params).is_err()) => {
            tally.inputs_withheld = tally.inputs_withheld.saturating_add(1);
            Err(denial)
        }
        Err(_) => {
            tally.shadowed_errors.push(Code::McpInputForbidden);
            Ok(None)
        }
    }
}

/// Decides the pages to which an error of the server sends a person.
pub(super) fn pages(gate: &Gate, answer: &McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    let pages = answer.pages_needed().map_err(super::answer::misshapen)?;
    let mut asked = AskedSoFar::default();
    for page in pages.into_iter().flatten() {
        ask(gate, ClientInput::Elicitation, Some(page), &mut asked, tally).map_err(refusal)?;
    }
    Ok(())
}

/// Returns the refusal of a message that the contract does not allow.
pub(super) fn refusal(McpDenial { code, message }: McpDenial) -> Refusal {
    match code {
        McpDenialCode::Resource => {
            Refusal::at(Code::McpResourceForbidden, "params.uri", format!("Callgate refused the resource: {message}."))
        }
        McpDenialCode::Prompt => {
            Refusal::at(Code::McpPromptForbidden, "params.name", format!("Callgate refused the prompt: {message}."))
        }
        McpDenialCode::Input => Refusal::new(
            Code::McpInputForbidden,
            format!("Callgate refused what the MCP server asks of the client: {message}."),
        ),
    }
}

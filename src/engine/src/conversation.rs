//! The life of a conversation with a model: its id, and the counts of its turns and calls in the host's store.
//!
//! 1. [`named`] reads the id in a header, if the contract looks there.
//! 2. [`Conversation::begin`] finds the conversation by tenant, role and id, or by the texts before the model's first answer.
//! 3. [`begin_turn`] counts each answer of the model before the model is asked. A conversation that has ended is refused.
//!
//! Not covered: messages to MCP servers, which belong to no conversation with a model.

use callgate_contract::{Caller, ConversationId, ConversationPolicy};
use callgate_limits::{Ended, Key, Standing, StoreError, begin_turn as count_turn, give_turn_back};
use callgate_wire::{Part, Request, Role};
use sha2::{Digest, Sha256};

use crate::gate::Gate;
use crate::headers::Headers;
use crate::limits::unavailable;
use crate::{Code, Refusal};

/// The maximum bytes of an id in a header.
const ID_LENGTH: usize = 256;

/// The name of a conversation, as far as the headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// By a header.
    Given(String),
    /// By its texts.
    Derived,
}

/// A conversation under way.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub(crate) key: Key,
    /// Its name for logs: 32 hexadecimal digits.
    pub(crate) label: String,
}

/// Reads the id of a conversation. A repeated header names nothing, and so does one that is empty or too long.
pub(crate) fn named(policy: &ConversationPolicy, headers: &Headers<'_>) -> Result<Named, Refusal> {
    for id in &policy.ids {
        let ConversationId::Header(name) = id else { return Ok(Named::Derived) };
        let mut values = headers.iter().filter(|(candidate, _)| candidate == name);
        let Some((_, value)) = values.next() else { continue };
        let text = std::str::from_utf8(value).ok().filter(|text| {
            !text.is_empty() && text.len() <= ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic())
        });
        return match (text, values.next()) {
            (Some(text), None) => Ok(Named::Given(text.to_owned())),
            _ => {
                let message =
                    format!("The request must carry one `{name}` header of 1 to {ID_LENGTH} printable characters.");
                Err(Refusal::new(Code::ConversationUnknown, message))
            }
        };
    }
    let names: Vec<String> = policy.ids.iter().filter_map(header).map(|name| format!("`{name}`")).collect();
    let message = format!("The request names no conversation; send the header {}.", names.join(" or "));
    Err(Refusal::new(Code::ConversationUnknown, message))
}

fn header(id: &ConversationId) -> Option<&str> {
    match id {
        ConversationId::Header(name) => Some(name),
        ConversationId::Derived => None,
    }
}

// === impl Conversation ===

impl Conversation {
    /// Finds the conversation of a request.
    pub(crate) fn find(gate: &Gate, caller: &Caller, named: Named, request: &dyn Request) -> Result<Self, Refusal> {
        let (kind, id) = match named {
            Named::Given(id) => ("header", id),
            Named::Derived if request.server_state() => {
                let message = "The request continues from state at the provider, so its conversation cannot be told from its \
                               texts; the contract's `conversation.id` needs a header for it.";
                return Err(Refusal::new(Code::ConversationUnknown, message));
            }
            Named::Derived => ("derived", beginning(request)),
        };
        let owner = [gate.contract.name(), &caller.tenant, &caller.role];
        let key = Key::conversation(gate.slots(), &owner, &[kind, &id]).map_err(|_| unavailable())?;
        let label = hex(&hash([&caller.tenant, &caller.role, kind, &id].into_iter()));
        Ok(Self { key, label })
    }
}

/// Counts a turn at a time in milliseconds since the Unix epoch.
pub(crate) fn begin_turn(gate: &Gate, conversation: &Conversation, now: Option<u64>) -> Result<Standing, Refusal> {
    let policy = gate.contract.conversation().ok_or_else(unavailable)?;
    let counted = now.ok_or(StoreError::Unavailable);
    let counted = counted.and_then(|now| count_turn(gate.slots(), &conversation.key, now / 1000, &policy.rules));
    counted.map_err(|_| unavailable())?.map_err(|ended| {
        let (code, message) = match ended {
            Ended::Expired => (
                Code::ConversationExpired,
                "The conversation is older than the contract's `conversation.lifetime`; begin a new one.",
            ),
            Ended::Turns | Ended::Calls => (
                Code::ConversationLimit,
                "The conversation has as many turns as the contract's `conversation.maxTurns`; begin a new one.",
            ),
        };
        Refusal::new(code, message)
    })
}

/// Takes back the turn of a request that is refused after all.
pub(crate) fn take_back(gate: &Gate, conversation: &Conversation, now: Option<u64>) {
    if let (Some(policy), Some(now)) = (gate.contract.conversation(), now) {
        // If it fails, a turn too many is counted, which is the safe side.
        let _ = give_turn_back(gate.slots(), &conversation.key, now / 1000, &policy.rules);
    }
}

/// Returns a hash of the texts that every request of a conversation repeats: instructions, and what the user says before the model's
/// first answer.
fn beginning(request: &dyn Request) -> String {
    let mut hash = Sha256::new();
    let (mut has_user, mut is_over) = (false, false);
    request.conversation(&mut |part| {
        let role = match part {
            Part::Text { role, .. } | Part::Other { role, .. } => role,
            Part::Call { .. } | Part::Result { .. } => Role::Assistant,
        };
        match role {
            Role::User => has_user = true,
            Role::System if !has_user => {}
            Role::System | Role::Assistant | Role::Tool | Role::Unknown => is_over |= has_user,
        }
        if let Part::Text { role: Role::System | Role::User, text } = part
            && let Some(text) = text.string().filter(|_| !is_over)
        {
            hash.update([u8::from(role == Role::User)]);
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(text.as_bytes());
        }
    });
    hex(&hash.finalize())
}

fn hash<'a>(parts: impl Iterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Returns the first 16 bytes in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

//! The name of a conversation with a model. [`crate::limits`] counts its turns and calls.
//!
//! 1. [`named`] reads the id in a header, if the contract looks there.
//! 2. [`name`] names the conversation by tenant, role and id, or by the texts before the model's first answer.
//!
//! Not covered: messages to MCP servers, which belong to no conversation with a model.

use callgate_contract::{Caller, ConversationId, ConversationPolicy};
use callgate_wire::{Part, Request, Role};
use sha2::{Digest, Sha256};

use crate::headers::Headers;
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

/// Returns the name of a request's conversation, for counts and logs: 32 hexadecimal digits, a hash of tenant, role and id.
pub(crate) fn name(caller: &Caller, named: Named, request: &dyn Request) -> Result<String, Refusal> {
    let (kind, id) = match named {
        Named::Given(id) => ("header", id),
        Named::Derived if request.server_state() => {
            let message = "The request continues from state at the provider, so its conversation cannot be told from its \
                           texts; the contract's `conversation.id` needs a header for it.";
            return Err(Refusal::new(Code::ConversationUnknown, message));
        }
        Named::Derived => ("derived", beginning(request)),
    };
    Ok(hex(&hash([&caller.tenant, &caller.role, kind, &id].into_iter())))
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

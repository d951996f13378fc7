//! A subscription: one request whose answer is a stream of notifications without an end.

use callgate_json::Value;
use callgate_wire::mcp::{Id, McpAnswer, McpRequest};

use super::methods::SUBSCRIBED;
use crate::{Code, Refusal};

/// The maximum resources in one subscription.
const MOST_RESOURCES: usize = 256;
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// A subscription of a client.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    id: Id,
    /// The kinds that the client asks for, in the order of [`SUBSCRIBED`].
    wanted: [bool; SUBSCRIBED.len()],
}

// === impl Subscription ===

impl Subscription {
    /// Reads the filter of a request, and the URIs of its resources.
    pub(crate) fn read(id: Id, request: &McpRequest) -> Result<(Self, &[Value]), Refusal> {
        let filter = request.object("notifications").ok_or_else(invalid)?;
        let mut wanted = [false; SUBSCRIBED.len()];
        let mut named: &[Value] = &[];
        for (name, value) in filter {
            let row = SUBSCRIBED.iter().zip(&mut wanted).find(|((known, _), _)| known == name);
            let Some((_, wanted)) = row else { return Err(invalid()) };
            *wanted = match (value.as_bool(), value.as_array()) {
                (Some(wanted), _) if name != "resourceSubscriptions" => wanted,
                (_, Some(uris)) if name == "resourceSubscriptions" => {
                    if uris.len() > MOST_RESOURCES || !uris.iter().all(Value::is_string) {
                        return Err(invalid());
                    }
                    named = uris;
                    !uris.is_empty()
                }
                _ => return Err(invalid()),
            };
        }
        Ok((Self { id, wanted }, named))
    }

    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    /// Returns true for a notification of this subscription that the client asked for.
    pub(crate) fn wants(&self, method: &str, answer: &McpAnswer) -> bool {
        let is_asked = method == ACKNOWLEDGED
            || SUBSCRIBED.iter().zip(self.wanted).any(|((_, known), wanted)| wanted && *known == method);
        is_asked && answer.subscription() == Some(self.id.value())
    }
}

fn invalid() -> Refusal {
    let message = format!(
        "`params.notifications` is not a filter of `toolsListChanged`, `promptsListChanged`, `resourcesListChanged` and at most {MOST_RESOURCES} texts \
         in `resourceSubscriptions`."
    );
    Refusal::at(Code::RequestInvalid, "params.notifications", message)
}

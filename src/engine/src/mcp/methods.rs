//! The forwarded methods by the way of MCP: the one table of this crate.
//!
//! Source: the `schema.ts` of 2025-11-25 and of 2026-07-28, and SEP-2663 for tasks. The tasks of 2025-11-25 are in no list: they need a
//! declaration of each tool that lists do not have, and 2026-07-28 does without them.

use callgate_contract::McpRules;
use callgate_wire::mcp::{CALL_TOOL, ClientInput, Era, LIST_TOOLS, OfferList};

use super::asking;

/// A request of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    name: &'static str,
    eras: Eras,
    /// The kind of its answer.
    pub(crate) answered: Answered,
    /// The member of `params` that the header `Mcp-Name` repeats.
    pub(crate) named_by: Option<&'static str>,
}

/// The ways of MCP with a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eras {
    Both,
    Only(Era),
}

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The server's name and capabilities, at the beginning of a session.
    Introduction,
    /// The same without a session.
    Discovery,
    /// The server's tools.
    Tools,
    /// The result of a call.
    Call,
    /// The contents of a resource.
    Resource,
    /// Messages to show a model.
    Prompt,
    /// A list of resources, of their templates, or of prompts.
    Offers(OfferList),
    /// Nothing: the server tells of changes of a resource.
    Watched,
    /// Values for an argument.
    Completion,
    /// A stream of notifications.
    Subscription,
    /// The state of a task, and its result at the end.
    Task,
    /// Nothing: a task was told something.
    TaskTold,
    /// An answer without decisions.
    Other,
}

const SESSIONS: Eras = Eras::Only(Era::Sessions);
const STATELESS: Eras = Eras::Only(Era::Stateless);

const REQUESTS: [Method; 18] = [
    method("initialize", SESSIONS, Answered::Introduction, None),
    method("server/discover", STATELESS, Answered::Discovery, None),
    method("ping", SESSIONS, Answered::Other, None),
    method(LIST_TOOLS, Eras::Both, Answered::Tools, None),
    method(CALL_TOOL, Eras::Both, Answered::Call, Some("name")),
    method("resources/list", Eras::Both, Answered::Offers(OfferList::Resources), None),
    method("resources/templates/list", Eras::Both, Answered::Offers(OfferList::Templates), None),
    method("resources/read", Eras::Both, Answered::Resource, Some("uri")),
    method("resources/subscribe", SESSIONS, Answered::Watched, None),
    method("resources/unsubscribe", SESSIONS, Answered::Watched, None),
    method("prompts/list", Eras::Both, Answered::Offers(OfferList::Prompts), None),
    method("prompts/get", Eras::Both, Answered::Prompt, Some("name")),
    method("completion/complete", Eras::Both, Answered::Completion, None),
    method("logging/setLevel", SESSIONS, Answered::Other, None),
    method("subscriptions/listen", STATELESS, Answered::Subscription, None),
    method("tasks/get", STATELESS, Answered::Task, Some("taskId")),
    method(UPDATE_TASK, STATELESS, Answered::TaskTold, Some("taskId")),
    method("tasks/cancel", STATELESS, Answered::TaskTold, Some("taskId")),
];

/// The request with which a client answers the questions of a task.
const UPDATE_TASK: &str = "tasks/update";

/// The notification that clients send when they close their stream. Without a session the end of the stream alone cancels a request: a
/// server that looked for the id could cancel another client's.
const CANCELLED: &str = "notifications/cancelled";

/// Notifications of a client. Without a session there are none over HTTP.
const NOTIFICATIONS: [&str; 4] =
    ["notifications/initialized", CANCELLED, "notifications/progress", "notifications/roots/list_changed"];

/// Notifications of a server about its request, and about changes.
const SERVER_NOTIFICATIONS: [(&str, Eras); 8] = [
    ("notifications/message", Eras::Both),
    ("notifications/progress", Eras::Both),
    (CANCELLED, SESSIONS),
    ("notifications/resources/updated", SESSIONS),
    ("notifications/resources/list_changed", SESSIONS),
    ("notifications/tools/list_changed", SESSIONS),
    ("notifications/prompts/list_changed", SESSIONS),
    ("notifications/elicitation/complete", SESSIONS),
];

/// Notifications of a subscription, and the member of its filter that asks for each.
pub(crate) const SUBSCRIBED: [(&str, &str); 4] = [
    ("toolsListChanged", "notifications/tools/list_changed"),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
    ("resourceSubscriptions", "notifications/resources/updated"),
];

const fn method(name: &'static str, eras: Eras, answered: Answered, named_by: Option<&'static str>) -> Method {
    Method { name, eras, answered, named_by }
}

// === impl Method ===

impl Method {
    /// Returns its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns true if a server may want inputs before it answers, and the client repeats the request with them.
    pub(crate) fn may_be_repeated(&self) -> bool {
        matches!(self.answered, Answered::Call | Answered::Resource | Answered::Prompt)
    }

    /// Returns true if the request may have a client's answers to questions.
    pub(crate) fn takes_inputs(&self) -> bool {
        self.may_be_repeated() || self.name == UPDATE_TASK
    }

    /// Returns true for a request about a task.
    pub(crate) fn is_of_task(&self) -> bool {
        matches!(self.answered, Answered::Task | Answered::TaskTold)
    }
}

/// Returns the row of a client's request, if it is forwarded.
pub(crate) fn request(era: Era, name: &str) -> Option<Method> {
    REQUESTS.into_iter().find(|method| method.name == name && method.eras.has(era))
}

/// Returns true for a client's notification that is forwarded.
pub(crate) fn is_forwarded_notification(era: Era, name: &str) -> bool {
    era == Era::Sessions && NOTIFICATIONS.contains(&name)
}

/// Returns true for a client's notification that is confirmed and goes no further, because it means nothing without a session.
pub(crate) fn is_confirmed(name: &str) -> bool {
    name == CANCELLED
}

/// Returns true for a server's notification that is forwarded, outside of subscriptions.
pub(crate) fn is_server_notification(era: Era, name: &str) -> bool {
    SERVER_NOTIFICATIONS.iter().any(|(known, eras)| *known == name && eras.has(era))
}

/// Returns the kinds of inputs that a server may not ask for.
pub(crate) fn withheld(rules: &McpRules) -> Vec<ClientInput> {
    ClientInput::ALL.into_iter().filter(|input| !rules.may_ask(asking::kind(*input))).collect()
}

// === impl Eras ===

impl Eras {
    fn has(self, era: Era) -> bool {
        match self {
            Self::Both => true,
            Self::Only(only) => only == era,
        }
    }
}

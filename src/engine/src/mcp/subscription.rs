//! A subscription: one request whose answer is a stream of notifications without an end.

use callgate_json::Value;
use callgate_wire::mcp::{Id, McpAnswer, McpRequest};

use super::methods::SUBSCRIBED;
use super::tasks::{self, OpenTask};
use crate::{Code, Gate, Refusal, Tally};

/// The maximum resources in one subscription.
const MOST_RESOURCES: usize = 256;
/// The maximum tasks in one subscription.
const MOST_TASKS: usize = 32;
const TASK_STATE: &str = "notifications/tasks";
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// A subscription of a client.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    id: Id,
    /// The kinds that the client asks for, in the order of [`SUBSCRIBED`].
    wanted: [bool; SUBSCRIBED.len()],
    /// The tasks of whose states it tells.
    pub(super) tasks: Vec<OpenTask>,
}

/// The resources and tasks that a filter names.
pub(crate) struct NamedInFilter<'r> {
    pub(super) uris: &'r [Value],
    /// Handles of the gate.
    pub(super) tasks: &'r [Value],
}

// === impl Subscription ===

impl Subscription {
    /// Reads the filter of a request. Without `has_tasks` it may name none.
    pub(crate) fn read(id: Id, request: &McpRequest, has_tasks: bool) -> Result<(Self, NamedInFilter<'_>), Refusal> {
        let filter = request.object("notifications").ok_or_else(invalid)?;
        let mut wanted = [false; SUBSCRIBED.len()];
        let mut named = NamedInFilter { uris: &[], tasks: &[] };
        for (name, value) in filter {
            if has_tasks && name == "taskIds" {
                let tasks =
                    value.as_array().filter(|tasks| tasks.len() <= MOST_TASKS && tasks.iter().all(Value::is_string));
                named.tasks = tasks.ok_or_else(invalid)?;
                continue;
            }
            let row = SUBSCRIBED.iter().zip(&mut wanted).find(|((known, _), _)| known == name);
            let Some((_, wanted)) = row else { return Err(invalid()) };
            *wanted = match (value.as_bool(), value.as_array()) {
                (Some(wanted), _) if name != "resourceSubscriptions" => wanted,
                (_, Some(uris)) if name == "resourceSubscriptions" => {
                    if uris.len() > MOST_RESOURCES || !uris.iter().all(Value::is_string) {
                        return Err(invalid());
                    }
                    named.uris = uris;
                    !uris.is_empty()
                }
                _ => return Err(invalid()),
            };
        }
        Ok((Self { id, wanted, tasks: Vec::new() }, named))
    }

    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    /// Returns true for a notification of this subscription that the client asked for.
    pub(crate) fn wants(&self, method: &str, answer: &McpAnswer) -> bool {
        let is_asked = method == ACKNOWLEDGED
            || method == TASK_STATE && !self.tasks.is_empty()
            || SUBSCRIBED.iter().zip(self.wanted).any(|((_, known), wanted)| wanted && *known == method);
        is_asked && answer.subscription() == Some(self.id.value())
    }

    /// Gives the tasks in a message their handles, and checks a result. Returns `None` for a message that is dropped.
    pub(crate) fn told(
        &self,
        gate: &Gate,
        method: &str,
        mut answer: McpAnswer,
        tally: &mut Tally,
    ) -> Option<McpAnswer> {
        let named = |id: &str| self.tasks.iter().find(|task| task.id == id);
        match method {
            ACKNOWLEDGED if self.has_tasks(method) => {
                answer.confirm_tasks(self.id.value(), &|id| named(id).map(|task| task.handle.clone()));
            }
            TASK_STATE => {
                let mut state = answer.notified_task().ok()?;
                let task = named(&state.task().ok()?.id)?;
                tasks::told(gate, task, None, &mut state, tally).ok()?;
                answer.notify_task(self.id.value(), state);
            }
            _ => {}
        }
        Some(answer)
    }

    /// Returns true for a notification of this subscription with handles of tasks.
    pub(crate) fn has_tasks(&self, method: &str) -> bool {
        !self.tasks.is_empty() && (method == TASK_STATE || method == ACKNOWLEDGED)
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.tasks.iter().map(OpenTask::bytes).sum()
    }
}

fn invalid() -> Refusal {
    let message = format!(
        "`params.notifications` is not a filter of `toolsListChanged`, `promptsListChanged`, `resourcesListChanged`, at most {MOST_RESOURCES} texts \
         in `resourceSubscriptions`, and at most {MOST_TASKS} in `taskIds` if the contract has tasks."
    );
    Refusal::at(Code::RequestInvalid, "params.notifications", message)
}

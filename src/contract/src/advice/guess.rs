//! Guesses on a tool that no contract knows yet: its effects, its egress, the trust in its results.
//!
//! They come from names alone, and from the hints of an MCP server. A doubtful tool gets the stricter rule. A person reviews all of them.

use callgate_json::Value;
use callgate_provenance::Trust;

use super::names;
use crate::model::Effects;

/// Hints of an MCP server about a tool. The server may be wrong or lie, so a hint never makes a rule milder than the name does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`.
    pub destructive: Option<bool>,
    /// `openWorldHint`.
    pub open_world: Option<bool>,
}

/// A guess on a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Its effects.
    pub effects: Effects,
    /// The reason, for a person.
    pub because: &'static str,
    /// The reason why its arguments leave the organisation; `None` if they do not.
    pub egress: Option<&'static str>,
    /// True if a person should look at the effects first: the name says nothing, or says something else than the hints.
    pub is_doubtful: bool,
}

/// Verbs of tools that change nothing.
const READS: &[&str] = &[
    "get",
    "list",
    "search",
    "find",
    "read",
    "fetch",
    "lookup",
    "look",
    "query",
    "show",
    "view",
    "describe",
    "check",
    "count",
    "browse",
    "retrieve",
    "load",
    "is",
    "has",
    "exists",
    "compare",
    "calculate",
    "compute",
    "convert",
    "summarize",
    "analyze",
    "translate",
    "validate",
    "verify",
    "preview",
    "inspect",
    "glob",
    "grep",
    "ls",
    "cat",
    "head",
    "tail",
    "status",
    "explain",
    "lint",
    "diff",
    "echo",
    "now",
    "wait",
    "think",
    "sum",
];
/// Verbs of tools that change something.
const WRITES: &[&str] = &[
    "add",
    "create",
    "write",
    "update",
    "set",
    "put",
    "edit",
    "insert",
    "append",
    "modify",
    "change",
    "rename",
    "move",
    "copy",
    "save",
    "store",
    "upload",
    "send",
    "post",
    "publish",
    "submit",
    "reply",
    "forward",
    "share",
    "invite",
    "book",
    "reserve",
    "order",
    "buy",
    "pay",
    "transfer",
    "schedule",
    "reschedule",
    "assign",
    "merge",
    "push",
    "commit",
    "approve",
    "close",
    "open",
    "start",
    "stop",
    "enable",
    "register",
    "replace",
    "patch",
];
/// Words of tools that run any program.
const PROGRAMS: &[&str] =
    &["bash", "shell", "exec", "execute", "terminal", "eval", "powershell", "cmd", "python", "command"];
/// Verbs of tools whose arguments reach somebody else.
const SENDS: &[&str] = &[
    "send", "post", "publish", "reply", "forward", "share", "invite", "upload", "submit", "notify", "tweet", "pay",
    "transfer", "export", "push",
];
/// Nouns that are verbs at the beginning of a name only.
const MESSAGES: &[&str] = &["email", "mail", "message", "sms", "webhook", "call"];
/// Arguments that name somebody else.
const RECEIVERS: &[&str] = &[
    "to",
    "cc",
    "bcc",
    "recipient",
    "recipients",
    "email",
    "emails",
    "participant",
    "participants",
    "channel",
    "phone",
    "iban",
    "payee",
    "webhook",
    "webhook_url",
    "attendees",
];
/// Words of tools that read what the organisation itself keeps about people.
const DIRECTORIES: &[&str] =
    &["contact", "contacts", "directory", "employee", "employees", "staff", "colleagues", "team", "addressbook"];
/// Fields that a system records.
const RECORDED: &[&str] = &[
    "date",
    "time",
    "timestamp",
    "day",
    "status",
    "state",
    "type",
    "kind",
    "size",
    "count",
    "total",
    "amount",
    "price",
    "balance",
    "quantity",
    "currency",
    "read",
    "recurring",
    "enabled",
    "version",
    "all_day",
];
const RECORDED_ENDS: &[&str] = &["_at", "_time", "_date", "_count", "_size", "_status", "_modified", "_on"];
/// Fields that a system records and an outsider chooses.
const ATTRIBUTED: &[&str] = &[
    "sender",
    "author",
    "owner",
    "from",
    "user",
    "username",
    "login",
    "payer",
    "payee",
    "account",
    "iban",
    "organizer",
    "attendee",
    "creator",
    "assignee",
    "shared_with",
];

/// Guesses the effects and the egress of a tool. `parameters` is the schema of its arguments.
#[must_use]
pub fn guess(tool: &str, parameters: &Value, hints: Hints) -> Guess {
    let (named, because, is_known) = by_name(tool);
    let (effects, because, is_doubtful) = match (hints.read_only, hints.destructive) {
        (_, Some(true)) if named != Effects::Destructive => {
            (Effects::Destructive, "the server says destructive", false)
        }
        (Some(true), _) if !is_known => (Effects::Read, "the server says read-only, the name says nothing", true),
        (Some(true), _) if named != Effects::Read => (named, "by its name; the server says read-only", true),
        (Some(false), _) if named == Effects::Read => (Effects::Write, "the server says that it writes", true),
        _ => (named, because, !is_known),
    };
    Guess { effects, because, egress: egress(tool, parameters, effects, hints), is_doubtful }
}

fn by_name(tool: &str) -> (Effects, &'static str, bool) {
    let words = names::words(tool);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let first = |list: &[&str]| words.first().is_some_and(|word| list.contains(&word.as_str()));
    if names::is_destructive(tool) {
        (Effects::Destructive, "its name says that it deletes or revokes", true)
    } else if has(PROGRAMS) {
        (Effects::Destructive, "its name says that it runs programs", true)
    } else if first(READS) && !(has(&["or", "and"]) && has(WRITES)) {
        (Effects::Read, "by its name", true)
    } else if has(WRITES) || has(SENDS) || first(MESSAGES) {
        (Effects::Write, "by its name", true)
    } else if has(READS) {
        (Effects::Read, "by its name", true)
    } else {
        (Effects::Write, "its name says nothing", false)
    }
}

/// Returns the reason why the arguments of a tool leave the organisation.
fn egress(tool: &str, parameters: &Value, effects: Effects, hints: Hints) -> Option<&'static str> {
    let words = names::words(tool);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let properties = parameters.get("properties").and_then(Value::as_object);
    let mut arguments = properties.into_iter().flatten().map(|(name, _)| names::words(name).join("_"));
    if effects == Effects::Read {
        return arguments.any(|name| names::is_url(&name)).then_some("it requests an address");
    }
    if has(PROGRAMS) {
        Some("a program may send anything")
    } else if has(SENDS) || words.first().is_some_and(|word| MESSAGES.contains(&word.as_str())) {
        Some("its name says that it sends")
    } else if arguments.any(|name| RECEIVERS.contains(&name.as_str()) || names::is_url(&name)) {
        Some("an argument names a receiver")
    } else if hints.open_world == Some(true) {
        Some("the server says that it reaches others")
    } else {
        None
    }
}

/// Guesses the trust in a field of a tool's results. Free words are untrusted.
#[must_use]
pub fn guess_trust(tool: &str, field: &str) -> Trust {
    let name = names::words(field).join("_");
    let keeps_people = names::words(tool).iter().any(|word| DIRECTORIES.contains(&word.as_str()));
    if keeps_people && (names::is_address(&name) || name == "name") {
        Trust::Trusted
    } else if ATTRIBUTED.contains(&name.trim_end_matches('s')) || names::is_address(&name) || name == "shared_with" {
        Trust::Attributed
    } else if names::is_id(&name)
        || RECORDED.contains(&name.as_str())
        || RECORDED_ENDS.iter().any(|end| name.ends_with(end))
    {
        Trust::Trusted
    } else {
        Trust::Untrusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(tool: &str, hints: Hints) -> (Effects, bool) {
        let guess = guess(tool, &Value::Null, hints);
        (guess.effects, guess.is_doubtful)
    }

    #[test]
    fn names_say_the_effects() {
        for (tool, expected) in [
            ("get_weather", Effects::Read),
            ("searchFlights", Effects::Read),
            ("current_time_get", Effects::Read),
            ("create_order", Effects::Write),
            ("get_or_create_user", Effects::Write),
            ("get_order", Effects::Read),
            ("send-mail", Effects::Write),
            ("delete_file", Effects::Destructive),
            ("list_deleted", Effects::Read),
            ("user_remove", Effects::Destructive),
            ("Bash", Effects::Destructive),
            ("exec_command", Effects::Destructive),
            ("frobnicate", Effects::Write),
        ] {
            assert_eq!(effects(tool, Hints::default()).0, expected, "{tool}");
        }
        assert!(effects("frobnicate", Hints::default()).1, "a person must look at it");
    }

    #[test]
    fn a_hint_of_the_server_never_makes_a_known_name_milder() {
        let read_only = Hints { read_only: Some(true), ..Hints::default() };
        assert_eq!(effects("delete_file", read_only), (Effects::Destructive, true));
        assert_eq!(effects("create_file", read_only), (Effects::Write, true));
        assert_eq!(effects("frobnicate", read_only), (Effects::Read, true));
        assert_eq!(effects("get_file", read_only), (Effects::Read, false));
        let destructive = Hints { read_only: Some(true), destructive: Some(true), ..Hints::default() };
        assert_eq!(effects("get_file", destructive).0, Effects::Destructive);
        let writes = Hints { read_only: Some(false), destructive: Some(false), ..Hints::default() };
        assert_eq!(effects("get_file", writes), (Effects::Write, true));
    }

    #[test]
    fn fields_are_trusted_by_their_names() {
        for (tool, field, expected) in [
            ("list_files", "id_", Trust::Trusted),
            ("list_files", "fileId", Trust::Trusted),
            ("list_files", "lastModified", Trust::Trusted),
            ("list_files", "owner", Trust::Attributed),
            ("list_files", "content", Trust::Untrusted),
            ("get_mails", "sender", Trust::Attributed),
            ("get_mails", "recipients", Trust::Attributed),
            ("get_mails", "subject", Trust::Untrusted),
            ("search_contacts_by_name", "email", Trust::Trusted),
        ] {
            assert_eq!(guess_trust(tool, field), expected, "{tool} {field}");
        }
    }
}

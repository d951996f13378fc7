//! The agent that says it sends a request: for logs, never for decisions.
//!
//! Coding agents name their session, and subagents name themselves and their parent. Whoever sends a request can write anything there, so
//! these are claims and no identity. The first header of each list that a request has is taken. It names nothing if it is repeated, empty,
//! longer than [`ID_LENGTH`] or not printable.

use crate::headers::Headers;

/// The maximum bytes of an id.
const ID_LENGTH: usize = 128;

/// The headers with the session: Claude Code, Codex and its older versions, OpenCode, pi, others.
const SESSION: [&str; 7] = [
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "conversation_id",
    "x-opencode-session",
    "x-session-id",
    "x-session-affinity",
];
/// The headers with the agent within its session: Claude Code's subagents, a thread of Codex.
const AGENT: [&str; 2] = ["x-claude-code-agent-id", "thread-id"];
/// The headers with the agent, or its session, that started this one: Claude Code, Codex, OpenCode.
const PARENT: [&str; 3] = ["x-claude-code-parent-agent-id", "x-codex-parent-thread-id", "x-parent-session-id"];

/// The ids that an agent claims. Each is empty, or 1 to 128 printable ASCII characters without spaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentIds {
    /// The session.
    pub session: String,
    /// The agent within its session.
    pub agent: String,
    /// The agent, or its session, that started this one.
    pub parent: String,
}

/// A header that may hold an id: its place in its list, and its value if it names something.
type ClaimedId<'h> = Option<(usize, Option<&'h str>)>;

// === impl AgentIds ===

impl AgentIds {
    /// Reads the ids in a request's headers. Returns `None` if there are none.
    pub(crate) fn read(headers: &Headers<'_>) -> Option<Box<Self>> {
        let (mut session, mut agent, mut parent): (ClaimedId<'_>, ClaimedId<'_>, ClaimedId<'_>) = (None, None, None);
        for (name, value) in headers.iter().filter(|(name, _)| may_name(name)) {
            take(&SESSION, name, value, &mut session);
            take(&AGENT, name, value, &mut agent);
            take(&PARENT, name, value, &mut parent);
        }
        let id = |found: ClaimedId<'_>| found.and_then(|(_, id)| id).unwrap_or_default().to_owned();
        let ids = Self { session: id(session), agent: id(agent), parent: id(parent) };
        (ids != Self::default()).then(|| Box::new(ids))
    }
}

/// Returns true for the beginning of a name in a list. Most headers have another one.
fn may_name(name: &str) -> bool {
    matches!(name.as_bytes().first(), Some(b'x' | b's' | b't' | b'c'))
}

/// Takes a header that comes before the one found so far, or repeats it.
fn take<'h>(names: &[&str], name: &str, value: &'h [u8], found: &mut ClaimedId<'h>) {
    let Some(place) = names.iter().position(|known| *known == name) else { return };
    match found {
        Some((earlier, _)) if *earlier < place => {}
        Some((earlier, id)) if *earlier == place => *id = None,
        Some(_) | None => *found = Some((place, id(value))),
    }
}

fn id(value: &[u8]) -> Option<&str> {
    let is_fit = (1..=ID_LENGTH).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(value).ok().filter(|_| is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &[u8])]) -> Option<(String, String, String)> {
        AgentIds::read(headers).map(|ids| (ids.session, ids.agent, ids.parent))
    }

    fn ids(session: &str, agent: &str, parent: &str) -> Option<(String, String, String)> {
        Some((session.to_owned(), agent.to_owned(), parent.to_owned()))
    }

    #[test]
    fn each_agents_headers_name_its_session_and_its_parent() {
        let claude: [(&str, &[u8]); 3] = [
            ("x-claude-code-agent-id", b"a1"),
            ("x-claude-code-session-id", b"s1"),
            ("x-claude-code-parent-agent-id", b"p1"),
        ];
        let codex: [(&str, &[u8]); 3] =
            [("session-id", b"s2"), ("thread-id", b"t2"), ("x-codex-parent-thread-id", b"p2")];
        let opencode: [(&str, &[u8]); 3] =
            [("x-session-affinity", b"s3"), ("x-session-id", b"s3"), ("x-parent-session-id", b"p3")];
        for (headers, expected) in [
            (&claude[..], ids("s1", "a1", "p1")),
            (&codex, ids("s2", "t2", "p2")),
            (&opencode, ids("s3", "", "p3")),
            (&[("session_id", b"s4")], ids("s4", "", "")),
            (&[("conversation_id", b"s5"), ("x-session-affinity", b"no")], ids("s5", "", "")),
            (&[("cookie", b"session-id=1"), ("x-request-id", b"r")], None),
            (&[], None),
        ] {
            assert_eq!(read(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_repeated_long_or_unprintable_header_names_nothing() {
        let long = vec![b'a'; 100_000];
        let most = vec![b'a'; ID_LENGTH];
        let bad: [&[u8]; 9] =
            [b"", b" ", b"a b", b"a\nb", b"a\x00", b"\x1b[31m", b"\xff\xfe", "s\u{e9}".as_bytes(), &long];
        for value in bad {
            assert_eq!(read(&[("session-id", value)]), None, "{:?}", &value[..value.len().min(9)]);
            // It is the first header of the list, so no other one takes its place.
            assert_eq!(read(&[("x-session-id", b"other"), ("session-id", value)]), None);
        }
        assert_eq!(read(&[("session-id", &most)]).unwrap().0.len(), ID_LENGTH);
        assert_eq!(read(&[("session-id", &most), ("session-id", b"b")]), None);
        assert_eq!(read(&[("session-id", b"a"), ("session-id", b"a"), ("session-id", b"a")]), None);
        let repeated: [(&str, &[u8]); 3] = [("x-session-id", b"b"), ("session-id", b"a"), ("session-id", b"a")];
        assert_eq!(read(&repeated), None);
        let parts: [(&str, &[u8]); 3] = [("session-id", b"a"), ("thread-id", b"t\t"), ("x-parent-session-id", b"p")];
        assert_eq!(read(&parts), ids("a", "", "p"));
    }
}

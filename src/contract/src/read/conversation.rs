//! The life of conversations.

use callgate_limits::ConversationRules;

use super::fields::{Fields, Located, Report};
use super::units;
use crate::conversation::{ConversationId, ConversationPolicy};
use crate::source::node::Data;

const KNOWN: [&str; 5] = ["id", "idle", "lifetime", "maxTurns", "maxCalls"];
const ID: &str = "expected `header:NAME` with the name of a header in lower case, or `derived`";

pub(super) fn policy(item: &Located<'_>, report: &mut Report<'_>) -> Option<ConversationPolicy> {
    let fields = Fields::open(item, &KNOWN, &[], report)?;
    let ids =
        fields.need("id", "where the id of a conversation is, such as `header:x-session-id` or `derived`", report);
    let ids = ids.and_then(|item| ids_of(&item, report));
    let rules = rules(&fields, report);
    let rules = rules?;
    if rules == (ConversationRules { idle: None, lifetime: None, max_turns: None, max_calls: None }) {
        return report
            .fault(item, "expected `idle`, `lifetime`, `maxTurns` or `maxCalls`; an id alone decides nothing");
    }
    Some(ConversationPolicy { ids: ids?, rules })
}

fn rules(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<ConversationRules> {
    let mut is_whole = true;
    let mut number = |name, read: fn(&Located<'_>, &mut Report<'_>) -> Option<u64>| {
        let item = fields.get(name)?;
        let value = read(&item, report);
        is_whole &= value.is_some();
        value
    };
    let (idle, lifetime) = (number("idle", seconds), number("lifetime", seconds));
    let (max_turns, max_calls) = (number("maxTurns", units::amount), number("maxCalls", units::amount));
    if let (Some(item), Some(idle), Some(lifetime)) = (fields.get("idle"), idle, lifetime)
        && idle >= lifetime
    {
        return report
            .fault(&item, "expected less than `lifetime`; no conversation would be paused before it is expired");
    }
    is_whole.then_some(ConversationRules { idle, lifetime, max_turns, max_calls })
}

fn seconds(item: &Located<'_>, report: &mut Report<'_>) -> Option<u64> {
    let time = units::duration(item, report)?;
    if time.subsec_millis() > 0 {
        return report.fault(item, "expected whole seconds");
    }
    Some(time.as_secs())
}

/// One place of the id, or a list of them.
fn ids_of(item: &Located<'_>, report: &mut Report<'_>) -> Option<Vec<ConversationId>> {
    if !matches!(item.node.data, Data::List(_)) {
        let text = item.text(report)?;
        return id(item, text, report).map(|id| vec![id]);
    }
    let texts = item.texts(report)?;
    if texts.is_empty() {
        return report.fault(item, ID);
    }
    let count = texts.len();
    let mut ids = Vec::new();
    for (position, (item, text)) in texts.into_iter().enumerate() {
        let id = id(&item, text, report);
        if id == Some(ConversationId::Derived) && position + 1 < count {
            report.fault::<()>(&item, "expected `derived` as the last one; every conversation has a derived id");
        }
        ids.extend(id);
    }
    (ids.len() == count).then_some(ids)
}

fn id(item: &Located<'_>, text: &str, report: &mut Report<'_>) -> Option<ConversationId> {
    if text == "derived" {
        return Some(ConversationId::Derived);
    }
    match text.strip_prefix("header:").filter(|name| is_header(name)) {
        Some(name) => Some(ConversationId::Header(name.to_owned())),
        None => report.fault(item, ID),
    }
}

/// Returns true for the name of a header, in lower case.
pub(super) fn is_header(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

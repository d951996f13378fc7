//! A stored record: one line of canonical JSON (RFC 8785), and its SHA-256.
//!
//! Every record carries the hash of the one before. So the hash of the last record (the head) proves every record
//! before it: none was altered, left out, added or moved.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{AuditEvent, Entry, Source, Verdict};
use super::reading::RecordedReading;

/// The SHA-256 of a record's text; shown as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub(super) [u8; 32]);

/// Ties a record to its place in the log.
pub(super) struct Link<'a> {
    pub(super) executor: &'a str,
    pub(super) seq: u64,
    pub(super) previous: Hash,
}

/// A record's members, without the empty ones.
///
/// They are declared in the order of RFC 8785 and hold texts, booleans and integers only: so `serde_json` writes
/// canonical JSON at once. A test compares it with `callgate_json::canonical`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record<'a> {
    /// For a decision of the filter: the agent within its session. The client claims it.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub agent_id: Cow<'a, str>,
    /// For a decision of the filter: the agent, or its session, that started this one. The client claims it.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub agent_parent: Cow<'a, str>,
    /// For a decision of the filter: the session of the agent. The client claims it.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub agent_session: Cow<'a, str>,
    /// The request for approval, if any.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub approval_id: Cow<'a, str>,
    /// For an answer of a person: true if they agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// The canonical arguments as text, if the contract says `audit: full`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Cow<'a, str>>,
    /// SHA-256 of the canonical arguments, 64 hexadecimal digits.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub arguments_digest: Cow<'a, str>,
    /// For an answer of a person: their name.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub by: Cow<'a, str>,
    /// The call's id, from the model.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub call_id: Cow<'a, str>,
    /// For a decision: the violation's code. With `allow`, the code of a broken rule that is not enforced.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub code: Cow<'a, str>,
    /// Digest of the contract.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub contract_digest: Cow<'a, str>,
    /// The conversation: a hash of tenant, role and id.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub conversation_id: Cow<'a, str>,
    /// Names the exchange.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub exchange_id: Cow<'a, str>,
    /// The executor of this log.
    #[serde(borrow)]
    pub executor: Cow<'a, str>,
    /// `decision`, `outcome`, `admission`, `approval`, `repeat`, `key_reused` or `conflict`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// For a conflict: the number of the contradicted record.
    #[serde(skip_serializing_if = "is_zero")]
    pub of: u64,
    /// For an outcome or a repeat: `success`, or the kind of failure.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub outcome: Cow<'a, str>,
    /// For a decision: JSON Pointer into the arguments.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub pointer: Cow<'a, str>,
    /// The call's position among the decisions of its exchange; without one from the filter, its position in the
    /// request.
    pub position: u32,
    /// The hash of the previous record; 64 zeros in the first.
    #[serde(borrow)]
    pub previous: Cow<'a, str>,
    /// For a decision: the marked strings, as they were understood.
    #[serde(skip_serializing_if = "<[RecordedReading]>::is_empty")]
    pub readings: Cow<'a, [RecordedReading]>,
    /// True if a part of the readings is left out because of its size.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readings_cut: bool,
    /// For an answer of a person: their reason.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub reason: Cow<'a, str>,
    /// `x-request-id` of the HTTP request.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub request_id: Cow<'a, str>,
    /// The caller's role.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub role: Cow<'a, str>,
    /// The round of the exchange.
    pub round: u32,
    /// The record's number, counted from 1.
    pub seq: u64,
    /// `filter` or `executor`.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// The caller's tenant.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub tenant: Cow<'a, str>,
    /// The time: RFC 3339, UTC, with nine digits of a second.
    #[serde(borrow)]
    pub time: Cow<'a, str>,
    /// The tool.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub tool: Cow<'a, str>,
    /// W3C trace id.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub trace_id: Cow<'a, str>,
    /// For an outcome: the resources the call used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Used>,
    /// For a decision: `allow`, `deny`, `needs_approval` or `approved`. For an admission: `deny` or, in shadow mode, `allow`.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub verdict: Cow<'a, str>,
}

/// The resources a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Used {
    /// From the decision to the outcome, in microseconds.
    pub duration_us: u64,
    /// Fuel consumed.
    pub fuel: u64,
    /// The most linear memory it held.
    pub peak_memory_bytes: u64,
}

// === impl Hash ===

impl Hash {
    /// The previous hash in the first record: zeros.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of a record's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (two, byte) in text.chunks_exact_mut(2).zip(self.0) {
            for (digit, half) in two.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = DIGITS.get(usize::from(half)).copied().unwrap_or_default();
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl FromStr for Hash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected the SHA-256 of a record: 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(EXPECTED);
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| EXPECTED)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(bytes))
    }
}

// === impl Record ===

impl<'a> Record<'a> {
    /// Reads a record's text and ignores unknown members.
    ///
    /// # Errors
    /// The text is not a record.
    pub fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    fn new(entry: &'a Entry, link: &Link<'a>) -> Self {
        let call = &entry.call;
        let common = Self {
            agent_id: (&*call.agent_id).into(),
            agent_parent: (&*call.agent_parent).into(),
            agent_session: (&*call.agent_session).into(),
            arguments: call.arguments.as_deref().map(Cow::Borrowed),
            arguments_digest: (&*call.arguments_digest).into(),
            call_id: (&*call.call_id).into(),
            contract_digest: (&*call.contract_digest).into(),
            conversation_id: (&*call.conversation_id).into(),
            exchange_id: (&*call.exchange_id).into(),
            executor: link.executor.into(),
            position: call.position,
            previous: link.previous.to_string().into(),
            request_id: (&*call.request_id).into(),
            role: (&*call.role).into(),
            round: call.round,
            seq: link.seq,
            source: entry.source.as_str().into(),
            tenant: (&*call.tenant).into(),
            time: time(entry.time).into(),
            tool: (&*call.tool).into(),
            trace_id: (&*call.trace_id).into(),
            kind: entry.event.kind().into(),
            ..Self::default()
        };
        let (readings, readings_cut) = (Cow::Borrowed(&*call.readings), call.readings_cut);
        match &entry.event {
            AuditEvent::Decision { verdict, code, pointer, approval_id } => Self {
                verdict: verdict.as_str().into(),
                code: code.into(),
                pointer: pointer.into(),
                approval_id: approval_id.as_deref().unwrap_or_default().into(),
                readings,
                readings_cut,
                ..common
            },
            AuditEvent::Outcome { outcome, usage } => Self {
                outcome: outcome.into(),
                usage: Some(Used {
                    duration_us: usage.duration_us,
                    fuel: usage.fuel,
                    peak_memory_bytes: usage.peak_memory_bytes,
                }),
                ..common
            },
            AuditEvent::Repeat { outcome } => Self { outcome: outcome.into(), ..common },
            AuditEvent::KeyReused => common,
            AuditEvent::Admission { verdict, code } => {
                Self { verdict: verdict.as_str().into(), code: code.into(), ..common }
            }
            AuditEvent::Conflict { of, verdict, code, pointer } => Self {
                of: *of,
                verdict: verdict.as_str().into(),
                code: code.into(),
                pointer: pointer.into(),
                readings,
                readings_cut,
                ..common
            },
            AuditEvent::Approval { approval_id, approved, by, reason } => Self {
                approval_id: approval_id.into(),
                approved: Some(*approved),
                by: by.into(),
                reason: reason.into(),
                ..common
            },
        }
    }
}

/// Writes an entry as the record at its place.
pub(super) fn write(entry: &Entry, link: &Link<'_>) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Record::new(entry, link))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn time(time: SystemTime) -> String {
    // RFC 3339 has no years outside jiff's range (-9999 to 9999) either.
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.9}")
}

// === impl Source, AuditEvent, Verdict ===

impl Source {
    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Executor => "executor",
        }
    }
}

impl AuditEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::Decision { .. } => "decision",
            Self::Outcome { .. } => "outcome",
            Self::Repeat { .. } => "repeat",
            Self::KeyReused => "key_reused",
            Self::Conflict { .. } => "conflict",
            Self::Admission { .. } => "admission",
            Self::Approval { .. } => "approval",
        }
    }

    /// The event in one word: the violation's code or else the verdict; the outcome; a person's answer; `repeat`,
    /// `key_reused` or `conflict`.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Decision { verdict, code, .. } if code.is_empty() => verdict.as_str(),
            Self::Decision { code, .. } | Self::Admission { code, .. } => code,
            Self::Outcome { outcome, .. } => outcome,
            Self::Repeat { .. } => "repeat",
            Self::KeyReused => "key_reused",
            Self::Conflict { .. } => "conflict",
            Self::Approval { approved: true, .. } => "approved",
            Self::Approval { approved: false, .. } => "refused",
        }
    }
}

impl Verdict {
    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NeedsApproval => "needs_approval",
            Self::Approved => "approved",
        }
    }
}

#[cfg(test)]
mod tests {
    use callgate_proto::executor::v1::Usage;

    use super::*;
    use crate::entry::Call;

    fn every_kind_in_full() -> [Entry; 7] {
        let text = |name: &str| format!("{name} \"\\\u{8}\u{0}\u{1f}\u{7f}\u{2028}é🦀/</script>");
        let call = Call {
            exchange_id: text("exchange"),
            round: u32::MAX,
            position: 7,
            call_id: text("call"),
            request_id: text("request"),
            trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
            tenant: text("tenant"),
            role: text("role"),
            contract_digest: format!("sha256:{}", "ab".repeat(32)),
            conversation_id: "ef".repeat(16),
            agent_session: text("session"),
            agent_id: text("agent"),
            agent_parent: text("parent"),
            tool: text("tool"),
            arguments_digest: "cd".repeat(32),
            arguments: Some("{\"a\":9007199254740993}".into()),
            readings: vec![
                RecordedReading {
                    kind: "command".into(),
                    lines: vec![text("line"), String::new()],
                    pointer: "/a~1b/0".into(),
                    profile: text("profile"),
                    refused: String::new(),
                    rules: vec![text("rule")],
                },
                RecordedReading { refused: text("refused"), ..RecordedReading::default() },
            ],
            readings_cut: true,
        };
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 5);
        let usage = Usage { fuel: u64::MAX, peak_memory_bytes: 1 << 53, duration_us: (1 << 53) + 1 };
        [
            AuditEvent::Decision {
                verdict: Verdict::Deny,
                code: "arguments_invalid".into(),
                pointer: "/a~1b/0".into(),
                approval_id: Some("ap-1".into()),
            },
            AuditEvent::Outcome { outcome: "success".into(), usage },
            AuditEvent::Approval { approval_id: "ap-1".into(), approved: false, by: text("by"), reason: text("why") },
            AuditEvent::Repeat { outcome: "success".into() },
            AuditEvent::KeyReused,
            AuditEvent::Admission { verdict: Verdict::Deny, code: text("code") },
            AuditEvent::Conflict { of: 3, verdict: Verdict::Deny, code: text("code"), pointer: text("/a") },
        ]
        .map(|event| Entry { time, source: Source::Executor, call: call.clone().into(), event })
    }

    fn link() -> Link<'static> {
        Link { executor: "e-1", seq: 42, previous: Hash::of("before") }
    }

    #[test]
    fn what_is_written_is_canonical() {
        for entry in every_kind_in_full() {
            let text = write(&entry, &link()).unwrap();
            let value = callgate_json::read(text.as_bytes()).unwrap();
            assert_eq!(text, callgate_json::canonical(&value));
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for entry in every_kind_in_full() {
            let text = write(&entry, &link()).unwrap();
            assert_eq!(Record::read(&text).unwrap(), Record::new(&entry, &link()));
        }
    }

    #[test]
    fn only_records_of_a_decision_have_its_readings() {
        for entry in every_kind_in_full() {
            let text = write(&entry, &link()).unwrap();
            let record = Record::read(&text).unwrap();
            let expected = matches!(&*record.kind, "decision" | "conflict");
            assert_eq!((!record.readings.is_empty(), record.readings_cut), (expected, expected), "{text}");
        }
    }

    #[test]
    fn a_record_without_readings_is_the_same_text_as_before_there_were_any() {
        let [mut entry, ..] = every_kind_in_full();
        let call = std::sync::Arc::make_mut(&mut entry.call);
        (call.readings, call.readings_cut) = (Vec::new(), false);
        let text = write(&entry, &link()).unwrap();
        assert!(!text.contains("readings"), "{text}");
        assert_eq!(Record::read(&text).unwrap().readings.len(), 0);
    }

    #[test]
    fn a_time_has_nine_digits_and_is_utc() {
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 5);
        assert_eq!(time(at), "2023-11-14T22:13:20.000000005Z");
        assert_eq!(time(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn a_hash_is_written_as_it_is_read() {
        let hash = Hash::of("x");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        for wrong in ["", "12", &"g".repeat(64), &"é".repeat(32), &format!("+{}", "a".repeat(63))] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong}");
        }
    }
}

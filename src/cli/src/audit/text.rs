//! An audit record for people.

use std::fmt::Write as _;

use callgate_audit::{Record, Stored};

/// Returns one line: number, time, event, caller, tool, exchange.
pub(super) fn line(record: &Record<'_>) -> String {
    format!(
        "{seq:>8}  {time}  {kind:<8}  {what:<24}  {tool:<24}  {caller:<20}  {source} {exchange}/{round}/{position}\n",
        seq = record.seq,
        // To the millisecond; the full record has the rest.
        time = record.time.get(..23).unwrap_or(&record.time),
        kind = safe(&record.kind),
        what = what(record),
        tool = safe(&record.tool),
        caller = format!("{}/{}", safe(&record.tenant), safe(&record.role)),
        source = safe(&record.source),
        exchange = safe(&record.exchange_id),
        round = record.round,
        position = record.position,
    )
}

/// Returns every field of a record, a line each.
pub(super) fn full(record: &Record<'_>, stored: &Stored) -> String {
    let mut out = format!("record {}: {} {}\n", record.seq, safe(&record.kind), what(record));
    let usage = record.usage.map(|usage| {
        format!("{} µs, {} fuel, {} bytes of memory", usage.duration_us, usage.fuel, usage.peak_memory_bytes)
    });
    let place = format!("{}, round {}, call {}", record.exchange_id, record.round, record.position);
    let hash = stored.hash.to_string();
    for (name, value) in [
        ("time", &*record.time),
        ("source", &record.source),
        ("tool", &record.tool),
        ("tenant", &record.tenant),
        ("role", &record.role),
        ("at", &record.pointer),
        ("approval", &record.approval_id),
        ("by", &record.by),
        ("reason", &record.reason),
        ("used", usage.as_deref().unwrap_or_default()),
        ("arguments", record.arguments.as_deref().unwrap_or_default()),
        ("digest", &record.arguments_digest),
        ("contract", &record.contract_digest),
        ("exchange", &place),
        ("call id", &record.call_id),
        ("request", &record.request_id),
        ("trace", &record.trace_id),
        ("conv. id", &record.conversation_id),
        ("executor", &record.executor),
        ("previous", &record.previous),
        ("hash", &hash),
    ] {
        if !value.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(out, "  {name:<10} {}", safe(value));
        }
    }
    out
}

/// Returns the record's result in a word or two.
fn what(record: &Record<'_>) -> String {
    let words = match (record.approved, &*record.code) {
        (Some(true), _) => "approved",
        (Some(false), _) => "refused",
        (None, "") if record.verdict.is_empty() => &record.outcome,
        (None, "") => &record.verdict,
        (None, code) => return format!("{} {}", safe(&record.verdict), safe(code)),
    };
    safe(words)
}

/// Escapes characters a terminal would act on, or that change the order of the text.
fn safe(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if obeyed(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_are_shown_as_codes() {
        assert_eq!(safe("a\u{1b}[2Jb\n\u{202e}c é🦀"), "a\\u{1b}[2Jb\\u{a}\\u{202e}c é🦀");
    }

    #[test]
    fn a_line_names_the_event_and_the_call() {
        let record = Record {
            seq: 17,
            time: "2026-11-25T16:00:00.123456789Z".into(),
            kind: "decision".into(),
            verdict: "deny".into(),
            code: "tainted".into(),
            tool: "create_order".into(),
            tenant: "acme".into(),
            role: "clerk".into(),
            source: "filter".into(),
            exchange_id: "e-1".into(),
            round: 1,
            ..Record::default()
        };
        let line = line(&record);
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "17",
                "2026-11-25T16:00:00.123",
                "decision",
                "deny",
                "tainted",
                "create_order",
                "acme/clerk",
                "filter",
                "e-1/1/0"
            ]
        );
    }
}

//! An audit record for people.

use std::fmt::Write as _;

use callgate_audit::{Record, RecordedReading, Stored};

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
    let fields = |out: &mut String, fields: &[(&str, &str)]| {
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            // Writing to a string does not fail.
            let _ = writeln!(out, "  {name:<10} {}", safe(value));
        }
    };
    fields(
        &mut out,
        &[
            ("time", &record.time),
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
        ],
    );
    understood(&mut out, record);
    fields(
        &mut out,
        &[
            ("digest", &record.arguments_digest),
            ("contract", &record.contract_digest),
            ("exchange", &place),
            ("call id", &record.call_id),
            ("request", &record.request_id),
            ("trace", &record.trace_id),
            ("conv. id", &record.conversation_id),
            ("session", &record.agent_session),
            ("agent", &record.agent_id),
            ("parent", &record.agent_parent),
            ("executor", &record.executor),
            ("previous", &record.previous),
            ("hash", &hash),
        ],
    );
    out
}

/// Writes the marked strings of a call, as they were understood.
fn understood(out: &mut String, record: &Record<'_>) {
    for reading in &*record.readings {
        let RecordedReading { kind, lines, pointer, profile, refused, rules } = reading;
        let (pointer, kind, profile) = (safe(pointer), safe(kind), safe(profile));
        // Writing to a string does not fail.
        let _ = writeln!(out, "  understood {pointer} as {kind}, by profile {profile}");
        // The lines of a command name its rules.
        if lines.is_empty() && !rules.is_empty() {
            let rules: Vec<String> = rules.iter().map(|rule| format!("`{}`", safe(rule))).collect();
            let _ = writeln!(out, "    by {}", rules.join(", "));
        }
        for line in lines.iter().chain(Some(refused).filter(|reason| !reason.is_empty())) {
            let _ = writeln!(out, "    {}", safe(line));
        }
    }
    if record.readings_cut {
        out.push_str("    … and more, which was too long to keep\n");
    }
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
    fn a_record_shows_its_readings() {
        let (command, path) = ("command".to_owned(), "path".to_owned());
        let record = Record {
            kind: "decision".into(),
            readings: vec![
                RecordedReading {
                    kind: command.clone(),
                    lines: vec!["\"git\" program\u{1b}[2J; by `git push`".into(), "  connects to h".into()],
                    pointer: "/command".into(),
                    profile: "edit".into(),
                    rules: vec!["git push".into()],
                    ..RecordedReading::default()
                },
                RecordedReading {
                    kind: command,
                    pointer: "/more".into(),
                    profile: "edit".into(),
                    rules: vec!["ls".into(), "cat".into()],
                    ..RecordedReading::default()
                },
                RecordedReading {
                    kind: path,
                    pointer: "/file".into(),
                    profile: "edit".into(),
                    refused: "expected a path".into(),
                    ..RecordedReading::default()
                },
            ]
            .into(),
            readings_cut: true,
            ..Record::default()
        };
        let mut shown = String::new();
        understood(&mut shown, &record);
        assert_eq!(
            shown,
            "  understood /command as command, by profile edit\n    \"git\" program\\u{1b}[2J; by `git push`\n      connects to h\n  \
             understood /more as command, by profile edit\n    by `ls`, `cat`\n  \
             understood /file as path, by profile edit\n    expected a path\n    … and more, which was too long to keep\n"
        );
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

//! Requests for approval, shown on a terminal.

use std::fmt::Write as _;

use super::request::{ApprovalList, ApprovalRequest, Held};
use crate::terminal::plain;

pub(super) fn list(list: &ApprovalList, all: bool) -> String {
    if list.approvals.is_empty() {
        return if all { "No call has ever waited for approval.\n" } else { "No call waits for approval.\n" }.into();
    }
    let rows: Vec<[String; 5]> = list
        .approvals
        .iter()
        .map(|request| {
            let tenant = if request.tenant.is_empty() { "(no tenant)" } else { &request.tenant };
            [
                request.id.as_str(),
                &request.state,
                &request.tool,
                &format!("{tenant}, {}", request.role),
                &rest(request, &list.now),
            ]
            .map(plain)
        })
        .collect();
    let widths = rows.iter().fold([0; 5], |widths: [usize; 5], row| {
        std::array::from_fn(|n| {
            let width = |cells: &[String; 5]| cells.get(n).map_or(0, |cell| cell.chars().count());
            widths.get(n).copied().unwrap_or_default().max(width(row))
        })
    });
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    if list.next.is_some() {
        out.push_str("There are more; `next` in the output of --json is the next page.\n");
    }
    out
}

pub(super) fn request(request: &ApprovalRequest) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{name:<10}{}", plain(value));
        }
    };
    line("request", &request.id);
    line("state", &request.state);
    line("tool", &request.tool);
    line("effects", &request.effects);
    line("about", &request.description);
    line("tenant", if request.tenant.is_empty() { "(none)" } else { &request.tenant });
    line("role", &request.role);
    line("contract", format!("{} {}", request.contract, request.contract_version).trim());
    if request.run_by == "client" {
        line("runs it", "the application, once the gate releases the call");
    }
    for Held { code, pointer } in &request.held_for {
        line("held for", &if pointer.is_empty() { code.clone() } else { format!("{code} at {pointer}") });
    }
    for text in &request.understood {
        line("reads as", text);
    }
    line("digest", &request.contract_digest);
    line("exchange", &request.exchange_id);
    line("asked", &request.created);
    match request.state.as_str() {
        "pending" => line("expires", &request.expires),
        "approved" => line("usable to", &request.expires),
        "denied" => line("denied to", &request.expires),
        _ => {}
    }
    if request.approvers > 1 {
        line("agreed", &format!("{} of {}: {}", request.agreed.len(), request.approvers, request.agreed.join(", ")));
    }
    line("answered", request.answered.as_deref().unwrap_or_default());
    line("by", request.by.as_deref().unwrap_or_default());
    line("reason", request.reason.as_deref().unwrap_or_default());
    line("used", request.used.as_deref().unwrap_or_default());
    if let Some(arguments) = &request.arguments {
        let _ = writeln!(out, "arguments\n{}", laid_out(arguments));
    }
    out
}

pub(super) fn answered(request: &ApprovalRequest) -> String {
    let id = plain(&request.id);
    if request.is_pending() {
        return format!(
            "{id}: {} of {} persons agreed; another one must agree too\n",
            request.agreed.len(),
            request.approvers
        );
    }
    format!("{id}: {}\n", plain(&request.state))
}

/// Returns the time left for an answer, by the executor's clock and not this machine's.
fn rest(request: &ApprovalRequest, now: &str) -> String {
    match &request.by {
        Some(by) => format!("by {by}"),
        None if request.is_pending() => {
            match (now.parse::<jiff::Timestamp>(), request.expires.parse::<jiff::Timestamp>()) {
                (Ok(now), Ok(expires)) => format!("{} s left", expires.duration_since(now).as_secs().max(0)),
                (Err(_), _) | (_, Err(_)) => String::new(),
            }
        }
        None => String::new(),
    }
}

/// Indents canonical JSON for reading. It is not parsed: no number is rounded, and no member moved.
fn laid_out(json: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut string, mut escaped) = (1_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    out.push_str("  ");
    let mut before = ' ';
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        if string {
            out.push_str(&plain(c.encode_utf8(&mut [0; 4])));
            string = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
        } else {
            match c {
                '{' | '[' => {
                    out.push(c);
                    if !matches!(rest.peek(), Some('}' | ']')) {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
                '}' | ']' => {
                    if !matches!(before, '{' | '[') {
                        depth = depth.saturating_sub(1);
                        line(&mut out, depth);
                    }
                    out.push(c);
                }
                ',' => {
                    out.push(c);
                    line(&mut out, depth);
                }
                ':' => out.push_str(": "),
                _ => {
                    string = c == '"';
                    out.push_str(&plain(c.encode_utf8(&mut [0; 4])));
                }
            }
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_indented_and_otherwise_unchanged() {
        let json = r#"{"a":[1,12345678901234567890,{}],"b":"x: {\"y\", [z]\\","c":[]}"#;
        let expected = r#"  {
    "a": [
      1,
      12345678901234567890,
      {}
    ],
    "b": "x: {\"y\", [z]\\",
    "c": []
  }"#;
        assert_eq!(laid_out(json), expected);
    }
}

//! The report on a call that ran: for people on standard error, for programs as one JSON object.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::local::EndedCall;

/// Returns the outcome, usage and limits for people.
pub(super) fn text(tool: &str, ended: &EndedCall) -> String {
    let mut text = format!("{tool}: {}\n", ended.outcome);
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    match &ended.result {
        Ok(result) => line("result", format!("{} of {}", bytes(result.len() as u64), bytes(ended.output_bytes))),
        Err(message) => line("because", message.clone()),
    }
    line("time", format!("{} of {}", seconds(ended.duration), seconds(ended.timeout)));
    if let Some(usage) = ended.sandbox {
        line("fuel", format!("{} of {}", grouped(usage.fuel), grouped(usage.fuel_limit)));
        line("memory", format!("{} of {}", bytes(usage.peak_memory), bytes(usage.memory_limit)));
    }
    if ended.needs_approval {
        line("note", "in production a person is asked before this call runs".to_owned());
    }
    text
}

/// Returns outcome, result, usage and limits for programs.
pub(super) fn json(ended: &EndedCall) -> Value {
    let (result, message) = match &ended.result {
        // The text is canonical JSON, so reading it cannot fail.
        Ok(result) => (serde_json::from_str(result).unwrap_or(Value::Null), Value::Null),
        Err(message) => (Value::Null, Value::String(message.clone())),
    };
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut usage = json!({ "milliseconds": milliseconds(ended.duration) });
    let mut limits = json!({ "milliseconds": milliseconds(ended.timeout), "outputBytes": ended.output_bytes });
    if let (Some(sandbox), Some(usage), Some(limits)) = (ended.sandbox, usage.as_object_mut(), limits.as_object_mut()) {
        usage.insert("fuel".into(), sandbox.fuel.into());
        usage.insert("memoryBytes".into(), sandbox.peak_memory.into());
        limits.insert("fuel".into(), sandbox.fuel_limit.into());
        limits.insert("memoryBytes".into(), sandbox.memory_limit.into());
    }
    json!({
        "outcome": ended.outcome,
        "result": result,
        "message": message,
        "needsApproval": ended.needs_approval,
        "usage": usage,
        "limits": limits,
    })
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!((grouped(0), grouped(999), grouped(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!((bytes(12), bytes(1536), bytes(64 << 20)), ("12 bytes".into(), "1.5 KiB".into(), "64.0 MiB".into()));
        assert_eq!(seconds(Duration::from_millis(1500)), "1.5 s");
    }
}

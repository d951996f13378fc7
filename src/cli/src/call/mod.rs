//! `callgate call`: decides a call and runs its tool on this machine, as the executor would.
//!
//! The result alone goes to standard output; usage and everything else go to standard error. So `callgate call … | jq` works, and a
//! test compares one line.

mod args;

use std::fmt::Write as _;
use std::time::Duration;

use callgate_executor::local::{self, Answer, Asked, Ended, LocalError};
use serde_json::{Value, json};

pub(crate) use self::args::CallArguments;
use crate::check::{self, CheckError};
use crate::disk::{self, FileError};
use crate::output::{Exit, Outcome};

/// Why no call was decided or run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("the system does not let this program wait for answers: {0}")]
    Runtime(std::io::Error),
}

pub(crate) fn call(arguments: &CallArguments) -> Result<Outcome, CallError> {
    let text = check::arguments(&arguments.arguments)?;
    let asked = Asked {
        contract: &arguments.file,
        config: arguments.config.as_deref(),
        tenant: &arguments.tenant,
        role: arguments.role.as_deref(),
        tool: &arguments.tool,
        arguments: &text,
    };
    if asked.config.is_none() && !arguments.json {
        let folder = disk::folder(&arguments.file);
        let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder.display().to_string() };
        eprintln!(
            "note: without --config, the tool may be granted folders below {folder} and nothing else of this machine"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let answer = runtime.map_err(CallError::Runtime)?.block_on(local::call(&asked))?;
    match answer {
        Answer::Denied(violation) => {
            let contract = disk::contract(&arguments.file)?;
            let role = arguments.role.clone().unwrap_or_else(|| disk::roles(&contract).join(", "));
            if arguments.json {
                let verdict = callgate_contract::Verdict::Deny(violation);
                return Ok(Outcome { out: format!("{}\n", check::machine(&verdict, &contract)), exit: Exit::Denied });
            }
            eprint!("{}", check::denied(&violation, &contract, &arguments.tool, &role));
            Ok(Outcome { out: String::new(), exit: Exit::Denied })
        }
        Answer::Ended(ended) => {
            let out = match (&ended.result, arguments.json) {
                (_, true) => format!("{}\n", machine(&ended)),
                (Ok(result), false) => format!("{result}\n"),
                (Err(_), false) => String::new(),
            };
            if !arguments.json {
                eprint!("{}", told(&arguments.tool, &ended));
            }
            let exit = if ended.result.is_ok() { Exit::Success } else { Exit::NoResult };
            Ok(Outcome { out, exit })
        }
    }
}

fn told(tool: &str, ended: &Ended) -> String {
    let mut text = format!("{tool}: {}\n", ended.outcome);
    let mut line = |name: &str, of: String| {
        let _ = writeln!(text, "  {name:<9} {of}");
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

fn machine(ended: &Ended) -> Value {
    let (result, message) = match &ended.result {
        // The text is canonical JSON, so it is always read.
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

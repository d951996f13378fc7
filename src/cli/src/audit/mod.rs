//! `callgate audit`: verifies an executor's audit log, shows its records, and copies it.
//!
//! No command writes to the log. Models and callers chose the names in a record, so characters a terminal would act on are
//! shown as codes.

mod args;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use callgate_audit::{
    Absent, BackupError, ChainFault, FILE, LogReader, Query, ROTATE, ReadError, Record, SEGMENTS, SegmentPlace, Stored,
    VerifyError, Whole, WholeLog, backup, verify_all,
};
use serde_json::{Value, json};

pub(crate) use self::args::AuditArguments;
use self::args::{
    AuditCommand, BackupArguments, ExportArguments, RotateArguments, ShowArguments, TailArguments, VerifyArguments,
};
use crate::output::{self, Exit, Outcome, PrintError};

/// The time between two looks for new records.
const AGAIN: Duration = Duration::from_millis(250);
/// The longest that an executor may take to seal its records.
const ROTATION: Duration = Duration::from_secs(120);
/// The most records held at once.
const PAGE: u32 = 1000;

/// Reasons why the log was not verified, shown or copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("{path}: cannot be written: {reason}; run this as the executor's user", path = path.display())]
    Rotate { path: PathBuf, reason: std::io::Error },
    #[error("no executor sealed the log in time; start an executor with this stateDir, or read its log")]
    NotRotated,
    #[error("unknown record {record}; `callgate audit show` without a number lists the last records")]
    NoRecord { record: u64 },
    #[error("record {record} is damaged; `callgate audit verify` names the first damaged record")]
    NotARecord { record: u64 },
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// Runs the command. `tail` and `export` print while they run.
pub(crate) fn audit(arguments: &AuditArguments) -> Result<Outcome, AuditError> {
    match &arguments.command {
        AuditCommand::Verify(arguments) => whole(arguments),
        AuditCommand::Show(arguments) => show(arguments),
        AuditCommand::Tail(arguments) => tail(arguments),
        AuditCommand::Export(arguments) => export(arguments),
        AuditCommand::Backup(arguments) => copy(arguments),
        AuditCommand::Rotate(arguments) => rotate(arguments),
    }
}

fn whole(arguments: &VerifyArguments) -> Result<Outcome, AuditError> {
    let reader = LogReader::open(&arguments.log.file())?;
    let beside = arguments.log.file().with_file_name(SEGMENTS);
    let folders: Vec<_> = arguments.segments.iter().cloned().chain([beside]).collect();
    match verify_all(&reader, &folders, arguments.head) {
        Ok(found) if arguments.json => Ok(Outcome::success(format!("{}\n", told_as_json(&found)))),
        Ok(WholeLog { live: whole, checked, absent }) => {
            let mut out = told(&whole);
            if let Some(known) = whole.known {
                out.push_str(&format!("  --head     is record {known}\n"));
            }
            if !checked.is_empty() {
                out.push_str(&format!("  segments   {} checked\n", checked.len()));
            }
            for Absent { segment } in absent {
                let why = if segment.at == SegmentPlace::Archived { "archived" } else { "deleted after audit.keep" };
                out.push_str(&format!("  not here   {}: {why}; not checked\n", segment.name()));
            }
            Ok(Outcome::success(out))
        }
        Err(VerifyError::Broken(fault)) if arguments.json => {
            let result = if matches!(fault, ChainFault::Incomplete { .. }) { "incomplete" } else { "not_whole" };
            let out = json!({ "result": result, "fault": fault.to_string() });
            Ok(Outcome { out: format!("{out}\n"), exit: Exit::Broken })
        }
        Err(VerifyError::Broken(fault @ ChainFault::Incomplete { .. })) => {
            Ok(Outcome { out: format!("incomplete\n  {fault}\n"), exit: Exit::Broken })
        }
        Err(VerifyError::Broken(fault)) => Ok(Outcome { out: format!("not whole\n  {fault}\n"), exit: Exit::Broken }),
        Err(VerifyError::Unreadable(error)) => Err(error.into()),
    }
}

fn told(whole: &Whole) -> String {
    format!(
        "whole\n  executor   {}\n  records    {}\n  head       {}\n",
        whole.executor, whole.head.seq, whole.head.hash
    )
}

fn told_as_json(found: &WholeLog) -> Value {
    let WholeLog { live, checked, absent } = found;
    let left_out = |Absent { segment }: &Absent| {
        let why = if segment.at == SegmentPlace::Archived { "archived" } else { "deleted" };
        json!({ "segment": segment.name(), "why": why })
    };
    json!({
        "result": "whole", "executor": live.executor, "records": live.head.seq, "head": live.head.hash.to_string(), "known": live.known,
        "segments_checked": checked.len(), "segments_absent": absent.iter().map(left_out).collect::<Vec<_>>(),
    })
}

fn copy(arguments: &BackupArguments) -> Result<Outcome, AuditError> {
    let reader = LogReader::open(&arguments.log.file())?;
    let whole = backup(&reader, &arguments.to)?;
    if arguments.json {
        let found = WholeLog { live: whole, checked: Vec::new(), absent: Vec::new() };
        return Ok(Outcome::success(format!("{}\n", told_as_json(&found))));
    }
    Ok(Outcome::success(told(&whole)))
}

/// Asks the executor by a file in its stateDir, which the executor removes when it is done.
fn rotate(arguments: &RotateArguments) -> Result<Outcome, AuditError> {
    let request = arguments.state.join(ROTATE);
    let reader = LogReader::open(&arguments.state.join(FILE))?;
    let before = reader.segments()?.len();
    let asked = std::fs::OpenOptions::new().write(true).create_new(true).open(&request);
    match asked {
        Err(reason) if reason.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(AuditError::Rotate { path: request, reason });
        }
        Err(_) | Ok(_) => {}
    }
    let until = std::time::Instant::now() + ROTATION;
    while request.symlink_metadata().is_ok() {
        if std::time::Instant::now() >= until {
            // Otherwise the next start would obey it.
            let _ = std::fs::remove_file(&request);
            return Err(AuditError::NotRotated);
        }
        std::thread::sleep(AGAIN);
    }
    let segments = reader.segments()?;
    if arguments.json {
        let names: Vec<_> = segments.iter().skip(before).map(|segment| segment.name()).collect();
        return Ok(Outcome::success(format!("{}\n", json!({ "sealed": names }))));
    }
    let lines = segments.iter().skip(before).map(|segment| format!("sealed {}\n", segment.name()));
    Ok(Outcome::success(lines.collect()))
}

fn show(arguments: &ShowArguments) -> Result<Outcome, AuditError> {
    let reader = LogReader::open(&arguments.log.file())?;
    let query = Query {
        from: arguments.record.or(arguments.from),
        to: arguments.record.or(arguments.to),
        tool: arguments.tool.clone(),
        tenant: arguments.tenant.clone(),
        exchange: arguments.exchange.clone(),
        code: arguments.code.clone(),
        text: arguments.text.clone(),
        newest_first: true,
        limit: arguments.limit,
    };
    let records = reader.search(&query, || false)?.records;
    if let (Some(record), true) = (arguments.record, records.is_empty()) {
        return Err(AuditError::NoRecord { record });
    }
    let out = records.iter().map(|stored| match (arguments.json, arguments.record) {
        (true, _) => machine(stored),
        (false, Some(_)) => readable(stored).map(|record| text::full(&record, stored)),
        (false, None) => readable(stored).map(|record| text::line(&record)),
    });
    out.collect::<Result<_, _>>().map(Outcome::success)
}

fn tail(arguments: &TailArguments) -> Result<Outcome, AuditError> {
    let reader = LogReader::open(&arguments.log.file())?;
    let mut records = reader.query(&Query { newest_first: true, limit: arguments.last, ..Query::default() })?;
    records.reverse();
    let mut at = match records.last() {
        Some(last) => last.seq,
        // Either none were asked for, or the log is empty.
        None => newest(&reader)?,
    };
    loop {
        for stored in &records {
            let line = if arguments.json { machine(stored)? } else { text::line(&readable(stored)?) };
            if !output::print(&line)? {
                return Ok(Outcome::success(String::new()));
            }
            at = stored.seq;
        }
        records = reader.after(at, PAGE)?;
        if records.is_empty() {
            std::thread::sleep(AGAIN);
        }
    }
}

fn export(arguments: &ExportArguments) -> Result<Outcome, AuditError> {
    let reader = LogReader::open(&arguments.log.file())?;
    let last = reader.query(&Query { newest_first: true, limit: 1, ..Query::default() })?;
    let last = last.first();
    let header = json!({
        "executor": reader.executor()?,
        "records": last.map_or(0, |last| last.seq),
        "head": last.map_or(callgate_audit::Hash::GENESIS, |last| last.hash).to_string(),
    });
    let mut goes_on = output::print(&format!("{header}\n"))?;
    let (mut next, end) = (arguments.from, last.map_or(0, |last| last.seq));
    while goes_on && next <= end {
        let query = Query { from: Some(next), to: Some(end), limit: PAGE, ..Query::default() };
        let records = reader.query(&query)?;
        let Some(last) = records.last() else { break };
        next = last.seq.saturating_add(1);
        goes_on = output::print(&records.iter().map(machine).collect::<Result<String, _>>()?)?;
    }
    Ok(Outcome::success(String::new()))
}

fn newest(reader: &LogReader) -> Result<u64, AuditError> {
    let last = reader.query(&Query { newest_first: true, limit: 1, ..Query::default() })?;
    Ok(last.first().map_or(0, |last| last.seq))
}

/// Returns a line of JSON. The record's text is embedded unchanged, so that a reader can check its hash.
fn machine(stored: &Stored) -> Result<String, AuditError> {
    readable(stored)?;
    Ok(format!("{{\"hash\":\"{}\",\"record\":{}}}\n", stored.hash, stored.text))
}

fn readable(stored: &Stored) -> Result<Record<'_>, AuditError> {
    Record::read(&stored.text).map_err(|_| AuditError::NotARecord { record: stored.seq })
}

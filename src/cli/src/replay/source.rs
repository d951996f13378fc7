//! The log to replay: a database, or lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use callgate_audit::{FILE, LogReader, Record};
use callgate_contract::Contract;

use super::audit::Auditor;
use super::capture::Player;
use super::report::ReplayReport;
use super::{ReplayArguments, ReplayError};

/// The beginning of every SQLite file.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The log, open.
pub(super) enum ReplayLog {
    Database(LogReader),
    Lines(Lines),
}

/// Lines of JSON.
pub(super) struct Lines {
    name: String,
    reader: Box<dyn BufRead>,
}

// === impl ReplayLog ===

impl ReplayLog {
    /// Opens a stateDir, a database, a file of lines, or standard input for `-`.
    pub(super) fn open(log: &Path) -> Result<Self, ReplayError> {
        let name = log.display().to_string();
        if log == Path::new("-") {
            return Ok(Self::Lines(Lines { name, reader: Box::new(BufReader::new(std::io::stdin())) }));
        }
        if log.is_dir() {
            return Ok(Self::Database(LogReader::open(&log.join(FILE))?));
        }
        let failed = |reason| ReplayError::Read { log: log.display().to_string(), reason };
        let mut begin = Vec::new();
        let length = u64::try_from(SQLITE.len()).unwrap_or(u64::MAX);
        File::open(log).and_then(|file| file.take(length).read_to_end(&mut begin)).map_err(failed)?;
        if begin == SQLITE {
            return Ok(Self::Database(LogReader::open(log)?));
        }
        let file = File::open(log).map_err(failed)?;
        Ok(Self::Lines(Lines { name, reader: Box::new(BufReader::new(file)) }))
    }
}

/// Calls `see` with each record of a log: a stateDir, a database, or an export of one.
pub(crate) fn each_record(log: &Path, see: &mut dyn FnMut(&Record<'_>)) -> Result<(), ReplayError> {
    let mut lines = match ReplayLog::open(log)? {
        ReplayLog::Database(reader) => {
            return reader.each(1, |stored| {
                if let Ok(record) = Record::read(&stored.text) {
                    see(&record);
                }
                Ok(())
            })?;
        }
        ReplayLog::Lines(lines) => lines,
    };
    let failed = |reason| ReplayError::Read { log: log.display().to_string(), reason };
    let mut text = String::new();
    let mut number = 0;
    while lines.reader.read_line(&mut text).map_err(failed)? > 0 {
        number += 1;
        match Auditor::line(&text) {
            Some(record) => record.iter().for_each(&mut *see),
            None if text.trim().is_empty() => {}
            None => {
                let reason = "no audit record".to_owned();
                return Err(ReplayError::Line { log: log.display().to_string(), line: number, reason });
            }
        }
        text.clear();
    }
    Ok(())
}

/// Replays lines: records of an exported audit log, or captured exchanges.
pub(super) fn replay_lines(
    mut lines: Lines,
    candidate: &Contract,
    active: Option<&Contract>,
    arguments: &ReplayArguments,
    report: &mut ReplayReport,
) -> Result<(), ReplayError> {
    let mut auditor = Auditor::new(arguments.workspace.clone());
    let mut player: Option<Player> = None;
    let mut text = String::new();
    let mut number = 0;
    loop {
        text.clear();
        let log = || lines.name.clone();
        let read = lines.reader.read_line(&mut text).map_err(|reason| ReplayError::Read { log: log(), reason })?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if text.trim().is_empty() {
            continue;
        }
        match Auditor::line(&text) {
            // The first line of an export describes the log.
            Some(None) => {}
            Some(Some(record)) => auditor.record(&record, candidate, active, report)?,
            None => {
                let exchange = super::capture::read(&text).map_err(|reason| ReplayError::Line {
                    log: lines.name.clone(),
                    line: number,
                    reason,
                })?;
                let player = match &mut player {
                    Some(player) => player,
                    None => player.insert(Player::new(arguments)?),
                };
                player.play(&exchange, &format!("line {number}"), report)?;
            }
        }
    }
}

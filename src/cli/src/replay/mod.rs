//! `callgate replay`: decides the calls of a log again, under another contract.
//!
//! The contract crate decides the calls of an audit log. The engine plays captured exchanges, and so reads them as a gate does. A log is
//! read record by record, whatever its size.

mod audit;
mod capture;
mod report;
mod source;

use std::path::PathBuf;

use callgate_audit::ReadError;
use callgate_engine::GateError;
use clap::{Args, ValueEnum};

pub(crate) use self::capture::api_key;
use self::report::ReplayReport;
use self::source::ReplayLog;
pub(crate) use self::source::each_record;
use crate::disk::{self, FileError};
use crate::output::{Exit, Outcome, PrintError};

/// Decide the calls of an audit log, or of captured traffic, under another contract
#[derive(Args)]
#[command(
    after_help = "LOG is an executor's stateDir, an audit.db or a sealed segment, the output of `callgate audit export`, or captured traffic:\n\
                  JSON Lines, one exchange each. `-` reads JSON Lines from standard input. Fields of a captured exchange:\n  \
                  path                 path of the request; or\n  \
                  dialect              the API: chatCompletions, responses, messages, … as in `paths` of the gate\n  \
                  request              body of the request: JSON, or its text\n  \
                  response_body        body of the response: JSON, or its text; or response_body_b64, in base64\n  \
                  response_headers     headers of the response; only content-type is read\n  \
                  status, role, tenant, workspace\n                       optional: 200, --role, \"replay\" and --workspace\n\n\
                  A record without arguments is decided as far as its tool and role decide it; `audit: full` of a tool keeps them. A\n\
                  record has no texts of its conversation either. Calls that cannot be decided are counted apart.\n\n\
                  Exit code 0: every call is decided as before. 1: there are differences. 2: no comparison, because of an error.\n\n\
                  Examples:\n  \
                  callgate replay /var/lib/callgate candidate.yaml\n  \
                  callgate audit export --state /var/lib/callgate | callgate replay - candidate.yaml --format json\n  \
                  zcat traffic.jsonl.gz | callgate replay - candidate.yaml --active active.yaml --role clerk"
)]
pub(crate) struct ReplayArguments {
    /// The log, or `-`
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// The contract to decide with
    #[arg(value_name = "CANDIDATE")]
    pub(crate) candidate: PathBuf,
    /// The contract to compare with, instead of the recorded verdicts. Captured traffic has no verdicts: without this, each of its calls
    /// counts as allowed
    #[arg(long, value_name = "FILE")]
    pub(crate) active: Option<PathBuf>,
    /// The role of captured exchanges that name none
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// The workspace of records, which have none, and of captured exchanges that name none. For contracts that read it from a header
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<String>,
    /// The most differences to list; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) limit: u64,
    /// The form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: ReplayFormat,
}

/// The forms of the output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayFormat {
    /// Lines for people
    Text,
    /// JSON Lines: a difference each, and a summary at the end
    Json,
}

/// Reasons why a log was not replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("{log}: cannot be read: {reason}")]
    Read { log: String, reason: std::io::Error },
    #[error(
        "{log}, line {line}: is neither an audit record nor a captured exchange: {reason}; see `callgate replay --help` for their fields"
    )]
    Line { log: String, line: u64, reason: String },
    #[error(
        "--workspace: no contract reads a header for it; write `root: header:NAME` in `spec.workspace`, or leave it out"
    )]
    Workspace,
    #[error("{contract}: cannot be the contract of a gate: {reason}", contract = contract.display())]
    Gate { contract: PathBuf, reason: GateError },
    #[error(transparent)]
    Print(#[from] PrintError),
    #[error("nobody reads the output any more")]
    Closed,
}

/// Replays the log and prints differences while it runs.
pub(crate) fn replay(arguments: &ReplayArguments) -> Result<Outcome, ReplayError> {
    let candidate = disk::contract(&arguments.candidate)?;
    let active = arguments.active.as_deref().map(disk::contract).transpose()?;
    if arguments.workspace.is_some()
        && [Some(&candidate), active.as_ref()]
            .into_iter()
            .flatten()
            .all(|contract| contract.workspace_header().is_none())
    {
        return Err(ReplayError::Workspace);
    }
    let mut report = ReplayReport::new(arguments.format, arguments.limit);
    let done = match ReplayLog::open(&arguments.log)? {
        ReplayLog::Database(reader) => {
            let auditor = audit::Auditor::new(arguments.workspace.clone());
            audit::replay_database(auditor, &reader, &candidate, active.as_ref(), &mut report)
        }
        ReplayLog::Lines(lines) => source::replay_lines(lines, &candidate, active.as_ref(), arguments, &mut report),
    };
    match done {
        // As in `callgate replay … | head`.
        Ok(()) | Err(ReplayError::Closed) => {}
        Err(error) => return Err(error),
    }
    let exit = if report.differs() { Exit::Different } else { Exit::Success };
    Ok(Outcome { out: report.summary(), exit })
}

//! The command line of `callgate audit`.

use std::path::PathBuf;

use callgate_audit::{FILE, Hash};
use clap::{Args, Subcommand};

/// Verify, read and copy an executor's audit log
#[derive(Args)]
#[command(
    after_help = "The executor may run meanwhile. Each record carries the hash of the one before, so the last record's hash (the\n\
                  head) covers all of them. Keep the head elsewhere, and `verify --head` detects a log that was cut or rewritten.",
    disable_help_subcommand = true
)]
pub(crate) struct AuditArguments {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

/// The commands on the log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    Verify(VerifyArguments),
    Show(Box<ShowArguments>),
    Tail(TailArguments),
    Export(ExportArguments),
    Backup(BackupArguments),
    Rotate(RotateArguments),
}

/// The log to read.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct LogArguments {
    /// The executor's `stateDir`
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The log's file, such as a copy of audit.db
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
}

/// Verify the log, and name the first record that was altered, moved or is missing
#[derive(Args)]
#[command(
    after_help = "Exit code 0: complete and unaltered. 3: damaged or incomplete. 1: an error, so nothing is known.\n\n\
                  A cut at the end is detected by audit.head beside the log, and by the records PostgreSQL or Redis are known\n\
                  to have. Without --head, it does not detect a log and an audit.head that were both rewritten.\n\n\
                  Examples:\n  \
                  callgate audit verify --state /var/lib/callgate\n  \
                  callgate audit verify --state /var/lib/callgate --head \"$(cat /mnt/elsewhere/head)\""
)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) log: LogArguments,
    /// A folder with sealed segments, such as the archive; repeat it for several. The stateDir's audit-segments is always
    /// read
    #[arg(long, value_name = "DIR")]
    pub(crate) segments: Vec<PathBuf>,
    /// The hash of a record that must still be in the log: a head that was printed before and kept elsewhere
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<Hash>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show one record in full, or matching records, newest first
#[derive(Args)]
#[command(after_help = "Examples:\n  \
                  callgate audit show --state /var/lib/callgate 17\n  \
                  callgate audit show --state /var/lib/callgate --tenant acme --code origin_mismatch\n  \
                  callgate audit show --db audit.db --exchange 0192f0c1-5b3e-7c55 --json | jq .record.verdict")]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(crate) log: LogArguments,
    /// The number of the record to show in full
    #[arg(value_name = "NUMBER", conflicts_with_all = ["tool", "tenant", "exchange", "code", "text", "from", "to"])]
    pub(crate) record: Option<u64>,
    /// Only this tool
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// Only this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Only this exchange
    #[arg(long, value_name = "ID")]
    pub(crate) exchange: Option<String>,
    /// Only this violation code, verdict (allow, needs_approval, approved), outcome (success, timeout…) or answer
    /// (approved, refused)
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// Only records that contain this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// The first record number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: Option<u64>,
    /// The last record number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: Option<u64>,
    /// The most records to show
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: u32,
    /// Print one JSON object a line: {"hash": …, "record": …}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the last records, then each new one as it is written
#[derive(Args)]
#[command(after_help = "Ends with Ctrl-C, or when nobody reads its output any more.\n\n\
                  Example:\n  callgate audit tail --state /var/lib/callgate --json | jq 'select(.record.verdict == \"deny\")'")]
pub(crate) struct TailArguments {
    #[command(flatten)]
    pub(crate) log: LogArguments,
    /// The number of existing records to show first
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub(crate) last: u32,
    /// Print one JSON object a line: {"hash": …, "record": …}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write the log as JSON Lines to standard output
#[derive(Args)]
#[command(
    after_help = "The first line describes the log: its executor, its number of records, its head hash. Each other line is a\n\
                  record and its hash. The hash is the SHA-256 of exactly that text of the record.\n\n\
                  Example:\n  callgate audit export --state /var/lib/callgate | zstd > audit.jsonl.zst"
)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    pub(crate) log: LogArguments,
    /// The first record number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) from: u64,
}

/// Ask a running executor to seal all records into a segment now
#[derive(Args)]
#[command(
    after_help = "Segments are in audit-segments of the stateDir, or in the archive. Sealed records leave audit.db after audit.live.\n\n\
                  Example:\n  callgate audit rotate --state /var/lib/callgate"
)]
pub(crate) struct RotateArguments {
    /// The executor's `stateDir`
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Print the sealed segments as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Copy the log into one file, complete and verified, while the executor runs
#[derive(Args)]
#[command(
    after_help = "The copy is a snapshot of one moment. An executor started with it as audit.db, without an audit.head,\n\
                  continues after its last record.\n\n\
                  Example:\n  callgate audit backup --state /var/lib/callgate /mnt/backup/audit.db"
)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    pub(crate) log: LogArguments,
    /// The file to create
    #[arg(value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl LogArguments {
    /// Returns the log's file.
    pub(crate) fn file(&self) -> PathBuf {
        match (&self.state, &self.db) {
            (Some(state), _) => state.join(FILE),
            (None, db) => db.clone().unwrap_or_else(|| FILE.into()),
        }
    }
}

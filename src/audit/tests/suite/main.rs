//! The audit log, from the side of the executor and of a reader.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

mod archive;
mod decisions;
mod disk;
mod search;
mod segments;
mod sinks;
mod whole;

#[path = "../../../executor/tests/suite/services.rs"]
mod services;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use callgate_audit::{
    AuditError, AuditEvent, AuditLog, AuditSection, AuditSettings, Call, ChainFault, Entry, HEAD_FILE, Hash, LogReader,
    Query, Source, Verdict, VerifyError, verify,
};
use callgate_proto::executor::v1::Usage;
use callgate_settings::{ConfigFile, read};
use callgate_state::StateError;
use rusqlite::Connection;
use tempfile::TempDir;

/// A state directory, and the configuration of a log in it.
pub(crate) struct StateFolder {
    pub(crate) folder: TempDir,
    pub(crate) audit: String,
}

impl StateFolder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), audit: "{}".into() }
    }

    /// Adds an `audit` section, as YAML on one line.
    pub(crate) fn with(audit: &str) -> Self {
        Self { audit: audit.into(), ..Self::new() }
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn settings(&self) -> AuditSettings {
        settings(&self.audit, self.folder.path())
    }

    pub(crate) fn open(&self) -> AuditLog {
        self.try_open().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens the log, once its former user has released it.
    pub(crate) fn try_open(&self) -> Result<AuditLog, AuditError> {
        loop {
            match AuditLog::open(&self.state_dir(), &self.settings()) {
                Err(AuditError::State(StateError::InUse { .. })) => std::thread::sleep(Duration::from_millis(10)),
                opened => return opened,
            }
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("state/audit.db")
    }

    pub(crate) fn reader(&self) -> LogReader {
        LogReader::open(&self.file()).unwrap()
    }

    /// Returns the number of records of a complete log.
    pub(crate) fn whole(&self) -> u64 {
        verify(&self.reader(), None).unwrap_or_else(|error| panic!("{error}")).head.seq
    }

    /// The fault of the log.
    fn fault(&self, head: Option<Hash>) -> ChainFault {
        match verify(&self.reader(), head) {
            Err(VerifyError::Broken(fault)) => fault,
            other => panic!("expected a fault, found {other:?}"),
        }
    }

    /// Changes the file, as its owner could.
    fn tamper(&self, sql: &str) {
        Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
    }
}

/// Reads an `audit` section.
pub(crate) fn settings(text: &str, folder: &Path) -> AuditSettings {
    let place = ConfigFile { file: "executor.yaml", folder };
    let section: AuditSection = read(place.file, text).unwrap_or_else(|error| panic!("{error}"));
    section.resolve(&place).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a numbered call of the exchange.
pub(crate) fn call(exchange: &str, position: u32) -> Call {
    Call {
        exchange_id: exchange.into(),
        position,
        call_id: format!("call_{position}"),
        tenant: "acme".into(),
        role: "clerk".into(),
        contract_digest: format!("sha256:{}", "0".repeat(64)),
        tool: "create_order".into(),
        arguments_digest: "1".repeat(64),
        ..Call::default()
    }
}

pub(crate) fn decision(source: Source, exchange: &str, position: u32) -> Entry {
    let event = AuditEvent::Decision {
        verdict: Verdict::Allow,
        code: String::new(),
        pointer: String::new(),
        approval_id: None,
    };
    Entry { time: SystemTime::now(), source, call: call(exchange, position).into(), event }
}

pub(crate) fn outcome(exchange: &str, position: u32) -> Entry {
    let usage = Usage { fuel: 1234, peak_memory_bytes: 65536, duration_us: 42 };
    let event = AuditEvent::Outcome { outcome: "timeout".into(), usage };
    Entry { time: SystemTime::now(), source: Source::Executor, call: call(exchange, position).into(), event }
}

/// Appends `count` calls, each with its decision and its outcome.
pub(crate) async fn calls(log: &AuditLog, exchange: &str, count: u32) {
    for position in 0..count {
        log.append(decision(Source::Executor, exchange, position)).await.unwrap();
        log.append(outcome(exchange, position)).await.unwrap();
    }
}

fn everything(reader: &LogReader) -> Vec<callgate_audit::Stored> {
    reader.query(&Query { limit: u32::MAX, ..Query::default() }).unwrap()
}

#[tokio::test]
async fn records_are_numbered_chained_and_still_there_after_a_restart() {
    let place = StateFolder::new();
    let log = place.open();
    let executor = log.executor().to_owned();
    calls(&log, "e-1", 2).await;
    drop(log);
    let log = place.open();
    assert_eq!((log.executor(), log.head().seq), (&*executor, 4));
    calls(&log, "e-2", 1).await;
    assert_eq!(place.whole(), 6);
    let records = everything(&place.reader());
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(records[0].text.contains(&format!("\"previous\":\"{}\"", "0".repeat(64))), "{}", records[0].text);
    for (before, after) in records.iter().zip(&records[1..]) {
        assert_eq!(Hash::of(&before.text), before.hash);
        assert!(after.text.contains(&format!("\"previous\":\"{}\"", before.hash)), "{}", after.text);
    }
    assert_eq!(log.head().hash, records[5].hash);
}

#[tokio::test]
async fn an_empty_log_verifies_and_its_head_is_zeros() {
    let place = StateFolder::new();
    let _log = place.open();
    let whole = verify(&place.reader(), Some(Hash::GENESIS)).unwrap();
    assert_eq!((whole.head.seq, whole.head.hash, whole.known), (0, Hash::GENESIS, Some(0)));
}

#[tokio::test]
async fn a_decision_sent_repeatedly_is_kept_once() {
    let place = StateFolder::new();
    let log = place.open();
    for _ in 0..3 {
        log.append(decision(Source::Filter, "e-1", 0)).await.unwrap();
        log.append(decision(Source::Filter, "e-1", 1)).await.unwrap();
        // The executor's own decision on the call at the same position is another one.
        log.append(decision(Source::Executor, "e-1", 0)).await.unwrap();
    }
    assert_eq!(place.whole(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_records_keep_the_order_of_each_writer() {
    let place = StateFolder::new();
    let log = place.open();
    let writers: Vec<_> = (0..32)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move { calls(&log, &format!("e-{writer}"), 50).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(place.whole(), 32 * 50 * 2);
    for writer in 0..32 {
        let query = Query { exchange: Some(format!("e-{writer}")), limit: 1000, ..Query::default() };
        let told: Vec<_> = place.reader().query(&query).unwrap().iter().map(|record| told(&record.text)).collect();
        let expected: Vec<_> =
            (0..50).flat_map(|at| [("decision".to_owned(), at), ("outcome".to_owned(), at)]).collect();
        assert_eq!(told, expected);
    }
}

fn told(text: &str) -> (String, u64) {
    let record: serde_json::Value = serde_json::from_str(text).unwrap();
    (record["kind"].as_str().unwrap().to_owned(), record["position"].as_u64().unwrap())
}

#[tokio::test]
async fn whatever_is_altered_in_a_record_is_found_and_named() {
    let columns = ["text", "source", "exchange", "tenant", "tool", "code"].map(|column| format!("{column} = 'x'"));
    let others =
        ["hash = zeroblob(32)", "hash = x'00'", "position = position + 1", "text = replace(text, 'acme', 'ecma')"];
    let fields =
        ["time", "kind", "role", "contract_digest", "arguments_digest", "call_id", "outcome", "usage", "previous"]
            .map(|field| format!("text = json_set(text, '$.{field}', 'x')"));
    for set in columns.iter().map(String::as_str).chain(others).chain(fields.iter().map(String::as_str)) {
        let place = StateFolder::new();
        calls(&place.open(), "e-1", 3).await;
        assert_eq!(place.whole(), 6);
        place.tamper(&format!("UPDATE record SET {set} WHERE seq = 4"));
        assert!(matches!(place.fault(None), ChainFault::Altered { seq: 4, .. }), "{set}: {}", place.fault(None));
        // The executor does not continue as if nothing had happened.
        assert!(matches!(place.try_open(), Err(AuditError::NotWhole { .. })), "{set}");
    }
}

#[tokio::test]
async fn a_record_that_was_rewritten_with_its_hash_breaks_the_next() {
    let place = StateFolder::new();
    calls(&place.open(), "e-1", 3).await;
    let record = &everything(&place.reader())[3];
    let forged = record.text.replace("timeout", "success");
    place.tamper(&format!(
        "UPDATE record SET text = '{forged}', hash = x'{}', code = 'success' WHERE seq = 4",
        Hash::of(&forged)
    ));
    assert_eq!(place.fault(None), ChainFault::Unlinked { seq: 5 });
}

#[tokio::test]
async fn a_record_that_was_deleted_moved_or_added_is_found_and_named() {
    for (sql, expected) in [
        ("DELETE FROM record WHERE seq = 1", ChainFault::Missing { seq: 1, found: 2 }),
        ("DELETE FROM record WHERE seq = 4", ChainFault::Missing { seq: 4, found: 5 }),
        (
            "DELETE FROM record WHERE seq = 4; UPDATE record SET seq = seq - 1 WHERE seq > 4",
            ChainFault::Altered { seq: 4, what: "its text has another number" },
        ),
        (
            "UPDATE record SET seq = 99 WHERE seq = 3; UPDATE record SET seq = 3 WHERE seq = 4; UPDATE record SET seq = 4 WHERE seq = 99",
            ChainFault::Altered { seq: 3, what: "its text has another number" },
        ),
        (
            "INSERT INTO record SELECT seq - 1, text, hash, source, exchange, position, tenant, tool, code FROM record WHERE seq = 1",
            ChainFault::Missing { seq: 1, found: 0 },
        ),
        (
            "INSERT INTO record SELECT 7, text, hash, source, exchange, position, tenant, tool, code FROM record WHERE seq = 6",
            ChainFault::Altered { seq: 7, what: "its text has another number" },
        ),
        ("UPDATE executor SET id = 'another'", ChainFault::Altered { seq: 1, what: "its text names another executor" }),
    ] {
        let place = StateFolder::new();
        calls(&place.open(), "e-1", 3).await;
        place.tamper(sql);
        assert_eq!(place.fault(None), expected, "{sql}");
    }
}

#[tokio::test]
async fn a_cut_or_rewritten_log_lacks_a_head_kept_elsewhere() {
    let place = StateFolder::new();
    let log = place.open();
    calls(&log, "e-1", 2).await;
    let kept = log.head();
    calls(&log, "e-2", 1).await;
    log.close().await;
    // While it is complete, it holds that head and names its record.
    let whole = verify(&place.reader(), Some(kept.hash)).unwrap();
    assert_eq!((whole.known, whole.head.seq), (Some(4), 6));
    // A cut at the end breaks no chain, but audit.head names the missing records…
    place.tamper("DELETE FROM record WHERE seq >= 3");
    assert_eq!(place.fault(None), ChainFault::Behind { last: 2, kept: 6 });
    std::fs::remove_file(place.file().with_file_name(HEAD_FILE)).unwrap();
    assert_eq!(place.whole(), 2);
    // …and without audit.head, a head kept elsewhere does.
    assert_eq!(place.fault(Some(kept.hash)), ChainFault::HeadUnknown(kept.hash));
    // The records a sink has are known too.
    place.tamper("INSERT INTO cursor VALUES ('postgres', 6)");
    assert_eq!(place.fault(None), ChainFault::Cut { last: 2, sink: "postgres".into(), delivered: 6 });
}

#[tokio::test]
async fn records_are_found_by_content_newest_first_or_followed() {
    let place = StateFolder::new();
    let log = place.open();
    calls(&log, "e-1", 2).await;
    let mut denied = decision(Source::Filter, "e-2", 0);
    Arc::make_mut(&mut denied.call).tool = "drop_table".into();
    Arc::make_mut(&mut denied.call).tenant = "evil".into();
    denied.event = AuditEvent::Decision {
        verdict: Verdict::Deny,
        code: "tool_not_in_contract".into(),
        pointer: "/a".into(),
        approval_id: None,
    };
    log.append(denied).await.unwrap();
    let reader = log.reader().unwrap();
    let found = |query: Query| {
        let query = Query { limit: 10, newest_first: true, ..query };
        reader.query(&query).unwrap().iter().map(|record| record.seq).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(Query::default()), [5, 4, 3, 2, 1]);
    assert_eq!(found(Query { from: Some(2), to: Some(3), ..Query::default() }), [3, 2]);
    assert_eq!(found(Query { tool: text("drop_table"), ..Query::default() }), [5]);
    assert_eq!(found(Query { tenant: text("acme"), code: text("timeout"), ..Query::default() }), [4, 2]);
    assert_eq!(found(Query { code: text("tool_not_in_contract"), ..Query::default() }), [5]);
    assert_eq!(found(Query { exchange: text("e-1"), code: text("allow"), ..Query::default() }), [3, 1]);
    assert_eq!(found(Query { text: text("DROP_tab"), ..Query::default() }), [5]);
    assert_eq!(found(Query { text: text("' OR 1=1 --"), ..Query::default() }), [0; 0]);
    assert_eq!(reader.after(3, 10).unwrap().iter().map(|record| record.seq).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_log_and_only_one_executor_writes() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = StateFolder::new();
    let log = place.open();
    calls(&log, "e-1", 1).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = place.file();
    assert_eq!((mode(&file), mode(&file.with_file_name("audit.db-wal"))), (0o600, 0o600));
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert!(matches!(
        AuditLog::open(&place.state_dir(), &place.settings()),
        Err(AuditError::State(StateError::InUse { .. }))
    ));
}

//! The executor's own configuration: one YAML file.
//!
//! It has the addresses, the contracts, the limits, the backends and the stores, and the limits of contracts' grants on
//! this machine. A contract decides within these limits. Each part of the executor owns its section and checks it; this
//! module composes them.

mod own;
mod secrets;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callgate_approvals::{ApprovalSection, ApprovalSettings};
use callgate_audit::{AuditSection, AuditSettings};
use callgate_counters::{CountersSection, CountersSettings};
use callgate_policies::{PolicySection, PolicySettings};
use callgate_sandbox::{SandboxSection, SandboxSettings};
use callgate_settings::{Bytes, ConfigFile, FieldError, Seconds};
use serde::Deserialize;
use serde_saphyr::Spanned;

pub use self::secrets::Secrets;
use crate::backends::{BackendsSection, BackendsSettings, ProgramsSection};
use crate::footprint::Reads;
use crate::idempotency::IdempotencySection;
pub use crate::idempotency::{IdempotencySettings, IdempotencyStore};
use crate::queue::QueueSection;
pub use crate::queue::QueueSettings;
use crate::telemetry::TelemetrySection;
pub use crate::telemetry::{Log, LogLevel, TelemetrySettings};
pub use crate::transport::{Address, Clients, Connections, Identity, Listen, Tls};
use crate::transport::{ConnectionSection, Door, ListenSection, TlsSection};
use crate::web::HttpSection;
pub use crate::web::{Http, Tokens};

/// The default maximum running calls: a modest number, since each may hold its tool's whole memory.
const CONCURRENCY: u32 = 16;
/// More would reserve more address space than a machine has.
const CONCURRENCY_MAX: u32 = 1024;
/// The default address of the gRPC services.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 7070);
const REQUEST_BYTES: u64 = 4 << 20;
const REQUEST_BYTES_MAX: u64 = 256 << 20;
/// Beside the configuration file.
const STATE_DIR: &str = "callgate-state";
/// The most bytes of the configuration file.
const FILE_BYTES: u64 = 4 << 20;
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The configuration file itself.
    pub file: PathBuf,
    /// The address of the gRPC services, and their clients.
    pub listen: Listen,
    /// The contracts' files, resolved against the folder of the configuration file. Not empty.
    pub contracts: Vec<PathBuf>,
    /// The maximum running calls, 1 to 1024; the others wait, and their waiting counts against their timeout.
    pub concurrency: u32,
    /// The maximum bytes of a request.
    pub request_bytes: usize,
    /// The longest time a drain waits for running calls.
    pub grace_period: Duration,
    /// The folder of everything that must outlive the process; made at start, readable by its owner only.
    pub state_dir: PathBuf,
    /// The maximum waiting calls.
    pub queue: QueueSettings,
    /// The idempotency store.
    pub once: IdempotencySettings,
    /// The counts that several Envoys share.
    pub counters: CountersSettings,
    /// The audit log and the sinks for its records.
    pub audit: AuditSettings,
    /// Calls waiting for a person.
    pub approvals: ApprovalSettings,
    /// The HTTP side: approvals, audit, metrics, health.
    pub http: Http,
    /// The backends.
    pub backends: BackendsSettings,
    /// The sandbox.
    pub sandbox: SandboxSettings,
    /// The files contracts may hand to tools.
    pub secrets: Secrets,
    /// The policies that decide each call beside its contract.
    pub policies: Vec<PolicySettings>,
    /// Metrics, traces, logs.
    pub telemetry: TelemetrySettings,
}

/// The reason a configuration cannot be used: the file, the place, the expected value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {reason}; pass the executor's configuration with --config FILE")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// The file is not YAML, or a field is unknown, has the wrong type or an unusable value.
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// The configuration file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    listen: Option<Spanned<String>>,
    socket_mode: Option<Spanned<String>>,
    tls: Option<Spanned<TlsSection>>,
    exposed: Option<Spanned<String>>,
    #[serde(default)]
    connections: ConnectionSection,
    contracts: Spanned<Vec<String>>,
    concurrency: Option<Spanned<u32>>,
    request_bytes: Option<Spanned<Bytes>>,
    grace_period: Option<Seconds>,
    state_dir: Option<String>,
    #[serde(default)]
    queue: QueueSection,
    #[serde(default)]
    once: IdempotencySection,
    #[serde(default)]
    counters: CountersSection,
    #[serde(default)]
    audit: AuditSection,
    #[serde(default)]
    approvals: ApprovalSection,
    #[serde(default)]
    http: HttpSection,
    #[serde(default)]
    backends: BackendsSection,
    #[serde(default)]
    programs: ProgramsSection,
    #[serde(default)]
    sandbox: SandboxSection,
    #[serde(default)]
    secrets: secrets::Section,
    #[serde(default)]
    policies: PolicySection,
    #[serde(default)]
    telemetry: TelemetrySection,
}

// === impl Config ===

impl Config {
    /// Reads the configuration file at `path`.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        Self::read(path, &Reads::default())
    }

    /// The same, recording the read files.
    pub(crate) fn read(path: &Path, reads: &Reads) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = reads
            .text(path, FILE_BYTES)
            .map_err(|error| ConfigError::Unreadable { file: file.clone(), reason: error.to_string() })?;
        Self::parse(&file, &text, path.parent().unwrap_or_else(|| Path::new("")))
    }

    /// Returns this configuration with the reloadable parts of `read`: the contracts, the limits of their grants, and the policies.
    pub(crate) fn reloaded(&self, read: &Self) -> Self {
        let sandbox = SandboxSettings {
            allow: read.sandbox.allow.clone(),
            env: read.sandbox.env.clone(),
            ..self.sandbox.clone()
        };
        let (contracts, policies) = (read.contracts.clone(), read.policies.clone());
        Self { contracts, sandbox, secrets: read.secrets.clone(), policies, ..self.clone() }
    }

    /// Reads configuration text; `file` names it in errors, and its relative paths start at `folder`.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let read: File = callgate_settings::read(file, text)?;
        let place = ConfigFile { file, folder };
        let fault = |at: serde_saphyr::Location, message: String| ConfigError::from(place.fault(at, message));

        let listen = ListenSection {
            listen: read.listen,
            socket_mode: read.socket_mode,
            tls: read.tls,
            exposed: read.exposed,
            connections: read.connections,
        };
        let mut listen = listen.resolve(&place, Door::Grpc, SocketAddr::from(LISTEN))?;
        if read.contracts.value.is_empty() {
            let message = "contracts: expected at least one contract file".into();
            return Err(fault(read.contracts.referenced, message));
        }
        let concurrency = match read.concurrency {
            None => CONCURRENCY,
            Some(n) if (1..=CONCURRENCY_MAX).contains(&n.value) => n.value,
            Some(n) => {
                let message = format!("concurrency: expected 1 to {CONCURRENCY_MAX}, found {}", n.value);
                return Err(fault(n.referenced, message));
            }
        };
        let request_bytes = match read.request_bytes {
            None => REQUEST_BYTES,
            Some(n) if (1024..=REQUEST_BYTES_MAX).contains(&n.value.0) => n.value.0,
            Some(n) => return Err(fault(n.referenced, "requestBytes: expected 1KiB to 256MiB".into())),
        };
        // The largest request must fit beside another.
        listen.connections.held_bytes = listen.connections.held_bytes.max(request_bytes.saturating_mul(2));
        let telemetry = read.telemetry.resolve(&place)?;
        let sandbox = read.sandbox.resolve(&place)?;
        secrets::variables(&telemetry, &sandbox, file)?;
        Ok(Self {
            file: folder.join(Path::new(file).file_name().unwrap_or_default()),
            listen,
            contracts: read.contracts.value.iter().map(|path| folder.join(path)).collect(),
            concurrency,
            request_bytes: usize::try_from(request_bytes).unwrap_or(usize::MAX),
            grace_period: read.grace_period.map_or(GRACE_PERIOD, |grace| grace.0),
            state_dir: folder.join(read.state_dir.as_deref().unwrap_or(STATE_DIR)),
            queue: read.queue.resolve(&place, concurrency)?,
            once: read.once.resolve(&place)?,
            counters: read.counters.resolve(&place)?,
            audit: read.audit.resolve(&place)?,
            approvals: read.approvals.resolve(&place)?,
            http: read.http.resolve(&place)?,
            backends: read.backends.resolve(read.programs, &place)?,
            sandbox,
            secrets: read.secrets.resolve(&place)?,
            policies: read.policies.resolve(&place)?,
            telemetry,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("executor.yaml", text, Path::new("/etc/callgate")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_smallest_file_gets_the_defaults() {
        let config = parse("contracts: [order-desk/contract.yaml]\n").unwrap();
        assert_eq!(config.listen.address.to_string(), "127.0.0.1:7070");
        assert_eq!(config.contracts, [PathBuf::from("/etc/callgate/order-desk/contract.yaml")]);
        assert_eq!((config.concurrency, config.request_bytes), (16, 4 << 20));
        assert_eq!(config.grace_period, Duration::from_secs(30));
    }

    #[test]
    fn a_full_file_is_read() {
        let config = parse(
            "listen: '[::1]:0'\ncontracts:\n  - /abs/a.yaml\n  - b.yaml\nconcurrency: 3\nrequestBytes: 64KiB\ngracePeriod: 1500ms\n",
        )
        .unwrap();
        assert_eq!(config.listen.address.to_string(), "[::1]:0");
        assert_eq!(config.contracts, [PathBuf::from("/abs/a.yaml"), PathBuf::from("/etc/callgate/b.yaml")]);
        assert_eq!((config.concurrency, config.request_bytes), (3, 64 << 10));
        assert_eq!(config.grace_period, Duration::from_millis(1500));
    }

    #[test]
    fn faults_name_the_place_and_what_was_expected() {
        for (text, expected) in [
            ("listn: 1\ncontracts: [a]\n", "executor.yaml:1:1: listn: unknown field; did you mean `listen`?"),
            (
                "contracts: [a]\nbanana: 1\n",
                "executor.yaml:2:1: banana: unknown field; known are listen, socketMode, tls, exposed, connections, contracts, concurrency, requestBytes, gracePeriod, stateDir, queue, once, counters, audit, approvals, http, backends, programs, sandbox, secrets, policies, telemetry",
            ),
            ("contracts: []\n", "executor.yaml:1:12: contracts: expected at least one contract file"),
            ("contracts: [a]\nconcurrency: 0\n", "executor.yaml:2:14: concurrency: expected 1 to 1024, found 0"),
            (
                "contracts: [a]\nlisten: localhost\n",
                "executor.yaml:2:9: listen: expected an IP address and a port, such as 127.0.0.1:7070 or [::1]:7070, or a Unix socket, such as unix:/run/callgate/executor.sock",
            ),
            ("contracts: [a]\nrequestBytes: 1\n", "executor.yaml:2:15: requestBytes: expected 1KiB to 256MiB"),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_other_machines_reach_names_its_clients_or_says_that_it_is_open_in_so_many_words() {
        let files = "certificate: a.pem, key: a.key";
        let clients = "clientCa: ca.pem, allowedClients: ['spiffe://mesh/ns/gateway/sa/envoy', 'dns:envoy.example']";
        let words = "exposed: anyone who reaches this port may run tools\n";
        for (fields, taken) in [
            (String::new(), false),
            (format!("tls: {{ {files} }}\n"), false),
            (format!("tls: {{ {files}, {clients} }}\n"), true),
            (words.to_owned(), true),
            (format!("tls: {{ {files} }}\n{words}"), true),
        ] {
            for address in ["0.0.0.0:7070", "'[::]:7070'", "192.0.2.1:7070"] {
                let read = parse(&format!("listen: {address}\ncontracts: [a]\n{fields}"));
                match read {
                    Ok(config) => assert!(taken && !config.listen.is_local(), "{address} {fields}"),
                    Err(error) => {
                        assert!(!taken, "{error}");
                        assert!(error.starts_with("executor.yaml:1:9: listen: "), "{error}");
                        assert!(error.contains("can be reached from other machines"), "{error}");
                        assert!(error.contains(words.trim_end().split_once(": ").unwrap().1), "{error}");
                    }
                }
            }
            for address in ["127.0.0.1:7070", "'[::1]:7070'", "unix:/run/x.sock"] {
                assert!(parse(&format!("listen: {address}\ncontracts: [a]\n{fields}")).unwrap().listen.is_local());
            }
        }
    }

    #[test]
    fn faults_of_a_port_name_the_place_and_what_was_expected() {
        let tls = |fields: &str| format!("contracts: [a]\ntls: {{ certificate: a.pem, key: a.key{fields} }}\n");
        for (text, expected) in [
            (tls(", clientCa: ca.pem"), "2:6: tls: clientCa is given without allowedClients; list who may call"),
            (tls(", allowedClients: ['dns:a']"), "2:56: tls.allowedClients: expected clientCa beside it"),
            (tls(", clientCa: ca.pem, allowedClients: []"), "2:74: tls.allowedClients: expected at least one client"),
            (
                tls(", clientCa: ca.pem, allowedClients: ['spiffe://mesh/*']"),
                "2:75: tls.allowedClients: expected spiffe://trust-domain/path or dns:name, in full and without `*`, found `spiffe://mesh/*`",
            ),
            (tls(", clientCA: ca.pem"), "2:40: clientCA: unknown field; did you mean `clientCa`?"),
            (
                "contracts: [a]\nsocketMode: '0600'\n".into(),
                "2:13: socketMode: expected only where listen is unix:/path",
            ),
            (
                "listen: unix:/run/x\ncontracts: [a]\nsocketMode: '0666'\n".into(),
                "3:13: socketMode: expected \"0600\" or \"0660\"",
            ),
            ("listen: unix:x.sock\ncontracts: [a]\n".into(), "1:9: listen: expected an IP address and a port"),
            (
                "listen: 0.0.0.0:1\ncontracts: [a]\nexposed: 'yes'\n".into(),
                "3:10: exposed: expected exactly \"anyone who reaches this port may run tools\"",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(&format!("executor.yaml:{expected}")), "{error}");
        }
    }

    #[test]
    fn a_missing_list_of_contracts_is_named() {
        let error = parse("listen: 127.0.0.1:0\n").unwrap_err();
        assert!(error.contains("contracts"), "{error}");
    }
}

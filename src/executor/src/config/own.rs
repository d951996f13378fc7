//! The executor's own files. No tool may be granted any of them.
//!
//! Sections with files are destructured field by field: a new field does not compile until somebody has decided about
//! it.

use std::path::{Path, PathBuf};

use callgate_settings::postgres::PostgresLink;

use callgate_audit::{Archive, ArchiveS3, AuditRedis, AuditSettings};
use callgate_confine::Confinement;
use callgate_counters::CountersSettings;

use callgate_policies::{Language, PolicySettings, WorkerProgram};

use super::Config;
use crate::admission::{AdmissionSettings, OwnPath, ProgramPath};
use crate::backends::{BackendIdentity, BackendSettings, BackendTls, ProgramSettings, VariableSource};
use crate::idempotency::{IdempotencySettings, IdempotencyStore};
use crate::telemetry::{HeaderSource, Otlp, TelemetrySettings};
use crate::transport::{Address, Clients, Listen, Tls};
use crate::web::{Http, Tokens};

#[derive(Default)]
struct OwnFiles(Vec<OwnPath>);

impl Config {
    /// The settings of contracts and their grants.
    pub fn admission(&self) -> AdmissionSettings {
        AdmissionSettings {
            file: self.file.clone(),
            contracts: self.contracts.clone(),
            concurrency: self.concurrency,
            state_dir: self.state_dir.clone(),
            sandbox: self.sandbox.clone(),
            secrets: self.secrets.allow.clone(),
            policies: self.policies.clone(),
            policy_worker: WorkerProgram::this(),
            own: self.own_files(),
            programs: self.program_paths(),
        }
    }

    /// The files and folders that the programs may read or change.
    fn program_paths(&self) -> Vec<ProgramPath> {
        let paths = self.backends.programs.iter().flat_map(|(name, program)| {
            let Confinement { read, write, .. } = &program.confinement;
            let path = |writes| move |path: &PathBuf| ProgramPath { program: name.clone(), writes, path: path.clone() };
            read.iter().map(path(false)).chain(write.iter().map(path(true)))
        });
        paths.collect()
    }

    /// The configuration, `stateDir`, certificates, keys, tokens, secrets and sockets; not the files of contracts.
    fn own_files(&self) -> Vec<OwnPath> {
        let mut found = OwnFiles::default();
        found.add("the configuration", &self.file);
        found.add("stateDir", &self.state_dir);
        found.listen(&self.listen);
        found.audit(&self.audit);
        let IdempotencySettings { store, keep: _ } = &self.once;
        match store {
            IdempotencyStore::Local => {}
            IdempotencyStore::Postgres { link, lease: _ } => found.postgres(link),
        }
        match &self.counters {
            CountersSettings::Memory | CountersSettings::StateDir => {}
            CountersSettings::Postgres(link) => found.postgres(link),
        }
        match &self.http {
            Http::Off => {}
            Http::On { listen, tokens } => {
                found.listen(listen);
                match tokens {
                    Tokens::Made => {}
                    Tokens::Listed(file) => found.add("the token file", file.path()),
                }
            }
        }
        for backend in self.backends.addresses.values() {
            found.backend(backend);
        }
        for program in self.backends.programs.values() {
            found.program(program);
        }
        for PolicySettings { language, .. } in &self.policies {
            let (file, beside) = match language {
                Language::Rego { file, data, allow: _ } => (file, data),
                Language::Cedar { file, entities } => (file, entities),
            };
            for path in [Some(file), beside.as_ref()].into_iter().flatten() {
                found.add("a policy", path);
            }
        }
        found.telemetry(&self.telemetry);
        found.0
    }
}

// === impl OwnFiles ===

impl OwnFiles {
    fn add(&mut self, what: &'static str, path: &Path) {
        self.0.push(OwnPath { what, path: path.to_owned(), public: false });
    }

    /// Adds a file that everybody may read, and only the operator may change.
    fn add_public(&mut self, what: &'static str, path: &Path) {
        self.0.push(OwnPath { what, path: path.to_owned(), public: true });
    }

    fn listen(&mut self, Listen { address, tls, connections: _ }: &Listen) {
        match address {
            Address::Tcp(_) => {}
            Address::Unix { path, .. } => self.add("a socket", path),
        }
        if let Some(Tls { certificate, key, clients }) = tls {
            self.add("a certificate", certificate);
            self.add("a key", key);
            match clients {
                Clients::Anyone => {}
                Clients::Listed { authority, .. } => self.add_public("a CA file", authority),
            }
        }
    }

    fn audit(&mut self, AuditSettings { postgres, redis, retention, synchronous: _ }: &AuditSettings) {
        match &retention.archive {
            None => {}
            Some(Archive::Folder(folder)) => self.add("the audit archive", folder),
            Some(Archive::S3(ArchiveS3 {
                access_key,
                secret_key,
                ca,
                endpoint: _,
                bucket: _,
                region: _,
                prefix: _,
            })) => {
                self.add("a secret file", access_key.path());
                self.add("a secret file", secret_key.path());
                if let Some(ca) = ca {
                    self.add_public("a CA file", ca);
                }
            }
        }
        if let Some(postgres) = postgres {
            self.postgres(&postgres.link());
        }
        if let Some(AuditRedis { url, stream: _, max_length: _, unencrypted: _ }) = redis {
            self.add("a secret file", url.path());
        }
    }

    fn telemetry(
        &mut self,
        TelemetrySettings {
            otlp,
            service_name: _,
            attributes: _,
            content: _,
            sampling: _,
            open_metrics: _,
            log: _,
        }: &TelemetrySettings,
    ) {
        let Some(Otlp { headers, authority, endpoint: _, protocol: _ }) = otlp else { return };
        for (_, source) in headers {
            match source {
                HeaderSource::File(file) => self.add("a secret file", file.path()),
                HeaderSource::Environment(_) => {}
            }
        }
        if let Some(authority) = authority {
            self.add_public("a CA file", authority);
        }
    }

    fn postgres(&mut self, PostgresLink { url, ca, unencrypted: _, field: _ }: &PostgresLink) {
        self.add("a secret file", url.path());
        if let Some(ca) = ca {
            self.add_public("a CA file", ca);
        }
    }

    fn program(&mut self, ProgramSettings { confinement, environment, confining: _ }: &ProgramSettings) {
        self.add_public("a program", &confinement.program);
        for (_, source) in environment {
            match source {
                VariableSource::Text(_) => {}
                VariableSource::File(file) => self.add("a secret file", file.path()),
            }
        }
    }

    fn backend(&mut self, BackendSettings { tls, headers, address: _, pace: _ }: &BackendSettings) {
        for (_, file) in headers {
            self.add("a secret file", file);
        }
        if let Some(BackendTls { ca, identity }) = tls {
            if let Some(ca) = ca {
                self.add_public("a CA file", ca);
            }
            if let Some(BackendIdentity { certificate, key }) = identity {
                self.add("a certificate", certificate);
                self.add("a key", key);
            }
        }
    }
}

//! `audit`: the audit log and the sinks for its records.

mod retention;

use std::path::PathBuf;

use callgate_settings::postgres::PostgresLink;
use callgate_settings::{Bytes, ConfigFile, FieldError, Seconds, SecretFile};
use callgate_state::Synchronous;
use serde::Deserialize;
use serde_saphyr::Spanned;

pub use self::retention::{Archive, ArchiveS3, Retention};
use self::retention::{ArchiveSection, RetentionFields};

const TABLE: &str = "callgate_audit";
/// PostgreSQL cuts longer names short.
const TABLE_BYTES: usize = 63;
const STREAM: &str = "callgate:audit";

/// The audit log and the sinks for its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// The failures an acknowledged record survives.
    pub synchronous: Synchronous,
    /// A PostgreSQL sink for every record.
    pub postgres: Option<AuditPostgres>,
    /// A Redis Stream for every record.
    pub redis: Option<AuditRedis>,
    /// Retention of records, and the archive of segments.
    pub retention: Retention,
}

/// A PostgreSQL sink for every record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPostgres {
    /// Holds the connection string, its password included.
    pub url: SecretFile,
    /// The table; made if missing.
    pub table: String,
    /// PEM file: the CA of the server's certificate. With it the connection is TLS.
    pub ca: Option<PathBuf>,
    /// True if the executor may speak to another machine without TLS.
    pub unencrypted: bool,
}

/// A Redis Stream for every record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRedis {
    /// Holds the address, its password included.
    pub url: SecretFile,
    /// The stream's key, without the executor's name.
    pub stream: String,
    /// The approximate number of records in the stream; all if not set.
    pub max_length: Option<u64>,
    /// True if the executor may speak to another machine: the client has no TLS.
    pub unencrypted: bool,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuditSection {
    #[serde(default)]
    synchronous: Synchronous,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    segment: Option<Spanned<Bytes>>,
    keep: Option<Spanned<Seconds>>,
    live: Option<Spanned<Seconds>>,
    archive: Option<Spanned<ArchiveSection>>,
    min_free: Option<Bytes>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Postgres {
    url: Spanned<String>,
    table: Option<Spanned<String>>,
    ca: Option<String>,
    #[serde(default)]
    unencrypted: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Redis {
    url: Spanned<String>,
    stream: Option<Spanned<String>>,
    max_length: Option<Spanned<u64>>,
    #[serde(default)]
    unencrypted: bool,
}

impl AuditSection {
    /// Checks the section.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, place: &ConfigFile<'_>) -> Result<AuditSettings, FieldError> {
        Ok(AuditSettings {
            synchronous: self.synchronous,
            postgres: self.postgres.map(|postgres| postgres.resolve(place)).transpose()?,
            redis: self.redis.map(|redis| redis.resolve(place)).transpose()?,
            retention: RetentionFields {
                segment: self.segment,
                keep: self.keep,
                live: self.live,
                archive: self.archive,
                min_free: self.min_free,
            }
            .resolve(place)?,
        })
    }
}

impl Postgres {
    fn resolve(self, place: &ConfigFile<'_>) -> Result<AuditPostgres, FieldError> {
        let table = match self.table {
            None => TABLE.to_owned(),
            Some(table) if is_table(&table.value) => table.value,
            Some(table) => {
                let message = "audit.postgres.table: expected a name of lowercase letters, digits and _, such as \
                               callgate_audit, or with its schema, such as audit.callgate";
                return Err(place.fault(table.referenced, message.into()));
            }
        };
        Ok(AuditPostgres {
            url: SecretFile::resolve("audit.postgres.url", &self.url, place)?,
            table,
            ca: self.ca.map(|path| place.folder.join(path)),
            unencrypted: self.unencrypted,
        })
    }
}

impl Redis {
    fn resolve(self, place: &ConfigFile<'_>) -> Result<AuditRedis, FieldError> {
        let stream = match self.stream {
            None => STREAM.to_owned(),
            Some(stream) if !stream.value.is_empty() => stream.value,
            Some(stream) => {
                return Err(place.fault(stream.referenced, "audit.redis.stream: expected the stream's key".into()));
            }
        };
        if let Some(max) = &self.max_length
            && max.value == 0
        {
            let message = "audit.redis.maxLength: expected at least 1; leave it out to keep every record".into();
            return Err(place.fault(max.referenced, message));
        }
        Ok(AuditRedis {
            url: SecretFile::resolve("audit.redis.url", &self.url, place)?,
            stream,
            max_length: self.max_length.map(|max| max.value),
            unencrypted: self.unencrypted,
        })
    }
}

// === impl AuditPostgres ===

impl AuditPostgres {
    /// The link to it.
    pub fn link(&self) -> PostgresLink {
        PostgresLink {
            url: self.url.clone(),
            ca: self.ca.clone(),
            unencrypted: self.unencrypted,
            field: "audit.postgres",
        }
    }
}

/// Accepts names that need no quotes in SQL.
fn is_table(text: &str) -> bool {
    let mut parts = text.split('.');
    let name = |part: &str| {
        part.len() <= TABLE_BYTES
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && part.starts_with(|first: char| !first.is_ascii_digit())
    };
    parts.by_ref().take(2).all(name) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[derive(Deserialize)]
    struct WrittenAudit {
        audit: AuditSection,
    }

    fn parse(audit: &str) -> Result<AuditSettings, String> {
        let text = format!("# The section on line 2.\naudit: {audit}\n");
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        callgate_settings::read(place.file, &text)
            .and_then(|written: WrittenAudit| written.audit.resolve(&place))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn records_stay_here_unless_the_file_says_otherwise() {
        assert_eq!(parse("{}").unwrap(), AuditSettings::default());
    }

    #[test]
    fn sinks_get_their_defaults() {
        let audit =
            parse("{ synchronous: full, postgres: { url: 'file:pg' }, redis: { url: 'file:/run/redis' } }").unwrap();
        assert_eq!(audit.synchronous, Synchronous::Full);
        let (postgres, redis) = (audit.postgres.unwrap(), audit.redis.unwrap());
        assert_eq!(postgres.url.path(), Path::new("/etc/callgate/pg"));
        assert_eq!((&*postgres.table, postgres.ca, postgres.unencrypted), ("callgate_audit", None, false));
        assert_eq!(redis.url.path(), Path::new("/run/redis"));
        assert_eq!((&*redis.stream, redis.max_length, redis.unencrypted), ("callgate:audit", None, false));
    }

    #[test]
    fn faults_name_the_place_and_never_repeat_a_secret() {
        for (audit, expected) in [
            (
                "{ postgres: { url: 'postgres://u:hunter2@db/x' } }",
                "executor.yaml:2:27: audit.postgres.url: expected file: and the path of a file that holds it",
            ),
            (
                "{ redis: { url: 'file:r', maxLength: 0 } }",
                "executor.yaml:2:45: audit.redis.maxLength: expected at least 1; leave it out to keep every record",
            ),
            (
                "{ postgres: { url: 'file:p', table: 'a; drop table b' } }",
                "executor.yaml:2:44: audit.postgres.table: expected a name of lowercase letters, digits and _, such as \
                 callgate_audit, or with its schema, such as audit.callgate",
            ),
        ] {
            assert_eq!(parse(audit).unwrap_err(), expected);
        }
        for wrong in ["", ".", "a.", "a.b.c", "1a", "A", "a\"b"] {
            assert!(!is_table(wrong), "{wrong}");
        }
        assert!(is_table("audit.callgate_1"));
    }
}

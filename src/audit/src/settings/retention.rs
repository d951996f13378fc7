//! `audit.segment`, `keep`, `live`, `archive` and `minFree`: the retention of records and their archive.

use std::path::PathBuf;
use std::time::Duration;

use callgate_settings::{Bytes, ConfigFile, FieldError, Seconds, SecretFile};
use serde::Deserialize;
use serde_saphyr::Spanned;
use url::Url;

const SEGMENT: u64 = 256 << 20;
const SEGMENT_MIN: u64 = 64 << 10;
/// S3-compatible storage takes no larger file in one request.
const SEGMENT_MAX: u64 = 4 << 30;
const KEEP_MIN: Duration = Duration::from_secs(24 * 60 * 60);
const LIVE: Duration = Duration::from_secs(60 * 60);
const LIVE_MIN: Duration = Duration::from_secs(60);
const MIN_FREE: u64 = 256 << 20;

/// Retention of records, and the archive of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of records at which a segment is sealed.
    pub segment_bytes: u64,
    /// The time segments stay on this machine; forever if not set.
    pub keep: Option<Duration>,
    /// The time a sealed record stays in the log itself, so a repeated decision is recognized.
    pub live: Duration,
    /// The destination of segments.
    pub archive: Option<Archive>,
    /// Free bytes of the state directory's file system below which readiness warns; below a quarter no calls are taken.
    pub min_free: u64,
}

/// The destination of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum Archive {
    /// A folder, such as a mounted file system of another machine.
    Folder(PathBuf),
    /// S3-compatible storage.
    S3(ArchiveS3),
}

/// S3-compatible storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveS3 {
    /// `https://`, or `http://` to a loopback address.
    pub endpoint: Url,
    /// The bucket, which must exist.
    pub bucket: String,
    /// The region in the signatures of requests.
    pub region: String,
    /// The prefix of all object names.
    pub prefix: String,
    /// Holds the access key's id.
    pub access_key: SecretFile,
    /// Holds the secret key.
    pub secret_key: SecretFile,
    /// PEM file: the CA of the server's certificate, in place of the system's authorities.
    pub ca: Option<PathBuf>,
}

/// The fields in the file.
#[derive(Debug, Default)]
pub(super) struct RetentionFields {
    pub(super) segment: Option<Spanned<Bytes>>,
    pub(super) keep: Option<Spanned<Seconds>>,
    pub(super) live: Option<Spanned<Seconds>>,
    pub(super) archive: Option<Spanned<ArchiveSection>>,
    pub(super) min_free: Option<Bytes>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ArchiveSection {
    folder: Option<String>,
    s3: Option<S3Section>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct S3Section {
    endpoint: Spanned<String>,
    bucket: String,
    region: String,
    #[serde(default)]
    prefix: String,
    access_key: Spanned<String>,
    secret_key: Spanned<String>,
    ca: Option<String>,
}

// === impl Retention ===

impl Default for Retention {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT, keep: None, live: LIVE, archive: None, min_free: MIN_FREE }
    }
}

// === impl RetentionFields ===

impl RetentionFields {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<Retention, FieldError> {
        let segment_bytes = match self.segment {
            None => SEGMENT,
            Some(size) if (SEGMENT_MIN..=SEGMENT_MAX).contains(&size.value.0) => size.value.0,
            Some(size) => return Err(place.fault(size.referenced, "audit.segment: expected 64KiB to 4GiB".into())),
        };
        let keep = match self.keep {
            Some(time) if time.value.0 < KEEP_MIN => {
                let message = "audit.keep: expected at least 1d; leave it out to keep every segment".into();
                return Err(place.fault(time.referenced, message));
            }
            keep => keep.map(|time| time.value.0),
        };
        let live = match self.live {
            Some(time) if time.value.0 < LIVE_MIN => {
                return Err(place.fault(time.referenced, "audit.live: expected at least 1m".into()));
            }
            live => live.map_or(LIVE, |time| time.value.0),
        };
        let archive = self.archive.map(|archive| archive.value.resolve(archive.referenced, place)).transpose()?;
        let min_free = self.min_free.map_or(MIN_FREE, |bytes| bytes.0);
        Ok(Retention { segment_bytes, keep, live, archive, min_free })
    }
}

// === impl ArchiveSection ===

impl ArchiveSection {
    fn resolve(self, at: serde_saphyr::Location, place: &ConfigFile<'_>) -> Result<Archive, FieldError> {
        match (self.folder, self.s3) {
            (Some(folder), None) => Ok(Archive::Folder(place.folder.join(folder))),
            (None, Some(s3)) => s3.resolve(place).map(Archive::S3),
            (Some(_), Some(_)) | (None, None) => {
                Err(place.fault(at, "audit.archive: expected either folder or s3".into()))
            }
        }
    }
}

// === impl S3Section ===

impl S3Section {
    fn resolve(self, place: &ConfigFile<'_>) -> Result<ArchiveS3, FieldError> {
        let endpoint = self.endpoint.value.parse().ok().filter(is_safe).ok_or_else(|| {
            let message = "audit.archive.s3.endpoint: expected an address such as https://s3.eu-west-1.amazonaws.com; http:// \
                           only to 127.0.0.1, [::1] or localhost";
            place.fault(self.endpoint.referenced, message.into())
        })?;
        Ok(ArchiveS3 {
            endpoint,
            bucket: self.bucket,
            region: self.region,
            prefix: self.prefix,
            access_key: SecretFile::resolve("audit.archive.s3.accessKey", &self.access_key, place)?,
            secret_key: SecretFile::resolve("audit.archive.s3.secretKey", &self.secret_key, place)?,
            ca: self.ca.map(|path| place.folder.join(path)),
        })
    }
}

/// Allows plaintext to loopback only, and no password in the address.
fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    plain && !host.is_empty() && (url.scheme() == "https" || url.scheme() == "http" && loopback)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::AuditSection;

    #[derive(Deserialize)]
    struct WrittenRetention {
        audit: AuditSection,
    }

    fn parse(audit: &str) -> Result<Retention, String> {
        let text = format!("# The section on line 2.\naudit: {audit}\n");
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        callgate_settings::read(place.file, &text)
            .and_then(|written: WrittenRetention| written.audit.resolve(&place))
            .map(|audit| audit.retention)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_record_stays_unless_the_file_says_otherwise() {
        assert_eq!(parse("{}").unwrap(), Retention::default());
        assert_eq!(Retention::default().keep, None);
    }

    #[test]
    fn segments_go_to_a_folder_or_to_storage() {
        let folder = parse("{ segment: 1MiB, keep: 90d, archive: { folder: old } }").unwrap();
        assert_eq!(folder.archive, Some(Archive::Folder("/etc/callgate/old".into())));
        assert_eq!((folder.segment_bytes, folder.keep), (1 << 20, Some(Duration::from_secs(90 * 86_400))));
        let s3 = "{ archive: { s3: { endpoint: 'https://s3.example.com', bucket: b, region: r, accessKey: 'file:a', secretKey: 'file:s' } } }";
        let Some(Archive::S3(s3)) = parse(s3).unwrap().archive else { panic!("expected storage") };
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str(), s3.ca), ("b", "", None));
        assert_eq!(s3.secret_key.path(), Path::new("/etc/callgate/s"));
    }

    #[test]
    fn faults_name_the_place_and_what_was_expected() {
        let s3 = |endpoint: &str| {
            format!(
                "{{ archive: {{ s3: {{ endpoint: '{endpoint}', bucket: b, region: r, accessKey: 'file:a', secretKey: 'file:s' }} }} }}"
            )
        };
        for (audit, expected) in [
            ("{ segment: 1KiB }".to_owned(), "2:19: audit.segment: expected 64KiB to 4GiB"),
            ("{ keep: 1h }".to_owned(), "2:16: audit.keep: expected at least 1d"),
            ("{ live: 1s }".to_owned(), "2:16: audit.live: expected at least 1m"),
            ("{ archive: {} }".to_owned(), "2:19: audit.archive: expected either folder or s3"),
            (s3("http://s3.example.com"), "2:37: audit.archive.s3.endpoint: expected an address such as https://"),
            (
                s3("https://key:secret@s3.example.com"),
                "2:37: audit.archive.s3.endpoint: expected an address such as https://",
            ),
        ] {
            let error = parse(&audit).unwrap_err();
            assert!(error.starts_with(&format!("executor.yaml:{expected}")), "{error}");
            assert!(!error.contains("key:secret"), "{error}");
        }
        assert!(parse(&s3("http://127.0.0.1:9000")).is_ok());
    }
}

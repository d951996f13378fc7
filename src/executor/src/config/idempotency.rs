//! `once`: what keeps a call from running twice.

use std::time::Duration;

use callgate_settings::postgres::PostgresLink;
use callgate_settings::{ConfigFile, FieldError, Seconds, SecretFile};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// Longer than any repeat takes to arrive.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
const KEEP_MIN: Duration = Duration::from_secs(60);
/// How long an executor that says nothing counts as running.
const LEASE: Duration = Duration::from_secs(30);
const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_secs(10 * 60);

/// What keeps a call from running twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// How long it is known what was run.
    pub keep: Duration,
    /// Where that is kept.
    pub store: OnceStore,
}

/// Where it is kept what was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnceStore {
    /// In the state directory: one executor alone gets these calls.
    Local,
    /// In a PostgreSQL database that several executors share.
    Postgres {
        /// The way to the database.
        link: PostgresLink,
        /// After this time without a sign of life an executor counts as ended, and what it ran as unknown.
        lease: Duration,
    },
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {
    keep: Option<Spanned<Seconds>>,
    postgres: Option<Postgres>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Postgres {
    url: Spanned<String>,
    ca: Option<String>,
    #[serde(default)]
    unencrypted: bool,
    lease: Option<Spanned<Seconds>>,
}

impl Section {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<Once, FieldError> {
        let keep = match self.keep {
            None => KEEP,
            Some(time) if time.value.0 >= KEEP_MIN => time.value.0,
            Some(time) => {
                let message = "once.keep: expected at least 1m: a repeat must find what it repeats".into();
                return Err(place.fault(time.referenced, message));
            }
        };
        let store = match self.postgres {
            None => OnceStore::Local,
            Some(postgres) => postgres.resolve(place)?,
        };
        Ok(Once { keep, store })
    }
}

impl Postgres {
    fn resolve(self, place: &ConfigFile<'_>) -> Result<OnceStore, FieldError> {
        let link = PostgresLink {
            url: SecretFile::resolve("once.postgres.url", &self.url, place)?,
            ca: self.ca.map(|path| place.folder.join(path)),
            unencrypted: self.unencrypted,
            field: "once.postgres",
        };
        let lease = match self.lease {
            None => LEASE,
            Some(time) if (LEASE_MIN..=LEASE_MAX).contains(&time.value.0) => time.value.0,
            Some(time) => return Err(place.fault(time.referenced, "once.postgres.lease: expected 1s to 10m".into())),
        };
        Ok(OnceStore::Postgres { link, lease })
    }
}

//! `once`: the idempotency store.

use std::time::Duration;

use callgate_settings::postgres::PostgresLink;
use callgate_settings::{ConfigFile, FieldError, Seconds, SecretFile};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// Longer than any repeat takes to arrive.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
const KEEP_MIN: Duration = Duration::from_secs(60);
/// The default time a silent executor counts as running.
const LEASE: Duration = Duration::from_secs(30);
const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_secs(10 * 60);

/// The settings of the idempotency store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencySettings {
    /// The time a call is remembered.
    pub keep: Duration,
    /// The place of the store.
    pub store: IdempotencyStore,
}

/// The place of the idempotency store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyStore {
    /// The state directory: one executor alone gets these calls.
    Local,
    /// A PostgreSQL database shared by several executors.
    Postgres {
        /// The link to the database.
        link: PostgresLink,
        /// The time without a sign of life after which an executor counts as ended, and its running calls as unknown.
        lease: Duration,
    },
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct IdempotencySection {
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

impl IdempotencySection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>) -> Result<IdempotencySettings, FieldError> {
        let keep = match self.keep {
            None => KEEP,
            Some(time) if time.value.0 >= KEEP_MIN => time.value.0,
            Some(time) => {
                let message = "once.keep: expected at least 1m: a repeat must find what it repeats".into();
                return Err(place.fault(time.referenced, message));
            }
        };
        let store = match self.postgres {
            None => IdempotencyStore::Local,
            Some(postgres) => postgres.resolve(place)?,
        };
        Ok(IdempotencySettings { keep, store })
    }
}

impl Postgres {
    fn resolve(self, place: &ConfigFile<'_>) -> Result<IdempotencyStore, FieldError> {
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
        Ok(IdempotencyStore::Postgres { link, lease })
    }
}

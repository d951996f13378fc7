//! `counters`: the place of the counts.

use callgate_settings::postgres::PostgresLink;
use callgate_settings::{ConfigFile, FieldError, SecretFile};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The place of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CountersSettings {
    /// The memory of the process: the counts end with it, and no other executor has them. The default.
    #[default]
    Memory,
    /// The state directory: one executor alone gets the requests of all Envoys.
    StateDir,
    /// A PostgreSQL database shared by several executors.
    Postgres(PostgresLink),
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CountersSection {
    store: Option<Spanned<String>>,
    postgres: Option<Spanned<PostgresSection>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PostgresSection {
    url: Spanned<String>,
    ca: Option<String>,
    #[serde(default)]
    unencrypted: bool,
}

// === impl CountersSection ===

impl CountersSection {
    /// Checks the section.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, place: &ConfigFile<'_>) -> Result<CountersSettings, FieldError> {
        match (self.store, self.postgres) {
            (Some(store), Some(_)) => {
                Err(place.fault(store.referenced, "counters: expected either store or postgres, not both".into()))
            }
            (Some(store), None) => match store.value.as_str() {
                "memory" => Ok(CountersSettings::Memory),
                "stateDir" => Ok(CountersSettings::StateDir),
                _ => Err(place.fault(store.referenced, "counters.store: expected memory or stateDir".into())),
            },
            (None, Some(postgres)) => {
                let PostgresSection { url, ca, unencrypted } = postgres.value;
                Ok(CountersSettings::Postgres(PostgresLink {
                    url: SecretFile::resolve("counters.postgres.url", &url, place)?,
                    ca: ca.map(|path| place.folder.join(path)),
                    unencrypted,
                    field: "counters.postgres",
                }))
            }
            (None, None) => Ok(CountersSettings::Memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<CountersSettings, String> {
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        callgate_settings::read(place.file, text)
            .and_then(|section: CountersSection| section.resolve(&place))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn counts_are_in_memory_unless_the_file_names_another_place() {
        assert_eq!(parse("{}"), Ok(CountersSettings::Memory));
        assert_eq!(parse("store: memory"), Ok(CountersSettings::Memory));
        assert_eq!(parse("store: stateDir"), Ok(CountersSettings::StateDir));
        let Ok(CountersSettings::Postgres(link)) = parse("postgres: { url: file:pg, ca: ca.pem }") else {
            panic!("it names a database")
        };
        assert_eq!(link.url.path(), Path::new("/etc/callgate/pg"));
        assert_eq!(link.ca.as_deref(), Some(Path::new("/etc/callgate/ca.pem")));
    }

    #[test]
    fn faults_name_the_place_and_what_was_expected() {
        for (text, expected) in [
            ("store: redis", "executor.yaml:1:8: counters.store: expected memory or stateDir"),
            (
                "{ store: memory, postgres: { url: file:pg } }",
                "executor.yaml:1:10: counters: expected either store or postgres, not both",
            ),
            ("postgres: { url: 'postgres://u:hunter2@db/x' }", "counters.postgres.url: expected file:"),
            ("store: stateDir\nkeep: 1h", "executor.yaml:2:1: keep: unknown field"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
    }
}

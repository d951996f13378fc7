//! `sandbox`: the settings of tools run by this executor.

use std::time::Duration;

use callgate_settings::{Allow, Bytes, ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::{Deterministic, Nat64};

/// The default size of the cache for compiled code: a dozen large interpreters.
const CACHE_BYTES: u64 = 1 << 30;

/// The settings of tools run by this executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSettings {
    /// Bytes of compiled code kept in `stateDir`; 0 keeps none.
    pub cache_bytes: u64,
    /// The prefixes of this network's own translators (NAT64).
    pub nat64: Vec<Nat64>,
    /// A clock and randomness equal for every call: for tests and replay.
    pub deterministic: Option<Deterministic>,
    /// Folders contracts may grant, with everything in them.
    pub allow: Allow,
    /// The executor's variables contracts may grant, by name.
    pub env: Vec<String>,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SandboxSection {
    cache_bytes: Option<Bytes>,
    #[serde(default)]
    nat64: Vec<Spanned<String>>,
    deterministic: Option<DeterministicSection>,
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    #[serde(default)]
    env: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DeterministicSection {
    clock: Spanned<String>,
    seed: u64,
}

impl SandboxSection {
    /// Checks the section.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, place: &ConfigFile<'_>) -> Result<SandboxSettings, FieldError> {
        let deterministic = match self.deterministic {
            None => None,
            Some(written) => Some(Deterministic { clock: clock(&written.clock, place)?, seed: written.seed }),
        };
        let nat64 = self.nat64.iter().map(|written| nat64(written, place)).collect::<Result<_, _>>()?;
        let env = self.env.iter().map(|written| variable(written, place)).collect::<Result<_, _>>()?;
        Ok(SandboxSettings {
            nat64,
            env,
            cache_bytes: self.cache_bytes.map_or(CACHE_BYTES, |bytes| bytes.0),
            deterministic,
            allow: Allow::resolve("sandbox.allow", self.allow, place)?,
        })
    }
}

fn variable(written: &Spanned<String>, place: &ConfigFile<'_>) -> Result<String, FieldError> {
    let name = &written.value;
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(name.clone());
    }
    let message = "sandbox.env: expected names of variables, each in full, such as TZ".to_owned();
    Err(place.fault(written.referenced, message))
}

fn nat64(written: &Spanned<String>, place: &ConfigFile<'_>) -> Result<Nat64, FieldError> {
    Nat64::read(&written.value).ok_or_else(|| {
        let message = "sandbox.nat64: expected an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits with zeros behind it, such as \
                       2001:db8:64::/96";
        place.fault(written.referenced, message.into())
    })
}

fn clock(written: &Spanned<String>, place: &ConfigFile<'_>) -> Result<Duration, FieldError> {
    let since_1970 = written.value.parse::<jiff::Timestamp>().ok().and_then(|time| {
        let since = time.duration_since(jiff::Timestamp::UNIX_EPOCH);
        Duration::try_from(since).ok()
    });
    since_1970.ok_or_else(|| {
        let message =
            "sandbox.deterministic.clock: expected a time of RFC 3339 since 1970, such as 2026-01-31T12:00:00Z";
        place.fault(written.referenced, message.into())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        sandbox: SandboxSection,
    }

    fn parse(section: &str) -> Result<SandboxSettings, String> {
        let text = format!("contracts: [a]\nsandbox:\n{section}");
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/") };
        callgate_settings::read(place.file, &text)
            .and_then(|file: File| file.sandbox.resolve(&place))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_gibibyte_of_code_is_kept_and_nothing_is_fixed_unless_asked() {
        let sandbox = parse("  {}\n").unwrap();
        assert_eq!((sandbox.cache_bytes, sandbox.deterministic), (1 << 30, None));
    }

    #[test]
    fn allowed_folders_are_relative_to_the_file_and_plain() {
        let sandbox = parse("  allow: [data, /srv/shared]\n").unwrap();
        let paths: Vec<_> = sandbox.allow.paths().iter().map(|allowed| allowed.path.clone()).collect();
        assert_eq!(paths, [Path::new("/data"), Path::new("/srv/shared")]);
        assert_eq!(sandbox.allow.with(Path::new("more of it")), "allow: [data, /srv/shared, \"more of it\"]");
        assert!(parse("  {}\n").unwrap().allow.paths().is_empty());
        for wrong in ["''", "'data/*'", "'data/{tenant}'"] {
            let error = parse(&format!("  allow: [{wrong}]\n")).unwrap_err();
            assert!(error.starts_with("executor.yaml:3:11: sandbox.allow: expected a path without"), "{error}");
        }
    }

    #[test]
    fn variables_are_named_in_full() {
        assert!(parse("  {}\n").unwrap().env.is_empty());
        assert_eq!(parse("  env: [TZ, HTTP_PORT2]\n").unwrap().env, ["TZ", "HTTP_PORT2"]);
        for wrong in ["'*'", "''", "AWS_*", "'A=b'"] {
            let error = parse(&format!("  env: [{wrong}]\n")).unwrap_err();
            assert!(error.starts_with("executor.yaml:3:9: sandbox.env: expected names of variables"), "{error}");
        }
    }

    #[test]
    fn a_fixed_clock_and_seed_are_read() {
        let sandbox =
            parse("  cacheBytes: 64MiB\n  deterministic: { clock: '2026-01-31T12:00:00Z', seed: 7 }\n").unwrap();
        assert_eq!(sandbox.cache_bytes, 64 << 20);
        let fixed = sandbox.deterministic.unwrap();
        assert_eq!((fixed.clock.as_secs(), fixed.seed), (1_769_860_800, 7));
    }

    #[test]
    fn prefixes_of_translators_are_read_and_others_refused_at_their_place() {
        let sandbox = parse("  nat64: ['2001:db8:64::/96', '2001:db8:1::/48']\n").unwrap();
        assert_eq!(sandbox.nat64.len(), 2);
        for wrong in ["2001:db8::/33", "2001:db8::1/96", "10.0.0.0/8", "x"] {
            let error = parse(&format!("  nat64: ['{wrong}']\n")).unwrap_err();
            assert!(error.starts_with("executor.yaml:3:11: sandbox.nat64: expected an IPv6 prefix of 32"), "{error}");
        }
    }

    #[test]
    fn a_clock_that_is_no_time_is_refused_at_its_place() {
        for wrong in ["noon", "1969-01-01T00:00:00Z"] {
            assert_eq!(
                parse(&format!("  deterministic: {{ clock: '{wrong}', seed: 7 }}\n")).unwrap_err(),
                "executor.yaml:3:27: sandbox.deterministic.clock: expected a time of RFC 3339 since 1970, such as \
                 2026-01-31T12:00:00Z"
            );
        }
        assert!(parse("  deterministic: { clock: '2026-01-31T12:00:00Z' }\n").unwrap_err().contains("seed"));
    }
}

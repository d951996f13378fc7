//! `connections`: the maximum connections of a port and their time limits. The gRPC and the HTTP port have one section
//! each.

use std::time::Duration;

use callgate_settings::{Bytes, ConfigFile, FieldError, Seconds};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The default maximum connections. Proxies hold a few each.
const MAX: u32 = 1024;
/// Fewer leave no room for probes.
const MAX_LEAST: u32 = 8;
/// Each holds a file descriptor.
const MAX_MOST: u32 = 65_536;
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The default maximum bytes of requests at once.
const HELD_BYTES: u64 = 256 << 20;
const HELD_BYTES_LEAST: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// The maximum connections of a port, and their time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Connections at once.
    pub max: usize,
    /// Connections of one address at once; of a user, on a Unix socket.
    pub per_address: usize,
    /// The longest time a connection stays open without a request.
    pub idle: Duration,
    /// The longest time a connection takes new requests.
    pub max_age: Duration,
    /// The maximum bytes of requests held at once, from their arrival to their answer.
    pub held_bytes: u64,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ConnectionSection {
    max: Option<Spanned<u32>>,
    per_address: Option<Spanned<u32>>,
    idle: Option<Spanned<Seconds>>,
    max_age: Option<Spanned<Seconds>>,
    held_bytes: Option<Spanned<Bytes>>,
}

impl ConnectionSection {
    /// Reads the section whose fields begin with `prefix`, such as `http.`. `idle` is the port's default.
    pub(crate) fn resolve(
        self,
        place: &ConfigFile<'_>,
        prefix: &str,
        idle: Duration,
    ) -> Result<Connections, FieldError> {
        let number = |field: &str, written: Option<Spanned<u32>>, default: u32, least: u32, most: u32| match written {
            None => Ok(default),
            Some(n) if (least..=most).contains(&n.value) => Ok(n.value),
            Some(n) => {
                let message = format!("{prefix}connections.{field}: expected {least} to {most}, found {}", n.value);
                Err(place.fault(n.referenced, message))
            }
        };
        let time = |field: &str, written: Option<Spanned<Seconds>>, default: Duration| match written {
            None => Ok(default),
            Some(time) if time.value.0 >= SECOND => Ok(time.value.0),
            Some(time) => {
                let message = format!("{prefix}connections.{field}: expected at least 1s");
                Err(place.fault(time.referenced, message))
            }
        };
        let held_bytes = match self.held_bytes {
            None => HELD_BYTES,
            Some(written) if written.value.0 >= HELD_BYTES_LEAST => written.value.0,
            Some(written) => {
                let message = format!("{prefix}connections.heldBytes: expected at least 1MiB");
                return Err(place.fault(written.referenced, message));
            }
        };
        let max = number("max", self.max, MAX, MAX_LEAST, MAX_MOST)?;
        // Three quarters: a whole sidecar may use one address, and others still find room.
        let per_address = number("perAddress", self.per_address, max - max / 4, 1, max)?;
        Ok(Connections {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            per_address: usize::try_from(per_address).unwrap_or(usize::MAX),
            idle: time("idle", self.idle, idle)?,
            max_age: time("maxAge", self.max_age, MAX_AGE)?,
            held_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Connections, String> {
        let section: ConnectionSection = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
        section.resolve(&place, "http.", Duration::from_secs(60)).map_err(|error| error.to_string())
    }

    #[test]
    fn connections_have_defaults_and_faults_are_named() {
        let hour = Duration::from_secs(3600);
        let (idle, held_bytes) = (Duration::from_secs(60), 256 << 20);
        let defaults = Connections { max: 1024, per_address: 768, idle, max_age: hour, held_bytes };
        assert_eq!(read("{}").unwrap(), defaults);
        let set = read("max: 100\nperAddress: 100\nidle: 5s\nmaxAge: 1d\nheldBytes: 1MiB\n").unwrap();
        let idle = Duration::from_secs(5);
        assert_eq!(set, Connections { max: 100, per_address: 100, idle, max_age: hour * 24, held_bytes: 1 << 20 });
        for (text, expected) in [
            ("max: 7\n", "executor.yaml:1:6: http.connections.max: expected 8 to 65536, found 7"),
            ("max: 8\nperAddress: 9\n", "executor.yaml:2:13: http.connections.perAddress: expected 1 to 8, found 9"),
            ("heldBytes: 1KiB\n", "executor.yaml:1:12: http.connections.heldBytes: expected at least 1MiB"),
            ("idle: 500ms\n", "executor.yaml:1:7: http.connections.idle: expected at least 1s"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }
}

//! Sizes and times as people write them in configuration: `4MiB`, `1500ms`.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};

/// A number of bytes: digits, and one of `B` (or nothing), `KiB`, `MiB`, `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// A time: digits, and one of `ms`, `s`, `m`, `h`, `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

/// Splits `64MiB` into 64 and `MiB`.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit))
}

fn bytes(text: &str) -> Option<Bytes> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).map(Bytes)
}

fn seconds(text: &str) -> Option<Seconds> {
    let (number, unit) = split(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(|total| Seconds(Duration::from_millis(total)))
}

// === impl Bytes ===

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        bytes(&text).ok_or_else(|| D::Error::custom("expected a size such as 512KiB or 4MiB"))
    }
}

// === impl Seconds ===

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        seconds(&text).ok_or_else(|| D::Error::custom("expected a time such as 500ms, 30s or 2m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read() {
        assert_eq!(bytes("4MiB"), Some(Bytes(4 << 20)));
        assert_eq!(bytes("17"), Some(Bytes(17)));
        assert_eq!(seconds("1500ms"), Some(Seconds(Duration::from_millis(1500))));
        assert_eq!(seconds("2m"), Some(Seconds(Duration::from_secs(120))));
        assert_eq!(seconds("24h"), seconds("1d"));
        for wrong in ["", "MiB", "4MB", "-1", "1.5s", "4 MiB", "99999999999999999999", "18446744073709551615KiB"] {
            assert_eq!((bytes(wrong), seconds(wrong)), (None, None), "{wrong}");
        }
    }
}

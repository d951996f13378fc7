//! Sizes, durations and fuel: a whole number and a unit, written one way.

use std::time::Duration;

use super::fields::{Located, Report};
use crate::source::node::Data;

const SIZE: &str =
    "expected a size: bytes as a whole number from 1 up, or one with `KiB`, `MiB` or `GiB`, such as `1MiB`";
const DURATION: &str = "expected a duration: a whole number from 1 up with `ms`, `s`, `m` or `h`, such as `30s`";
const AMOUNT: &str = "expected a whole number from 1 up, or one with `K`, `M` or `G`, such as `2M`";
const FUEL: &str = "expected fuel: a whole number from 1 up, or one with `K`, `M` or `G`, such as `500M`";

/// In bytes.
const SIZE_UNITS: [(&str, u64); 4] = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// In the engine's units.
const FUEL_UNITS: [(&str, u64); 4] = [("", 1), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];

/// Counts of requests, calls and tokens.
const AMOUNT_UNITS: [(&str, u64); 4] = FUEL_UNITS;

/// In milliseconds.
const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// A duration as a contract writes it: a whole number from 1 up with `ms`, `s`, `m` or `h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &DURATION_UNITS).map(Duration::from_millis)
}

/// A size in bytes as a contract writes it: a whole number from 1 up, alone or with `KiB`, `MiB` or `GiB`.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    parse(text, &SIZE_UNITS)
}

/// A size, a duration in milliseconds, or fuel. No unit of one is a unit of another.
pub(crate) fn parse_any(text: &str) -> Option<u64> {
    parse(text, &SIZE_UNITS).or_else(|| parse(text, &DURATION_UNITS)).or_else(|| parse(text, &FUEL_UNITS))
}

/// Bytes.
pub(super) fn size(item: &Located<'_>, report: &mut Report<'_>) -> Option<u64> {
    quantity(item, &SIZE_UNITS).or_else(|| report.fault(item, SIZE))
}

/// Time, to the millisecond.
pub(super) fn duration(item: &Located<'_>, report: &mut Report<'_>) -> Option<Duration> {
    quantity(item, &DURATION_UNITS).map(Duration::from_millis).or_else(|| report.fault(item, DURATION))
}

/// Fuel in the engine's units.
pub(super) fn fuel(item: &Located<'_>, report: &mut Report<'_>) -> Option<u64> {
    quantity(item, &FUEL_UNITS).or_else(|| report.fault(item, FUEL))
}

/// A count of requests, calls or tokens.
pub(super) fn amount(item: &Located<'_>, report: &mut Report<'_>) -> Option<u64> {
    quantity(item, &AMOUNT_UNITS).or_else(|| report.fault(item, AMOUNT))
}

/// Reads a positive whole number with a unit. A number without quotes has the unit `""`, if this unit exists.
fn quantity(item: &Located<'_>, units: &[(&str, u64)]) -> Option<u64> {
    match &item.node.data {
        Data::Number(number) => total(number.as_u64()?, "", units),
        Data::Text(text) => parse(text, units),
        _ => None,
    }
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    total(number.parse().ok()?, unit, units)
}

fn total(number: u64, unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor).filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::node::Node;
    use callgate_json::Value;

    fn read<T>(value: impl Into<Value>, unit: fn(&Located<'_>, &mut Report<'_>) -> Option<T>) -> Option<T> {
        let node = Node::without_text(&value.into());
        unit(&Located { node: &node, path: String::new() }, &mut Report::new(&mut Vec::new()))
    }

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        for (text, bytes) in [("1", 1), ("64KiB", 65_536), ("1MiB", 1_048_576), ("4GiB", 4_294_967_296)] {
            assert_eq!(read(text, size), Some(bytes), "{text}");
        }
        assert_eq!(read(512, size), Some(512));
        for text in ["", "0", "0MiB", "1MB", "1M", "1 MiB", "-1", "+1", "1.5MiB", "MiB", "1mib", "99999999999GiB"] {
            assert_eq!(read(text, size), None, "{text}");
        }
        assert_eq!(read(-1, size), None);
        assert_eq!(read(1.5, size), None);
    }

    #[test]
    fn durations_always_have_a_unit() {
        for (text, millis) in [("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(read(text, duration), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["30", "1d", "1H", "1.5s", "s", "0s", "30 s"] {
            assert_eq!(read(text, duration), None, "{text}");
        }
        assert_eq!(read(30, duration), None);
    }

    #[test]
    fn fuel_is_counted_in_decimal_units() {
        for (text, units) in [("7", 7), ("5K", 5_000), ("500M", 500_000_000), ("1G", 1_000_000_000)] {
            assert_eq!(read(text, fuel), Some(units), "{text}");
        }
        assert_eq!(read(1000, fuel), Some(1000));
        for text in ["1g", "1T", "0", "1.5G"] {
            assert_eq!(read(text, fuel), None, "{text}");
        }
    }
}

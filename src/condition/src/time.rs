//! Timestamps and durations: RFC 3339, and CEL's `duration` text.

/// A point in time: seconds since the Unix epoch, and nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

/// A length of time; negative ones have a positive part below the second, as [`Timestamp`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    seconds: i64,
    nanos: u32,
}

const NANOS: u32 = 1_000_000_000;
const DAY: i64 = 86_400;
/// The first and the last second of the years 1 to 9999 (CEL, "Timestamps").
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A field of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    FullYear,
    /// From 0.
    Month,
    /// From 1.
    Date,
    /// From 0, Sunday.
    DayOfWeek,
    Hours,
    Minutes,
    Seconds,
}

// === impl Field ===

impl Field {
    /// Returns the field of a method of CEL.
    pub(crate) fn of(method: &str) -> Option<Field> {
        Some(match method {
            "getFullYear" => Field::FullYear,
            "getMonth" => Field::Month,
            "getDate" => Field::Date,
            "getDayOfWeek" => Field::DayOfWeek,
            "getHours" => Field::Hours,
            "getMinutes" => Field::Minutes,
            "getSeconds" => Field::Seconds,
            _ => return None,
        })
    }
}

// === impl Timestamp ===

impl Timestamp {
    /// Creates a timestamp. `None` before the year 1 and after 9999.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32) -> Option<Timestamp> {
        (RANGE.contains(&seconds) && nanos < NANOS).then_some(Timestamp { seconds, nanos })
    }

    /// Reads the text of RFC 3339, such as `2026-01-31T12:00:00.5+01:00`. Leap seconds do not exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        let number = |from: usize, length: usize| digits(bytes.get(from..from + length)?);
        let is = |at: usize, letters: &[u8]| bytes.get(at).is_some_and(|letter| letters.contains(letter));
        let separated = is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":");
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let fits = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        if !separated || !fits || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (nanos, rest) = fraction(bytes.get(19..)?)?;
        let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(rest)?;
        Timestamp::new(seconds, nanos)
    }

    /// Returns the milliseconds since the Unix epoch, rounded down. `None` before the epoch.
    #[must_use]
    pub fn unix_millis(self) -> Option<u64> {
        u64::try_from(self.seconds).ok()?.checked_mul(1000)?.checked_add(u64::from(self.nanos / 1_000_000))
    }

    /// Adds a duration.
    pub(crate) fn plus(self, by: Duration) -> Option<Timestamp> {
        let (seconds, nanos) = sum((self.seconds, self.nanos), (by.seconds, by.nanos))?;
        Timestamp::new(seconds, nanos)
    }

    /// The time since another timestamp.
    pub(crate) fn since(self, other: Timestamp) -> Option<Duration> {
        let other = Duration { seconds: other.seconds, nanos: other.nanos }.negated()?;
        let (seconds, nanos) = sum((self.seconds, self.nanos), (other.seconds, other.nanos))?;
        Some(Duration { seconds, nanos })
    }

    /// Reads a field, `offset` seconds east of UTC.
    pub(crate) fn field(self, field: Field, offset: i64) -> i64 {
        let seconds = self.seconds.saturating_add(offset);
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        match field {
            Field::FullYear => date(day).0,
            Field::Month => date(day).1 - 1,
            Field::Date => date(day).2,
            // The epoch was a Thursday.
            Field::DayOfWeek => (day + 4).rem_euclid(7),
            Field::Hours => second / 3600,
            Field::Minutes => second / 60 % 60,
            Field::Seconds => second % 60,
        }
    }
}

// === impl Duration ===

impl Duration {
    /// Reads a text such as `1h30m`, `-1.5s` or `100ms`: decimal numbers with the units `h`, `m`, `s`, `ms`, `us`, `ns`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Duration> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Duration { seconds: 0, nanos: 0 });
        }
        let mut total = (0_i64, 0_u32);
        loop {
            let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
            let (number, after) = rest.split_at_checked(end)?;
            let unit_end = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at_checked(unit_end)?;
            total = sum(total, part(number, unit)?)?;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let duration = Duration { seconds: total.0, nanos: total.1 };
        if negative { duration.negated() } else { Some(duration) }
    }

    pub(crate) fn plus(self, other: Duration) -> Option<Duration> {
        let (seconds, nanos) = sum((self.seconds, self.nanos), (other.seconds, other.nanos))?;
        Some(Duration { seconds, nanos })
    }

    pub(crate) fn negated(self) -> Option<Duration> {
        match self.nanos {
            0 => Some(Duration { seconds: self.seconds.checked_neg()?, nanos: 0 }),
            nanos => Some(Duration { seconds: self.seconds.checked_neg()?.checked_sub(1)?, nanos: NANOS - nanos }),
        }
    }
}

/// Reads the offset of a time zone in seconds: `UTC`, `Z`, or `+01:00`.
pub(crate) fn zone(text: &str) -> Option<i64> {
    if text == "UTC" { Some(0) } else { offset(text.as_bytes()) }
}

fn sum(a: (i64, u32), b: (i64, u32)) -> Option<(i64, u32)> {
    let nanos = a.1 + b.1;
    let seconds = a.0.checked_add(b.0)?.checked_add(i64::from(nanos / NANOS))?;
    Some((seconds, nanos % NANOS))
}

/// One part of a duration, not negative.
fn part(number: &str, unit: &str) -> Option<(i64, u32)> {
    // The unit in seconds, and the number of units in a second.
    let (seconds_each, units) = match unit {
        "h" => (3600, 1),
        "m" => (60, 1),
        "s" => (1, 1),
        "ms" => (1, 1_000),
        "us" => (1, 1_000_000),
        "ns" => (1, u64::from(NANOS)),
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = whole.len() + fraction.len() > 0 && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut place = seconds_each * u64::from(NANOS) / units;
    let mut nanos = if units == 1 { 0 } else { whole % units * place };
    for digit in fraction.bytes().filter(|_| is_number) {
        place /= 10;
        nanos += u64::from(digit - b'0') * place;
    }
    let seconds = (whole / units).checked_mul(seconds_each)?.checked_add(nanos / u64::from(NANOS))?;
    let rest = u32::try_from(nanos % u64::from(NANOS)).ok()?;
    is_number.then_some((i64::try_from(seconds).ok()?, rest))
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Reads a fraction of a second, at most 9 digits, and the rest behind it.
fn fraction(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let end = rest.iter().position(|letter| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (text, rest) = rest.split_at_checked(end).filter(|(text, _)| (1..=9).contains(&text.len()))?;
    let missing = u32::try_from(9 - text.len()).ok()?;
    let nanos = digits(text)? * 10_i64.pow(missing);
    Some((u32::try_from(nanos).ok()?, rest))
}

/// Reads `Z` or `+01:00` in seconds.
fn offset(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', first, second] if hours.len() == 2 => {
            let (hours, minutes) = (digits(hours)?, digits(&[*first, *second])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since the epoch of a date of the Gregorian calendar. Years are counted from March, so the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// The year, month and day of a number of days since the epoch: the inverse of [`days`].
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let date = day - (month * 153 + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_nine_centuries_has_one_date() {
        let mut expected = (1600, 1, 1);
        for day in days(1600, 1, 1)..days(2500, 1, 1) {
            assert_eq!(date(day), expected);
            assert_eq!(days(expected.0, expected.1, expected.2), day);
            expected.2 += 1;
            if expected.2 > days_in(expected.0, expected.1) {
                expected = (expected.0, expected.1 + 1, 1);
            }
            if expected.1 > 12 {
                expected = (expected.0 + 1, 1, 1);
            }
        }
    }

    #[test]
    fn timestamps_are_those_of_rfc_3339() {
        let seconds = |text: &str| Timestamp::parse(text).map(|time| (time.seconds, time.nanos));
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(seconds("1969-12-31T23:59:59.5Z"), Some((-1, 500_000_000)));
        assert_eq!(seconds("2026-11-27T12:00:00+01:00"), Some((1_795_777_200, 0)));
        assert_eq!(seconds("2000-02-29t00:00:00.000000001z"), Some((951_782_400, 1)));
        assert_eq!(seconds("0001-01-01T00:00:00Z"), Some((-62_135_596_800, 0)));
        for wrong in [
            "",
            "2026-11-27",
            "2026-11-27T12:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-27T24:00:00Z",
            "2026-11-27T12:00:60Z",
            "2026-11-27 12:00:00Z",
            "2026-11-27T12:00:00.Z",
            "2026-11-27T12:00:00.0000000001Z",
            "2026-11-27T12:00:00+1:00",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "２０２６-11-27T12:00:00Z",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_those_of_cel() {
        let nanos = |text: &str| {
            Duration::parse(text).map(|time| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
        };
        for (text, expected) in [
            ("0", 0),
            ("1s", 1_000_000_000),
            ("1.5s", 1_500_000_000),
            ("1h30m", 5_400_000_000_000),
            ("-1.5s", -1_500_000_000),
            ("100ms", 100_000_000),
            ("1500ms", 1_500_000_000),
            ("1us", 1_000),
            ("7ns", 7),
            ("0.1h", 360_000_000_000),
            (".5s", 500_000_000),
            ("1m1m", 120_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
        for wrong in ["", "1", "s", "-", "1d", "1.2.3s", "1 s", "1s ", ".s", "99999999999999999999s", "1s-1s"] {
            assert_eq!(nanos(wrong), None, "{wrong}");
        }
    }
}

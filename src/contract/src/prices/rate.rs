//! Prices of tokens as whole numbers. No price and no cost is ever a floating-point number.

use std::fmt;

use callgate_json::Number;

/// A price: billionths of the currency's unit for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// The decimal places of a price for a million tokens.
const PLACES: i32 = 9;
/// A million is 10 to this power.
const MILLION: i32 = 6;
/// The greatest price, which no real one comes near: a million of the unit for a million tokens.
const MOST: u64 = 1_000_000_000_000_000;

// === impl Rate ===

impl Rate {
    /// Reads a price for a million tokens: a number from 0 to 1,000,000 with at most nine decimal places.
    #[must_use]
    pub fn per_million(number: &Number) -> Option<Rate> {
        let (digits, power) = decimal(&number.to_string())?;
        let shift = power.checked_add(PLACES)?;
        let is_exact = shift >= 0 || digits.checked_rem(ten_to(shift.checked_neg()?)?)? == 0;
        rate(digits, shift).filter(|_| is_exact)
    }

    /// Reads a price for one token, such as `1.25e-06`, and rounds it up.
    #[must_use]
    pub fn per_token(number: &Number) -> Option<Rate> {
        let (digits, power) = decimal(&number.to_string())?;
        rate(digits, power.checked_add(PLACES)?.checked_add(MILLION)?)
    }

    /// The price in billionths of the currency's unit for a million tokens.
    #[must_use]
    pub fn billionths(self) -> u64 {
        self.0
    }
}

/// The price for a million tokens, such as `1.25`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNIT: u64 = 1_000_000_000;
        let (whole, rest) = (self.0 / UNIT, self.0 % UNIT);
        let fraction = format!("{rest:09}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            fraction => write!(f, "{whole}.{fraction}"),
        }
    }
}

/// Returns the digits of a number that is not negative, and the power of ten of the last digit.
fn decimal(text: &str) -> Option<(u128, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?),
        None => (text, 0_i32),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    let digits = digits.parse().ok().filter(|_| is_plain)?;
    Some((digits, exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?))
}

/// Returns `digits` times ten to the power of `shift`, rounded up.
fn rate(digits: u128, shift: i32) -> Option<Rate> {
    let rate = match u32::try_from(shift) {
        Ok(_) if digits == 0 => 0,
        Ok(_) => digits.checked_mul(ten_to(shift)?)?,
        Err(_) => digits.div_ceil(ten_to(shift.checked_neg()?)?),
    };
    u64::try_from(rate).ok().filter(|rate| *rate <= MOST).map(Rate)
}

fn ten_to(power: i32) -> Option<u128> {
    10_u128.checked_pow(u32::try_from(power).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn a_price_is_exact_to_nine_places() {
        for (text, billionths) in [
            ("0", 0),
            ("0.0", 0),
            ("10", 10_000_000_000),
            ("1.25", 1_250_000_000),
            ("0.0375", 37_500_000),
            ("1e-9", 1),
            ("1.5e1", 15_000_000_000),
            ("1000000", MOST),
        ] {
            assert_eq!(Rate::per_million(&number(text)).map(Rate::billionths), Some(billionths), "{text}");
        }
        for text in ["-1", "-0.5", "1e-10", "0.1234567891", "1000001", "1e300", "1e-300"] {
            assert_eq!(Rate::per_million(&number(text)), None, "{text}");
        }
    }

    #[test]
    fn a_price_for_one_token_is_rounded_up() {
        for (text, price) in [
            ("1.25e-06", "1.25"),
            ("0.00001", "10"),
            ("7.5e-08", "0.075"),
            ("1.0000000000000001e-06", "1.000000001"),
            ("1e-30", "0.000000001"),
            ("0", "0"),
            ("0.0", "0"),
        ] {
            assert_eq!(Rate::per_token(&number(text)).unwrap().to_string(), price, "{text}");
        }
        assert_eq!(Rate::per_token(&number("2")), None);
        assert_eq!(Rate::per_token(&number("-1e-6")), None);
    }
}

//! Exact numbers: integers of 64 bits, and doubles whose shortest decimal is the number itself.

use serde_json::Number;

use crate::scan::after_string;

/// The largest magnitude up to which every integer is a double.
const MAX_SAFE: f64 = 9_007_199_254_740_992.0;

/// A decimal literal of at most this many digits always comes back from its double (`f64::DIGITS`).
const ALWAYS_EXACT_DIGITS: usize = f64::DIGITS as usize;

/// Returns the integer denoted by the shortest decimal of `value`, if it is in the range of `i64` or `u64`.
pub(crate) fn integer(value: f64) -> Option<Number> {
    if value.fract() != 0.0 || value.abs() >= 2e19 {
        return None;
    }
    if value.abs() <= MAX_SAFE {
        #[allow(clippy::cast_possible_truncation, reason = "an integral double up to 2^53 is an i64")]
        return Some(Number::from(value as i64));
    }
    // Above 2^53 the shortest decimal, not the double's own expansion, is what canonical text shows and a reader reads back.
    let digits = value.to_string();
    digits.parse::<u64>().map(Number::from).or_else(|_| digits.parse::<i64>().map(Number::from)).ok()
}

/// The numbers to hold exactly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exact {
    /// Every number.
    All,
    /// Numbers without a fraction and without an exponent.
    Integers,
    /// No number: the nearest double is taken.
    None,
}

/// Returns the offset of the first number in a valid JSON text that breaks this rule.
pub(crate) fn first_inexact(text: &str, exact: Exact) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = after_string(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let rest = text.get(at..).unwrap_or_default();
                let length = rest.bytes().take_while(|byte| is_number_byte(*byte)).count();
                let literal = rest.get(..length).unwrap_or_default();
                let checked = match exact {
                    Exact::All => true,
                    Exact::Integers => !literal.contains(['.', 'e', 'E']),
                    Exact::None => false,
                };
                if checked && !is_exact(literal) {
                    return Some(at);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    None
}

pub(crate) fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

fn is_exact(literal: &str) -> bool {
    let has_exponent = literal.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    // Leading zeros count here, so that a long `0.000…1` below the range of doubles takes the slow test.
    if !has_exponent && literal.bytes().filter(u8::is_ascii_digit).count() <= ALWAYS_EXACT_DIGITS {
        return true;
    }
    if literal.parse::<u64>().is_ok() || literal.parse::<i64>().is_ok() {
        return true;
    }
    let Some(double) = literal.parse::<f64>().ok().filter(|double| double.is_finite()) else { return false };
    // The canonical writer's own digits. Of two shortest decimals at the same distance it takes the even one, and Rust's the upper one.
    let mut shortest = Vec::with_capacity(32);
    let is_written = serde_json_canonicalizer::to_writer(&double, &mut shortest).is_ok();
    let shortest = std::str::from_utf8(&shortest).unwrap_or_default();
    is_written && Decimal::of(shortest) == Decimal::of(literal)
}

/// A decimal without its sign: its digits from the first to the last nonzero one, and the power of ten of the last.
#[derive(PartialEq)]
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn of(literal: &str) -> Decimal {
        let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit).collect();
        let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        let dropped = digits.len() - significant;
        digits.truncate(significant);
        let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Decimal { digits, exponent: 0 };
        }
        let shift = i64::try_from(dropped).unwrap_or(i64::MAX) - i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        Decimal { digits, exponent: exponent_of(exponent).saturating_add(shift) }
    }
}

/// Reads an exponent. One that does not fit counts as the largest that does: no double comes near either.
fn exponent_of(text: &str) -> i64 {
    match text.parse() {
        Ok(exponent) => exponent,
        Err(_) if text.starts_with('-') => i64::MIN / 2,
        Err(_) => i64::MAX / 2,
    }
}

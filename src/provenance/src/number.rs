//! Decimal numbers, compared by value and without rounding.

use callgate_json::Number;

/// A decimal number: its digits without leading and trailing zeros, and the place of its point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// Significant digits.
    digits: String,
    /// The power of ten of the last digit; 0 for zero.
    exponent: i32,
}

/// The maximum digits of a number that is looked at. Longer runs are no numbers but tokens.
const MAX_DIGITS: usize = 40;

// === impl Decimal ===

impl Decimal {
    /// Reads a number of JSON's syntax.
    #[must_use]
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']).and_then(|at| rest.split_at_checked(at)) {
            Some((mantissa, exponent)) => {
                let exponent = exponent.get(1..).unwrap_or_default();
                (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?)
            }
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let is_whole = whole == "0" || !whole.is_empty() && !whole.starts_with('0');
        if is_whole { Decimal::of(negative, whole, fraction, exponent) } else { None }
    }

    fn of(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Option<Decimal> {
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit());
        if !all_digits || whole.len() + fraction.len() > MAX_DIGITS {
            return None;
        }
        let digits = [whole, fraction].concat();
        let kept = digits.trim_end_matches('0');
        let zeros = i32::try_from(digits.len() - kept.len()).ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        let digits = kept.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        Some(Decimal { negative, digits, exponent: exponent.checked_sub(places)?.checked_add(zeros)? })
    }

    /// The value of a number of JSON.
    #[must_use]
    pub fn of_json(number: &Number) -> Option<Decimal> {
        Decimal::parse(&number.to_string())
    }
}

/// The numbers in a text and their places, each a maximal run of digits outside of words: `7`, `1,250.50`, `-3.5`.
pub(crate) fn all(text: &str) -> impl Iterator<Item = (usize, Decimal)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let start = at + rest.find(|letter: char| letter.is_ascii_digit())?;
            let run = text.get(start..)?;
            let is_part = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ',';
            let (run, after) = run.split_at_checked(run.find(|letter| !is_part(letter)).unwrap_or(run.len()))?;
            at = start + run.len();
            let mut before = text.get(..start)?.chars().rev();
            let last = before.next();
            if last.is_some_and(is_word) || after.starts_with(is_word) {
                continue;
            }
            // A hyphen behind a word or a number joins the two.
            let negative = last == Some('-') && !before.next().is_some_and(is_word);
            if let Some(number) = read(run.trim_end_matches(['.', ',']), negative) {
                return Some((start, number));
            }
        }
    })
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Reads digits, perhaps in groups of three, and a fraction.
fn read(run: &str, negative: bool) -> Option<Decimal> {
    let (whole, fraction) = run.split_once('.').unwrap_or((run, ""));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.is_empty() || first.len() <= 3 && rest.iter().all(|group| group.len() == 3);
    if !grouped || first.is_empty() {
        return None;
    }
    Decimal::of(negative, &[first, &rest.concat()].concat(), fraction, 0)
}

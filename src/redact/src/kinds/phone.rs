//! Telephone numbers.
//!
//! 1. With `+` and a country code: 9 to 15 digits (ITU-T E.164), or from 8 if they are in groups; behind `+1` ten digits.
//! 2. In North American groups: `(415) 555-0132`, `415-555-0132`, `415.555.0132`.
//! 3. Seven to 15 digits behind a word such as `phone`, in the text or as the name of the member.
//!
//! Other national numbers look as any other number does.

use std::ops::Range;

use super::Haystack;

const MOST_DIGITS: usize = 15;
/// The endings of words before a number.
const LABELS: [&[u8]; 9] =
    [b"phone", b"mobile", b"mobil", b"tel", b"telefon", b"telephone", b"fax", b"whatsapp", b"handy"];
/// Words between the label and the number.
const NUMBER: [&[u8]; 4] = [b"number", b"num", b"no", b"nr"];

/// Returns the number with its first digits at `at`.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let open = if text.before(at) == b'(' { at - 1 } else { at };
    if text.before(open) == b'+' {
        let plus = open - 1;
        let before = text.before(plus);
        let is_start = !before.is_ascii_alphanumeric() && before != b'+';
        return international(text, at).filter(|_| is_start).map(|end| plus..end);
    }
    if text.before(at).is_ascii_alphanumeric() {
        return None;
    }
    north_american(text, at).map(|end| open..end).or_else(|| labelled(text, at).map(|end| open..end))
}

fn international(text: Haystack<'_>, at: usize) -> Option<usize> {
    let number = Number::read(text, at);
    let digits = number.digits();
    let fits = match digits.first()? {
        b'0' => false,
        b'1' => digits.len() == 11 && matches!((digits.get(1), digits.get(4)), (Some(b'2'..), Some(b'2'..))),
        b'7' => digits.len() == 11,
        _ if number.group_count > 1 => digits.len() >= 8,
        _ => digits.len() >= 9,
    };
    (fits && is_end(text, number.end)).then_some(number.end)
}

fn north_american(text: Haystack<'_>, at: usize) -> Option<usize> {
    let separator = text.at(at + 3);
    let is_open = text.before(at) == b'(';
    let (exchange, last) = match separator {
        b')' if is_open && text.at(at + 4) == b' ' => (at + 5, b'-'),
        b')' if is_open => (at + 4, b'-'),
        b'-' | b'.' if !is_open => (at + 4, separator),
        _ => return None,
    };
    let digits = |from: usize, count: usize| text.run(from, count + 1, |byte| byte.is_ascii_digit()) == from + count;
    let begins = |from: usize| matches!(text.at(from), b'2'..=b'9');
    let fits = digits(at, 3)
        && digits(exchange, 3)
        && text.at(exchange + 3) == last
        && digits(exchange + 4, 4)
        && begins(at)
        && begins(exchange);
    let is_start = !(matches!(text.before(at), b'-' | b'.')
        && text.before(at - 1).is_ascii_alphanumeric()
        && !is_after_one(text, at));
    (fits && is_start && is_end(text, exchange + 8)).then_some(exchange + 8)
}

/// Returns true behind `1-`, the prefix of long distance.
fn is_after_one(text: Haystack<'_>, at: usize) -> bool {
    text.before(at - 1) == b'1' && !(at >= 2 && text.before(at - 2).is_ascii_alphanumeric())
}

fn labelled(text: Haystack<'_>, at: usize) -> Option<usize> {
    let number = Number::read(text, at);
    if !(7..=MOST_DIGITS).contains(&number.digit_count) {
        return None;
    }
    let is_labelled = match text.word_before(at) {
        None => is_label(text.label.as_bytes()),
        // As in `phone number: …`.
        Some(word) if NUMBER.iter().any(|number| text.part(word.clone()).eq_ignore_ascii_case(number)) => {
            is_label(text.label_before(word.start))
        }
        Some(word) => is_label(text.part(word)),
    };
    if !is_labelled {
        return None;
    }
    // A date behind the word.
    let is_date = matches!(number.groups(), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4]);
    (!is_date && is_end(text, number.end)).then_some(number.end)
}

/// Returns true for a word such as `phone`, `phone_number`, `homePhone`.
fn is_label(word: &[u8]) -> bool {
    // Most words end otherwise.
    let last = word.iter().rposition(u8::is_ascii_alphabetic).and_then(|last| word.get(..=last)).unwrap_or_default();
    if !last.last().is_some_and(|last| b"elnopxyrm".contains(&last.to_ascii_lowercase())) {
        return false;
    }
    let stripped = NUMBER.iter().find_map(|ending| without(last, ending)).unwrap_or(last);
    let end = stripped.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |last| last + 1);
    let word = stripped.get(..end).unwrap_or_default();
    LABELS.iter().any(|label| without(word, label).is_some())
}

/// Returns a word without this ending, whatever its case.
fn without<'w>(word: &'w [u8], ending: &[u8]) -> Option<&'w [u8]> {
    let (before, end) = word.split_at_checked(word.len().checked_sub(ending.len())?)?;
    end.eq_ignore_ascii_case(ending).then_some(before)
}

/// Returns true if the number ends here.
fn is_end(text: Haystack<'_>, end: usize) -> bool {
    let (next, after) = (text.at(end), text.at(end + 1));
    !(next.is_ascii_alphanumeric() || matches!(next, b'-' | b'.' | b',' | b'/' | b':') && after.is_ascii_digit())
}

/// Groups of digits with separators that numbers have.
struct Number {
    digits: [u8; MOST_DIGITS + 1],
    digit_count: usize,
    /// The number of digits of each group.
    groups: [usize; MOST_DIGITS + 1],
    group_count: usize,
    end: usize,
}

// === impl Number ===

impl Number {
    fn read(text: Haystack<'_>, start: usize) -> Number {
        let mut number = Number {
            digits: [0; MOST_DIGITS + 1],
            digit_count: 0,
            groups: [0; MOST_DIGITS + 1],
            group_count: 0,
            end: start,
        };
        let mut at = start;
        loop {
            let end = text.run(at, MOST_DIGITS + 1, |byte| byte.is_ascii_digit());
            if number.digit_count + (end - at) > MOST_DIGITS && number.group_count > 0 {
                return number;
            }
            let rest = number.digits.iter_mut().skip(number.digit_count);
            rest.zip(text.part(at..end)).for_each(|(place, digit)| *place = *digit);
            number.digit_count += end - at;
            if let Some(group) = number.groups.get_mut(number.group_count) {
                *group = end - at;
            }
            number.group_count += 1;
            number.end = end;
            let Some(next) = separated(text.rest(end)) else { return number };
            at = end + next;
        }
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(..self.digit_count).unwrap_or_default()
    }

    fn groups(&self) -> &[usize] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }
}

/// Returns the length of the separators before the next digit.
fn separated(rest: &[u8]) -> Option<usize> {
    let length = match rest {
        [b' ', b'(', ..] | [b')', b' ' | b'-' | b'/', ..] => 2,
        [b' ', b'-' | b'/', b' ', ..] => 3,
        [b' ' | b'-' | b'.' | b'/' | b'(' | b')', ..] => 1,
        _ => return None,
    };
    rest.get(length).is_some_and(u8::is_ascii_digit).then_some(length)
}

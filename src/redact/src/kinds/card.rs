//! Payment card numbers (ISO/IEC 7812-1).
//!
//! A number has the prefix and the length of an issuer, and Luhn's check digit. Its digits stand together, in the groups that are
//! printed on cards, or in any groups with one separator if nothing else stands in the row. Visa's old numbers of 13 digits are left out:
//! a tenth of all European bar codes of some countries would be one.

use std::ops::Range;

use super::Haystack;

/// The least and the greatest first six digits of an issuer, and the lengths of its numbers.
const ISSUERS: [(u32, u32, &[usize]); 24] = [
    (220_000, 220_499, &[16]),             // Mir
    (222_100, 272_099, &[16]),             // Mastercard
    (300_000, 305_999, &[14, 16]),         // Diners Club
    (309_500, 309_599, &[14, 16]),         // Diners Club
    (340_000, 349_999, &[15]),             // American Express
    (352_800, 358_999, &[16, 17, 18, 19]), // JCB
    (360_000, 369_999, &[14, 16]),         // Diners Club
    (370_000, 379_999, &[15]),             // American Express
    (380_000, 399_999, &[14, 16]),         // Diners Club
    (400_000, 499_999, &[16, 19]),         // Visa
    (501_800, 501_899, &[16, 18, 19]),     // Maestro
    (502_000, 502_099, &[16, 18, 19]),     // Maestro
    (503_800, 503_899, &[16, 18, 19]),     // Maestro
    (506_099, 506_198, &[16, 18, 19]),     // Verve
    (508_500, 508_999, &[16]),             // RuPay
    (510_000, 559_999, &[16]),             // Mastercard
    (589_300, 589_399, &[16, 18, 19]),     // Maestro
    (601_100, 601_199, &[16, 17, 18, 19]), // Discover
    (606_985, 608_499, &[16]),             // RuPay
    (620_000, 629_999, &[16, 17, 18, 19]), // UnionPay
    (630_400, 630_499, &[16, 18, 19]),     // Maestro
    (644_000, 659_999, &[16, 17, 18, 19]), // Discover
    (675_900, 675_999, &[16, 18, 19]),     // Maestro
    (676_100, 676_399, &[16, 18, 19]),     // Maestro
];

/// The groups in which numbers are printed.
const GROUPS: [&[usize]; 6] =
    [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 1], &[4, 4, 4, 4, 2], &[4, 4, 4, 4, 3]];
const MOST_DIGITS: usize = 19;
/// The maximum number of groups in a row apart from tables.
const MOST_GROUPS: usize = 8;
/// The fewest letters and digits of a hash.
const HASH: usize = 32;

/// Returns the card number that begins at a digit.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    // Digits of a hexadecimal number are not a card's.
    let is_hexadecimal = text.before(at) == b'x' && text.before(at - 1) == b'0';
    if !matches!(text.at(at), b'2'..=b'6') || is_hexadecimal {
        return None;
    }
    // Most numbers stand alone and are shorter.
    let end = text.run(at, MOST_DIGITS + 1, |byte| byte.is_ascii_digit());
    if end - at < 14 && !matches!(text.at(end), b' ' | b'-' | b'.' | b'_' | b'/') {
        return None;
    }
    if end - at < 14 && is_short_row(text, end, end - at) {
        return None;
    }
    let row = Row::read(text, at);
    let is_whole = row.groups().first().copied()?;
    if (14..=MOST_DIGITS).contains(&is_whole) {
        // Digits of a fraction are not a card's.
        let after = at + is_whole;
        let is_fraction = matches!(text.before(at), b'.' | b',') && text.before(at - 1).is_ascii_digit()
            || text.at(after) == b'.' && text.at(after + 1).is_ascii_digit();
        return row.card(is_whole).filter(|()| !is_fraction && !is_in_hash(text, at, after)).map(|()| at..after);
    }
    // Groups are apart from words, as those of a UUID are not.
    if text.before(at).is_ascii_alphanumeric() {
        return None;
    }
    let is_open = is_table(text, at, &row);
    let printed = |groups: &&&[usize]| row.groups().starts_with(groups) && !is_open;
    let mut ends = GROUPS.iter().filter(printed).map(|groups| (groups.len(), groups.iter().sum()));
    let is_apart = |end: &usize| !text.at(*end).is_ascii_alphanumeric();
    let printed =
        ends.find_map(|(groups, digits)| row.card(digits).and_then(|()| row.end(groups - 1)).filter(is_apart));
    if let Some(end) = printed {
        return Some(at..end);
    }
    // Other groups, if the row has this number only.
    let is_first = !(row.separator == Some(text.before(at)) && text.before(at - 1).is_ascii_digit());
    if row.is_complete && is_first && row.group_count > 1 {
        return row
            .card(row.digit_count)
            .and_then(|()| row.end(row.group_count - 1))
            .filter(is_apart)
            .map(|end| at..end);
    }
    None
}

/// Returns true if the row with its first group before `end` has fewer digits than any card.
fn is_short_row(text: Haystack<'_>, mut end: usize, mut digits: usize) -> bool {
    let separator = text.at(end);
    while digits < 14 {
        let next = if text.at(end + 1) == separator { end + 2 } else { end + 1 };
        if text.at(end) != separator || !text.at(next).is_ascii_digit() {
            return true;
        }
        end = text.run(next, 14, |byte| byte.is_ascii_digit());
        digits += end - next;
    }
    false
}

/// Returns true for digits in a word of 32 letters and digits or more, as hashes are.
fn is_in_hash(text: Haystack<'_>, at: usize, end: usize) -> bool {
    let mut start = at;
    while at - start < HASH && text.before(start).is_ascii_alphanumeric() {
        start -= 1;
    }
    text.run(end, HASH, |byte| byte.is_ascii_alphanumeric()) - start >= HASH
}

/// Returns true in a table of numbers: groups of four digits stand on both sides of the first four groups, or the row has more than
/// eight groups.
fn is_table(text: Haystack<'_>, at: usize, row: &Row) -> bool {
    let Some(separator) = row.separator else { return false };
    let (mut left, mut is_left_four, mut start) = (0, false, at);
    while left <= MOST_GROUPS && text.before(start) == separator && text.before(start - 1).is_ascii_digit() {
        let end = start - 1;
        start = end;
        while end - start <= MOST_DIGITS && text.before(start).is_ascii_digit() {
            start -= 1;
        }
        left += 1;
        is_left_four |= left == 1 && end - start == 4;
    }
    let (mut right, mut is_right_four) = (0, false);
    let mut end = row.end(3).unwrap_or(at);
    while right <= MOST_GROUPS && text.at(end) == separator && text.at(end + 1).is_ascii_digit() {
        let begin = end + 1;
        end = text.run(begin, MOST_DIGITS + 1, |byte| byte.is_ascii_digit());
        right += 1;
        is_right_four |= right == 1 && end - begin == 4;
    }
    left + 4 + right > MOST_GROUPS || is_left_four && is_right_four
}

/// Groups of digits with one separator between them, of at most 20 digits.
struct Row {
    digits: [u8; MOST_DIGITS + 1],
    groups: [usize; MOST_DIGITS + 1],
    /// The end of each group.
    ends: [usize; MOST_DIGITS + 1],
    /// The numbers of digits and of groups.
    digit_count: usize,
    group_count: usize,
    separator: Option<u8>,
    /// The row ends here, and not only its first 20 digits.
    is_complete: bool,
}

// === impl Row ===

impl Row {
    fn read(text: Haystack<'_>, start: usize) -> Row {
        let mut row = Row {
            digits: [0; MOST_DIGITS + 1],
            groups: [0; MOST_DIGITS + 1],
            ends: [0; MOST_DIGITS + 1],
            digit_count: 0,
            group_count: 0,
            separator: None,
            is_complete: true,
        };
        let mut at = start;
        loop {
            let end = text.run(at, MOST_DIGITS + 1, |byte| byte.is_ascii_digit());
            row.push(text.part(at..end), end);
            if row.digit_count > MOST_DIGITS {
                row.is_complete = false;
                return row;
            }
            let sign = text.at(end);
            let is_separator = matches!(sign, b' ' | b'-' | b'.' | b'_' | b'/');
            // Two of them, as in `4111 - 1111` or after a tab of spaces.
            let next = if text.at(end + 1) == sign { end + 2 } else { end + 1 };
            if !is_separator || row.separator.is_some_and(|known| known != sign) || !text.at(next).is_ascii_digit() {
                return row;
            }
            row.separator = Some(sign);
            at = next;
        }
    }

    fn push(&mut self, digits: &[u8], end: usize) {
        let rest = self.digits.iter_mut().skip(self.digit_count);
        rest.zip(digits).for_each(|(place, digit)| *place = *digit);
        let group = self.groups.iter_mut().zip(&mut self.ends).nth(self.group_count);
        if let Some((length, place)) = group {
            (*length, *place) = (digits.len(), end);
        }
        self.digit_count += digits.len();
        self.group_count += 1;
    }

    fn groups(&self) -> &[usize] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// Returns the end of a group.
    fn end(&self, group: usize) -> Option<usize> {
        self.ends.get(..self.group_count)?.get(group).copied()
    }

    /// Checks that the first digits are a card number.
    fn card(&self, length: usize) -> Option<()> {
        let digits = self.digits.get(..self.digit_count)?.get(..length)?;
        let first = digits.get(..6)?.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        let is_issued =
            ISSUERS.iter().any(|(least, most, lengths)| (*least..=*most).contains(&first) && lengths.contains(&length));
        (is_issued && luhn(digits)).then_some(())
    }
}

/// Checks the last digit by Luhn's formula (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| {
        let digit = u32::from(digit - b'0');
        sum + match (place % 2, digit) {
            (0, digit) => digit,
            (_, 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        }
    });
    sum.is_multiple_of(10)
}

//! The built-in kinds, found in one pass over a text.
//!
//! The pass looks at the [beginnings](candidates) of words and numbers and at a few signs. Each of them costs a bounded look forward and back,
//! so the whole is linear in the bytes.

mod assigned;
mod candidates;
mod card;
mod email;
mod iban;
mod jwt;
mod phone;
mod private_key;
mod secret;
mod tokens;

use std::ops::Range;

use candidates::Begin;

/// A built-in kind of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Payment card numbers: issuer, length and Luhn's checksum (ISO/IEC 7812-1).
    CreditCard,
    /// Account numbers by ISO 13616: country, length and the checksum modulo 97.
    Iban,
    /// E-mail addresses.
    Email,
    /// Telephone numbers: with `+` and a country code, in North American groups, or behind a word such as `phone`.
    Phone,
    /// Private keys in PEM blocks (RFC 7468), and such of PuTTY and age.
    PrivateKey,
    /// Keys of clouds and APIs by their prefixes, passwords in URLs, and values behind words such as `password`.
    Secret,
    /// JSON Web Tokens (RFC 7519).
    Jwt,
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

/// A found value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// The text that is searched, and the name of the member with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Haystack<'t> {
    bytes: &'t [u8],
    /// Stands before the text, as in `phone: …`.
    label: &'t str,
}

// === impl Kind ===

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 7] =
        [Kind::CreditCard, Kind::Iban, Kind::Email, Kind::Phone, Kind::PrivateKey, Kind::Secret, Kind::Jwt];

    /// Returns its name in contracts and in the marks of redaction.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::CreditCard => "credit_card",
            Kind::Iban => "iban",
            Kind::Email => "email",
            Kind::Phone => "phone",
            Kind::PrivateKey => "private_key",
            Kind::Secret => "secret",
            Kind::Jwt => "jwt",
        }
    }
}

// === impl Kinds ===

impl Kinds {
    pub(crate) fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    pub(crate) fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

// === impl Haystack ===

impl<'t> Haystack<'t> {
    pub(crate) fn new(text: &'t str, label: &'t str) -> Haystack<'t> {
        Haystack { bytes: text.as_bytes(), label }
    }

    /// Returns a byte, and 0 beyond the text.
    #[inline]
    fn at(self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// Returns the byte before, and 0 at the beginning.
    #[inline]
    fn before(self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.at(at))
    }

    fn len(self) -> usize {
        self.bytes.len()
    }

    fn part(self, range: Range<usize>) -> &'t [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    fn rest(self, at: usize) -> &'t [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Returns the end of the run of such bytes at `at`, at most `most` bytes on.
    fn run(self, at: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        at + self.rest(at).iter().take(most).take_while(|byte| is(**byte)).count()
    }

    /// Returns the word that ends before `at`, in front of signs of an assignment. `None` stands for the label.
    fn word_before(self, at: usize) -> Option<Range<usize>> {
        let is_between =
            |byte: u8| matches!(byte, b' ' | b'\t' | b':' | b'=' | b'.' | b'#' | b'"' | b'\'' | b'(' | b'>');
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let (mut end, mut steps) = (at, 0);
        while end > 0 && steps < 6 && is_between(self.before(end)) {
            end -= 1;
            steps += 1;
        }
        if end == 0 {
            return None;
        }
        let mut start = end;
        while start > 0 && end - start < 40 && is_word(self.before(start)) {
            start -= 1;
        }
        Some(start..end)
    }

    /// Returns the word that ends before `at`, or the label in front of the text.
    fn label_before(self, at: usize) -> &'t [u8] {
        self.word_before(at).map_or(self.label.as_bytes(), |word| self.part(word))
    }
}

/// Finds the values of these kinds. They may overlap.
pub(crate) fn find(text: Haystack<'_>, kinds: Kinds, found: &mut Vec<Found>) {
    if kinds.is_empty() || is_too_short(text) {
        return;
    }
    let mut add = |kind: Kind, range: Option<Range<usize>>| -> Option<usize> {
        let range = range?;
        let end = range.end;
        found.push(Found { kind, range });
        Some(end)
    };
    if kinds.has(Kind::Secret) && !text.label.is_empty() {
        add(Kind::Secret, assigned::whole(text));
    }
    candidates::visit(text, kinds, |at, begin| match begin {
        Begin::Word => word(text, at, kinds, &mut add),
        Begin::Number => number(text, at, kinds, &mut add),
        Begin::Sign => sign(text, at, kinds, &mut add),
    });
}

/// Returns true for a text with no room for any value: shorter than an address, or short and without a digit and an `@`.
fn is_too_short(text: Haystack<'_>) -> bool {
    const LEAST: usize = 6;
    /// The shortest key of letters alone.
    const LEAST_LETTERS: usize = 20;
    /// The shortest name in front of other values of letters alone, `authorization`.
    const LEAST_LABEL: usize = 13;
    text.len() < LEAST
        || text.len() < LEAST_LETTERS
            && text.label.len() < LEAST_LABEL
            && !text.bytes.iter().any(|byte| byte.is_ascii_digit() || *byte == b'@')
}

type Add<'a> = &'a mut dyn FnMut(Kind, Option<Range<usize>>) -> Option<usize>;

/// Looks at the beginning of a word.
fn word(text: Haystack<'_>, at: usize, kinds: Kinds, add: Add<'_>) -> Option<usize> {
    if kinds.has(Kind::Iban)
        && let Some(end) = add(Kind::Iban, iban::at(text, at))
    {
        return Some(end);
    }
    if !tokens::may_begin(text.at(at), text.at(at + 1), text.at(at + 2)) {
        return None;
    }
    if kinds.has(Kind::Jwt)
        && let Some(end) = add(Kind::Jwt, jwt::at(text, at))
    {
        return Some(end);
    }
    if kinds.has(Kind::Secret)
        && let Some(end) = add(Kind::Secret, secret::at(text, at))
    {
        return Some(end);
    }
    if kinds.has(Kind::PrivateKey) { add(Kind::PrivateKey, private_key::word(text, at)) } else { None }
}

/// Looks at the beginning of a run of digits.
fn number(text: Haystack<'_>, at: usize, kinds: Kinds, add: Add<'_>) -> Option<usize> {
    if kinds.has(Kind::CreditCard)
        && let Some(end) = add(Kind::CreditCard, card::at(text, at))
    {
        return Some(end);
    }
    if kinds.has(Kind::Secret)
        && let Some(end) = add(Kind::Secret, secret::number(text, at))
    {
        return Some(end);
    }
    if kinds.has(Kind::Phone) { add(Kind::Phone, phone::at(text, at)) } else { None }
}

/// Looks at a sign.
fn sign(text: Haystack<'_>, at: usize, kinds: Kinds, add: Add<'_>) -> Option<usize> {
    match text.at(at) {
        b'@' if kinds.has(Kind::Email) => add(Kind::Email, email::at(text, at)),
        b'-' if kinds.has(Kind::PrivateKey) => add(Kind::PrivateKey, private_key::block(text, at)),
        b':' if kinds.has(Kind::Secret) && text.rest(at).starts_with(b"://") => {
            // The `@` behind the password begins no address.
            add(Kind::Secret, secret::in_url(text, at)).map(|end| end + 1)
        }
        b':' | b'=' if kinds.has(Kind::Secret) => add(Kind::Secret, assigned::at(text, at)),
        b'~' if kinds.has(Kind::Secret) => add(Kind::Secret, secret::tilde(text, at)),
        _ => None,
    }
}

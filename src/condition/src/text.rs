//! String literals (CEL, "String and Bytes Values").

use crate::Problem;

/// The opening of a string literal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quote {
    /// A raw string has no escapes.
    raw: bool,
    quote: &'static str,
}

// === impl Quote ===

impl Quote {
    /// Returns the opening at the start of `source`.
    pub(crate) fn at(source: &str) -> Option<Quote> {
        let (raw, rest) = match source.strip_prefix(['r', 'R']) {
            Some(rest) => (true, rest),
            None => (false, source),
        };
        let quote = [r#"""""#, "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote))?;
        Some(Quote { raw, quote })
    }
}

/// Reads the literal at the start of `source`. Returns its text and its length in bytes.
pub(crate) fn read(source: &str, quote: &Quote) -> Result<(String, usize), Problem> {
    let open = usize::from(quote.raw) + quote.quote.len();
    let mut rest = source.get(open..).unwrap_or_default();
    let mut text = String::new();
    loop {
        if let Some(after) = rest.strip_prefix(quote.quote) {
            return Ok((text, source.len() - after.len()));
        }
        let Some(letter) = rest.chars().next() else { return Err(Problem::OpenString) };
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            '\n' | '\r' if quote.quote.len() == 1 => return Err(Problem::OpenString),
            '\\' if !quote.raw => {
                let (meant, after) = escape(rest)?;
                text.push(meant);
                rest = after;
            }
            letter => text.push(letter),
        }
    }
}

/// Reads an escape behind its backslash.
fn escape(rest: &str) -> Result<(char, &str), Problem> {
    let kind = rest.chars().next().ok_or(Problem::OpenString)?;
    let after = rest.get(kind.len_utf8()..).unwrap_or_default();
    let plain = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '?' | '"' | '\'' | '`' => kind,
        'x' | 'X' => return coded(after, 2, 16),
        'u' => return coded(after, 4, 16),
        'U' => return coded(after, 8, 16),
        '0'..='3' => return coded(rest, 3, 8),
        _ => return Err(Problem::Escape),
    };
    Ok((plain, after))
}

/// Reads a character by its code in so many digits.
fn coded(text: &str, digits: usize, radix: u32) -> Result<(char, &str), Problem> {
    let (code, after) = text.split_at_checked(digits).ok_or(Problem::Escape)?;
    let is_code = code.chars().all(|digit| digit.is_digit(radix));
    let code = u32::from_str_radix(code, radix).ok().filter(|_| is_code).ok_or(Problem::Escape)?;
    Ok((char::from_u32(code).ok_or(Problem::Escape)?, after))
}

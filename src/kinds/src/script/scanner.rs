//! The cursor over a program's text: blanks, comments, words and strings.

use crate::Refusal;

/// A cursor over a program.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The line of the cursor, counted from 1.
    line: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Refuses the program at this line.
    pub(super) fn refuse<T>(&self, reason: &'static str) -> Result<T, Refusal> {
        Err(Refusal::line(self.line, reason))
    }

    /// Skips blanks and comments; returns true if a newline is among them.
    pub(super) fn blanks(&mut self) -> Result<bool, Refusal> {
        let before = self.line;
        loop {
            let rest = self.rest();
            if rest.starts_with([' ', '\t']) {
                self.at += 1;
            } else if let Some(length) = rest.starts_with('\n').then_some(1).or(rest.starts_with("\r\n").then_some(2)) {
                self.at += length;
                self.line += 1;
            } else if rest.starts_with("//") {
                let comment = rest.split('\n').next().unwrap_or_default();
                let inner = comment.strip_suffix('\r').unwrap_or(comment);
                // JavaScript ends the comment at each of these.
                if inner.contains(|c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}')) {
                    return self.refuse("a control character or another newline stands in a comment");
                }
                self.at += inner.len();
            } else {
                return Ok(self.line > before);
            }
        }
    }

    /// Tells if the next text begins a statement or ends the program.
    pub(super) fn is_statement(&self) -> bool {
        self.is_end() || self.rest().starts_with(|c: char| c.is_ascii_alphabetic() || c == ';')
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        self.rest().starts_with(symbol)
    }

    /// Takes a symbol, if it is next.
    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// Skips blanks and takes a symbol.
    pub(super) fn expect(&mut self, symbol: &str, reason: &'static str) -> Result<(), Refusal> {
        self.blanks()?;
        if self.take(symbol) { Ok(()) } else { self.refuse(reason) }
    }

    /// Takes a word; it is empty if none is next. A word with other characters than ASCII or with escapes ends before them, and no
    /// symbol that may follow begins so.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
        let length = rest.bytes().take_while(is_part).count();
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Takes characters while `is_part` holds.
    pub(super) fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|b| b.is_ascii() && is_part(*b)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    pub(super) fn is_quote(&self) -> bool {
        self.rest().starts_with(['"', '\'', '`'])
    }

    /// Reads a string, or a template without `${`. The next character is a quote.
    pub(super) fn string(&mut self) -> Result<String, Refusal> {
        let quote = self.rest().chars().next().unwrap_or_default();
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            // The characters up to the next one with a meaning.
            let plain = |c: char| {
                c != quote
                    && c != '\\'
                    && c != '$'
                    && (!c.is_control() || c == '\t')
                    && !matches!(c, '\u{2028}' | '\u{2029}')
            };
            let length = rest.find(|c: char| !plain(c)).unwrap_or(rest.len());
            text.push_str(rest.get(..length).unwrap_or_default());
            self.at += length;
            let rest = self.rest();
            if self.take("\\") {
                self.escape(&mut text, quote)?;
            } else if quote == '`' && rest.starts_with("${") {
                return self.refuse("a template holds an expression; write a string");
            } else if self.take("$") {
                text.push('$');
            } else if quote == '`' && self.take("\n") {
                text.push('\n');
                self.line += 1;
            } else if rest.starts_with(quote) {
                self.at += 1;
                return Ok(text);
            } else {
                return self.refuse("a string does not end, or holds a control character or another newline");
            }
        }
    }

    /// Reads an escape after the backslash.
    fn escape(&mut self, text: &mut String, quote: char) -> Result<(), Refusal> {
        let Some(escaped) = self.rest().chars().next() else {
            return self.refuse("a string does not end, or holds a control character or another newline");
        };
        let c = match escaped {
            '"' | '\\' | '/' | '\'' => escaped,
            '`' | '$' if quote == '`' => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(text),
            _ => return self.refuse("JSON does not have this escape"),
        };
        self.at += 1;
        text.push(c);
        Ok(())
    }

    /// Reads `uXXXX`, and a second half if the first is one of a pair.
    fn unicode(&mut self, text: &mut String) -> Result<(), Refusal> {
        let Some(first) = self.unit() else {
            return self.refuse("\\u needs four hexadecimal digits");
        };
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.take("\\") {
            units.extend(self.unit());
        }
        let Some(decoded) = char::decode_utf16(units).collect::<Result<String, _>>().ok() else {
            return self.refuse("a string holds half of a character");
        };
        text.push_str(&decoded);
        Ok(())
    }

    /// Takes `uXXXX`.
    fn unit(&mut self) -> Option<u16> {
        let digits =
            self.rest().strip_prefix('u')?.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 5;
        u16::from_str_radix(digits, 16).ok()
    }
}

//! Literals of JavaScript, written as JSON.

use super::{MAX_ARGUMENTS, Program};
use crate::Refusal;

/// The maximum depth of objects and arrays.
const MAX_DEPTH: usize = 32;
/// The maximum number of members of one object.
const MAX_MEMBERS: usize = 256;
/// JavaScript keeps integers and fractions of so many digits.
const MAX_DIGITS: usize = 15;

impl Program<'_> {
    /// Reads a value, and writes it as JSON.
    pub(super) fn value(&mut self, out: &mut String, depth: usize) -> Result<(), Refusal> {
        if depth > MAX_DEPTH {
            return self.scanner.refuse("the argument nests deeper than 32");
        }
        if self.size + out.len() > MAX_ARGUMENTS {
            return self.scanner.refuse("the arguments are over 2 MiB");
        }
        if self.scanner.take("{") {
            return self.object(out, depth);
        }
        if self.scanner.take("[") {
            return self.array(out, depth);
        }
        if self.scanner.is_quote() {
            let text = self.scanner.string()?;
            quote(out, &text);
            return Ok(());
        }
        let word = self.scanner.word();
        if matches!(word, "true" | "false" | "null") {
            out.push_str(word);
            return Ok(());
        }
        if word.is_empty() {
            return self.number(out);
        }
        let constant = self.constants.iter().find(|constant| constant.name == word);
        let Some(text) = constant.and_then(|constant| constant.text.as_deref()) else {
            return self.scanner.refuse("the argument is neither a literal nor a constant string");
        };
        quote(out, text);
        Ok(())
    }

    /// Reads an object after its bracket.
    fn object(&mut self, out: &mut String, depth: usize) -> Result<(), Refusal> {
        let mut keys: Vec<String> = Vec::new();
        out.push('{');
        loop {
            self.scanner.blanks()?;
            if self.scanner.take("}") {
                break;
            }
            let key = if self.scanner.is("`") {
                String::new()
            } else if self.scanner.is_quote() {
                Some(self.scanner.string()?).filter(|key| !key.is_empty()).unwrap_or_default()
            } else {
                self.scanner.word().to_owned()
            };
            // `__proto__` sets the prototype.
            if key.is_empty() || key == "__proto__" || keys.contains(&key) || keys.len() >= MAX_MEMBERS {
                return self.scanner.refuse("the name of a member is missing, stands twice or is not one of JSON");
            }
            if !keys.is_empty() {
                out.push(',');
            }
            quote(out, &key);
            out.push(':');
            keys.push(key);
            self.scanner.expect(":", ": is expected after the name of a member")?;
            self.scanner.blanks()?;
            self.value(out, depth + 1)?;
            self.scanner.blanks()?;
            if !self.scanner.take(",") && !self.scanner.is("}") {
                return self.scanner.refuse("the argument is not a literal");
            }
        }
        out.push('}');
        Ok(())
    }

    /// Reads an array after its bracket.
    fn array(&mut self, out: &mut String, depth: usize) -> Result<(), Refusal> {
        out.push('[');
        let mut is_first = true;
        loop {
            self.scanner.blanks()?;
            if self.scanner.take("]") {
                break;
            }
            if !is_first {
                out.push(',');
            }
            is_first = false;
            self.value(out, depth + 1)?;
            self.scanner.blanks()?;
            if !self.scanner.take(",") && !self.scanner.is("]") {
                return self.scanner.refuse("the argument is not a literal");
            }
        }
        out.push(']');
        Ok(())
    }

    /// Reads a number that JavaScript and JSON read alike, and JavaScript does not round.
    pub(super) fn number(&mut self, out: &mut String) -> Result<(), Refusal> {
        let text = self.scanner.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) =
            digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_plain = is_digits(whole) && fraction.is_none_or(is_digits) && (whole == "0" || !whole.starts_with('0'));
        let is_zero = digits.bytes().all(|b| matches!(b, b'0' | b'.'));
        if !is_plain || digits.len() > MAX_DIGITS || is_zero && text.starts_with('-') {
            return self.scanner.refuse("the argument is not a literal, or a number that JavaScript rounds");
        }
        out.push_str(text);
        Ok(())
    }
}

/// Writes a JSON string.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                out.push_str("\\u00");
                for shift in [4, 0] {
                    out.extend(char::from_digit(u32::from(c) >> shift & 15, 16));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

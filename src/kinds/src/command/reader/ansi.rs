//! `$'…'`, if bash is declared.

use super::word::OpenWord;
use super::{Reader, UNFINISHED};
use crate::Refusal;

const UNKNOWN_ESCAPE: &str = "an escape in `$'…'` that is not read; write the character";

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Takes `$'…'`.
    pub(super) fn ansi_quotes(&mut self, word: &mut OpenWord<'a>) -> Result<(), Refusal> {
        if !self.is_bash() {
            return self.refuse("`$'…'`, which only some shells know; declare `shell: bash`, or write `'…'`");
        }
        let start = self.at;
        self.at += 2;
        word.is_quoted = true;
        let mut decoded = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(['\'', '\\']).ok_or(Refusal::byte(start, UNFINISHED))?;
            let text = self.slice(self.at, self.at + plain);
            if text.contains('\n') && !self.pending.is_empty() {
                return self.refuse("a newline in a word between `<<` and its text; put the word before `<<`");
            }
            decoded.push_str(text);
            self.at += plain + 1;
            if self.previous() == Some(b'\'') {
                break;
            }
            decoded.push(self.ansi_escape()?);
        }
        self.push_literal(word, &decoded);
        Ok(())
    }

    /// Takes an escape after its backslash.
    fn ansi_escape(&mut self) -> Result<char, Refusal> {
        let byte = self.peek();
        let character = match byte {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'e' | b'E') => '\u{1b}',
            Some(b'a') => '\u{7}',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'r') => '\r',
            Some(b'v') => '\u{b}',
            Some(b'\\') => '\\',
            Some(b'\'') => '\'',
            Some(b'"') => '"',
            Some(b'x') => return self.ansi_number(1, 2, 16),
            Some(b'0'..=b'7') => return self.ansi_number(0, 3, 8),
            _ => return self.refuse(UNKNOWN_ESCAPE),
        };
        self.at += 1;
        Ok(character)
    }

    /// Takes the digits of an ASCII character, after `skip` bytes.
    fn ansi_number(&mut self, skip: usize, most: usize, radix: u32) -> Result<char, Refusal> {
        let digits = self.slice(self.at + skip, self.limit);
        let length = digits.bytes().take(most).take_while(|byte| char::from(*byte).is_digit(radix)).count();
        let number = u32::from_str_radix(self.slice(self.at + skip, self.at + skip + length), radix);
        match number.ok().and_then(char::from_u32) {
            Some(character) if character.is_ascii() && character != '\0' => {
                self.at += skip + length;
                Ok(character)
            }
            _ => self.refuse(UNKNOWN_ESCAPE),
        }
    }
}

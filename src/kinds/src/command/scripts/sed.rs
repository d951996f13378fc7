//! Scripts of `sed` that only print, delete and replace lines.
//!
//! Read: addresses (`3`, `$`, `/re/`, `\,re,`, `first~step`, `+N`), `!`, blocks, and the commands `p d q Q = n N h H g G x D P l s y a i c`.
//! Not read: `e`, `w`, `W`, `r`, `R`, labels and branches, comments, and the flags `e` and `w` of `s`.

const SHAPE: &str = "a sed script with a command that the model does not have";
const PATTERN: &str = "a sed script whose pattern versions of sed end in different places";

/// Refuses a script that runs, reads or writes something by itself.
pub(in super::super) fn check(text: &str) -> Result<(), &'static str> {
    if text.bytes().any(|byte| byte == b'\r' || byte == 0) || text.ends_with('\\') {
        return Err(SHAPE);
    }
    let mut script = Script { bytes: text.as_bytes(), at: 0 };
    let mut depth = 0_usize;
    loop {
        script.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b';'));
        let Some(byte) = script.peek() else {
            return if depth == 0 { Ok(()) } else { Err(SHAPE) };
        };
        if byte == b'}' {
            depth = depth.checked_sub(1).ok_or(SHAPE)?;
            script.at += 1;
            script.end()?;
            continue;
        }
        script.addresses()?;
        match script.take() {
            Some(b'{') => depth += 1,
            Some(b'p' | b'd' | b'=' | b'n' | b'N' | b'h' | b'H' | b'g' | b'G' | b'x' | b'D' | b'P') => script.end()?,
            Some(b'q' | b'Q' | b'l') => {
                script.blanks();
                script.digits();
                script.end()?;
            }
            Some(b's') => script.substitute()?,
            Some(b'y') => {
                let delimiter = script.delimiter()?;
                script.part(delimiter, false)?;
                script.part(delimiter, false)?;
                script.end()?;
            }
            Some(b'a' | b'i' | b'c') => script.text()?,
            _ => return Err(SHAPE),
        }
    }
}

/// Returns true for the name of a file that, taken for a script, could read or write another file.
pub(in super::super) fn may_write(name: &str) -> bool {
    let command = name.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '$' | ',' | '!' | ' '));
    let rest = command.strip_prefix(['w', 'r', 'W', 'R']);
    name.contains([' ', '\t', '\n', ';', '{']) || rest.is_some_and(|rest| rest.starts_with(['/', '.', '~']))
}

/// A script and the place in it.
struct Script<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Script ===

impl Script<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, skips: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&skips) {
            self.at += 1;
        }
    }

    fn blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Takes digits, and returns true if there were some.
    fn digits(&mut self) -> bool {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        self.at > start
    }

    /// Takes the end of a command: `;`, a newline, the end, or a `}` that follows.
    fn end(&mut self) -> Result<(), &'static str> {
        self.blanks();
        match self.peek() {
            None | Some(b';' | b'\n' | b'}') => Ok(()),
            Some(_) => Err(SHAPE),
        }
    }

    /// Takes up to two addresses and `!`.
    fn addresses(&mut self) -> Result<(), &'static str> {
        if self.address(false)? {
            self.blanks();
            if self.peek() == Some(b',') {
                self.at += 1;
                self.blanks();
                if !self.address(true)? {
                    return Err(SHAPE);
                }
            }
        }
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'!'));
        Ok(())
    }

    /// Takes an address, and returns true if there was one.
    fn address(&mut self, is_second: bool) -> Result<bool, &'static str> {
        match self.peek() {
            Some(b'$') => self.at += 1,
            Some(b'+' | b'~') if is_second => {
                self.at += 1;
                return Ok(self.digits());
            }
            Some(b'0'..=b'9') => {
                self.digits();
                if self.peek() == Some(b'~') {
                    self.at += 1;
                    self.digits();
                }
            }
            Some(b'/') => {
                self.at += 1;
                self.part(b'/', true)?;
                self.skip(|byte| matches!(byte, b'I' | b'M'));
            }
            Some(b'\\') => {
                self.at += 1;
                let delimiter = self.delimiter()?;
                self.part(delimiter, true)?;
                self.skip(|byte| matches!(byte, b'I' | b'M'));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes a delimiter: a sign, so that no letter can be one.
    fn delimiter(&mut self) -> Result<u8, &'static str> {
        self.take()
            .filter(|byte| byte.is_ascii_punctuation() && !matches!(byte, b'\\' | b'[' | b']' | b';' | b'{' | b'}'))
            .ok_or(PATTERN)
    }

    /// Takes a part up to its delimiter. Brackets may not hold the delimiter: versions of sed differ on it.
    fn part(&mut self, delimiter: u8, is_pattern: bool) -> Result<(), &'static str> {
        while let Some(byte) = self.take() {
            match byte {
                b'\\' => match self.take() {
                    Some(b'\n') if !is_pattern => {}
                    None | Some(b'\n') => return Err(PATTERN),
                    Some(_) => {}
                },
                b'\n' => return Err(PATTERN),
                byte if byte == delimiter => return Ok(()),
                b'[' if is_pattern => self.bracket(delimiter)?,
                _ => {}
            }
        }
        Err(PATTERN)
    }

    /// Takes the rest of a bracket expression.
    fn bracket(&mut self, delimiter: u8) -> Result<(), &'static str> {
        if self.peek() == Some(b'^') {
            self.at += 1;
        }
        if self.peek() == Some(b']') {
            self.at += 1;
        }
        while let Some(byte) = self.take() {
            match byte {
                b']' => return Ok(()),
                b'\n' => return Err(PATTERN),
                byte if byte == delimiter => return Err(PATTERN),
                // The byte after a backslash is one of the set; as a delimiter or a `]` it may end the pattern.
                b'\\' if self.peek().is_some_and(|next| next == delimiter || matches!(next, b']' | b'\n')) => {
                    return Err(PATTERN);
                }
                b'[' if matches!(self.peek(), Some(b':' | b'.' | b'=')) => {
                    let class = self.take();
                    self.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                    if self.take() != class || self.take() != Some(b']') {
                        return Err(PATTERN);
                    }
                }
                _ => {}
            }
        }
        Err(PATTERN)
    }

    /// Takes `s` after its letter.
    fn substitute(&mut self) -> Result<(), &'static str> {
        let delimiter = self.delimiter()?;
        self.part(delimiter, true)?;
        self.part(delimiter, false)?;
        self.skip(|byte| matches!(byte, b'g' | b'p' | b'i' | b'I' | b'm' | b'M') || byte.is_ascii_digit());
        self.end()
    }

    /// Takes the text of `a`, `i` or `c`, which ends with the line.
    fn text(&mut self) -> Result<(), &'static str> {
        self.blanks();
        if self.peek() == Some(b'\\') {
            self.at += 1;
            self.blanks();
            if self.peek() == Some(b'\n') {
                self.at += 1;
            }
        }
        let start = self.at;
        self.skip(|byte| !matches!(byte, b'\n' | b'\\'));
        if self.at == start || self.peek() == Some(b'\\') {
            return Err("a sed script whose inserted text is empty or has a backslash");
        }
        Ok(())
    }
}

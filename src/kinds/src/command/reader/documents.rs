//! Here-documents.

use super::Reader;
use super::characters::is_delimiter;
use crate::Refusal;
use crate::command::RedirectKind;

/// A here-document whose text is still to be read.
#[derive(Debug)]
pub(super) struct PendingDocument {
    /// The byte of its `<<`.
    pub(super) start: usize,
    /// The position of its command.
    pub(super) command: usize,
    /// The position of its redirect in the command.
    pub(super) redirect: usize,
    pub(super) delimiter: String,
    /// A part of the delimiter is quoted, so the text means itself.
    pub(super) is_quoted: bool,
    /// The operator is `<<-`.
    pub(super) strips_tabs: bool,
    /// The command is inside a substitution.
    pub(super) is_nested: bool,
}

const BAD_DELIMITER: &str = "a here-document's delimiter that is not read; use letters, such as `<<'EOF'`";

// === impl Reader ===

impl Reader<'_> {
    /// Takes the delimiter of a here-document. Returns true as well if a part of it is quoted.
    pub(super) fn delimiter(&mut self) -> Result<(String, bool), Refusal> {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let mut delimiter = String::new();
        let mut is_quoted = false;
        let mut quote = None;
        loop {
            match (self.peek(), quote) {
                (Some(byte @ (b'\'' | b'"')), None) => {
                    quote = Some(byte);
                    is_quoted = true;
                }
                (Some(byte), Some(open)) if byte == open => quote = None,
                (Some(b'\\'), None) if self.peek_at(1).is_some_and(is_plain) => is_quoted = true,
                (Some(byte), _) if is_plain(byte) => delimiter.push(char::from(byte)),
                (None, None) => break,
                (Some(byte), None) if is_delimiter(byte) && byte != b'(' => break,
                _ => return self.refuse(BAD_DELIMITER),
            }
            self.at += 1;
        }
        if delimiter.is_empty() {
            return self.refuse(BAD_DELIMITER);
        }
        Ok((delimiter, is_quoted))
    }

    /// Reads the texts of the pending here-documents, from the start of a line.
    pub(super) fn read_documents(&mut self) -> Result<(), Refusal> {
        for document in std::mem::take(&mut self.pending) {
            let text = self.read_document(&document)?;
            let redirect = self
                .out
                .commands
                .get_mut(document.command)
                .and_then(|command| command.redirects.get_mut(document.redirect));
            if let Some(RedirectKind::HereDocument(body)) = redirect.map(|redirect| &mut redirect.kind) {
                body.text = text;
            }
        }
        Ok(())
    }

    /// Reads one text, and takes the line of its delimiter.
    fn read_document(&mut self, document: &PendingDocument) -> Result<String, Refusal> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return Err(Refusal::byte(
                    document.start,
                    "a here-document without its last line; add the delimiter on a line of its own",
                ));
            }
            let length = rest.find('\n').unwrap_or(rest.len());
            let line = self.slice(self.at, self.at + length);
            let line = if document.strips_tabs { line.trim_start_matches('\t') } else { line };
            if line == document.delimiter {
                // The newline stays, because it ends nothing more.
                self.at += length;
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
                return Ok(text);
            }
            if document.is_nested && line.starts_with(&document.delimiter) {
                return self
                    .refuse("a line that begins with the delimiter, inside a substitution; choose another delimiter");
            }
            if !document.is_quoted && line.contains(['$', '`', '\\']) {
                return self.refuse("an expansion in a here-document; quote the delimiter, such as `<<'EOF'`");
            }
            text.push_str(line);
            text.push('\n');
            self.at += (length + 1).min(rest.len());
        }
    }
}

/// Returns true for bytes that a delimiter may have.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+')
}

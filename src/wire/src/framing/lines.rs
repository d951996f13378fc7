//! Lines that every reader finds alike.
//!
//! Some clients end a line at more than LF and CR (Python's `str.splitlines`, and so `httpx`: VT, FF, FS, GS, RS, U+0085, U+2028,
//! U+2029). One line of ours would be several to them, and the model or a server could write the second as an event of its own.
//! JSON allows three of these characters within strings, and none between values. So data is written with escapes in their place,
//! which changes no meaning, and every other line is kept only if it is plain ASCII.

/// Returns true if some reader ends a line within this one.
pub(super) fn is_cut(line: &[u8]) -> bool {
    // One pass without a branch for each byte; the two lead bytes are common in some languages, so they are looked at again.
    let suspect = |byte: &u8| matches!(byte, b'\n' | b'\x0b'..=b'\r' | b'\x1c'..=b'\x1e' | 0xc2 | 0xe2);
    line.iter().fold(false, |found, byte| found | suspect(byte))
        && (0..line.len()).any(|at| line.get(at..).is_some_and(|rest| line_end(rest).is_some()))
}

/// Appends a JSON text as one line. Line ends within strings become escapes; those between values become spaces.
pub(super) fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some((&byte, after)) = text.split_first() {
        text = match line_end(text) {
            Some((written, length)) => {
                out.extend_from_slice(written);
                text.get(length..).unwrap_or_default()
            }
            None => {
                out.push(byte);
                after
            }
        };
    }
}

/// Returns true for a line that is printable ASCII and tabs: no reader, whatever it takes the encoding for, finds a second line in it.
pub(super) fn is_plain(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// The line end that a text begins with: its bytes as JSON, and its length.
fn line_end(text: &[u8]) -> Option<(&'static [u8], usize)> {
    Some(match text {
        [b'\n' | b'\x0b'..=b'\r' | b'\x1c'..=b'\x1e', ..] => (b" ", 1),
        [0xc2, 0x85, ..] => (br"\u0085", 2),
        [0xe2, 0x80, 0xa8, ..] => (br"\u2028", 3),
        [0xe2, 0x80, 0xa9, ..] => (br"\u2029", 3),
        _ => return None,
    })
}

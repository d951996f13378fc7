//! Hunks of unified patches: their lines are counted as the header says.

use super::unified::{Lines, is_header_like};
use super::{is_other_break, trim};
use crate::Refusal;

const NO_NEWLINE: &str = "\\ No newline at end of file";

/// Reads one hunk or more. The next line is the first one.
pub(super) fn read(lines: &mut Lines<'_>) -> Result<(), Refusal> {
    let mut count = 0;
    while let Some((number, line)) = lines.peek() {
        let Some((old, new)) = line.strip_prefix("@@ -").and_then(ranges) else {
            break;
        };
        lines.next();
        body(lines, old, new, number)?;
        count += 1;
    }
    if count == 0 {
        return Err(Refusal::line(lines.number(), "a hunk is expected: @@ -LINE,COUNT +LINE,COUNT @@"));
    }
    // Without this, one more line of a hunk would be skipped as text by one applier, and refused by another.
    if let Some((number, line)) = lines.peek() {
        let is_more = line.starts_with(['+', ' ', '\\']) || line.starts_with('-') && !is_separator(line);
        if is_more || line.starts_with("@@") {
            return Err(Refusal::line(number, "the hunk has more lines than its header says"));
        }
    }
    Ok(())
}

/// Tells if a line that begins with `-` is a header of the next file, or the end of an e-mail's patch.
fn is_separator(line: &str) -> bool {
    line.starts_with("--- ") || line == "-- " || line == "--" || line == "---"
}

/// Reads the lines of a hunk.
fn body(lines: &mut Lines<'_>, mut old: u32, mut new: u32, header: usize) -> Result<(), Refusal> {
    if old == 0 && new == 0 {
        return Err(Refusal::line(header, "the hunk is empty"));
    }
    while old > 0 || new > 0 {
        let Some((number, line)) = lines.next() else {
            return Err(Refusal::line(header, "the hunk has fewer lines than its header says"));
        };
        let (from_old, from_new) = match line.as_bytes().first() {
            None | Some(b' ') => (1, 1),
            Some(b'-') => (1, 0),
            Some(b'+') => (0, 1),
            Some(_) => return Err(Refusal::line(number, "the hunk has fewer lines than its header says")),
        };
        let (Some(less_old), Some(less_new)) = (old.checked_sub(from_old), new.checked_sub(from_new)) else {
            return Err(Refusal::line(number, "the hunk has other lines than its header says"));
        };
        (old, new) = (less_old, less_new);
        if line.split(is_other_break).skip(1).any(|piece| is_header_like(trim(piece))) {
            return Err(Refusal::line(number, "some appliers take a part of this line for a header"));
        }
        if lines.peek().is_some_and(|(_, next)| next == NO_NEWLINE) {
            lines.next();
        }
    }
    Ok(())
}

/// Reads `1,2 +3,4 @@ …`; returns the two counts.
fn ranges(text: &str) -> Option<(u32, u32)> {
    let (old, rest) = text.split_once(" +")?;
    let (new, rest) = rest.split_once(" @@")?;
    // The text after it is free, but begins with a blank.
    (rest.is_empty() || rest.starts_with(' ')).then_some(())?;
    Some((count(old)?, count(new)?))
}

/// Reads `LINE` or `LINE,COUNT`; returns the count.
fn count(range: &str) -> Option<u32> {
    let (line, count) = range.split_once(',').unwrap_or((range, "1"));
    let number = |text: &str| {
        let is_plain = (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| text.parse().ok()).flatten()
    };
    number(line)?;
    number(count)
}

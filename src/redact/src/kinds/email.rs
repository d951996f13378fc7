//! E-mail addresses (RFC 5321), without quoted local parts and addresses of hosts.

use std::ops::Range;

use super::Haystack;

/// Last labels that end the name of a file or a unit, and never a host.
const FILE_ENDINGS: [&str; 40] = [
    "bmp", "cfg", "conf", "css", "csv", "doc", "docx", "dll", "exe", "gif", "gz", "htm", "html", "ico", "jpeg", "jpg",
    "js", "json", "lock", "log", "md", "mount", "pdf", "php", "png", "py", "rs", "service", "slice", "socket", "svg",
    "tar", "target", "tgz", "timer", "toml", "txt", "xml", "yaml", "yml",
];

const MOST_LOCAL: usize = 64;
const MOST_DOMAIN: usize = 255;

/// Returns the address around an `@`.
pub(super) fn at(text: Haystack<'_>, at: usize) -> Option<Range<usize>> {
    let mut start = at;
    while at - start < MOST_LOCAL && is_local(text.before(start)) {
        start -= 1;
    }
    // Signs before a word are no part of it.
    while start < at && !is_word(text.at(start)) {
        start += 1;
    }
    if start == at || text.before(at) == b'.' || text.part(start..at) == b"git" {
        return None;
    }
    let end = domain(text, at + 1)?;
    // A method of a name, as in `a @b.c()`.
    (text.at(end) != b'(').then_some(start..end)
}

/// Returns the end of the domain.
fn domain(text: Haystack<'_>, start: usize) -> Option<usize> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut end = start;
    loop {
        let begin = if labels.is_empty() { start } else { end + 1 };
        let after = text.run(begin, 63, |byte| is_word(byte) || byte == b'-');
        let label = text.part(begin..after);
        if label.is_empty() || label.starts_with(b"-") {
            break;
        }
        labels.push(label);
        end = after;
        if text.at(end) != b'.' || end - start > MOST_DOMAIN {
            break;
        }
    }
    let last = labels.last()?;
    let is_name = last.len() >= 2 && last.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        || last.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"));
    let is_file = FILE_ENDINGS.iter().any(|ending| last.eq_ignore_ascii_case(ending.as_bytes()));
    // A version, as in `name@1.2.3-beta.rc`.
    let is_version = labels.len() > 2 && labels.first()?.iter().all(u8::is_ascii_digit);
    (labels.len() >= 2 && is_name && !is_file && !is_version).then_some(end)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_local(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'+' | b'-' | b'%' | b'\'')
}

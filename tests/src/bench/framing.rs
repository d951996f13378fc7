//! The end of an HTTP/1.1 message, for a peer that sends one message and waits for the other.

/// Returns the end of the message in `buffer`; `None` while it is incomplete. Reads `content-length`, and the end of a chunked body.
/// Such a body must not contain the bytes of an empty chunk itself. JSON and events never do.
pub(super) fn message_end(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(buffer.get(..head)?).ok()?;
    if let Some(length) = header(text, "content-length") {
        let end = head + length.parse::<usize>().ok()?;
        return (buffer.len() >= end).then_some(end);
    }
    if header(text, "transfer-encoding").is_some() {
        // One message at a time, so the end of the buffer is the only place for its end. Streams are too long to search.
        return buffer.ends_with(b"\r\n0\r\n\r\n").then_some(buffer.len());
    }
    Some(head)
}

/// Returns the value of a header in the head of a message.
pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Returns the first place of `wanted` in `text`.
pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_its_head_says() {
        assert_eq!(message_end(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}x"), Some(40));
        assert_eq!(message_end(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{"), None);
        assert_eq!(message_end(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), Some(59));
        assert_eq!(message_end(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"), None);
        assert_eq!(message_end(b"HTTP/1.1 200"), None);
    }
}

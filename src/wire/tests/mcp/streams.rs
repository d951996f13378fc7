//! Streams of a server's messages.

use callgate_wire::framing::{Decoder, Framing};
use callgate_wire::mcp::{McpEvent, event};

/// The events of a stream: the kind and the bytes of each, or its error.
fn read(text: &str) -> Vec<Result<(bool, String), String>> {
    let mut decoder = Decoder::new(Framing::Sse, 1 << 16);
    let mut frames = Vec::new();
    decoder.push(text.as_bytes(), &mut frames).unwrap();
    frames.extend(decoder.finish().unwrap());
    let told = |event: McpEvent| match event {
        McpEvent::Aside { frame } => (false, String::from_utf8(frame).unwrap()),
        McpEvent::Said { frame, .. } => (true, String::from_utf8(frame).unwrap()),
    };
    frames.into_iter().map(|frame| McpEvent::read(frame).map(told).map_err(|error| error.to_string())).collect()
}

const PING: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;

#[test]
fn messages_and_comments_keep_their_bytes() {
    for text in [format!("event: message\ndata: {PING}\n\n"), format!("data:{PING}\r\n\r\n")] {
        assert_eq!(read(&text), [Ok((true, text))]);
    }
    let lines = ": comment\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"x\"}\n\n";
    let line = ": comment\ndata: {\"jsonrpc\":\"2.0\", \"method\":\"x\"}\n\n";
    assert_eq!(read(lines), [Ok((true, line.to_owned()))]);
    assert_eq!(read(": ping\r\n\r\n"), [Ok((false, ": ping\r\n\r\n".to_owned()))]);
}

#[test]
fn nothing_goes_on_from_which_a_client_could_resume() {
    let table = [
        ("id: 1\ndata: \n\n".to_owned(), (false, String::new())),
        ("retry: 5\n\n".to_owned(), (false, String::new())),
        (": hello\nid: 1\n\n".to_owned(), (false, ": hello\n\n".to_owned())),
        (
            format!("id: 1\r\nevent: message\r\nretry\r\ndata: {PING}\r\n\r\n"),
            (true, format!("event: message\r\ndata: {PING}\r\n\r\n")),
        ),
        (format!("data: {PING}\nid\n\n"), (true, format!("data: {PING}\n\n"))),
        (format!("\u{feff}id: 1\rdata: {PING}\r\r"), (true, format!("data: {PING}\r\r"))),
        ("event: message\n\n".to_owned(), (false, "event: message\n\n".to_owned())),
        ("event: other\n\n".to_owned(), (false, String::new())),
    ];
    for (text, expected) in table {
        assert_eq!(read(&text), [Ok(expected)], "{text:?}");
    }
}

#[test]
fn events_that_are_no_message_to_a_client_are_dropped() {
    for text in [format!("event: endpoint\ndata: {PING}\n\n"), format!("event: Message\ndata: {PING}\n\n")] {
        assert_eq!(read(&text), [Ok((false, String::new()))], "{text:?}");
    }
    let stray = format!("Data: {PING}\ndata: {PING}\n\n");
    assert_eq!(read(&stray), [Ok((true, format!("data: {PING}\n\n")))]);
}

#[test]
fn events_that_could_hide_a_message_are_refused() {
    for text in [
        format!("data: [{PING}]\n\n"),
        "data: [DONE]\n\n".to_owned(),
        format!("data: {PING}{PING}\n\n"),
        format!("data: {PING}\ndata: {PING}\n\n"),
    ] {
        let read = read(&text);
        assert!(matches!(read.as_slice(), [Err(_)]), "{text:?}: {read:?}");
    }
}

#[test]
fn no_client_finds_another_event_inside_of_one() {
    for end in ["\u{85}", "\u{2028}", "\u{2029}"] {
        let inner = format!(r#"{{"jsonrpc":"2.0","method":"x{end}{end}data: y"}}"#);
        let events = read(&format!("data: {inner}\n\n"));
        let [Ok((true, written))] = events.as_slice() else { panic!("{events:?}") };
        assert!(written.is_ascii(), "{written:?}");
        let data = written.strip_prefix("data: ").unwrap();
        let value: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(&inner).unwrap());
        assert_eq!(read(&format!(": {end}\n\n")), [Ok((false, "\n".to_owned()))]);
    }
    assert_eq!(read(&format!("Data: {PING}\n\n")), [Ok((false, "\n".to_owned()))]);
    assert_eq!(event(b"{\n\"a\":\r\n1}"), b"event: message\ndata: { \"a\":  1}\n\n");
}

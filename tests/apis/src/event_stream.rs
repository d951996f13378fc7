//! Writes and reads event-stream frames by the book, one bit of the checksum at a time: a second opinion on the crate's own.

use serde_json::Value;

/// CRC-32 as in IEEE 802.3, reflected.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A header: name, type of the value, the value's bytes (without a length).
pub type Header<'a> = (&'a str, u8, &'a [u8]);

pub fn frame(headers: &[Header<'_>], payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, kind, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap());
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(*kind);
        if matches!(kind, 6 | 7) {
            encoded.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        }
        encoded.extend_from_slice(value);
    }
    let total = 16 + encoded.len() + payload.len();
    summed(u32::try_from(total).unwrap(), u32::try_from(encoded.len()).unwrap(), &[&encoded, payload].concat())
}

/// A frame with these lengths and this inside, with right checksums.
pub fn summed(total: u32, headers: u32, inside: &[u8]) -> Vec<u8> {
    let mut out = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out.extend_from_slice(inside);
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out
}

/// As Bedrock writes it.
pub fn event(kind: &str, payload: &Value) -> Vec<u8> {
    written(":event-type", kind, "event", payload.to_string().as_bytes())
}

pub fn exception(kind: &str, payload: &Value) -> Vec<u8> {
    written(":exception-type", kind, "exception", payload.to_string().as_bytes())
}

pub fn written(name: &str, kind: &str, message_type: &str, payload: &[u8]) -> Vec<u8> {
    let headers: [Header<'_>; 3] = [
        (name, 7, kind.as_bytes()),
        (":content-type", 7, b"application/json"),
        (":message-type", 7, message_type.as_bytes()),
    ];
    frame(&headers, payload)
}

/// A frame with text headers: those, and its payload.
pub type Parsed = (Vec<(String, String)>, Vec<u8>);

/// The frames of a stream with nothing else.
pub fn parse(mut bytes: &[u8]) -> Vec<Parsed> {
    let number = |at: usize, bytes: &[u8]| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let total = usize::try_from(number(0, bytes)).unwrap();
        let headers_end = 12 + usize::try_from(number(4, bytes)).unwrap();
        assert_eq!(number(8, bytes), crc32(&bytes[..8]), "the prelude's checksum");
        assert_eq!(number(total - 4, bytes), crc32(&bytes[..total - 4]), "the message's checksum");
        let mut headers = Vec::new();
        let mut at = 12;
        while at < headers_end {
            let name_end = at + 1 + usize::from(bytes[at]);
            assert_eq!(bytes[name_end], 7, "a string");
            let start = name_end + 3;
            let end = start + usize::from(u16::from_be_bytes(bytes[name_end + 1..start].try_into().unwrap()));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            headers.push((text(&bytes[at + 1..name_end]), text(&bytes[start..end])));
            at = end;
        }
        frames.push((headers, bytes[headers_end..total - 4].to_vec()));
        bytes = &bytes[total..];
    }
    frames
}

/// The events of such a stream: the type of each (of an exception with a `!` before it) and its payload.
pub fn events(bytes: &[u8]) -> Vec<(String, Value)> {
    let event = |(headers, payload): Parsed| {
        let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let kind = match header(":message-type").unwrap() {
            "event" => header(":event-type").unwrap().to_owned(),
            "exception" => format!("!{}", header(":exception-type").unwrap()),
            other => panic!("a message of type {other}"),
        };
        (kind, serde_json::from_slice(&payload).unwrap())
    };
    parse(bytes).into_iter().map(event).collect()
}

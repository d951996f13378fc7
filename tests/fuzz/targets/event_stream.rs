#![no_main]
//! AWS event-stream frames: any bytes, and frames with right checksums around anything, in any chunks.

use arbitrary::Arbitrary;
use callgate_wire::framing::Framing;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Piece {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A frame with wrong or right lengths.
    Frame { headers: Vec<Header>, more: Vec<u8>, payload: Vec<u8>, longer: Option<(u16, u16)> },
}

#[derive(Debug, Arbitrary)]
struct Header {
    name: Name,
    kind: u8,
    value: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
enum Name {
    MessageType,
    EventType,
    ExceptionType,
    ErrorCode,
    ContentType,
    Other(Vec<u8>),
}

fuzz_target!(|input: (Vec<u8>, Vec<Piece>)| {
    let (sizes, pieces) = input;
    let bytes: Vec<u8> = pieces.iter().flat_map(Piece::write).collect();
    let frames = callgate_fuzz::framing::check(Framing::EventStream, &bytes, &sizes);
    for frame in frames {
        let again = callgate_fuzz::framing::check(Framing::EventStream, &frame.raw, &[]);
        assert_eq!(again, [frame], "a frame says the same by itself");
    }
});

impl Piece {
    fn write(&self) -> Vec<u8> {
        let Piece::Frame { headers, more, payload, longer } = self else {
            let Piece::Bytes(bytes) = self else { unreachable!() };
            return bytes.clone();
        };
        let mut encoded: Vec<u8> = headers.iter().flat_map(Header::write).collect();
        encoded.extend_from_slice(more);
        let (total, in_headers) = (16 + encoded.len() + payload.len(), encoded.len());
        let (more_total, more_headers) = longer.unwrap_or_default();
        let mut out = Vec::new();
        for (length, more) in [(total, more_total), (in_headers, more_headers)] {
            out.extend_from_slice(&u32::try_from(length).unwrap().wrapping_add(u32::from(more)).to_be_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.extend_from_slice(&encoded);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out
    }
}

impl Header {
    fn write(&self) -> Vec<u8> {
        let (name, usual): (&[u8], &[u8]) = match &self.name {
            Name::MessageType => (b":message-type", if self.kind & 0x40 == 0 { b"event" } else { b"exception" }),
            Name::EventType => (b":event-type", b"messageStop"),
            Name::ExceptionType => (b":exception-type", b"throttlingException"),
            Name::ErrorCode => (b":error-code", b"InternalError"),
            Name::ContentType => (b":content-type", b"application/json"),
            Name::Other(name) => (&name[..name.len().min(255)], b""),
        };
        let (kind, value) =
            if self.kind & 0x80 == 0 && !usual.is_empty() { (7, usual) } else { (self.kind % 11, &self.value[..]) };
        let mut out = vec![u8::try_from(name.len()).unwrap()];
        out.extend_from_slice(name);
        out.push(kind);
        if matches!(kind, 6 | 7) {
            out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
        out.extend_from_slice(value);
        out
    }
}

//! Text of a stream is forwarded without a copy, in every dialect and any chunking.

pub(crate) mod samples;

use std::time::Duration;

use callgate_engine::{Effect, Event};
use callgate_wire::DIALECTS;
use samples::{events, framed, samples, streaming, tell};

/// The forwarded bytes of a sample's stream, fed in chunks of these bytes.
fn forwarded(key: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let row = DIALECTS.iter().find(|row| row.key == key).unwrap();
    let mut exchange = streaming(row, &samples()[key]);
    let mut out = Vec::new();
    for &chunk in chunks {
        match exchange.on(Event::ResponseData { chunk, end: false, now: Duration::ZERO }) {
            Effect::Pass => out.extend_from_slice(chunk),
            Effect::Emit(bytes) => {
                assert_ne!(bytes, chunk, "{key}: the same bytes pass");
                out.extend(bytes);
            }
            Effect::Hold => {}
            effect => panic!("{key}: {effect:?}"),
        }
    }
    out
}

#[test]
fn text_deltas_pass_without_a_copy_in_every_dialect() {
    for row in DIALECTS.iter().filter(|row| row.dialect().is_some()) {
        let (sample, framing) = (&samples()[row.key], row.dialect().unwrap().framing());
        for other in [false, true] {
            let mut exchange = streaming(row, sample);
            for event in events(sample, 6, other) {
                assert_eq!(tell(&mut exchange, &framed(framing, &event)), Effect::Pass, "{}: {event}", row.key);
            }
            let several: Vec<u8> = events(sample, 6, other).iter().flat_map(|event| framed(framing, event)).collect();
            assert_eq!(tell(&mut exchange, &several), Effect::Pass, "{}: several events in one chunk", row.key);
        }
    }
}

#[test]
fn text_deltas_are_the_same_bytes_in_any_chunking() {
    for row in DIALECTS.iter().filter(|row| row.dialect().is_some()) {
        let (sample, framing) = (&samples()[row.key], row.dialect().unwrap().framing());
        // Characters that some clients take for line ends are escaped, so such an event does not pass.
        let cut = events(sample, 1, false)[0].replace(" tokens", " \u{2028}tokens\u{85}");
        let mut events: Vec<String> = events(sample, 4, true);
        events.insert(2, cut);
        let whole: Vec<u8> = events.iter().flat_map(|event| framed(framing, event)).collect();
        let expected = forwarded(row.key, &whole.chunks(1).collect::<Vec<_>>());
        for size in [2, 3, 7, 50, 100, 316, 1000, whole.len()] {
            assert_eq!(forwarded(row.key, &whole.chunks(size).collect::<Vec<_>>()), expected, "{}: {size}", row.key);
        }
        let one_each: Vec<Vec<u8>> = events.iter().map(|event| framed(framing, event)).collect();
        let one_each: Vec<&[u8]> = one_each.iter().map(Vec::as_slice).collect();
        assert_eq!(forwarded(row.key, &one_each), expected, "{}: one event a chunk", row.key);
    }
}

//! The fast path (`src/skeleton/fast_path.rs`) leaves a stream in the same state as parsing.
//!
//! One stream reads events as they come. Another reads the same events, each with one more space after its first brace than the
//! one before, so none fits the one before and every one is parsed. Everything visible of the two must be equal: their output,
//! byte for byte, their turn so far, their next output, their usage.

use callgate_test_apis::event_stream;
use callgate_wire::framing::{Frame, Framing};
use callgate_wire::{ApiError, Call, ChoiceIndex, DIALECTS, Delta, Dialect, Stream, Target};
use proptest::prelude::*;

use super::deltas::frames;

/// A dialect's streams. Each shape is one event a line, with these in it: `TEXT` (any text, escaped in one of many ways), `PAD`
/// (letters), `COUNT` (a number), `NUMBER` (the event's place in the stream), `INDEX` (of the item under way) and `NEXT` (of the
/// next, which is then under way). A line `WRITE` is a text of ours; in an event stream the event's type stands before its payload.
pub(crate) struct Sample {
    pub(crate) key: &'static str,
    pub(crate) path: &'static str,
    pub(crate) request: &'static str,
    /// An event may have its type beside its data.
    pub(crate) typed: bool,
    pub(crate) begin: &'static str,
    pub(crate) shapes: &'static [&'static str],
    /// Parts of an event, and their occasional replacements.
    pub(crate) twists: &'static [(&'static str, &'static str)],
    /// A whole answer after the streamed turn.
    pub(crate) answer: &'static str,
}

fn dialect(sample: &Sample) -> &'static dyn Dialect {
    DIALECTS.iter().find(|row| row.key == sample.key).and_then(|row| row.dialect()).unwrap()
}

fn stream(sample: &Sample) -> Box<dyn Stream> {
    let request = dialect(sample).request(&Target::new(sample.path), sample.request.as_bytes()).unwrap();
    dialect(sample).stream(&*request)
}

/// The values in an event, if its sample leaves them open.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    shape: prop::sample::Index,
    common: bool,
    text: String,
    pad: String,
    count: u32,
    twist: Option<prop::sample::Index>,
    named: bool,
}

pub(crate) fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let text = prop_oneof![
        6 => "[a-zé /\u{2028}]{0,6}",
        2 => r#"(\\n|\\"|\\\\|\\/|a){0,4}"#,
        1 => Just(r"\u0041\ud83d\ude00".to_owned()),
        1 => Just(String::new()),
    ];
    // The first two shapes are the common ones.
    let shape = (any::<prop::sample::Index>(), any::<bool>());
    let twist = prop_oneof![15 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let choice = (shape, text, "[a-z]{0,3}", 0..3_u32, twist, any::<bool>()).prop_map(
        |((shape, common), text, pad, count, twist, named)| Choice { shape, common, text, pad, count, twist, named },
    );
    // Streams repeat one shape many times over.
    let run = (choice, 1..5_usize, prop::collection::vec("[a-z]{0,3}", 4), prop::collection::vec(0..9_u32, 4));
    prop::collection::vec(run, 1..14).prop_map(|runs| {
        let mut all = Vec::new();
        for (choice, length, texts, counts) in runs {
            all.push(choice.clone());
            for (text, count) in texts.into_iter().zip(counts).take(length - 1) {
                all.push(Choice { text, count, ..choice.clone() });
            }
        }
        all
    })
}

/// The events, one a line, and whether each has its type beside its data.
fn events(sample: &Sample, choices: &[Choice]) -> Vec<(String, bool)> {
    let mut written = Vec::new();
    let mut index = 0_u32;
    let begun = sample.begin.lines().map(|line| (line, None));
    let rest = choices.iter().flat_map(|choice| {
        let shapes = sample.shapes.get(..2).filter(|_| choice.common).unwrap_or(sample.shapes);
        choice.shape.get(shapes).lines().map(move |line| (line, Some(choice)))
    });
    for (line, choice) in begun.chain(rest) {
        let mut line = line.to_owned();
        if let Some(twist) = choice.and_then(|choice| choice.twist) {
            let (from, to) = twist.get(sample.twists);
            line = line.replacen(from, to, 1);
        }
        if line.contains("NEXT") {
            index += 1;
        }
        line = line.replace("NEXT", &index.to_string()).replace("INDEX", &index.to_string());
        line = line.replace("NUMBER", &written.len().to_string());
        if let Some(Choice { count, text, pad, .. }) = choice {
            line = line.replace("COUNT", &count.to_string()).replace("TEXT", text).replace("PAD", pad);
        }
        written.push((line, choice.is_none_or(|choice| choice.named)));
    }
    written
}

/// An event in its frame.
fn framed(sample: &Sample, event: &str, named: bool) -> Frame {
    let framing = dialect(sample).framing();
    let kind = event.split_once("\"type\":\"").and_then(|(_, rest)| rest.split_once('"')).map(|(kind, _)| kind);
    let bytes = match (framing, kind.filter(|_| named && sample.typed)) {
        (Framing::Sse, Some(kind)) => format!("event: {kind}\ndata: {event}\n\n").into_bytes(),
        (Framing::Sse, None) => format!("data: {event}\n\n").into_bytes(),
        (Framing::JsonLines, _) => format!("{event}\n").into_bytes(),
        (Framing::EventStream, _) => {
            let (kind, payload) = event.split_at(event.find('{').unwrap());
            event_stream::written(":event-type", kind, "event", payload.as_bytes())
        }
    };
    let mut frames = frames(framing, &[&bytes]);
    assert_eq!(frames.len(), 1, "{event}");
    frames.remove(0)
}

/// Bytes as a text, without the added spaces: as many as the event had, which may be an earlier one. Of an event stream only
/// types and payloads count, because the checksums differ.
fn shown(sample: &Sample, bytes: &[u8], spaces: usize) -> String {
    let unspaced = |bytes: &[u8]| {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        for spaces in (1..=spaces).rev() {
            text = text.replace(&format!("{{{}\"", " ".repeat(spaces)), "{\"");
        }
        text
    };
    match dialect(sample).framing() {
        Framing::Sse | Framing::JsonLines => unspaced(bytes),
        Framing::EventStream => {
            let frames = frames(Framing::EventStream, &[bytes]).into_iter();
            frames.map(|frame| frame.event.unwrap() + &unspaced(&frame.data.unwrap_or_default())).collect()
        }
    }
}

fn told(sample: &Sample, delta: &Delta, spaces: usize) -> String {
    let shown = |frame: &[u8]| shown(sample, frame, spaces);
    match delta {
        Delta::Forward { frame } => format!("forward {}", shown(frame)),
        Delta::Finish { choice, end } => format!("finish {choice} {}", shown(end.frame())),
        Delta::Usage { frame } => format!("usage {}", shown(frame)),
        Delta::Error { frame } => format!("error {}", shown(frame)),
        Delta::Done { frame } => format!("done {}", shown(frame)),
        Delta::Fragment { .. } | Delta::CallEnd { .. } => format!("{delta:?}"),
    }
}

/// Property: the fast path leaves a stream in the same state as parsing.
pub(crate) fn fast_equals_slow(sample: &Sample, choices: &[Choice]) -> Result<(), TestCaseError> {
    let (mut compared, mut parsed) = (stream(sample), stream(sample));
    for (at, (event, named)) in events(sample, choices).iter().enumerate() {
        if event == "WRITE" {
            prop_assert_eq!(compared.text(ChoiceIndex::FIRST, "of ours"), parsed.text(ChoiceIndex::FIRST, "of ours"));
            continue;
        }
        let spaces = at + 1;
        let spaced = event.replacen('{', &format!("{{{}", " ".repeat(spaces)), 1);
        let read = compared.read(framed(sample, event, *named));
        let expected = parsed.read(framed(sample, &spaced, *named));
        prop_assert_eq!(read.is_err(), expected.is_err(), "{}", event);
        let (Ok(read), Ok(expected)) = (read, expected) else { return Ok(()) };
        prop_assert_eq!(read.len(), expected.len(), "{}", event);
        for (read, expected) in read.iter().zip(&expected) {
            prop_assert_eq!(told(sample, read, 0), told(sample, expected, spaces));
            if let Delta::CallEnd { choice, .. } = read {
                prop_assert_eq!(compared.text(*choice, "not that"), parsed.text(*choice, "not that"));
            }
            if let (Delta::Finish { choice, end }, Delta::Finish { end: spaced, .. }) = (read, expected) {
                let (read, expected) = (compared.finish(*choice, end.clone()), parsed.finish(*choice, spaced.clone()));
                prop_assert_eq!(shown(sample, &read, 0), shown(sample, &expected, spaces));
            }
        }
        for choice in (0..3).map(ChoiceIndex::new) {
            prop_assert_eq!(compared.said(choice), parsed.said(choice), "{}", event);
        }
    }
    prop_assert_eq!(compared.choices(), parsed.choices());
    prop_assert_eq!(compared.is_complete(), parsed.is_complete());
    prop_assert_eq!(last_words(&mut *compared, sample), last_words(&mut *parsed, sample));
    Ok(())
}

/// The next output of a stream, which shows its counts and its usage.
fn last_words(stream: &mut dyn Stream, sample: &Sample) -> String {
    let call = Call { id: "c".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned(), ..Call::default() };
    let error = ApiError { status: 502, code: "c".to_owned(), message: "m".to_owned(), param: None };
    let written = [
        stream.text(ChoiceIndex::FIRST, "at last"),
        stream.call(ChoiceIndex::FIRST, &call),
        stream.append(sample.answer.as_bytes()),
    ]
    .concat();
    shown(sample, &[written, stream.error(&error)].concat(), 0)
}

//! Requests and answers of every dialect.

use std::cell::OnceCell;

use arbitrary::{Arbitrary, Unstructured};
use callgate_wire::{DIALECTS, Dialect, Row, Target, Wants};

use crate::desk::MARK;
use crate::upstream;
use crate::upstream::chat::Chat;
use crate::upstream::dialect::{self as written, Dialect as Writer};
use crate::upstream::script::{Round, ScriptedCall, Wire};

/// A request of a dialect, and the answering API.
pub struct Asking {
    pub row: &'static Row,
    /// Path with query.
    pub path: String,
    pub body: Vec<u8>,
    pub wants: Wants,
    /// The number of choices it asks for.
    pub choices: u64,
    writer: Option<(&'static dyn Writer, Chat)>,
}

/// Requests without tools and without their ends; every API accepts one of them. The gate also decides calls of undeclared
/// tools.
const BODIES: [&str; 5] = [
    r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]"#,
    r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]"#,
    r#"{"model":"m","input":"hi""#,
    r#"{"model":"m","messages":[{"role":"user","content":"hi"}]"#,
    r#"{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hi"}]"#,
];

const ENDS: [&str; 3] = ["}", r#","stream":true}"#, r#","stream":false}"#];

/// The member for several choices.
const SEVERAL: [&str; 3] = ["", r#","n":3"#, r#","generationConfig":{"candidateCount":3}"#];

thread_local! {
    static ASKINGS: OnceCell<&'static [Asking]> = const { OnceCell::new() };
}

/// Returns a request to every model's API, for a whole answer and for a stream.
pub fn askings() -> &'static [Asking] {
    ASKINGS.with(|askings| *askings.get_or_init(|| Vec::leak(DIALECTS.iter().flat_map(of_row).collect())))
}

/// Returns one of them.
pub fn asking(number: u8) -> &'static Asking {
    &askings()[usize::from(number) % askings().len()]
}

/// Returns the request for a row by its name, if the row exists.
pub fn asking_of(key: &str, wants: Wants) -> Option<&'static Asking> {
    askings().iter().find(|asking| asking.row.key == key && asking.wants == wants)
}

fn of_row(row: &'static Row) -> Vec<Asking> {
    let Some(dialect) = row.dialect() else { return Vec::new() };
    let one = [Wants::Whole, Wants::Stream, Wants::Count].map(|wants| (wants, 1));
    let several = [Wants::Whole, Wants::Stream].map(|wants| (wants, 3));
    let found: Vec<Asking> = one
        .into_iter()
        .chain(several)
        .filter_map(|(wants, choices)| {
            let paths =
                row.paths.iter().flat_map(|path| ["", "?alt=sse"].map(|query| path.replace("{model}", "m") + query));
            let mut all = paths.flat_map(|path| {
                BODIES.iter().flat_map(move |body| {
                    let path = path.clone();
                    let ends = ENDS.iter().flat_map(|end| SEVERAL.iter().map(move |several| (several, end)));
                    ends.map(move |(several, end)| (path.clone(), format!("{body}{several}{end}")))
                })
            });
            all.find_map(|(path, body)| {
                let target = Target::new(&path);
                let request = dialect.request(&target, body.as_bytes()).ok()?;
                let is_plain = request.provider_tools().is_empty() && !request.server_state();
                let writer = written::find(target.path, target.query)
                    .and_then(|(writer, route)| Some((writer, writer.read(route, serde_json::from_str(&body).ok()?)?)));
                let good = request.wants() == wants
                    && request.choices() == choices
                    && is_plain
                    && (writer.is_some() || wants == Wants::Count);
                good.then(|| Asking { row, body: body.into_bytes(), wants, choices, writer, path: path.clone() })
            })
        })
        .collect();
    let knows = |wants: Wants| found.iter().any(|asking: &Asking| asking.wants == wants);
    assert!(
        knows(Wants::Whole) && knows(Wants::Stream),
        "no body that both `{}` and the scripted model take: add one to BODIES",
        row.key
    );
    found
}

impl Asking {
    pub fn dialect(&self) -> &'static dyn Dialect {
        self.row.dialect().unwrap()
    }

    /// Returns an answer to it, in the requested form.
    pub fn answered(&self, round: &Round) -> Vec<u8> {
        let Some((writer, chat)) = &self.writer else { return Vec::new() };
        match self.wants {
            Wants::Stream => upstream::stream(*writer, chat, round),
            Wants::Whole | Wants::Count | Wants::Compact => upstream::whole(*writer, chat, round),
        }
    }

    pub fn content_type(&self) -> &'static str {
        match self.wants {
            Wants::Stream => self.dialect().framing().media_type(),
            Wants::Whole | Wants::Count | Wants::Compact => "application/json",
        }
    }

    /// Returns an answer to a further round, which is never streamed.
    pub fn answered_whole(&self, round: &Round) -> Vec<u8> {
        self.writer.as_ref().map(|(writer, chat)| upstream::whole(*writer, chat, round)).unwrap_or_default()
    }
}

/// Returns a turn of the model. Calls the contract refuses carry [`MARK`] in their arguments.
#[derive(Debug, Arbitrary)]
pub struct Turn {
    think: bool,
    text: Option<Said>,
    calls: Vec<(Made, Option<u8>)>,
    after: Option<Said>,
    legacy: Option<Made>,
    also: bool,
    wire: u8,
}

#[derive(Debug, Arbitrary)]
struct Said(Vec<u8>);

/// A call, allowed or refused.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Made {
    Weather,
    WeatherLoosely,
    Order,
    Lookup,
    MoreThanAllowed,
    OfOtherType,
    Cut,
    NoJson,
    Twice,
    Inexact,
    Unknown,
    NearlyKnown,
    Nameless,
    Deep,
}

impl Turn {
    pub fn round(&self, viewer: bool) -> Round {
        let made = |made: Made, id: Option<u8>| {
            let (name, arguments) = made.made(viewer);
            ScriptedCall { id: id.map(|id| format!("c{}", id % 4)), name: name.into(), arguments, raw: None }
        };
        let texts = |said: &Option<Said>| said.iter().map(Said::text).collect::<Vec<_>>();
        let wires = [Wire::Honest, Wire::Honest, Wire::Crlf, Wire::FinishWithCall, Wire::NoDone, Wire::NoIndex];
        Round {
            think: if self.think { vec!["hm ".into(), "so".into()] } else { Vec::new() },
            text: texts(&self.text),
            calls: self.calls.iter().take(6).map(|(call, id)| made(*call, *id)).collect(),
            function: self.legacy.filter(|_| self.calls.is_empty()).map(|call| made(call, None)),
            after: texts(&self.after),
            also: if self.also {
                vec![Round::say("another"), Round { calls: vec![made(Made::Unknown, None)], ..Round::default() }]
            } else {
                Vec::new()
            },
            wire: wires[usize::from(self.wire) % wires.len()],
            ..Round::default()
        }
    }
}

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0[..self.0.len().min(40)]).replace(MARK, "")
    }
}

impl Made {
    fn made(self, viewer: bool) -> (&'static str, String) {
        let own = |name: &'static str, arguments: &str| (name, arguments.to_owned());
        match self {
            Made::Weather => own("get_weather", r#"{"city":"Oslo"}"#),
            Made::WeatherLoosely => own("get_weather", "{ \"days\" : 2.0 ,\n \"city\":\"\\u004fslo\" }"),
            // Calls forbidden to a viewer carry the mark.
            Made::Order if viewer => ("order", format!(r#"{{"sku":"{MARK}"}}"#)),
            Made::Order => own("order", r#"{"sku":"a"}"#),
            Made::Lookup if viewer => ("lookup", format!(r#"{{"key":"{MARK}"}}"#)),
            Made::Lookup => own("lookup", r#"{"key":"k"}"#),
            Made::MoreThanAllowed => ("get_weather", format!(r#"{{"city":"Oslo","{MARK}":"{MARK}"}}"#)),
            Made::OfOtherType => ("get_weather", format!(r#"{{"city":["{MARK}"]}}"#)),
            Made::Cut => ("get_weather", format!(r#"{{"city":"{MARK}"#)),
            Made::NoJson => ("get_weather", format!("city={MARK}")),
            Made::Twice => ("get_weather", format!(r#"{{"city":"Oslo","city":"{MARK}"}}"#)),
            Made::Inexact => {
                ("get_weather", format!(r#"{{"city":"{MARK}","days":0.1000000000000000055511151231257827}}"#))
            }
            Made::Unknown => ("rm_rf", format!(r#"{{"{MARK}":"{MARK}"}}"#)),
            Made::NearlyKnown => ("get_weathe", format!(r#"{{"city":"{MARK}"}}"#)),
            Made::Nameless => ("", format!(r#"{{"city":"{MARK}"}}"#)),
            Made::Deep => ("get_weather", format!("{}\"{MARK}\"{}", "[".repeat(70), "]".repeat(70))),
        }
    }
}

/// Changes a few bytes, so that they stay nearly the same.
#[derive(Debug, Arbitrary)]
pub struct Damage(Vec<Change>);

#[derive(Debug, Arbitrary)]
enum Change {
    Flip {
        at: u16,
        bits: u8,
    },
    Insert {
        at: u16,
        bytes: Vec<u8>,
    },
    Remove {
        at: u16,
        length: u8,
    },
    /// Repeats a piece.
    Repeat {
        at: u16,
        length: u8,
    },
    /// Replaces one word of APIs by another.
    Word {
        at: u16,
        from: u8,
        to: u8,
    },
}

const WORDS: [&str; 26] = [
    "tool_calls",
    "function",
    "function_call",
    "tool_use",
    "toolUse",
    "functionCall",
    "content",
    "delta",
    "text",
    "name",
    "input",
    "arguments",
    "index",
    "type",
    "id",
    "choices",
    "message",
    "output",
    "done",
    "stop",
    "null",
    "args",
    "server_tool_use",
    "partial_json",
    "contentBlockIndex",
    "candidates",
];

impl Damage {
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub fn done(&self, bytes: &mut Vec<u8>) {
        for change in self.0.iter().take(8) {
            let place = |at: u16, bytes: &[u8]| usize::from(at) % (bytes.len() + 1);
            match change {
                Change::Flip { at, bits } => {
                    let at = place(*at, bytes);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= bits;
                    }
                }
                Change::Insert { at, bytes: new } => {
                    let at = place(*at, bytes);
                    bytes.splice(at..at, new.iter().copied());
                }
                Change::Remove { at, length } => {
                    let at = place(*at, bytes);
                    let end = bytes.len().min(at + usize::from(*length));
                    bytes.drain(at..end);
                }
                Change::Repeat { at, length } => {
                    let at = place(*at, bytes);
                    let piece = bytes[at..bytes.len().min(at + usize::from(*length))].to_vec();
                    bytes.splice(at..at, piece);
                }
                Change::Word { at, from, to } => {
                    let (from, to) = (WORDS[usize::from(*from) % WORDS.len()], WORDS[usize::from(*to) % WORDS.len()]);
                    let start = place(*at, bytes);
                    let found = bytes[start..].windows(from.len()).position(|window| window == from.as_bytes());
                    if let Some(found) = found {
                        bytes.splice(start + found..start + found + from.len(), to.bytes());
                    }
                }
            }
        }
    }
}

/// Makes a value from all bytes of an input; `None` if the input is too short. With `FUZZ_SHOW` set it is shown.
pub fn from_bytes<'a, T: Arbitrary<'a> + std::fmt::Debug>(bytes: &'a [u8]) -> Option<T> {
    let value = T::arbitrary_take_rest(Unstructured::new(bytes)).ok()?;
    if std::env::var_os("FUZZ_SHOW").is_some() {
        eprintln!("{value:#?}");
    }
    Some(value)
}

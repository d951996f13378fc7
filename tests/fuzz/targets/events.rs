#![no_main]
//! The engine driven by random events: in an order allowed to a host, with all obligations checked, or in any order.

use std::time::Duration;

use arbitrary::Arbitrary;
use callgate_engine::{CallFailed, Effect, Event, Exchange, ModelReply, Outcome, lend};
use callgate_fuzz::desk::{self, ROLES};
use callgate_fuzz::host::{self, Callout, Host};
use callgate_fuzz::model::{self, Asking, Damage, Turn};
use callgate_wire::DIALECTS;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Play {
    lawful: bool,
    gate: u8,
    asking: u8,
    begun: Begun,
    acts: Vec<Act>,
}

/// The steps that succeeded before the first act.
#[derive(Debug, Arbitrary)]
enum Begun {
    Nothing,
    Request,
    Response,
}

#[derive(Debug, Arbitrary)]
enum Act {
    RequestHead { path: Path, role: u8, end: bool },
    RequestData { piece: Piece, end: bool },
    RequestTrailers,
    ResponseHead { status: u8, kind: u8, end: bool },
    ResponseData { piece: Piece, end: bool },
    ResponseTrailers { writable: bool },
    CallsRun(u8),
    ModelAnswered(Piece),
    Cancelled,
    Wait(u8),
}

#[derive(Debug, Arbitrary)]
enum Path {
    Proper,
    OfRow(u8, u8),
    Open,
    Other(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
enum Piece {
    /// The request's own body, or in a response an answer to it.
    Proper(Option<Turn>),
    Damaged(Option<Turn>, Damage),
    Raw(Vec<u8>),
    /// A message of an MCP session.
    Mcp(u8, Damage),
}

const STATUSES: [&str; 8] = ["200", "200", "200", "500", "429", "204", "302", "x"];
const ENCODINGS: [&str; 4] = ["identity", "identity", "identity", "gzip"];

const MCP: [&str; 8] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","arguments":{"city":"Oslo"}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm_rf","arguments":{}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"get_weather","inputSchema":{"type":"object"}},{"name":"other","inputSchema":{}}]}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"x"}]}}"#,
    "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
];

fuzz_target!(|bytes: &[u8]| {
    let Some(play) = model::from_bytes::<Play>(bytes) else { return };
    if play.lawful { play.lawfully() } else { play.anyhow() }
});

impl Play {
    fn asking(&self) -> &'static Asking {
        model::asking(self.asking)
    }

    fn begun(&self) -> Vec<Act> {
        let mut acts = vec![
            Act::RequestHead { path: Path::Proper, role: 0, end: false },
            Act::RequestData { piece: Piece::Proper(None), end: true },
            Act::ResponseHead { status: 0, kind: 0, end: false },
        ];
        match self.begun {
            Begun::Nothing => acts.clear(),
            Begun::Request => acts.truncate(2),
            Begun::Response => {}
        }
        acts
    }

    /// In an order allowed to a host.
    fn lawfully(&self) {
        let mut host = Host::new(&desk::gate(self.gate));
        let (mut phase, mut now) = (Phase::Before, Duration::from_secs(1));
        let begun = self.begun();
        for act in begun.iter().chain(self.acts.iter().take(40)) {
            match act {
                Act::Wait(seconds) => now += Duration::from_secs(u64::from(*seconds)),
                Act::Cancelled => {
                    host.tell(Event::Cancelled);
                    phase = Phase::Over;
                }
                Act::CallsRun(how) => {
                    host.run(*how);
                    host.rule(*how);
                }
                Act::ModelAnswered(piece) => match host.outstanding {
                    Some(Callout::Model) => host.answer(&self.bytes(piece, Of::Round)),
                    _ => continue,
                },
                _ => {
                    let Some(next) = phase.after(act) else { continue };
                    // The upstream answers only a forwarded request.
                    if next > Phase::Requested && phase <= Phase::Requested && !host.sent() && host.replied.is_none() {
                        continue;
                    }
                    phase = next;
                    self.with_event(act, now, |event| host.tell(event));
                }
            }
            if phase == Phase::Over {
                break;
            }
        }
        if matches!(phase, Phase::Responding) {
            host.conclude(now);
            assert!(host.ended() || host.open, "what was begun ends");
        }
    }

    /// In any order: only that nothing breaks is promised.
    fn anyhow(&self) {
        let mut exchange = Exchange::new(desk::gate(self.gate), "exchange-1");
        let mut now = Duration::from_secs(1);
        for act in self.begun().iter().chain(self.acts.iter().take(40)) {
            if let Act::Wait(seconds) = act {
                now += Duration::from_secs(u64::from(*seconds));
            }
            self.with_event(act, now, |event| assert_ne!(exchange.on(event), Effect::Emit(Vec::new())));
        }
    }

    fn with_event(&self, act: &Act, now: Duration, mut tell: impl FnMut(Event<'_>)) {
        match act {
            Act::RequestHead { path, role, end } => {
                let role = *ROLES.get(usize::from(*role % 3)).unwrap_or(&"nobody");
                let headers = host::request_headers(&self.path(path), role);
                tell(Event::RequestHead { headers: &lend(&headers), verified: None, end: *end });
            }
            Act::RequestData { piece, end } => {
                let chunk = self.bytes(piece, Of::Request);
                tell(Event::RequestData { chunk: &chunk, end: *end, now });
            }
            Act::RequestTrailers => tell(Event::RequestTrailers { now }),
            Act::ResponseHead { status, kind, end } => {
                let kinds = [self.asking().content_type(), "application/json", "text/event-stream", "text/html"];
                let headers = host::headers(&[
                    (":status", STATUSES[usize::from(*status) % STATUSES.len()]),
                    ("content-type", kinds[usize::from(*kind) % kinds.len()]),
                    ("content-encoding", ENCODINGS[usize::from(*status >> 4) % ENCODINGS.len()]),
                ]);
                tell(Event::ResponseHead { headers: &lend(&headers), end: *end });
            }
            Act::ResponseData { piece, end } => {
                let chunk = self.bytes(piece, Of::Response);
                tell(Event::ResponseData { chunk: &chunk, end: *end, now });
            }
            Act::ResponseTrailers { writable } => tell(Event::ResponseTrailers { writable: *writable, now }),
            Act::CallsRun(how) if how % 2 == 0 => tell(Event::CallsRun(Err(CallFailed::Rejected))),
            Act::CallsRun(how) => {
                let outcome = Outcome { id: format!("c{}", how % 4), result: Ok("{}".into()) };
                tell(Event::CallsRun(Ok(vec![outcome])));
            }
            Act::ModelAnswered(piece) => {
                let headers = host::headers(&[(":status", "200"), ("content-type", "application/json")]);
                let body = self.bytes(piece, Of::Round);
                tell(Event::ModelAnswered(Ok(ModelReply { headers: &lend(&headers), body: &body })));
            }
            Act::Cancelled => tell(Event::Cancelled),
            Act::Wait(_) => {}
        }
    }

    fn path(&self, path: &Path) -> String {
        match path {
            Path::Proper => self.asking().path.clone(),
            Path::OfRow(row, number) => {
                let row = &DIALECTS[usize::from(*row) % DIALECTS.len()];
                row.paths[usize::from(*number) % row.paths.len()].replace("{model}", "m")
            }
            Path::Open => "/open".into(),
            Path::Other(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    fn bytes(&self, piece: &Piece, of: Of) -> Vec<u8> {
        let proper = |turn: &Option<Turn>| {
            let round = turn.as_ref().map(|turn| turn.round(false)).unwrap_or_default();
            match of {
                Of::Request => self.asking().body.clone(),
                Of::Response => self.asking().answered(&round),
                Of::Round => self.asking().answered_whole(&round),
            }
        };
        let (mut bytes, damage) = match piece {
            Piece::Proper(turn) => return proper(turn),
            Piece::Raw(bytes) => return bytes.clone(),
            Piece::Damaged(turn, damage) => (proper(turn), damage),
            Piece::Mcp(number, damage) => (MCP[usize::from(*number) % MCP.len()].as_bytes().to_vec(), damage),
        };
        damage.done(&mut bytes);
        bytes
    }
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Request,
    Response,
    Round,
}

/// The stage of an exchange at the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Before,
    Requesting,
    Requested,
    Responding,
    Over,
}

impl Phase {
    /// Returns the stage after an event; `None` if the event cannot come now.
    fn after(self, act: &Act) -> Option<Phase> {
        let by_end = |end: bool, open: Phase, over: Phase| Some(if end { over } else { open });
        match (self, act) {
            (Phase::Before, Act::RequestHead { end, .. }) => by_end(*end, Phase::Requesting, Phase::Requested),
            (Phase::Requesting, Act::RequestData { end, .. }) => by_end(*end, Phase::Requesting, Phase::Requested),
            (Phase::Requesting, Act::RequestTrailers) => Some(Phase::Requested),
            (Phase::Requested, Act::ResponseHead { end, .. }) => by_end(*end, Phase::Responding, Phase::Over),
            (Phase::Responding, Act::ResponseData { end, .. }) => by_end(*end, Phase::Responding, Phase::Responding),
            (Phase::Responding, Act::ResponseTrailers { .. }) => Some(Phase::Responding),
            _ => None,
        }
    }
}

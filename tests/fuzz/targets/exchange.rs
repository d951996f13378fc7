#![no_main]
//! A whole exchange in every dialect with a model that answers anything, refused calls included.
//!
//! The gate releases nothing of a refused call and only allowed calls. The host's checks hold, and every started exchange
//! ends.

use std::time::Duration;

use arbitrary::Arbitrary;
use callgate_engine::{Event, lend};
use callgate_fuzz::client;
use callgate_fuzz::desk::{self, MARK, MOST_BYTES, ROLES};
use callgate_fuzz::host::{self, Callout, Host};
use callgate_fuzz::model::{self, Asking, Damage, Turn};
use callgate_wire::{Call, Target, Wants};
use libfuzzer_sys::fuzz_target;

const NOW: Duration = Duration::from_secs(1);

#[derive(Debug, Arbitrary)]
struct Play {
    asking: u8,
    gate: u8,
    viewer: bool,
    end: End,
    results: u8,
    sizes: Vec<u8>,
    turns: Vec<Turn>,
    /// Up to the first answer.
    damage: Damage,
}

#[derive(Debug, Arbitrary)]
enum End {
    WithData,
    Empty,
    Trailers { writable: bool },
    Cancelled { after: u8 },
    Late { after: u8 },
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(play) = model::from_bytes::<Play>(bytes) {
        play.play();
    }
});

impl Play {
    fn play(&self) {
        let (gate, asking) = (desk::gate(self.gate), model::asking(self.asking));
        let role = ROLES[usize::from(self.viewer)];
        let mut host = Host::new(&gate);
        host.tell(Event::RequestHead { headers: &lend(&host::request_headers(&asking.path, role)), verified: None, end: false });
        host.tell(Event::RequestData { chunk: &asking.body, end: true, now: NOW });
        if !host.sent() {
            assert!(asking.choices > 1, "a request without tools goes on, unless injected tools want one choice");
            return;
        }
        let mut turns = self.turns.iter().map(|turn| turn.round(self.viewer));
        let mut first = asking.answered(&turns.next().unwrap_or_default());
        self.damage.done(&mut first);
        let head = host::headers(&[(":status", "200"), ("content-type", asking.content_type())]);
        host.tell(Event::ResponseHead { headers: &lend(&head), end: false });
        let mut cancelled = false;
        for (number, (chunk, last)) in chunks(&first, &self.sizes).into_iter().enumerate() {
            let (mut now, end) = (NOW, last && matches!(self.end, End::WithData));
            match self.end {
                End::Cancelled { after } if number == usize::from(after) => {
                    host.tell(Event::Cancelled);
                    cancelled = true;
                    break;
                }
                End::Late { after } if number >= usize::from(after) => now = NOW * 60,
                _ => {}
            }
            host.tell(Event::ResponseData { chunk, end, now });
        }
        let mut writable = true;
        match self.end {
            End::Empty | End::Late { .. } => host.tell(Event::ResponseData { chunk: b"", end: true, now: NOW }),
            End::Trailers { writable: may } => {
                writable = may;
                host.tell(Event::ResponseTrailers { writable, now: NOW });
            }
            _ => {}
        }
        while let Some(callout) = &host.outstanding {
            match callout {
                Callout::Calls(batch) => {
                    assert!(!format!("{batch:?}").contains(MARK) || !self.damage.is_none(), "nothing refused runs");
                    host.run(self.results);
                }
                Callout::Rulings(_) => host.rule(self.results),
                Callout::Model => host.answer(&asking.answered_whole(&turns.next().unwrap_or_default())),
            }
        }
        host.conclude(NOW);
        if asking.wants != Wants::Count {
            self.check(&gate, asking, &host, cancelled || !writable);
        }
    }

    fn check(&self, gate: &callgate_engine::Gate, asking: &Asking, host: &Host, cut_off: bool) {
        let shown = || String::from_utf8_lossy(&host.out).into_owned();
        if self.damage.is_none() {
            assert!(!contains(&host.out, MARK), "a part of a refused call went on: {}", shown());
        }
        let (dialect, role) = (asking.dialect(), ROLES[usize::from(self.viewer)]);
        let request = dialect.request(&Target::new(&asking.path), &asking.body).unwrap();
        let calls: Vec<Call> = match (&host.replied, asking.wants) {
            (Some(body), _) => {
                assert!(dialect.is_error(body), "an answer of ours is an error: {}", String::from_utf8_lossy(body));
                assert!(!contains(body, MARK));
                assert!(host.out.is_empty() || host.begun);
                Vec::new()
            }
            (None, Wants::Stream) => {
                let seen = client::stream(dialect, &*request, &host.out);
                assert!(seen.complete || seen.failed || cut_off, "a stream ends, or says why not: {}", shown());
                seen.calls
            }
            (None, _) if cut_off && host.out.is_empty() => Vec::new(),
            (None, _) => client::whole(dialect, &*request, &host.out).unwrap_or_else(|| {
                assert!(dialect.is_error(&host.out), "an answer, or an error: {}", shown());
                Vec::new()
            }),
        };
        for call in calls {
            let may = desk::may_go_on(gate, role, &call.name, &call.arguments);
            assert!(may, "{call:?} went on: {}", shown());
        }
        assert!(host.out.len() <= 4 * MOST_BYTES + 65_536, "what goes on is bounded");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The bytes in chunks of these sizes; a flag marks the last.
fn chunks<'b>(bytes: &'b [u8], sizes: &[u8]) -> Vec<(&'b [u8], bool)> {
    let mut sizes = sizes.iter().map(|size| usize::from(*size)).filter(|size| *size > 0).cycle();
    let (mut chunks, mut rest) = (Vec::new(), bytes);
    loop {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
        rest = after;
        chunks.push((chunk, rest.is_empty()));
        if rest.is_empty() {
            return chunks;
        }
    }
}

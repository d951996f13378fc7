//! Rates and budgets, in every API.

mod calls;
mod conversations;
mod requests;
mod shared;
mod shared_calls;
mod store;
mod tokens;

use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{Effect, Event, Exchange, Gate, Offer, Reply, lend};

use crate::common::{begun, gate_over, headers};
use crate::conditions::apis::{Api, Call, Step};

/// Ten seconds after the beginning of a minute and of a day.
pub(super) const START: Duration = Duration::from_secs(86_400 * 20_000 + 10);

/// A desk with these limits of the role `clerk` and of the tool `order`, and further lines of `spec`.
pub(super) fn contract(clerk: &str, order: &str, spec: &str) -> String {
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["m-*", "gpt-*"]
{spec}
  roles:
    clerk: {{ tools: ["*"], {clerk} }}
    viewer: {{ tools: ["*"] }}
  tools:
    - {{ name: order, effects: write, parameters: {{ type: object }}, {order} run: {{ client: {{}} }} }}
    - {{ name: look, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}
"#
    )
}

pub(super) fn gate(clerk: &str, order: &str, spec: &str) -> Rc<Gate> {
    gate_over(&contract(clerk, order, spec), Offer::Declared)
}

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) tenant: &'static str,
    pub(super) role: &'static str,
    pub(super) now: Duration,
}

pub(super) const CLERK: Asker = Asker { tenant: "acme", role: "clerk", now: START };

// === impl Asker ===

impl Asker {
    pub(super) fn after(self, seconds: u64) -> Self {
        Self { now: self.now + Duration::from_secs(seconds), ..self }
    }
}

/// Sends a request.
pub(super) fn ask(api: &Api, gate: &Rc<Gate>, asker: Asker, stream: bool) -> (Effect, Exchange) {
    ask_with(api, gate, asker, stream, &[])
}

/// Sends a request with further headers.
pub(super) fn ask_with(
    api: &Api,
    gate: &Rc<Gate>,
    asker: Asker,
    stream: bool,
    more: &[(&str, &str)],
) -> (Effect, Exchange) {
    ask_after(api, gate, asker, stream, (more, &[Step::User]))
}

/// Sends a request with further headers, in a conversation.
pub(super) fn ask_after(
    api: &Api,
    gate: &Rc<Gate>,
    asker: Asker,
    stream: bool,
    (more, steps): (&[(&str, &str)], &[Step]),
) -> (Effect, Exchange) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let path = (api.path)(stream);
    let mut head = headers(&[
        (":method", "POST"),
        (":path", &path),
        ("content-type", "application/json"),
        ("x-tenant", asker.tenant),
        ("x-role", asker.role),
    ]);
    head.extend(headers(more));
    let effect = exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
    if effect != Effect::Hold {
        return (effect, exchange);
    }
    let body = (api.request)(steps, stream).to_string();
    let effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: asker.now });
    (effect, exchange)
}

/// Answers a forwarded request with calls. Returns everything that the client gets.
pub(super) fn answer(
    api: &Api,
    exchange: &mut Exchange,
    now: Duration,
    calls: &[Call<'_>],
    stream: Option<usize>,
) -> Effect {
    let Some(size) = stream else {
        assert_eq!(begun(exchange, "application/json"), Effect::Hold);
        let body = (api.answer)(calls).to_string();
        return exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now });
    };
    assert_eq!(begun(exchange, api.media), Effect::BeginStream);
    let mut out = Vec::new();
    for chunk in (api.stream)(calls).chunks(size) {
        match exchange.on(Event::ResponseData { chunk, end: false, now }) {
            Effect::Hold => {}
            Effect::Pass => out.extend_from_slice(chunk),
            Effect::Emit(bytes) => out.extend(bytes),
            effect => return effect,
        }
    }
    match exchange.on(Event::ResponseData { chunk: b"", end: true, now }) {
        Effect::Finish(bytes) => out.extend(bytes),
        effect => return effect,
    }
    Effect::Finish(out)
}

/// Asks and answers.
pub(super) fn play(
    api: &Api,
    gate: &Rc<Gate>,
    asker: Asker,
    calls: &[Call<'_>],
    stream: Option<usize>,
) -> (Effect, Exchange) {
    let (effect, mut exchange) = ask(api, gate, asker, stream.is_some());
    assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", api.name);
    (answer(api, &mut exchange, asker.now, calls, stream), exchange)
}

/// The status, the text and the wait of an answer of ours.
pub(super) fn refused(effect: Effect) -> (u16, String, Option<u64>) {
    match effect {
        Effect::Reply(Reply { status, body, retry_after, .. }) => {
            (status, String::from_utf8(body).unwrap(), retry_after.map(|wait| wait.as_secs()))
        }
        effect => panic!("expected an answer of ours, got {effect:?}"),
    }
}

/// The bytes that the client gets, as text.
pub(super) fn text(effect: Effect) -> String {
    match effect {
        Effect::Finish(bytes) | Effect::Reply(Reply { body: bytes, .. }) => {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        }
        effect => panic!("expected an end, got {effect:?}"),
    }
}

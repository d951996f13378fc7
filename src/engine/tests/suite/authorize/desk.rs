//! A gate whose calls the executor must release, and the host's side of an exchange through it.

use std::rc::Rc;

use callgate_engine::{
    Authorization, AuthorizeBatch, CallCode, CallFailed, CallRuling, Effect, Event, Exchange, Gate, Offer, lend,
};
use std::time::Duration;

use super::samples::Sample;
use crate::common::{NOW, begun, gate_over, headers};

/// The executor's side: a ruling for each call.
pub(crate) type Rule<'a> = &'a dyn Fn(&AuthorizeBatch) -> Result<Vec<Authorization>, CallFailed>;

pub(crate) const ID: &str = "01900000-aaaa";

/// A contract with `f`, which has these fields, and `s`, which the executor runs.
pub(crate) fn contract(on_violation: &str, spec: &str, fields: &str) -> String {
    let sha256 = "0".repeat(64);
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["*"]
  limits: {{ requestBytes: 64KiB, responseBytes: 64KiB, turnTimeout: 30s, maxRounds: 3 }}
  onViolation: {on_violation}
{spec}
  roles:
    clerk: {{ tools: ["*"] }}
  tools:
    - name: f
      effects: write
      parameters: {{ type: object, required: [a], properties: {{ a: {{ type: string, maxLength: 9 }} }}, additionalProperties: false }}
      run: {{ client: {{}} }}
{fields}
    - name: s
      effects: read
      parameters: {{ type: object }}
      run: {{ wasm: {{ module: s.wasm, sha256: "{sha256}" }} }}
"#
    )
}

pub(crate) fn asking(on_violation: &str) -> Rc<Gate> {
    gate_over(&contract(on_violation, "", "      approval: always"), Offer::Declared)
}

/// The same gate without the approval.
pub(crate) fn free(on_violation: &str) -> Rc<Gate> {
    gate_over(&contract(on_violation, "", ""), Offer::Declared)
}

/// Sends the request of a sample.
pub(crate) fn sent(gate: &Rc<Gate>, sample: &Sample, stream: bool) -> Exchange {
    let path = sample.paths[usize::from(stream)];
    let head = headers(&[
        (":method", "POST"),
        (":path", path),
        (":authority", "api.example"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let mut body = sample.request.clone();
    if sample.paths[0] == sample.paths[1] {
        body["stream"] = stream.into();
    }
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }), Effect::Hold);
    let effect = exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW });
    assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", sample.key);
    exchange
}

/// Answers whole; returns the effect.
pub(crate) fn answered(exchange: &mut Exchange, sample: &Sample) -> Effect {
    assert_eq!(begun(exchange, "application/json"), Effect::Hold);
    exchange.on(Event::ResponseData { chunk: sample.whole.to_string().as_bytes(), end: true, now: NOW })
}

/// The body of a whole answer, with these rulings on its calls.
pub(crate) fn whole(gate: &Rc<Gate>, sample: &Sample, rule: Rule<'_>) -> Vec<u8> {
    let mut exchange = sent(gate, sample, false);
    let mut effect = answered(&mut exchange, sample);
    while let Effect::Authorize(batch) = effect {
        effect = exchange.on(Event::Authorized(rule(&batch)));
    }
    match effect {
        Effect::Finish(body) => body,
        Effect::Reply(reply) => reply.body,
        effect => panic!("{}: {effect:?}", sample.key),
    }
}

/// The moment at which the executor answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    AtOnce,
    /// After everything of the stream, its end included.
    Last,
}

/// The bytes of a stream, fed in chunks of this size.
pub(crate) fn streamed(gate: &Rc<Gate>, sample: &Sample, size: usize, answers: Answers, rule: Rule<'_>) -> Vec<u8> {
    let mut exchange = sent(gate, sample, true);
    assert_eq!(begun(&mut exchange, sample.media), Effect::BeginStream);
    let (mut out, mut asked) = (Vec::new(), None);
    let ends = sample.stream.chunks(size).map(|chunk| (chunk, false)).chain([(&b""[..], true)]);
    for (chunk, end) in ends {
        let mut effect = exchange.on(Event::ResponseData { chunk, end, now: NOW });
        loop {
            effect = match effect {
                Effect::Authorize(batch) if answers == Answers::AtOnce => exchange.on(Event::Authorized(rule(&batch))),
                Effect::Authorize(batch) => {
                    asked = Some(batch);
                    break;
                }
                Effect::Hold => break,
                Effect::Pass => break out.extend_from_slice(chunk),
                Effect::Emit(bytes) | Effect::Finish(bytes) => break out.extend(bytes),
                effect => panic!("{}: {effect:?}", sample.key),
            };
        }
    }
    while let Some(batch) = asked.take() {
        match exchange.on(Event::Authorized(rule(&batch))) {
            Effect::Authorize(batch) => asked = Some(batch),
            Effect::Finish(bytes) => out.extend(bytes),
            effect => panic!("{}: {effect:?}", sample.key),
        }
    }
    out
}

/// Rules by the arguments of each call.
pub(crate) fn ruled(batch: &AuthorizeBatch, rule: impl Fn(&str) -> CallRuling) -> Vec<Authorization> {
    let calls = batch.batch.calls.iter();
    calls.map(|call| Authorization { id: call.id.clone(), ruling: rule(&call.arguments) }).collect()
}

pub(crate) fn released(batch: &AuthorizeBatch) -> Result<Vec<Authorization>, CallFailed> {
    Ok(ruled(batch, |_| CallRuling::Released))
}

pub(crate) fn pending() -> CallRuling {
    CallRuling::Pending { approval_id: ID.to_owned(), left: Duration::from_secs(61) }
}

pub(crate) fn denied() -> CallRuling {
    CallRuling::Denied { code: CallCode::PolicyDenied, pointer: "/a".into(), message: "expected less".into() }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

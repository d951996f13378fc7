//! A host holds a request until the executor has counted it, and sends the charge of an exchange that has ended.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{
    AdmissionReply, AdmissionRequest, Authorization, AuthorizeBatch, CallBatch, CallFailed, CountRefusal, Decisions,
    Event, ModelRequest, Outcome, Receipt, UsageCharge, lend,
};
use callgate_host::metrics::{Counter, Histogram, Metrics};
use callgate_host::{Host, LiveExchange, OwnedReply, Recorder, Records, Sent, Step, config, counts};
use callgate_proto::executor::v1::{AdmitRequest, ChargeRequest};
use prost::Message;

const CHAT: &[u8] = br#"{"model":"m","messages":[]}"#;
const ANSWER: &str = r#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#;

fn configuration(rule: &str) -> String {
    format!(
        r#"{{
    "identity": {{ "header": {{ "tenant": "x-tenant", "role": "x-role" }} }},
    "executor": {{ "cluster": "executor" }},
    "contract": {{
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": {{ "name": "desk", "version": "1.0.0" }},
        "spec": {{
            "models": ["*"],
            "limits": {{ "turnTimeout": "30s", "store": "executor", "storeUnavailable": "{rule}" }},
            "roles": {{ "clerk": {{ "tools": ["pay"], "requestsPerDay": 5, "tokensPerDay": 100 }} }},
            "tools": [{{ "name": "pay", "effects": "write", "parameters": {{ "type": "object" }}, "run": {{ "client": {{}} }} }}]
        }}
    }}
}}"#
    )
}

/// A host that lists its steps, and whose executor answers later, or at once.
#[derive(Default)]
struct FakeHost {
    now: Cell<Duration>,
    done: RefCell<Vec<String>>,
    at_once: RefCell<Option<Result<AdmissionReply, CallFailed>>>,
    charges: RefCell<Vec<UsageCharge>>,
}

impl FakeHost {
    fn note_step(&self, step: String) {
        self.done.borrow_mut().push(step);
    }

    fn steps(&self) -> Vec<String> {
        std::mem::take(&mut *self.done.borrow_mut())
    }
}

impl Host for FakeHost {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn set_request_header(&self, _: &str, _: Option<&str>) {}

    fn set_response_header(&self, _: &str, _: Option<&str>) {}

    fn set_request_body(&self, held: usize, bytes: &[u8]) {
        self.note_step(format!("request body {held} {}", String::from_utf8_lossy(bytes)));
    }

    fn set_response_body(&self, _: usize, _: &[u8]) {}

    fn note(&self, _: &str, _: &str) {}

    fn record(&self, _: Decisions<'_>) {}

    fn run(&self, _: CallBatch) -> Sent<Vec<Outcome>> {
        panic!("nothing runs")
    }

    fn authorize(&self, _: AuthorizeBatch) -> Sent<Vec<Authorization>> {
        panic!("nothing is released")
    }

    fn admit(&self, request: AdmissionRequest) -> Sent<AdmissionReply> {
        assert_eq!(request.timeout, Duration::from_secs(2));
        let sent = AdmitRequest::decode(counts::encode(request).message.as_slice()).unwrap();
        self.note_step(format!("count {} {}", sent.exchange_id, sent.round));
        self.at_once.take().map_or(Sent::Waits(7), Sent::Ended)
    }

    fn charge(&self, charge: UsageCharge) {
        self.charges.borrow_mut().push(charge);
    }

    fn ask(&self, _: ModelRequest) -> Sent<OwnedReply> {
        panic!("there is one round")
    }

    fn cancel(&self, token: u64) {
        self.note_step(format!("cancel {token}"));
    }
}

impl Metrics for FakeHost {
    fn add(&self, counter: Counter, by: u64) {
        self.note_step(format!("{} {by}", counter.name()));
    }

    fn record(&self, _: Histogram, _: u64) {}
}

/// Sends a whole request.
fn send(host: &FakeHost, rule: &str) -> (LiveExchange, Step) {
    host.now.set(Duration::from_secs(100));
    let rules = config::read(configuration(rule).as_bytes()).unwrap().rules;
    let live = LiveExchange::new(Rc::new(rules.gate()), "exchange-1".to_owned());
    let pairs = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ];
    let headers: Vec<(String, Vec<u8>)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let head = Event::RequestHead { headers: &lend(&headers), verified: None, end: false };
    assert_eq!(live.on_request(host, head, 0), Step::Hold);
    let step = live.on_request(host, Event::RequestData { chunk: CHAT, end: true, now: host.now() }, CHAT.len());
    (live, step)
}

fn counted() -> Result<AdmissionReply, CallFailed> {
    Ok(AdmissionReply::default())
}

#[test]
fn a_held_request_is_resumed_once_it_is_counted() {
    let host = FakeHost::default();
    let (live, step) = send(&host, "refuse");
    assert_eq!((step, host.steps()), (Step::Hold, vec!["count exchange-1 1".to_owned()]));
    assert!(live.awaits_counts(7) && !live.awaits_executor(7) && !live.awaits_rulings(7));
    assert_eq!(live.on_admitted(&host, 8, counted()), Step::Hold, "another token");
    assert_eq!(live.on_admitted(&host, 7, counted()), Step::ResumeRequest);
    assert!(host.steps().iter().any(|step| step.starts_with("request body 0 {")));
    assert_eq!(live.on_admitted(&host, 7, counted()), Step::Hold, "a second answer");
}

#[test]
fn an_answer_at_once_forwards_or_refuses_in_the_requests_own_callback() {
    let host = FakeHost::default();
    *host.at_once.borrow_mut() = Some(counted());
    assert_eq!(send(&host, "refuse").1, Step::Continue);
    assert!(host.steps().iter().any(|step| step.starts_with(&format!("request body {} {{", CHAT.len()))));
    let refused = AdmissionReply { standing: None, refusals: vec![CountRefusal::unavailable()] };
    *host.at_once.borrow_mut() = Some(Ok(refused));
    let (_, Step::Reply(reply)) = send(&host, "refuse") else { panic!("it is refused") };
    assert_eq!(reply.status, 503);
}

#[test]
fn a_lost_answer_is_given_up_and_the_contract_decides() {
    for (rule, passes) in [("refuse", false), ("allow", true)] {
        let host = FakeHost::default();
        let (live, _) = send(&host, rule);
        host.now.set(Duration::from_secs(103));
        assert_eq!(live.on_tick(&host), Step::Hold);
        host.now.set(Duration::from_secs(104));
        let step = live.on_tick(&host);
        assert_eq!((step == Step::ResumeRequest, matches!(step, Step::Reply(_))), (passes, !passes), "{rule}");
        assert!(host.steps().contains(&"cancel 7".to_owned()));
        assert_eq!(live.on_admitted(&host, 7, counted()), Step::Hold, "a late answer");
        // Its answer, and the ticks before it, find no request that is held.
        host.now.set(Duration::from_secs(105));
        assert_eq!(live.on_tick(&host), Step::Hold);
        live.on_end(&host, &host);
        let uncounted = host.steps().contains(&"callgate.exchanges.uncounted 1".to_owned());
        assert_eq!(uncounted, passes);
    }
}

#[test]
fn a_cancelled_request_cancels_its_count() {
    let host = FakeHost::default();
    let (live, _) = send(&host, "refuse");
    live.on_end(&host, &host);
    assert!(host.steps().contains(&"cancel 7".to_owned()));
    assert!(host.charges.borrow().is_empty());
}

#[test]
fn an_exchange_is_charged_once_when_it_ends() {
    let host = FakeHost::default();
    *host.at_once.borrow_mut() = Some(counted());
    let (live, _) = send(&host, "refuse");
    let head = [(":status", &b"200"[..]), ("content-type", b"application/json")];
    assert_eq!(live.on_response_head(&host, Event::ResponseHead { headers: &head, end: false }), Step::Hold);
    let event = Event::ResponseData { chunk: ANSWER.as_bytes(), end: true, now: host.now() };
    assert_eq!(live.on_response(&host, event, ANSWER.len()), Step::Continue);
    assert!(host.charges.borrow().is_empty(), "it has not ended");
    live.on_end(&host, &host);
    live.on_end(&host, &host);
    let charges = host.charges.take();
    let [charge] = &charges[..] else { panic!("one charge") };
    assert_eq!((charge.tokens, charge.exchange_id.as_str(), charge.tenant.as_str()), (12, "exchange-1", "acme"));
}

#[test]
fn charges_are_sent_until_the_executor_has_them() {
    let charges = Recorder::new(Records::Charges);
    let charge = |number: u64| UsageCharge {
        contract_digest: "sha256:0".to_owned(),
        tenant: "acme".to_owned(),
        role: "clerk".to_owned(),
        exchange_id: number.to_string(),
        tokens: number,
        cost_micros: 0,
    };
    (1..=3).for_each(|number| charges.charge(charge(number)));
    let sent = |now| {
        let message = charges.next(Duration::from_secs(now))?;
        let request = ChargeRequest::decode(message.as_slice()).unwrap();
        Some(request.exchanges.into_iter().map(|usage| usage.tokens).collect::<Vec<_>>())
    };
    assert_eq!((charges.records().method(), sent(1)), ("Charge", Some(vec![1, 2, 3])));
    let failed = charges.settle(Receipt::Failed, Duration::from_secs(1));
    assert_eq!(failed.counts().collect::<Vec<_>>(), [(Counter::ChargesLost, 0)]);
    assert_eq!((sent(1), sent(2)), (None, Some(vec![1, 2, 3])), "again after a pause");
    charges.settle(Receipt::Kept, Duration::from_secs(2));
    assert_eq!(sent(60), None);
}

//! One exchange: the states it goes through, and which event leads from which to which.

use std::rc::Rc;
use std::time::Duration;

use callgate_wire::openai_chat::{StreamHead, error::is_error_body};

use crate::effect::{Effect, Forward, Reply};
use crate::event::{CallFailed, Event, Headers, ModelReply, Outcome};
use crate::gate::Gate;
use crate::head::{self, ChatHead, Head};
use crate::refusal::{Code, Refusal};
use crate::request::{self, Asked};
use crate::rounds::{self, Next, Said};
use crate::settle::{Refused, Runnable};
use crate::stream::{self, Progress, StreamTurn};
use crate::tally::Tally;
use crate::whole::{self, Turn};

/// The state machine of one exchange.
#[derive(Debug)]
pub struct Exchange {
    gate: Rc<Gate>,
    state: State,
    tally: Tally,
}

/// Where an exchange stands. Each state owns what it needs.
#[derive(Debug)]
enum State {
    /// Nothing was told yet.
    New,
    /// A path that is not read, or an answer of ours on its way: everything passes.
    Open,
    /// The request's body is being gathered.
    Gathering { head: Box<ChatHead>, body: Vec<u8> },
    /// The request went on; the model's answer is awaited.
    Sent { asked: Box<Asked>, deadline: Duration },
    /// A JSON answer is being gathered.
    Whole { asked: Box<Asked>, body: Vec<u8>, deadline: Duration },
    /// An error of the upstream is being gathered.
    Failing { status: u16, body: Vec<u8> },
    /// A streamed answer is under way.
    Streaming(Box<StreamTurn>),
    /// The model's turn led to further rounds; the response is held back meanwhile.
    Looping(Box<Looping>),
    /// The stream to the client is complete, or broken off after an error: what the upstream still says is dropped.
    Closed,
}

/// An exchange between two rounds.
#[derive(Debug)]
struct Looping {
    asked: Asked,
    said: Said,
    form: AnswerForm,
    waiting: Waiting,
}

/// What the client is being answered with.
#[derive(Debug)]
enum AnswerForm {
    /// One JSON body; its headers are still held back.
    Whole,
    /// A stream that has begun; `unsent` is what it had yet to say when it was held back.
    Stream { head: Box<StreamHead>, unsent: Vec<u8> },
}

/// What a loop waits for.
#[derive(Debug)]
enum Waiting {
    /// The executor, for the outcomes of `run`.
    Calls { text: String, run: Vec<Runnable>, refused: Vec<Refused> },
    /// The model.
    Model,
}

impl Exchange {
    /// A new exchange through a gate.
    #[must_use]
    pub fn new(gate: Rc<Gate>) -> Self {
        Self { gate, state: State::New, tally: Tally::default() }
    }

    /// What was decided so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes an event; says what must be done about it. Total: an event that fits no state fails closed.
    pub fn on(&mut self, event: Event<'_>) -> Effect {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match (state, event) {
            (_, Event::Cancelled) => Effect::Hold,
            (State::New, Event::RequestHead { headers, claims, end }) => self.request_head(headers, claims, end),
            (State::Gathering { head, body }, Event::RequestData { chunk, end, now }) => {
                self.request_data(head, body, chunk, end.then_some(now))
            }
            (State::Gathering { head, body }, Event::RequestTrailers { now }) => {
                self.request_data(head, body, &[], Some(now))
            }
            (State::Sent { asked, deadline }, Event::ResponseHead { headers, end }) => {
                self.response_head(Some((asked, deadline)), headers, end)
            }
            // An answer that comes before the request went on is the host's own, such as an error of another filter.
            (State::New | State::Gathering { .. }, Event::ResponseHead { headers, end }) => {
                self.response_head(None, headers, end)
            }
            (State::Whole { asked, body, deadline }, Event::ResponseData { chunk, end, now }) => {
                self.whole_data(asked, body, deadline, chunk, end, now)
            }
            (State::Whole { asked, body, deadline }, Event::ResponseTrailers { now, .. }) => {
                self.whole_data(asked, body, deadline, &[], true, now)
            }
            (State::Failing { status, body }, Event::ResponseData { chunk, end, .. }) => {
                self.failing_data(status, body, chunk, end)
            }
            (State::Failing { status, body }, Event::ResponseTrailers { .. }) => {
                self.failing_data(status, body, &[], true)
            }
            (State::Streaming(turn), Event::ResponseData { chunk, end, now }) => {
                self.stream_data(turn, chunk, end, now)
            }
            (State::Streaming(turn), Event::ResponseTrailers { writable, now }) => {
                self.stream_trailers(turn, writable, now)
            }
            (State::Looping(looping), Event::CallsRun(outcomes)) => self.calls_run(*looping, outcomes),
            (State::Looping(looping), Event::ModelAnswered(reply)) => self.model_answered(*looping, reply),
            // What the upstream says after its turn is complete says nothing.
            (State::Looping(looping), Event::ResponseData { .. } | Event::ResponseTrailers { .. }) => {
                self.state = State::Looping(looping);
                Effect::Hold
            }
            (State::Open, _) => {
                self.state = State::Open;
                Effect::Pass
            }
            (State::Closed, Event::ResponseData { end: false, .. }) => Effect::Hold,
            (State::Closed, Event::ResponseData { end: true, .. } | Event::ResponseTrailers { .. }) => {
                Effect::Finish(Vec::new())
            }
            // Callouts that were under way when the exchange ended.
            (State::Closed, Event::CallsRun(_) | Event::ModelAnswered(_)) => Effect::Hold,
            (_, _) => {
                self.refuse(&Refusal::new(Code::OutOfOrder, "The exchange is in a state in which this cannot happen."))
            }
        }
    }

    fn request_head(&mut self, headers: &Headers, claims: Option<(Vec<u8>, Vec<u8>)>, end: bool) -> Effect {
        match head::read(&self.gate, headers, claims, end) {
            Ok(Head::Passthrough) => {
                self.state = State::Open;
                Effect::Pass
            }
            Ok(Head::Chat(head)) => {
                self.state = State::Gathering { head: Box::new(head), body: Vec::new() };
                Effect::Hold
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn request_data(&mut self, head: Box<ChatHead>, mut body: Vec<u8>, chunk: &[u8], end: Option<Duration>) -> Effect {
        let most = self.gate.contract.limits().request_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            let message = format!("The request is larger than the contract's `requestBytes`, {most} bytes.");
            return self.refuse(&Refusal::new(Code::RequestTooLarge, message));
        }
        body.extend_from_slice(chunk);
        let Some(now) = end else {
            self.state = State::Gathering { head, body };
            return Effect::Hold;
        };
        let remove = head.remove.clone();
        match request::check(&self.gate, *head, &body) {
            Ok(asked) => {
                let body = asked.request.write();
                let deadline = now.saturating_add(self.gate.contract.limits().turn_timeout);
                self.state = State::Sent { asked: Box::new(asked), deadline };
                Effect::Forward(Forward { body, remove })
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn response_head(&mut self, sent: Option<(Box<Asked>, Duration)>, headers: &Headers, end: bool) -> Effect {
        let status = head::status(headers);
        if (400..600).contains(&status) {
            if end || whole::check_encoding(headers).is_err() {
                return self.upstream_error(status);
            }
            self.state = State::Failing { status, body: Vec::new() };
            return Effect::Hold;
        }
        let Some((asked, deadline)) = sent.filter(|_| status == 200) else {
            let message = format!("The model's API answered with status {status}, which cannot be decided on.");
            return self.refuse(&Refusal::new(Code::UpstreamInvalid, message));
        };
        if let Err(refusal) = whole::check_encoding(headers) {
            return self.refuse(&refusal);
        }
        if end {
            return self.refuse(&Refusal::new(Code::UpstreamInvalid, "The model's API answered without a body."));
        }
        match (
            asked.request.stream(),
            head::is_type(headers, "text/event-stream"),
            head::is_type(headers, "application/json"),
        ) {
            (true, true, _) => {
                self.state = State::Streaming(Box::new(StreamTurn::new(&self.gate, *asked, deadline)));
                Effect::BeginStream
            }
            (false, _, true) => {
                self.state = State::Whole { asked, body: Vec::new(), deadline };
                Effect::Hold
            }
            (true, false, _) => self.refuse(&Refusal::new(
                Code::UpstreamInvalid,
                "The request asked for a stream, but the model's API did not answer with `text/event-stream`.",
            )),
            (false, _, false) => self.refuse(&Refusal::new(
                Code::UpstreamInvalid,
                "The model's API did not answer with `application/json`.",
            )),
        }
    }

    fn whole_data(
        &mut self,
        asked: Box<Asked>,
        mut body: Vec<u8>,
        deadline: Duration,
        chunk: &[u8],
        end: bool,
        now: Duration,
    ) -> Effect {
        let most = self.gate.contract.limits().response_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            return self.refuse(&whole::too_large(most));
        }
        if now > deadline {
            return self.refuse(&late());
        }
        body.extend_from_slice(chunk);
        if !end {
            self.state = State::Whole { asked, body, deadline };
            return Effect::Hold;
        }
        let mut said = Said::default();
        let turn =
            whole::parse(&body).and_then(|answer| whole::decide(&self.gate, &asked, answer, &said, &mut self.tally));
        match turn {
            Ok(Turn::Release(answer)) => Effect::Finish(answer.write()),
            Ok(Turn::Again(next)) => {
                said.add(&next);
                self.again(*asked, said, AnswerForm::Whole, next)
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn failing_data(&mut self, status: u16, mut body: Vec<u8>, chunk: &[u8], end: bool) -> Effect {
        if exceeds(body.len().saturating_add(chunk.len()), self.gate.contract.limits().response_bytes) {
            return self.upstream_error(status);
        }
        body.extend_from_slice(chunk);
        if !end {
            self.state = State::Failing { status, body };
            return Effect::Hold;
        }
        if is_error_body(&body) {
            self.tally.error = Some(Code::UpstreamError);
            return Effect::Finish(body);
        }
        self.upstream_error(status)
    }

    fn stream_data(&mut self, mut turn: Box<StreamTurn>, chunk: &[u8], end: bool, now: Duration) -> Effect {
        let mut out = Vec::new();
        let mut progress = turn.data(&self.gate, chunk, now, &mut self.tally, &mut out);
        if end && matches!(progress, Ok(Progress::Open)) {
            progress = turn.end(&self.gate, &mut self.tally, &mut out);
        }
        match progress {
            Ok(Progress::Open) => {
                self.state = State::Streaming(turn);
                emit(out)
            }
            Ok(Progress::Complete) => close(out, end),
            Ok(Progress::Again(next)) => self.stream_again(*turn, next, out),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&refusal.frame());
                close(out, end)
            }
        }
    }

    fn stream_trailers(&mut self, mut turn: Box<StreamTurn>, writable: bool, _now: Duration) -> Effect {
        let mut out = Vec::new();
        let progress = turn.end(&self.gate, &mut self.tally, &mut out);
        match progress {
            // Whatever is left to say cannot be said any more: the stream ends without it, and nothing runs.
            Ok(_) | Err(_) if !writable => {
                self.tally.error = Some(Code::UpstreamTruncated);
                Effect::Finish(Vec::new())
            }
            Ok(Progress::Again(next)) => self.stream_again(*turn, next, out),
            Ok(Progress::Open | Progress::Complete) => Effect::Finish(out),
            Err(refusal) => self.broken(out, &refusal),
        }
    }

    fn stream_again(&mut self, turn: StreamTurn, next: Next, unsent: Vec<u8>) -> Effect {
        let head = match turn.head() {
            Ok(head) => Box::new(head),
            Err(refusal) => return self.broken(unsent, &refusal),
        };
        let said = Said::streamed(&next);
        self.again(turn.asked, said, AnswerForm::Stream { head, unsent }, next)
    }

    /// A turn needs another round: first its calls, if it has any to run, then the model.
    fn again(&mut self, asked: Asked, said: Said, form: AnswerForm, next: Next) -> Effect {
        let Next { text, run, refused, .. } = next;
        if run.is_empty() {
            return self.ask(Looping { asked, said, form, waiting: Waiting::Model }, &text, Vec::new(), refused);
        }
        let batch = rounds::batch(&self.gate, &asked, &run);
        self.tally.run = self.tally.run.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        let waiting = Waiting::Calls { text, run, refused };
        self.state = State::Looping(Box::new(Looping { asked, said, form, waiting }));
        Effect::Run(batch)
    }

    fn calls_run(&mut self, mut looping: Looping, outcomes: Result<Vec<Outcome>, CallFailed>) -> Effect {
        let Waiting::Calls { text, run, refused } = std::mem::replace(&mut looping.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "Outcomes of calls came when none were awaited.");
            return self.fail(looping.form, &refusal);
        };
        let answered =
            outcomes.map_err(rounds::failed).and_then(|outcomes| rounds::answered(&self.gate, run, outcomes));
        match answered {
            Ok(results) => self.ask(looping, &text, results, refused),
            Err(refusal) => self.fail(looping.form, &refusal),
        }
    }

    fn ask(
        &mut self,
        mut looping: Looping,
        text: &str,
        mut results: Vec<callgate_wire::CallResult>,
        refused: Vec<Refused>,
    ) -> Effect {
        results.extend(refused.into_iter().map(rounds::told));
        let request = rounds::ask(&self.gate, &mut looping.asked, text, &results);
        self.state = State::Looping(Box::new(looping));
        Effect::Ask(request)
    }

    fn model_answered(&mut self, mut looping: Looping, reply: Result<ModelReply<'_>, CallFailed>) -> Effect {
        if matches!(looping.waiting, Waiting::Calls { .. }) {
            let refusal = Refusal::new(Code::OutOfOrder, "The model answered when it was not asked.");
            return self.fail(looping.form, &refusal);
        }
        let most = self.gate.contract.limits().response_bytes;
        let turn = reply
            .map_err(rounds::unanswered)
            .and_then(|reply| whole::read(reply.headers, reply.body, most))
            .and_then(|answer| whole::decide(&self.gate, &looping.asked, answer, &looping.said, &mut self.tally));
        match turn {
            Ok(Turn::Again(next)) => {
                looping.said.add(&next);
                self.again(looping.asked, looping.said, looping.form, next)
            }
            Ok(Turn::Release(answer)) => match looping.form {
                AnswerForm::Whole => Effect::Finish(answer.write()),
                AnswerForm::Stream { head, mut unsent } => {
                    unsent.extend_from_slice(&stream::close(&head, &answer, looping.asked.include_usage));
                    Effect::Finish(unsent)
                }
            },
            Err(refusal) => self.fail(looping.form, &refusal),
        }
    }

    /// Ends a loop in an error, in the form that the client can still be answered in.
    fn fail(&mut self, form: AnswerForm, refusal: &Refusal) -> Effect {
        match form {
            AnswerForm::Whole => self.refuse(refusal),
            AnswerForm::Stream { unsent, .. } => self.broken(unsent, refusal),
        }
    }

    /// Ends a stream in an error.
    fn broken(&mut self, mut unsent: Vec<u8>, refusal: &Refusal) -> Effect {
        self.tally.error = Some(refusal.code);
        unsent.extend_from_slice(&refusal.frame());
        Effect::Finish(unsent)
    }

    fn refuse(&mut self, refusal: &Refusal) -> Effect {
        self.tally.error = Some(refusal.code);
        self.state = State::Open;
        Effect::Reply(refusal.reply())
    }

    /// An upstream's error that is none of the dialect: its status, our body.
    fn upstream_error(&mut self, status: u16) -> Effect {
        let message = format!("The model's API answered with status {status} and no error object.");
        let Effect::Reply(reply) = self.refuse(&Refusal::new(Code::UpstreamError, message)) else {
            return Effect::Hold;
        };
        Effect::Reply(Reply { status, ..reply })
    }
}

fn emit(out: Vec<u8>) -> Effect {
    if out.is_empty() { Effect::Hold } else { Effect::Emit(out) }
}

/// The stream's last bytes; the exchange is [`State::Closed`] from here.
fn close(out: Vec<u8>, end: bool) -> Effect {
    if end { Effect::Finish(out) } else { emit(out) }
}

fn late() -> Refusal {
    Refusal::new(Code::LimitExceeded, "The model's answer took longer than the contract's `turnTimeout`.")
}

fn exceeds(size: usize, most: u64) -> bool {
    u64::try_from(size).unwrap_or(u64::MAX) > most
}

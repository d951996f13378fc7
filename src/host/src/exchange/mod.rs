//! One exchange in a host: callbacks become events of the engine, effects become writes and the host's next step.
//!
//! The engine keeps the bytes. The host drops its own as soon as the engine has them, so only forwarded bytes meet the host's
//! limits. A body is written only if the host has a buffer for it: in a body callback, or later while the response is held
//! ([`live`]).
//!
//! A host may call back from inside a callout. So no exchange is borrowed while the host dispatches one, and every step that can
//! end a stream ([`Step::Reply`], [`Step::Reset`], [`Step::Resume`]) is returned for the host to take last.

mod access;
mod live;
mod meter;
mod upstream;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{AdmissionReply, Authorization, CallFailed, Effect, Event, Gate, Outcome};

use crate::candidate;
use crate::host::{Host, OwnedReply, Sent};
use crate::metrics::{self, Histogram, Metrics};
use crate::step::Step;
use live::{Callout, Live, Moment, Side, Turn};

/// One exchange, shared by the stream's callbacks and by ticks.
#[derive(Debug)]
pub struct LiveExchange(RefCell<Live>);

// === impl LiveExchange ===

impl LiveExchange {
    /// Creates an exchange through a gate. See [`Exchange::new`] about the id.
    #[must_use]
    pub fn new(gate: Rc<Gate>, id: String) -> Self {
        Self(RefCell::new(Live::new(gate, id)))
    }

    /// Begins a callback whose event carries no time. The gate's own time begins here, with the host's reading of headers or of an
    /// answer.
    pub fn begin(&self, host: &impl Host) {
        self.0.borrow_mut().meter.begin(host.now());
    }

    /// Carries out an event of the request, of which the host has `held` bytes at hand.
    pub fn on_request(&self, host: &impl Host, event: Event<'_>, held: usize) -> Step {
        let begun = self.begun(host, &event);
        let effect = self.0.borrow_mut().tell_request(host, event);
        let step = self.settle(host, Moment::Request(held), effect);
        self.ended(host, begun, Side::Request, &step);
        step
    }

    /// Carries out the response's headers.
    pub fn on_response_head(&self, host: &impl Host, event: Event<'_>) -> Step {
        let begun = self.begun(host, &event);
        let step = self.0.borrow_mut().on_response_head(host, event);
        self.ended(host, begun, Side::Response, &step);
        step
    }

    /// Carries out bytes of the response, of which the host has `held` at hand.
    pub fn on_response(&self, host: &impl Host, event: Event<'_>, held: usize) -> Step {
        let begun = self.begun(host, &event);
        let effect = self.0.borrow_mut().tell(host, event);
        if effect == Effect::Pass {
            let step = self.settle(host, Moment::Response(held), effect);
            self.0.borrow_mut().passed(host, begun);
            return step;
        }
        let step = self.settle(host, Moment::Response(held), effect);
        self.ended(host, begun, Side::Response, &step);
        step
    }

    /// Carries out the response's trailers.
    pub fn on_response_trailers(&self, host: &impl Host) -> Step {
        let (writable, now, effect) = {
            let mut live = self.0.borrow_mut();
            let (writable, now) = (live.is_writable(), host.now());
            (writable, now, live.tell(host, Event::ResponseTrailers { writable, now }))
        };
        let step = match effect {
            // Without a held body nothing can be written, and the engine has nothing to write.
            Effect::Finish(_) if !writable => {
                self.0.borrow_mut().note(host);
                Step::Continue
            }
            effect => self.settle(host, Moment::Response(0), effect),
        };
        self.ended(host, now, Side::Response, &step);
        step
    }

    /// Carries out the executor's answer. Returns [`Step::Hold`] if the exchange does not wait for this token.
    pub fn on_calls_run(&self, host: &impl Host, token: u64, outcomes: Result<Vec<Outcome>, CallFailed>) -> Step {
        self.on_answer(host, Callout::Executor(token), Event::CallsRun(outcomes))
    }

    /// Carries out the executor's rulings. Returns [`Step::Hold`] if the exchange does not wait for this token.
    pub fn on_authorized(&self, host: &impl Host, token: u64, rulings: Result<Vec<Authorization>, CallFailed>) -> Step {
        self.on_answer(host, Callout::Rulings(token), Event::Authorized(rulings))
    }

    /// Carries out the executor's counts. Returns [`Step::Hold`] if the exchange does not wait for this token.
    pub fn on_admitted(&self, host: &impl Host, token: u64, reply: Result<AdmissionReply, CallFailed>) -> Step {
        self.on_answer(host, Callout::Counts(token), Event::Admitted(reply))
    }

    /// Carries out the model's answer. Returns [`Step::Hold`] if the exchange does not wait for this token.
    pub fn on_model_answered(&self, host: &impl Host, token: u64, reply: &Result<OwnedReply, CallFailed>) -> Step {
        OwnedReply::lend(reply, |reply| self.on_answer(host, Callout::Model(token), Event::ModelAnswered(reply)))
    }

    /// Passes the time to the exchange.
    pub fn on_tick(&self, host: &impl Host) -> Step {
        let (moment, now, effect) = {
            let mut live = self.0.borrow_mut();
            let (writable, now) = (live.is_writable(), host.now());
            (live.moment(), now, live.tell(host, Event::Tick { writable, now }))
        };
        // A tick of an exchange with nothing to do is not measured: most ticks are.
        if effect == Effect::Hold {
            return self.settle(host, moment, effect);
        }
        let step = self.settle(host, moment, effect);
        self.ended(host, now, moment.side(), &step);
        step
    }

    /// Ends the exchange, and writes its metrics. Access logs are written after this, so the verdict is noted here at the latest. A
    /// decision was noted when it was made.
    pub fn on_end(&self, host: &impl Host, metrics: &impl Metrics) {
        let begun = host.now();
        let cancelled = {
            let mut live = self.0.borrow_mut();
            live.end(host);
            live.callout.take()
        };
        cancel(host, cancelled);
        let ended = host.now();
        let mut live = self.0.borrow_mut();
        let (request, response) = (live.meter.request.end(begun), live.meter.response.end(begun));
        live.meter.lap(begun, ended);
        let tally = live.exchange.tally();
        candidate::report(tally, ended);
        metrics::count(tally, |counter, by| metrics.add(counter, by));
        let times = [
            (Histogram::FilterTime, Some(live.meter.own())),
            (Histogram::RequestHeld, request),
            (Histogram::ResponseHeld, response),
        ];
        metrics::measure(tally, live.exchange.most_held(), times, |histogram, value| metrics.record(histogram, value));
    }

    /// Returns true if the exchange waits for the executor's answer with this token.
    pub fn awaits_executor(&self, token: u64) -> bool {
        self.0.borrow().callout == Some(Callout::Executor(token))
    }

    /// Returns true if the exchange waits for the executor's rulings with this token.
    pub fn awaits_rulings(&self, token: u64) -> bool {
        self.0.borrow().callout == Some(Callout::Rulings(token))
    }

    /// Returns true if the exchange waits for the executor's counts with this token.
    pub fn awaits_counts(&self, token: u64) -> bool {
        self.0.borrow().callout == Some(Callout::Counts(token))
    }

    /// Returns true if the exchange waits for the model's answer with this token.
    pub fn awaits_model(&self, token: u64) -> bool {
        self.0.borrow().callout == Some(Callout::Model(token))
    }

    fn on_answer(&self, host: &impl Host, callout: Callout, event: Event<'_>) -> Step {
        let begun = self.begun(host, &event);
        let (moment, effect) = {
            let mut live = self.0.borrow_mut();
            let Some(moment) = live.answered(callout) else { return Step::Hold };
            (moment, live.tell(host, event))
        };
        let step = self.settle(host, moment, effect);
        self.ended(host, begun, moment.side(), &step);
        step
    }

    /// Returns the time at which the callback of an event began.
    fn begun(&self, host: &impl Host, event: &Event<'_>) -> Duration {
        let begun = self.0.borrow_mut().meter.take_begin();
        begun.or_else(|| event.now()).unwrap_or_else(|| host.now())
    }

    /// Measures a callback that ends with this step.
    fn ended(&self, host: &impl Host, begun: Duration, side: Side, step: &Step) {
        self.0.borrow_mut().ended((begun, host.now()), side, step);
    }

    /// Carries out an effect. Sends callouts; if one ends at once, the engine learns of it, and the next effect is carried out.
    fn settle(&self, host: &impl Host, moment: Moment, mut effect: Effect) -> Step {
        loop {
            let turn = self.0.borrow_mut().turn(host, moment, effect);
            effect = match turn {
                Turn::Step(step) => {
                    if matches!(step, Step::Resume | Step::ResumeRequest | Step::Reply(_) | Step::Reset) {
                        let cancelled = self.0.borrow_mut().give_up();
                        cancel(host, cancelled);
                    }
                    return step;
                }
                Turn::Run(batch) => match host.run(batch) {
                    Sent::Waits(token) => return self.0.borrow_mut().wait(Callout::Executor(token), moment),
                    Sent::Ended(outcomes) => self.0.borrow_mut().tell(host, Event::CallsRun(outcomes)),
                },
                Turn::Authorize(batch) => match host.authorize(batch) {
                    Sent::Waits(token) => return self.0.borrow_mut().wait(Callout::Rulings(token), moment),
                    Sent::Ended(rulings) => self.0.borrow_mut().tell(host, Event::Authorized(rulings)),
                },
                Turn::Admit(request) => match host.admit(request) {
                    Sent::Waits(token) => return self.0.borrow_mut().wait(Callout::Counts(token), moment),
                    Sent::Ended(reply) => self.0.borrow_mut().tell(host, Event::Admitted(reply)),
                },
                Turn::Ask(request) => match host.ask(request) {
                    Sent::Waits(token) => return self.0.borrow_mut().wait(Callout::Model(token), moment),
                    Sent::Ended(reply) => {
                        OwnedReply::lend(&reply, |reply| self.0.borrow_mut().tell(host, Event::ModelAnswered(reply)))
                    }
                },
            };
        }
    }
}

fn cancel(host: &impl Host, callout: Option<Callout>) {
    if let Some(Callout::Executor(token) | Callout::Rulings(token) | Callout::Counts(token)) = callout {
        host.cancel(token);
    }
}

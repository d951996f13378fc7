//! The life of conversations, in every API.

use callgate_contract::Code;
use callgate_engine::{Code as ExchangeCode, Effect, Standing};
use serde_json::{Value, json};

use super::{Asker, CLERK, answer, ask, ask_after, ask_with, gate, refused, text};
use crate::common::{headers, send_with};
use crate::conditions::apis::{APIS, Api, Step};

const BY_HEADER: &str =
    "  conversation: { id: \"header:x-session-id\", idle: 30m, lifetime: 24h, maxTurns: 3, maxCalls: 2 }";
const DERIVED: &str = "  conversation: { id: [\"header:x-session-id\", derived], maxTurns: 1 }";
const ONE: [(&str, &str); 1] = [("x-session-id", "one")];

fn standing(effect: &Effect, exchange: &callgate_engine::Exchange) -> Option<Standing> {
    assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
    exchange.tally().conversation.as_ref().map(|seen| seen.standing)
}

#[test]
fn a_conversation_is_paused_resumed_expired_and_has_an_end_of_turns_in_every_api() {
    for api in &APIS {
        for stream in [false, true] {
            let gate = gate("", "", BY_HEADER);
            let ask = |seconds, id| ask_with(api, &gate, CLERK.after(seconds), stream, &[("x-session-id", id)]);
            for (seconds, expected) in [(0, Standing::Begun), (1_799, Standing::Active), (3_599, Standing::Resumed)] {
                let (effect, exchange) = ask(seconds, "one");
                assert_eq!(standing(&effect, &exchange), Some(expected), "{}", api.name);
            }
            let (effect, exchange) = ask(3_600, "one");
            let (status, body, wait) = refused(effect);
            assert_eq!((status, wait), (400, None), "{}: {body}", api.name);
            assert!(body.contains("conversation.maxTurns") && serde_json::from_str::<Value>(&body).is_ok(), "{body}");
            assert_eq!(exchange.tally().error, Some(ExchangeCode::ConversationLimit));
            ask(3_600, "two");
            let (effect, exchange) = ask(3_600 + 86_400, "two");
            assert_eq!(refused(effect).0, 400);
            assert_eq!(exchange.tally().error, Some(ExchangeCode::ConversationExpired), "{}", api.name);
        }
    }
}

#[test]
fn an_id_is_bound_to_tenant_and_role() {
    let [api, ..] = &APIS;
    let gate = gate("", "", BY_HEADER);
    for _ in 0..3 {
        assert!(matches!(ask_with(api, &gate, CLERK, false, &ONE).0, Effect::Forward(_)));
    }
    let mut labels = vec![ask_with(api, &gate, CLERK, false, &[("x-session-id", "two")]).1];
    for other in [Asker { tenant: "evil", ..CLERK }, Asker { role: "viewer", ..CLERK }] {
        let (effect, exchange) = ask_with(api, &gate, other, false, &ONE);
        assert_eq!(standing(&effect, &exchange), Some(Standing::Begun), "{other:?}");
        labels.push(exchange);
    }
    assert_eq!(refused(ask_with(api, &gate, CLERK, false, &ONE).0).0, 400);
    let labels: std::collections::HashSet<String> =
        labels.iter().filter_map(|exchange| Some(exchange.tally().conversation.as_ref()?.label.clone())).collect();
    assert!(labels.len() == 3 && labels.iter().all(|label| label.len() == 32), "{labels:?}");
}

#[test]
fn a_request_without_one_id_is_refused() {
    let long = "a".repeat(257);
    let several: [&[(&str, &str)]; 6] = [
        &[],
        &[("x-session-id", "one"), ("x-session-id", "two")],
        &[("x-session-id", "one"), ("x-session-id", "one")],
        &[("x-session-id", "")],
        &[("x-session-id", "with space")],
        &[("x-session-id", &long)],
    ];
    for api in &APIS {
        let gate = gate("", "", BY_HEADER);
        for more in several {
            let (effect, exchange) = ask_with(api, &gate, CLERK, false, more);
            assert_eq!(refused(effect).0, 400, "{} {more:?}", api.name);
            assert_eq!(exchange.tally().error, Some(ExchangeCode::ConversationUnknown));
        }
    }
}

#[test]
fn a_repeated_header_is_refused_even_if_the_id_could_be_derived() {
    let [api, ..] = &APIS;
    let gate = gate("", "", DERIVED);
    let (effect, _) = ask_with(api, &gate, CLERK, false, &[("x-session-id", "a"), ("x-session-id", "b")]);
    assert_eq!(refused(effect).0, 400);
    assert!(matches!(ask_with(api, &gate, CLERK, false, &ONE).0, Effect::Forward(_)));
    assert_eq!(refused(ask_with(api, &gate, CLERK, false, &ONE).0).0, 400, "the header counts before the texts");
    assert!(matches!(ask(api, &gate, CLERK, false).0, Effect::Forward(_)));
}

#[test]
fn a_derived_id_stays_the_same_as_the_conversation_grows_in_every_api() {
    for api in &APIS {
        let gate = gate("", "", &DERIVED.replace("maxTurns: 1", "maxTurns: 2"));
        let ask = |steps: &[Step]| ask_after(api, &gate, CLERK, false, (&[], steps)).0;
        assert!(matches!(ask(&[Step::User]), Effect::Forward(_)), "{}", api.name);
        let grown = [Step::User, Step::Calls("c1", "look"), Step::Results("c1", "look"), Step::Says, Step::User];
        assert!(matches!(ask(&grown), Effect::Forward(_)), "{}", api.name);
        assert_eq!(refused(ask(&[Step::User, Step::Says, Step::User])).0, 400, "{}", api.name);
        // Another beginning is another conversation.
        assert!(matches!(ask(&[Step::User, Step::User]), Effect::Forward(_)), "{}", api.name);
    }
}

fn chat(messages: &Value) -> String {
    json!({ "model": "m-1", "messages": messages }).to_string()
}

#[test]
fn a_derived_id_reads_instructions_and_the_first_words_of_the_user() {
    let gate = gate("", "", DERIVED);
    let head = headers(&[
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let mut seen = std::collections::HashSet::new();
    for messages in [
        json!([{ "role": "user", "content": "ab" }]),
        json!([{ "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] }]),
        json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }]),
        json!([{ "role": "system", "content": "a" }, { "role": "user", "content": "b" }]),
        json!([{ "role": "user", "content": "b" }]),
        json!([{ "role": "assistant", "content": "a" }, { "role": "user", "content": "c" }]),
    ] {
        let mut exchange = callgate_engine::Exchange::new(std::rc::Rc::clone(&gate), "exchange-1");
        let effect = send_with(&mut exchange, &head, chat(&messages).as_bytes());
        assert!(matches!(effect, Effect::Forward(_)), "{messages}: {effect:?}");
        assert!(seen.insert(exchange.tally().conversation.clone().unwrap().label), "{messages}");
    }
}

#[test]
fn an_id_is_not_derived_from_a_part_of_a_conversation() {
    let gate = gate("", "", &format!("{DERIVED}\n  serverState: allowed"));
    let head = headers(&[
        (":method", "POST"),
        (":path", "/v1/responses"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let body = json!({ "model": "m-1", "input": "go on", "previous_response_id": "resp_1" }).to_string();
    let mut exchange = callgate_engine::Exchange::new(std::rc::Rc::clone(&gate), "exchange-1");
    assert_eq!(refused(send_with(&mut exchange, &head, body.as_bytes())).0, 400);
    let mut named = head.clone();
    named.extend(headers(&ONE));
    let mut exchange = callgate_engine::Exchange::new(gate, "exchange-2");
    assert!(matches!(send_with(&mut exchange, &named, body.as_bytes()), Effect::Forward(_)));
}

fn calls(
    api: &Api,
    gate: &std::rc::Rc<callgate_engine::Gate>,
    size: Option<usize>,
) -> (String, callgate_engine::Exchange) {
    let none = json!({});
    let (effect, mut exchange) = ask_with(api, gate, CLERK, size.is_some(), &ONE);
    assert!(matches!(effect, Effect::Forward(_)), "{}: {effect:?}", api.name);
    let calls = [("c1", "order", &none), ("c2", "look", &none), ("c3", "order", &none)];
    (text(answer(api, &mut exchange, CLERK.now, &calls, size)), exchange)
}

#[test]
fn calls_of_a_conversation_have_an_end_in_every_api() {
    for api in &APIS {
        for size in [None, Some(1), Some(50)] {
            let gate = gate("callsPerMinute: 3", "", BY_HEADER);
            let (seen, exchange) = calls(api, &gate, size);
            assert!(seen.contains("conversation_limit"), "{}: {seen}", api.name);
            assert_eq!((exchange.tally().released, &exchange.tally().refused[..]), (2, &[Code::ConversationLimit][..]));
            assert_eq!(calls(api, &gate, size).1.tally().released, 0, "{}", api.name);
            // The refused calls have left the role's own calls alone.
            let (effect, mut exchange) = ask_with(api, &gate, CLERK, false, &[("x-session-id", "two")]);
            assert!(matches!(effect, Effect::Forward(_)));
            let none = json!({});
            answer(api, &mut exchange, CLERK.now, &[("c1", "order", &none), ("c2", "order", &none)], None);
            assert_eq!(exchange.tally().refused, [Code::RateLimited]);
        }
    }
}

#[test]
fn further_rounds_of_an_exchange_are_turns() {
    let none = json!({});
    for api in &APIS {
        for (turns, goes_on) in [(2, true), (1, false)] {
            for size in [None, Some(30)] {
                let spec = format!(
                    "  onViolation: feedback\n{}",
                    BY_HEADER.replace("maxTurns: 3", &format!("maxTurns: {turns}"))
                );
                let gate = gate("", "", &spec);
                let (effect, mut exchange) = ask_with(api, &gate, CLERK, size.is_some(), &ONE);
                assert!(matches!(effect, Effect::Forward(_)));
                let effect = answer(api, &mut exchange, CLERK.now, &[("c1", "other", &none)], size);
                assert_eq!(matches!(effect, Effect::Ask(_)), goes_on, "{} {turns}: {effect:?}", api.name);
                if !goes_on {
                    assert_eq!(exchange.tally().error, Some(ExchangeCode::ConversationLimit), "{}", api.name);
                }
            }
        }
    }
}

#[test]
fn the_executor_gets_the_name_of_the_conversation_and_never_its_id() {
    let none = json!({});
    for (spec, named) in [(BY_HEADER, true), ("", false)] {
        for api in &APIS {
            let gate = gate("", "", &format!("  authorize: true\n{spec}"));
            let (_, mut exchange) = ask_with(api, &gate, CLERK, false, &[("x-session-id", "session-of-alice")]);
            let effect = answer(api, &mut exchange, CLERK.now, &[("c1", "look", &none)], None);
            let Effect::Authorize(asked) = effect else { panic!("{}: {effect:?}", api.name) };
            let label = exchange.tally().conversation.as_ref().map(|seen| seen.label.clone());
            assert_eq!((&asked.batch.conversation_id, label.is_some()), (&label, named), "{}", api.name);
            assert!(!format!("{asked:?}").contains("session-of-alice"), "{}", api.name);
        }
    }
}

#[test]
fn a_request_refused_for_its_rate_is_no_turn() {
    let [api, ..] = &APIS;
    let gate = gate("requestsPerMinute: 1", "", BY_HEADER);
    assert!(matches!(ask_with(api, &gate, CLERK, false, &ONE).0, Effect::Forward(_)));
    for _ in 0..5 {
        assert_eq!(refused(ask_with(api, &gate, CLERK, false, &ONE).0).0, 429);
    }
    for minute in 1..3 {
        assert!(matches!(ask_with(api, &gate, CLERK.after(70 * minute), false, &ONE).0, Effect::Forward(_)));
    }
    assert_eq!(refused(ask_with(api, &gate, CLERK.after(210), false, &ONE).0).0, 400);
}

#[test]
fn in_shadow_mode_the_end_of_a_conversation_is_reported_only() {
    for api in &APIS {
        let gate = gate("", "", &format!("  enforce: false\n{BY_HEADER}"));
        for _ in 0..3 {
            assert!(matches!(ask_with(api, &gate, CLERK, false, &ONE).0, Effect::Forward(_)));
        }
        for (more, code) in [(&ONE[..], ExchangeCode::ConversationLimit), (&[], ExchangeCode::ConversationUnknown)] {
            let (effect, exchange) = ask_with(api, &gate, CLERK, false, more);
            assert!(matches!(effect, Effect::Forward(_)), "{}", api.name);
            assert_eq!(exchange.tally().shadowed_errors, [code]);
        }
    }
}

#[test]
fn a_count_of_tokens_is_a_request_and_no_turn() {
    let gate = gate("requestsPerMinute: 3", "", &BY_HEADER.replace("maxTurns: 3", "maxTurns: 1"));
    let mut head = headers(&[
        (":method", "POST"),
        (":path", "/v1/messages/count_tokens"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let body = json!({ "model": "m-1", "messages": [{ "role": "user", "content": "hello" }] }).to_string();
    for (more, status) in [(&[][..], None), (&ONE, None), (&ONE, None), (&ONE, Some(429))] {
        head.truncate(5);
        head.extend(headers(more));
        let mut exchange = callgate_engine::Exchange::new(std::rc::Rc::clone(&gate), "exchange-1");
        let effect = send_with(&mut exchange, &head, body.as_bytes());
        match status {
            None => assert!(matches!(effect, Effect::Forward(_)), "{effect:?}"),
            Some(status) => assert_eq!(refused(effect).0, status),
        }
    }
}

#[test]
fn the_header_of_the_id_is_forwarded() {
    let [api, ..] = &APIS;
    let gate = gate("", "", BY_HEADER);
    let (effect, _) = ask_with(api, &gate, CLERK, false, &ONE);
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    assert!(!forward.remove.iter().any(|name| name == "x-session-id"), "{:?}", forward.remove);
}

//! Streams: text is live, undecided calls are held, and a client may leave.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::http::{SseEvent, get};
use callgate_tests::upstream::Ending;
use callgate_tests::upstream::script::{Round, Wire};
use serde_json::json;

use crate::world::{Ask, Cx, SOON, good};

const OSLO: &str = r#"{"city":"Oslo"}"#;
const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "text arrives while the model is still writing, and a later bad call never does" => live,
        "a good call arrives whole, after its turn is complete" => held,
        "text after a call is not delayed by the call" => text_after,
        "the bytes of a stream without calls are the provider's own" => untouched,
        "any chunking of a stream gives the same answer" => chunking,
        "CRLF, comments and a byte order mark are read" => |cx: Cx| same(cx, Wire::Crlf),
        "finish_reason in the event of a call is read" => |cx: Cx| same(cx, Wire::FinishWithCall),
        "calls without an index are read" => |cx: Cx| same(cx, Wire::NoIndex),
        "a stream without [DONE] ends well" => no_done,
        "usage at the end of a stream is kept" => usage,
        "the tokens of a stream are counted" => tokens,
        "a client that leaves during text does no harm" => client_leaves,
        "a client that leaves while a call is held does no harm" => client_leaves_held,
    }
}

async fn live(cx: Cx) {
    let marker = r#"{"really":"xyzzy"}"#;
    let round = Round {
        hold: true,
        text: vec!["Working ".into(), "on it.".into()],
        ..Round::call("delete_everything", marker)
    };
    let mut connection = cx.connect("refuse").await;
    let response = connection.send(Ask::script(round).stream().request()).await.unwrap();
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").unwrap().starts_with("text/event-stream"));
    let mut events = response.events();
    // The model has sent its text and waits: all of the text must have arrived, and nothing else.
    assert_eq!(events.next_text().await.unwrap().unwrap(), "Working ");
    assert_eq!(events.next_text().await.unwrap().unwrap(), "on it.");
    cx.upstream().release();
    // Now the model has sent its call and waits again; then the turn ends.
    cx.upstream().release();
    let notice = events.next_text().await.unwrap().unwrap();
    assert!(notice.contains("tool_not_in_contract"), "{notice}");
    let mut finish = None;
    while let Some(event) = events.next().await.unwrap() {
        if let SseEvent::Data(data) = event {
            finish = data.pointer("/choices/0/finish_reason").and_then(|f| f.as_str()).map(str::to_owned).or(finish);
        }
    }
    assert_eq!(finish.as_deref(), Some("stop"));
    let raw = String::from_utf8(events.raw.clone()).unwrap();
    assert!(!raw.contains("xyzzy") && !raw.contains("\"tool_calls\""), "{raw}");
    good(&mut connection).await.unwrap();
}

async fn held(cx: Cx) {
    let round = Round { hold: true, text: vec!["Looking.".into()], ..Round::call("get_weather", OSLO) };
    let mut connection = cx.connect("refuse").await;
    let mut events = connection.send(Ask::script(round).stream().request()).await.unwrap().events();
    assert_eq!(events.next_text().await.unwrap().unwrap(), "Looking.");
    cx.upstream().release();
    cx.upstream().release();
    let mut calls = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        let SseEvent::Data(data) = event else { continue };
        if let Some(call) = data.pointer("/choices/0/delta/tool_calls/0") {
            calls.push(call.clone());
        }
    }
    assert_eq!(calls.len(), 1, "in one piece: {calls:?}");
    assert_eq!(calls[0]["function"]["arguments"], OSLO);
    good(&mut connection).await.unwrap();
}

async fn text_after(cx: Cx) {
    let round = Round { hold: true, after: vec!["And so on.".into()], ..Round::call("get_weather", OSLO) };
    let mut connection = cx.connect("refuse").await;
    let mut events = connection.send(Ask::script(round).stream().request()).await.unwrap().events();
    cx.upstream().release();
    // The model waits before its turn ends; the call is held, the text is not.
    assert_eq!(events.next_text().await.unwrap().unwrap(), "And so on.");
    assert!(!String::from_utf8_lossy(&events.raw).contains("get_weather"));
    cx.upstream().release();
    while events.next().await.unwrap().is_some() {}
    assert!(String::from_utf8_lossy(&events.raw).contains("get_weather"));
}

async fn untouched(cx: Cx) {
    let ask =
        Ask::script(Round { text: vec!["Gr\u{fc}\u{df}e ".into(), "\u{1f600}".into()], ..Round::default() }).stream();
    let mut through = Vec::new();
    for address in [cx.stack.gate("refuse").unwrap().address, cx.upstream().address()] {
        let mut connection = callgate_tests::http::Connection::open(address, cx.protocol).await.unwrap();
        through.push(connection.send(ask.request()).await.unwrap().text().await.unwrap());
    }
    assert_eq!(through[0], through[1]);
}

async fn chunking(cx: Cx) {
    let round = Round { text: vec!["\u{e4}\u{1f600}".into(), "b".into()], ..Round::default() }
        .and_call("get_weather", OSLO)
        .and_call("delete_everything", "{}");
    let mut answers = Vec::new();
    for wire in [Wire::Honest, Wire::Bytes, Wire::OneChunk] {
        answers.push(cx.streamed("refuse", &Ask::script(round.clone().wire(wire))).await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0].first().calls.len(), 1);
}

async fn same(cx: Cx, wire: Wire) {
    let round = Round { text: vec!["I look.".into()], ..Round::call("get_weather", r#"{"days": 2, "city": "Oslo"}"#) };
    let honest = cx.streamed("refuse", &Ask::script(round.clone())).await;
    assert_eq!(honest.first().calls.len(), 1);
    assert_eq!(cx.streamed("refuse", &Ask::script(round.wire(wire))).await, honest);
}

async fn no_done(cx: Cx) {
    let answer = cx.streamed("refuse", &Ask::script(Round::call("get_weather", OSLO).wire(Wire::NoDone))).await;
    assert_eq!((answer.first().calls.len(), answer.error), (1, None));
}

/// The counters are read before and after, because other cases count too.
async fn tokens(cx: Cx) {
    let before = counted(&cx, "callgate.tokens.input").await;
    let ask = Ask::script(Round::call("get_weather", OSLO)).with("stream_options", json!({"include_usage": true}));
    cx.streamed("refuse", &ask).await;
    let began = std::time::Instant::now();
    while counted(&cx, "callgate.tokens.input").await < before + 10 {
        assert!(began.elapsed() < SOON, "the tokens are not counted");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Returns a counter of the gate `refuse`, 0 before its first use.
async fn counted(cx: &Cx, counter: &str) -> u64 {
    let (_, stats) = get(cx.stack.gate("refuse").unwrap().admin, &format!("/stats?filter={counter}")).await.unwrap();
    stats.lines().find_map(|line| line.split_once(": ")?.1.trim().parse().ok()).unwrap_or_default()
}

async fn usage(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", OSLO)).with("stream_options", json!({"include_usage": true}));
    assert_eq!(cx.streamed("refuse", &ask).await.usage.unwrap()["total_tokens"], 15);
}

async fn client_leaves(cx: Cx) {
    let round = Round { hold: true, ..Round::say("Once upon a time") };
    let mut connection = cx.connect("refuse").await;
    let mut events = connection.send(Ask::script(round).stream().request()).await.unwrap().events();
    assert!(events.next_text().await.unwrap().is_some());
    drop((events, connection));
    let given_up = cx.upstream().recorder().wait(SOON, |seen| seen.iter().all(|r| r.ending == Ending::GivenUp)).await;
    assert!(given_up, "the model's answer is given up too");
    good(&mut cx.connect("refuse").await).await.unwrap();
}

async fn client_leaves_held(cx: Cx) {
    let round = Round { hold: true, text: vec!["Looking.".into()], ..Round::call("lookup_stock", STOCK) };
    let mut connection = cx.connect("refuse").await;
    let mut events = connection.send(Ask::script(round).stream().request()).await.unwrap().events();
    assert!(events.next_text().await.unwrap().is_some());
    cx.upstream().release();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    drop((events, connection));
    let given_up = cx.upstream().recorder().wait(SOON, |seen| seen.iter().all(|r| r.ending == Ending::GivenUp)).await;
    assert!(given_up);
    good(&mut cx.connect("refuse").await).await.unwrap();
}

//! Tools run by the executor: the model gets their results, the client only the final answer.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::http::Accumulated;
use callgate_tests::upstream::script::{Round, Script};
use serde_json::json;

use crate::world::{Ask, Cx, results};

const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;
const OSLO: &str = r#"{"city":"Oslo"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a call runs in the sandbox and the final answer quotes its result" => once,
        "the sandbox gets canonical arguments" => canonical,
        "two calls of one turn run, and each result has its call's id" => two,
        "several rounds run until the model stops calling" => rounds,
        "tool rounds stop at maxRounds" => never_stops,
        "in a mixed turn the sandbox's calls run and the model repeats the client's" => mixed,
        "a stream continues with the answer after the sandbox's result" => streamed,
        "the usage of all rounds is added up" => usage,
        "an endless tool is stopped and the model learns it" => |cx: Cx| fails(cx, "spin", "out_of_fuel"),
        "a trap of a tool is an outcome for the model" => |cx: Cx| fails(cx, "broken", "trap"),
        "a tool's output that is not JSON is dropped" => |cx: Cx| fails(cx, "babble", "output_invalid"),
        "a bad call for the sandbox runs nothing" => bad,
        "concurrent exchanges keep their answers apart" => many,
        "a provider's failure in a further round is an error" => provider_fails,
    }
}

fn quote() -> Round {
    Round { text: vec!["It said ".into(), "{{results}}".into()], ..Round::default() }
}

async fn once(cx: Cx) {
    let ask = Ask::script(Round::call("lookup_stock", STOCK).then(quote()));
    let answer = cx.both("refuse", &ask).await.first();
    assert_eq!(answer.text, format!("It said {STOCK}"));
    assert_eq!((answer.calls.len(), answer.finish.as_deref()), (0, Some("stop")));
}

async fn canonical(cx: Cx) {
    let ask = Ask::script(Round::call("lookup_stock", "{ \"sku\":\"\\u0041B-12\", \"quantity\":2.0 }").then(quote()));
    assert_eq!(cx.both("refuse", &ask).await.first().text, format!("It said {STOCK}"));
}

async fn two(cx: Cx) {
    let other = r#"{"quantity":9,"sku":"XY-1"}"#;
    let ask = Ask::script(Round::call("lookup_stock", STOCK).and_call("reserve_stock", other).then(quote()));
    assert_eq!(cx.both("refuse", &ask).await.first().text, format!("It said {STOCK} | {other}"));
    let second = cx.upstream().recorder().bodies().remove(1);
    let messages = second["messages"].as_array().unwrap();
    let [turn, first, last] = &messages[messages.len() - 3..] else { panic!("{messages:?}") };
    assert_eq!(turn["tool_calls"][0]["id"], first["tool_call_id"]);
    assert_eq!(turn["tool_calls"][1]["id"], last["tool_call_id"]);
}

async fn rounds(cx: Cx) {
    let script = Script {
        rounds: vec![
            Round::call("lookup_stock", STOCK),
            Round::call("reserve_stock", STOCK),
            Round::call("get_weather", OSLO),
        ],
    };
    let answer = cx.both("refuse", &Ask::script(script)).await.first();
    assert_eq!(answer.calls, [("call_2_0_0".to_owned(), "get_weather".to_owned(), OSLO.to_owned())]);
    assert_eq!(cx.upstream().recorder().all().len(), 6);
}

async fn never_stops(cx: Cx) {
    let answer = cx.both("refuse", &Ask::script(Round::call("lookup_stock", STOCK))).await.first();
    assert_eq!(answer.calls, [], "a server-run call never reaches the client");
    assert!(answer.text.contains("limit_exceeded"), "{}", answer.text);
    assert_eq!(cx.upstream().recorder().all().len(), 8, "four rounds, whole and streamed");
}

async fn mixed(cx: Cx) {
    let first = Round { text: vec!["One moment.".into()], ..Round::default() }
        .and_call("get_weather", OSLO)
        .and_call("lookup_stock", STOCK);
    let answer = cx.both("refuse", &Ask::script(first.then(Round::call("get_weather", OSLO)))).await.first();
    assert_eq!(answer.calls, [("call_1_0_0".to_owned(), "get_weather".to_owned(), OSLO.to_owned())]);
    assert!(answer.text.starts_with("One moment."), "{}", answer.text);
    let second = cx.upstream().recorder().bodies().remove(1);
    let results = results(&second);
    let [not_run, stock] = results.as_slice() else { panic!("{results:?}") };
    assert!(not_run.contains("call_not_run"), "the model learns that the client's call did not run: {not_run}");
    assert_eq!(stock, STOCK);
    let turn = second["messages"].as_array().unwrap().iter().rfind(|m| m["role"] == "assistant").unwrap();
    assert_eq!(turn["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(turn["content"], "One moment.");
}

async fn streamed(cx: Cx) {
    let first = Round { text: vec!["Looking.".into()], ..Round::call("lookup_stock", STOCK) };
    let ask = Ask::script(first.then(quote())).with("stream_options", json!({"include_usage": true}));
    let answer = cx.streamed("refuse", &ask).await;
    assert!(answer.done && answer.error.is_none(), "{answer:?}");
    assert_eq!(answer.first().text, format!("Looking.\n\nIt said {STOCK}"));
    assert_eq!(answer.first().finish.as_deref(), Some("stop"));
    assert_eq!(answer.usage.unwrap()["total_tokens"], 30, "both rounds");
}

async fn usage(cx: Cx) {
    let ask = Ask::script(Round::call("lookup_stock", STOCK).then(quote()));
    let (_, body) = cx.whole("refuse", &ask).await;
    assert_eq!((&body["usage"]["total_tokens"], &body["usage"]["prompt_tokens"]), (&json!(30), &json!(20)));
}

async fn fails(cx: Cx, tool: &'static str, code: &'static str) {
    let answer = cx.both("refuse", &Ask::script(Round::call(tool, "{}").then(quote()))).await.first();
    assert!(answer.text.contains(code), "{}", answer.text);
    assert!(!answer.text.contains("secret-babble"), "{}", answer.text);
}

async fn bad(cx: Cx) {
    let before = cx.stack.executor().0.log().len();
    let ask = Ask::script(Round::call("reserve_stock", r#"{"quantity":0,"sku":"AB-12"}"#).then(quote()));
    let answer = cx.both("refuse", &ask).await.first();
    assert!(answer.text.contains("arguments_invalid at /quantity"), "{}", answer.text);
    assert_eq!(cx.upstream().recorder().all().len(), 2, "no further round");
    // It counts decisions on this call only: those of the case before may be late.
    let since = cx.stack.executor().0.log().split_off(before);
    assert!(!since.contains("arguments_invalid"), "the executor was asked: {since}");
}

async fn many(cx: Cx) {
    let one = |n: usize| {
        let cx = cx.clone();
        tokio::spawn(async move {
            let arguments = format!(r#"{{"quantity":{n},"sku":"AB-{n}"}}"#);
            let first = Round { text: vec![format!("{n}: ")], ..Round::call("lookup_stock", &arguments) };
            let ask = Ask::script(first.then(quote()));
            let answer = if n.is_multiple_of(2) {
                cx.streamed("refuse", &ask).await
            } else {
                Accumulated::of_whole(&cx.whole("refuse", &ask).await.1)
            };
            assert_eq!(answer.first().text, format!("{n}: \n\nIt said {arguments}"));
        })
    };
    let all: Vec<_> = (1..=60).map(one).collect();
    for one in all {
        one.await.unwrap();
    }
}

async fn provider_fails(cx: Cx) {
    for (second, expected) in [
        (Round { status: Some(500), ..Round::default() }, 500),
        (Round::body("<!DOCTYPE html>"), 502),
        // Envoy's own answer.
        (Round::default().wire(callgate_tests::upstream::script::Wire::HangUp), 503),
        (Round::say("x").wire(callgate_tests::upstream::script::Wire::Gzip), 502),
    ] {
        let ask = Ask::script(Round::call("lookup_stock", STOCK).then(second));
        let (status, body) = cx.whole("refuse", &ask).await;
        assert_eq!(status, expected, "{body}");
        assert!(body["error"]["code"].as_str().unwrap().starts_with("upstream_"), "{body}");
        let streamed = cx.streamed("refuse", &ask).await;
        let code = streamed.error.unwrap()["code"].as_str().unwrap().to_owned();
        assert!(code.starts_with("upstream_"), "{code}");
    }
}

//! `onViolation: feedback`: the model gets the reason, and may try again.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::upstream::script::{Round, Script};
use serde_json::{Value, json};

use crate::world::{Ask, Cx, results};

const GOOD: &str = r#"{"city":"Oslo"}"#;
const BAD: &str = r#"{"city":"xyzzy","days":99}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a model may repair its arguments, and the client sees only the repaired call" => repaired,
        "the model gets code, pointer and expectation" => told,
        "feedback stops at maxRounds" => never_repaired,
        "a good call beside a bad one waits for the model's next answer" => beside,
        "an answer with several choices gets no feedback" => several,
    }
}

async fn repaired(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", BAD).then(Round::call("get_weather", GOOD)));
    let answer = cx.both("feedback", &ask).await.first();
    assert_eq!(answer.calls, [("call_1_0_0".to_owned(), "get_weather".to_owned(), GOOD.to_owned())]);
    assert_eq!(answer.text, "");
    assert_eq!(cx.upstream().recorder().all().len(), 4, "two rounds, whole and streamed");
}

async fn told(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", BAD).then(Round::say("Never mind.")));
    let (_, body) = cx.whole("feedback", &ask.clone().with("seed", json!(7))).await;
    assert_eq!(body["choices"][0]["message"]["content"], "Never mind.");
    let rounds = cx.upstream().recorder().all();
    let second = rounds[1].json();
    assert_eq!(second["seed"], 7, "what the caller asked for holds in every round");
    let told = results(&second);
    assert_eq!(told.len(), 1);
    let error: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["pointer"]), (&json!("arguments_invalid"), &json!("/days")));
    assert!(error["error"]["message"].as_str().unwrap().len() > 10);
    let messages = second["messages"].as_array().unwrap();
    assert_eq!(messages[messages.len() - 2]["tool_calls"][0]["id"], messages[messages.len() - 1]["tool_call_id"]);
    assert_eq!(rounds[1].header("x-callgate-role"), None);
}

async fn never_repaired(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", BAD));
    let answer = cx.both("feedback", &ask).await.first();
    assert_eq!(answer.calls, []);
    assert!(
        answer.text.contains("Callgate refused the call of `get_weather` (arguments_invalid at /days)"),
        "{}",
        answer.text
    );
    assert_eq!(cx.upstream().recorder().all().len(), 8, "four rounds, whole and streamed");
}

async fn beside(cx: Cx) {
    let first = Round::call("get_weather", GOOD).and_call("get_weather", BAD);
    let ask = Ask::script(first.then(Round::call("get_weather", GOOD)));
    let answer = cx.both("feedback", &ask).await.first();
    assert_eq!(answer.calls.len(), 1, "{answer:?}");
    assert_eq!(answer.calls[0].0, "call_1_0_0");
}

async fn several(cx: Cx) {
    let round = Round { also: vec![Round::say("other")], ..Round::call("get_weather", BAD) };
    let answer =
        cx.both("feedback", &Ask::script(Script::once(round)).tools(&["get_weather"]).with("n", json!(2))).await;
    assert_eq!(answer.choices[0].calls, []);
    assert!(answer.choices[0].text.contains("arguments_invalid"));
    assert_eq!(answer.choices[1].text, "other");
    assert_eq!(cx.upstream().recorder().all().len(), 2);
}

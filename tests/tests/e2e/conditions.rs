//! Conditions of the contract: the same in the filter and, for its tools, in the executor.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::upstream::script::{Round, Script};
use serde_json::{Value, json};

use crate::world::{Ask, Cx, results};

const OSLO: &str = r#"{"city":"Oslo"}"#;
const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;
const TOOLS: [&str; 4] = ["get_weather", "reserve_stock", "pay_bill", "confirm_stock"];

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a condition on arguments, caller, model and time decides" => arguments,
        "a condition reads the conversation of the request" => conversation,
        "a condition of a server-run tool reads earlier rounds, and the executor decides it again" => rounds,
        "a condition of a server-run tool refuses the call before its round" => before_its_round,
    }
}

/// Asserts that the one call of an answer is refused because of a condition.
async fn unmet(cx: &Cx, ask: &Ask) {
    let choice = cx.both("refuse", ask).await.first();
    assert_eq!(choice.calls, [], "{}", choice.text);
    assert!(choice.text.contains("(condition_unmet"), "{}", choice.text);
}

async fn arguments(cx: Cx) {
    let pay = |amount: &str| Ask::script(Round::call("pay_bill", &format!(r#"{{"amount":{amount}}}"#))).tools(&TOOLS);
    let choice = cx.both("refuse", &pay("1e2")).await.first();
    assert_eq!(choice.calls, [("call_0_0_0".to_owned(), "pay_bill".to_owned(), r#"{"amount":100}"#.to_owned())]);
    unmet(&cx, &pay("100.5")).await;
    unmet(&cx, &pay("20").role("viewer").tools(&["pay_bill"])).await;
    unmet(&cx, &pay("20").with("model", json!("gpt-4o"))).await;
}

/// The same ask after a call of a tool and its result.
fn after(ask: &Ask, tool: &str) -> Ask {
    let last = ask.body["messages"][0].clone();
    let function = json!({"name": tool, "arguments": "{}"});
    let called = json!({"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]});
    let result = json!({"role": "tool", "tool_call_id": "c1", "content": "text"});
    let messages: Vec<Value> = vec![json!({"role": "user", "content": "hello"}), called, result, last];
    ask.clone().with("messages", json!(messages))
}

async fn conversation(cx: Cx) {
    let pay = Ask::script(Round::call("pay_bill", r#"{"amount":20}"#)).tools(&TOOLS);
    assert_eq!(cx.both("refuse", &after(&pay, "reserve_stock")).await.first().calls.len(), 1);
    unmet(&cx, &after(&pay, "get_weather")).await;
    unmet(&cx, &after(&pay, "pay_bill")).await;
}

async fn rounds(cx: Cx) {
    let quote = Round { text: vec!["It said ".into(), "{{results}}".into()], ..Round::default() };
    let script =
        Script { rounds: vec![Round::call("reserve_stock", STOCK), Round::call("confirm_stock", STOCK), quote] };
    let answer = cx.both("refuse", &Ask::script(script).tools(&TOOLS)).await.first();
    assert_eq!(answer.text, format!("It said {STOCK}"));
    assert_eq!(results(cx.upstream().recorder().bodies().last().unwrap()), [STOCK]);
}

async fn before_its_round(cx: Cx) {
    unmet(&cx, &Ask::script(Round::call("confirm_stock", STOCK)).tools(&TOOLS)).await;
    let weather = Ask::script(Round::call("get_weather", OSLO)).tools(&TOOLS);
    assert_eq!(cx.both("refuse", &weather).await.first().calls.len(), 1, "a tool without a condition");
}

//! Decisions that are reported and not enforced: those of a candidate contract, and of a rule in shadow.

use std::time::Instant;

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::http::get;
use callgate_tests::upstream::script::Round;

use crate::world::{Ask, Cx, SOON};

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a candidate decides too, and its differences are reported" => candidate,
        "a call that breaks a rule in shadow is released and reported" => shadow_rule,
    }
}

/// Waits until a counter of the gate `refuse` is above zero, and its log has a text.
async fn reported(cx: &Cx, counter: &str, logged: &str) {
    let gate = cx.stack.gate("refuse").unwrap();
    let began = Instant::now();
    loop {
        let (_, stats) = get(gate.admin, &format!("/stats?filter={counter}")).await.unwrap();
        let value = stats.lines().find_map(|line| line.split_once(": ")?.1.trim().parse::<u64>().ok());
        if value.is_some_and(|value| value > 0) && gate.envoy.log().contains(logged) {
            return;
        }
        assert!(began.elapsed() < SOON, "{counter} is not counted, or {logged} is not in the access log:\n{stats}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn candidate(cx: Cx) {
    let ask = Ask::script(Round::call("get_weather", r#"{"city":"Narvik"}"#));
    assert_eq!(cx.both("refuse", &ask).await.first().calls.len(), 1);
    reported(&cx, "callgate.candidate.refused.arguments_invalid", "\"allow>arguments_invalid\"").await;
    let long = format!(r#"{{"city":"{}"}}"#, "x".repeat(65));
    let choice = cx.both("refuse", &Ask::script(Round::call("get_weather", &long))).await.first();
    assert_eq!(choice.calls, [], "{}", choice.text);
    reported(&cx, "callgate.candidate.allowed.arguments_invalid", "\"arguments_invalid>allow\"").await;
}

async fn shadow_rule(cx: Cx) {
    let ask = Ask::script(Round::call("list_items", r#"{"kind":"rare"}"#));
    assert_eq!(cx.both("refuse", &ask).await.first().calls.len(), 1);
    reported(&cx, "callgate.calls.shadowed.condition_unmet", "\"shadow:condition_unmet\"").await;
}

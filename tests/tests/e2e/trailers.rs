//! Bodies with trailers, on either side. The gate with `onViolation: error` uses HTTP/2 to the model, and accepts trailers
//! from HTTP/1.1 clients too.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::upstream::script::{Round, Wire};
use serde_json::json;

use crate::world::{Ask, Cx, expect_error, good, post};

const OSLO: &str = r#"{"city":"Oslo"}"#;
const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a request with trailers is decided like any other" => request,
        "a bad request with trailers is refused" => bad_request,
        "an answer with trailers is decided like any other" => answer,
        "a bad call in an answer with trailers is refused" => bad_answer,
        "a sandbox call in an answer with trailers runs" => server_call,
        "a fault in an answer with trailers is an error" => faulty,
    }
}

async fn request(cx: Cx) {
    let mut connection = cx.connect("error").await;
    for stream in [false, true] {
        let mut request = Ask::script(Round::call("get_weather", OSLO)).with("stream", json!(stream)).request();
        request.trailers = vec![("x-sum", "1")];
        let mut response = connection.send(request).await.unwrap();
        let text = response.text().await.unwrap();
        assert_eq!(response.status, 200, "{text}");
        assert!(text.contains("get_weather"), "{text}");
    }
    let seen = cx.upstream().recorder().all().remove(0);
    assert_eq!(seen.json()["tools"][0]["function"]["description"], "The weather in a city, for up to a week.");
    good(&mut connection).await.unwrap();
}

async fn bad_request(cx: Cx) {
    for (body, status, code) in [
        ("nonsense".to_owned(), 400, "request_not_json"),
        (Ask::lines("hi").with("model", json!("o1")).body.to_string(), 400, "model_not_allowed"),
    ] {
        let mut request = post(body);
        request.trailers = vec![("x-sum", "1")];
        let mut connection = cx.connect("error").await;
        let mut response = connection.send(request).await.unwrap();
        let body = response.json().await.unwrap();
        expect_error(response.status, &body, status, code);
        cx.still_good(connection, &response).await;
    }
    assert!(cx.upstream().recorder().all().iter().all(|seen| seen.json()["model"] == "scripted"));
}

async fn answer(cx: Cx) {
    let round = Round { text: vec!["I look.".into()], ..Round::call("get_weather", r#"{ "city":"Oslo" }"#) };
    let answer = cx.both("error", &Ask::script(round.wire(Wire::Trailers))).await.first();
    assert_eq!((answer.text.as_str(), answer.calls[0].2.as_str()), ("I look.", OSLO));
}

async fn bad_answer(cx: Cx) {
    let ask = Ask::script(Round::call("delete_everything", r#"{"x":"xyzzy"}"#).wire(Wire::Trailers));
    let (status, body) = cx.whole("error", &ask).await;
    expect_error(status, &body, 400, "tool_not_in_contract");
    let streamed = cx.streamed("error", &ask).await;
    assert_eq!(streamed.error.clone().unwrap()["code"], "tool_not_in_contract");
    assert!(!format!("{streamed:?}").contains("xyzzy"));
}

async fn server_call(cx: Cx) {
    let first = Round::call("lookup_stock", STOCK).wire(Wire::Trailers);
    let ask =
        Ask::script(first.then(Round { text: vec!["{{results}}".into()], ..Round::default() }.wire(Wire::Trailers)));
    let (status, body) = cx.whole("error", &ask).await;
    assert_eq!((status, &body["choices"][0]["message"]["content"]), (200, &json!(STOCK)), "{body}");
    // After its trailers a stream cannot take more bytes on every host: the result, or an error that reports it.
    let streamed = cx.streamed("error", &ask).await;
    assert!(streamed.first().text == STOCK || streamed.error.is_some(), "{streamed:?}");
    assert_eq!(streamed.first().calls, []);
}

async fn faulty(cx: Cx) {
    let ask = Ask::script(Round::body("{\"xyzzy\":").wire(Wire::Trailers));
    let (status, body) = cx.whole("error", &ask).await;
    expect_error(status, &body, 502, "upstream_invalid");
}

//! The caller from a verified token: the gate `jwt` is rendered with `--identity jwt`.
//!
//! The tokens are signed (HS256) with the key of `tests/contracts/gate/jwks.json`, which has no other use.

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::upstream::script::Round;

use crate::world::{Ask, Cx, expect_error};

const HEAD: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InRlc3RzIn0";
/// `{"iss": "https://issuer.example", "exp": 4102444800, "tenant": "acme", "role": "clerk"}` and its signature.
const CLERK: [&str; 2] = [
    "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiZXhwIjo0MTAyNDQ0ODAwLCJ0ZW5hbnQiOiJhY21lIiwicm9sZSI6ImNsZXJrIn0",
    "GqXZ5nYnIDdeRkZHaRbkyQSdfV8NfpeemUfTVWDe0gI",
];
/// The same with the role `viewer`.
const VIEWER: [&str; 2] = [
    "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiZXhwIjo0MTAyNDQ0ODAwLCJ0ZW5hbnQiOiJhY21lIiwicm9sZSI6InZpZXdlciJ9",
    "c_oLUPI_H0aGIat0xhbBc8iYcVlBQRtl1VCHcYX6MjE",
];
/// The same without a role.
const NO_ROLE: [&str; 2] = [
    "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiZXhwIjo0MTAyNDQ0ODAwLCJ0ZW5hbnQiOiJhY21lIn0",
    "LUCNj5SEYlPX1YgseanASEBPEBokRLwSGtdXhV_MHKk",
];
/// A clerk's token that expired in 2001.
const EXPIRED: [&str; 2] = [
    "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiZXhwIjoxMDAwMDAwMDAwLCJ0ZW5hbnQiOiJhY21lIiwicm9sZSI6ImNsZXJrIn0",
    "19NjuOZKbX0JJf9IPgS0cGm_I8z2jGm7FkAKtC1VuX4",
];
/// A clerk's token without `exp`.
const UNENDING: [&str; 2] = [
    "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwidGVuYW50IjoiYWNtZSIsInJvbGUiOiJjbGVyayJ9",
    "RJeus_IarhFPx_5yQdfJ4cmVGQclqf20j-9VOHgEd2I",
];
const MAIL: &str = r#"{"text":"hi","to":"ops@example.com"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "the role of a verified token decides" => role,
        "a changed token names no caller" => |cx: Cx| nobody(cx, Some([CLERK[0], VIEWER[1]])),
        "an expired token names no caller" => |cx: Cx| nobody(cx, Some(EXPIRED)),
        "a token without expiry names no caller" => |cx: Cx| nobody(cx, Some(UNENDING)),
        "a missing token names no caller" => |cx: Cx| nobody(cx, None),
        "a token without a role names no caller" => no_role,
        "headers that claim a role are ignored beside a token" => headers,
    }
}

fn token([claims, signature]: [&str; 2]) -> String {
    format!("{HEAD}.{claims}.{signature}")
}

/// A call of `send_mail`, which a clerk may make and a viewer may not.
async fn ask(cx: &Cx, who: Option<[&str; 2]>, header_role: &str) -> (u16, serde_json::Value) {
    let ask = Ask::script(Round::call("send_mail", MAIL)).tools(&["get_weather"]);
    let mut request = ask.request().without("x-callgate-tenant").without("x-callgate-role");
    if !header_role.is_empty() {
        request = request.header("x-callgate-tenant", "acme").header("x-callgate-role", header_role);
    }
    if let Some(who) = who {
        request = request.header("x-callgate-token", token(who));
    }
    let mut connection = cx.connect("jwt").await;
    let mut response = connection.send(request).await.unwrap();
    (response.status, response.json().await.unwrap())
}

async fn role(cx: Cx) {
    let (status, body) = ask(&cx, Some(CLERK), "").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], MAIL);
    let seen = cx.upstream().recorder().all().remove(0);
    assert_eq!(seen.header("x-callgate-token"), None, "the model's API does not get the token");
    let (status, body) = ask(&cx, Some(VIEWER), "").await;
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    assert!(status == 200 && text.contains("role_forbidden"), "{status} {body}");
}

async fn nobody(cx: Cx, who: Option<[&'static str; 2]>) {
    let (status, body) = ask(&cx, who, "").await;
    assert_eq!(status, 401, "{body}");
    assert_eq!(cx.upstream().recorder().all().len(), 0);
}

async fn no_role(cx: Cx) {
    let (status, body) = ask(&cx, Some(NO_ROLE), "").await;
    expect_error(status, &body, 401, "caller_unknown");
    assert_eq!(cx.upstream().recorder().all().len(), 0);
}

async fn headers(cx: Cx) {
    let (_, body) = ask(&cx, Some(VIEWER), "clerk").await;
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    assert!(text.contains("role_forbidden"), "{body}");
}

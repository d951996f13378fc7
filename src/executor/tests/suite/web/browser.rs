//! Sessions, and requests an attacker can make a browser send.

use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{Method, StatusCode};
use callgate_approvals::RequestState;
use serde_json::json;

use super::site::{ALICE, HERE, Site};
use super::waiting::ask;

#[tokio::test]
async fn a_session_needs_its_cookie_and_the_pages_token() {
    let site = Site::new();
    let told = site.post("/api/v1/session", &json!({ "token": ALICE })).like_the_page().send().await;
    let cookie = told.headers[SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(ALICE) && !told.body.contains(ALICE));

    let session = site.sign_in(ALICE).await;
    let other = site.sign_in(ALICE).await;
    assert_ne!(session, other);
    let look = || site.get("/api/v1/approvals").like_the_page();
    assert_eq!(look().session(&session).send().await.status, StatusCode::OK);
    assert_eq!(look().header("cookie", &session.0).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(look().header("x-callgate-session", &session.1).send().await.status, StatusCode::UNAUTHORIZED);
    let mixed = (session.0.clone(), other.1.clone());
    assert_eq!(look().session(&mixed).send().await.status, StatusCode::UNAUTHORIZED);

    let end = site.ask(Method::DELETE, "/api/v1/session").session(&session).like_the_page().send().await;
    assert_eq!(end.status, StatusCode::NO_CONTENT);
    assert_eq!(look().session(&session).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(look().session(&other).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_site_cannot_have_the_browser_answer_look_or_sign_in() {
    let site = Site::new();
    let id = site.pending(&ask()).await;
    let session = site.sign_in(ALICE).await;
    let path = format!("/api/v1/approvals/{id}/approve");
    // Even with every value the page holds.
    let post = || site.post(&path, &json!({})).session(&session);
    let cases = [
        post().header("origin", "https://evil.example").header("sec-fetch-site", "cross-site"),
        post().header("origin", "https://evil.example"),
        post().header("origin", "null"),
        // Another port of the same host.
        post().header("origin", "http://127.0.0.1:8080").header("sec-fetch-site", "same-site"),
        post().header("origin", &format!("http://{HERE}")).header("sec-fetch-site", "same-site"),
        // A browser always names its origin.
        post(),
        site.get("/api/v1/approvals").session(&session).header("sec-fetch-site", "cross-site"),
        site.post("/api/v1/session", &json!({ "token": ALICE })).header("origin", "https://evil.example"),
        site.post("/api/v1/session", &json!({ "token": ALICE })).header("sec-fetch-site", "cross-site"),
        site.ask(Method::DELETE, "/api/v1/session").session(&session).header("origin", "https://evil.example"),
    ];
    for case in cases {
        let told = case.send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::FORBIDDEN, "other_site"));
    }
    assert_eq!(site.approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
    assert_eq!(post().like_the_page().send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_restricts_the_browser() {
    let site = Site::new();
    for path in ["/", "/page/main.js", "/api/v1/approvals", "/api/v1/openapi.json", "/no/such/path"] {
        let told = site.get(path).send().await;
        let policy = told.headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(told.headers[name], value, "{path}");
        }
        assert!(!told.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn the_page_is_complete_and_never_turns_strings_into_html() {
    let site = Site::new();
    let page = site.get("/").send().await;
    assert_eq!(page.headers[CONTENT_TYPE], "text/html; charset=utf-8");
    let mut names = vec!["/".to_owned()];
    let mut seen = 0;
    while let Some(name) = names.get(seen).cloned() {
        seen += 1;
        let told = site.get(&name).send().await;
        assert_eq!(told.status, StatusCode::OK, "{name}");
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "javascript:", "style=\""]
        {
            assert!(!told.body.contains(word), "{name} has {word}");
        }
        for quoted in told.body.split('"') {
            let path = match quoted.strip_prefix("./") {
                Some(module) => format!("/page/{module}"),
                None if quoted.starts_with("/page/") => quoted.to_owned(),
                None => continue,
            };
            if !names.contains(&path) {
                names.push(path);
            }
        }
    }
    assert!(names.len() >= 7, "{names:?}");
}

#[tokio::test]
async fn under_tls_the_cookie_is_bound_to_it() {
    let site = Site::with(", tls: { certificate: a.pem, key: b.pem }", "");
    let told = site.post("/api/v1/session", &json!({ "token": ALICE })).send().await;
    let cookie = told.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-callgate=") && cookie.ends_with("; Secure"), "{cookie}");
}

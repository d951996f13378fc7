//! Rights to look and to answer, and the content of the API.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use callgate_approvals::{About, Ask, Claim, RequestState, Search};
use callgate_executor::config::Http;
use callgate_executor::web;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::site::{ALICE, Site, VERA, line};
use super::waiting::ask;
use crate::desk::hex;
use crate::idempotency::config;

#[tokio::test]
async fn the_api_reveals_nothing_without_a_token() {
    let site = Site::new();
    let id = site.pending(&ask()).await;
    let one = format!("/api/v1/approvals/{id}");
    for path in ["/api/v1/approvals", "/api/v1/session", &one] {
        assert_eq!(site.get(path).send().await.status, StatusCode::UNAUTHORIZED, "{path}");
        for token in ["", "wrong", "alice", "alice-token-0123456789abcdeX", &ALICE[..19], &format!("{ALICE}0")] {
            let told = site.get(path).bearer(token).peer([192, 0, 2, 1]).send().await;
            assert!(matches!(told.status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS), "{path} {token}");
            assert!(!told.body.contains("create_order"), "{}", told.body);
        }
        let basic = site.get(path).header("authorization", "Basic YWxpY2U6YWxpY2U=").send().await;
        assert_eq!(basic.status, StatusCode::UNAUTHORIZED);
    }
    for path in ["approve", "deny"] {
        let told = site.post(&format!("{one}/{path}"), &json!({})).send().await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(site.approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
}

#[tokio::test]
async fn a_token_counts_only_in_its_header() {
    let site = Site::new();
    for name in ["token", "access_token", "bearer", "authorization"] {
        let told = site.get(&format!("/api/v1/approvals?{name}={ALICE}")).send().await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{name}");
        let cookie = site.get("/api/v1/approvals").header("cookie", &format!("{name}={ALICE}; callgate={ALICE}"));
        assert_eq!(cookie.send().await.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    let both = site.get(&format!("/api/v1/approvals?token={ALICE}")).bearer(ALICE).send().await;
    assert_eq!((both.status, both.code().as_str()), (StatusCode::BAD_REQUEST, "malformed"));
}

#[tokio::test]
async fn an_approver_sees_the_exact_arguments_and_answers_in_the_name_of_the_token() {
    let site = Site::new();
    let ask = Ask { arguments: r#"{"n":12345678901234567890,"text":"<img src=x onerror=alert(1)>"}"#.into(), ..ask() };
    let id = site.pending(&ask).await;
    let list = site.get("/api/v1/approvals").bearer(ALICE).send().await.json();
    assert_eq!(list["approvals"][0]["id"], json!(id));
    assert_eq!(list["approvals"][0]["tool"], "create_order");

    let told = site.get(&format!("/api/v1/approvals/{id}")).bearer(ALICE).send().await;
    assert_eq!(told.headers[CONTENT_TYPE], "application/json");
    assert_eq!(told.json()["arguments"], json!(ask.arguments));

    let reason = json!({ "reason": "  as agreed " });
    let told = site.post(&format!("/api/v1/approvals/{id}/approve"), &reason).bearer(ALICE).send().await;
    let approved = told.json();
    assert_eq!((&approved["state"], &approved["by"]), (&json!("approved"), &json!("alice")));
    assert_eq!(approved["reason"], "as agreed");
    for verb in ["approve", "deny"] {
        let again = site.post(&format!("/api/v1/approvals/{id}/{verb}"), &json!({})).bearer(ALICE).send().await;
        assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "answered"));
    }
    assert_eq!(site.approvals.claim(&ask).await.unwrap(), Claim::Granted { approval_id: id.clone() });
    let list = site.get("/api/v1/approvals?state=ended").bearer(VERA).send().await.json();
    assert_eq!((&list["approvals"][0]["id"], &list["approvals"][0]["state"]), (&json!(id), &json!("used")));
}

#[tokio::test]
async fn a_viewer_looks_and_does_not_answer() {
    let site = Site::new();
    let id = site.pending(&ask()).await;
    assert_eq!(site.get("/api/v1/approvals").bearer(VERA).send().await.status, StatusCode::OK);
    let session = site.sign_in(VERA).await;
    for verb in ["approve", "deny"] {
        let path = format!("/api/v1/approvals/{id}/{verb}");
        let bearer = site.post(&path, &json!({})).bearer(VERA).send().await;
        assert_eq!((bearer.status, bearer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
        let page = site.post(&path, &json!({})).session(&session).like_the_page().send().await;
        assert_eq!((page.status, page.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    }
    assert_eq!(site.approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
}

#[tokio::test]
async fn an_expired_or_unknown_request_cannot_be_answered() {
    let site = Site::with("", "approvals: { expiry: 1s }\n");
    let id = site.pending(&ask()).await;
    while site.approvals.list(Search { limit: 1, ..Search::default() }).await.unwrap().len() == 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let late = site.post(&format!("/api/v1/approvals/{id}/approve"), &json!({})).bearer(ALICE).send().await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::GONE, "expired"));
    let other = site.post("/api/v1/approvals/no-such/approve", &json!({})).bearer(ALICE).send().await;
    assert_eq!((other.status, other.code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test]
async fn an_unreadable_file_changes_nothing() {
    let site = Site::new();
    let id = site.pending(&ask()).await;
    let path = format!("/api/v1/approvals/{id}/approve");
    let mut cases = vec![
        site.post(&path, &json!({ "reason": "x".repeat(501) })),
        site.post(&path, &json!({ "reason": "two\nlines" })),
        site.post(&path, &json!({ "reason": 7 })),
        site.post(&path, &json!({ "raeson": "a typo" })),
        site.post(&path, &json!({ "reason": "x".repeat(20_000) })),
        site.ask(Method::POST, &path),
        site.get("/api/v1/approvals?limit=0"),
        site.get("/api/v1/approvals?limit=201"),
        site.get("/api/v1/approvals?state=secret"),
        site.get(&format!("/api/v1/approvals?text={}", "x".repeat(129))),
    ];
    // A form, which another site could make a browser send.
    let mut form = site.ask(Method::POST, &path).header("content-type", "text/plain");
    form.body = "{}".into();
    cases.push(form);
    for case in cases {
        let told = case.bearer(ALICE).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::BAD_REQUEST, "malformed"), "{}", told.body);
    }
    assert_eq!(site.approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
}

#[tokio::test]
async fn a_removed_token_ends_with_its_sessions() {
    let site = Site::new();
    let session = site.sign_in(ALICE).await;
    let file = site.folder.path().join("tokens");
    std::fs::write(&file, line("vera", "viewer", VERA)).unwrap();
    let look = || site.get("/api/v1/approvals").like_the_page();
    assert_eq!(look().session(&session).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(look().bearer(ALICE).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(look().bearer(VERA).send().await.status, StatusCode::OK);
    // Nobody gets in while the list of tokens is unreadable.
    let open_to_all = line("vera", "viewer", VERA);
    for broken in [Some("this is no list of tokens"), Some(open_to_all.as_str()), None] {
        match broken {
            Some(text) if text == open_to_all => {
                std::fs::write(&file, text).unwrap();
                set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
            }
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let told = look().bearer(VERA).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
        assert!(!told.body.contains("tokens:1") && !told.body.contains("no list"), "{}", told.body);
    }
}

#[tokio::test]
async fn wrong_tokens_delay_a_peer_and_the_right_one_counts_at_once() {
    let site = Site::new();
    let session = site.sign_in(ALICE).await;
    let (guesser, other) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    for n in 0..10 {
        let wrong = format!("wrong-token-0123456789-{n}");
        let asked = if n % 2 == 0 {
            site.get("/api/v1/approvals").bearer(&wrong)
        } else {
            site.post("/api/v1/session", &json!({ "token": wrong }))
        };
        assert_eq!(asked.peer(guesser).send().await.status, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..100 {
        let wrong = "wrong-token-0123456789";
        let told = site.post("/api/v1/session", &json!({ "token": wrong })).peer(guesser).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "wait"));
        assert!(told.headers.contains_key(RETRY_AFTER));
        let told = site.get("/api/v1/approvals").bearer(wrong).peer(guesser).send().await;
        assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    }
    // Behind the same address as the guesser, and elsewhere.
    for peer in [guesser, other] {
        assert_eq!(site.get("/api/v1/approvals").bearer(ALICE).peer(peer).send().await.status, StatusCode::OK);
        let told = site.post("/api/v1/session", &json!({ "token": ALICE })).peer(peer).send().await;
        assert_eq!(told.status, StatusCode::OK);
    }
    let page = site.get("/api/v1/approvals").session(&session).like_the_page().peer(guesser);
    assert_eq!(page.send().await.status, StatusCode::OK, "who is signed in is not held up");
    // Other peers have their own count.
    let told = site.get("/api/v1/approvals").bearer("wrong-token-0123456789").peer(other).send().await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_viewer_that_floods_sign_ins_ends_only_its_own_sessions() {
    let site = Site::new();
    let alice = site.sign_in(ALICE).await;
    let first = site.sign_in(VERA).await;
    let mut last = first.clone();
    for _ in 0..300 {
        last = site.sign_in(VERA).await;
    }
    let look = async |session: &(String, String)| {
        site.get("/api/v1/approvals").session(session).like_the_page().send().await.status
    };
    assert_eq!(look(&alice).await, StatusCode::OK);
    assert_eq!(look(&last).await, StatusCode::OK);
    assert_eq!(look(&first).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_card_has_the_contracts_description_and_the_permitted_approvers() {
    let bob = "bob-token-0123456789abcdef";
    let tokens = line("alice", "approver", ALICE).replace('\n', " tenant=acme\n")
        + &line("bob", "approver", bob)
        + &line("vera", "viewer", VERA);
    let rules = "approvals: { approvers: [{ approver: alice, notOwn: true }, { approver: bob, tools: [other] }] }\n";
    let site = Site::listing(&tokens, "", rules);
    let about = About { description: "Creates an order.".into(), approvers: 2, ..ask().about };
    let id = site.pending(&Ask { about, ..ask() }).await;
    let path = format!("/api/v1/approvals/{id}");
    for (token, may) in [(ALICE, "deny"), (bob, "look"), (VERA, "look")] {
        let card = site.get(&path).bearer(token).send().await.json();
        assert_eq!(card["may"], may);
        assert_eq!((&card["contract"], &card["contractVersion"]), (&json!("order-desk"), &json!("2.0.0")));
        assert_eq!((&card["description"], &card["effects"]), (&json!("Creates an order."), &json!("write")));
        assert_eq!((&card["approvers"], &card["agreed"]), (&json!(2), &json!([])));
    }
    for (token, code) in [(ALICE, "own"), (bob, "not_named"), (VERA, "forbidden")] {
        let told = site.post(&format!("{path}/approve"), &json!({})).bearer(token).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::FORBIDDEN, code));
    }
    assert_eq!(site.approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
}

#[tokio::test]
async fn the_api_names_the_approvers_so_far() {
    let bob = "bob-token-0123456789abcdef";
    let tokens = line("alice", "approver", ALICE) + &line("bob", "approver", bob);
    let site = Site::listing(&tokens, "", "");
    let id = site.pending(&Ask { about: About { approvers: 2, ..About::default() }, ..ask() }).await;
    let path = format!("/api/v1/approvals/{id}/approve");
    let told = site.post(&path, &json!({})).bearer(ALICE).send().await.json();
    assert_eq!((&told["state"], &told["agreed"], &told["may"]), (&json!("pending"), &json!(["alice"]), &json!("deny")));
    let again = site.post(&path, &json!({})).bearer(ALICE).send().await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "agreed"));
    let told = site.post(&path, &json!({})).bearer(bob).send().await.json();
    assert_eq!((&told["state"], &told["agreed"]), (&json!("approved"), &json!(["alice", "bob"])));
}

#[tokio::test]
async fn an_answer_the_store_refuses_is_reported_as_refused() {
    let site = Site::new();
    let id = site.pending(&ask()).await;
    let store = rusqlite::Connection::open(site.folder.path().join("state/approvals.db")).unwrap();
    let fail = "CREATE TRIGGER fail BEFORE UPDATE ON approvals BEGIN SELECT raise(ABORT, 'full'); END";
    store.execute_batch(fail).unwrap();
    let path = format!("/api/v1/approvals/{id}/approve");
    let told = site.post(&path, &json!({})).bearer(ALICE).send().await;
    assert_eq!((told.status, told.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    let message = told.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("the answer does not count: the audit log has it, but"), "{message}");
    store.execute_batch("DROP TRIGGER fail").unwrap();
    assert_eq!(site.post(&path, &json!({})).bearer(ALICE).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn lists_are_searched_and_go_on_page_by_page() {
    let site = Site::new();
    for n in 0..5 {
        let tool = if n % 2 == 0 { "create_order" } else { "cancel_order" };
        site.pending(&Ask { tool: tool.into(), arguments: format!("{{\"n\":{n}}}"), ..ask() }).await;
    }
    let list = async |query: &str| site.get(&format!("/api/v1/approvals?{query}")).bearer(VERA).send().await.json();
    let all = list("tool=create_order&tenant=&text=").await;
    assert_eq!((all["approvals"].as_array().unwrap().len(), &all["next"]), (3, &Value::Null));
    let first = list("text=CREATE&limit=2").await;
    assert_eq!(first["approvals"].as_array().unwrap().len(), 2);
    let rest = list(&format!("text=CREATE&limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((&rest["approvals"][0]["id"], &rest["next"]), (&all["approvals"][2]["id"], &Value::Null));
    assert!(list("tenant=globex").await["approvals"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn the_openapi_document_matches_the_routes_and_the_answers() {
    let site = Site::new();
    let document = site.get("/api/v1/openapi.json").send().await.json();
    let (waits, denied) = (site.pending(&ask()).await, site.pending(&Ask { tool: "other".into(), ..ask() }).await);
    let id = |path: &str| path.replace("{id}", if path.ends_with("deny") { &denied } else { &waits });
    let mut fitted = 0;
    // Read first: an answer changes which requests can be answered.
    for method in ["get", "post", "delete"] {
        for (path, item) in document["paths"].as_object().unwrap() {
            let Some(operation) = item.get(method) else { continue };
            let body = if path == "/api/v1/session" { json!({ "token": ALICE }) } else { json!({}) };
            let ask = || match method {
                "get" => site.get(&id(path)),
                "post" => site.post(&id(path), &body),
                _ => site.ask(Method::DELETE, &id(path)),
            };
            let mut answers = vec![ask().bearer(ALICE).send().await];
            assert!(answers[0].status.is_success(), "{method} {path}: {}", answers[0].body);
            if operation.get("security").is_some() {
                answers.push(ask().send().await);
                assert_eq!(answers[1].status, StatusCode::UNAUTHORIZED, "{method} {path}");
            }
            if method == "post" && path != "/api/v1/session" {
                answers.push(ask().bearer(ALICE).send().await);
                assert_eq!(answers[2].status, StatusCode::CONFLICT, "{method} {path}");
            }
            for answer in answers {
                let described = &operation["responses"][answer.status.as_str()];
                assert!(described.is_object(), "{method} {path}: {} is not described", answer.status);
                let Some(schema) = described.pointer("/content/application~1json/schema") else { continue };
                let schema = json!({ "allOf": [schema], "components": document["components"] });
                let fits = jsonschema::validator_for(&schema).unwrap();
                let value = answer.json();
                let faults: Vec<_> = fits.iter_errors(&value).map(|fault| fault.to_string()).collect();
                assert!(faults.is_empty(), "{method} {path}: {faults:?}: {value}");
                fitted += 1;
            }
        }
    }
    assert!(fitted >= 13, "{fitted}");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(serde_json::to_value(web::openapi()).unwrap(), document);
}

#[tokio::test]
async fn the_audit_log_is_searched_from_the_newest() {
    let site = Site::new();
    for tool in ["create_order", "cancel_order", "create_order"] {
        let id = site.pending(&Ask { tool: tool.into(), ..ask() }).await;
        let verb = if tool == "cancel_order" { "deny" } else { "approve" };
        let told = site.post(&format!("/api/v1/approvals/{id}/{verb}"), &json!({})).bearer(ALICE).send().await;
        assert_eq!(told.status, StatusCode::OK);
        site.approvals.claim(&Ask { tool: tool.into(), ..ask() }).await.unwrap();
    }
    let search = async |query: &str| {
        let told = site.get(&format!("/api/v1/audit{query}")).bearer(VERA).send().await.json();
        let read = |found: &Value| {
            let record: Value = serde_json::from_str(found["record"].as_str().unwrap()).unwrap();
            assert_eq!((&record["kind"], &record["by"]), (&json!("approval"), &json!("alice")));
            assert_eq!(found["hash"], json!(hex(&Sha256::digest(found["record"].as_str().unwrap()))));
            record["tool"].as_str().unwrap().to_owned()
        };
        (told["records"].as_array().unwrap().iter().map(read).collect::<Vec<_>>(), told["next"].clone())
    };
    assert_eq!(search("").await.0, ["create_order", "cancel_order", "create_order"]);
    assert_eq!(search("?tool=cancel_order&tenant=").await.0, ["cancel_order"]);
    assert_eq!(search("?code=approved&limit=1").await, (vec!["create_order".to_owned()], json!(3)));
    assert_eq!(search("?code=approved&limit=1&before=3").await, (vec!["create_order".to_owned()], Value::Null));
    assert!(search("?tenant=globex").await.0.is_empty());
    assert_eq!(site.get("/api/v1/audit").send().await.status, StatusCode::UNAUTHORIZED);
    for wrong in ["?before=0", "?limit=1000", "?sql=1"] {
        let told = site.get(&format!("/api/v1/audit{wrong}")).bearer(VERA).send().await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn the_first_start_makes_an_owner_only_token_and_later_ones_keep_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/http-token");
    let Site { folder, router, approvals } = Site::open(folder, "");
    let token = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(token.trim().len(), 64);
    drop((router, approvals));

    let site = Site::open(folder, "");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), token);
    let who = site.get("/api/v1/session").bearer(token.trim()).send().await.json();
    assert_eq!(who, json!({ "name": "operator", "role": "approver" }));
}

#[test]
fn the_section_is_off_or_an_address_and_repeats_no_token() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(config(folder.path(), "http: { listen: off }\n").http, Http::Off);
    let text = "contracts: [a]\nhttp: { tokens: my-s3cret-token }\n";
    let error = callgate_executor::config::Config::parse("executor.yaml", text, folder.path()).unwrap_err();
    let expected = "executor.yaml:2:17: http.tokens: expected file: and the path of a file that holds it";
    assert_eq!(error.to_string(), expected);
}

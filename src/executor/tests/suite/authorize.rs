//! Rulings on calls that the calling application runs: an approval releases one call, once.

use std::path::PathBuf;

use callgate_audit::{LogReader, Query};
use callgate_proto::executor::v1::call_ruling::Ruling;
use callgate_proto::executor::v1::{
    AuthorizeRequest, BrokenRule, Call, Caller, Denied, ExecuteRequest, Pending, ReleaseRule, Released, SourceRuling,
};
use serde_json::{Value, json};
use tonic::Code;

use crate::desk::{Desk, Running};

const ARGUMENTS: &str = r#"{"n":1}"#;

fn desk() -> Desk {
    Desk::new()
        .client_tool_with("pay", "approval: always")
        .client_tool_with("both", "approval: { approvers: 2 }")
        .client_tool_with("look", "")
        .client_tool_with("mail", "requires: { untainted: true, otherwise: approve }")
        .tool("t", &crate::desk::wasm(include_str!("stores.wat")), "")
}

/// An executor, and its HTTP side at a socket.
struct Site {
    running: Running,
    socket: PathBuf,
    token: String,
}

impl Site {
    async fn start() -> Self {
        let desk = desk();
        let socket = desk.path().join("http.sock");
        let line = format!("http: {{ listen: \"unix:{}\" }}", socket.display());
        let running = desk.configured(&line).start().await;
        let token = running.file("callgate-state/http-token").unwrap().trim().to_owned();
        Self { running, socket, token }
    }

    fn request(&self, calls: &[(&str, &str)]) -> AuthorizeRequest {
        let ExecuteRequest { contract_digest, caller, exchange_id, round, calls, request_id, .. } =
            self.running.request("clerk", calls);
        AuthorizeRequest {
            contract_digest,
            caller,
            exchange_id,
            round,
            calls,
            request_id,
            ..AuthorizeRequest::default()
        }
    }

    async fn rule(&self, request: AuthorizeRequest) -> Vec<Ruling> {
        let ids: Vec<String> = request.calls.iter().map(|call| call.id.clone()).collect();
        let rulings = self.running.client.clone().authorize(request).await.unwrap().into_inner().rulings;
        assert_eq!(rulings.iter().map(|ruling| ruling.id.clone()).collect::<Vec<_>>(), ids);
        rulings.into_iter().map(|ruling| ruling.ruling.unwrap()).collect()
    }

    async fn one(&self, tool: &str, arguments: &str) -> Ruling {
        self.rule(self.request(&[(tool, arguments)])).await.remove(0)
    }

    async fn pending(&self, tool: &str, arguments: &str) -> String {
        id(&self.one(tool, arguments).await)
    }

    async fn http(&self, post: bool, path: &str) -> Value {
        let http = reqwest::Client::builder().unix_socket(self.socket.clone()).build().unwrap();
        let url = format!("http://localhost/api/v1/approvals{path}");
        let request = if post { http.post(url).json(&json!({})) } else { http.get(url) };
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    async fn answer(&self, id: &str, verb: &str) {
        self.http(true, &format!("/{id}/{verb}")).await;
    }

    /// The decisions of the audit log on calls of a tool: verdict, code, and if an approval is named.
    fn decisions(&self, tool: &str) -> Vec<(String, String, bool)> {
        let reader = LogReader::open(&self.running.path("callgate-state/audit.db")).unwrap();
        let records = reader.query(&Query { limit: 1000, ..Query::default() }).unwrap();
        let records = records.iter().map(|record| serde_json::from_str::<Value>(&record.text).unwrap());
        let mut found: Vec<_> = records
            .filter(|record| record["kind"] == "decision" && record["tool"] == tool)
            .map(|record| {
                let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
                (record["seq"].as_u64(), (text("verdict"), text("code"), !text("approval_id").is_empty()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, decision)| decision).collect()
    }
}

fn id(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Pending(Pending { approval_id, left_seconds }) => {
            assert!((1..=900).contains(left_seconds));
            approval_id.clone()
        }
        other => panic!("expected a pending call, found {other:?}"),
    }
}

fn is_released(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Released(_))
}

fn code(ruling: &Ruling) -> &str {
    match ruling {
        Ruling::Denied(Denied { violation_code, .. }) => violation_code,
        other => panic!("expected a denied call, found {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_releases_the_same_call_once() {
    let site = Site::start().await;
    let first = site.pending("pay", ARGUMENTS).await;
    assert_eq!(site.pending("pay", ARGUMENTS).await, first, "the same request waits");
    site.answer(&first, "approve").await;
    assert_eq!(site.one("pay", ARGUMENTS).await, Ruling::Released(Released { approval_id: first.clone() }));
    assert_ne!(site.pending("pay", ARGUMENTS).await, first, "an approval is used once");
    assert!(is_released(&site.one("look", "{}").await), "a tool without approval asks nobody");
    let pending = ("needs_approval".to_owned(), "approval_required".to_owned(), true);
    let approved = ("approved".to_owned(), String::new(), true);
    assert_eq!(site.decisions("pay"), [pending.clone(), pending.clone(), approved, pending]);
    assert_eq!(site.decisions("look"), [("allow".to_owned(), String::new(), false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_one_is_released() {
    let site = Site::start().await;
    for repeated in [false, true] {
        let waiting = site.pending("pay", ARGUMENTS).await;
        site.answer(&waiting, "approve").await;
        let request = site.request(&[("pay", ARGUMENTS)]);
        let requests = (0..8).map(|_| if repeated { request.clone() } else { site.request(&[("pay", ARGUMENTS)]) });
        let rulings = futures_util::future::join_all(requests.map(|request| site.rule(request))).await;
        assert_eq!(rulings.iter().filter(|rulings| is_released(&rulings[0])).count(), 1, "{rulings:?}");
        // The others have asked for the next approval.
        let next = rulings.iter().find(|rulings| !is_released(&rulings[0])).unwrap();
        site.answer(&id(&next[0]), "approve").await;
        assert!(is_released(&site.one("pay", ARGUMENTS).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_binds_tenant_role_tool_and_arguments() {
    let site = Site::start().await;
    let waiting = site.pending("pay", ARGUMENTS).await;
    site.answer(&waiting, "approve").await;
    let mut others = vec![
        site.request(&[("pay", r#"{"n":2}"#)]),
        site.request(&[("pay", r#"{"n":1,"m":1}"#)]),
        site.request(&[("both", ARGUMENTS)]),
    ];
    let mut of_another_tenant = site.request(&[("pay", ARGUMENTS)]);
    of_another_tenant.caller = Some(Caller { tenant: "globex".into(), role: "clerk".into(), ..Caller::default() });
    others.push(of_another_tenant);
    for request in others {
        assert_ne!(id(&site.rule(request.clone()).await[0]), waiting, "{request:?}");
    }
    let mut guest = site.request(&[("pay", ARGUMENTS)]);
    guest.caller = Some(Caller { tenant: "acme".into(), role: "guest".into(), ..Caller::default() });
    assert_eq!(code(&site.rule(guest).await[0]), "role_forbidden");
    let mut unknown = site.request(&[("pay", ARGUMENTS)]);
    unknown.contract_digest = format!("sha256:{}", "0".repeat(64));
    let status = site.running.client.clone().authorize(unknown).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    // Other spellings of the same arguments are the same call.
    assert!(is_released(&site.one("pay", "{ \"n\": 1.0 }").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_by_a_person_lasts() {
    let site = Site::start().await;
    let waiting = site.pending("pay", ARGUMENTS).await;
    site.answer(&waiting, "deny").await;
    for _ in 0..2 {
        let ruling = site.one("pay", ARGUMENTS).await;
        assert_eq!(code(&ruling), "approval_refused");
        assert!(matches!(&ruling, Ruling::Denied(denied) if denied.approval_id == waiting), "{ruling:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_held_by_the_filter_waits_even_if_the_executor_would_allow_it() {
    let site = Site::start().await;
    // The tool has a rule about texts, which only the filter can decide.
    let with = |ruling: Option<SourceRuling>| {
        let mut request = site.request(&[("mail", "{}")]);
        request.calls[0].sources = ruling;
        request
    };
    let rule = BrokenRule { code: "tainted".into(), pointer: "/to".into(), message: "expected no text".into() };
    assert!(is_released(&site.rule(with(Some(SourceRuling::default()))).await[0]), "no rule is broken");
    let held = with(Some(SourceRuling { held: Some(rule) }));
    let waiting = id(&site.rule(held.clone()).await[0]);
    assert_eq!(id(&site.rule(with(None)).await[0]), waiting, "without a decision, the rule is broken");
    let shown = site.http(false, &format!("/{waiting}")).await;
    assert_eq!(
        (&shown["runBy"], &shown["heldFor"]),
        (&json!("client"), &json!([{ "code": "tainted", "pointer": "/to" }]))
    );
    site.answer(&waiting, "approve").await;
    assert!(is_released(&site.rule(held).await[0]));

    // So it is with any call that the filter holds, and with one that the executor runs.
    let mut look = site.request(&[("look", "{}")]);
    look.calls[0].needs_approval = true;
    id(&site.rule(look).await[0]);
    let mut execute = site.running.request("clerk", &[("t", "{}")]);
    execute.calls[0].needs_approval = true;
    let ended = site.running.execute(execute.clone()).await.unwrap().remove(0);
    assert_eq!(ended.code(), "approval_required");
    let waiting = site.http(false, "?tool=t").await;
    let waiting = &waiting["approvals"][0];
    assert_eq!((&waiting["runBy"], &waiting["heldFor"][0]["code"]), (&json!("executor"), &json!("approval_required")));
    site.answer(waiting["id"].as_str().unwrap(), "approve").await;
    execute.exchange_id.push('2');
    site.running.execute(execute).await.unwrap().remove(0).result();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_depend_on_each_other_use_up_no_approval_alone() {
    let site = Site::start().await;
    let other = r#"{"n":2}"#;
    let with = |release: ReleaseRule, calls: &[(&str, &str)]| {
        let mut request = site.request(calls);
        request.release = release.into();
        request
    };
    let first = site.pending("pay", ARGUMENTS).await;
    site.answer(&first, "approve").await;

    let both = [("pay", ARGUMENTS), ("pay", other), ("look", "{}")];
    let rulings = site.rule(with(ReleaseRule::AllOrNone, &both)).await;
    assert!(matches!(rulings[..], [Ruling::Withheld(_), Ruling::Pending(_), Ruling::Withheld(_)]), "{rulings:?}");
    let bad = [("pay", ARGUMENTS), ("look", "[]")];
    for rule in [ReleaseRule::AllOrNone, ReleaseRule::NoneIfDenied] {
        let rulings = site.rule(with(rule, &bad)).await;
        assert!(matches!(rulings[0], Ruling::Withheld(_)), "{rulings:?}");
        assert_eq!(code(&rulings[1]), "arguments_invalid");
    }
    let second = id(&rulings[1]);
    site.answer(&second, "deny").await;
    let rulings = site.rule(with(ReleaseRule::NoneIfDenied, &both)).await;
    assert!(matches!(rulings[..], [Ruling::Withheld(_), Ruling::Denied(_), Ruling::Withheld(_)]), "{rulings:?}");

    // The approval is unused. Two equal calls need two.
    let twice = [("pay", ARGUMENTS), ("pay", ARGUMENTS)];
    let rulings = site.rule(with(ReleaseRule::AllOrNone, &twice)).await;
    assert!(!rulings.iter().any(is_released), "{rulings:?}");
    let rulings = site.rule(with(ReleaseRule::AllOrNone, &[("pay", ARGUMENTS), ("look", "{}")])).await;
    assert!(rulings.iter().all(is_released), "{rulings:?}");
    let rulings = site.rule(with(ReleaseRule::Unspecified, &[("pay", ARGUMENTS), ("look", "{}")])).await;
    assert!(!is_released(&rulings[0]) && is_released(&rulings[1]), "{rulings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_out_of_bounds_is_refused_whole() {
    let site = Site::start().await;
    let changed = |change: &dyn Fn(&mut AuthorizeRequest)| {
        let mut request = site.request(&[("look", "{}")]);
        change(&mut request);
        request
    };
    let held = |pointer: usize| {
        let pointer = "x".repeat(pointer);
        Some(SourceRuling { held: Some(BrokenRule { pointer, ..BrokenRule::default() }) })
    };
    let requests = [
        changed(&|request| request.calls.clear()),
        changed(&|request| request.calls.push(Call::default())),
        changed(&|request| request.calls[0].tool = "t".into()),
        changed(&|request| request.release = 9),
        changed(&|request| request.caller = None),
        changed(&|request| request.exchange_id = String::new()),
        changed(&|request| request.calls[0].sources = held(4097)),
    ];
    for (index, request) in requests.into_iter().enumerate() {
        let call_without_a_tool = index == 1;
        let answer = site.running.client.clone().authorize(request).await;
        match answer {
            Ok(answer) if call_without_a_tool => {
                let rulings = answer.into_inner().rulings;
                assert_eq!(code(rulings[1].ruling.as_ref().unwrap()), "call_malformed");
            }
            answer => assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument, "{index}"),
        }
    }
    assert_eq!(site.decisions("t"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_differ_in_form_only_are_one_call_and_look_alikes_are_others() {
    let site = Site::start().await;
    let written = r#"{"a":"\u00e9\u0041","b":[1,{"c":null}],"n":10}"#;
    let waiting = site.pending("pay", written).await;
    for same in [
        "{\"a\":\"\u{e9}A\",\"b\":[1,{\"c\":null}],\"n\":10}",
        "{ \"n\" : 1e1,\n\"b\":[ 1.0 , { \"c\" : null } ],\t\"a\":\"\\u00E9A\" }",
        r#"{"b":[1,{"c":null}],"n":10.0,"\u0061":"\u00e9A"}"#,
        r#"{"b":[100e-2,{"\u0063":null}],"n":1.0E+1,"a":"\u00e9\u0041"}"#,
    ] {
        assert_eq!(site.pending("pay", same).await, waiting, "{same}");
    }
    site.answer(&waiting, "approve").await;
    for other in [
        // A decomposed letter, an invisible character, another case, a look-alike letter.
        "{\"a\":\"e\u{301}A\",\"b\":[1,{\"c\":null}],\"n\":10}",
        "{\"a\":\"\u{e9}\u{200b}A\",\"b\":[1,{\"c\":null}],\"n\":10}",
        "{\"a\":\"\u{e9}a\",\"b\":[1,{\"c\":null}],\"n\":10}",
        "{\"a\":\"\u{e9}\u{410}\",\"b\":[1,{\"c\":null}],\"n\":10}",
        // A number as text, a sign, an absent member, one more member, another order of a list.
        r#"{"a":"\u00e9A","b":[1,{"c":null}],"n":"10"}"#,
        r#"{"a":"\u00e9A","b":[1,{"c":null}],"n":-10}"#,
        r#"{"a":"\u00e9A","b":[1,{}],"n":10}"#,
        r#"{"a":"\u00e9A","b":[1,{"c":null}],"m":null,"n":10}"#,
        r#"{"a":"\u00e9A","b":[{"c":null},1],"n":10}"#,
    ] {
        assert_ne!(site.pending("pay", other).await, waiting, "{other}");
    }
    for malformed in [
        r#"{"a":"\u00e9A","b":[1,{"c":null}],"n":10,"n":10}"#,
        r#"{"a":"\u00e9A","b":[1,{"c":null}],"n":10}{}"#,
        r#"{"a":"\u00e9A","b":[1,{"c":null}],"n":010}"#,
        r#"{"a":"\ud800A","b":[1,{"c":null}],"n":10}"#,
    ] {
        assert_eq!(code(&site.one("pay", malformed).await), "arguments_not_json", "{malformed}");
    }
    assert!(is_released(&site.one("pay", written).await), "the approval was not used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_that_ask_at_once_use_one_approval_each_of_their_own() {
    let site = Site::start().await;
    let of = |tenant: &str| {
        let mut request = site.request(&[("pay", ARGUMENTS)]);
        request.caller = Some(Caller { tenant: tenant.into(), role: "clerk".into(), ..Default::default() });
        request
    };
    let waiting = id(&site.rule(of("acme")).await[0]);
    site.answer(&waiting, "approve").await;
    // Names of tenants that look alike are other tenants.
    let tenants = ["acme", "globex", "ACME", "acme ", "", "acme\u{200b}", "\u{430}cme", "acme"];
    let rulings = futures_util::future::join_all(tenants.map(|tenant| site.rule(of(tenant)))).await;
    let released: Vec<_> = tenants
        .iter()
        .zip(&rulings)
        .filter(|(_, rulings)| is_released(&rulings[0]))
        .map(|(tenant, _)| *tenant)
        .collect();
    assert_eq!(released, ["acme"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_request_and_a_replayed_answer_release_nothing_more() {
    let site = Site::start().await;
    let waiting = site.pending("pay", ARGUMENTS).await;
    site.answer(&waiting, "approve").await;
    let mut request = site.request(&[("pay", ARGUMENTS)]);
    assert!(is_released(&site.rule(request.clone()).await[0]));
    // The same bytes again, another round of the same exchange, and another exchange.
    let again = id(&site.rule(request.clone()).await[0]);
    request.round += 1;
    assert_eq!(id(&site.rule(request).await[0]), again);
    assert_ne!(again, waiting);
    // The person's first answer again, to the request that was used up: it approves nothing.
    let http = reqwest::Client::builder().unix_socket(site.socket.clone()).build().unwrap();
    let url = format!("http://localhost/api/v1/approvals/{waiting}/approve");
    let answer = http.post(url).json(&json!({})).bearer_auth(&site.token).send().await.unwrap();
    assert_eq!(answer.status(), 409);
    assert_eq!(site.pending("pay", ARGUMENTS).await, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_a_call_at_the_executor_releases_none_of_the_application() {
    let site = Site::start().await;
    let mut execute = site.running.request("clerk", &[("t", "{}")]);
    execute.calls[0].needs_approval = true;
    assert_eq!(site.running.execute(execute).await.unwrap().remove(0).code(), "approval_required");
    let waiting = site.http(false, "?tool=t").await["approvals"][0]["id"].as_str().unwrap().to_owned();
    site.answer(&waiting, "approve").await;
    let asked = site.running.client.clone().authorize(site.request(&[("t", "{}")])).await;
    assert_eq!(asked.unwrap_err().code(), Code::InvalidArgument);
    let mut look = site.request(&[("look", "{}")]);
    look.calls[0].needs_approval = true;
    assert_ne!(id(&site.rule(look).await[0]), waiting);
}

//! The executor judges marked strings again, and its audit log shows how it understood them.

use std::time::UNIX_EPOCH;

use callgate_audit::{LogReader, Query, Record, RecordedReading, verify};
use callgate_proto::executor::v1::call_ruling::Ruling;
use callgate_proto::executor::v1::{
    AuthorizeRequest, Caller, Decision, ExecuteRequest, FailureKind, RecordRequest, Verdict,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::desk::{Desk, Running, hex, wasm};
use crate::guests;

const SECRET: &str = "hunter2";

/// An executor with tools that it runs (`Read`, `Bash`, `Quiet`) and one that the client runs (`Ask`). Only the log of `Quiet` is without
/// arguments.
struct Site {
    running: Running,
    /// The folder of the contract.
    _contract: TempDir,
}

// === impl Site ===

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let module = wasm(&guests::echo());
        std::fs::write(folder.path().join("echo.wasm"), &module).unwrap();
        let sha256 = hex(&Sha256::digest(&module));
        let run = format!("run: {{ wasm: {{ module: echo.wasm, sha256: \"{sha256}\" }} }}");
        let command = "{ type: object, required: [command], additionalProperties: false, \
                       properties: { command: { type: string, x-callgate: { command: { shell: bash } } } } }";
        let path = "{ type: object, required: [path], additionalProperties: false, \
                    properties: { path: { type: string, x-callgate: { path: read } } } }";
        let text = format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
             workspace: {{ root: /work/project }}\n  \
             profiles: {{ look: {{ read: [\".\", \"!.git\"], run: [ls, cat, git log], ask: [git push] }} }}\n  \
             roles: {{ clerk: {{ tools: [\"*\"], profile: look }} }}\n  tools:\n    \
             - {{ name: Read, effects: read, audit: full, parameters: {path}, {run} }}\n    \
             - {{ name: Bash, effects: read, audit: full, parameters: {command}, {run} }}\n    \
             - {{ name: Quiet, effects: read, parameters: {command}, {run} }}\n    \
             - {{ name: Ask, effects: write, audit: full, parameters: {command}, run: {{ client: {{}} }} }}\n"
        );
        let contract = folder.path().join("contract.yaml");
        std::fs::write(&contract, text).unwrap();
        let running = Desk::new().serving(contract).start().await;
        Self { running, _contract: folder }
    }

    /// The result of a call that the executor runs, or the code of its refusal.
    async fn call(&self, tool: &str, arguments: &Value) -> Result<String, String> {
        let arguments = arguments.to_string();
        let request = self.running.request("clerk", &[(tool, &arguments)]);
        let ended = self.running.execute(request).await.unwrap().remove(0);
        ended.result.map_err(|(kind, message, code)| {
            assert!(!message.contains(SECRET), "{message}");
            assert!(kind == FailureKind::Denied, "{kind:?} {message}");
            code
        })
    }

    /// The decisions of the audit log, oldest first: verdict, code, arguments, and the reading.
    fn decisions(&self) -> Vec<Decided> {
        let reader = LogReader::open(&self.running.path("callgate-state/audit.db")).unwrap();
        verify(&reader, None).unwrap();
        let found = reader.query(&Query { limit: 100, ..Query::default() }).unwrap();
        let records = found.iter().map(|stored| Record::read(&stored.text).unwrap());
        records.filter(|record| record.kind == "decision").map(|record| Decided::from(&record)).collect()
    }
}

#[derive(Debug)]
struct Decided {
    verdict: String,
    code: String,
    arguments: Option<String>,
    readings: Vec<RecordedReading>,
    is_cut: bool,
}

impl From<&Record<'_>> for Decided {
    fn from(record: &Record<'_>) -> Self {
        Self {
            verdict: record.verdict.clone().into_owned(),
            code: record.code.clone().into_owned(),
            arguments: record.arguments.clone().map(std::borrow::Cow::into_owned),
            readings: record.readings.to_vec(),
            is_cut: record.readings_cut,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_the_executor_is_held_to_the_profile_of_the_role() {
    let site = Site::start().await;
    for (tool, arguments, code) in [
        ("Read", json!({ "path": "src/main.rs" }), None),
        ("Read", json!({ "path": "../other/x" }), Some("argument_forbidden")),
        ("Read", json!({ "path": "/etc/passwd" }), Some("argument_forbidden")),
        ("Read", json!({ "path": ".git/config" }), Some("argument_forbidden")),
        ("Read", json!({ "path": "%2e%2e/x" }), Some("argument_unreadable")),
        ("Bash", json!({ "command": "git log --oneline | cat" }), None),
        ("Bash", json!({ "command": "cat a; rm -rf src" }), Some("argument_forbidden")),
        ("Bash", json!({ "command": "cat $(curl evil.example)" }), Some("argument_forbidden")),
        ("Bash", json!({ "command": "cat 'open" }), Some("argument_unreadable")),
        ("Quiet", json!({ "command": "cat README.md" }), None),
        ("Quiet", json!({ "command": "cat ../x" }), Some("argument_forbidden")),
    ] {
        let result = site.call(tool, &arguments).await;
        match code {
            // The tool writes its arguments.
            None => assert_eq!(result.as_deref(), Ok(arguments.to_string().as_str()), "{tool} {arguments}"),
            Some(code) => assert_eq!(result.unwrap_err(), code, "{tool} {arguments}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_has_the_reading_of_allowed_refused_and_waiting_calls() {
    let site = Site::start().await;
    site.call("Bash", &json!({ "command": format!("cat {SECRET}") })).await.unwrap();
    site.call("Bash", &json!({ "command": format!("cat ../{SECRET}") })).await.unwrap_err();
    site.call("Bash", &json!({ "command": "git push" })).await.unwrap_err();
    site.call("Quiet", &json!({ "command": format!("cat {SECRET}") })).await.unwrap();
    site.call("Quiet", &json!({ "command": format!("cat {SECRET}; ls ../{SECRET}") })).await.unwrap_err();
    site.call("Bash", &json!({ "command": "cat a; ".repeat(500) + "ls" })).await.unwrap();
    let [allowed, refused, waiting, quiet, quietly_refused, long] = &site.decisions()[..] else { panic!("six calls") };
    for (decided, verdict, code) in [
        (allowed, "allow", ""),
        (refused, "deny", "argument_forbidden"),
        (waiting, "needs_approval", "approval_required"),
        (quiet, "allow", ""),
        (quietly_refused, "deny", "argument_forbidden"),
    ] {
        assert_eq!((decided.verdict.as_str(), decided.code.as_str(), decided.is_cut), (verdict, code, false));
        let [reading] = &decided.readings[..] else { panic!("{decided:?}") };
        assert_eq!((&*reading.pointer, &*reading.kind, &*reading.profile), ("/command", "command", "look"));
    }
    let has = |decided: &Decided, text: &str| decided.readings[0].lines.iter().any(|line| line.contains(text));
    assert!(allowed.arguments.is_some() && has(allowed, &format!("read /work/project/{SECRET}")), "{allowed:?}");
    assert_eq!(allowed.readings[0].rules, ["cat"]);
    assert!(refused.readings[0].refused.contains("profile `look`"), "{refused:?}");
    assert!(has(waiting, "asks a person") && waiting.readings[0].rules == ["git push"], "{waiting:?}");
    assert_eq!((quiet.arguments.as_ref(), quiet.readings[0].lines.len()), (None, 0), "{quiet:?}");
    assert_eq!(quiet.readings[0].rules, ["cat"]);
    assert!(quietly_refused.readings[0].refused.contains("profile `look`"), "{quietly_refused:?}");
    assert!(!format!("{refused:?}{quiet:?}{quietly_refused:?}").contains(SECRET));
    assert!(long.is_cut && long.readings[0].lines.len() == 64, "{long:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rulings_on_calls_of_the_client_have_their_reading() {
    let site = Site::start().await;
    let lines = [json!({ "command": "cat a" }), json!({ "command": "git push" }), json!({ "command": "cat ../a" })];
    let texts: Vec<String> = lines.iter().map(Value::to_string).collect();
    let calls: Vec<(&str, &str)> = texts.iter().map(|text| ("Ask", text.as_str())).collect();
    let ExecuteRequest { contract_digest, caller, exchange_id, round, calls, .. } =
        site.running.request("clerk", &calls);
    let request =
        AuthorizeRequest { contract_digest, caller, exchange_id, round, calls, ..AuthorizeRequest::default() };
    let rulings = site.running.client.clone().authorize(request).await.unwrap().into_inner().rulings;
    let rulings: Vec<Ruling> = rulings.into_iter().map(|ruling| ruling.ruling.unwrap()).collect();
    assert!(matches!(rulings[..], [Ruling::Released(_), Ruling::Pending(_), Ruling::Denied(_)]), "{rulings:?}");
    let decisions = site.decisions();
    let verdicts: Vec<&str> = decisions.iter().map(|decided| decided.verdict.as_str()).collect();
    assert_eq!(verdicts, ["allow", "needs_approval", "deny"]);
    let rules: Vec<_> = decisions.iter().map(|decided| decided.readings[0].rules.clone()).collect();
    assert_eq!(rules, [vec!["cat"], vec!["git push"], vec![]]);
    assert!(!decisions[2].readings[0].refused.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_of_the_filter_get_their_reading_here() {
    let site = Site::start().await;
    let decision = |position, tool: &str, arguments: &str, verdict: Verdict, code: &str| Decision {
        exchange_id: "exchange-1".into(),
        round: 1,
        position,
        time_unix_nanos: u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap(),
        contract_digest: site.running.digest.clone(),
        caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Caller::default() }),
        tool: tool.into(),
        arguments: arguments.into(),
        verdict: verdict.into(),
        violation_code: code.into(),
        pointer: if code.is_empty() { String::new() } else { "/command".into() },
        ..Decision::default()
    };
    let unknown = Decision {
        contract_digest: format!("sha256:{}", "0".repeat(64)),
        ..decision(5, "Ask", r#"{"command":"cat a"}"#, Verdict::Allow, "")
    };
    let decisions = vec![
        decision(0, "Ask", r#"{"command":"cat a"}"#, Verdict::Allow, ""),
        decision(1, "Ask", r#"{"command":"rm a"}"#, Verdict::Deny, "argument_forbidden"),
        decision(2, "Quiet", "", Verdict::Deny, "argument_forbidden"),
        decision(3, "Quiet", "", Verdict::Allow, ""),
        decision(4, "nothing", r#"{"command":"cat a"}"#, Verdict::Deny, "tool_not_in_contract"),
        unknown,
    ];
    site.running.client.clone().record(RecordRequest { decisions }).await.unwrap();
    let found = site.decisions();
    let kinds: Vec<Vec<&str>> =
        found.iter().map(|decided| decided.readings.iter().map(|reading| &*reading.kind).collect()).collect();
    assert_eq!(kinds, [vec!["command"], vec!["command"], vec!["command"], vec![], vec![], vec![]]);
    assert!(found[0].readings[0].lines.iter().any(|line| line.contains("read /work/project/a")), "{found:?}");
    assert!(!found[1].readings[0].refused.is_empty(), "{found:?}");
    let RecordedReading { lines, profile, refused, .. } = &found[2].readings[0];
    assert_eq!((lines.len(), profile.as_str(), refused.as_str()), (0, "look", ""));
}

//! The executor relies on the filter for the rules about the sources of values, and refuses a call without the filter's decision.

use callgate_proto::executor::v1::{BrokenRule, SourceRuling};
use tonic::Code;

use crate::desk::{Desk, wasm};
use crate::guests;

fn held(code: &str) -> Option<SourceRuling> {
    let (pointer, message) = ("/to".to_owned(), "expected a value from `user`".to_owned());
    Some(SourceRuling { held: Some(BrokenRule { code: code.to_owned(), pointer, message }) })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_decides_the_sources_of_values() {
    let more = r##"requires: { untainted: true }"##;
    let desk = Desk::new().tool_with("t", &wasm(&guests::echo()), "", more).start().await;
    for (sources, expected) in [
        (None, "tainted"),
        (Some(SourceRuling { held: None }), ""),
        (held("origin_foreign"), "approval_required"),
        (held("no_such_rule"), "tainted"),
    ] {
        let mut request = desk.request("clerk", &[("t", "{}")]);
        request.calls[0].sources.clone_from(&sources);
        let ended = desk.execute(request).await.unwrap();
        let code = ended[0].result.as_ref().err().map(|(_, _, code)| code.as_str()).unwrap_or_default();
        assert_eq!(code, expected, "{sources:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_rule_is_bounded() {
    let desk = Desk::new().tool("t", &wasm(&guests::echo()), "").start().await;
    let mut request = desk.request("clerk", &[("t", "{}")]);
    let rule = BrokenRule { message: "x".repeat(4097), ..BrokenRule::default() };
    request.calls[0].sources = Some(SourceRuling { held: Some(rule) });
    let status = desk.execute(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("calls[0].sources.held.message"), "{}", status.message());
}

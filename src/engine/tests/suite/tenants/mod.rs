//! Several contracts in one configuration, and the claims of callers, in every API.

mod claims;
mod scopes;
mod selected;
mod workspace;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use callgate_engine::{
    ContractMatch, Effect, Event, Exchange, Gate, GateError, IdentitySource, Offer, Paths, Reach, RuleSet, Rules, lend,
};

use crate::common::{NOW, begun, feed, headers, loaded};
use crate::conditions::apis::{Api, Call, Step};

/// A desk with one tool that the client runs. `spec` has further lines of `spec`, `fields` further ones of the tool.
fn contract(version: &str, role: &str, (parameters, fields): (&str, &str), spec: &str) -> String {
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: {version} }}
spec:
  models: ["m-*", "gpt-*"]
{spec}
  roles:
    {role}: {{ tools: ["*"] }}
  tools:
    - name: order
      effects: write
      parameters: {{ type: object, {parameters} }}
      run: {{ client: {{}} }}
{fields}"#
    )
}

fn most(amount: u32) -> String {
    format!("properties: {{ amount: {{ type: number, maximum: {amount} }} }}")
}

/// A match by tenant, role, host and path prefix; `*` for any.
fn by(tenant: &str, role: &str, host: &str, prefix: &str) -> ContractMatch {
    let given = |text: &str| (text != "*").then(|| text.to_owned());
    ContractMatch { tenant: given(tenant), role: given(role), host: given(host), path_prefix: given(prefix) }
}

fn by_headers(claims: &[(&str, &str)]) -> IdentitySource {
    let claims: BTreeMap<_, _> = claims.iter().map(|(name, header)| ((*name).into(), (*header).into())).collect();
    IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into(), claims }
}

fn rules(contract: &str, identity: &Arc<IdentitySource>, paths: &Arc<Paths>) -> Rules {
    let reach = Reach { executor: true, upstream: true };
    let contract = Arc::new(loaded(contract));
    Rules::of_one(contract, Arc::clone(identity), Arc::clone(paths), Offer::Declared, reach).unwrap()
}

/// Builds a set of entries: a match, a contract and perhaps its candidate.
fn set(
    entries: &[(ContractMatch, &str, Option<&str>)],
    identity: IdentitySource,
    paths: Paths,
) -> Result<Arc<RuleSet>, GateError> {
    let (identity, paths) = (Arc::new(identity), Arc::new(paths));
    let entries = entries.iter().map(|(one, contract, candidate)| {
        let rules = rules(contract, &identity, &paths);
        let rules = match candidate {
            Some(candidate) => rules.with_candidate(loaded(candidate)),
            None => rules,
        };
        (vec![one.clone()], Arc::new(rules))
    });
    RuleSet::new(entries.collect()).map(Arc::new)
}

fn gate(entries: &[(ContractMatch, &str, Option<&str>)]) -> Rc<Gate> {
    Rc::new(set(entries, by_headers(&[]), Paths::default()).unwrap().gate())
}

/// A caller's request to an API, and the model's answer with these calls. Returns the exchange and everything that the client gets.
fn played(api: &Api, gate: &Rc<Gate>, caller: &[(&str, &str)], calls: &[Call<'_>], stream: bool) -> (Effect, Exchange) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let path = (api.path)(stream);
    let head = headers(&[(":method", "POST"), (":path", &path), ("content-type", "application/json")]);
    let head = [head, headers(caller)].concat();
    match exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }) {
        Effect::Hold => {}
        effect => return (effect, exchange),
    }
    let body = (api.request)(&[Step::User], stream).to_string();
    match exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW }) {
        Effect::Forward(_) => {}
        effect => return (effect, exchange),
    }
    let effect = if stream {
        assert_eq!(begun(&mut exchange, api.media), Effect::BeginStream);
        let (out, other) = feed(&mut exchange, &(api.stream)(calls), &[7]);
        other.unwrap_or(Effect::Finish(out))
    } else {
        assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
        let body = (api.answer)(calls).to_string();
        exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW })
    };
    (effect, exchange)
}

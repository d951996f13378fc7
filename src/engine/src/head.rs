//! A request's headers: its path, the model in the path, its caller, and the type of its body.
//!
//! [`crate::headers`] reads single headers, [`crate::path`] checks the form of a path.

use std::borrow::Cow;
use std::rc::Rc;

use callgate_contract::{Caller, Contract};
use callgate_wire::{Api, Dialect, ReleasePolicy, Target};

use crate::catalog::{self, CatalogHead};
use crate::conversation::{self, Named};
use crate::destination::Destination;
use crate::event::Verified;
use crate::gate::{Gate, Rules};
use crate::headers::kept::KeptHeaders;
use crate::headers::media::{JSON, Media, is_identity_encoded};
use crate::headers::{Headers, single};
use crate::identity::IdentitySource;
use crate::mcp::{self, Answerer, McpHead};
use crate::path::{check_query, has_token, hides_a_slash, is_normal};
use crate::{Code, Refusal};

/// Returns true for a header that a further round of the model repeats. The others belong to the first request, or are hop by hop
/// (RFC 9110 §7.6.1).
fn is_for_rounds(name: &str) -> bool {
    let is_of_one_request = matches!(
        name,
        "accept-encoding"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "expect"
            | "host"
            | "keep-alive"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | SCHEME
    );
    !is_of_one_request && !name.starts_with(':')
}

/// Headers not forwarded: answers must not be compressed, and no header may override the method.
const NOT_FORWARDED: [&str; 4] = ["accept-encoding", "x-http-method", "x-http-method-override", "x-method-override"];

/// The maximum bytes of a workspace, as of any path.
const WORKSPACE_BYTES: usize = 4096;

/// A request's headers, read.
#[derive(Debug)]
pub(crate) enum Head {
    Passthrough,
    Api(Box<ApiHead>),
    Mcp(McpHead),
    Catalog(CatalogHead),
    /// A sign of life is asked for.
    Hello,
}

/// A request to a model's API, without its body.
#[derive(Debug)]
pub(crate) struct ApiHead {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) caller: Caller,
    /// With query.
    pub(crate) path: String,
    /// The model in the path, still percent-encoded.
    pub(crate) model: Option<String>,
    /// The name of the conversation, or the reason why it has none, if the contract has a rule for conversations.
    pub(crate) conversation: Option<Result<Named, Refusal>>,
    /// The headers of a further round; empty if the model is never asked again.
    pub(crate) headers: KeptHeaders,
    /// Headers not forwarded to the upstream.
    pub(crate) remove: Vec<String>,
    /// The body's type as it was read.
    pub(crate) content_type: Option<Cow<'static, str>>,
}

/// Reads a request's headers. Returns the gate of the caller's contract too.
pub(crate) fn read(
    gate: &Rc<Gate>,
    Destination { target, route }: Destination<'_>,
    headers: &Headers<'_>,
    verified: Option<Verified>,
    end: bool,
) -> Result<(Rc<Gate>, Head), Refusal> {
    let path = Target::new(target).path;
    if !is_normal(path) {
        let message = "The path is not in normal form: an empty or dot segment, or a needless escape; send it without.";
        return Err(Refusal::new(Code::PathNotAllowed, message));
    }
    if headers.iter().any(|(name, _)| *name == "upgrade") {
        let message = "Callgate reads no protocol but plain HTTP; send the request without `upgrade`.";
        return Err(Refusal::new(Code::UpgradeRefused, message));
    }
    if gate.paths.passes(path) && !hides_a_slash(path) {
        return Ok((Rc::clone(gate), Head::Passthrough));
    }
    let Some((route, row)) = route else {
        return Err(Refusal::new(
            Code::PathNotAllowed,
            "This path is neither an API that Callgate reads nor listed under `paths.passthrough`.",
        ));
    };
    let method = single(headers, ":method").unwrap_or_default();
    let may = match row.api {
        Api::Model(_) => method == "POST",
        // GET and DELETE at a merged address are refused as MCP says.
        Api::Mcp | Api::McpMerged => mcp::METHODS.contains(&method),
        Api::Catalog => true,
        // Nothing of it is forwarded, and whoever is alive answers anybody.
        Api::Hello => return Ok((Rc::clone(gate), Head::Hello)),
    };
    if !may {
        return Err(Refusal::new(Code::MethodNotAllowed, "This path takes no requests of this method."));
    }
    if matches!(&*gate.identity, IdentitySource::Scopes(_)) && has_token(Target::new(target).query) {
        let message = "The query has an access token, which would reach the upstream; send it in `authorization` only.";
        return Err(Refusal::at(Code::RequestInvalid, "access_token", message));
    }
    let mut caller = caller(&gate.identity, headers, verified)?;
    let Some(gate) = gate.select(&caller, headers, path) else {
        let message = "No contract is for this tenant and role at this host and path.";
        return Err(Refusal::new(Code::ContractUnmatched, message));
    };
    let contracts = (&*gate.contract, gate.candidate.as_deref());
    caller.claims = gate.identity.claims(contracts, &caller.claims, headers)?;
    let stated = workspace_header(contracts);
    caller.workspace = match &*gate.identity {
        // Nobody in front of such a listener sets a header, and the client does not choose its own workspace.
        IdentitySource::Fixed(_) => caller.workspace.filter(|_| stated.is_some()),
        _ => stated.and_then(|name| workspace(name, headers)),
    };
    if gate.contract.role(&caller.role).is_none() {
        return Err(Refusal::new(Code::RoleForbidden, "The caller's role is not in the contract."));
    }
    let media = Media::of(headers);
    if method == "POST" {
        check_body(headers, &media, end)?;
    }
    let mut remove = removed(&gate, headers);
    remove.extend(stated.map(str::to_owned));
    let unwanted = NOT_FORWARDED.into_iter().filter(|unwanted| headers.iter().any(|(name, _)| name == unwanted));
    remove.extend(unwanted.map(str::to_owned));
    match row.api {
        Api::Model(dialect) => {
            check_query(Target::new(target).query)?;
            let model = route.model(path).map(str::to_owned);
            let conversation = gate.contract.conversation().map(|policy| conversation::named(policy, headers));
            let content_type = media.written();
            let headers = match gate.hold(&caller.role) {
                ReleasePolicy::Turn => for_rounds(headers, &remove, content_type.as_deref()),
                ReleasePolicy::Call => KeptHeaders::default(),
            };
            let path = target.to_owned();
            let head = ApiHead { dialect, caller, path, model, conversation, headers, remove, content_type };
            Ok((gate, Head::Api(Box::new(head))))
        }
        Api::Mcp => mcp::head((&gate, Answerer::Server), caller, headers, remove).map(|head| (gate, Head::Mcp(head))),
        Api::McpMerged => {
            mcp::head((&gate, Answerer::Gate), caller, headers, remove).map(|head| (gate, Head::Mcp(head)))
        }
        Api::Catalog => {
            check_query(Target::new(target).query)?;
            let head = catalog::head(&gate, caller, (target, route.model(path)), headers, remove)?;
            Ok((gate, Head::Catalog(head)))
        }
        Api::Hello => Ok((gate, Head::Hello)),
    }
}

/// The scheme of the client's connection. Envoy finds no route for a request without it, so the rendered route removes it.
const SCHEME: &str = "x-forwarded-proto";

/// Returns the headers that no upstream gets, whatever the request is: the caller's identity, what a proxy tells of its own network, and
/// a client's own word for the model.
pub(crate) fn removed(rules: &Rules, headers: &Headers<'_>) -> Vec<String> {
    let model = rules.model_header.as_deref();
    let is_inside = |name: &str| {
        name == "forwarded"
            || name.starts_with("x-forwarded-") && name != SCHEME
            || name.starts_with("x-envoy-")
            || model == Some(name)
    };
    let mut removed = rules.identity.headers();
    for (name, _) in headers.iter().filter(|(name, _)| is_inside(name)) {
        if !removed.iter().any(|known| known == name) {
            removed.push((*name).to_owned());
        }
    }
    removed
}

/// Returns the header with the caller's workspace. A candidate names no other one than its contract.
pub(crate) fn workspace_header<'c>((contract, candidate): (&'c Contract, Option<&'c Contract>)) -> Option<&'c str> {
    contract.workspace_header().or_else(|| candidate?.workspace_header())
}

/// Returns the workspace that a header states. A header that is missing, repeated, too long or not text states none.
fn workspace(name: &str, headers: &Headers<'_>) -> Option<String> {
    single(headers, name).filter(|value| value.len() <= WORKSPACE_BYTES).map(str::to_owned)
}

/// Returns the headers to repeat in a further round.
fn for_rounds(headers: &Headers<'_>, remove: &[String], content_type: Option<&str>) -> KeptHeaders {
    let repeats = |name: &str| is_for_rounds(name) && !remove.iter().any(|removed| removed == name);
    let mut kept = KeptHeaders::of(headers, repeats);
    if let Some(content_type) = content_type {
        kept.push("content-type", content_type);
    }
    kept
}

/// Checks the body's headers: the body must be there, be JSON, and be readable.
fn check_body(headers: &Headers<'_>, media: &Media, end: bool) -> Result<(), Refusal> {
    if !is_identity_encoded(headers) {
        return Err(Refusal::new(Code::RequestEncoded, "The body is compressed; send it without `content-encoding`."));
    }
    if !media.is(JSON) {
        let message = "The body's `content-type` is not `application/json` in UTF-8; send just that, once.";
        return Err(Refusal::new(Code::RequestEncoded, message));
    }
    if end {
        return Err(Refusal::new(Code::RequestNotJson, "The request has no body; a JSON object was expected."));
    }
    Ok(())
}

/// Returns tenant and role. A header that is missing, repeated, empty or not text names nobody.
fn caller(identity: &IdentitySource, headers: &Headers<'_>, verified: Option<Verified>) -> Result<Caller, Refusal> {
    let found = match (identity, verified) {
        (IdentitySource::Header { tenant, role, .. }, _) => {
            single(headers, tenant).zip(single(headers, role)).map(|(tenant, role)| Caller::new(tenant, role))
        }
        (IdentitySource::Client { header, callers }, _) => {
            single(headers, header).and_then(|id| callers.get(id)).cloned()
        }
        (IdentitySource::Claims, Some(Verified::Claims { tenant, role, claims })) => String::from_utf8(tenant)
            .ok()
            .zip(String::from_utf8(role).ok())
            .map(|(tenant, role)| Caller { claims, ..Caller::new(tenant, role) }),
        (IdentitySource::Scopes(roles), Some(Verified::Scopes { tenant, scopes, claims })) => {
            let tenant = String::from_utf8(tenant).ok().filter(|tenant| !tenant.is_empty());
            match tenant {
                Some(tenant) => {
                    let role = roles.role(&scopes).ok_or_else(|| roles.none())?;
                    Some(Caller { claims, ..Caller::new(tenant, role) })
                }
                None => None,
            }
        }
        (IdentitySource::Certificate { callers }, Some(Verified::Certificate { uri })) => {
            std::str::from_utf8(&uri).ok().and_then(|uri| callers.get(uri)).cloned()
        }
        (IdentitySource::Fixed(caller), _) => Some(caller.clone()),
        (IdentitySource::Claims | IdentitySource::Scopes(_) | IdentitySource::Certificate { .. }, _) => None,
    };
    match found {
        Some(caller) if !caller.tenant.is_empty() && !caller.role.is_empty() => Ok(caller),
        _ => Err(Refusal::new(
            Code::CallerUnknown,
            match identity {
                IdentitySource::Header { tenant, role, .. } => {
                    format!("The request must carry exactly one `{tenant}` and one `{role}` header.")
                }
                IdentitySource::Client { .. } => "The request carries no API key of a known client.".to_owned(),
                IdentitySource::Claims => "The request carries no verified token with a tenant and a role.".to_owned(),
                IdentitySource::Scopes(_) => "The request carries no verified token with a tenant.".to_owned(),
                IdentitySource::Certificate { .. } => "The connection has no certificate of a known client.".to_owned(),
                IdentitySource::Fixed(_) => "The gate's `identity` has no tenant or no role.".to_owned(),
            },
        )),
    }
}

// === impl Head ===

impl Head {
    /// The caller, if the request is read.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Passthrough | Self::Hello => None,
            Self::Api(head) => Some(&head.caller),
            Self::Mcp(head) => Some(&head.caller),
            Self::Catalog(head) => Some(&head.caller),
        }
    }
}

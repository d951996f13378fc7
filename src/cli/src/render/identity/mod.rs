//! The source of the caller's tenant and role: its options, and its values for the templates.

mod files;

use std::collections::BTreeMap;

use callgate_contract::Caller;
use minijinja::{Value, context};
use serde_json::{Map, json};

use super::args::{HostOption, IdentityOption, RenderArguments, Target};
use super::error::RenderError;
use super::oauth::{self, Oauth};
use super::options::Options;

/// The key in Envoy's dynamic metadata under which jwt_authn leaves the verified claims for the filter.
pub(super) const PAYLOAD: &str = "jwt_payload";
/// The header in which api_key_auth leaves the client's id for the filter.
pub(super) const CLIENT: &str = "x-callgate-client";

/// The contents of the files of `--callers` and `--api-keys`.
#[derive(Default)]
pub(super) struct Clients {
    callers: BTreeMap<String, Caller>,
    /// The header or the claim of a token, by the name of a claim in contracts.
    claims: BTreeMap<String, String>,
    /// The API key of each client; empty if Kubernetes holds them.
    keys: BTreeMap<String, String>,
}

// === impl Clients ===

impl Clients {
    /// Checks the options of `--identity`, and reads its files.
    pub(super) fn read(arguments: &RenderArguments) -> Result<Self, RenderError> {
        check(arguments)?;
        let mut clients = Self { claims: claims(arguments)?, ..Self::default() };
        if let Some(file) = &arguments.callers {
            clients.callers = files::callers(file)?;
        }
        if let Some(file) = &arguments.api_keys {
            clients.keys = files::keys(file)?;
            if let Some(client) = clients.keys.keys().find(|client| !clients.callers.contains_key(*client)) {
                let reason = format!("client `{client}` has a key, but no caller in --callers; add it there");
                return Err(RenderError::clients(file, 1, reason));
            }
        }
        Ok(clients)
    }

    fn plugin(&self) -> serde_json::Value {
        let caller = |(client, caller): (&String, &Caller)| {
            let mut shown = json!({ "tenant": caller.tenant, "role": caller.role });
            if let (false, Some(members)) = (caller.claims.is_empty(), shown.as_object_mut()) {
                let claims = caller.claims.iter().map(|(name, value)| (name.to_owned(), value.clone()));
                members.insert("claims".to_owned(), serde_json::Value::Object(claims.collect()));
            }
            (client.clone(), shown)
        };
        serde_json::Value::Object(self.callers.iter().map(caller).collect::<Map<_, _>>())
    }

    /// Returns the callers for the engine.
    pub(super) fn table(&self) -> std::collections::HashMap<String, Caller> {
        self.callers.iter().map(|(client, caller)| (client.clone(), caller.clone())).collect()
    }
}

/// Returns `identity` of the filter's configuration.
pub(super) fn plugin(options: &Options<'_>) -> serde_json::Value {
    let arguments = options.arguments;
    match arguments.identity {
        IdentityOption::Header => {
            let mut header = json!({ "tenant": arguments.tenant_header, "role": arguments.role_header });
            add_claims(&mut header, &options.clients.claims);
            json!({ "header": header })
        }
        IdentityOption::Jwt => {
            let (name, role) = match options.oauth.plugin(arguments) {
                Some(scopes) => ("scopes", scopes),
                None => ("roleClaim", json!(role_claim(arguments))),
            };
            let mut jwt = json!({ "payload": PAYLOAD, "tenantClaim": arguments.tenant_claim, name: role });
            add_claims(&mut jwt, &options.clients.claims);
            json!({ "jwt": jwt })
        }
        IdentityOption::ApiKey => json!({ "apiKey": { "header": CLIENT, "callers": options.clients.plugin() } }),
        IdentityOption::Certificate => json!({ "certificate": { "callers": options.clients.plugin() } }),
        IdentityOption::Fixed => {
            let mut caller = json!({ "tenant": arguments.tenant, "role": arguments.role });
            if let (Some(workspace), Some(members)) = (&arguments.workspace, caller.as_object_mut()) {
                members.insert("workspace".to_owned(), json!(workspace));
            }
            json!({ "fixed": caller })
        }
    }
}

/// Returns the engine's source of identity.
pub(super) fn source(arguments: &RenderArguments, clients: &Clients, oauth: &Oauth) -> callgate_engine::IdentitySource {
    use callgate_engine::IdentitySource;
    match arguments.identity {
        IdentityOption::Header => {
            let (tenant, role) = (arguments.tenant_header.clone(), arguments.role_header.clone());
            IdentitySource::Header { tenant, role, claims: clients.claims.clone() }
        }
        IdentityOption::Jwt => oauth.roles().map_or(IdentitySource::Claims, IdentitySource::Scopes),
        IdentityOption::ApiKey => IdentitySource::Client { header: CLIENT.to_owned(), callers: clients.table() },
        IdentityOption::Certificate => IdentitySource::Certificate { callers: clients.table() },
        IdentityOption::Fixed => {
            let given = |option: &Option<String>| option.clone().unwrap_or_default();
            let caller = Caller::new(given(&arguments.tenant), given(&arguments.role));
            IdentitySource::Fixed(Caller { workspace: arguments.workspace.clone(), ..caller })
        }
    }
}

/// Returns the templates of the filters that establish the identity, in their order.
pub(super) fn filters(arguments: &RenderArguments) -> Vec<&'static str> {
    match (arguments.identity, arguments.host) {
        (IdentityOption::Header | IdentityOption::Fixed, _) => Vec::new(),
        (IdentityOption::Jwt, HostOption::Wasm) => vec!["jwt.yaml"],
        (IdentityOption::Jwt, HostOption::Native) => vec!["jwt.yaml", "claims.yaml"],
        (IdentityOption::ApiKey, _) => vec!["api-key.yaml"],
        (IdentityOption::Certificate, _) => vec!["certificate.yaml"],
    }
}

/// Returns the configuration of the jwt_authn filter; `None` with another identity.
pub(super) fn jwt(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::Jwt).then(|| {
        context! {
            payload => PAYLOAD,
            issuer => arguments.jwt_issuer,
            audiences => audiences(arguments, &options.oauth),
            jwks => arguments.jwt_jwks,
            jwks_url => arguments.oauth.jwt_jwks_url,
            header => oauth::token_header(arguments),
            bearer => oauth::token_header(arguments) == "authorization",
            tenant => arguments.tenant_claim,
            role => options.oauth.roles().is_none().then(|| role_claim(arguments)),
        }
    })
}

/// Returns the claim with the role.
pub(super) fn role_claim(arguments: &RenderArguments) -> &str {
    arguments.role_claim.as_deref().unwrap_or("role")
}

/// Returns the audiences of accepted tokens; empty for any.
fn audiences(arguments: &RenderArguments, oauth: &Oauth) -> Vec<String> {
    match oauth.audience() {
        Some(resource) if arguments.jwt_audience.is_empty() => vec![resource.to_owned()],
        _ => arguments.jwt_audience.clone(),
    }
}

/// Returns the names of the trusted headers; `None` with another identity.
pub(super) fn headers(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::Header).then(|| {
        let names =
            [&arguments.tenant_header, &arguments.role_header].into_iter().chain(options.clients.claims.values());
        let names: Vec<&str> = names.map(String::as_str).collect();
        match names.split_last() {
            Some((last, rest)) => Value::from(format!("{} and {last}", rest.join(", "))),
            None => Value::UNDEFINED,
        }
    })
}

/// Returns the configuration of the api_key_auth filter; `None` with another identity.
pub(super) fn api_key(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::ApiKey).then(|| {
        let keys = options.clients.keys.iter();
        let credentials: Vec<Value> = keys.map(|(client, key)| context! { client => client, key => key }).collect();
        context! { header => arguments.api_key_header, client_header => CLIENT, credentials => credentials }
    })
}

/// Returns the listener's certificate and the CA of its clients; `None` with another identity.
pub(super) fn certificate(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::Certificate).then(|| {
        context! {
            chain => arguments.listen_certificate,
            key => arguments.listen_key,
            ca => arguments.client_ca,
        }
    })
}

/// Returns the caller of every request; `None` with another identity.
pub(super) fn fixed(options: &Options<'_>) -> Option<Value> {
    let arguments = options.arguments;
    (arguments.identity == IdentityOption::Fixed)
        .then(|| context! { tenant => arguments.tenant, role => arguments.role, workspace => arguments.workspace })
}

/// Refuses options of another identity, and names a missing one.
fn check(arguments: &RenderArguments) -> Result<(), RenderError> {
    use IdentityOption::{ApiKey, Certificate, Fixed, Jwt};
    let on_envoy = arguments.target == Target::Envoy;
    // An empty one names nobody, and the filter refuses such a configuration.
    let is_filled = |option: &Option<String>| option.as_ref().is_some_and(|text| !text.is_empty());
    // The option, whether it is there, the identities that take it, and whether one of those needs it.
    let by_url = arguments.oauth.jwt_jwks_url.is_some();
    if let (Some(_), true) = (&arguments.jwt_jwks, by_url) {
        return Err(RenderError::Useless { option: "--jwt-jwks", because: "--jwt-jwks-url" });
    }
    let rows: [(&'static str, bool, &[IdentityOption], bool); 15] = [
        ("--tenant", is_filled(&arguments.tenant), &[Fixed], true),
        ("--role", is_filled(&arguments.role), &[Fixed], true),
        ("--workspace", arguments.workspace.is_some(), &[Fixed], false),
        ("--claim", !arguments.claims.is_empty(), &[IdentityOption::Header, Jwt], false),
        ("--jwt-issuer", arguments.jwt_issuer.is_some(), &[Jwt], true),
        ("--jwt-jwks", arguments.jwt_jwks.is_some() || by_url, &[Jwt], true),
        ("--oauth-resource", arguments.oauth.oauth_resource.is_some(), &[Jwt], false),
        ("--scope-role", !arguments.oauth.scope_role.is_empty(), &[Jwt], false),
        ("--jwt-jwks-url", by_url, &[Jwt], false),
        ("--jwt-audience", !arguments.jwt_audience.is_empty(), &[Jwt], false),
        ("--callers", arguments.callers.is_some(), &[ApiKey, Certificate], true),
        ("--api-keys", arguments.api_keys.is_some(), &[ApiKey], arguments.target != Target::EnvoyGateway),
        ("--listen-certificate", arguments.listen_certificate.is_some(), &[Certificate], on_envoy),
        ("--listen-key", arguments.listen_key.is_some(), &[Certificate], on_envoy),
        ("--client-ca", arguments.client_ca.is_some(), &[Certificate], on_envoy),
    ];
    let because = arguments.identity.shown();
    for (option, is_given, takers, needed) in rows {
        let takes = takers.contains(&arguments.identity);
        if is_given && !takes {
            return Err(RenderError::Useless { option, because });
        }
        if takes && needed && !is_given {
            return Err(RenderError::Missing { option, because });
        }
    }
    Ok(())
}

fn add_claims(identity: &mut serde_json::Value, claims: &BTreeMap<String, String>) {
    if let (false, Some(members)) = (claims.is_empty(), identity.as_object_mut()) {
        members.insert("claims".to_owned(), json!(claims));
    }
}

/// Reads `--claim NAME=SOURCE`.
fn claims(arguments: &RenderArguments) -> Result<BTreeMap<String, String>, RenderError> {
    let mut claims = BTreeMap::new();
    for given in &arguments.claims {
        let fault = |expected| RenderError::option("--claim", given, expected, "department=/organisation/department");
        let (name, source) = given
            .split_once('=')
            .filter(|(name, source)| !name.is_empty() && !source.is_empty())
            .ok_or_else(|| fault("NAME=SOURCE, where SOURCE is a claim of the token or a header"))?;
        if arguments.identity == IdentityOption::Header {
            super::options::header("--claim", source)?;
        }
        if claims.insert(name.to_owned(), source.to_owned()).is_some() {
            return Err(fault("each claim once"));
        }
    }
    Ok(claims)
}

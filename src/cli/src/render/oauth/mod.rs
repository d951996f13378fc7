//! The gate as an OAuth protected resource: its metadata, its challenges, and the roles of scopes (RFC 9728, RFC 6750).

pub(super) mod args;
pub(super) mod credential;
pub(super) mod url;

use callgate_engine::{ScopeRole, ScopeRoles};
use minijinja::{Value, context};
use serde_json::json;

use self::url::Url;
use super::args::{RenderArguments, Target};
use super::error::RenderError;

/// The path of the metadata; the resource's own path follows it (RFC 9728 §3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The resource as OAuth clients see it, and the roles of their scopes.
#[derive(Default)]
pub(super) struct Oauth {
    resource: Option<Url>,
    servers: Vec<String>,
    roles: Vec<ScopeRole>,
    first_scopes: Vec<String>,
    /// The URL of the issuer's keys.
    pub(super) keys: Option<Url>,
}

// === impl Oauth ===

impl Oauth {
    /// Reads the options. [`super::identity`] has checked that the identity takes them.
    pub(super) fn read(arguments: &RenderArguments) -> Result<Self, RenderError> {
        let oauth = &arguments.oauth;
        let is_envoy = arguments.target == Target::Envoy;
        for (option, is_given) in
            [("--oauth-resource", oauth.oauth_resource.is_some()), ("--jwt-jwks-url", oauth.jwt_jwks_url.is_some())]
        {
            if is_given && !is_envoy {
                return Err(RenderError::Useless {
                    option,
                    because: "this --target, which has resources of its own for it",
                });
            }
        }
        let resource =
            oauth.oauth_resource.as_deref().map(|url| Url::read_identifier("--oauth-resource", url)).transpose()?;
        let keys = oauth.jwt_jwks_url.as_deref().map(|url| Url::read("--jwt-jwks-url", url)).transpose()?;
        let roles = oauth.scope_role.iter().map(|given| scope_role(given)).collect::<Result<Vec<_>, _>>()?;
        for (option, is_given, needed, by) in [
            ("--oauth-server", !oauth.oauth_server.is_empty(), resource.is_some(), "no --oauth-resource"),
            ("--oauth-scope", !oauth.oauth_scope.is_empty(), resource.is_some(), "no --oauth-resource"),
            ("--scope-claim", oauth.scope_claim.is_some(), !roles.is_empty(), "no --scope-role"),
            ("--role-claim", arguments.role_claim.is_some(), roles.is_empty(), "--scope-role, which gives the role"),
        ] {
            if is_given && !needed {
                return Err(RenderError::Useless { option, because: by });
            }
        }
        if resource.is_some() && roles.is_empty() {
            return Err(RenderError::Missing { option: "--scope-role", because: "--oauth-resource" });
        }
        if let (Some(_), Some(header)) = (&resource, &arguments.jwt_header)
            && header != AUTHORIZATION
        {
            let expected =
                "authorization with --oauth-resource, because OAuth clients use no other header (RFC 6750 §2.1)";
            return Err(RenderError::option("--jwt-header", header, expected, AUTHORIZATION));
        }
        for scope in &oauth.oauth_scope {
            if !ScopeRoles::is_scope(scope) {
                return Err(RenderError::option("--oauth-scope", scope, SCOPE, "mcp:read"));
            }
        }
        let mut servers = oauth.oauth_server.clone();
        if servers.is_empty() {
            servers.extend(arguments.jwt_issuer.clone().filter(|_| resource.is_some()));
        }
        for server in &servers {
            let option = if oauth.oauth_server.is_empty() { "--jwt-issuer" } else { "--oauth-server" };
            // The issuer of some authorization servers ends in a slash, and clients compare it byte for byte.
            Url::read_identifier(option, server.strip_suffix('/').unwrap_or(server))?;
        }
        let first_scopes = if oauth.oauth_scope.is_empty() {
            roles.last().map(|entry| entry.scope.clone()).into_iter().collect()
        } else {
            oauth.oauth_scope.clone()
        };
        Ok(Self { resource, servers, roles, first_scopes, keys })
    }

    /// Returns the roles of scopes; `None` if a claim has the role.
    pub(super) fn roles(&self) -> Option<ScopeRoles> {
        let metadata = self.resource.as_ref().map(metadata_address);
        (!self.roles.is_empty()).then(|| ScopeRoles { roles: self.roles.clone(), metadata })
    }

    /// Returns `scopes` of the filter's configuration.
    pub(super) fn plugin(&self, arguments: &RenderArguments) -> Option<serde_json::Value> {
        let ScopeRoles { roles, metadata } = self.roles()?;
        let role = |ScopeRole { scope, role }: &ScopeRole| json!({ "scope": scope, "role": role });
        let mut plugin = serde_json::Map::new();
        plugin.extend(arguments.oauth.scope_claim.as_ref().map(|claim| ("claim".to_owned(), json!(claim))));
        plugin.extend(metadata.map(|address| ("metadata".to_owned(), json!(address))));
        plugin.insert("roles".to_owned(), roles.iter().map(role).collect());
        Some(serde_json::Value::Object(plugin))
    }

    /// Returns true if the gate is a protected resource.
    pub(super) fn is_resource(&self) -> bool {
        self.resource.is_some()
    }

    /// Returns the audience of tokens, if no option gives others.
    pub(super) fn audience(&self) -> Option<&str> {
        self.resource.as_ref().map(|resource| resource.text.as_str())
    }

    /// Returns the resource for the templates; `None` without `--oauth-resource`.
    pub(super) fn values(&self) -> Option<Value> {
        let resource = self.resource.as_ref()?;
        let address = metadata_address(resource);
        let scopes: Vec<&str> = self.roles.iter().map(|entry| entry.scope.as_str()).collect();
        let document = json!({
            "resource": resource.text, "authorization_servers": self.servers, "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
        });
        let about = format!(r#"resource_metadata="{address}""#);
        let scope = format!(r#", scope="{}""#, self.first_scopes.join(" "));
        let mut paths = vec![WELL_KNOWN.to_owned()];
        if !resource.path.is_empty() {
            paths.push(format!("{WELL_KNOWN}{}", resource.path));
        }
        Some(context! {
            resource => resource.text,
            paths => paths,
            document => document.to_string(),
            missing => literal(&format!("Bearer {about}{scope}")),
            invalid => literal(&format!(r#"Bearer error="invalid_token", {about}{scope}"#)),
        })
    }
}

/// The header with the token.
const AUTHORIZATION: &str = "authorization";

const SCOPE: &str = "a scope: printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)";

/// Returns the header with the token.
pub(super) fn token_header(arguments: &RenderArguments) -> &str {
    let usual = if arguments.oauth.oauth_resource.is_some() { AUTHORIZATION } else { "x-callgate-token" };
    arguments.jwt_header.as_deref().unwrap_or(usual)
}

/// Reads `SCOPE=ROLE`. A scope may have `=`, and a role has none.
fn scope_role(given: &str) -> Result<ScopeRole, RenderError> {
    let fault = |expected: &'static str| RenderError::option("--scope-role", given, expected, "mcp:read=viewer");
    let (scope, role) =
        given.rsplit_once('=').filter(|(_, role)| !role.is_empty()).ok_or_else(|| fault("SCOPE=ROLE"))?;
    if !ScopeRoles::is_scope(scope) {
        return Err(fault(SCOPE));
    }
    Ok(ScopeRole { scope: scope.to_owned(), role: role.to_owned() })
}

/// Returns the address of a resource's metadata (RFC 9728 §3.1).
fn metadata_address(resource: &Url) -> String {
    format!("{}{WELL_KNOWN}{}", resource.origin(), resource.path)
}

/// Returns text that Envoy's formatter leaves as it is.
fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

//! The options of an OAuth protected resource, and of the credential for the upstream.

use clap::Args;

/// The gate as a protected resource (RFC 9728), with `--identity jwt`.
#[derive(Args)]
pub(crate) struct OauthArguments {
    /// --identity jwt: the public URL of what this gate protects, such as `https://gate.example/mcp`, without a slash at the end. The gate
    /// then publishes its OAuth metadata (RFC 9728), takes tokens in `authorization`, and requires this URL as their audience, unless
    /// --jwt-audience names others
    #[arg(long, value_name = "URL", help_heading = "OAuth")]
    pub(crate) oauth_resource: Option<String>,
    /// With --oauth-resource: the issuer URL of an authorization server for clients; may be repeated; by default --jwt-issuer
    #[arg(long, value_name = "URL", help_heading = "OAuth")]
    pub(crate) oauth_server: Vec<String>,
    /// --identity jwt: the role of tokens with this scope; repeated, with the strongest scope first: the first one that a token has decides
    #[arg(long, value_name = "SCOPE=ROLE", help_heading = "OAuth")]
    pub(crate) scope_role: Vec<String>,
    /// With --scope-role: the claim with the scopes, a text with spaces or a list; by default `scope`, or `scp` if the token has no `scope`
    #[arg(long, value_name = "NAME", help_heading = "OAuth")]
    pub(crate) scope_claim: Option<String>,
    /// With --oauth-resource: a scope that a client without a token is told to ask for; may be repeated; by default the last --scope-role
    #[arg(long, value_name = "SCOPE", help_heading = "OAuth")]
    pub(crate) oauth_scope: Vec<String>,
    /// --identity jwt: the URL of the issuer's public keys, in place of --jwt-jwks. Envoy fetches them again every 5 minutes
    #[arg(long, value_name = "URL", help_heading = "OAuth")]
    pub(crate) jwt_jwks_url: Option<String>,
    /// The CA bundle for --jwt-jwks-url and --upstream-token-url, on Envoy's machine
    #[arg(long, value_name = "PATH", default_value = "/etc/ssl/certs/ca-certificates.crt", help_heading = "OAuth")]
    pub(crate) oauth_ca: String,
}

/// The credential that the upstream gets.
#[derive(Args)]
pub(crate) struct CredentialArguments {
    /// A file with the value of the header that the upstream gets, such as `Bearer KEY`, without a line break; on Envoy's machine
    #[arg(long, value_name = "PATH", help_heading = "Credential for the upstream")]
    pub(crate) upstream_credential: Option<String>,
    /// With --upstream-credential: the header; by default authorization
    #[arg(long, value_name = "NAME", help_heading = "Credential for the upstream")]
    pub(crate) upstream_credential_header: Option<String>,
    /// The token endpoint from which Envoy gets a token of its own for the upstream (client credentials, RFC 6749 §4.4)
    #[arg(long, value_name = "URL", help_heading = "Credential for the upstream")]
    pub(crate) upstream_token_url: Option<String>,
    /// With --upstream-token-url: the client's id
    #[arg(long, value_name = "ID", help_heading = "Credential for the upstream")]
    pub(crate) upstream_client_id: Option<String>,
    /// With --upstream-token-url: a file with the client's secret, without a line break; on Envoy's machine
    #[arg(long, value_name = "PATH", help_heading = "Credential for the upstream")]
    pub(crate) upstream_client_secret: Option<String>,
    /// With --upstream-token-url: a scope to ask for; may be repeated
    #[arg(long, value_name = "SCOPE", help_heading = "Credential for the upstream")]
    pub(crate) upstream_scope: Vec<String>,
    /// With --upstream-token-url: the upstream's resource (RFC 8707), such as `https://mcp.example/mcp`
    #[arg(long, value_name = "URL", help_heading = "Credential for the upstream")]
    pub(crate) upstream_resource: Option<String>,
    /// With --upstream-token-url and --oauth-resource: exchange the caller's token there for one of the upstream (RFC 8693), in place of a
    /// token of the gate's own
    #[arg(long, help_heading = "Credential for the upstream")]
    pub(crate) token_exchange: bool,
}

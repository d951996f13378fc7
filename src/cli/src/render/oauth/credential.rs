//! The credential that the upstream gets. It is never the caller's own token.

use minijinja::{Value, context};

use super::super::args::{RenderArguments, Target};
use super::super::error::RenderError;
use super::super::options::header;
use super::args::CredentialArguments;
use super::url::Url;

/// The source of the upstream's credential.
pub(in crate::render) enum Credential {
    /// A header's value in a file.
    File { path: String, header: String },
    /// A token of Envoy's own, by client credentials.
    Client(Client),
    /// A token for the caller, in exchange for the caller's token.
    Exchange(Client),
}

/// A client of the upstream's authorization server, and the tokens that it asks for.
pub(in crate::render) struct Client {
    endpoint: Url,
    id: String,
    /// The file with the secret.
    secret: String,
    scopes: Vec<String>,
    resource: Option<String>,
}

// === impl Credential ===

impl Credential {
    /// Reads the options; `None` if the upstream gets no credential.
    pub(in crate::render) fn read(arguments: &RenderArguments) -> Result<Option<Self>, RenderError> {
        let given = &arguments.credential;
        if let (Some(_), Some(_)) = (&given.upstream_credential, &given.upstream_token_url) {
            return Err(RenderError::Useless { option: "--upstream-token-url", because: "--upstream-credential" });
        }
        let file = given.upstream_credential.as_ref().map(|_| "--upstream-credential");
        let url = given.upstream_token_url.as_ref().map(|_| "--upstream-token-url");
        if let Some(option) = file.or(url)
            && arguments.target != Target::Envoy
        {
            return Err(RenderError::Useless {
                option,
                because: "this --target, which has resources of its own for it",
            });
        }
        refuse_strangers(given)?;
        if let Some(path) = &given.upstream_credential {
            let name = given.upstream_credential_header.clone().unwrap_or_else(|| "authorization".to_owned());
            header("--upstream-credential-header", &name)?;
            return Ok(Some(Self::File { path: path.clone(), header: name }));
        }
        let Some(client) = Client::read(given)? else { return Ok(None) };
        if !given.token_exchange {
            return Ok(Some(Self::Client(client)));
        }
        if arguments.oauth.oauth_resource.is_none() {
            return Err(RenderError::Missing { option: "--oauth-resource", because: "--token-exchange" });
        }
        Ok(Some(Self::Exchange(client)))
    }

    /// Returns the templates of the filters before and after the identity.
    pub(in crate::render) fn filters(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::File { .. } | Self::Client(_) => (&[], &["credential.yaml"]),
            Self::Exchange(_) => (&["subject.yaml"], &["exchange.yaml", "exchanged.yaml", "no-subject.yaml"]),
        }
    }

    /// Returns the cluster that gives the credential.
    pub(in crate::render) fn cluster(&self, ca: &str) -> Option<Value> {
        match self {
            Self::File { .. } => None,
            Self::Client(client) | Self::Exchange(client) => {
                Some(client.endpoint.cluster("upstream-tokens", "The upstream's authorization server.", ca))
            }
        }
    }

    /// Returns the credential for the templates, with one of `file`, `client` and `exchange`.
    pub(in crate::render) fn values(&self) -> Value {
        let (file, client, exchange) = match self {
            Self::File { path, header } => (Some(context! { path => path, header => header }), None, None),
            Self::Client(client) => (None, Some(client.values()), None),
            Self::Exchange(client) => (None, None, Some(client.exchange())),
        };
        context! { file => file, client => client, exchange => exchange }
    }
}

// === impl Client ===

impl Client {
    fn read(given: &CredentialArguments) -> Result<Option<Self>, RenderError> {
        let Some(url) = &given.upstream_token_url else { return Ok(None) };
        let because = "--upstream-token-url";
        let needed = |option, value: &Option<String>| {
            value.clone().filter(|text| !text.is_empty()).ok_or(RenderError::Missing { option, because })
        };
        let (endpoint, id) =
            (Url::read("--upstream-token-url", url)?, needed("--upstream-client-id", &given.upstream_client_id)?);
        let secret = needed("--upstream-client-secret", &given.upstream_client_secret)?;
        if secret.contains(['"', '\\']) || secret.contains(char::is_control) {
            let expected = "a path without quotes, backslashes and control characters";
            return Err(RenderError::option("--upstream-client-secret", &secret, expected, "/etc/callgate/secret"));
        }
        if let Some(resource) = &given.upstream_resource {
            Url::read("--upstream-resource", resource)?;
        }
        Ok(Some(Self {
            endpoint,
            id,
            secret,
            scopes: given.upstream_scope.clone(),
            resource: given.upstream_resource.clone(),
        }))
    }

    fn values(&self) -> Value {
        let Self { endpoint, id, secret, scopes, resource } = self;
        context! { endpoint => endpoint.text, id => id, secret => secret, scopes => scopes, resource => resource }
    }

    /// Returns the parts of the request to the token endpoint (RFC 8693 §2.1). None has a character that a script could take for its own.
    fn exchange(&self) -> Value {
        let scope = self.scopes.join(" ");
        let scope = (!scope.is_empty()).then_some(("scope", scope.as_str()));
        let resource = self.resource.as_deref().map(|resource| ("resource", resource));
        let fixed = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let pairs = fixed.into_iter().chain(resource).chain(scope);
        let form = pairs.map(|(name, value)| format!("{name}={}&", form_encoded(value))).collect::<String>();
        let path = if self.endpoint.path.starts_with('/') { "" } else { "/" };
        context! {
            host => self.endpoint.authority(),
            path => format!("{path}{}", self.endpoint.path),
            form => form,
            id => form_encoded(&self.id),
            secret => self.secret,
        }
    }
}

/// Encodes a value of a form (RFC 6749, appendix B).
fn form_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Refuses an option that belongs to another source.
fn refuse_strangers(given: &CredentialArguments) -> Result<(), RenderError> {
    let (file, client) = (given.upstream_credential.is_some(), given.upstream_token_url.is_some());
    for (option, is_given, belongs, because) in [
        ("--upstream-credential-header", given.upstream_credential_header.is_some(), file, "no --upstream-credential"),
        ("--upstream-client-id", given.upstream_client_id.is_some(), client, "no --upstream-token-url"),
        ("--upstream-client-secret", given.upstream_client_secret.is_some(), client, "no --upstream-token-url"),
        ("--upstream-scope", !given.upstream_scope.is_empty(), client, "no --upstream-token-url"),
        ("--upstream-resource", given.upstream_resource.is_some(), client, "no --upstream-token-url"),
        ("--token-exchange", given.token_exchange, client, "no --upstream-token-url"),
    ] {
        if is_given && !belongs {
            return Err(RenderError::Useless { option, because });
        }
    }
    Ok(())
}

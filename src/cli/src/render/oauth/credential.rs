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
    Client { endpoint: Url, id: String, secret: String, scopes: Vec<String>, resource: Option<String> },
    /// A service that exchanges the caller's token.
    Exchange { service: Url },
}

// === impl Credential ===

impl Credential {
    /// Reads the options; `None` if the upstream gets no credential.
    pub(in crate::render) fn read(arguments: &RenderArguments) -> Result<Option<Self>, RenderError> {
        let given = &arguments.credential;
        let sources = [
            ("--upstream-credential", given.upstream_credential.is_some()),
            ("--upstream-token-url", given.upstream_token_url.is_some()),
            ("--token-exchange", given.token_exchange.is_some()),
        ];
        let mut sources = sources.into_iter().filter_map(|(option, is_given)| is_given.then_some(option));
        let source = sources.next();
        if let (Some(because), Some(option)) = (source, sources.next()) {
            return Err(RenderError::Useless { option, because });
        }
        if let Some(option) = source
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
        if let Some(url) = &given.token_exchange {
            if arguments.oauth.oauth_resource.is_none() {
                return Err(RenderError::Missing { option: "--oauth-resource", because: "--token-exchange" });
            }
            let service = Url::read("--token-exchange", url)?;
            return Ok(Some(Self::Exchange { service }));
        }
        let Some(url) = &given.upstream_token_url else { return Ok(None) };
        let because = "--upstream-token-url";
        let needed = |option, value: &Option<String>| {
            value.clone().filter(|text| !text.is_empty()).ok_or(RenderError::Missing { option, because })
        };
        let resource = given.upstream_resource.clone();
        if let Some(resource) = &resource {
            Url::read("--upstream-resource", resource)?;
        }
        Ok(Some(Self::Client {
            endpoint: Url::read("--upstream-token-url", url)?,
            id: needed("--upstream-client-id", &given.upstream_client_id)?,
            secret: needed("--upstream-client-secret", &given.upstream_client_secret)?,
            scopes: given.upstream_scope.clone(),
            resource,
        }))
    }

    /// Returns the templates of the filters before and after the identity.
    pub(in crate::render) fn filters(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::File { .. } | Self::Client { .. } => (&[], &["credential.yaml"]),
            Self::Exchange { .. } => (&["subject.yaml"], &["exchange.yaml", "no-subject.yaml"]),
        }
    }

    /// Returns the cluster that gives the credential.
    pub(in crate::render) fn cluster(&self, ca: &str) -> Option<Value> {
        match self {
            Self::File { .. } => None,
            Self::Client { endpoint, .. } => {
                Some(endpoint.cluster("upstream-tokens", "The upstream's authorization server.", ca))
            }
            Self::Exchange { service } => {
                Some(service.cluster("token-exchange", "The service that exchanges tokens.", ca))
            }
        }
    }

    /// Returns the credential for the templates, with one of `file`, `client` and `exchange`.
    pub(in crate::render) fn values(&self) -> Value {
        let (file, client, exchange) = match self {
            Self::File { path, header } => (Some(context! { path => path, header => header }), None, None),
            Self::Client { endpoint, id, secret, scopes, resource } => {
                let client = context! {
                    endpoint => endpoint.text, id => id, secret => secret, scopes => scopes, resource => resource,
                };
                (None, Some(client), None)
            }
            Self::Exchange { service } => (None, None, Some(context! { url => service.text, prefix => service.path })),
        };
        context! { file => file, client => client, exchange => exchange }
    }
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
    ] {
        if is_given && !belongs {
            return Err(RenderError::Useless { option, because });
        }
    }
    Ok(())
}

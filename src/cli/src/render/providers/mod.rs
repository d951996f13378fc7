//! Several providers behind one gate: which model goes to which of them, in what shares, and what happens if one fails.
//!
//! The gate tells the model that it read in [`MODEL_HEADER`], and sends everything to the cluster `llm-api`, its own further rounds
//! included. With several providers that cluster is a listener inside the same Envoy, which routes by that header. Behind it each provider
//! has a listener of its own, with its credential and its host name. A failover chooses among these inner listeners, so no header of one
//! provider can reach another.

mod file;
mod patterns;

use std::path::Path;

use callgate_contract::ConversationId;
use minijinja::{Value, context};

use super::address::Address;
use super::args::{RenderArguments, Target};
use super::error::RenderError;
use crate::contracts::Contracts;

/// The request header in which the gate tells the model to the inner listener.
pub(super) const MODEL_HEADER: &str = "x-callgate-model";

const OPTION: &str = "--providers";

/// The providers, and the routes to them.
pub(super) struct Providers {
    /// By name, in the order of the file.
    list: Vec<Provider>,
    routes: Vec<ModelRoute>,
    /// The providers of requests that have no model, such as lists of models.
    without_model: Vec<String>,
    /// The statuses of a provider after which the next one is asked.
    failover_on: Vec<u16>,
    /// Headers that name a conversation. Its requests keep their share.
    conversations: Vec<String>,
}

struct Provider {
    name: String,
    address: Address,
    tls: bool,
    ca: String,
    authority: String,
    /// The beginning of the provider's paths, without the last slash; may be empty.
    path_prefix: String,
    credential: ProviderCredential,
}

enum ProviderCredential {
    /// The provider gets none, not even the caller's.
    None,
    /// The headers of the caller's own request.
    Caller,
    /// A header's value in a file.
    File { path: String, header: String },
}

/// The providers of some models. The shares are one or more.
struct ModelRoute {
    models: Vec<String>,
    shares: Vec<ProviderShare>,
}

/// Providers in the order in which they are asked, and their weight among the shares of a route.
struct ProviderShare {
    to: Vec<String>,
    weight: u32,
}

// === impl Providers ===

impl Providers {
    /// Reads the option; `None` with one upstream.
    pub(super) fn read(arguments: &RenderArguments, contracts: &Contracts) -> Result<Option<Self>, RenderError> {
        let Some(file) = arguments.providers.as_deref() else { return Ok(None) };
        if arguments.target != Target::Envoy {
            let because = "this --target, which has resources of its own for it";
            return Err(RenderError::Useless { option: OPTION, because });
        }
        for (option, is_given) in [
            ("--upstream", arguments.upstream.is_some()),
            ("--upstream-tls", arguments.upstream_tls),
            ("--authority", arguments.authority.is_some()),
            ("--upstream-credential", arguments.credential.upstream_credential.is_some()),
            ("--upstream-token-url", arguments.credential.upstream_token_url.is_some()),
        ] {
            if is_given {
                return Err(RenderError::Useless {
                    option,
                    because: "--providers, whose file has it for each provider",
                });
            }
        }
        let mut providers = file::read(file)?;
        providers.conversations = conversations(contracts);
        Ok(Some(providers))
    }

    /// Returns a line for each name in `models` of a contract that no route covers.
    pub(super) fn warnings(&self, file: &Path, contracts: &Contracts) -> Result<Vec<String>, RenderError> {
        let mut warnings = Vec::new();
        for entry in contracts.files() {
            let contract: serde_json::Value = serde_json::from_str(entry.contract.canonical())?;
            let models = contract.pointer("/spec/models").and_then(serde_json::Value::as_array);
            for model in models.into_iter().flatten().filter_map(serde_json::Value::as_str) {
                let covers = |route: &ModelRoute| route.models.iter().any(|pattern| patterns::covers(pattern, model));
                if !self.routes.iter().any(covers) {
                    warnings.push(format!(
                        "warning: no route covers the models {model:?} of {} ({}); add one, or their requests may get 404",
                        entry.file.display(),
                        file.display()
                    ));
                }
            }
        }
        Ok(warnings)
    }

    /// Returns the values for the templates.
    pub(super) fn values(&self) -> Value {
        let mut lists: Vec<&[String]> = Vec::new();
        let shares = self.routes.iter().flat_map(|route| &route.shares).map(|share| share.to.as_slice());
        for to in shares.chain([self.without_model.as_slice()]) {
            if !to.is_empty() && !lists.contains(&to) {
                lists.push(to);
            }
        }
        context! {
            list => self.list.iter().map(Provider::values).collect::<Vec<_>>(),
            routes => self.routes.iter().map(ModelRoute::values).collect::<Vec<_>>(),
            lists => lists.iter().map(|to| context! { cluster => cluster(to), to => to }).collect::<Vec<_>>(),
            without_model => (!self.without_model.is_empty()).then(|| context! {
                cluster => cluster(&self.without_model),
                retries => self.without_model.len().saturating_sub(1),
            }),
            failover_on => self.failover_on,
            conversations => self.conversations,
            header => MODEL_HEADER,
            // One limit of requests for each provider, so the inner hop has room for all of them.
            requests => self.list.len().saturating_mul(1024),
        }
    }
}

/// Returns the headers that name conversations in contracts, each once.
fn conversations(contracts: &Contracts) -> Vec<String> {
    let mut headers = Vec::new();
    for id in contracts.files().filter_map(|entry| entry.contract.conversation()).flat_map(|policy| &policy.ids) {
        match id {
            ConversationId::Header(name) if !headers.contains(name) => headers.push(name.clone()),
            ConversationId::Header(_) | ConversationId::Derived => {}
        }
    }
    headers
}

/// Returns the name of the cluster of these providers. Their names have no underscore.
fn cluster(to: &[String]) -> String {
    format!("to-{}", to.join("_"))
}

// === impl Provider ===

impl Provider {
    fn values(&self) -> Value {
        let file = match &self.credential {
            ProviderCredential::File { path, header } => Some(context! { path => path, header => header }),
            ProviderCredential::None | ProviderCredential::Caller => None,
        };
        context! {
            name => self.name,
            address => self.address.values(),
            tls => self.tls,
            ca => self.ca,
            authority => self.authority,
            path_prefix => self.path_prefix,
            keeps_credentials => matches!(self.credential, ProviderCredential::Caller),
            credential => file,
        }
    }
}

// === impl ModelRoute ===

impl ModelRoute {
    fn values(&self) -> Value {
        let share = |share: &ProviderShare| context! { cluster => cluster(&share.to), weight => share.weight };
        let longest = self.shares.iter().map(|share| share.to.len()).max().unwrap_or_default();
        context! {
            matches => self.models.iter().map(|pattern| patterns::matcher(pattern)).collect::<Vec<_>>(),
            shares => self.shares.iter().map(share).collect::<Vec<_>>(),
            retries => longest.saturating_sub(1),
        }
    }
}

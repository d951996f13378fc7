//! Lists of models, and the description of one: the answer is cut to the models that the contract allows.
//!
//! Such a request has no body and makes no model work, so it counts against no limit on requests. The caller must be known, because the
//! contract is the caller's.

use callgate_contract::Caller;
use callgate_wire::anthropic_messages::AnthropicMessages;
use callgate_wire::gemini::Gemini;
use callgate_wire::ollama::Ollama;
use callgate_wire::openai_chat::OpenAiChat;
use callgate_wire::{Dialect, Target, catalog};

use crate::headers::{Headers, single};
use crate::request::unreadable;
use crate::{Code, Gate, Refusal, weight};

/// Headers by which an upstream would answer that an earlier list still holds, or with a part of a list. Another role got that one.
const CONDITIONS: [&str; 6] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"];

/// A request for models.
#[derive(Debug)]
pub(crate) struct CatalogHead {
    pub(crate) caller: Caller,
    pub(crate) sent: SentCatalog,
    /// Headers not forwarded to the upstream.
    pub(crate) remove: Vec<String>,
}

/// The data of a forwarded request for models on which its answer depends.
#[derive(Debug)]
pub(crate) struct SentCatalog {
    role: String,
    /// The request is for one model.
    is_one: bool,
}

/// Reads a request for models. `model` is the one in its path, still percent-encoded.
pub(crate) fn head(
    gate: &Gate,
    caller: Caller,
    (target, model): (&str, Option<&str>),
    headers: &Headers<'_>,
    mut remove: Vec<String>,
) -> Result<CatalogHead, Refusal> {
    let named = catalog::model_named(&Target::new(target).with_model(model)).map_err(unreadable)?;
    if let Some(named) = &named
        && gate.contract.enforces()
        && !allows(gate, &caller.role, named)
    {
        return Err(Refusal::at(Code::ModelNotAllowed, "model", "The contract does not allow this model."));
    }
    let conditions = CONDITIONS.into_iter().filter(|condition| headers.iter().any(|(name, _)| name == condition));
    remove.extend(conditions.map(str::to_owned));
    let sent = SentCatalog { role: caller.role.clone(), is_one: named.is_some() };
    Ok(CatalogHead { caller, sent, remove })
}

/// Checks an answer, and cuts a list to the models that requests of the role may name. In shadow mode the list stays as it came.
pub(crate) fn answer(gate: &Gate, sent: &SentCatalog, body: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if weight::is_excessive(&body) {
        let message = "The list of models has more arrays and objects than any list of its size; it is not read.";
        return Err(Refusal::new(Code::ResponseTooLarge, message));
    }
    let allowed = |model: &str| !gate.contract.enforces() || allows(gate, &sent.role, model);
    let answer = match sent.is_one {
        true => catalog::check_description(&body).map(|()| body),
        false => catalog::filtered(body, &allowed),
    };
    answer.map_err(|error| {
        Refusal::new(Code::UpstreamInvalid, format!("The model's API did not answer with models: {error}."))
    })
}

fn allows(gate: &Gate, role: &str, model: &str) -> bool {
    let contract = &gate.contract;
    let is_priced = || contract.prices().is_some_and(|prices| prices.of_any(&[model]).is_some());
    let needs_price = contract.role(role).is_some_and(|role| contract.refuses_unpriced(role));
    contract.allows_model(model) && (!needs_price || is_priced())
}

/// Returns the API whose errors a client that asks for models reads.
pub(crate) fn error_format(path: &str, headers: &Headers<'_>) -> &'static dyn Dialect {
    if single(headers, "anthropic-version").is_some() {
        return &AnthropicMessages;
    }
    match path {
        path if path.starts_with("/v1beta/") => &Gemini,
        path if path.starts_with("/api/") => &Ollama,
        _ => &OpenAiChat,
    }
}

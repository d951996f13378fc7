//! The requests that an MCP server makes of a client: on a stream in a session, or inside of a result since revision 2026-07-28. Both go
//! through [`Contract::asked`].
//!
//! Each request is rewritten from the members that this module knows, so a new member of MCP reaches no client undecided.
//!
//! Source: the `schema.ts` of 2025-11-25 and 2026-07-28, *Elicitation*, *Sampling*, *Roots*.

use callgate_json::{Map, Value};
use callgate_kinds::url::Url;

use super::{ElicitationRule, McpDenial, McpDenialCode, SamplingRule};
use crate::model::{Contract, is_model_name};

/// The maximum fields of a form.
const MOST_FIELDS: usize = 32;
/// The maximum messages of one question to a model.
const MOST_MESSAGES: usize = 256;
/// The maximum texts of a list.
const MOST_TEXTS: usize = 16;
/// The maximum bytes of an identifier that a server chooses.
const ID_BYTES: usize = 1024;
/// The types of a form's fields.
const FIELD_TYPES: [&str; 4] = ["string", "number", "integer", "boolean"];

/// The kind of a request that a server makes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedKind {
    /// `elicitation/create`: a question to a person.
    Elicitation,
    /// `sampling/createMessage`: a question to the client's model.
    Sampling,
    /// `roots/list`: the client's folders.
    Roots,
}

/// A request that a server makes of a client.
#[derive(Clone, Copy, Debug)]
pub struct AskedInput<'p> {
    /// The kind.
    pub kind: AskedKind,
    /// Its `params`.
    pub params: Option<&'p Map<String, Value>>,
    /// The number of earlier requests of this kind for the same call.
    pub before: u32,
}

// === impl Contract ===

impl Contract {
    /// Decides what a server asks of a client. Returns the parameters to forward: only known members, without other servers'
    /// context and foreign models, and with `maxTokens` lowered to the contract's. A question that gives the model tools is refused: the
    /// server would run its calls undecided.
    ///
    /// # Errors
    /// The contract does not allow it, in this form, this often or of this size.
    pub fn asked(&self, asked: AskedInput<'_>) -> Result<Map<String, Value>, McpDenial> {
        let empty = Map::new();
        let params = asked.params.unwrap_or(&empty);
        if params.get("task").is_some_and(|task| !task.is_null()) {
            return Err(deny("expected a request that is answered at once; it is a task"));
        }
        match asked.kind {
            AskedKind::Roots if self.mcp().roots => Ok(members(params, &[])),
            AskedKind::Elicitation => match &self.mcp().elicitation {
                Some(rule) => {
                    often(asked.before, rule.max_per_call)?;
                    sized(elicitation(rule, params)?, rule.max_bytes)
                }
                None => Err(unlisted("elicitation")),
            },
            AskedKind::Sampling => match &self.mcp().sampling {
                Some(rule) => {
                    often(asked.before, rule.max_per_call)?;
                    sized(self.sampling(rule, params)?, rule.max_bytes)
                }
                None => Err(unlisted("sampling")),
            },
            AskedKind::Roots => Err(unlisted("roots")),
        }
    }

    fn sampling(&self, rule: &SamplingRule, params: &Map<String, Value>) -> Result<Map<String, Value>, McpDenial> {
        let mut new =
            members(params, &["messages", "systemPrompt", "temperature", "stopSequences", "modelPreferences"]);
        match new.get("messages") {
            Some(Value::Array(messages)) if (1..=MOST_MESSAGES).contains(&messages.len()) => {
                messages.iter().try_for_each(said)?;
            }
            _ => return Err(deny("expected 1 to 256 `messages`")),
        }
        if ["tools", "toolChoice"].iter().any(|name| params.get(*name).is_some_and(|value| !value.is_null())) {
            return Err(deny("expected no tools for the client's model; the server would run its calls undecided"));
        }
        let asked = params.get("maxTokens").and_then(Value::as_u64).ok_or_else(|| deny("expected `maxTokens`"))?;
        let most = self.limits().max_output_tokens.map_or(rule.max_tokens, |most| most.min(rule.max_tokens));
        new.insert("maxTokens".to_owned(), asked.min(most).into());
        new.retain(|name, value| match name.as_str() {
            "systemPrompt" => value.is_string(),
            "temperature" => value.is_number(),
            "stopSequences" => is_texts(value),
            "modelPreferences" => value.is_object(),
            _ => true,
        });
        if let Some(Value::Object(preferences)) = new.get_mut("modelPreferences") {
            preferences.retain(|name, value| match name.as_str() {
                "costPriority" | "speedPriority" | "intelligencePriority" => value.is_number(),
                "hints" => value.is_array(),
                _ => false,
            });
            if let Some(Value::Array(hints)) = preferences.get_mut("hints") {
                let name = |hint: &Value| hint.get("name").and_then(Value::as_str).map(str::to_owned);
                let allowed = |name: &String| is_model_name(name) && self.allows_model(name);
                *hints = hints.iter().filter_map(name).filter(allowed).take(MOST_TEXTS).map(hint).collect();
            }
        }
        Ok(new)
    }
}

/// Reads a question to a person: a form, or a page to visit.
fn elicitation(rule: &ElicitationRule, params: &Map<String, Value>) -> Result<Map<String, Value>, McpDenial> {
    if !params.get("message").is_some_and(Value::is_string) {
        return Err(deny("expected a `message`"));
    }
    match params.get("mode").map(Value::as_str) {
        None | Some(Some("form")) => {
            check_form(params.get("requestedSchema"))?;
            Ok(members(params, &["mode", "message", "requestedSchema"]))
        }
        Some(Some("url")) => {
            let id = params.get("elicitationId").and_then(Value::as_str);
            if id.is_some_and(|id| id.len() > ID_BYTES) {
                return Err(deny("expected an `elicitationId` of at most 1,024 bytes"));
            }
            let url = params.get("url").and_then(Value::as_str).unwrap_or_default();
            let read = Url::read(url)
                .map_err(|refusal| deny(format!("expected a URL for a person; it {}", refusal.reason)))?;
            if rule.hosts.check(&read).is_err() {
                return Err(deny("expected an `https` URL of a host in `spec.mcp.elicitation.hosts`"));
            }
            Ok(members(params, &["mode", "message", "url", "elicitationId"]))
        }
        Some(_) => Err(deny("expected `mode` to be `form` or `url`")),
    }
}

/// Checks the schema of a form: an object of plain fields, as MCP restricts it.
fn check_form(schema: Option<&Value>) -> Result<(), McpDenial> {
    let form = || {
        deny("expected a form: an object of at most 32 fields, each a text, a number, a choice or a list of choices")
    };
    let schema = schema.and_then(Value::as_object).ok_or_else(form)?;
    let is_known = |(name, value): (&String, &Value)| match name.as_str() {
        "$schema" | "type" | "properties" | "required" => true,
        // SDKs write these from the types of their language.
        "title" | "description" => value.is_string(),
        "additionalProperties" => value.is_boolean(),
        _ => false,
    };
    let none = Map::new();
    let fields = match schema.get("properties") {
        None => &none,
        Some(fields) => fields.as_object().ok_or_else(form)?,
    };
    let is_form = schema.get("type").is_some_and(|kind| kind == "object") && schema.iter().all(is_known);
    if is_form && fields.len() <= MOST_FIELDS && fields.values().all(is_field) { Ok(()) } else { Err(form()) }
}

fn is_field(field: &Value) -> bool {
    let kind = field.get("type").and_then(Value::as_str).unwrap_or_default();
    match (kind, field.get("items")) {
        ("array", Some(Value::Object(items))) => {
            items.keys().all(|name| matches!(name.as_str(), "type" | "enum" | "anyOf" | "oneOf"))
                && items.values().all(|value| depth(value, 2))
        }
        (kind, None) => {
            let is_nested = |name: &str| matches!(name, "properties" | "$ref" | "allOf" | "not" | "if");
            FIELD_TYPES.contains(&kind)
                && field.as_object().is_some_and(|field| !field.keys().any(|name| is_nested(name)))
        }
        _ => false,
    }
}

/// Returns true if a value has at most so many levels.
fn depth(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(items) => most > 0 && items.iter().all(|item| depth(item, most - 1)),
        Value::Object(members) => most > 0 && members.values().all(|member| depth(member, most - 1)),
        _ => true,
    }
}

/// Checks one message to a model: its words, without a call or the result of one.
fn said(message: &Value) -> Result<(), McpDenial> {
    let is_shown = |block: &Value| {
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
        matches!(kind, "text" | "image" | "audio")
    };
    let is_message = message.as_object().is_some_and(|message| {
        message.keys().all(|name| matches!(name.as_str(), "role" | "content" | "_meta"))
            && message.get("role").is_some_and(|role| role == "user" || role == "assistant")
    });
    let is_said = match message.get("content") {
        Some(Value::Array(blocks)) => blocks.iter().all(is_shown),
        Some(block) => is_shown(block),
        None => false,
    };
    let expected = "expected messages of the roles `user` and `assistant` with text, images and audio alone";
    if is_message && is_said { Ok(()) } else { Err(deny(expected)) }
}

/// Copies known members, and the token under which a client reports progress.
fn members(params: &Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    let mut new: Map<String, Value> = params
        .iter()
        .filter(|(name, _)| known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let token = params.get("_meta").and_then(|meta| meta.get("progressToken"));
    if let Some(token) = token.filter(|token| token.is_string() || token.is_number()) {
        let meta = Map::from_iter([("progressToken".to_owned(), token.clone())]);
        new.insert("_meta".to_owned(), meta.into());
    }
    new
}

fn hint(name: String) -> Value {
    Map::from_iter([("name".to_owned(), Value::from(name))]).into()
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|texts| texts.len() <= MOST_TEXTS && texts.iter().all(Value::is_string))
}

fn often(before: u32, most: u32) -> Result<(), McpDenial> {
    if before < most {
        return Ok(());
    }
    Err(deny("expected fewer questions for one call; `maxPerCall` of the contract is reached"))
}

fn sized(params: Map<String, Value>, most: u64) -> Result<Map<String, Value>, McpDenial> {
    let params = Value::Object(params);
    let bytes = params.to_string().len();
    match params {
        Value::Object(params) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= most) => Ok(params),
        _ => Err(deny(format!("expected at most {most} bytes, the contract's `maxBytes`"))),
    }
}

fn unlisted(field: &str) -> McpDenial {
    deny(format!("expected `spec.mcp.{field}` in the contract; without it no server may ask a client for this"))
}

fn deny(message: impl Into<String>) -> McpDenial {
    McpDenial::new(McpDenialCode::Input, message)
}

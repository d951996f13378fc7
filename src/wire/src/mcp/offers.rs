//! Resources and prompts: the lists of a server, the contents of a resource, completions, and the pages that an error names.
//!
//! Source: the `schema.ts` of 2025-11-25 and 2026-07-28, *Resources*, *Prompts*, *Completion*, `URLElicitationRequiredError`.

use callgate_json::{Map, Value};
use serde_json::json;

use super::{Era, McpAnswer, PAGES_NEEDED};
use crate::ShapeError;
use crate::checks::exact_keys;

/// The maximum items of one page of a list.
const MOST_ITEMS: usize = 10_000;
/// The maximum parts of one resource.
const MOST_PARTS: usize = 1024;
/// The maximum values of one completion, as MCP has it, and the maximum bytes of one value.
const MOST_VALUES: usize = 100;
const VALUE_BYTES: usize = 1024;

/// A list of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferList {
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
    /// `prompts/list`.
    Prompts,
}

/// An item of a list.
#[derive(Debug, Clone, Copy)]
pub struct OfferItem<'a> {
    /// The URI, the template of URIs, or the prompt's name.
    pub key: &'a str,
    members: &'a Map<String, Value>,
}

// === impl OfferList ===

impl OfferList {
    /// Returns the member of a result with the items.
    fn member(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }

    /// Returns the member by which an item is decided.
    fn key(self) -> &'static str {
        match self {
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
            Self::Prompts => "name",
        }
    }
}

// === impl OfferItem ===

impl OfferItem<'_> {
    /// Writes a resource or a template with these words, its type and its size. Its own name is kept if it is one word.
    #[must_use]
    pub fn resource(&self, list: OfferList, name: &str, description: Option<&str>) -> String {
        let text = |member: &str| self.members.get(member).and_then(Value::as_str);
        let mut item = Map::new();
        item.insert(list.key().to_owned(), self.key.into());
        let own = text("name").filter(|name| is_word(name, 128));
        item.insert("name".to_owned(), own.unwrap_or(name).into());
        if let Some(description) = description {
            item.insert("description".to_owned(), description.into());
        }
        if let Some(kind) = text("mimeType").filter(|kind| is_word(kind, 256)) {
            item.insert("mimeType".to_owned(), kind.into());
        }
        if let Some(size) = self.members.get("size").filter(|size| size.is_u64()) {
            item.insert("size".to_owned(), size.clone());
        }
        Value::Object(item).to_string()
    }

    /// Writes a prompt with the words and the arguments of a schema of an object.
    #[must_use]
    pub fn prompt(&self, description: Option<&str>, schema: &Value) -> String {
        let mut item = json!({ "name": self.key });
        if let Value::Object(members) = &mut item {
            if let Some(description) = description {
                members.insert("description".to_owned(), description.into());
            }
            let required = schema.get("required").and_then(Value::as_array);
            let properties = schema.get("properties").and_then(Value::as_object);
            let arguments = properties.into_iter().flatten().map(|(name, schema)| {
                let is_required = required.is_some_and(|required| required.iter().any(|known| known == name.as_str()));
                let mut argument = json!({ "name": name, "required": is_required });
                if let (Value::Object(members), Some(words)) = (&mut argument, schema.get("description")) {
                    members.insert("description".to_owned(), words.clone());
                }
                argument
            });
            members.insert("arguments".to_owned(), arguments.collect());
        }
        item.to_string()
    }
}

// === impl McpAnswer ===

impl McpAnswer {
    /// Reads the items of a list. One without a key is left out.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer, or has more than 10,000 items.
    pub fn offers(&self, list: OfferList) -> Result<Vec<OfferItem<'_>>, ShapeError> {
        let result = self.members();
        exact_keys(result, &[list.member(), "nextCursor"])?;
        if result.get("nextCursor").is_some_and(|cursor| !cursor.is_null() && !cursor.is_string()) {
            return Err(ShapeError::Type { at: "result.nextCursor", expected: "a string" });
        }
        let Some(Value::Array(items)) = result.get(list.member()) else {
            return Err(ShapeError::Type { at: "result", expected: "with a list of that name" });
        };
        if items.len() > MOST_ITEMS {
            return Err(ShapeError::TooMany);
        }
        let mut read = Vec::with_capacity(items.len());
        for members in items.iter().filter_map(Value::as_object) {
            exact_keys(members, &[list.key(), "name"])?;
            if let Some(key) = members.get(list.key()).and_then(Value::as_str) {
                read.push(OfferItem { key, members });
            }
        }
        Ok(read)
    }

    /// Makes a list have these items, JSON texts, and nothing else but the cursor of the next page.
    pub fn set_offers(&mut self, list: OfferList, items: &[String], era: Era) {
        let cursor = self.members().get("nextCursor").filter(|cursor| cursor.is_string());
        let next = cursor.map(|cursor| format!(r#","nextCursor":{cursor}"#)).unwrap_or_default();
        let kept = if era == Era::Stateless { self.kept() } else { String::new() };
        self.replace(format!(r#"{{"{}":[{}]{next}{kept}}}"#, list.member(), items.join(",")));
    }

    /// Returns the URIs of the contents of a resource.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer, or a part has no URI.
    pub fn resource_uris(&self) -> Result<Vec<&str>, ShapeError> {
        let result = self.members();
        exact_keys(result, &["contents"])?;
        let Some(Value::Array(contents)) = result.get("contents") else {
            return Err(ShapeError::Type { at: "result.contents", expected: "an array" });
        };
        if contents.len() > MOST_PARTS {
            return Err(ShapeError::TooMany);
        }
        let uri = |part: &'_ Value| {
            let Value::Object(members) = part else {
                return Err(ShapeError::Type { at: "result.contents", expected: "made of objects" });
            };
            exact_keys(members, &["uri", "text", "blob", "mimeType"])
        };
        contents.iter().try_for_each(uri)?;
        let expected = ShapeError::Type { at: "result.contents", expected: "made of objects with `uri`" };
        let uris = contents.iter().map(|part| part.get("uri").and_then(Value::as_str));
        uris.collect::<Option<Vec<&str>>>().ok_or(expected)
    }

    /// Makes the answer to a `prompts/get` carry its messages and nothing else.
    pub fn only_messages(&mut self, era: Era) {
        if self.members().keys().all(|name| matches!(name.as_str(), "messages" | "resultType")) {
            return;
        }
        let messages = self.members().get("messages").map(Value::to_string).unwrap_or_default();
        let kind = if era == Era::Stateless { r#","resultType":"complete""# } else { "" };
        self.replace(format!(r#"{{"messages":{messages}{kind}}}"#));
    }

    /// Makes the answer to a `completion/complete` carry at most 100 short values and nothing else.
    ///
    /// # Errors
    /// [`ShapeError`] if it is another answer.
    pub fn only_completion(&mut self, era: Era) -> Result<(), ShapeError> {
        let result = self.members();
        exact_keys(result, &["completion"])?;
        let Some(Value::Object(completion)) = result.get("completion") else {
            return Err(ShapeError::Type { at: "result.completion", expected: "an object" });
        };
        exact_keys(completion, &["values"])?;
        let Some(Value::Array(values)) = completion.get("values") else {
            return Err(ShapeError::Type { at: "result.completion.values", expected: "an array" });
        };
        let is_short = |value: &&Value| value.as_str().is_some_and(|value| value.len() <= VALUE_BYTES);
        let kept: Vec<&Value> = values.iter().filter(is_short).take(MOST_VALUES).collect();
        let mut new = json!({ "values": kept });
        if let Value::Object(members) = &mut new {
            let total = completion.get("total").filter(|total| total.is_u64());
            let more = completion.get("hasMore").filter(|more| more.is_boolean());
            members.extend(total.map(|total| ("total".to_owned(), total.clone())));
            members.extend(more.map(|more| ("hasMore".to_owned(), more.clone())));
        }
        let kind = if era == Era::Stateless { r#","resultType":"complete""# } else { "" };
        self.replace(format!(r#"{{"completion":{new}{kind}}}"#));
        Ok(())
    }

    /// Returns the parameters of the questions to a person in an error that sends a person to pages; none for another message.
    ///
    /// # Errors
    /// [`ShapeError`] if such an error cannot be read for certain.
    pub fn pages_needed(&self) -> Result<Option<Vec<&Map<String, Value>>>, ShapeError> {
        let Some(error) = self.error_members() else { return Ok(None) };
        exact_keys(error, &["code", "message", "data"])?;
        if error.get("code").and_then(Value::as_i64) != Some(PAGES_NEEDED) {
            return Ok(None);
        }
        let expected =
            ShapeError::Type { at: "error.data", expected: "an object with a list `elicitations` of objects" };
        let data = error.get("data").and_then(Value::as_object).ok_or(expected)?;
        exact_keys(data, &["elicitations"])?;
        let pages = data.get("elicitations").and_then(Value::as_array);
        let expected =
            ShapeError::Type { at: "error.data", expected: "an object with a list `elicitations` of objects" };
        pages.and_then(|pages| pages.iter().map(Value::as_object).collect()).map(Some).ok_or(expected)
    }

    /// Returns the tools of a list as the server defines them.
    #[must_use]
    pub fn defined_tools(&self) -> &[Value] {
        self.members().get("tools").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Removes capabilities of a server from the answer to an `initialize` or a `server/discover`: clients do not ask for what is not
    /// there.
    pub fn withhold_capabilities(&mut self, withheld: &[&str]) {
        let Ok(Value::Object(mut result)) = callgate_json::read_nearest(self.result_text().as_bytes()) else { return };
        let Some(Value::Object(capabilities)) = result.get_mut("capabilities") else { return };
        let before = capabilities.len();
        capabilities.retain(|name, _| !withheld.iter().any(|known| crate::checks::folds_to(name, known)));
        if capabilities.len() < before {
            self.replace(Value::Object(result).to_string());
        }
    }
}

/// Returns true for a text without blanks: a name and no sentence.
fn is_word(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

//! Names of members in requests. proto3 JSON (Protocol Buffers, *ProtoJSON format*) takes each in camel case and as the `.proto`
//! file spells it; one that is there in both spellings is refused, as is one that only a reader that ignores case takes for it.

use callgate_json::{Map, Value};

use crate::RequestError;
use crate::shape::folds_to;

/// A member in its two spellings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) camel: &'static str,
    snake: &'static str,
}

pub(super) const CONTENTS: Name = Name::new("contents", "contents");
pub(super) const MODEL: Name = Name::new("model", "model");
pub(super) const TOOLS: Name = Name::new("tools", "tools");
pub(super) const TOOL_CONFIG: Name = Name::new("toolConfig", "tool_config");
pub(super) const GENERATION_CONFIG: Name = Name::new("generationConfig", "generation_config");
pub(super) const CACHED_CONTENT: Name = Name::new("cachedContent", "cached_content");
pub(super) const CONTINUATION_TOKEN: Name = Name::new("continuationToken", "continuation_token");
pub(super) const GENERATE_CONTENT_REQUEST: Name = Name::new("generateContentRequest", "generate_content_request");
pub(super) const FUNCTION_DECLARATIONS: Name = Name::new("functionDeclarations", "function_declarations");
pub(super) const FUNCTION_CALLING_CONFIG: Name = Name::new("functionCallingConfig", "function_calling_config");
pub(super) const ALLOWED_FUNCTION_NAMES: Name = Name::new("allowedFunctionNames", "allowed_function_names");
pub(super) const STREAM_ARGUMENTS: Name = Name::new("streamFunctionCallArguments", "stream_function_call_arguments");
pub(super) const MAX_OUTPUT_TOKENS: Name = Name::new("maxOutputTokens", "max_output_tokens");
pub(super) const CANDIDATE_COUNT: Name = Name::new("candidateCount", "candidate_count");
pub(super) const NAME: Name = Name::new("name", "name");

// === impl Name ===

impl Name {
    const fn new(camel: &'static str, snake: &'static str) -> Name {
        Name { camel, snake }
    }

    /// Whether a key is one of the two spellings.
    pub(super) fn is(&self, key: &str) -> bool {
        key == self.camel || key == self.snake
    }

    /// The member as it is spelled and its value; `None` where it is missing or `null`, which proto3 JSON takes for the same.
    pub(super) fn find<'a>(
        &self,
        members: &'a Map<String, Value>,
    ) -> Result<Option<(&'static str, &'a Value)>, RequestError> {
        let Name { camel, snake } = *self;
        if members.keys().any(|key| !self.is(key) && (folds_to(key, camel) || folds_to(key, snake))) {
            return Err(RequestError::Ambiguous { param: camel, like: camel });
        }
        if camel != snake && members.contains_key(camel) && members.contains_key(snake) {
            return Err(RequestError::Invalid { param: camel, expected: "spelled in one way only" });
        }
        let found = [camel, snake].into_iter().find_map(|key| Some((key, members.get(key)?)));
        Ok(found.filter(|(_, value)| !value.is_null()))
    }

    /// The member's value, if it is of the kind that `as_kind` reads.
    pub(super) fn read<'a, T>(
        &self,
        members: &'a Map<String, Value>,
        expected: &'static str,
        as_kind: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        match self.find(members)? {
            None => Ok(None),
            Some((_, value)) => as_kind(value).map(Some).ok_or(RequestError::Invalid { param: self.camel, expected }),
        }
    }
}

/// A name in camel case, as the API's reference has it.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut whole = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        whole.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        whole.push_str(letters.as_str());
    }
    whole
}

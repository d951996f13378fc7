//! Names of members in requests. proto3 JSON (Protocol Buffers, *ProtoJSON format*) takes each in camel case and in the spelling
//! of the `.proto` file. A member in both spellings is refused, and so is a key that only readers without regard to case take for
//! it.

use std::borrow::Cow;

use callgate_json::Span;

use crate::RequestError;
use crate::checks::folds_to;

/// A member in its two spellings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) camel: &'static str,
    snake: &'static str,
}

pub(super) const FUNCTION_DECLARATIONS: Name = Name::new("functionDeclarations", "function_declarations");
pub(super) const FUNCTION_CALLING_CONFIG: Name = Name::new("functionCallingConfig", "function_calling_config");
pub(super) const ALLOWED_FUNCTION_NAMES: Name = Name::new("allowedFunctionNames", "allowed_function_names");
pub(super) const STREAM_ARGUMENTS: Name = Name::new("streamFunctionCallArguments", "stream_function_call_arguments");
pub(super) const NAME: Name = Name::new("name", "name");

// === impl Name ===

impl Name {
    const fn new(camel: &'static str, snake: &'static str) -> Name {
        Name { camel, snake }
    }

    /// Returns true if a key is one of the two spellings.
    pub(super) fn is(&self, key: &str) -> bool {
        key == self.camel || key == self.snake
    }

    /// The member's value; `None` if it is missing or `null`, which proto3 JSON takes for the same.
    pub(super) fn find<'t>(&self, object: Span<'t>) -> Result<Option<Span<'t>>, RequestError> {
        let Name { camel, snake } = *self;
        let mut found = None;
        for (key, value) in object.members() {
            if !self.is(&key) {
                if folds_to(&key, camel) || folds_to(&key, snake) {
                    return Err(RequestError::Ambiguous { param: camel, like: camel });
                }
            } else if found.replace(value).is_some() {
                return Err(RequestError::Invalid { param: camel, expected: "spelled in one way only" });
            }
        }
        Ok(found.filter(|value| !value.is_null()))
    }

    /// The member's value, if `as_kind` reads it.
    pub(super) fn read<'t, T>(
        &self,
        object: Span<'t>,
        expected: &'static str,
        as_kind: impl Fn(Span<'t>) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        match self.find(object)? {
            None => Ok(None),
            Some(value) => as_kind(value).map(Some).ok_or(RequestError::Invalid { param: self.camel, expected }),
        }
    }
}

/// A name in camel case, as the API's reference has it.
pub(crate) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut whole = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        whole.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        whole.push_str(letters.as_str());
    }
    Cow::Owned(whole)
}

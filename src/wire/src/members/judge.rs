//! Reads the members of a request by its table.

use std::borrow::Cow;

use callgate_json::Span;

use super::{Class, NameSet, ProviderTools, Table, tables};
use crate::RequestError;
use crate::checks::folds_to;

/// The maximum nesting of judged objects, such as `extra_body` in `extra_body`. Each is read again for those around it, so the
/// bound keeps work and memory linear in the text.
const MAX_NESTED: usize = 4;

/// The members of a request which decide something.
#[derive(Debug, Default)]
pub(crate) struct Fields<'t>(Vec<Field<'t>>);

#[derive(Debug)]
struct Field<'t> {
    name: &'static str,
    key: Cow<'t, str>,
    value: Span<'t>,
}

/// The demands that the members of a request make.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    pub(crate) models: NameSet,
    /// Tools run by the provider.
    pub(crate) runs: ProviderTools,
    /// The conversation continues from state at the provider.
    pub(crate) state: bool,
    /// Some members are in no table.
    pub(crate) has_unknown: bool,
    /// Some members limit the tokens of an answer.
    pub(crate) has_limit: bool,
}

// === impl Fields ===

impl<'t> Fields<'t> {
    /// Returns a member, unless it is missing or `null`.
    pub(crate) fn get(&self, name: &str) -> Option<Span<'t>> {
        self.field(name).map(|field| field.value).filter(|value| !value.is_null())
    }

    /// Returns the spelling of a member.
    pub(crate) fn key(&self, name: &str) -> Option<&str> {
        self.field(name).map(|field| field.key.as_ref())
    }

    fn field(&self, name: &str) -> Option<&Field<'t>> {
        self.0.iter().find(|field| field.name == name)
    }

    /// Reads a member, which may be missing or `null`, by `kind`.
    pub(crate) fn read<T>(
        &self,
        param: &'static str,
        expected: &'static str,
        kind: impl Fn(Span<'t>) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        match self.get(param) {
            None => Ok(None),
            Some(value) => kind(value).map(Some).ok_or(RequestError::Invalid { param, expected }),
        }
    }

    /// Does the same as [`Fields::read`], for a required member.
    pub(crate) fn required<T>(
        &self,
        param: &'static str,
        expected: &'static str,
        kind: impl Fn(Span<'t>) -> Option<T>,
    ) -> Result<T, RequestError> {
        self.read(param, expected, kind)?.ok_or(RequestError::Invalid { param, expected })
    }

    /// Returns a flag, which may be missing or `null`.
    pub(crate) fn flag(&self, param: &'static str) -> Result<bool, RequestError> {
        Ok(self.read(param, "true or false", Span::bool)?.unwrap_or(false))
    }

    /// Returns the items of a list, which may be missing or `null`.
    pub(crate) fn list(&self, param: &'static str) -> Result<impl Iterator<Item = Span<'t>> + use<'t>, RequestError> {
        let list = self.read(param, "an array", Span::array)?;
        Ok(list.into_iter().flat_map(Span::items))
    }
}

/// Reads the members of an object by `table`.
///
/// # Errors
/// [`RequestError`] if a member that decides something has a wrong type, or another member is spelled almost like it. Members read
/// by the gate are refused at places it does not read.
pub(crate) fn judge<'t>(object: Span<'t>, table: &'static Table) -> Result<(Fields<'t>, Judged), RequestError> {
    let mut fields = Fields::default();
    let mut judged = Judged::default();
    judged.members(object, table, &mut fields.0, 0)?;
    Ok((fields, judged))
}

// === impl Judged ===

impl Judged {
    fn object(&mut self, object: Span<'_>, table: &'static Table, depth: usize) -> Result<(), RequestError> {
        self.members(object, table, &mut Vec::new(), depth)
    }

    fn members<'t>(
        &mut self,
        object: Span<'t>,
        table: &'static Table,
        fields: &mut Vec<Field<'t>>,
        depth: usize,
    ) -> Result<(), RequestError> {
        for (key, value) in object.members() {
            let Some((name, class)) = table.find(&key) else {
                if let Some(like) = table.resembled(&key) {
                    return Err(RequestError::Ambiguous { param: like, like });
                }
                self.has_unknown = true;
                continue;
            };
            if matches!(class, Class::Harmless) {
                continue;
            }
            if fields.iter().any(|field| field.name == name) {
                return Err(RequestError::Invalid { param: name, expected: "spelled in one way only" });
            }
            self.member(name, class, value, depth)?;
            fields.push(Field { name, key, value });
        }
        Ok(())
    }

    fn member(&mut self, name: &'static str, class: Class, value: Span<'_>, depth: usize) -> Result<(), RequestError> {
        let invalid = |expected| RequestError::Invalid { param: name, expected };
        let nested = matches!(class, Class::Models | Class::Object(_) | Class::Within(_));
        if nested && depth == MAX_NESTED && !value.is_string() && !value.is_null() {
            return Err(invalid("nested less deeply"));
        }
        match class {
            Class::Read if depth == 0 || value.is_null() => Ok(()),
            Class::Read => Err(invalid("in its place; the gate reads this member at the top of the request only")),
            Class::Harmless => Ok(()),
            Class::Models => self.models(name, value, depth),
            Class::Limit | Class::ExactLimit => {
                let is_whole = |number: serde_json::Number| number.is_u64() || number.is_i64();
                let good = value.is_null() || value.number().is_some_and(is_whole);
                self.has_limit |= !value.is_null();
                if good { Ok(()) } else { Err(invalid("a whole number")) }
            }
            Class::Choices(most) => {
                let good = value.is_null() || value.count().is_some_and(|count| (1..=most).contains(&count));
                if good { Ok(()) } else { Err(invalid("a whole number above 0 within the limit of the gate")) }
            }
            Class::Runs(_) | Class::Switch(..) => {
                turned_on(class, value).map_or(Ok(()), |tool| self.runs.switch(name, tool))
            }
            Class::State => {
                self.state |= asks(value);
                Ok(())
            }
            Class::Object(table) => match (value.is_null(), value.object()) {
                (true, _) => Ok(()),
                (false, Some(object)) => self.object(object, table, depth + 1),
                (false, None) => Err(invalid("an object")),
            },
            Class::Within(_) if value.items().any(Span::is_array) => Err(invalid("free of lists in lists")),
            Class::Within(table) => value
                .object()
                .into_iter()
                .chain(value.items().filter_map(Span::object))
                .try_for_each(|object| self.object(object, table, depth + 1)),
        }
    }

    /// Reads names of models. Objects that name one may set other members of a request, which are judged too.
    fn models(&mut self, param: &'static str, value: Span<'_>, depth: usize) -> Result<(), RequestError> {
        if value.is_null() {
            return Ok(());
        }
        if value.is_array() {
            return value.items().try_for_each(|item| self.model_or_entry(param, item, depth));
        }
        self.model_or_entry(param, value, depth)
    }

    fn model_or_entry(&mut self, param: &'static str, item: Span<'_>, depth: usize) -> Result<(), RequestError> {
        let expected = "a name, or an array of names or of objects with a `model`";
        if let Some(name) = item.string() {
            return self.model(param, &name);
        }
        let object = item.object().ok_or(RequestError::Invalid { param, expected })?;
        if object.get("model").is_some_and(Span::is_string) {
            return self.object(object, &tables::FALLBACK, depth + 1);
        }
        if object.members().next().is_none() {
            return Err(RequestError::Invalid { param, expected });
        }
        // Routers map a model to its fallbacks.
        for (key, value) in object.members() {
            self.model(param, &key)?;
            let names = value.array().ok_or(RequestError::Invalid { param, expected })?;
            for name in names.items() {
                let name = name.string().ok_or(RequestError::Invalid { param, expected })?;
                self.model(param, &name)?;
            }
        }
        Ok(())
    }

    /// Notes a model, and the tools that its name makes the provider run: a router takes `m:online` for the model `m` with a search
    /// in the web, and `m@preset/p` for `m` with a stored set of members.
    pub(crate) fn model(&mut self, param: &'static str, name: &str) -> Result<(), RequestError> {
        self.suffix(param, name)?;
        self.models.add(param, name)
    }

    /// Notes a model that a tool of the provider names, as [`Judged::model`] does.
    pub(crate) fn model_of(&mut self, tool: &str, param: &'static str, name: &str) -> Result<(), RequestError> {
        self.suffix(param, name)?;
        self.runs.model(param, tool, name)
    }

    fn suffix(&mut self, param: &'static str, name: &str) -> Result<(), RequestError> {
        if name.contains(['@', ':']) {
            let lower = name.to_ascii_lowercase();
            if lower.split(['@', ':']).skip(1).any(|suffix| suffix == "online") {
                self.runs.fix(param, "web_search")?;
            }
            if lower.contains("@preset/") {
                self.runs.fix(param, "preset")?;
            }
        }
        Ok(())
    }
}

/// Returns false for `null`, `false` and empty lists and texts. An empty object can be a switch turned on.
pub(crate) fn asks(value: Span<'_>) -> bool {
    !(value.is_null()
        || value.bool() == Some(false)
        || value.bytes() == b"\"\""
        || value.is_array() && value.items().next().is_none())
}

/// Returns the tool of the provider that a member of this class turns on with this value.
pub(super) fn turned_on(class: Class, value: Span<'_>) -> Option<&'static str> {
    match class {
        Class::Runs(tool) => asks(value).then_some(tool),
        Class::Switch(tool, hints) => (asks(value) && !is_switched_off(value, hints)).then_some(tool),
        _ => None,
    }
}

/// Returns true for a value that means off, or an object whose hints all mean off. Servers read different hints, and some ignore
/// case.
fn is_switched_off(value: Span<'_>, hints: &[&str]) -> bool {
    const OFF: [&str; 4] = ["off", "none", "disabled", "never"];
    let says_off = |value: Span<'_>| {
        value.string().is_some_and(|word| OFF.contains(&word.as_ref())) || value.bool() == Some(false)
    };
    let mut hinted = value.members().filter(|(key, _)| hints.iter().any(|hint| folds_to(key, hint))).peekable();
    says_off(value) || hinted.peek().is_some() && hinted.all(|(_, value)| says_off(value))
}

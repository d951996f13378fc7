//! The meanings of strings, and their places in schemas and calls.
//!
//! A mark only narrows what a call may say. So no recorded value removes one, and a value may add one.

use callgate_contract::{Effects, MarkGuess, guess_marks};
use serde_json::{Value, json};

/// The maximum values that are looked at for one argument.
const VALUES: usize = 64;

/// Returns the marks that a tool's strings seem to need, each with its reason. `calls` are the arguments of its calls.
pub(super) fn marks(name: &str, effects: Effects, schema: &Value, calls: &[&Value]) -> Vec<MarkGuess> {
    let mut found = guess_marks(effects, schema);
    let is_marked = |found: &[MarkGuess], place: &str| {
        found.iter().any(|one| one.place == place || one.place.starts_with(&format!("{place}/")))
    };
    let strings = free_strings(schema);
    let alone = match strings.as_slice() {
        [alone] => Some(alone.as_str()),
        _ => None,
    };
    let bare = name.rsplit("__").next().unwrap_or(name);
    if let Some(alone) = alone.filter(|alone| !is_marked(&found, alone)) {
        let (value, because) = match bare {
            "apply_patch" => (Some(json!({ "patch": "codex" })), "the tool's name"),
            "exec" if alone == "/input" => (Some(json!("script")), "the tool's name; its input is free text"),
            "bash" | "shell" | "terminal" if alone == "/input" => {
                (Some(json!({ "command": { "shell": "bash" } })), "the tool's name")
            }
            _ => (None, ""),
        };
        found.extend(value.map(|value| mark(alone, value, because)));
    }
    for place in strings {
        if is_marked(&found, &place) || is_directory(&found, &place) {
            continue;
        }
        let values: Vec<String> = calls.iter().flat_map(|call| values_at(call, &place)).take(VALUES).collect();
        found
            .extend(of_values(&values, effects).map(|value| mark(&place, value, "all recorded values have this form")));
    }
    found
}

fn mark(place: &str, value: Value, because: &'static str) -> MarkGuess {
    MarkGuess { place: place.to_owned(), mark: value.to_string(), value, because }
}

/// Returns true for the directory of another mark.
fn is_directory(found: &[MarkGuess], place: &str) -> bool {
    found.iter().any(|one| one.value.to_string().contains(&format!(":{}", Value::from(place))))
}

/// Returns the places of top arguments that are strings without a list of values.
fn free_strings(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let is_free = |schema: &Value| {
        schema.get("enum").is_none()
            && schema.get("const").is_none()
            && match schema.get("type") {
                Some(Value::String(kind)) => kind == "string",
                Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
                _ => false,
            }
    };
    let free = properties.into_iter().flatten().filter(|(_, schema)| is_free(schema));
    free.map(|(name, _)| format!("/{}", escaped(name))).collect()
}

/// Returns the mark that all values have the form of.
fn of_values(values: &[String], effects: Effects) -> Option<Value> {
    let all = |test: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| test(value));
    let is_url = |value: &str| value.starts_with("https://") || value.starts_with("http://");
    let is_path =
        |value: &str| value.starts_with('/') && value.matches('/').count() > 1 && !value.contains(char::is_whitespace);
    if all(|value| value.trim_start().starts_with("*** Begin Patch")) {
        Some(json!({ "patch": "codex" }))
    } else if all(|value| value.starts_with("diff --git ")) {
        Some(json!({ "patch": "git" }))
    } else if all(is_url) {
        Some(json!("url"))
    } else if values.len() > 1 && all(is_path) {
        Some(json!({ "path": if effects == Effects::Read { "read" } else { "write" } }))
    } else {
        None
    }
}

/// Returns the strings of a call at a place, in which `*` is each item of a list.
pub(super) fn values_at(arguments: &Value, place: &str) -> Vec<String> {
    let mut at = vec![arguments];
    for step in place.split('/').skip(1) {
        let step = unescaped(step);
        at = match step.as_str() {
            "*" => at.into_iter().filter_map(Value::as_array).flatten().collect(),
            name => at.into_iter().filter_map(|value| value.get(name)).collect(),
        };
    }
    at.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Writes a mark into a schema. Returns false if the schema has no such string.
pub(super) fn insert(schema: &mut Value, mark: &MarkGuess) -> bool {
    let root = schema.clone();
    let mut at = schema;
    for step in mark.place.split('/').skip(1) {
        let step = unescaped(step);
        inline(&root, at);
        let Some(next) = (match step.as_str() {
            "*" => at.get_mut("items"),
            name => at.get_mut("properties").and_then(|named| named.get_mut(name)),
        }) else {
            return false;
        };
        at = next;
    }
    inline(&root, at);
    let Some(members) = at.as_object_mut() else { return false };
    members.insert("x-callgate".to_owned(), mark.value.clone());
    true
}

/// Replaces a reference by what it names, since a mark at the name would hold for other strings too.
fn inline(root: &Value, at: &mut Value) {
    let target = at.get("$ref").and_then(Value::as_str).and_then(|name| root.pointer(name.strip_prefix('#')?));
    if let Some(target) = target {
        *at = target.clone();
    }
}

/// Closes each object around a mark, so that nothing beside the marked strings is left to chance. A tool that was open may still be called
/// with a `description`, a text about the call that models add.
pub(super) fn close(schema: &mut Value, places: &[String]) {
    if places.is_empty() {
        return;
    }
    if let Some(members) = schema.as_object_mut().filter(|members| !members.contains_key("additionalProperties"))
        && let Some(named) = members.get_mut("properties").and_then(Value::as_object_mut)
    {
        named.entry("description").or_insert_with(|| json!({ "type": "string", "maxLength": 1000 }));
    }
    for place in places {
        let mut at = &mut *schema;
        for step in place.split('/').skip(1).map(unescaped) {
            if let Some(members) = at.as_object_mut().filter(|members| members.contains_key("properties")) {
                members.entry("additionalProperties").or_insert_with(|| false.into());
            }
            let next = match step.as_str() {
                "*" => at.get_mut("items"),
                name => at.get_mut("properties").and_then(|named| named.get_mut(name)),
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
    }
}

/// Returns true if a name in the schema says that its string has a meaning, and neither a mark nor a list of values judges it.
pub(super) fn has_unjudged(schema: &Value, marks: &[MarkGuess], depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return true };
    let is_named = |name: &str| {
        let alone = json!({ "properties": { name: { "type": "string" } } });
        !guess_marks(Effects::Write, &alone).is_empty()
    };
    let may_be_text = |schema: &Value| {
        let is_kind = |kind: &Value| kind == "string" || kind == "array";
        schema.get("enum").is_none()
            && schema.get("const").is_none()
            && match schema.get("type") {
                None => true,
                Some(Value::Array(kinds)) => kinds.iter().any(is_kind),
                Some(kind) => is_kind(kind),
            }
    };
    let has_mark = |schema: &Value| {
        let own = schema.get("x-callgate");
        let inside = schema.pointer("/items/x-callgate");
        // The items of a list may be objects, which are looked at by themselves.
        let items = schema.get("items").filter(|items| items.get("properties").is_some());
        own.or(inside).or(items).is_some()
    };
    match schema {
        Value::Object(members) => members.iter().any(|(key, value)| match value {
            Value::Object(named) if key == "properties" => named.iter().any(|(name, one)| {
                let is_base = is_directory(marks, &format!("/{}", escaped(name)));
                (is_named(name) && may_be_text(one) && !has_mark(one) && !is_base) || has_unjudged(one, marks, depth)
            }),
            // Text for people, and values.
            _ if matches!(key.as_str(), "x-callgate" | "enum" | "const" | "default" | "examples" | "required") => false,
            value => has_unjudged(value, marks, depth),
        }),
        Value::Array(items) => items.iter().any(|item| has_unjudged(item, marks, depth)),
        _ => false,
    }
}

/// Rewrites `anyOf` of one type and `null` as a list of types, in which a mark may stand.
pub(super) fn nullable(schema: &mut Value, depth: usize) {
    let (Some(depth), Value::Object(members)) = (depth.checked_sub(1), schema) else { return };
    let is_null = |one: &Value| one.get("type").is_some_and(|kind| kind == "null");
    if let Some(Value::Array(choices)) = members.get("anyOf")
        && let [one, other] = choices.as_slice()
        && (is_null(one) != is_null(other))
    {
        let kept = if is_null(one) { other } else { one };
        if let (Some(Value::String(kind)), Some(kept)) = (kept.get("type"), kept.as_object())
            && kept.keys().all(|key| !members.contains_key(key) || key == "description" || key == "title")
        {
            let kinds = json!([kind, "null"]);
            let kept = kept.clone();
            // `enum` would have to name null too.
            if !kept.contains_key("enum") && !kept.contains_key("const") {
                members.shift_remove("anyOf");
                kept.into_iter().for_each(|(key, value)| {
                    members.entry(key).or_insert(value);
                });
                members.insert("type".to_owned(), kinds);
            }
        }
    }
    for (key, value) in members {
        match value {
            Value::Object(named) if key == "properties" => named.values_mut().for_each(|one| nullable(one, depth)),
            value if key == "items" => nullable(value, depth),
            _ => {}
        }
    }
}

pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

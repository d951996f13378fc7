//! Rules that a tool lacks, as finished fields.

use callgate_json::Value;
use callgate_provenance::{Extent, ResultFormat};

use super::names::{self, Use};
use crate::keywords::local;
use crate::model::{Contract, Effects, Tool};

/// The maximum depth of fields in a result that are looked at.
const DEPTH: usize = 6;

/// Returns the rules that a tool lacks: a sentence, and the field in YAML.
pub(super) fn missing(contract: &Contract, tool: &Tool) -> Vec<(String, String)> {
    let arguments = arguments(tool);
    if tool.effects() == Effects::Read {
        let url = arguments.iter().find(|argument| names::is_url(&argument.name));
        return match url {
            Some(url) if tool.sources.egress.is_none() && !is_covered(tool, &url.pointer) => vec![(
                format!(
                    "`{}` is an address that the tool requests, so its arguments leave the organisation",
                    url.pointer
                ),
                "egress: true\n".to_owned(),
            )],
            _ => Vec::new(),
        };
    }
    let mut lines = String::new();
    for argument in arguments.iter().filter(|argument| !is_covered(tool, &argument.pointer)) {
        let rule = match names::use_of(&argument.name) {
            Some(Use::Target) => format!("{{ from: [{}], otherwise: approve }}", sources(contract, &argument.name)),
            Some(Use::Personal) => "{ from: [user], otherwise: approve }".to_owned(),
            _ if names::is_own_record(tool.name()) => "{ from: [user], otherwise: approve }".to_owned(),
            Some(Use::Title) if argument.is_text => "{ notFrom: [untrusted], otherwise: approve }".to_owned(),
            Some(Use::Title) | None => continue,
        };
        lines.push_str(&format!("  {}: {rule}\n", key(&argument.pointer)));
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let message = "these arguments decide whom it reaches or what it changes, and nothing says where they come from";
    vec![(message.to_owned(), format!("origin:\n{lines}"))]
}

/// An argument of a tool.
struct Argument {
    name: String,
    /// JSON Pointer; a list stands for its items.
    pointer: String,
    /// True for a string that may be any words.
    is_text: bool,
}

/// Returns the top arguments that are strings, numbers, or lists of them, and those of objects in them.
fn arguments(tool: &Tool) -> Vec<Argument> {
    let root = tool.parameters();
    let mut found = Vec::new();
    add_arguments(root, root, "", DEPTH, &mut found);
    found
}

fn add_arguments(root: &Value, schema: &Value, pointer: &str, depth: usize, found: &mut Vec<Argument>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let members = resolved(root, schema).get("properties").and_then(Value::as_object);
    for (name, member) in members.into_iter().flatten() {
        let member = resolved(root, member);
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let item = member.get("items").map_or(member, |items| resolved(root, items));
        if has_type(item, "object") {
            let inner = if has_type(member, "array") { format!("{pointer}/*") } else { pointer };
            add_arguments(root, item, &inner, depth, found);
        } else if item.get("enum").is_none() && item.get("const").is_none() && !has_type(item, "boolean") {
            found.push(Argument { name: name.clone(), pointer, is_text: has_type(member, "string") });
        }
    }
}

/// Returns the sources for an argument, as a list in YAML.
fn sources(contract: &Contract, argument: &str) -> String {
    let mut sources = vec!["user".to_owned()];
    for tool in contract.tools() {
        for (field, place) in fields(tool) {
            // Of a tool that writes, the id of the new record is honest; the rest may repeat its arguments.
            let is_source = tool.effects() == Effects::Read || names::is_id(&field);
            if is_source && names::are_alike(argument, &field, tool.name()) && !is_attributed(tool, &place) {
                sources.push(Value::from(format!("tool:{}{place}", tool.name())).to_string());
            }
        }
    }
    sources.join(", ")
}

/// Returns a pointer as a key of YAML, in quotes if it needs them.
fn key(pointer: &str) -> String {
    let is_plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '*' | '_' | '-' | '.' | '~' | '$');
    if pointer.chars().all(is_plain) { pointer.to_owned() } else { Value::from(pointer).to_string() }
}

/// Returns the names and places of the scalars of a tool's results: those of its schema and those that `output` trusts.
fn fields(tool: &Tool) -> Vec<(String, String)> {
    let output = &tool.sources.output;
    if matches!(output.format, None | Some(ResultFormat::Text | ResultFormat::Lines)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(schema) = tool.result() {
        add_fields(schema, schema, "#", "", DEPTH, &mut found);
    }
    if let Extent::Places(places) = &output.trusted {
        for place in places {
            let name = place.names().into_iter().rfind(|name| name != "*" && name != "{key}");
            let entry = (name.unwrap_or_default(), place.to_string());
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    found
}

fn add_fields(root: &Value, schema: &Value, place: &str, name: &str, depth: usize, found: &mut Vec<(String, String)>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let schema = resolved(root, schema);
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        for (name, member) in members {
            let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
            add_fields(root, member, &place, name, depth, found);
        }
    } else if let Some(items) = schema.get("items") {
        add_fields(root, items, &format!("{place}/*"), name, depth, found);
    } else if (has_type(schema, "string") || has_type(schema, "integer") || has_type(schema, "number"))
        && !name.is_empty()
    {
        found.push((name.to_owned(), place.to_owned()));
    }
}

fn is_attributed(tool: &Tool, place: &str) -> bool {
    match &tool.sources.output.attributed {
        Extent::Places(places) => places.iter().any(|attributed| attributed.to_string() == place),
        Extent::Everywhere => true,
        Extent::Nowhere => false,
    }
}

/// Returns true if a rule of `origin` covers the argument.
fn is_covered(tool: &Tool, pointer: &str) -> bool {
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    tool.sources.origins.iter().any(|rule| rule.place.is_above(&steps))
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    schema.get("$ref").and_then(Value::as_str).and_then(|name| local(root, name)).unwrap_or(schema)
}

fn has_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

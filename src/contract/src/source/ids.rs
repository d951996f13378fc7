//! References by `$id`, `$anchor` and absolute URI, written as `#/…`.
//!
//! A schema may name its parts: `$id` gives a part a URI, `$anchor` a name below the nearest URI, and `$ref` is resolved
//! against the nearest `$id` around it (JSON Schema 2020-12 Core, section 8.2). The walk here resolves all of them once:
//! it rewrites each reference as a JSON Pointer from the top and then drops the names. Later readers,
//! a model's API included, need to know pointers only.
//!
//! A relative reference without a named part stays unchanged: it is the path of a file. Nothing is ever fetched.
//!
//! Not rewritten: a schema with dynamic references, whose targets depend on who refers. Its anchors stay, and it may have
//! no `$id` below its top.

use std::collections::BTreeMap;

use jsonschema::{Draft, Uri, uri};

use super::node::{At, Data, MapEntry, Node, join};
use crate::error::Diagnostic;
use crate::keywords::{self, Holds};

/// The URI of a schema without one of its own.
const HERE: &str = "json-schema:///";
const DYNAMIC: [&str; 4] = ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"];

/// The anchors below the URI of a document, by name, with their pointers as fragments.
pub(crate) type Anchors = BTreeMap<String, String>;

/// Rewrites the references of one document at `pointer` in the contract.
pub(crate) fn resolve(document: &mut Node, draft: &str, pointer: &str, found: &mut Vec<Diagnostic>) -> Anchors {
    let Ok(here) = uri::from_str(HERE) else { return Anchors::new() };
    let draft = Draft::from_schema_uri(draft);
    let dynamic = is_dynamic(document);
    let mut names = SchemaUris { draft, dynamic, at: pointer, top: here.clone(), places: BTreeMap::new(), found };
    names.collect(document, "", &here);
    if dynamic {
        return Anchors::new();
    }
    let top = names.top.clone();
    names.rewrite(document, "", &here);
    let prefix = format!("{}#", top.as_str());
    let of_top = |(uri, place): (String, String)| Some((uri.strip_prefix(&prefix)?.to_owned(), fragment(&place)));
    names.places.into_iter().filter_map(of_top).collect()
}

/// The schemas in the value of a keyword, each with its place.
pub(crate) fn schemas<'n>(entry: &'n mut MapEntry, pointer: &str) -> Vec<(String, &'n mut Node)> {
    let place = join(pointer, &entry.key);
    match (keywords::holds(&entry.key), &entry.value.data) {
        (Holds::Data, _) => return Vec::new(),
        (Holds::Schemas, Data::Map(_)) => return vec![(place, &mut entry.value)],
        _ => {}
    }
    match &mut entry.value.data {
        Data::List(items) => {
            items.iter_mut().enumerate().map(|(index, item)| (format!("{place}/{index}"), item)).collect()
        }
        Data::Map(named) => named.iter_mut().map(|entry| (join(&place, &entry.key), &mut entry.value)).collect(),
        _ => Vec::new(),
    }
}

/// A pointer as the fragment of a URI (RFC 3986 section 3.5), without the `#`.
fn fragment(pointer: &str) -> String {
    let mut text = String::new();
    for byte in pointer.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn is_dynamic(node: &mut Node) -> bool {
    let Data::Map(entries) = &mut node.data else { return false };
    entries.iter_mut().any(|entry| {
        DYNAMIC.contains(&entry.key.as_str()) || schemas(entry, "").into_iter().any(|(_, schema)| is_dynamic(schema))
    })
}

struct SchemaUris<'a> {
    draft: Draft,
    dynamic: bool,
    /// The place of the document in the contract.
    at: &'a str,
    /// The URI of the document.
    top: Uri<String>,
    /// Pointers in the document by `URI` and by `URI#anchor`.
    places: BTreeMap<String, String>,
    found: &'a mut Vec<Diagnostic>,
}

// === impl SchemaUris ===

impl SchemaUris<'_> {
    fn id_keyword(&self) -> &'static str {
        if self.draft == Draft::Draft4 { "id" } else { "$id" }
    }

    /// The `$id` of a schema: its URI, if it gives one, and (up to draft 7) its anchor.
    fn id(&self, node: &Node) -> Option<(String, String)> {
        if self.draft <= Draft::Draft7 && node.get("$ref").is_some() {
            return None;
        }
        let (uri, anchor) = node.get(self.id_keyword())?.text().map(|id| id.split_once('#').unwrap_or((id, "")))?;
        Some((uri.to_owned(), anchor.to_owned()))
    }

    /// Returns a schema's own URI; `None` without one, an error if it is malformed.
    fn own_uri(&self, node: &Node, around: &Uri<String>) -> Option<Result<Uri<String>, ()>> {
        let (id, _) = self.id(node).filter(|(id, _)| !id.is_empty())?;
        Some(uri::resolve_against(&around.borrow(), &id).map_err(drop))
    }

    fn collect(&mut self, node: &mut Node, pointer: &str, around: &Uri<String>) {
        let keyword = self.id_keyword();
        let own = self.own_uri(node, around);
        let id = self.id(node);
        if matches!(own, Some(Err(()))) {
            self.fault(node.nearest(&join("", keyword)), &join(pointer, keyword), "expected a URI");
        }
        let own = own.and_then(Result::ok);
        let base = own.as_ref().unwrap_or(around).clone();
        if pointer.is_empty() {
            self.top = base.clone();
            self.places.insert(base.as_str().to_owned(), String::new());
        } else if own.is_some() {
            if self.dynamic {
                let message = "expected no `$id` below the top of a schema with dynamic references";
                self.fault(node.nearest("/$id"), &join(pointer, "$id"), message);
            }
            self.name(node, keyword, pointer, base.as_str().to_owned());
        }
        if let Some((_, anchor)) = id.filter(|(_, anchor)| !anchor.is_empty()) {
            self.name(node, keyword, pointer, format!("{}#{anchor}", base.as_str()));
        }
        if let Some(anchor) = node.get("$anchor").and_then(Node::text) {
            self.name(node, "$anchor", pointer, format!("{}#{anchor}", base.as_str()));
        }
        let Data::Map(entries) = &mut node.data else { return };
        for (place, schema) in entries.iter_mut().flat_map(|entry| schemas(entry, pointer)) {
            self.collect(schema, &place, &base);
        }
    }

    fn name(&mut self, node: &Node, keyword: &str, pointer: &str, uri: String) {
        if self.places.insert(uri, pointer.to_owned()).is_some() {
            let message = format!("expected each `{keyword}` once in a schema; it is there twice, rename one");
            self.fault(node.nearest(&join("", keyword)), &join(pointer, keyword), message);
        }
    }

    fn rewrite(&mut self, node: &mut Node, pointer: &str, around: &Uri<String>) {
        let base = self.own_uri(node, around).and_then(Result::ok).unwrap_or_else(|| around.clone());
        let id = self.id_keyword();
        let Data::Map(entries) = &mut node.data else { return };
        // The names are resolved. At the top, `$id` names the schema's origin.
        let is_name = |entry: &MapEntry| entry.key == "$anchor" || (entry.key == id && !pointer.is_empty());
        entries.retain(|entry| !is_name(entry) || entry.value.text().is_none());
        for entry in entries.iter_mut() {
            if entry.key == "$ref"
                && let Data::Text(reference) = &mut entry.value.data
                && let Some(rewritten) = self.reference(reference, &base, &entry.value.at, &join(pointer, "$ref"))
            {
                *reference = rewritten;
            }
            for (place, schema) in schemas(entry, pointer) {
                self.rewrite(schema, &place, &base);
            }
        }
    }

    /// The reference as `#/…`; `None` if it stays as it is, such as the path of a file.
    fn reference(&mut self, reference: &str, base: &Uri<String>, at: &At, pointer: &str) -> Option<String> {
        let (resource, part) = reference.split_once('#').unwrap_or((reference, ""));
        let is_pointer = part.is_empty() || part.starts_with('/');
        if resource.is_empty() && is_pointer && *base == self.top {
            return None;
        }
        let target = match resource {
            "" => base.clone(),
            _ => uri::resolve_against(&base.borrow(), resource).ok()?,
        };
        match self.places.get(target.as_str()) {
            Some(place) if is_pointer => Some(format!("#{}{part}", fragment(place))),
            Some(_) => match self.places.get(&format!("{}#{part}", target.as_str())) {
                Some(place) => Some(format!("#{}", fragment(place))),
                None => self.lost(at, pointer, format!("expected an anchor of this schema; it has no `{part}`")),
            },
            None if *base != self.top => {
                let message =
                    "expected a reference to a place in this schema; this one leads out of it, and nothing is fetched";
                self.lost(at, pointer, message)
            }
            None => None,
        }
    }

    /// Reports a reference without a target, and points it to the top to avoid a second report.
    fn lost(&mut self, at: &At, pointer: &str, message: impl Into<String>) -> Option<String> {
        self.fault(at, pointer, message);
        Some("#".to_owned())
    }

    fn fault(&mut self, at: &At, pointer: &str, message: impl Into<String>) {
        self.found.push(Diagnostic {
            file: at.file.to_string(),
            line: at.line,
            column: at.column,
            path: format!("{}{pointer}", self.at),
            message: message.into(),
        });
    }
}

//! `$ref` to files, inlined.
//!
//! A schema whose only entry is a reference to a file becomes that file. Any other reference to a file becomes a
//! reference into the schema's own `$defs`, which hold the file once. The file's own `#/…` references are rewritten to keep
//! their meaning. The result is one self-contained schema with only `#/…` references, the form
//! understood by every validator and every LLM API.
//!
//! References by `$id` and anchor are pointers by then; see [`super::ids`].
//!
//! Refused rather than guessed: absolute paths, paths out of the contract's folder, URLs, files that refer to each
//! other in a circle, and, in a file put into `$defs`, dynamic references and another draft than around it.

use std::collections::BTreeMap;

use super::ids::{self, Anchors};
use super::node::{At, Data, MapEntry, Node, join};
use super::{SchemaFiles, Unreadable};
use crate::error::Diagnostic;
use crate::paths;
use crate::read::sources::is_formatted;

/// Keywords forbidden in a file in `$defs`.
const FIXED: [&str; 7] = ["$id", "id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor"];
/// The default draft of a schema.
const DEFAULT_DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Inlines the files of every tool's `parameters` and `result`.
pub(crate) fn inline(document: &mut Node, contract: &str, files: &dyn SchemaFiles, found: &mut Vec<Diagnostic>) {
    let Some(Data::List(tools)) =
        document.get_mut("spec").and_then(|spec| spec.get_mut("tools")).map(|tools| &mut tools.data)
    else {
        return;
    };
    for (position, tool) in tools.iter_mut().enumerate() {
        for field in ["parameters", "result"] {
            let mut pointer = format!("/spec/tools/{position}/{field}");
            let mut schema = tool.get_mut(field);
            // A result may have its schema beside its format.
            if field == "result" && schema.as_deref().and_then(is_formatted) == Some(true) {
                schema = schema.and_then(|result| result.get_mut("schema"));
                pointer.push_str("/schema");
            }
            if let Some(schema) = schema {
                let draft = DEFAULT_DRAFT.to_owned();
                Inliner {
                    contract,
                    files,
                    found,
                    draft,
                    bundled: BTreeMap::new(),
                    definitions: Vec::new(),
                    anchors: BTreeMap::new(),
                }
                .root(schema, &pointer);
            }
        }
    }
}

struct Inliner<'a> {
    contract: &'a str,
    files: &'a dyn SchemaFiles,
    found: &'a mut Vec<Diagnostic>,
    draft: String,
    /// Path of each file in `$defs`, and its name there.
    bundled: BTreeMap<String, String>,
    definitions: Vec<MapEntry>,
    /// The anchors of each file in `$defs`, by its name there.
    anchors: BTreeMap<String, Anchors>,
}

/// The place of the walk.
struct Position<'p> {
    /// The file, relative to the contract's folder; empty for the contract itself.
    file: &'p str,
    /// The place of that file in the schema: its `#`, without the `#`.
    root: &'p str,
    /// Files on the way here, for circles.
    trail: &'p [String],
}

// === impl Inliner ===

impl Inliner<'_> {
    fn root(&mut self, schema: &mut Node, pointer: &str) {
        let mut trail: Vec<String> = Vec::new();
        while let Some(reference) = sole_file_reference(schema) {
            let from = trail.last().cloned().unwrap_or_default();
            let place = (schema.nearest("/$ref").clone(), join(pointer, "$ref"));
            let position = Position { file: &from, root: "", trail: &trail };
            let Some((path, node)) = self.load(&reference, &position, &place) else { return };
            trail.push(path);
            *schema = node;
        }
        if let Some(draft) = schema.get("$schema").and_then(Node::text) {
            self.draft = draft.to_owned();
        }
        ids::resolve(schema, &self.draft, pointer, self.found);
        let taken: Vec<String> = match schema.get("$defs").map(|defs| &defs.data) {
            Some(Data::Map(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        };
        for name in taken {
            // No path ends in `/`, so a name of the schema's own cannot be mistaken for a file.
            self.bundled.insert(format!("{name}/"), name);
        }
        let file = trail.last().cloned().unwrap_or_default();
        self.schema(schema, &Position { file: &file, root: "", trail: &trail }, pointer);
        self.add_definitions(schema);
    }

    fn add_definitions(&mut self, schema: &mut Node) {
        if self.definitions.is_empty() {
            return;
        }
        if schema.get("$defs").is_none()
            && let Data::Map(entries) = &mut schema.data
        {
            let value = Node { at: schema.at.clone(), data: Data::Map(Vec::new()) };
            entries.push(MapEntry { key: "$defs".to_owned(), at: schema.at.clone(), value });
        }
        if let Some(Data::Map(entries)) = schema.get_mut("$defs").map(|defs| &mut defs.data) {
            entries.append(&mut self.definitions);
        }
    }

    /// Rewrites the references of `node`, which is a schema, and of those in it.
    fn schema(&mut self, node: &mut Node, position: &Position<'_>, pointer: &str) {
        let Data::Map(entries) = &mut node.data else { return };
        let embedded = !position.root.is_empty();
        for entry in entries {
            let place = join(pointer, &entry.key);
            match (entry.key.as_str(), &mut entry.value.data) {
                (key, _) if embedded && FIXED.contains(&key) => {
                    let message =
                        format!("expected no `{key}` in a file that is referred to; use `#/$defs/…` references");
                    self.fault(&entry.at, &place, message);
                }
                ("$ref", Data::Text(reference)) => {
                    let place = (entry.value.at.clone(), place);
                    if let Some(rewritten) = self.reference(reference, position, &place) {
                        *reference = rewritten;
                    }
                }
                _ => {}
            }
            for (place, schema) in ids::schemas(entry, pointer) {
                self.schema(schema, position, &place);
            }
        }
    }

    fn reference(&mut self, reference: &str, position: &Position<'_>, place: &(At, String)) -> Option<String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if file.is_empty() {
            return (!position.root.is_empty()).then(|| format!("#{}{fragment}", position.root));
        }
        let name = self.bundle(file, position, place)?;
        if fragment.is_empty() || fragment.starts_with('/') {
            return Some(format!("#/$defs/{name}{fragment}"));
        }
        let anchored = self.anchors.get(&name).and_then(|anchors| anchors.get(fragment));
        let rewritten = anchored.map(|pointer| format!("#/$defs/{name}{pointer}"));
        if rewritten.is_none() {
            self.fault(&place.0, &place.1, format!("expected an anchor of `{file}`; it has no `{fragment}`"));
        }
        rewritten
    }

    /// Puts the file into `$defs`, unless it is there, and gives its name.
    fn bundle(&mut self, file: &str, position: &Position<'_>, place: &(At, String)) -> Option<String> {
        let (path, mut node) = self.load(file, position, place)?;
        if let Some(name) = self.bundled.get(&path) {
            return Some(name.clone());
        }
        let name = self.free_name(&path);
        self.bundled.insert(path.clone(), name.clone());
        let pointer = format!("{}/$defs/{name}", schema_of(&place.1));
        let anchors = ids::resolve(&mut node, &self.draft, &pointer, self.found);
        self.anchors.insert(name.clone(), anchors);
        self.drop_header(&mut node, &pointer);
        let mut trail = position.trail.to_vec();
        trail.push(path.clone());
        let root = format!("/$defs/{name}");
        self.schema(&mut node, &Position { file: &path, root: &root, trail: &trail }, &pointer);
        self.definitions.push(MapEntry { key: name.clone(), at: node.at.clone(), value: node });
        Some(name)
    }

    /// `$schema` and `$id` at the top of a file say nothing new once it is part of another schema of the same draft.
    fn drop_header(&mut self, node: &mut Node, pointer: &str) {
        let draft = node.get("$schema").map(|draft| (draft.at.clone(), draft.text().unwrap_or_default().to_owned()));
        if let Some((at, draft)) = draft
            && draft.trim_end_matches('#') != self.draft.trim_end_matches('#')
        {
            let message = format!("expected the draft of the schema that refers to this file, `{}`", self.draft);
            self.fault(&at, &join(pointer, "$schema"), message);
        }
        if let Data::Map(entries) = &mut node.data {
            entries.retain(|entry| entry.key != "$schema" && entry.key != "$id");
        }
    }

    fn free_name(&self, path: &str) -> String {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file.split('.').next().unwrap_or(file);
        let stem: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let stem = if stem.is_empty() { "schema".to_owned() } else { stem };
        let is_free = |name: &String| !self.bundled.values().any(|taken| taken == name);
        let numbered = (2_u32..).map(|n| format!("{stem}_{n}"));
        std::iter::once(stem.clone()).chain(numbered).find(is_free).unwrap_or(stem)
    }

    fn load(&mut self, reference: &str, position: &Position<'_>, place: &(At, String)) -> Option<(String, Node)> {
        if is_url(reference) {
            self.fault(
                &place.0,
                &place.1,
                "expected a place in this schema or a file beside the contract; nothing is fetched",
            );
            return None;
        }
        if reference.contains(['?', '%']) {
            self.fault(&place.0, &place.1, "expected a file's plain name, with no query and no `%` in it");
            return None;
        }
        let path = match paths::inside(position.file, reference) {
            Ok(path) => path,
            Err(message) => {
                self.fault(&place.0, &place.1, message);
                return None;
            }
        };
        if position.trail.contains(&path) {
            let circle = [position.trail, std::slice::from_ref(&path)].concat().join("` → `");
            let message = format!(
                "expected files that do not refer to each other in a circle: `{circle}`; inside one file, `#` refers to itself"
            );
            self.fault(&place.0, &place.1, message);
            return None;
        }
        match self.files.tree(self.contract, &path) {
            Ok(node) => return Some((path, node)),
            Err(Unreadable::NoText(error)) => {
                self.fault(&place.0, &place.1, format!("cannot read `{path}`: {error}"));
            }
            Err(Unreadable::Malformed(faults)) => {
                self.found.extend(faults.into_iter().map(|fault| Diagnostic { path: place.1.clone(), ..fault }));
            }
        }
        None
    }

    fn fault(&mut self, at: &At, pointer: &str, message: impl Into<String>) {
        self.found.push(Diagnostic {
            file: at.file.to_string(),
            line: at.line,
            column: at.column,
            path: pointer.to_owned(),
            message: message.into(),
        });
    }
}

/// The `/spec/tools/0/parameters` with which a pointer begins.
pub(crate) fn schema_of(pointer: &str) -> &str {
    match pointer.match_indices('/').nth(4) {
        Some((end, _)) => pointer.get(..end).unwrap_or(pointer),
        None => pointer,
    }
}

/// Returns the file of a schema with nothing but `{ $ref: "file" }`.
fn sole_file_reference(schema: &Node) -> Option<String> {
    let Data::Map(entries) = &schema.data else { return None };
    let [entry] = entries.as_slice() else { return None };
    let reference = entry.value.text()?;
    let file = reference.strip_suffix('#').unwrap_or(reference);
    (entry.key == "$ref" && !file.is_empty() && !file.contains('#')).then(|| file.to_owned())
}

/// Returns true if it begins with a scheme (RFC 3986 section 3.1) or with `//`.
fn is_url(reference: &str) -> bool {
    let is_scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    reference.starts_with("//") || reference.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}
